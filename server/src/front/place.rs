//! A connection's place among those that may be connected: from its arrival, by what lets it in, to its end.
//!
//! How many places there are, and which are taken, belongs to [`super::crowd`].

use super::crowd::{Crowd, Guest, Member};
use super::shares::{Claim, Credential};
use crate::access::{Grant, Role, Via, neighbourhood};
use crate::session::Viewer;
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A connection's place. Its drop gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    id: u64,
    /// What let the connection in, where it was.
    grant: Mutex<Option<Grant>>,
    admitted: Notify,
    /// Cancelled when the place goes to another connection.
    pub leave: CancellationToken,
}

/// A request that is being answered. Connections without one are evicted first.
#[derive(Debug)]
pub(super) struct Busy(Arc<Place>);

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error(
        "all {0} connections that this server takes are in use{1}: close some, or start it with more --max-connections"
    )]
    Connections(usize, Own),
    #[error(
        "all {0} viewers that this server takes are looking{1}: close one, or start it with more --max-viewers"
    )]
    Viewers(usize, Own),
    #[error(
        "all {0} connections that one address may have are in use: close some, or start it with more --max-per-address"
    )]
    Address(usize),
    #[error("this connection's place went to another one")]
    Evicted,
}

/// What the newcomer has of the places that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// With the same key or ticket, where any is needed.
    pub credential: Option<usize>,
    /// Of these, from the same address.
    pub address: usize,
}

impl Display for Own {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let address = self.address;
        match self.credential {
            Some(credential) => write!(
                formatter,
                ", {credential} of them with the same key or ticket as you, and {address} of those from your address"
            ),
            None => write!(formatter, ", {address} of them from your address"),
        }
    }
}

impl Claim {
    fn new(grant: &Grant, address: IpAddr) -> Self {
        Self {
            is_admin: grant.role == Role::Admin,
            credential: Credential {
                key: grant.credential().map(Into::into),
                is_ticket: grant.via == Via::Ticket,
            },
            address: neighbourhood(address),
        }
    }
}

/// So long one may stay without having been let in: to sign in, and to load the page for it.
const STAY: Duration = Duration::from_secs(60);

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// It was not let in, or its place went to another one.
    Evicted,
    /// What let it in is over.
    SignedOut,
}

impl Place {
    /// That of a guest who has just arrived.
    pub fn new(crowd: Crowd, id: u64, leave: CancellationToken) -> Self {
        Self {
            crowd,
            id,
            grant: Mutex::default(),
            admitted: Notify::new(),
            leave,
        }
    }

    /// A proxy's connection is used by a client of that address now.
    pub fn used_by(&self, address: IpAddr) {
        let mut inside = self.crowd.inside();
        if let Some(guest) = inside.remove_guest(self.id) {
            let address = neighbourhood(address);
            inside.add(self.id, Guest { address, ..guest });
        }
    }

    /// A request begins. It ends with the drop of what is returned.
    pub fn begin(self: &Arc<Self>) -> Busy {
        self.requests(|requests| requests + 1);
        Busy(Arc::clone(self))
    }

    fn requests(&self, change: impl Fn(usize) -> usize) {
        let mut inside = self.crowd.inside();
        let now = inside.tick();
        if let Some(guest) = inside.guests.get_mut(&self.id) {
            guest.requests = change(guest.requests);
            guest.active = now;
        } else if let Some(member) = inside.members.get_mut(&self.id) {
            member.requests = change(member.requests);
        }
    }

    /// A request on this connection was let in. The place is counted under it until the next one.
    pub fn admit(&self, grant: &Grant, address: IpAddr) -> Result<(), Full> {
        let limits = self.crowd.limits();
        let claim = Claim::new(grant, address);
        let mut inside = self.crowd.inside();
        if let Some(member) = inside.members.get_mut(&self.id) {
            member.claim = claim;
        } else {
            if !inside.guests.contains_key(&self.id) {
                return Err(Full::Evicted);
            }
            // The guest is one of them.
            if inside.at(claim.address) > limits.per_address {
                return Err(Full::Address(limits.per_address));
            }
            self.crowd
                .displace(&mut inside, &claim, limits.members, |_| true)
                .map_err(|own| Full::Connections(limits.members, own))?;
            if let Some(guest) = inside.remove_guest(self.id) {
                let member = Member {
                    claim,
                    requests: guest.requests,
                    viewer: None,
                    leave: guest.leave,
                };
                inside.members.insert(self.id, member);
            }
        }
        drop(inside);
        *self.grant() = Some(grant.clone());
        self.admitted.notify_one();
        Ok(())
    }

    /// The connection is a viewer's from now on.
    pub fn look(&self, viewer: Arc<Viewer>) -> Result<(), Full> {
        let most = self.crowd.limits().viewers;
        let mut inside = self.crowd.inside();
        let own = inside.members.get(&self.id).ok_or(Full::Evicted)?;
        let claim = own.claim.clone();
        self.crowd
            .displace(&mut inside, &claim, most, Member::is_viewer)
            .map_err(|own| Full::Viewers(most, own))?;
        if let Some(member) = inside.members.get_mut(&self.id) {
            member.viewer = Some(viewer);
        }
        Ok(())
    }

    /// Whether it could be.
    pub fn may_look(&self) -> Result<(), Full> {
        let most = self.crowd.limits().viewers;
        let inside = self.crowd.inside();
        let own = inside.members.get(&self.id).ok_or(Full::Evicted)?;
        let loser = inside.loser(&own.claim, most, Member::is_viewer);
        loser.map(drop).map_err(|own| Full::Viewers(most, own))
    }

    /// Done when the connection has to end: it was not let in, its place went to another one, or what let it in is over.
    pub async fn over(&self) -> Over {
        let mut stay = pin!(sleep(STAY));
        loop {
            let grant = self.grant().clone();
            let stranger = grant.is_none();
            let ended = async {
                match grant {
                    Some(grant) => grant.over().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.leave.cancelled() => return Over::Evicted,
                () = ended => return Over::SignedOut,
                () = &mut stay, if stranger => return Over::Evicted,
                () = self.admitted.notified() => {}
            }
        }
    }

    fn grant(&self) -> MutexGuard<'_, Option<Grant>> {
        self.grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.requests(|requests| requests - 1);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        if inside.remove_guest(self.id).is_none() {
            inside.members.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Access;
    use crate::front::crowd::Limits;
    use crate::session::Roster;
    use std::sync::Barrier;

    const LIMITS: Limits = Limits {
        members: 3,
        per_address: 20,
        guests: 40,
        viewers: 1,
    };

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn enter(crowd: &Crowd, number: u8) -> Arc<Place> {
        crowd.enter(address(number), false).unwrap().into()
    }

    fn viewer() -> Arc<Viewer> {
        Roster::default().viewer((address(1), 1).into(), "0", "jpeg")
    }

    async fn grant() -> Grant {
        Access::open().judge(&[], address(0)).await.unwrap()
    }

    fn staying(places: &[Arc<Place>]) -> usize {
        let staying = places.iter().filter(|place| !place.leave.is_cancelled());
        staying.count()
    }

    #[tokio::test]
    async fn one_address_has_few_places_where_it_is_to_and_others_have_theirs() {
        let crowd = Crowd::new(LIMITS);
        let taken: Vec<_> = (0..50).map(|_| enter(&crowd, 1)).collect();
        assert_eq!(staying(&taken), LIMITS.per_address);
        assert!(!taken[49].leave.is_cancelled(), "the newest had to go");
        let other = enter(&crowd, 2);
        other.admit(&grant().await, address(2)).unwrap();
        assert_eq!(crowd.connections(), (1, LIMITS.per_address));
        drop((taken, other));
        assert_eq!(crowd.connections(), (0, 0));

        let proxied: Vec<_> = (0..30)
            .map(|_| Arc::new(crowd.enter(address(1), true).unwrap()))
            .collect();
        assert_eq!(staying(&proxied), 30);
        for place in &proxied {
            place.used_by(address(7));
        }
        let full = proxied[0].admit(&grant().await, address(7));
        assert_eq!(full, Err(Full::Address(LIMITS.per_address)));
    }

    #[tokio::test]
    async fn a_flood_of_strangers_pushes_its_own_out_and_nobody_who_was_let_in() {
        let crowd = Crowd::new(LIMITS);
        let owner = enter(&crowd, 1);
        owner.admit(&grant().await, address(1)).unwrap();
        let newcomer = enter(&crowd, 2);
        let flood: Vec<_> = (0..200)
            .map(|number| enter(&crowd, 10 + number % 3))
            .collect();
        assert_eq!(crowd.connections(), (1, LIMITS.guests));
        assert!(!owner.leave.is_cancelled() && !newcomer.leave.is_cancelled());
        assert!(staying(&flood) < LIMITS.guests);
        newcomer.admit(&grant().await, address(2)).unwrap();
        drop((flood, owner, newcomer));
        assert_eq!(crowd.connections(), (0, 0));
    }

    #[test]
    fn strangers_behind_a_proxy_count_under_their_own_addresses() {
        let crowd = Crowd::new(Limits {
            guests: 4,
            ..LIMITS
        });
        let proxied: Vec<_> = [1, 2, 2, 3]
            .map(|number| {
                let place = Arc::new(crowd.enter(address(9), true).unwrap());
                place.used_by(address(number));
                place
            })
            .into();
        let _fifth = crowd.enter(address(9), true).unwrap();
        let gone: Vec<_> = proxied
            .iter()
            .map(|place| place.leave.is_cancelled())
            .collect();
        assert_eq!(gone, [false, true, false, false]);
    }

    #[test]
    fn of_strangers_those_whose_request_is_answered_stay() {
        let crowd = Crowd::new(Limits {
            guests: 3,
            ..LIMITS
        });
        let places: Vec<_> = (0..3).map(|_| enter(&crowd, 1)).collect();
        let busy = places[0].begin();
        let _fourth = enter(&crowd, 1);
        assert!(places[1].leave.is_cancelled());
        drop(busy);
        // The first one has been idle for a shorter time than the third.
        let _fifth = enter(&crowd, 1);
        assert!(!places[0].leave.is_cancelled() && places[2].leave.is_cancelled());
    }

    #[tokio::test]
    async fn those_that_were_let_in_have_a_limit_too_and_share_it() {
        let crowd = Crowd::new(LIMITS);
        let grant = grant().await;
        let places: Vec<_> = (0..4).map(|_| enter(&crowd, 1)).collect();
        let admitted: Vec<_> = places
            .iter()
            .map(|place| place.admit(&grant, address(1)))
            .collect();
        let own = Own {
            credential: None,
            address: 3,
        };
        assert_eq!(
            admitted,
            [Ok(()), Ok(()), Ok(()), Err(Full::Connections(3, own))]
        );
        places[0].admit(&grant, address(1)).unwrap();
        assert_eq!(crowd.connections(), (3, 1));
        // Of the three, one is busy, and the newest of the others goes.
        let busy = places[2].begin();
        let other = enter(&crowd, 2);
        other.admit(&grant, address(2)).unwrap();
        assert_eq!(crowd.connections(), (3, 1));
        assert!(places[1].leave.is_cancelled());
        assert_eq!(places[1].admit(&grant, address(1)), Err(Full::Evicted));
        drop((places, other, busy));
        assert_eq!(crowd.connections(), (0, 0));
    }

    #[tokio::test]
    async fn of_many_that_come_at_once_no_more_look_than_may() {
        const MOST: usize = 5;
        let crowd = Crowd::new(Limits {
            members: 100,
            viewers: MOST,
            ..LIMITS
        });
        let (grant, together) = (grant().await, Barrier::new(16));
        let places: Vec<_> = (0..16).map(|_| enter(&crowd, 1)).collect();
        let looking = std::thread::scope(|scope| {
            let look = |place: &Arc<Place>| {
                together.wait();
                place.admit(&grant, address(1)).unwrap();
                place.look(viewer()).is_ok()
            };
            let coming: Vec<_> = places
                .iter()
                .map(|place| scope.spawn(move || look(place)))
                .collect();
            let came = coming.into_iter().map(|thread| thread.join().unwrap());
            came.filter(|looks| *looks).count()
        });
        assert_eq!((looking, staying(&places)), (MOST, 16));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_has_a_minute_and_who_was_let_in_stays() {
        let crowd = Crowd::new(LIMITS);
        let began = tokio::time::Instant::now();
        assert_eq!(enter(&crowd, 1).over().await, Over::Evicted);
        assert_eq!(began.elapsed(), STAY);
        let member = enter(&crowd, 1);
        let over = member.over();
        tokio::pin!(over);
        assert!(tokio::time::timeout(STAY / 2, &mut over).await.is_err());
        member.admit(&grant().await, address(1)).unwrap();
        assert!(tokio::time::timeout(STAY * 60, &mut over).await.is_err());
        member.leave.cancel();
        assert_eq!(over.await, Over::Evicted);
    }
}

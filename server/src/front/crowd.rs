//! How many may be connected: in all, from one address, and without having shown that they may look.
//!
//! Those who were let in have places of their own, so that a flood of strangers cannot lock the owner out.

use crate::access::neighbourhood;
use crate::folded::{Came, Comings, Folded};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How many may be connected.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections of those who were let in.
    pub members: usize,
    /// Connections from one address, of either kind.
    pub per_address: usize,
    /// Connections of those who were not let in, or not yet.
    pub guests: usize,
    /// Viewers, of whatever kind.
    pub viewers: usize,
}

/// Connections from one address of those who were not let in yet. Browsers open six for a page's files.
const GUESTS_PER_ADDRESS: usize = 16;

/// Everybody who is connected. Clones share it.
#[derive(Clone, Debug)]
pub struct Crowd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    inside: Mutex<Inside>,
    turned_away: Folded,
    shown_out: Folded,
    comings: Comings,
    not_accepted: Folded,
}

#[derive(Debug, Default)]
struct Inside {
    next: u64,
    members: usize,
    /// By order of arrival.
    guests: BTreeMap<u64, Guest>,
    addresses: HashMap<IpAddr, Count>,
}

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    leave: CancellationToken,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    guests: usize,
    members: usize,
}

/// A connection's place. Its drop gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    id: u64,
    address: IpAddr,
    /// Cancelled when the place goes to somebody else.
    pub leave: CancellationToken,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "all {0} connections that this server takes are in use: close some, or start it with more --max-connections"
)]
pub(super) struct Full(usize);

impl Crowd {
    /// Nobody yet.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            limits,
            inside: Mutex::default(),
            turned_away: Folded::new(),
            shown_out: Folded::new(),
            comings: Comings::new(),
            not_accepted: Folded::new(),
        }))
    }

    /// Writes into the log that somebody came on a WebSocket.
    pub(super) fn came(&self) -> Came {
        self.0.comings.came()
    }

    /// A place for a new connection. Where strangers have them all, or all that an address may have, the oldest of them
    /// gives one up: of that address, or of the one that has most. `proxy` may speak for many, so that its address doesn't count.
    pub(super) fn enter(&self, address: IpAddr, proxy: bool) -> Option<Place> {
        let limits = self.0.limits;
        let address = neighbourhood(address);
        let mut inside = self.inside();
        let count = inside.addresses.get(&address).copied().unwrap_or_default();
        let crowded = count.guests >= GUESTS_PER_ADDRESS.min(limits.guests)
            || count.guests + count.members >= limits.per_address;
        if crowded && !proxy {
            if count.guests == 0 {
                drop(inside);
                if let Some(times) = self.0.turned_away.again() {
                    tracing::warn!(%address, times, "too many connections from one address");
                }
                return None;
            }
            // Whoever comes now may be the one who belongs here.
            inside.show_one_out(|guest| guest.address == address);
            if let Some(times) = self.0.shown_out.again() {
                tracing::warn!(%address, times, "too many strangers from one address: the oldest goes");
            }
        } else if inside.guests.len() >= limits.guests {
            inside.show_one_of_most_out();
            if let Some(times) = self.0.shown_out.again() {
                tracing::warn!(times, "too many strangers: the oldest goes");
            }
        }
        let id = inside.next;
        inside.next += 1;
        let leave = CancellationToken::new();
        inside.guests.insert(
            id,
            Guest {
                address,
                leave: leave.clone(),
            },
        );
        inside.addresses.entry(address).or_default().guests += 1;
        drop(inside);
        Some(Place {
            crowd: self.clone(),
            id,
            address,
            leave,
        })
    }

    /// The system gives no further descriptor: the oldest stranger of the address that has most gives one up. Tells whether
    /// there was any.
    pub(super) fn make_room(&self) -> bool {
        self.inside().show_one_of_most_out()
    }

    /// A connection could not be accepted: how often so far, where that is worth a line.
    pub(super) fn not_accepted(&self) -> Option<u64> {
        self.0.not_accepted.again()
    }

    /// How often a connection could not be accepted so far.
    pub(super) fn failed(&self) -> u64 {
        self.0.not_accepted.times()
    }

    /// How many viewers may look at once.
    pub(super) fn viewers(&self) -> usize {
        self.0.limits.viewers
    }

    /// Connections now: of those who were let in, and of others.
    pub(super) fn connections(&self) -> (usize, usize) {
        let inside = self.inside();
        (inside.members, inside.guests.len())
    }

    /// Connections so far that got no place, or lost it.
    pub(super) fn refused(&self) -> u64 {
        self.0.turned_away.times() + self.0.shown_out.times()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Ends the oldest such guest; tells whether there was one.
    fn show_one_out(&mut self, such: impl Fn(&Guest) -> bool) -> bool {
        let oldest = self.guests.iter().find(|(_, guest)| such(guest));
        let gone = oldest
            .map(|(id, _)| *id)
            .and_then(|id| self.guests.remove(&id));
        if let Some(guest) = &gone {
            guest.leave.cancel();
            self.left(guest.address, |count| count.guests -= 1);
        }
        gone.is_some()
    }

    /// Ends the oldest guest of those whose address has most.
    fn show_one_of_most_out(&mut self) -> bool {
        let most = self.addresses.values().map(|count| count.guests).max();
        let most: Vec<_> = self
            .addresses
            .iter()
            .filter(|(_, count)| Some(count.guests) == most)
            .map(|(address, _)| *address)
            .collect();
        self.show_one_out(|guest| most.contains(&guest.address))
    }

    fn left(&mut self, address: IpAddr, change: impl FnOnce(&mut Count)) {
        if let Some(count) = self.addresses.get_mut(&address) {
            change(count);
            if count.guests + count.members == 0 {
                self.addresses.remove(&address);
            }
        }
    }
}

impl Place {
    /// Whoever has the place was let in.
    pub fn admit(&self) -> Result<(), Full> {
        let most = self.crowd.0.limits.members;
        let mut inside = self.crowd.inside();
        if !inside.guests.contains_key(&self.id) {
            // Let in before, or shown out just now, which the connection is about to notice.
            return if self.leave.is_cancelled() {
                Err(Full(most))
            } else {
                Ok(())
            };
        }
        if inside.members >= most {
            return Err(Full(most));
        }
        inside.guests.remove(&self.id);
        inside.members += 1;
        if let Some(count) = inside.addresses.get_mut(&self.address) {
            count.guests -= 1;
            count.members += 1;
        }
        Ok(())
    }
}

/// So long one may stay without having been let in: to sign in, and to load the page for it.
const STAY: Duration = Duration::from_secs(60);

impl Place {
    /// Done when whoever has the place has to leave it.
    pub async fn over(&self) {
        if self.leave.run_until_cancelled(sleep(STAY)).await.is_some() {
            let stranger = self.crowd.inside().guests.contains_key(&self.id);
            if !stranger {
                // Only the place of a stranger can go to others.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        if inside.guests.remove(&self.id).is_some() {
            inside.left(self.address, |count| count.guests -= 1);
        } else if !self.leave.is_cancelled() {
            inside.members -= 1;
            inside.left(self.address, |count| count.members -= 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        members: 3,
        per_address: 20,
        guests: 40,
        viewers: 1,
    };

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    #[test]
    fn one_address_has_few_places_and_others_have_theirs() {
        let crowd = Crowd::new(LIMITS);
        let taken: Vec<_> = (0..50)
            .filter_map(|_| crowd.enter(address(1), false))
            .collect();
        let staying = taken.iter().filter(|place| !place.leave.is_cancelled());
        assert_eq!(staying.count(), GUESTS_PER_ADDRESS);
        assert!(!taken[49].leave.is_cancelled(), "the newest had to go");
        let other = crowd.enter(address(2), false).unwrap();
        other.admit().unwrap();
        assert_eq!(crowd.connections(), (1, GUESTS_PER_ADDRESS));
        drop((taken, other));
        assert_eq!(crowd.connections(), (0, 0));
        assert!(crowd.inside().addresses.is_empty());
        let proxied: Vec<_> = (0..30)
            .filter_map(|_| crowd.enter(address(1), true))
            .collect();
        assert_eq!(proxied.len(), 30);
    }

    #[test]
    fn a_flood_of_strangers_pushes_its_own_out_and_nobody_who_was_let_in() {
        let crowd = Crowd::new(LIMITS);
        let owner = crowd.enter(address(1), false).unwrap();
        owner.admit().unwrap();
        let newcomer = crowd.enter(address(2), false).unwrap();
        let flood: Vec<_> = (0..200)
            .filter_map(|number| crowd.enter(address(10 + number % 3), false))
            .collect();
        assert_eq!(crowd.connections(), (1, LIMITS.guests));
        assert!(!owner.leave.is_cancelled() && !newcomer.leave.is_cancelled());
        assert!(flood.iter().any(|place| place.leave.is_cancelled()));
        newcomer.admit().unwrap();
        drop((flood, owner, newcomer));
        assert_eq!(crowd.connections(), (0, 0));
        assert!(crowd.inside().addresses.is_empty());
    }

    #[test]
    fn those_who_may_look_have_a_limit_too() {
        let crowd = Crowd::new(LIMITS);
        let places: Vec<_> = (0..4)
            .map(|_| crowd.enter(address(1), false).unwrap())
            .collect();
        let admitted: Vec<_> = places.iter().map(Place::admit).collect();
        assert_eq!(admitted, [Ok(()), Ok(()), Ok(()), Err(Full(3))]);
        places[0].admit().unwrap();
        assert_eq!(crowd.connections(), (3, 1));
    }
}

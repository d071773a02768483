//! A connection's place among those that may be connected: from its arrival, by what lets it in, to its end.
//!
//! How many places there are, and which are taken, belongs to [`super::crowd`].

use super::crowd::{Crowd, Guest, Member};
use super::shares::{Claim, Credential, Own};
use crate::access::{Grant, Role, Via, neighbourhood};
use crate::session::Viewer;
use pistreamer_protocol::message::Cause;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// As many connections as may be.
    Connections(usize, Own),
    /// As many viewers as may be.
    Viewers(usize, Own),
    /// As many connections from one address as may be.
    Address(usize),
    /// The place went to another connection.
    Evicted,
}

impl Full {
    /// What the client is told.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Connections(most, own) => {
                let (most, address) = (most as u64, own.address as u64);
                match own.credential.map(|of_key| of_key as u64) {
                    Some(credential) => Cause::AllConnectionsOfKey {
                        most,
                        credential,
                        address,
                    },
                    None => Cause::AllConnections { most, address },
                }
            }
            Self::Viewers(most, own) => {
                let (most, address) = (most as u64, own.address as u64);
                match own.credential.map(|of_key| of_key as u64) {
                    Some(credential) => Cause::AllViewersOfKey {
                        most,
                        credential,
                        address,
                    },
                    None => Cause::AllViewers { most, address },
                }
            }
            Self::Address(most) => Cause::AllOfAddress { most: most as u64 },
            Self::Evicted => Cause::Evicted,
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

/// How long a connection may stay without a credential: to sign in, and to load the page for it.
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
    /// A guest's place for a new connection. Where guests have them all, one of the address that has most of them is
    /// evicted. `proxy` may speak for many, so that its own address has no limit.
    pub(super) fn enter(crowd: &Crowd, address: IpAddr, proxy: bool) -> Self {
        let (id, leave) = crowd.enter(address, proxy);
        Self {
            crowd: crowd.clone(),
            id,
            grant: Mutex::default(),
            admitted: Notify::new(),
            leave,
        }
    }

    /// A proxy's connection is used by a client of that address now.
    pub(super) fn used_by(&self, address: IpAddr) {
        let mut inside = self.crowd.inside();
        if let Some(guest) = inside.remove_guest(self.id) {
            let address = neighbourhood(address);
            inside.add(self.id, Guest { address, ..guest });
        }
    }

    /// A request begins. It ends with the drop of what is returned.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
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
    pub(super) fn admit(&self, grant: &Grant, address: IpAddr) -> Result<(), Full> {
        let limits = self.crowd.limits();
        let claim = Claim::new(grant, address);
        let mut inside = self.crowd.inside();
        if let Some(member) = inside.members.get_mut(&self.id) {
            member.claim = claim;
        } else {
            if !inside.guests.contains_key(&self.id) {
                return Err(Full::Evicted);
            }
            // Shared as all are, so that others behind the owner's address do not keep the owner out.
            let near = |member: &Member| member.claim.address == claim.address;
            self.crowd
                .displace(&mut inside, &claim, limits.per_address, near)
                .map_err(|_| Full::Address(limits.per_address))?;
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
    pub(super) fn look(&self, viewer: Arc<Viewer>) -> Result<(), Full> {
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
    pub(super) fn may_look(&self) -> Result<(), Full> {
        let most = self.crowd.limits().viewers;
        let inside = self.crowd.inside();
        let own = inside.members.get(&self.id).ok_or(Full::Evicted)?;
        let loser = inside.loser(&own.claim, most, Member::is_viewer);
        loser.map(drop).map_err(|own| Full::Viewers(most, own))
    }

    /// Done when the connection has to end: it was not let in, its place went to another one, or what let it in is over.
    pub(super) async fn over(&self) -> Over {
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
mod tests;

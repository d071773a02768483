//! How many may be connected: those that were let in, those that were not, or not yet, and viewers.
//!
//! Each connection has a [`Place`](super::place::Place). Clients that were let in have places of their own, so that a flood of
//! others cannot lock the owner out. Which of them gives way when all are taken is decided in [`super::shares`].

use super::shares::{Claim, Held, Own, Use, gives_way};
use crate::access::neighbourhood;
use crate::session::Viewer;
use crate::util::log_throttle::{Connected, ConnectionThrottle, EventThrottle};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// How many may be connected.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that were let in.
    pub members: usize,
    /// Connections from one address that were let in. Others have what is left of it, and never less than a few.
    pub per_address: usize,
    /// Connections that were not let in, or not yet.
    pub guests: usize,
    /// Viewers, of whatever kind.
    pub viewers: usize,
}

/// Guests that an address may have, though it has all connections that it may have: one of them may be the owner's.
const AT_THE_DOOR: usize = 4;

/// All connections. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Crowd(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    inside: Mutex<Inside>,
    evicted: EventThrottle,
    displaced: EventThrottle,
    connection_log: ConnectionThrottle,
    not_accepted: EventThrottle,
}

#[derive(Debug, Default)]
pub(super) struct Inside {
    /// Counts arrivals, and the beginnings and ends of requests.
    time: u64,
    /// Both by order of arrival.
    pub guests: BTreeMap<u64, Guest>,
    pub members: BTreeMap<u64, Member>,
    guests_at: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
pub(super) struct Guest {
    pub address: IpAddr,
    /// Requests that are being answered.
    pub requests: usize,
    /// When it arrived, or the last of its requests began or ended.
    pub active: u64,
    pub leave: CancellationToken,
}

#[derive(Debug)]
pub(super) struct Member {
    pub claim: Claim,
    pub requests: usize,
    pub viewer: Option<Arc<Viewer>>,
    pub leave: CancellationToken,
}

impl Crowd {
    /// No connections yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Shared {
            limits,
            inside: Mutex::default(),
            evicted: EventThrottle::new(),
            displaced: EventThrottle::new(),
            connection_log: ConnectionThrottle::new(),
            not_accepted: EventThrottle::new(),
        }))
    }

    /// Writes into the log that a client connected by WebSocket.
    pub(super) fn connected(&self) -> Connected {
        self.0.connection_log.connected()
    }

    /// Counts a new connection among the guests. Returns its number, and what is cancelled when it has to give way.
    pub(super) fn enter(&self, address: IpAddr, proxy: bool) -> (u64, CancellationToken) {
        let limits = self.0.limits;
        let address = neighbourhood(address);
        let mut inside = self.inside();
        if !proxy && inside.guests_from(address) >= inside.most_guests(address, limits.per_address)
        {
            // The newest may be the one that belongs here.
            let longest_idle = inside.longest_idle(|guest| guest.address == address);
            inside.evict_guest(longest_idle);
            if let Some(times) = self.0.evicted.again() {
                tracing::warn!(%address, times, "too many connections from one address: evicted one without a key");
            }
        } else if inside.guests.len() >= limits.guests {
            inside.evict_guest_of_busiest();
            if let Some(times) = self.0.evicted.again() {
                tracing::warn!(times, "too many connections without a key: evicted one");
            }
        }
        let id = inside.tick();
        let leave = CancellationToken::new();
        let guest = Guest {
            address,
            requests: 0,
            active: id,
            leave: leave.clone(),
        };
        inside.add(id, guest);
        drop(inside);
        (id, leave)
    }

    /// The system gives no further descriptor: evicts a guest of the address that has most, or else a member without a
    /// request. Tells whether there was any.
    pub(super) fn make_room(&self) -> bool {
        let mut inside = self.inside();
        if inside.evict_guest_of_busiest() {
            return true;
        }
        let mut members = inside.members.iter();
        let idle = members.find(|(_, member)| member.used_for() == Use::Idle);
        let idle = idle.map(|(id, _)| *id);
        idle.is_some_and(|id| inside.evict_member(id))
    }

    /// A connection could not be accepted: how often so far, where that is worth a line.
    pub(super) fn not_accepted(&self) -> Option<u64> {
        self.0.not_accepted.again()
    }

    /// How often a connection could not be accepted so far.
    pub(super) fn failed(&self) -> u64 {
        self.0.not_accepted.times()
    }

    /// Connections now: of those that were let in, and of others.
    pub(super) fn connections(&self) -> (usize, usize) {
        let inside = self.inside();
        (inside.members.len(), inside.guests.len())
    }

    /// Connections so far that lost their place to another one.
    pub(super) fn refused(&self) -> u64 {
        self.0.evicted.times() + self.0.displaced.times()
    }

    /// How many may be connected.
    pub(super) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(super) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where `most` members of such a kind are as many as may be: evicts one for the newcomer.
    pub(super) fn displace(
        &self,
        inside: &mut Inside,
        newcomer: &Claim,
        most: usize,
        such: impl Fn(&Member) -> bool,
    ) -> Result<(), Own> {
        let Some(id) = inside.loser(newcomer, most, such)? else {
            return Ok(());
        };
        inside.evict_member(id);
        if let Some(times) = self.0.displaced.again() {
            tracing::warn!(
                times,
                "all places are taken: evicted a connection of the address with the greatest share, for a new one"
            );
        }
        Ok(())
    }
}

impl Inside {
    pub(super) fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    pub(super) fn add(&mut self, id: u64, guest: Guest) {
        *self.guests_at.entry(guest.address).or_default() += 1;
        self.guests.insert(id, guest);
    }

    pub(super) fn remove_guest(&mut self, id: u64) -> Option<Guest> {
        let guest = self.guests.remove(&id)?;
        if let Some(count) = self.guests_at.get_mut(&guest.address) {
            *count -= 1;
            if *count == 0 {
                self.guests_at.remove(&guest.address);
            }
        }
        Some(guest)
    }

    fn guests_from(&self, address: IpAddr) -> usize {
        self.guests_at.get(&address).copied().unwrap_or_default()
    }

    /// How many guests an address may have, besides its members.
    fn most_guests(&self, address: IpAddr, per_address: usize) -> usize {
        let members = self.members.values();
        let members = members.filter(|member| member.claim.address == address);
        let left = per_address.saturating_sub(members.count());
        left.max(per_address.min(AT_THE_DOOR))
    }

    /// The guest of that kind that has done nothing for longest, rather one without a request.
    fn longest_idle(&self, such: impl Fn(&Guest) -> bool) -> Option<u64> {
        let guests = self.guests.iter().filter(|(_, guest)| such(guest));
        guests
            .min_by_key(|(_, guest)| (guest.requests > 0, guest.active))
            .map(|(id, _)| *id)
    }

    fn evict_guest(&mut self, id: Option<u64>) -> bool {
        let gone = id.and_then(|id| self.remove_guest(id));
        if let Some(guest) = &gone {
            guest.leave.cancel();
        }
        gone.is_some()
    }

    /// One look at each guest, so that a flood of as many addresses costs no more than one from a single address.
    fn evict_guest_of_busiest(&mut self) -> bool {
        let most = self.guests_at.values().max().copied().unwrap_or_default();
        let longest_idle = self.longest_idle(|guest| self.guests_from(guest.address) == most);
        self.evict_guest(longest_idle)
    }

    fn evict_member(&mut self, id: u64) -> bool {
        let gone = self.members.remove(&id);
        if let Some(member) = &gone {
            member.leave.cancel();
        }
        gone.is_some()
    }

    /// The member that has to go for the newcomer, where any has to. Else, what the newcomer has already.
    pub(super) fn loser(
        &self,
        newcomer: &Claim,
        most: usize,
        such: impl Fn(&Member) -> bool,
    ) -> Result<Option<u64>, Own> {
        let held = self.members.iter().filter(|(_, member)| such(member));
        let held = held.map(|(id, member)| Held {
            id: *id,
            claim: &member.claim,
            used_for: member.used_for(),
        });
        if held.clone().count() < most {
            return Ok(None);
        }
        match gives_way(newcomer, held.clone()) {
            Some(loser) => Ok(Some(loser)),
            None => {
                let own = held.filter(|held| held.claim.credential == newcomer.credential);
                let (credential, address) = own.fold((0, 0), |(credential, address), held| {
                    let near = usize::from(held.claim.address == newcomer.address);
                    (credential + 1, address + near)
                });
                Err(Own {
                    credential: newcomer.credential.key.is_some().then_some(credential),
                    address,
                })
            }
        }
    }
}

impl Member {
    fn used_for(&self) -> Use {
        match &self.viewer {
            Some(viewer) if viewer.is_paused() => Use::Paused,
            Some(_) => Use::Viewer,
            None if self.requests > 0 => Use::Request,
            None => Use::Idle,
        }
    }

    pub(super) fn is_viewer(&self) -> bool {
        self.viewer.is_some()
    }
}

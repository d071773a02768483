//! What a client may do: its role, its cameras, and until when.

use super::held::{Held, LiveSession};
use super::key::Clip;
use super::role::Role;
use super::token::{self, Ticket};
use crate::util::clock;
use crate::walls::Owner;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Interval at which the wall clock is read while a task waits for a time: the clock may be set meanwhile.
const READ_AGAIN: Duration = Duration::from_secs(60);

/// A permission to watch, and its end.
#[derive(Clone, Debug)]
pub struct Grant {
    /// How it was obtained.
    pub via: Via,
    /// What it is good for.
    pub role: Role,
    /// What the ticket says, where it was a ticket.
    pub ticket: Option<Ticket>,
    /// The id of the session, where it was one.
    pub session: Option<String>,
    /// Unix time in µs of its end: that of the key, session or ticket, whichever comes first.
    pub(super) expires_us: Option<u64>,
    pub(super) ended: CancellationToken,
    pub(super) held: Option<Arc<Held>>,
}

/// How a grant was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The server needs no key.
    Open,
    /// A key or password with the request itself.
    Secret,
    /// The same as user and password, which browsers remember, and show again.
    Login,
    /// A browser's session.
    Session,
    /// A ticket for one page.
    Ticket,
}

impl Grant {
    pub(super) fn open() -> Self {
        Self {
            via: Via::Open,
            role: Role::Admin,
            ticket: None,
            session: None,
            expires_us: None,
            ended: CancellationToken::new(),
            held: None,
        }
    }

    /// The grant of a key.
    pub(super) fn by_key(held: Arc<Held>) -> Self {
        Self {
            via: Via::Secret,
            role: held.entry.role,
            ticket: None,
            session: None,
            expires_us: held.entry.expires_us,
            ended: held.ended.clone(),
            held: Some(held),
        }
    }

    /// Whether it is good for every camera, also for those that are added.
    pub(crate) fn is_for_all_cameras(&self) -> bool {
        let is_for_some = |held: &Arc<Held>| held.entry.cameras.is_some();
        self.ticket.is_none() && !self.held.as_ref().is_some_and(is_for_some)
    }

    /// The grant of a key that was shown as user and password.
    pub(super) fn by_login(held: Arc<Held>) -> Self {
        Self {
            via: Via::Login,
            ..Self::by_key(held)
        }
    }

    /// The grant of a session that was started with a key.
    pub(super) fn by_session(held: Arc<Held>, session: LiveSession) -> Self {
        let key = Self::by_key(held);
        Self {
            via: Via::Session,
            session: Some(session.id),
            expires_us: earlier(key.expires_us, session.expires_us),
            ended: session.ended,
            ..key
        }
    }

    /// The grant of a ticket that was made with a key: watching, and nothing else.
    pub(super) fn by_ticket(held: Arc<Held>, ticket: Ticket) -> Self {
        let key = Self::by_key(held);
        Self {
            via: Via::Ticket,
            role: Role::View,
            expires_us: earlier(key.expires_us, ticket.expires_us),
            ticket: Some(ticket),
            ..key
        }
    }

    /// What is left of it for a page of another origin: a browser shows its session there as well, and the user and password that
    /// it remembers, and gets in everywhere where no key is needed, so that such a page would act in the name of its user. A key
    /// that it shows itself is its own.
    pub fn for_another_origin(self) -> Self {
        match self.via {
            Via::Open | Via::Session | Via::Login => Self {
                role: Role::View,
                ..self
            },
            Via::Secret | Via::Ticket => self,
        }
    }

    /// The name of the key that let in, by itself or by a session or ticket made from it. `None` where no key is needed.
    pub fn credential(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.entry.name.as_str())
    }

    /// The same with what tells the key's secret from those before and after.
    pub(crate) fn owner(&self) -> Option<Owner> {
        let entry = &self.held.as_ref()?.entry;
        Some(Owner {
            key: entry.name.as_str().to_owned(),
            generation: entry.generation(),
        })
    }

    /// The name of the key on whose account it is: of a link, the one that made it.
    pub fn account(&self) -> Option<&str> {
        self.clip()
            .map_or_else(|| self.credential(), |clip| Some(clip.by.as_str()))
    }

    /// The only recordings that it is for, and nothing else; `None` where it is not that of a link.
    pub fn clip(&self) -> Option<&Clip> {
        self.held.as_ref()?.entry.clip.as_ref()
    }

    /// Whether it is for that camera.
    pub fn sees(&self, camera: &str) -> bool {
        let ticket = self
            .ticket
            .as_ref()
            .and_then(|ticket| ticket.camera.as_ref());
        ticket.is_none_or(|only| only == camera)
            && self
                .held
                .as_ref()
                .is_none_or(|held| held.entry.sees(camera))
    }

    /// Done when it is over: the key was rotated or removed, the session was ended, or key, session or ticket has expired.
    pub fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.ended.clone();
        let expires_us = self.expires_us;
        async move {
            let expired = async {
                match expires_us {
                    Some(expires_us) => reached(expires_us, clock::now_us).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended.cancelled() => {}
                () = expired => {}
            }
        }
    }

    /// A ticket that lets a page's visitors look until it expires. `None` where there is no key, or a ticket was shown.
    pub fn ticket(&self, ticket: &Ticket) -> Option<String> {
        let is_a_keys = self.via != Via::Ticket && self.clip().is_none();
        let held = self.held.as_ref().filter(|_| is_a_keys)?;
        Some(token::ticket(held, ticket))
    }
}

fn earlier(key_us: Option<u64>, other_us: u64) -> Option<u64> {
    Some(key_us.map_or(other_us, |key_us| key_us.min(other_us)))
}

/// Done when the wall clock shows that time, or is set to a later one.
async fn reached(at_us: u64, now_us: impl Fn() -> u64) {
    loop {
        let left = Duration::from_micros(at_us.saturating_sub(now_us()));
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(READ_AGAIN)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn what_ends_at_a_time_ends_so_by_a_clock_that_was_set_meanwhile() {
        let began = Instant::now();
        let hour = Duration::from_secs(3600);
        let set_us = Cell::new(0);
        let clock = || set_us.get() + began.elapsed().as_micros() as u64;
        reached(hour.as_micros() as u64, clock).await;
        assert_eq!(began.elapsed(), hour);
        // Set ahead by years, once it is waited for.
        let again = Instant::now();
        let waiting = async {
            reached(clock() + hour.as_micros() as u64, clock).await;
            again.elapsed()
        };
        let setting = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            set_us.set(u64::from(u32::MAX) * 1_000_000);
        };
        let (ended, ()) = tokio::join!(waiting, setting);
        assert_eq!(ended, READ_AGAIN);
    }
}

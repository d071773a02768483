//! What somebody is let in for: which role, which cameras, and until when.

use super::book::Held;
use super::key::Role;
use super::token::{self, Ticket};
use crate::clock;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Leave to look, and for how long.
#[derive(Clone, Debug)]
pub struct Grant {
    /// How it was got.
    pub via: Via,
    /// What it is good for.
    pub role: Role,
    /// What the ticket says, where it was a ticket.
    pub ticket: Option<Ticket>,
    /// The id of the session, where it was one.
    pub session: Option<String>,
    pub(super) ended: CancellationToken,
    pub(super) held: Option<Arc<Held>>,
}

/// How a grant was got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The server lets everybody in.
    Open,
    /// A key or password with the request itself.
    Secret,
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
            ended: CancellationToken::new(),
            held: None,
        }
    }

    pub(super) fn by(via: Via, held: Arc<Held>, ticket: Option<Ticket>) -> Self {
        Self {
            via,
            role: held.entry.role,
            ticket,
            session: None,
            ended: held.ended.clone(),
            held: Some(held),
        }
    }

    /// The name of the key that let in, by itself or by a session or ticket made from it. `None` where no key is needed.
    pub fn credential(&self) -> Option<&str> {
        self.held.as_ref().map(|held| held.entry.name.as_str())
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

    /// Done when it is over: the key was rotated or removed, the session was ended, or key or ticket has expired.
    pub fn over(&self) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.ended.clone();
        let ticket = self.ticket.as_ref().map(|ticket| ticket.expires_us);
        let key = self.held.as_ref().and_then(|held| held.entry.expires_us);
        let left =
            ticket.into_iter().chain(key).min().map(|expires_us| {
                Duration::from_micros(expires_us.saturating_sub(clock::now_us()))
            });
        async move {
            match left {
                // Not even asked whether the time came: either way it is over.
                Some(left) => drop(tokio::time::timeout(left, ended.cancelled()).await),
                None => ended.cancelled().await,
            }
        }
    }

    /// A ticket that lets a page's visitors look until it expires. `None` where there is no key, or a ticket was shown.
    pub fn ticket(&self, ticket: &Ticket) -> Option<String> {
        let held = self.held.as_ref().filter(|_| self.via != Via::Ticket)?;
        Some(token::ticket(&held.entry, ticket))
    }
}

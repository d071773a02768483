//! Keys and sessions that are in force: what else is open hangs on them, and ends with them.
//!
//! Which ones there are belongs to [`super::book`].

use super::key::{Entry, Key};
use super::known::Known;
use crate::util::clock;
use ring::hmac;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// A key in force.
#[derive(Debug)]
pub(super) struct Held {
    pub entry: Entry,
    /// What its sessions and tickets are signed with.
    pub signing: hmac::Key,
    /// Cancelled when it isn't in force any more.
    pub ended: CancellationToken,
    /// Unix time in µs when it let something in last, since the server started; 0 is not yet.
    pub used_us: AtomicU64,
    known: Mutex<Known>,
}

impl Held {
    /// What is known about the guesses at it, where it is a password.
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_good(&self) -> bool {
        !self.entry.has_expired(clock::now_us())
    }
}

/// A session that is in use.
#[derive(Debug)]
pub(super) struct LiveSession {
    pub id: String,
    /// Unix time in µs of its end.
    pub expires_us: u64,
    /// Cancelled when it is ended before that.
    pub ended: CancellationToken,
}

pub(super) fn hold(entry: Entry, server: &Key) -> Arc<Held> {
    Arc::new(Held {
        signing: entry.secret.signing(server),
        entry,
        ended: CancellationToken::new(),
        used_us: AtomicU64::new(0),
        known: Mutex::default(),
    })
}

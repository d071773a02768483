//! What the sessions, the thread that writes and the one that tells have in common.

use crate::interlock::{Connection, Interlock};
use crate::plan::Plan;
use pistreamer_protocol::message::{StopReason, Telemetry};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

pub(super) struct Shared {
    pub(super) plan: Plan,
    pub(super) name: String,
    pub(super) desk: Mutex<Desk>,
    /// The one that writes, once it runs, and the one that tells viewers and the log.
    pub(super) writer: OnceLock<Thread>,
    pub(super) teller: OnceLock<Thread>,
    /// The one that writes has ended.
    pub(super) is_over: AtomicBool,
    pub(super) changed: Box<dyn Fn() + Send + Sync>,
}

pub(super) struct Desk {
    pub(super) interlock: Interlock,
    pub(super) has_ended: bool,
    pub(super) telemetry: BTreeMap<String, Telemetry>,
    pub(super) problem: String,
    pub(super) told: Told,
    /// Stops that the log is not told of yet.
    pub(super) stops: Vec<Stop>,
    /// Lines of the machine's for the log.
    pub(super) said: Vec<String>,
}

/// A stop, as it was then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    pub(super) why: StopReason,
    /// How old the newest command was when it arrived.
    pub(super) age: Option<Duration>,
    /// How old the picture was.
    pub(super) picture: Option<Duration>,
}

/// What viewers are told when it changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) operator: Option<Connection>,
    pub(super) asks: Option<Connection>,
    pub(super) arm: u64,
    pub(super) is_armed: bool,
    pub(super) waits: Option<StopReason>,
    pub(super) telemetry: u64,
    pub(super) problem: String,
}

impl Shared {
    /// There is something for the thread that tells.
    pub(super) fn tell(&self) {
        if let Some(teller) = self.teller.get() {
            teller.unpark();
        }
    }

    /// There is something for the thread that writes.
    pub(super) fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        // The interlock is valid at every point, and a panic in it leaves it stopped or to be stopped by time.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

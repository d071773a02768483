//! How recording goes, for those who tell it to people.

use crate::name::Class;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether frames are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The disk has not been looked through.
    #[default]
    Starting,
    /// Frames are written.
    Recording,
    /// The camera delivers none.
    NoSignal,
    /// The directory is not the one that it was.
    NoDisk,
    /// There is no room.
    DiskFull,
    /// The disk fails, or belongs to another program.
    Error,
}

/// A state, with its reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub state: State,
    /// Why nothing is recorded; empty in other states.
    pub reason: String,
    /// Unix time in µs of its last change.
    pub since_us: u64,
}

/// The disk, and what recordings take of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Room {
    /// Bytes of recordings.
    pub used: u64,
    /// Most bytes that they may have.
    pub limit: u64,
    /// Bytes that are free on the disk.
    pub free: u64,
    /// Bytes that are written in a day; 0 until that is known.
    pub per_day: f64,
    /// The recordings of each camera, by its id.
    pub cameras: BTreeMap<String, Kept>,
}

/// The recordings of one camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Unix time in ms of the first one.
    pub first_ms: u64,
    /// Bytes of each class.
    pub bytes: BTreeMap<Class, u64>,
}

/// The recorder's state, shared with whoever tells it.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    status: Mutex<Status>,
    room: Mutex<Room>,
    /// Failures of the disk.
    pub errors: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Returns true if that is another state or reason than before.
    pub(crate) fn turn(&self, state: State, reason: &str, now_us: u64) -> bool {
        let mut status = lock(&self.status);
        let changed = (status.state, &*status.reason) != (state, reason);
        if changed {
            *status = Status {
                state,
                reason: reason.into(),
                since_us: now_us,
            };
        }
        changed
    }

    pub(crate) fn room(&self) -> Room {
        lock(&self.room).clone()
    }

    pub(crate) fn kept(&self, camera: &str) -> Kept {
        lock(&self.room)
            .cameras
            .get(camera)
            .cloned()
            .unwrap_or_default()
    }

    pub(crate) fn set_room(&self, room: Room) {
        *lock(&self.room) = room;
    }
}

/// What was recorded of one camera since it began.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) frames: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) skipped: AtomicU64,
    /// Unix time in µs.
    pub(crate) newest_us: AtomicU64,
    /// When the newest frame was offered, by the steady clock.
    pub(crate) offered_us: AtomicU64,
}

impl Progress {
    /// Frames that were written.
    pub fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    /// Bytes of those.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Frames that were to be recorded and are lost: the disk did not take them in time, or failed.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Frames that a newer one overtook when one of them was due.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    /// Unix time in µs of the newest frame that was taken; 0 where there is none.
    pub fn newest_us(&self) -> u64 {
        self.newest_us.load(Relaxed)
    }
}

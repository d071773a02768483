//! How recording goes, for those who tell it to people.

use crate::name::Class;
use crate::session::Now;
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
    /// Frames are written, but some are lost: the disk does not take them in time.
    Slow,
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
    /// Why not everything is recorded; empty where it is.
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
    /// Since when the writer has been at work, by the steady clock; 0 while it waits for frames.
    pub busy_us: AtomicU64,
    /// When the ring last overflowed while frames were being written, by the steady clock; 0 before.
    pub overflowed_us: AtomicU64,
}

/// How long ago in Unix time that was by the steady clock.
fn wall_of(at_us: u64, now: Now) -> u64 {
    now.wall_us
        .saturating_sub(now.steady_us.saturating_sub(at_us))
}

/// The state while frames are missing of late: `overflowed_us` is 0, or when the last one was dropped.
fn slow(overflowed_us: u64, now: Now) -> Option<Status> {
    let is_slow = overflowed_us > 0 && now.steady_us < overflowed_us + SLOW_US;
    is_slow.then(|| Status {
        state: State::Slow,
        reason: "the disk is too slow, so that frames are missing: record fewer (record.fps), give them more memory \
                 (recording.memory), or take a faster disk"
            .into(),
        since_us: wall_of(overflowed_us, now),
    })
}

/// A disk that has not come back from one step for this long does not answer.
const HANGS_US: u64 = 10_000_000;

/// The same at the start, when everything on it is looked through.
const STARTS_US: u64 = 120_000_000;

/// What has waited while nothing was recorded is written within this time.
const CATCHES_UP_US: u64 = 3_000_000;

/// A disk that was too slow is called so for this long.
const SLOW_US: u64 = 30_000_000;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The state at that time, by the steady clock and the wall's.
    pub(crate) fn status(&self, now: Now) -> Status {
        let status = self.disk_status(now);
        let slow =
            (status.state == State::Recording).then(|| slow(self.overflowed_us.load(Relaxed), now));
        slow.flatten().unwrap_or(status)
    }

    /// The same, whether or not frames are missing of late.
    pub(crate) fn disk_status(&self, now: Now) -> Status {
        let status = lock(&self.status).clone();
        let patience_us = match status.state {
            State::Starting => STARTS_US,
            State::Recording => HANGS_US,
            _ => return status,
        };
        let busy_us = self.busy_us.load(Relaxed);
        if busy_us > 0 && now.steady_us > busy_us + patience_us {
            return Status {
                state: State::Error,
                reason:
                    "the disk does not answer: see that it is connected well and has enough power"
                        .into(),
                since_us: wall_of(busy_us, now),
            };
        }
        status
    }

    /// Whether the disk failed or was full when it was last tried.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(lock(&self.status).state, State::Error | State::DiskFull)
    }

    /// Whether a frame that the ring drops now is one that the disk is too slow for. While nothing is written, that is the reason, and
    /// for a while after that.
    pub(crate) fn counts_overflows(&self, now: Now) -> bool {
        let status = lock(&self.status);
        let recorded_us = now.wall_us.saturating_sub(status.since_us);
        status.state == State::Recording && recorded_us > CATCHES_UP_US
    }

    /// Notes a state and its reason.
    pub(crate) fn turn(&self, state: State, reason: &str, now_us: u64) {
        let mut status = lock(&self.status);
        if (status.state, &*status.reason) != (state, reason) {
            *status = Status {
                state,
                reason: reason.into(),
                since_us: now_us,
            };
        }
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
    /// Unix time in µs of its begin.
    pub(crate) begun_us: u64,
    /// When the newest frame was offered, by the steady clock; 0 once the camera is known to have no signal.
    pub(crate) offered_us: AtomicU64,
    /// When a frame was last written, by the steady clock; 0 before.
    written_us: AtomicU64,
    /// When the ring last dropped a frame of it because of a slow disk, by the steady clock; 0 before.
    pub(crate) overflowed_us: AtomicU64,
    /// When a frame was last refused because it never fits, by the steady clock, and its bytes; zeros before.
    refused: Mutex<(u64, u64)>,
    /// Why none of its frames is written, where others' are.
    pub(crate) failure: Mutex<Option<Status>>,
}

impl Progress {
    pub(crate) fn begun(now: Now) -> Self {
        Self {
            begun_us: now.wall_us,
            offered_us: now.steady_us.into(),
            ..Self::default()
        }
    }

    /// Notes what was written.
    pub(crate) fn wrote(&self, frames: u64, bytes: u64, now_us: u64) {
        self.frames.fetch_add(frames, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.written_us.store(now_us, Relaxed);
        self.recover();
    }

    /// Notes a frame of that many bytes that never fits.
    pub(crate) fn refuse(&self, bytes: u64, now_us: u64) {
        self.dropped.fetch_add(1, Relaxed);
        *lock(&self.refused) = (now_us, bytes);
    }

    /// The state while frames never fit: some are missing where others were written in the last `written_us`, else all of them.
    pub(crate) fn refused(&self, now: Now, written_us: u64) -> Option<Status> {
        let (refused_us, bytes) = *lock(&self.refused);
        if refused_us == 0 || now.steady_us >= refused_us + SLOW_US {
            return None;
        }
        let writes = self.written_us.load(Relaxed) + written_us > now.steady_us;
        Some(Status {
            state: if writes { State::Slow } else { State::Error },
            reason: format!(
                "a picture of {:.1} MB does not fit into the memory of recordings: give them more (recording.memory)",
                bytes as f64 / 1e6
            ),
            since_us: wall_of(refused_us, now),
        })
    }

    /// The state while frames are missing of late because of a slow disk.
    pub(crate) fn slow(&self, now: Now) -> Option<Status> {
        slow(self.overflowed_us.load(Relaxed), now)
    }

    /// Notes that its files fail.
    pub(crate) fn fail(&self, reason: String, now_us: u64) {
        lock(&self.failure).get_or_insert(Status {
            state: State::Error,
            reason,
            since_us: now_us,
        });
    }

    /// Notes that its files do not fail any more.
    pub(crate) fn recover(&self) {
        *lock(&self.failure) = None;
    }

    pub(crate) fn failure(&self) -> Option<Status> {
        lock(&self.failure).clone()
    }

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

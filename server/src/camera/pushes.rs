//! The state of each push of a camera's frames, for status and metrics.
//!
//! Pushing them belongs to [`crate::push`].

use super::{Camera, Target};
use crate::util::clock;
use serde::Serialize;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a push has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PushState {
    /// The first attempt has not ended.
    Connecting,
    /// The target takes frames.
    Connected,
    /// The last attempt failed; another one follows after a pause.
    Failing,
}

/// The state of a push, with its reason.
#[derive(Clone, Debug)]
pub struct PushStatus {
    /// The state.
    pub state: PushState,
    /// Why it fails; empty in the other states.
    pub reason: String,
    /// Unix time in µs of the last change of state or reason.
    pub since_us: u64,
}

/// One push of a camera's frames.
#[derive(Debug)]
pub struct Push {
    target: String,
    status: Mutex<PushStatus>,
    delivered: AtomicU64,
    bytes: AtomicU64,
    skipped: AtomicU64,
}

impl Push {
    /// Where the frames go, without credentials. No two pushes of a camera have the same text.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Frames that were delivered: accepted where the target tells, else handed to the network.
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Bytes of JPEG that were sent.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Frames that newer ones overtook while the target was connected and wanted some.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Its state now.
    pub fn status(&self) -> PushStatus {
        self.lock().clone()
    }

    pub(crate) fn count_delivered(&self, frames: u64) {
        self.delivered.fetch_add(frames, Ordering::Relaxed);
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_skipped(&self, frames: u64) {
        self.skipped.fetch_add(frames, Ordering::Relaxed);
    }

    pub(crate) fn connected(&self) {
        self.turn(PushState::Connected, "");
    }

    pub(crate) fn failed(&self, reason: &str) {
        self.turn(PushState::Failing, reason);
    }

    fn turn(&self, state: PushState, reason: &str) {
        let mut status = self.lock();
        if (status.state, &*status.reason) != (state, reason) {
            *status = PushStatus {
                state,
                reason: reason.into(),
                since_us: clock::now_us(),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, PushStatus> {
        // Nothing panics while it holds this lock.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A camera's pushes. Clones share the list.
#[derive(Clone, Debug, Default)]
pub(super) struct Pushes(Arc<Mutex<Vec<Arc<Push>>>>);

impl Pushes {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Push>>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A push's entry in its camera's list. Its drop takes the push off.
#[derive(Debug)]
pub(crate) struct PushEntry {
    push: Arc<Push>,
    pushes: Pushes,
}

impl PushEntry {
    /// The push.
    pub(crate) fn push(&self) -> Arc<Push> {
        Arc::clone(&self.push)
    }
}

impl Deref for PushEntry {
    type Target = Push;

    fn deref(&self) -> &Push {
        &self.push
    }
}

impl Drop for PushEntry {
    fn drop(&mut self) {
        let mut list = self.pushes.list();
        list.retain(|push| !Arc::ptr_eq(push, &self.push));
    }
}

impl Camera {
    /// Every push of its frames.
    pub fn pushes(&self) -> Vec<Arc<Push>> {
        self.0.pushes.list().clone()
    }

    /// Lists a push to that target.
    pub(crate) fn begin_push(&self, target: &Target) -> PushEntry {
        let pushes = self.0.pushes.clone();
        let mut list = pushes.list();
        let shown = target.to_string();
        // Targets may differ in their paths and queries alone, which hold secrets.
        let mut texts = std::iter::once(shown.clone())
            .chain((2_u64..).map(|number| format!("{shown} ({number})")));
        let free = texts.find(|text| list.iter().all(|push| push.target != *text));
        let push = Arc::new(Push {
            target: free.unwrap_or(shown),
            status: Mutex::new(PushStatus {
                state: PushState::Connecting,
                reason: String::new(),
                since_us: clock::now_us(),
            }),
            delivered: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
        });
        list.push(Arc::clone(&push));
        drop(list);
        PushEntry { push, pushes }
    }
}

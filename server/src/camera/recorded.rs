//! A camera's way to the recorder, for viewers, status and metrics.
//!
//! Recording belongs to [`crate::record`].

use super::Camera;
use pistreamer_protocol::message::Recording;
use pistreamer_recording::Lane;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// The way, while there is one.
#[derive(Debug, Default)]
pub(super) struct Recorded(Mutex<Weak<Lane>>);

impl Recorded {
    fn lane(&self) -> MutexGuard<'_, Weak<Lane>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Camera {
    /// How its recording goes; `None` where it is not recorded.
    pub(crate) fn recorded(&self) -> Option<Arc<Lane>> {
        self.0.recorded.lane().upgrade()
    }

    /// Notes the way that its frames take from now on, as long as that lives.
    pub(crate) fn record_by(&self, lane: &Arc<Lane>) {
        *self.0.recorded.lane() = Arc::downgrade(lane);
    }

    /// Has viewers know whether it is recorded.
    pub(crate) fn tell_recording(&self, recording: Option<Recording>) {
        self.0.state.record(recording);
    }
}

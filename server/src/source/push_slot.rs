//! A source's slot for pictures that are pushed, which one pusher at a time may use.
//!
//! HTTP, WebSocket and permissions belong to `front`.

use super::remote::{self, End, Intake};
use crate::demand::Demand;
use crate::util::handover::publishing;
use pistreamer_picture::Whole;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::{CameraStatus, Cause};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The slot. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct PushSlot(Arc<Mutex<SlotState>>);

#[derive(Debug, Default)]
pub(super) struct SlotState {
    /// `None` while the source doesn't run, and while a pusher has it.
    pub(super) intake: Option<(Intake, Demand)>,
    taken: bool,
    /// Whether the camera is called what its pusher calls it.
    pub(super) is_named: bool,
}

/// Why the slot cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Another pusher has it.
    #[error("another client pushes already, and only one can at a time")]
    Occupied,
    /// The source does not run.
    #[error("the camera is not running")]
    Closed,
}

impl PushSlot {
    pub(super) fn state(&self) -> MutexGuard<'_, SlotState> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its source runs, or a pusher has it.
    pub fn is_ready(&self) -> bool {
        let state = self.state();
        state.taken || state.intake.is_some()
    }

    /// Whether a pusher has it.
    pub fn is_taken(&self) -> bool {
        self.state().taken
    }

    /// Takes the slot.
    ///
    /// # Errors
    /// Where another pusher has it, or the source does not run.
    pub fn take(&self) -> Result<PushSession, Unavailable> {
        let mut state = self.state();
        if state.taken {
            return Err(Unavailable::Occupied);
        }
        let (mut intake, demand) = state.intake.take().ok_or(Unavailable::Closed)?;
        state.taken = true;
        intake.begin_anew();
        Ok(PushSession {
            slot: self.clone(),
            is_named: state.is_named,
            intake: Some(intake),
            demand,
        })
    }
}

/// One pusher's use of the slot. Dropping it reports the camera lost.
#[derive(Debug)]
pub struct PushSession {
    slot: PushSlot,
    /// `None` only while dropping.
    intake: Option<Intake>,
    demand: Demand,
    is_named: bool,
}

impl PushSession {
    fn intake(&mut self) -> &mut Intake {
        self.intake
            .as_mut()
            .expect("only drop takes the intake away")
    }

    /// Hands in a picture and returns the seq to acknowledge: that of its stamp, or the one that it was given.
    ///
    /// # Errors
    /// Where its stamp cannot be replaced.
    pub fn picture(&mut self, picture: Whole) -> Result<u64, JpegError> {
        let stamp = Stamp::read(picture.jpeg());
        let given = self.intake().whole(picture)?;
        Ok(stamp.map_or(given, |stamp| stamp.seq))
    }

    /// Reports a message without a whole JPEG.
    pub fn left_out(&mut self, problem: &str) {
        self.intake().left_out(End::Pusher, problem);
    }

    /// Notes that the pusher is about to send again.
    pub fn resumed(&mut self) {
        self.intake().resumed();
    }

    /// Passes on the state of the pusher's camera.
    pub fn status(&mut self, status: &CameraStatus) {
        if let Some(name) = status.name.as_deref().filter(|_| self.is_named) {
            self.intake().named(name);
        }
        self.intake().follow(status, End::Pusher);
    }

    /// Returns true if a picture has arrived since the camera was lost.
    pub fn is_open(&self) -> bool {
        self.intake.as_ref().is_some_and(Intake::is_open)
    }

    /// Completes when the source ends or restarts, so that pictures are no longer taken.
    pub fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        let demand = self.demand.clone();
        async move { demand.until(Demand::stopping).await }
    }

    /// Completes once frames are wanted, or have not been for some seconds. For use beside [`Self::picture`].
    pub fn change(&self, to_wanted: bool) -> impl Future<Output = ()> + Send + use<> {
        let demand = self.demand.clone();
        async move {
            if to_wanted {
                demand.until(Demand::wanted).await;
            } else {
                remote::unwanted(&demand).await;
            }
        }
    }
}

impl Drop for PushSession {
    fn drop(&mut self) {
        // Dropped outside the lock: the encoder may end with it.
        let mut left = self.intake.take();
        // What learns of it here runs once the lock is free again.
        publishing(|| {
            let mut state = self.slot.state();
            state.taken = false;
            if !self.demand.stopping()
                && let Some(mut intake) = left.take()
            {
                intake.lost(Cause::PusherLeft);
                state.intake = Some((intake, self.demand.clone()));
            }
        });
    }
}

//! One consumer's view of a camera: its newest frames and its state.
//!
//! Which frames those are belongs to [`crate::hub::View`].

use super::{Camera, CameraState, Operator};
use crate::hub::{Frame, Limits, View};
use std::sync::Arc;
use tokio::sync::watch;

/// A consumer's view of a camera. While it lives and isn't paused, the camera is wanted.
#[derive(Debug)]
pub struct Subscription {
    camera: Camera,
    frames: View,
    state: watch::Receiver<CameraState>,
    may_operate: bool,
}

/// What a subscription can tell.
#[derive(Debug)]
pub enum Event {
    /// The newest frame.
    Frame(Arc<Frame>),
    /// The camera's state changed.
    State(CameraState),
}

impl Subscription {
    pub(super) fn new(camera: Camera, limits: Limits) -> Self {
        let mut state = camera.news();
        state.mark_unchanged();
        Self {
            frames: camera.feed().view(limits),
            camera,
            state,
            may_operate: false,
        }
    }

    /// The camera.
    pub fn camera(&self) -> &Camera {
        &self.camera
    }

    /// The same for a consumer that may give commands, or may not.
    pub fn operating(self, may: bool) -> Self {
        Self {
            may_operate: may,
            ..self
        }
    }

    /// A state of the camera as this consumer is told it: with the controls that it may use.
    pub fn told(&self, mut state: CameraState) -> CameraState {
        if !self.may_operate {
            state.controls.clear();
        }
        state
    }

    /// This consumer's way to give commands.
    pub fn operator(&self) -> Operator {
        Operator::new(self.camera.clone(), self.may_operate)
    }

    /// Stops to look for a while. The camera's state is still told; its frames are not wanted.
    pub fn pause(&mut self) {
        self.frames.pause();
    }

    /// Looks again, from the newest frame on.
    pub fn resume(&mut self) {
        self.frames.resume();
    }

    /// Looks within other limits from the next frame on.
    pub fn limit(&mut self, limits: Limits) {
        self.frames.limit(limits);
    }

    /// Waits for what happens next: a change of the camera's state or, where `frames` are welcome, a frame. Cancel-safe.
    pub async fn next(&mut self, frames: bool) -> Event {
        tokio::select! {
            // That what comes is a test pattern is known before the first frame of it.
            biased;
            // The sender lives in `self.camera`, so the channel cannot be closed.
            Ok(()) = self.state.changed() => Event::State(self.state.borrow_and_update().clone()),
            frame = self.frames.newest(), if frames => Event::Frame(frame),
            else => std::future::pending().await,
        }
    }

    /// The newest frame, where this subscription hasn't returned it yet. Doesn't wait.
    pub fn newer(&mut self) -> Option<Arc<Frame>> {
        self.frames.newer()
    }

    /// The number of the newest frame that is there, whether this subscription has returned it or not; 0 where none is.
    pub fn newest_number(&self) -> u64 {
        self.frames.newest_number()
    }

    /// Waits for a frame that this subscription hasn't returned yet, and returns the newest one. Cancel-safe.
    pub async fn newest(&mut self) -> Arc<Frame> {
        self.frames.newest().await
    }
}

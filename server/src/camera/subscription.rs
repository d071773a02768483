//! One consumer's view of a camera: its newest frames and its state.
//!
//! The choice of frames belongs to [`crate::hub::View`].

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

/// What a subscription yields.
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

    /// The same with or without the permission to send commands.
    pub fn operating(self, may: bool) -> Self {
        Self {
            may_operate: may,
            ..self
        }
    }

    /// The state as this consumer may see it: the controls are left out if it may not use them.
    pub fn told(&self, mut state: CameraState) -> CameraState {
        if !self.may_operate {
            state.controls.clear();
        }
        state
    }

    /// This consumer's access to the controls.
    pub fn operator(&self) -> Operator {
        Operator::new(self.camera.clone(), self.may_operate)
    }

    /// Wants no frames for a while. Changes of the state are still yielded.
    pub fn pause(&mut self) {
        self.frames.pause();
    }

    /// Wants frames again, from the newest one on.
    pub fn resume(&mut self) {
        self.frames.resume();
    }

    /// Changes the limits from the next frame on.
    pub fn limit(&mut self, limits: Limits) {
        self.frames.limit(limits);
    }

    /// Waits for a change of the camera's state or, if `frames` is set, for a frame. Cancel-safe.
    pub async fn next(&mut self, frames: bool) -> Event {
        tokio::select! {
            // State first, so that a viewer knows of a test pattern before its first frame.
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

//! One consumer's view of a camera: the frames of the rendition that it is given, each once, and the camera's state.
//!
//! Which rendition that is belongs to [`super::rendition`].

use super::camera::Newest;
use super::{Camera, Frame, Limits, Rendition};
use crate::demand::Hold;
use pistreamer_protocol::message::CameraStatus;
use std::sync::Arc;
use tokio::sync::watch;

/// What one consumer wants. While it lives, the camera is wanted.
#[derive(Debug)]
struct Wish {
    id: u64,
    camera: Arc<Camera>,
    _hold: Hold,
}

impl Wish {
    fn new(camera: Arc<Camera>, limits: Limits) -> Self {
        let (id, hold) = camera.add_wish(limits);
        Self {
            id,
            camera,
            _hold: hold,
        }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.camera.remove_wish(self.id);
    }
}

/// A consumer's view of a camera. While it lives and isn't paused, the camera is wanted.
#[derive(Debug)]
pub struct Subscription {
    camera: Arc<Camera>,
    latest: watch::Receiver<Vec<Newest>>,
    status: watch::Receiver<CameraStatus>,
    limits: Limits,
    /// `None` while paused.
    wish: Option<Wish>,
    /// The last frame returned.
    last_seq: Option<u64>,
}

impl Subscription {
    pub(super) fn new(camera: Arc<Camera>, limits: Limits) -> Self {
        let wish = Wish::new(Arc::clone(&camera), limits);
        let (mut latest, mut status) = camera.news();
        status.mark_unchanged();
        latest.mark_changed();
        Self {
            camera,
            latest,
            status,
            limits,
            wish: Some(wish),
            last_seq: None,
        }
    }

    fn wish(&self) -> Wish {
        Wish::new(Arc::clone(&self.camera), self.limits)
    }

    /// The camera.
    pub fn camera(&self) -> &Arc<Camera> {
        &self.camera
    }

    /// Stops to look for a while. The camera's state is still told; its frames are not wanted.
    pub fn pause(&mut self) {
        self.wish = None;
    }

    /// Looks again, from the newest frame on.
    pub fn resume(&mut self) {
        if self.wish.is_none() {
            self.wish = Some(self.wish());
        }
    }

    /// Looks within other limits from the next frame on.
    pub fn limit(&mut self, limits: Limits) {
        if self.limits == limits {
            return;
        }
        self.limits = limits;
        if self.wish.is_some() {
            // The new one comes before the old one goes, so that the camera is wanted all the time.
            self.wish = Some(self.wish());
            self.latest.mark_changed();
        }
    }

    /// Waits for what happens next: a change of the camera's state or, where `frames` are welcome, a frame. Cancel-safe.
    pub async fn next(&mut self, frames: bool) -> Event {
        loop {
            tokio::select! {
                // That what comes is a test pattern is known before the first frame of it.
                biased;
                // The senders live in `self.camera`, so neither channel can be closed.
                Ok(()) = self.status.changed() => {
                    return Event::Status(self.status.borrow_and_update().clone());
                }
                Ok(()) = self.latest.changed(), if frames => {
                    if let Some(frame) = self.take() {
                        return Event::Frame(frame);
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// The newest frame, where this subscription hasn't returned it yet. Doesn't wait.
    pub fn newer(&mut self) -> Option<Arc<Frame>> {
        if !self.latest.has_changed().unwrap_or(false) {
            return None;
        }
        self.take()
    }

    /// The number of the newest frame that is there, whether this subscription has returned it or not; 0 where none is.
    pub fn newest_number(&self) -> u64 {
        let latest = self.latest.borrow();
        let numbers = latest.iter().map(|newest| newest.frame.number);
        numbers.max().unwrap_or(0)
    }

    fn take(&mut self) -> Option<Arc<Frame>> {
        let wish = self.wish.as_ref()?.id;
        let latest = self.latest.borrow_and_update();
        let ours = |newest: &&Newest| {
            // Frames made before the wish was known are welcome where they are just what is wished for.
            let given = newest.plan.serves(wish).unwrap_or_else(|| {
                Rendition::fitting(self.limits, newest.frame.full.0, newest.plan.config())
            });
            given == newest.rendition && self.last_seq.is_none_or(|last| last < newest.frame.seq)
        };
        let newest = latest
            .iter()
            .filter(ours)
            .max_by_key(|newest| newest.frame.seq)?;
        let frame = Arc::clone(&newest.frame);
        drop(latest);
        self.last_seq = Some(frame.seq);
        Some(frame)
    }

    /// Waits for a frame that this subscription hasn't returned yet, and returns the newest one. Cancel-safe.
    pub async fn newest(&mut self) -> Arc<Frame> {
        loop {
            if let Event::Frame(frame) = self.next(true).await {
                return frame;
            }
        }
    }
}

/// What a subscription can tell.
#[derive(Debug)]
pub enum Event {
    /// The newest frame.
    Frame(Arc<Frame>),
    /// The camera's state changed.
    Status(CameraStatus),
}

//! One camera as its consumers see it: newest frame, state, counters, and the demand that they make.

use super::Frame;
use crate::clock::{self, Rate};
use crate::demand::{Demand, Hold};
use pistreamer_protocol::message;
use pistreamer_protocol::message::{CameraState, CameraStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// A camera. Shared by the stages that fill it and the consumers that subscribe to it.
#[derive(Debug)]
pub struct Camera {
    identity: message::Camera,
    latest: watch::Sender<Option<Arc<Frame>>>,
    picture: watch::Sender<Picture>,
    status: watch::Sender<CameraStatus>,
    demand: Demand,
    /// What happened so far.
    pub counters: Counters,
}

/// Size and rate of a camera's pictures; zeros until its source is open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Picture {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
}

/// Sums since the server started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames that the source delivered.
    pub captured: AtomicU64,
    /// Frames that were published.
    pub published: AtomicU64,
    /// Frames that a newer one overtook before or while they were encoded.
    pub overtaken: AtomicU64,
    /// Pictures that were broken at the source or could not be encoded.
    pub broken: AtomicU64,
    captured_rate: Rate,
    published_rate: Rate,
    /// Unix time in µs of the newest published frame's publication; 0 before the first.
    pub published_us: AtomicU64,
    /// Bytes of the newest published frame's JPEG; 0 before the first.
    pub published_bytes: AtomicU64,
}

impl Counters {
    /// The source delivered a frame.
    pub fn count_captured(&self) {
        self.captured.fetch_add(1, Ordering::Relaxed);
        self.captured_rate.count();
    }

    /// Frames a second that the source delivered in the last seconds.
    pub fn captured_rate(&self) -> f64 {
        self.captured_rate.per_second()
    }

    /// Frames a second that were published in the last seconds.
    pub fn published_rate(&self) -> f64 {
        self.published_rate.per_second()
    }
}

impl Camera {
    /// A camera that hasn't delivered anything yet.
    pub fn new(identity: message::Camera) -> Self {
        let status = CameraStatus {
            since_us: clock::now_us(),
            ..CameraStatus::default()
        };
        Self {
            identity,
            latest: watch::Sender::new(None),
            picture: watch::Sender::new(Picture::default()),
            status: watch::Sender::new(status),
            demand: Demand::default(),
            counters: Counters::default(),
        }
    }

    /// Who it is.
    pub fn identity(&self) -> &message::Camera {
        &self.identity
    }

    /// The demand of all subscriptions.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// Size and rate of its pictures.
    pub fn picture(&self) -> Picture {
        *self.picture.borrow()
    }

    /// The source is open and delivers such pictures: the camera is live.
    pub fn open(&self, picture: Picture) {
        self.picture.send_replace(picture);
        self.set_status(CameraState::Live, "");
    }

    /// The source delivers nothing, and why.
    pub fn lost(&self, reason: &str) {
        self.set_status(CameraState::NoSignal, reason);
    }

    /// Its state now.
    pub fn status(&self) -> CameraStatus {
        self.status.borrow().clone()
    }

    fn set_status(&self, state: CameraState, reason: &str) {
        self.status.send_if_modified(|status| {
            let changed = status.state != state || status.reason != reason;
            if changed {
                *status = CameraStatus {
                    state,
                    reason: reason.into(),
                    since_us: clock::now_us(),
                };
            }
            changed
        });
    }

    /// Makes this the newest frame, unless a newer one is already there: frames are only ever seen in order.
    pub fn publish(&self, frame: Frame) {
        let bytes = frame.jpeg().len() as u64;
        let frame = Arc::new(frame);
        let newest = self.latest.send_if_modified(|latest| {
            let newest = latest.as_ref().is_none_or(|latest| latest.seq < frame.seq);
            if newest {
                *latest = Some(frame);
            }
            newest
        });
        if newest {
            self.counters.published.fetch_add(1, Ordering::Relaxed);
            self.counters.published_rate.count();
            self.counters
                .published_us
                .store(clock::now_us(), Ordering::Relaxed);
            self.counters
                .published_bytes
                .store(bytes, Ordering::Relaxed);
        } else {
            self.counters.overtaken.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Starts to look: from now on the camera has one more consumer.
    pub fn subscribe(self: &Arc<Self>) -> Subscription {
        let hold = self.hold();
        let mut status = self.status.subscribe();
        status.mark_unchanged();
        let mut latest = self.latest.subscribe();
        latest.mark_changed();
        Subscription {
            camera: Arc::clone(self),
            latest,
            status,
            hold: Some(hold),
        }
    }

    fn hold(&self) -> Hold {
        let hold = self.demand.hold();
        if hold.is_first() {
            // Whatever is there was captured for somebody who left: who comes now must not see an old picture.
            self.latest.send_replace(None);
        }
        hold
    }
}

/// A consumer's view of a camera. While it lives and isn't paused, the camera is wanted.
#[derive(Debug)]
pub struct Subscription {
    camera: Arc<Camera>,
    latest: watch::Receiver<Option<Arc<Frame>>>,
    status: watch::Receiver<CameraStatus>,
    hold: Option<Hold>,
}

impl Subscription {
    /// The camera.
    pub fn camera(&self) -> &Arc<Camera> {
        &self.camera
    }

    /// Stops to look for a while. The camera's state is still told; its frames are not wanted.
    pub fn pause(&mut self) {
        self.hold = None;
    }

    /// Looks again, from the newest frame on.
    pub fn resume(&mut self) {
        if self.hold.is_none() {
            self.hold = Some(self.camera.hold());
        }
    }

    /// Waits for what happens next: a change of the camera's state or, where `frames` are welcome, a frame. Cancel-safe.
    pub async fn next(&mut self, frames: bool) -> Event {
        loop {
            tokio::select! {
                // The senders live in `self.camera`, so neither channel can be closed.
                Ok(()) = self.status.changed() => {
                    return Event::Status(self.status.borrow_and_update().clone());
                }
                Ok(()) = self.latest.changed(), if frames => {
                    if let Some(frame) = self.latest.borrow_and_update().clone() {
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
        self.latest.borrow_and_update().clone()
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

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn frame(seq: u64) -> Frame {
        Frame::new(seq, seq, (2, 2), Bytes::new())
    }

    #[tokio::test]
    async fn only_the_newest_frame_is_seen_and_only_once() {
        let camera = Arc::new(Camera::new(message::Camera::default()));
        let mut subscription = camera.subscribe();
        for seq in [1, 2, 4, 3] {
            camera.publish(frame(seq));
        }
        assert_eq!(subscription.newest().await.seq, 4);
        assert!(futures::FutureExt::now_or_never(subscription.newest()).is_none());
        assert!(subscription.newer().is_none());
        camera.publish(frame(5));
        assert_eq!(subscription.newer().map(|frame| frame.seq), Some(5));
        assert!(subscription.newer().is_none());
        assert_eq!(camera.counters.overtaken.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn who_comes_after_everybody_left_gets_no_old_frame() {
        let camera = Arc::new(Camera::new(message::Camera::default()));
        let first = camera.subscribe();
        camera.publish(frame(1));
        let mut second = camera.subscribe();
        assert_eq!(second.newest().await.seq, 1);
        drop((first, second));
        assert!(!camera.demand().wanted());
        let mut late = camera.subscribe();
        assert!(futures::FutureExt::now_or_never(late.newest()).is_none());
    }

    #[tokio::test]
    async fn a_paused_consumer_makes_no_demand() {
        let camera = Arc::new(Camera::new(message::Camera::default()));
        let mut subscription = camera.subscribe();
        camera.publish(frame(1));
        subscription.pause();
        assert!(!camera.demand().wanted());
        subscription.resume();
        assert!(camera.demand().wanted());
        assert!(futures::FutureExt::now_or_never(subscription.newest()).is_none());
    }

    #[tokio::test]
    async fn a_change_of_state_is_told_once() {
        let camera = Arc::new(Camera::new(message::Camera::default()));
        let mut subscription = camera.subscribe();
        camera.lost("unplugged");
        camera.lost("unplugged");
        let told = subscription.next(true).await;
        assert!(matches!(told, Event::Status(status) if status.reason == "unplugged"));
        assert!(futures::FutureExt::now_or_never(subscription.next(true)).is_none());
    }
}

//! One consumer's view of a camera: its newest frames and its state.
//!
//! The choice of frames belongs to [`crate::hub::View`].

use super::{Camera, CameraState, Operator};
use crate::hub::{Frame, Limits, View};
use crate::util::watched::Watched;
use pistreamer_protocol::message::{ControlValues, ServerMessage};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::ReusableBoxFuture;

/// A consumer's view of a camera. While it lives and isn't paused, the camera is wanted.
#[derive(Debug)]
pub struct Subscription {
    camera: Camera,
    frames: View,
    state: States,
    /// `None` where they are not asked for.
    readings: Option<Readings>,
    /// `None` where it may not be told of events.
    events: Option<Events>,
    /// `None` where what moves is not asked for.
    moving: Option<watch::Receiver<Option<Arc<ServerMessage>>>>,
    may_operate: bool,
}

/// An event that is waited for, and then the next one: waiting goes on while other things are waited for beside it.
type Events = ReusableBoxFuture<'static, (Arc<ServerMessage>, News)>;

type News = broadcast::Receiver<Arc<ServerMessage>>;

/// The values that change by themselves, and those that were told.
#[derive(Debug)]
struct Readings {
    news: watch::Receiver<ControlValues>,
    told: ControlValues,
}

impl Readings {
    /// Waits for values that were not told. Cancel-safe.
    async fn next(&mut self) -> ControlValues {
        loop {
            if self.news.changed().await.is_err() {
                // The camera is gone, and whatever holds this one with it.
                std::future::pending::<()>().await;
            }
            let now = self.news.borrow_and_update().clone();
            let newer: ControlValues = now
                .iter()
                .filter(|(name, value)| self.told.get(*name) != Some(value))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            self.told = now;
            if !newer.is_empty() {
                return newer;
            }
        }
    }
}

/// The states of a camera whose pictures may differ in size from one to the next: each says so itself, and the size that the
/// state tells changes at a bounded rate, to the newest one.
#[derive(Debug)]
struct States {
    news: Watched<CameraState>,
    told: CameraState,
    /// Whether there is a state that was not told.
    is_due: bool,
    /// When another size was told.
    resized: Option<Instant>,
}

/// Shortest time between two states that differ in the size of the pictures alone.
const RESIZE_INTERVAL: Duration = Duration::from_secs(1);

impl States {
    fn new(mut news: watch::Receiver<CameraState>) -> Self {
        let told = news.borrow_and_update().clone();
        Self {
            news: Watched::new(news),
            told,
            is_due: false,
            resized: None,
        }
    }

    /// Waits for a state that is to be told. Cancel-safe.
    async fn next(&mut self) -> CameraState {
        loop {
            if !self.is_due {
                self.news.changed().await;
            }
            self.is_due = true;
            let state = self.news.borrow().clone();
            let is_resized = state.mode != self.told.mode
                && state
                    == CameraState {
                        mode: state.mode,
                        ..self.told.clone()
                    };
            let until = self.resized.map(|at| at + RESIZE_INTERVAL);
            if let Some(until) = until.filter(|until| is_resized && Instant::now() < *until) {
                tokio::select! {
                    () = self.news.changed() => {}
                    () = sleep_until(until) => {}
                }
                continue;
            }
            self.is_due = false;
            if state == self.told {
                continue;
            }
            if is_resized {
                self.resized = Some(Instant::now());
            }
            self.told = state.clone();
            return state;
        }
    }
}

/// What a subscription yields.
#[derive(Debug)]
pub enum Event {
    /// The newest frame.
    Frame(Arc<Frame>),
    /// The camera's state changed.
    State(CameraState),
    /// Controls have changed to these values by themselves.
    Readings(ControlValues),
    /// Something happens before the camera, or moves in its picture.
    Told(Arc<ServerMessage>),
}

impl Subscription {
    pub(super) fn new(camera: Camera, limits: Limits) -> Self {
        let state = States::new(camera.news());
        Self {
            frames: camera.feed().view(limits),
            camera,
            state,
            readings: None,
            events: None,
            moving: None,
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

    /// The same, told of events or not.
    pub fn noticing(self, may: bool) -> Self {
        Self {
            events: may.then(|| Events::new(told(self.camera.events_news()))),
            ..self
        }
    }

    /// Whether this consumer is told what moves, where it may be told of events.
    pub fn watch_motion(&mut self, watches: bool) {
        match &self.moving {
            None if watches && self.events.is_some() => {
                self.moving = Some(self.camera.moving_news())
            }
            Some(_) if !watches => self.moving = None,
            _ => {}
        }
    }

    /// The state as this consumer may see it: the controls are left out if it may not use them.
    pub fn told(&self, mut state: CameraState) -> CameraState {
        if !self.may_operate {
            state.controls.clear();
            return state;
        }
        state.with_readings(&self.camera.readings().borrow())
    }

    /// Whether this consumer is told the values that change by themselves, where it may see the controls.
    pub fn read(&mut self, reads: bool) {
        match &self.readings {
            None if reads && self.may_operate => {
                let mut news = self.camera.readings();
                // What there is already is new to it.
                news.mark_changed();
                self.readings = Some(Readings {
                    news,
                    told: ControlValues::new(),
                });
            }
            Some(_) if !reads => self.readings = None,
            _ => {}
        }
    }

    /// This consumer's access to the controls.
    pub(crate) fn operator(&self) -> Operator {
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

    /// Has the newest frame be new to this consumer, also where it has got that.
    pub fn begin_anew(&mut self) {
        self.frames.begin_anew();
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
            state = self.state.next() => Event::State(state),
            values = next_reading(&mut self.readings) => Event::Readings(values),
            told = next_event(&mut self.events) => Event::Told(told),
            told = next_moving(&mut self.moving) => Event::Told(told),
            frame = self.frames.newest(), if frames => Event::Frame(frame),
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

async fn next_reading(readings: &mut Option<Readings>) -> ControlValues {
    match readings {
        Some(readings) => readings.next().await,
        None => std::future::pending().await,
    }
}

/// The next event. Cancel-safe.
async fn next_event(events: &mut Option<Events>) -> Arc<ServerMessage> {
    let Some(events) = events else {
        return std::future::pending().await;
    };
    poll_fn(|cx| {
        let (event, news) = ready!(events.poll(cx));
        events.set(told(news));
        Poll::Ready(event)
    })
    .await
}

/// The next event, and where those after it come from. One that was missed is not told: the list of events has it.
async fn told(mut news: News) -> (Arc<ServerMessage>, News) {
    loop {
        match news.recv().await {
            Ok(event) => return (event, news),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}

/// What moves now. Cancel-safe.
async fn next_moving(
    moving: &mut Option<watch::Receiver<Option<Arc<ServerMessage>>>>,
) -> Arc<ServerMessage> {
    if let Some(moving) = moving {
        while moving.changed().await.is_ok() {
            let told = moving.borrow_and_update().clone();
            if let Some(told) = told {
                return told;
            }
        }
    }
    std::future::pending().await
}

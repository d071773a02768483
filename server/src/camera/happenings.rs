//! What happens before a camera, for viewers, recordings and programs: motion, and what programs tell.
//!
//! Looking for motion belongs to [`crate::motion`].

use super::Camera;
use crate::util::clock;
use pistreamer_protocol::message::{Happening, Moving, ServerMessage, Stage};
use pistreamer_recording::{Mark, steady_us};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{broadcast, watch};

/// Events that a viewer may be behind; older ones it misses.
const NEWS: usize = 64;

/// Events that are remembered, for servers that record nothing.
const REMEMBERED: usize = 200;

/// Most events that programs have told and that go on.
const MOST_TOLD: usize = 16;

/// What happens before one camera.
#[derive(Debug)]
pub(super) struct Happenings {
    news: broadcast::Sender<Arc<ServerMessage>>,
    moving: watch::Sender<Option<Arc<ServerMessage>>>,
    inner: Mutex<Inner>,
    score: AtomicU8,
    total: AtomicU64,
}

#[derive(Debug, Default)]
struct Inner {
    /// The newest last.
    events: VecDeque<Happening>,
    /// Those of programs that go on, each with its end by the steady clock.
    told: Vec<(Happening, u64)>,
}

impl Default for Happenings {
    fn default() -> Self {
        Self {
            news: broadcast::Sender::new(NEWS),
            moving: watch::Sender::default(),
            inner: Mutex::default(),
            score: AtomicU8::default(),
            total: AtomicU64::default(),
        }
    }
}

impl Happenings {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an event that a program tells is not taken.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{MOST_TOLD} events of this camera go on: let one end first")]
pub(crate) struct TooMany;

impl Camera {
    /// News of events.
    pub(crate) fn events_news(&self) -> broadcast::Receiver<Arc<ServerMessage>> {
        self.0.happenings.news.subscribe()
    }

    /// What moves, picture by picture.
    pub(super) fn moving_news(&self) -> watch::Receiver<Option<Arc<ServerMessage>>> {
        self.0.happenings.moving.subscribe()
    }

    /// Whether anybody wants to know what moves in each picture.
    pub(crate) fn is_moving_wanted(&self) -> bool {
        self.0.happenings.moving.receiver_count() > 0
    }

    /// Notes how much moves at that time by the steady clock, and tells it to those who want to know what.
    pub(crate) fn moves(&self, at_us: u64, score: u8, boxes: impl FnOnce() -> Vec<Moving>) {
        let happenings = &self.0.happenings;
        happenings.score.store(score, Relaxed);
        if let Some(lane) = self.recorded() {
            lane.marks().moved(at_us, score);
        }
        if self.is_moving_wanted() {
            happenings
                .moving
                .send_replace(Some(Arc::new(ServerMessage::Motion {
                    captured_us: wall_of(at_us),
                    score,
                    boxes: boxes(),
                })));
        }
    }

    /// How much moved in the last picture that was looked at.
    pub(crate) fn motion_score(&self) -> u8 {
        self.0.happenings.score.load(Relaxed)
    }

    /// How many events there were since the start.
    pub(crate) fn events_total(&self) -> u64 {
        self.0.happenings.total.load(Relaxed)
    }

    /// The events that are remembered, the newest last: also those that no recording tells of, or not yet.
    pub(crate) fn recent_events(&self) -> Vec<Happening> {
        self.0.happenings.lock().events.iter().cloned().collect()
    }

    /// Whether motion goes on.
    pub(crate) fn is_moving(&self) -> bool {
        let inner = self.0.happenings.lock();
        let mut events = inner.events.iter();
        events.any(|event| event.end_us.is_none() && event.source == "motion")
    }

    /// Something happens, goes on or ends, which is told to viewers. While it does, and for `after_us` behind its end, it is recorded.
    pub(crate) fn happens(&self, event: &Happening, stage: Stage, after_us: u64) {
        let happenings = &self.0.happenings;
        self.note(event, after_us);
        if stage == Stage::Start {
            happenings.total.fetch_add(1, Relaxed);
            tracing::info!(camera = %self.id(), id = event.id, source = event.source, "something happens");
        }
        let mut inner = happenings.lock();
        match inner
            .events
            .iter_mut()
            .rev()
            .find(|known| known.id == event.id)
        {
            Some(known) => known.clone_from(event),
            None => inner.events.push_back(event.clone()),
        }
        if inner.events.len() > REMEMBERED {
            inner.events.pop_front();
        }
        drop(inner);
        // Nobody may be there.
        let _ = happenings.news.send(Arc::new(ServerMessage::Event {
            event: event.clone(),
            state: stage,
        }));
    }

    /// Something goes on: it is recorded for `after_us` from now on, and its recording says that it lasts until now, or when it ended.
    pub(crate) fn note(&self, event: &Happening, after_us: u64) {
        let Some(lane) = self.recorded() else {
            return;
        };
        let steady = |wall_us: u64| {
            let age_us = clock::now_us() as i64 - wall_us as i64;
            steady_us().saturating_add_signed(-age_us)
        };
        let now_us = steady_us();
        lane.marks().set(Mark {
            id: event.id.clone(),
            start_us: steady(event.start_us),
            end_us: event.end_us.map_or(now_us, steady),
            peak_us: steady(event.peak_us),
            peak: event.peak.unwrap_or_default(),
            zones: event.zones.clone(),
            source: event.source.clone(),
            label: event.label.clone(),
        });
        if event.end_us.is_none() {
            lane.happens(now_us.saturating_add(after_us));
        }
    }

    /// An id for an event that begins at that Unix time in µs.
    pub(crate) fn event_id(&self, start_us: u64) -> String {
        let known = self.recent_events();
        let mut ids = (start_us / 1000..).map(|ms| format!("{}-{ms}", self.id()));
        let free = ids.find(|id| known.iter().all(|known| known.id != *id));
        free.unwrap_or_default()
    }

    /// A program tells that something happens for that long. With the id of one that goes on, that goes on for longer.
    ///
    /// # Errors
    /// Where too many go on.
    pub(crate) fn told_of(
        &self,
        id: Option<&str>,
        label: String,
        lasts_us: u64,
    ) -> Result<Happening, TooMany> {
        let until_us = steady_us().saturating_add(lasts_us);
        let mut inner = self.0.happenings.lock();
        let known = inner
            .told
            .iter_mut()
            .find(|(event, _)| id == Some(&*event.id));
        let (event, stage) = if let Some((event, until)) = known {
            *until = until_us.max(*until);
            if !label.is_empty() {
                event.label = label;
            }
            (event.clone(), Stage::Update)
        } else {
            if inner.told.len() >= MOST_TOLD {
                return Err(TooMany);
            }
            drop(inner);
            let now_us = clock::now_us();
            let event = Happening {
                id: self.event_id(now_us),
                camera: self.id().to_string(),
                start_us: now_us,
                peak_us: now_us,
                source: "api".into(),
                label,
                ..Happening::default()
            };
            inner = self.0.happenings.lock();
            inner.told.push((event.clone(), until_us));
            (event, Stage::Start)
        };
        drop(inner);
        self.happens(&event, stage, lasts_us);
        Ok(event)
    }

    /// Ends the events of programs whose time is over, or all of them.
    pub(crate) fn end_told(&self, all: bool) {
        let now_us = steady_us();
        let over: Vec<_> = {
            let mut inner = self.0.happenings.lock();
            let (over, going) = std::mem::take(&mut inner.told)
                .into_iter()
                .partition(|(_, until)| all || *until <= now_us);
            inner.told = going;
            over
        };
        for (mut event, _) in over {
            event.end_us = Some(clock::now_us());
            self.happens(&event, Stage::End, 0);
        }
    }
}

/// The Unix time in µs of what is at that time by the steady clock.
pub(crate) fn wall_of(at_us: u64) -> u64 {
    let age_us = steady_us() as i64 - at_us as i64;
    clock::now_us().saturating_add_signed(-age_us)
}

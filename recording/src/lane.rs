//! A camera's way to the recorder. It never holds up the camera: what the disk does not take waits in the ring, or is dropped there.

use crate::marks::Marks;
use crate::pace::Pace;
use crate::progress::{Kept, Progress, Shared, State, Status};
use crate::ring::{Ring, TooLarge};
use crate::session::{Events, Now, Plan};
use crate::track::Frame;
use bytes::Bytes;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A camera whose newest frame is older than this delivers none.
const SILENT_US: u64 = 15_000_000;

/// While nothing is written, a frame is taken this often, so that not the next one that is due shows that the disk does again.
const TRIES_US: u64 = 5_000_000;

/// One camera's way to the recorder. While it lives, the camera is recorded.
#[derive(Debug)]
pub struct Lane {
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    lane: u64,
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    pace: Mutex<Pace>,
    happening: Mutex<Happening>,
}

/// Whether something happens that is recorded as an event.
#[derive(Debug, Default)]
struct Happening {
    pace: Pace,
    /// Until when, by the steady clock; 0 while nothing does.
    until_us: u64,
    /// When the newest frame was captured, by the same clock.
    newest_us: u64,
}

/// How much longer frames are held than they are recorded: that something happens is known when it has for a while.
const KNOWN_AFTER_US: u64 = 2_000_000;

impl Lane {
    pub(crate) fn new(ring: Arc<Ring>, shared: Arc<Shared>, plan: Plan) -> Self {
        let progress = Arc::new(Progress::begun(Now::read()));
        let plan = Arc::new(plan);
        let lane = ring.add(Arc::clone(&plan), Arc::clone(&progress));
        let lane = Self {
            ring,
            shared,
            lane,
            plan,
            progress,
            pace: Mutex::default(),
            happening: Mutex::default(),
        };
        // Where the camera's plan is another one, what happens goes on.
        if let Some((start_us, until_us)) = lane.plan.marks.going(Now::read().steady_us) {
            lane.happens(start_us, until_us);
        }
        lane
    }

    /// Offers a frame: the camera's `number`th, captured that long ago, of that size. It is taken if one is due. Never waits for the
    /// disk.
    pub fn offer(&self, number: u64, age: Duration, (width, height): (u32, u32), jpeg: &Bytes) {
        let now = Now::read();
        self.progress.offered_us.store(now.steady_us, Relaxed);
        let age_us = age.as_micros() as u64;
        let frame = Frame {
            captured_us: now.wall_us.saturating_sub(age_us),
            steady_us: now.steady_us.saturating_sub(age_us),
            width,
            height,
            jpeg: jpeg.clone(),
        };
        if let Some(events) = self.plan.events {
            self.offer_to_event(number, &frame, events, now);
        }
        let interval_us = self.plan.continuous_us.unwrap_or(self.plan.sparse_us);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.has_failed() || self.progress.failure().is_some() {
            pace.hurry(frame.steady_us, TRIES_US);
        }
        if let Some(skipped) = pace.take(number, frame.steady_us, interval_us) {
            drop(pace);
            self.progress.skipped.fetch_add(skipped, Relaxed);
            self.take(frame, false, now);
        }
    }

    /// Holds a frame for an event that may begin, or takes it where one goes on.
    fn offer_to_event(&self, number: u64, frame: &Frame, events: Events, now: Now) {
        // Nothing panics while it holds this lock.
        let mut happening = self
            .happening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        happening.newest_us = frame.steady_us;
        if happening.until_us > 0 && frame.steady_us > happening.until_us {
            happening.until_us = 0;
            self.ring.end_event(self.lane);
        }
        let pace = &mut happening.pace;
        let Some(skipped) = pace.take(number, frame.steady_us, events.interval_us) else {
            return;
        };
        if happening.until_us > 0 {
            self.progress.skipped.fetch_add(skipped, Relaxed);
            self.take(frame.clone(), true, now);
        } else {
            let held_us = events.before_us + KNOWN_AFTER_US;
            let from_us = frame.steady_us.saturating_sub(held_us);
            self.ring.hold(self.lane, frame.clone(), from_us);
        }
    }

    fn take(&self, frame: Frame, of_event: bool, now: Now) {
        self.progress.newest_us.store(frame.captured_us, Relaxed);
        let bytes = frame.jpeg.len() as u64;
        let counts = self.shared.counts_overflows(now);
        let slow_us = counts.then_some(now.steady_us);
        match self.ring.push(self.lane, frame, of_event, slow_us) {
            Ok(true) => {}
            Ok(false) if counts => self.shared.overflowed_us.store(now.steady_us, Relaxed),
            Ok(false) => {}
            Err(TooLarge) => self.progress.refuse(bytes, now.steady_us),
        }
    }

    /// Something happens from one time by the steady clock to another, and is recorded with what was before. Where it happens already, it
    /// goes on for longer. Without effect where it is over, or the plan records no events.
    pub fn happens(&self, start_us: u64, until_us: u64) {
        let Some(events) = self.plan.events else {
            return;
        };
        let mut happening = self
            .happening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if until_us <= happening.newest_us {
            return;
        }
        if happening.until_us == 0 {
            let from_us = start_us.saturating_sub(events.before_us);
            self.ring.begin_event(self.lane, from_us);
        }
        happening.until_us = happening.until_us.max(until_us);
    }

    /// What happened of late, for files to tell.
    pub fn marks(&self) -> &Marks {
        &self.plan.marks
    }

    /// The camera has no signal: that is told at once, rather than when its frames are missed.
    pub fn lost(&self) {
        self.progress.offered_us.store(0, Relaxed);
    }

    /// What was recorded.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The recordings of a camera.
    pub fn kept(&self, camera: &str) -> Kept {
        self.shared.kept(camera)
    }

    /// Whether frames of this camera are recorded.
    pub fn status(&self) -> Status {
        let now = Now::read();
        let status = self.shared.disk_status(now);
        if status.state != State::Recording {
            return status;
        }
        let progress = &self.progress;
        let is_silent = progress.offered_us.load(Relaxed) + SILENT_US < now.steady_us;
        let told = |state, reason: &str, since_us: u64| Status {
            state,
            reason: reason.into(),
            since_us: since_us.max(progress.begun_us),
        };
        if let Some(failure) = progress.failure() {
            failure
        } else if is_silent {
            told(
                State::NoSignal,
                "the camera delivers no frames",
                progress.newest_us(),
            )
        } else if let Some(refused) = progress.refused(now, SILENT_US) {
            refused
        } else if progress.frames() == 0 {
            told(State::Starting, "", 0)
        } else {
            progress.slow(now).unwrap_or(status)
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.ring.remove(self.lane);
    }
}

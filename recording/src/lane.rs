//! A camera's way to the recorder. It never holds up the camera: what the disk does not take waits in the ring, or is dropped there.

use crate::pace::Pace;
use crate::progress::{Kept, Progress, Shared, State, Status};
use crate::ring::{Ring, TooLarge};
use crate::session::{Now, Plan};
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
}

impl Lane {
    pub(crate) fn new(ring: Arc<Ring>, shared: Arc<Shared>, plan: Plan) -> Self {
        let progress = Arc::new(Progress::begun(Now::read()));
        let plan = Arc::new(plan);
        let lane = ring.add(Arc::clone(&plan), Arc::clone(&progress));
        Self {
            ring,
            shared,
            lane,
            plan,
            progress,
            pace: Mutex::default(),
        }
    }

    /// Offers a frame: the camera's `number`th, captured that long ago, of that size. It is taken if one is due. Never waits for the
    /// disk.
    pub fn offer(&self, number: u64, age: Duration, (width, height): (u32, u32), jpeg: &Bytes) {
        let now = Now::read();
        self.progress.offered_us.store(now.steady_us, Relaxed);
        let age_us = age.as_micros() as u64;
        let steady_us = now.steady_us.saturating_sub(age_us);
        let interval_us = self.plan.continuous_us.unwrap_or(self.plan.sparse_us);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if self.shared.has_failed() || self.progress.failure().is_some() {
            pace.hurry(steady_us, TRIES_US);
        }
        let Some(skipped) = pace.take(number, steady_us, interval_us) else {
            return;
        };
        drop(pace);
        self.progress.skipped.fetch_add(skipped, Relaxed);
        let captured_us = now.wall_us.saturating_sub(age_us);
        self.progress.newest_us.store(captured_us, Relaxed);
        let frame = Frame {
            captured_us,
            steady_us,
            width,
            height,
            jpeg: jpeg.clone(),
        };
        let counts = self.shared.counts_overflows(now);
        match self
            .ring
            .push(self.lane, frame, counts.then_some(now.steady_us))
        {
            Ok(true) => {}
            Ok(false) if counts => self.shared.overflowed_us.store(now.steady_us, Relaxed),
            Ok(false) => {}
            Err(TooLarge) => self.progress.refuse(jpeg.len() as u64, now.steady_us),
        }
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

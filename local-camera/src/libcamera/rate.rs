//! Decides when a request goes back to the camera, so that frames come at the requested rate.
//!
//! Asking the camera itself for a rate belongs to [`super::stream`].

use std::time::{Duration, Instant};

/// A camera is too fast above this multiple of the requested rate; up to it, its own clock is trusted.
const TOLERANCE: f64 = 1.05;

/// Paces one running camera.
///
/// A camera that keeps to the rate gets each request back at once, so that it always has all buffers there are. One that
/// doesn't (no such control, a control without effect, no frame clock at all like libcamera's virtual cameras) gets one
/// request per tick of a clock that never drifts.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// When the frames so far would have arrived at the fastest rate that is tolerated.
    allowance: Instant,
    /// What is earlier than that by more than this is no burst any more.
    burst: Duration,
    /// The next tick, once the camera was found to be too fast.
    due: Option<Instant>,
}

impl Pace {
    /// The pace of a camera with this many buffers, which it may deliver in a burst after this program was delayed.
    pub(super) fn new(fps: f64, buffers: usize, now: Instant) -> Self {
        let interval = Duration::from_secs_f64(1.0 / fps);
        Self {
            interval,
            allowance: now,
            burst: interval * (buffers as u32 + 2),
            due: None,
        }
    }

    /// Returns true if the camera has to be paced.
    pub(super) fn paced(&self) -> bool {
        self.due.is_some()
    }

    /// A frame arrived. Returns true if it is the one that shows that the camera is too fast.
    pub(super) fn arrived(&mut self, now: Instant) -> bool {
        self.allowance = self.allowance.max(now) + self.interval.div_f64(TOLERANCE);
        let too_fast = self.due.is_none() && self.allowance > now + self.burst;
        if too_fast {
            self.due = Some(now + self.interval);
        }
        too_fast
    }

    /// When the next request may be queued, if that is not now.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.due
            .map(|due| due.saturating_duration_since(now))
            .filter(|wait| !wait.is_zero())
    }

    /// A request was queued.
    pub(super) fn queued(&mut self, now: Instant) {
        if let Some(due) = &mut self.due {
            *due += self.interval;
            // Ticks missed by much are not made up for by a burst.
            if *due + self.interval < now {
                *due = now + self.interval;
            }
        }
    }

    /// Restarts the ticks, because the next frame is wanted now.
    pub(super) fn restart(&mut self, now: Instant) {
        if let Some(due) = &mut self.due {
            *due = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets frames come at some rate, asking for 30, and tells after how many frames it is found too fast.
    fn found_too_fast(fps: f64, frames: u32) -> Option<u32> {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, 4, start);
        (1..=frames).find(|frame| pace.arrived(start + (SECOND * *frame).div_f64(fps)))
    }

    #[test]
    fn a_camera_near_its_rate_keeps_its_own_clock() {
        for fps in [15.0, 29.97, 30.0, 30.02, 31.0] {
            assert_eq!(found_too_fast(fps, 100_000), None, "{fps}");
        }
    }

    #[test]
    fn a_camera_without_a_frame_clock_is_found_within_a_burst() {
        assert!(found_too_fast(3400.0, 10).is_some());
        assert!(found_too_fast(60.0, 20).is_some());
    }

    #[test]
    fn a_burst_after_a_pause_is_not_held_against_the_camera() {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, 4, start);
        for second in 1..100 {
            for _ in 0..4 {
                assert!(!pace.arrived(start + SECOND * second));
            }
        }
    }

    #[test]
    fn ticks_average_the_exact_rate_however_late_each_is_noticed() {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, 4, start);
        while !pace.arrived(start) {}
        let mut now = start;
        for frame in 0..3000 {
            now += pace.wait(now).unwrap_or_default();
            now += Duration::from_micros(frame * 7919 % 9000);
            pace.queued(now);
        }
        let error = (now - start).abs_diff(SECOND * 100);
        assert!(error < SECOND / 30, "{error:?}");
    }

    #[test]
    fn missed_ticks_make_no_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(30.0, 4, start);
        while !pace.arrived(start) {}
        let late = start + SECOND * 10;
        assert_eq!(pace.wait(late), None);
        pace.queued(late);
        assert!(pace.wait(late).is_some());
    }
}

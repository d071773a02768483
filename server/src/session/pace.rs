//! Drops frames for a viewer that wants fewer of them: pure bookkeeping; the caller passes the time.

use std::time::Duration;
use tokio::time::Instant;

/// One viewer's own frame rate.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    interval: Option<Duration>,
    due: Option<Instant>,
}

/// Slowest rate that a viewer can ask for: a frame an hour.
const SLOWEST: f64 = 1.0 / 3600.0;

impl Pace {
    /// Limits the rate to this many frames a second from now on; `None` is no limit.
    pub(crate) fn limit(&mut self, max_fps: Option<f64>) {
        self.interval = max_fps
            .filter(|fps| fps.is_finite())
            .map(|fps| Duration::from_secs_f64(1.0 / fps.max(SLOWEST)));
        self.due = None;
    }

    /// Returns true if frames are left out at the viewer's request.
    pub(crate) fn is_limited(&self) -> bool {
        self.interval.is_some()
    }

    /// When the next frame may be sent: `None` is at once.
    pub(crate) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }

    /// A frame was sent.
    pub(crate) fn sent(&mut self, now: Instant) {
        if let Some(interval) = self.interval {
            // A camera's frames come a little early or late. A tenth of an interval early counts as in time, and the
            // schedule is kept rather than begun anew, so that the rate is met on average.
            let slack = interval / 10;
            let due = self.due.map_or(now, |due| due + slack);
            let base = if now.saturating_duration_since(due) > interval {
                now
            } else {
                due
            };
            self.due = Some(base + interval - slack);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames_let_through(camera_fps: f64, max_fps: f64, seconds: f64) -> usize {
        let start = Instant::now();
        let mut pace = Pace::default();
        pace.limit(Some(max_fps));
        let frames = (0..(camera_fps * seconds) as u32)
            .map(|n| start + Duration::from_secs_f64(f64::from(n) / camera_fps));
        frames
            .filter(|now| {
                pace.blocked_until(*now)
                    .is_none()
                    .then(|| pace.sent(*now))
                    .is_some()
            })
            .count()
    }

    #[test]
    fn the_rate_asked_for_is_the_rate_given() {
        for (max_fps, expected) in [
            (1.0, 10),
            (10.0, 100),
            (15.0, 150),
            (30.0, 300),
            (60.0, 300),
        ] {
            let given = frames_let_through(30.0, max_fps, 10.0);
            assert!(
                given.abs_diff(expected) <= 1,
                "{max_fps} fps gave {given} frames in 10 s"
            );
        }
    }

    #[test]
    fn nonsense_is_no_limit_and_never_panics() {
        let mut pace = Pace::default();
        for fps in [f64::NAN, f64::INFINITY] {
            pace.limit(Some(fps));
            assert!(!pace.is_limited());
        }
        pace.limit(Some(-5.0));
        pace.sent(Instant::now());
        assert!(pace.blocked_until(Instant::now()).is_some());
    }
}

//! Paces a source that makes its frames itself: at its rate, while frames are wanted.
//!
//! Sources whose device sets the pace don't need this.

use super::SourceError;
use crate::demand::Demand;
use pistreamer_protocol::message::Cause;
use std::time::{Duration, Instant};

/// Holds a source back until the next frame is due and wanted.
pub(super) struct Pace<'a> {
    demand: &'a Demand,
    fps: f64,
    started: Instant,
    /// `None` without viewers, so that the first frame afterwards comes at once.
    schedule: Option<Schedule>,
}

/// Maximum sleep of a source without viewers. Demand and the end wake it earlier.
const IDLE: Duration = Duration::from_secs(60);

impl<'a> Pace<'a> {
    pub(super) fn new(demand: &'a Demand, fps: f64) -> Self {
        Self {
            demand,
            fps,
            started: Instant::now(),
            schedule: None,
        }
    }

    /// Blocks until the next frame is due and wanted; `false` if the pipeline stops.
    pub(super) fn wait(&mut self) -> bool {
        while !self.demand.stopping() {
            if !self.demand.wanted() {
                self.schedule = None;
                self.demand.wait_wanted(IDLE);
                continue;
            }
            let now = self.started.elapsed();
            let schedule = self
                .schedule
                .get_or_insert_with(|| Schedule::new(self.fps, now));
            let tick = schedule.tick(now);
            if tick.missed > 0 {
                tracing::debug!(
                    missed = tick.missed,
                    "frames were skipped because they were due already"
                );
            }
            if !self.demand.sleep(tick.wait) && self.demand.wanted() {
                return true;
            }
        }
        false
    }
}

/// Checks a rate.
pub(super) fn rate(fps: f64) -> Result<f64, SourceError> {
    if fps > 0.0 && fps <= FASTEST {
        return Ok(fps);
    }
    Err(Cause::RateImpossible { fps, most: FASTEST }.into())
}

/// Highest rate, in frames per second.
const FASTEST: f64 = 1000.0;

/// A frame clock without drift, on given times alone: tick k is due k periods after the first, whatever happened in
/// between.
struct Schedule {
    fps: f64,
    first: Duration,
    next: u64,
}

/// The next tick.
#[derive(Debug, PartialEq, Eq)]
struct Tick {
    /// How long to wait before the frame.
    wait: Duration,
    /// Frames that are skipped because their time had passed.
    missed: u64,
}

impl Schedule {
    /// A clock whose first tick is due at `first`. Times count from any fixed moment.
    fn new(fps: f64, first: Duration) -> Self {
        Self {
            fps,
            first,
            next: 0,
        }
    }

    /// The tick after the last one returned. Of several overdue ones only the latest is left.
    fn tick(&mut self, now: Duration) -> Tick {
        let elapsed = now.saturating_sub(self.first).as_secs_f64();
        let latest = (elapsed * self.fps) as u64;
        let due = self.next.max(latest);
        let missed = due - self.next;
        self.next = due + 1;
        let at = self.first + Duration::from_secs_f64(due as f64 / self.fps);
        Tick {
            wait: at.saturating_sub(now),
            missed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1000);

    fn ms(ms: u64) -> Duration {
        START + Duration::from_millis(ms)
    }

    #[test]
    fn the_first_frame_is_due_at_once() {
        let mut clock = Schedule::new(25.0, START);
        let at_once = Tick {
            wait: Duration::ZERO,
            missed: 0,
        };
        assert_eq!(clock.tick(START), at_once);
    }

    #[test]
    fn a_day_of_frames_does_not_drift() {
        let mut clock = Schedule::new(29.97, START);
        let mut now = START;
        let frames = (29.97 * 86_400.0) as u64;
        for _ in 0..=frames {
            let tick = clock.tick(now);
            assert_eq!(tick.missed, 0);
            // Each frame takes 3 ms, and every wait ends 0.2 ms late.
            now += tick.wait + Duration::from_micros(3200);
        }
        let last = START + Duration::from_secs_f64(frames as f64 / 29.97);
        let late = now - last;
        assert!(late < Duration::from_micros(3300), "{late:?} late");
    }

    #[test]
    fn a_late_frame_skips_whole_periods_and_never_bursts() {
        let mut clock = Schedule::new(10.0, START);
        clock.tick(START);
        // 350 ms for a frame: ticks 1 and 2 are over, 3 is late, 4 comes in its time.
        assert_eq!(
            clock.tick(ms(350)),
            Tick {
                wait: Duration::ZERO,
                missed: 2
            }
        );
        assert_eq!(
            clock.tick(ms(351)),
            Tick {
                wait: Duration::from_millis(49),
                missed: 0
            }
        );
    }

    #[test]
    fn a_slightly_late_frame_is_not_skipped() {
        let mut clock = Schedule::new(10.0, START);
        clock.tick(START);
        assert_eq!(
            clock.tick(ms(101)),
            Tick {
                wait: Duration::ZERO,
                missed: 0
            }
        );
    }
}

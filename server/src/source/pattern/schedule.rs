//! When the next frame is due. Pure arithmetic on given times; waiting belongs to whoever asks.

use std::time::Duration;

/// A frame clock without drift: tick k is due k periods after the first, whatever happened in between.
pub struct Schedule {
    fps: f64,
    first: Duration,
    next: u64,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub struct Tick {
    /// How long to wait before the frame.
    pub wait: Duration,
    /// Frames left out because their time was over before they could begin.
    pub missed: u64,
}

impl Schedule {
    /// A clock whose first tick is due at `first`. Times count from any fixed moment.
    pub fn new(fps: f64, first: Duration) -> Self {
        Self {
            fps,
            first,
            next: 0,
        }
    }

    /// The tick after the last one handed out. Where several are overdue only the latest of them is left.
    pub fn tick(&mut self, now: Duration) -> Tick {
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

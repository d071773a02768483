//! Which frames a standstill of the link held up: pure bookkeeping, told the time.
//!
//! Frames that were under way when a link stopped come first when it moves again. Whoever draws them shows the past once
//! more before the present, which is a round trip behind them.

/// Tells held-up frames from new ones. Times are in milliseconds, from any beginning.
#[derive(Debug)]
pub struct HeldUp {
    /// Of the last frame that came.
    arrived: f64,
    age: f64,
    /// When the link last moved again.
    moved: f64,
    /// Frames older than this were under way when it stopped.
    oldest: f64,
    /// The last frame was held up.
    held_up: bool,
}

/// A pause between two frames that may be a standstill. A camera's own pauses make no frame old.
const STANDSTILL: f64 = 1000.0;

/// Whatever comes later than this after a standstill is drawn, however old it is: the link is as it is now.
const CATCHING_UP: f64 = 1000.0;

impl Default for HeldUp {
    fn default() -> Self {
        Self {
            arrived: f64::INFINITY,
            age: 0.0,
            moved: f64::NEG_INFINITY,
            oldest: 0.0,
            held_up: false,
        }
    }
}

impl HeldUp {
    /// Returns true if a stall delayed this frame, so that a newer one is on its way. Call it for every frame.
    pub fn is_held_up(&mut self, now: f64, age: f64) -> bool {
        let pause = now - self.arrived;
        if pause > STANDSTILL {
            // New frames are as old as the last one was, more or less, and held-up ones are older by the pause. After one
            // that nothing newer followed, whatever comes is drawn.
            let older = if self.held_up {
                f64::INFINITY
            } else {
                pause / 2.0
            };
            (self.moved, self.oldest) = (now, self.age + older);
        }
        (self.arrived, self.age) = (now, age);
        self.held_up = age > self.oldest && now - self.moved < CATCHING_UP;
        self.held_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of frames with arrival and age, those that are held up.
    fn held_up(frames: &[(f64, f64)]) -> Vec<bool> {
        let mut held_up = HeldUp::default();
        frames
            .iter()
            .map(|&(now, age)| held_up.is_held_up(now, age))
            .collect()
    }

    #[test]
    fn what_was_under_way_when_the_link_stopped_is_held_up_and_what_comes_after_it_is_not() {
        let frames = [
            (0.0, 80.0),
            (33.0, 90.0),
            (5033.0, 5080.0),
            (5113.0, 5120.0),
            (5240.0, 180.0),
            (5273.0, 120.0),
        ];
        assert_eq!(held_up(&frames), [false, false, true, true, false, false]);
    }

    #[test]
    fn the_first_frame_and_those_of_a_slow_camera_are_not() {
        assert_eq!(held_up(&[(70.0, 9000.0), (103.0, 9000.0)]), [false; 2]);
        let slow: Vec<_> = (0..10).map(|n| (f64::from(n) * 4000.0, 60.0)).collect();
        assert_eq!(held_up(&slow), [false; 10]);
    }

    #[test]
    fn a_link_that_is_late_from_now_on_is_looked_through_all_the_same() {
        // A camera with a frame in two seconds, and a way that takes three seconds more than it did.
        let slow: Vec<_> = (0..10)
            .map(|n| (f64::from(n) * 2000.0, if n < 3 { 50.0 } else { 3050.0 }))
            .collect();
        let left_out = held_up(&slow);
        assert_eq!(left_out.iter().filter(|left_out| **left_out).count(), 1);
        // A fast camera behind a way that stood still and stays slow.
        let fast: Vec<_> = (0..100)
            .map(|n| (f64::from(n) * 33.0, 50.0))
            .chain((0..100).map(|n| (10_000.0 + f64::from(n) * 33.0, 6000.0)))
            .collect();
        let last_left_out = held_up(&fast).iter().rposition(|left_out| *left_out);
        assert_eq!(last_left_out, Some(100 + 30));
    }

    #[test]
    fn frames_whose_age_says_nothing_are_seen_all_the_same() {
        // Stamps that stand still: each frame is older than the one before by the time between them.
        let slow: Vec<_> = (0..20)
            .map(|n| (f64::from(n) * 2000.0, f64::from(n) * 2000.0))
            .collect();
        let left_out = held_up(&slow);
        assert!(left_out.windows(2).all(|two| two != [true, true]));
    }
}

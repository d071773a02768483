//! The difference between the server's clock and ours, from pings, and with it the age of a frame.
//!
//! Reading our clock belongs to [`crate::js`]; all times here are Unix µs as `f64`, exact to well below a µs.

use std::collections::VecDeque;

/// How many pings count.
const KEPT: usize = 8;
/// Two samples that differ by more than this, in µs, beyond what their round trips allow, mean that one of the clocks
/// was set.
const STEP: f64 = 50_000.0;

/// Estimates `server time − our time`.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    offset: f64,
    round_trip: f64,
}

impl Clock {
    /// Takes in one pong: when the ping left, when the pong arrived, and what the server's clock said in between.
    ///
    /// The midpoint is wrong by at most half of the round trip, so samples that differ by more than both halves show
    /// that a clock was set; the older samples are then worthless.
    pub fn pong(&mut self, sent: f64, received: f64, server: f64) {
        let sample = Sample {
            offset: server - (sent + received) / 2.0,
            round_trip: (received - sent).max(0.0),
        };
        if self.best().is_some_and(|best| {
            let allowed = (best.round_trip + sample.round_trip) / 2.0 + STEP;
            (best.offset - sample.offset).abs() > allowed
        }) {
            self.samples.clear();
        }
        self.samples.push_back(sample);
        if self.samples.len() > KEPT {
            self.samples.pop_front();
        }
    }

    /// The sample with the shortest round trip of the last few: the one that can be wrong by the least.
    fn best(&self) -> Option<Sample> {
        self.samples
            .iter()
            .copied()
            .min_by(|a, b| a.round_trip.total_cmp(&b.round_trip))
    }

    /// The shortest round trip of the last few pings, in ms.
    pub fn round_trip_ms(&self) -> Option<f64> {
        Some(self.best()?.round_trip / 1000.0)
    }

    /// Age in ms of a frame captured at `captured` by the server's clock, at `now` by ours; `None` before the first pong.
    pub fn age_ms(&self, now: f64, captured: f64) -> Option<f64> {
        Some((now + self.best()?.offset - captured) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_decides() {
        let mut clock = Clock::default();
        assert_eq!(clock.age_ms(0.0, 0.0), None);
        clock.pong(1_000_000.0, 1_080_000.0, 5_070_000.0);
        assert_eq!(clock.age_ms(2_000_000.0, 6_000_000.0), Some(30.0));
        clock.pong(3_000_000.0, 3_004_000.0, 7_002_000.0);
        assert_eq!(clock.age_ms(4_000_000.0, 8_000_000.0), Some(0.0));
        clock.pong(5_000_000.0, 5_060_000.0, 9_060_000.0);
        assert_eq!(clock.age_ms(4_000_000.0, 8_000_000.0), Some(0.0));
        assert_eq!(clock.round_trip_ms(), Some(4.0));
    }

    #[test]
    fn a_sample_counts_for_eight_pings() {
        let mut clock = Clock::default();
        clock.pong(0.0, 1_000.0, 500.0);
        for at in 1..=8 {
            let at = f64::from(at) * 2e6;
            clock.pong(at, at + 20_000.0, at + 10_500.0);
        }
        assert_eq!(clock.age_ms(0.0, 0.0), Some(0.5));
    }

    #[test]
    fn a_clock_that_is_set_is_believed_at_once() {
        let mut clock = Clock::default();
        clock.pong(0.0, 1_000.0, 500.0);
        clock.pong(2e6, 2e6 + 30_000.0, 2e6 + 3600e6);
        let age = clock.age_ms(3e6, 3e6 + 3600e6).unwrap();
        assert!(age.abs() < 20.0, "{age}");
    }
}

//! Whether the broker is there: pings and what is heard meanwhile, pure and told the time.
//!
//! A broker that is stopped, or behind a cable that was pulled, keeps its connections. Pings are answered in order, behind
//! everything that was sent before them: an answer says also that the frames before it were handed on.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Interval of pings while nothing else is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// Silence after which a broker that was asked something is lost: four times what an answer behind a frame takes, and no less than
/// this.
pub const SHORTEST_SILENCE: Duration = Duration::from_millis(1500);

/// And no more than this.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(10);

/// How long an answer is expected to take while nothing is known.
const UNKNOWN: Duration = Duration::from_secs(1);

/// The same behind a frame: on a slow way much of it waits in the kernel.
const UNKNOWN_BEHIND_FRAME: Duration = Duration::from_millis(2500);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing before that time.
    Wait(Instant),
    /// A ping is to be sent.
    Ping,
    /// The broker is lost.
    Lost,
}

/// One connection's pings.
#[derive(Debug)]
pub struct Pulse {
    /// Of each ping that was not answered: its time, and what it stands behind.
    asked: VecDeque<(Instant, Option<u64>)>,
    /// When the broker last showed that it is there.
    alive: Instant,
    /// When a ping was last sent.
    last: Instant,
    round_trip: Option<Duration>,
    /// The slowest answer lately, and the slowest one to a ping behind a frame.
    slowest: Duration,
    slowest_behind_frame: Duration,
}

impl Pulse {
    /// A connection that was just made.
    pub fn new(now: Instant) -> Self {
        Self {
            asked: VecDeque::new(),
            alive: now,
            last: now,
            round_trip: None,
            slowest: UNKNOWN,
            slowest_behind_frame: UNKNOWN_BEHIND_FRAME,
        }
    }

    /// A ping is sent, behind the frame with that number or behind none.
    pub fn asks(&mut self, behind: Option<u64>, now: Instant) {
        if self.asked.is_empty() {
            // From here on it is silent, and not before.
            self.alive = now;
        }
        self.asked.push_back((now, behind));
        self.last = now;
    }

    /// Something came from the broker, or the network took something that had waited for it: it may be slow, but it is there.
    pub fn moves(&mut self, now: Instant) {
        self.alive = now;
    }

    /// The oldest ping is answered. Returns the number of the frame that it stood behind.
    pub fn answered(&mut self, now: Instant) -> Option<u64> {
        self.alive = now;
        let (at, behind) = self.asked.pop_front()?;
        let took = now.saturating_duration_since(at);
        self.slowest = took.max(self.slowest * 7 / 8);
        if behind.is_some() {
            self.slowest_behind_frame = took.max(self.slowest_behind_frame * 7 / 8);
        }
        // Behind a frame it takes as long as that.
        if behind.is_none() || self.round_trip.is_none_or(|known| took < known) {
            self.round_trip = Some(took);
        }
        behind
    }

    /// How long a ping takes to be answered.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// What is to be done now.
    pub fn step(&self, now: Instant) -> Step {
        if self.asked.is_empty() {
            let due = self.last + INTERVAL;
            return if now >= due {
                Step::Ping
            } else {
                Step::Wait(due)
            };
        }
        let is_behind_frame = self.asked.iter().any(|(_, behind)| behind.is_some());
        let slowest = if is_behind_frame {
            self.slowest.max(self.slowest_behind_frame)
        } else {
            self.slowest
        };
        let silence = (slowest * 4).clamp(SHORTEST_SILENCE, LONGEST_SILENCE);
        let lost = self.alive + silence;
        if now >= lost {
            Step::Lost
        } else {
            Step::Wait(lost)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_broker_that_answers_nothing_is_lost_and_one_that_is_slow_is_not() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        assert_eq!(pulse.step(start), Step::Wait(start + INTERVAL));
        for _ in 0..20 {
            pulse.asks(None, start);
            pulse.answered(start + ms(5));
        }
        let asked = start + ms(10_000);
        assert_eq!(pulse.step(asked), Step::Ping);
        pulse.asks(None, asked);
        // The quiet time before it counts for nothing.
        assert_eq!(pulse.step(asked), Step::Wait(asked + SHORTEST_SILENCE));
        pulse.moves(asked + ms(1400));
        assert_eq!(
            pulse.step(asked + ms(1600)),
            Step::Wait(asked + ms(1400) + SHORTEST_SILENCE)
        );
        assert_eq!(pulse.step(asked + ms(2900)), Step::Lost);
        pulse.answered(asked + ms(2900));
        assert_eq!(pulse.step(asked + ms(2900)), Step::Ping);
    }

    #[test]
    fn on_a_slow_way_a_broker_has_the_time_that_a_frame_takes() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        // However fast the answers are while nobody looks.
        for _ in 0..50 {
            pulse.asks(None, start);
            pulse.answered(start + ms(5));
        }
        pulse.asks(Some(1), start);
        assert_eq!(pulse.step(start), Step::Wait(start + LONGEST_SILENCE));
        let mut now = start;
        for frame in 2..50 {
            now += ms(2000);
            pulse.answered(now);
            pulse.asks(Some(frame), now);
        }
        assert_eq!(pulse.step(now), Step::Wait(now + ms(8000)));
        // And where it is fast, a broker that answers nothing is noticed as soon.
        for frame in 50..100 {
            now += ms(30);
            pulse.answered(now);
            pulse.asks(Some(frame), now);
        }
        assert_eq!(pulse.step(now), Step::Wait(now + SHORTEST_SILENCE));
    }

    #[test]
    fn answers_come_in_order_and_say_which_frame_arrived() {
        let start = Instant::now();
        let mut pulse = Pulse::new(start);
        pulse.asks(Some(1), start);
        pulse.asks(None, start + ms(1));
        pulse.asks(Some(2), start + ms(2));
        assert_eq!(pulse.answered(start + ms(20)), Some(1));
        assert_eq!(pulse.round_trip(), Some(ms(20)));
        assert_eq!(pulse.answered(start + ms(21)), None);
        assert_eq!(pulse.answered(start + ms(100)), Some(2));
        assert_eq!(pulse.round_trip(), Some(ms(20)));
        // One that was never asked for.
        assert_eq!(pulse.answered(start + ms(100)), None);
    }
}

//! Pauses between attempts: doubling up to a cap, with jitter, so that many clients don't come back in step.
//!
//! Waiting, and drawing random numbers, belong to the caller.

use std::time::Duration;

/// A sequence of pauses.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` on, each twice the one before, none longer than `longest` (before jitter).
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first,
        }
    }

    /// The next pause, made longer by up to a quarter of it: by none for a `random` of 0, by a quarter for 1.
    pub fn pause(&mut self, random: f64) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = (pause * 2).min(self.longest);
        pause + pause.mul_f64(random.clamp(0.0, 1.0) / 4.0)
    }

    /// Starts again with the first pause: the connection works.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_begin_anew() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(100), ms(500));
        for expected in [100, 200, 400, 500, 500] {
            assert_eq!(backoff.pause(0.0), ms(expected));
        }
        backoff.reset();
        assert_eq!(backoff.pause(1.0), ms(125));
        assert_eq!(backoff.pause(7.0), ms(250));
    }
}

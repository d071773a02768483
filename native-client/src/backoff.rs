//! Pauses between attempts: doubling up to a cap, with jitter, so that many clients don't come back in step.

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

    /// The next pause, up to a quarter longer than its turn is.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest);
        self.next = (pause * 2).min(self.longest);
        pause + pause.mul_f64(fastrand::f64() / 4.0)
    }

    /// Begins anew: the connection works.
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
            let pause = backoff.pause();
            assert!(
                pause >= ms(expected) && pause <= ms(expected * 5 / 4),
                "{pause:?}"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= ms(125));
    }
}

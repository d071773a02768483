//! A token bucket: a sustained rate plus a burst.

use std::time::Duration;
use tokio::time::Instant;

/// What is left of it.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    /// Time in which one is earned.
    interval: Duration,
    /// Time in which as many are earned as may be had at once.
    burst: Duration,
    /// When everything that was spent so far would be earned.
    spent_until: Instant,
}

impl TokenBucket {
    /// `rate` a second, and `burst` at once.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Self::every(Duration::from_secs(1) / rate, burst)
    }

    /// One each `interval`, and `burst` at once.
    pub(crate) fn every(interval: Duration, burst: u32) -> Self {
        Self {
            interval,
            burst: interval * burst,
            spent_until: Instant::now(),
        }
    }

    /// How long until something is left.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.spent_until.saturating_duration_since(now + self.burst)
    }

    /// Whether nothing is left.
    pub(crate) fn is_spent(&self, now: Instant) -> bool {
        self.spent_until > now + self.burst
    }

    /// Takes one, whether it is there or not.
    pub(crate) fn spend(&mut self, now: Instant) {
        self.spent_until = self.spent_until.max(now) + self.interval;
    }
}

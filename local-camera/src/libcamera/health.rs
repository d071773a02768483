//! Checks that a camera still answers its requests.
//!
//! Acting on that belongs to [`super::stream`].

use crate::{SourceError, WEDGED};
use pistreamer_protocol::message::Cause;
use std::time::{Duration, Instant};

/// A camera's record with its requests.
#[derive(Debug)]
pub(super) struct Health {
    /// When it last delivered, or got a request while it had none.
    sign: Instant,
    /// Maximum silence.
    patience: Duration,
    /// The patience to come, and after how many frames.
    settles: Option<(Duration, usize)>,
    /// Requests that it has now.
    queued: usize,
    /// Requests that it gave back cancelled since the last complete one.
    cancelled: usize,
    /// More cancelled ones in a row than this are no accident.
    most_cancelled: usize,
}

impl Health {
    /// Of a camera with this many requests, at this rate.
    pub(super) fn new(requests: usize, fps: f64, now: Instant) -> Self {
        Self {
            sign: now,
            patience: patience(fps),
            settles: None,
            queued: 0,
            cancelled: 0,
            most_cancelled: 2 * requests,
        }
    }

    /// Its rate is another one from here on.
    pub(super) fn expect(&mut self, fps: f64) {
        let patience = patience(fps);
        self.patience = self.patience.max(patience);
        // What is under way is of the rate before.
        self.settles = Some((patience, self.queued + self.most_cancelled));
    }

    /// Returns true if the camera has a request.
    pub(super) fn busy(&self) -> bool {
        self.queued > 0
    }

    /// The camera got a request.
    pub(super) fn queued(&mut self, now: Instant) {
        if !self.busy() {
            self.sign = now;
        }
        self.queued += 1;
    }

    /// It completed one.
    pub(super) fn completed(&mut self, now: Instant) {
        self.queued = self.queued.saturating_sub(1);
        self.cancelled = 0;
        self.sign = now;
        if let Some((patience, left)) = &mut self.settles {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.patience = *patience;
                self.settles = None;
            }
        }
    }

    /// It gave one back without a picture.
    pub(super) fn cancelled(&mut self) -> Result<(), SourceError> {
        self.queued = self.queued.saturating_sub(1);
        self.cancelled += 1;
        if self.cancelled > self.most_cancelled {
            return Err(Cause::RequestsCancelled.into());
        }
        Ok(())
    }

    /// Fails if the camera has been silent for too long.
    pub(super) fn check(&self, now: Instant) -> Result<(), SourceError> {
        if self.busy() && now.saturating_duration_since(self.sign) > self.patience {
            let seconds = self.patience.as_secs();
            return Err(Cause::Silent { seconds }.into());
        }
        Ok(())
    }
}

/// How long a camera of that rate may be silent. Where one frame takes longer than most, silence between frames is no failure.
fn patience(fps: f64) -> Duration {
    WEDGED.max(Duration::try_from_secs_f64(3.0 / fps).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_counts_from_the_first_request() {
        let start = Instant::now();
        let mut health = Health::new(4, 30.0, start);
        let later = start + SECOND * 60;
        assert!(health.check(later).is_ok(), "it was asked for nothing");
        health.queued(later);
        health.queued(later + SECOND * 4);
        assert!(health.check(later + WEDGED).is_ok());
        assert!(health.check(later + WEDGED + SECOND).is_err());
        health.completed(later + WEDGED);
        assert!(health.check(later + WEDGED + SECOND).is_ok());
    }

    #[test]
    fn a_slow_camera_may_take_its_time() {
        let start = Instant::now();
        let mut health = Health::new(4, 0.1, start);
        health.queued(start);
        assert!(health.check(start + SECOND * 29).is_ok());
        assert!(health.check(start + SECOND * 31).is_err());
    }

    #[test]
    fn a_camera_that_becomes_slower_or_faster_is_given_the_time_for_what_is_under_way() {
        let start = Instant::now();
        let mut health = Health::new(2, 30.0, start);
        health.queued(start);
        health.expect(0.1);
        assert!(health.check(start + SECOND * 29).is_ok());
        health.expect(30.0);
        assert!(health.check(start + SECOND * 29).is_ok());
        for _ in 0..5 {
            health.completed(start);
            health.queued(start);
        }
        assert!(health.check(start + SECOND * 6).is_err());
    }

    #[test]
    fn only_cancelled_requests_in_a_row_are_a_failure() {
        let start = Instant::now();
        let mut health = Health::new(4, 30.0, start);
        for _ in 0..3 {
            assert!((0..8).all(|_| health.cancelled().is_ok()));
            health.completed(start);
        }
        assert!((0..8).all(|_| health.cancelled().is_ok()));
        assert!(health.cancelled().is_err());
    }
}

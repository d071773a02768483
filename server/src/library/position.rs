//! Where playing is: a clock that runs at any speed, also backwards, and waits for nothing.

use std::time::Duration;
use tokio::time::Instant;

/// Unix times in ms that there are recordings of: up to the year 9999.
const LATEST_MS: f64 = 253_402_300_799_999.0;

/// The position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    at_ms: f64,
    since: Instant,
    speed: f64,
}

impl Position {
    /// At that time, from now on.
    pub(super) fn new(at_ms: u64, speed: f64, now: Instant) -> Self {
        Self {
            at_ms: (at_ms as f64).min(LATEST_MS),
            since: now,
            speed,
        }
    }

    /// ms of recorded time a ms.
    pub(super) fn speed(&self) -> f64 {
        self.speed
    }

    /// Unix time in ms.
    pub(super) fn now(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.since);
        let at_ms = self.at_ms + self.speed * elapsed.as_secs_f64() * 1000.0;
        // A time counts as reached in the moment in which it is, and no later one, in either direction.
        let whole = if self.speed < 0.0 {
            at_ms.ceil()
        } else {
            at_ms.floor()
        };
        whole.clamp(0.0, LATEST_MS) as u64
    }

    /// When it is there, or was; `None` where it goes the other way, or stands.
    pub(super) fn when(&self, at_ms: u64) -> Option<Instant> {
        let ahead = (at_ms as f64 - self.at_ms) / self.speed;
        if self.speed == 0.0 || ahead < 0.0 {
            return None;
        }
        // Farther away than anybody waits.
        let ahead = Duration::from_secs_f64((ahead / 1000.0).min(1e6));
        Some(self.since + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_there_when_it_says(at_ms in 0_u64..1 << 45, far in -100_000_i64..100_000, speed in -64.0..64.0_f64) {
            let start = Instant::now();
            let position = Position::new(at_ms, speed, start);
            let wanted = at_ms.saturating_add_signed(far);
            match position.when(wanted) {
                Some(when) => prop_assert!(position.now(when).abs_diff(wanted) <= 1 || when >= start + Duration::from_secs(999_999)),
                None => prop_assert!((wanted as f64 - at_ms as f64) * speed <= 0.0),
            }
        }
    }

    #[test]
    fn it_stops_at_the_ends_of_time() {
        let start = Instant::now();
        let later = start + Duration::from_secs(60);
        assert_eq!(Position::new(1000, -64.0, start).now(later), 0);
        let end = Position::new(u64::MAX, 64.0, start).now(later);
        assert_eq!(end, 253_402_300_799_999);
        assert_eq!(Position::new(5, 0.0, start).now(later), 5);
        assert_eq!(Position::new(5, 0.0, start).when(5), None);
        assert_eq!(Position::new(5, 0.0, start).when(6), None);
        let hardly = Position::new(5, 1e-310, start).when(6);
        assert!(hardly.is_some_and(|when| when > start + Duration::from_secs(1000)));
    }
}

//! How often it is told that the server was not ended before it was started: one that crashes over and over would push all else
//! out of the outbox.

use serde::{Deserialize, Serialize};

/// Within an hour behind one that was told, others are counted only.
const HOUR_US: u64 = 3_600_000_000;

/// Restarts of one kind, as they are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Restarts {
    /// Unix time in µs at which one was told last.
    told_us: u64,
    /// Those since, which were not told.
    untold: u64,
}

impl Restarts {
    /// One more is there.
    pub fn count(&mut self) {
        self.untold += 1;
    }

    /// How many are to be told now, which is noted. `None` where none is.
    pub fn due(&mut self, now_us: u64) -> Option<u64> {
        // A clock that was set back keeps nothing from being told.
        let is_recent = (self.told_us..self.told_us.saturating_add(HOUR_US)).contains(&now_us);
        if self.untold == 0 || is_recent {
            return None;
        }
        self.told_us = now_us;
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_the_others_when_an_hour_is_over() {
        let (mut restarts, now) = (Restarts::default(), 1_795_874_592_000_000);
        assert_eq!(restarts.due(now), None);
        restarts.count();
        assert_eq!(restarts.due(now), Some(1));
        for _ in 0..5 {
            restarts.count();
            assert_eq!(restarts.due(now + HOUR_US - 1), None);
        }
        assert_eq!(restarts.due(now + HOUR_US), Some(5));
        assert_eq!(restarts.due(now + 3 * HOUR_US), None);
        // The clock was ahead.
        restarts.count();
        assert_eq!(restarts.due(now), Some(1));
    }
}

//! By which time recordings are too old. A wall clock that has jumped, such as one whose battery is empty, or that was far behind when
//! the machine started, removes no more than a day of them in an hour, and while it goes by no other clock, none before their time.

use crate::catalogue::Catalogue;

/// How much faster than a clock the time goes by which recordings are too old, until it has caught up with a wall's that is set.
const FASTER: u64 = 24;

/// Recordings that are no further apart were made in one stretch.
const STRETCH_MS: u64 = 24 * 3_600_000;

/// A clock that follows the wall's, but never by a jump forward.
#[derive(Debug)]
pub(crate) struct Ages {
    now_ms: u64,
    /// When that was, by the steady clock.
    at_us: u64,
}

impl Ages {
    /// One that begins where the longest stretch of these recordings ends: the clock was right then.
    pub(crate) fn new(catalogue: &Catalogue, wall_ms: u64, steady_us: u64) -> Self {
        Self {
            now_ms: end_of_longest(catalogue).unwrap_or(wall_ms),
            at_us: steady_us,
        }
    }

    /// What time it is, where the wall's clock and the steady one say that, and whether the wall's goes by another clock. One that does
    /// not may be wrong for weeks.
    pub(crate) fn follow(&mut self, wall_ms: u64, steady_us: u64, is_set: bool) -> u64 {
        let passed_ms = steady_us.saturating_sub(self.at_us) / 1000;
        // What is left of a millisecond counts the next time.
        self.at_us += passed_ms * 1000;
        let faster = if is_set { FASTER } else { 1 };
        let most_ms = self.now_ms.saturating_add(passed_ms.saturating_mul(faster));
        self.now_ms = if is_set {
            wall_ms.min(most_ms)
        } else {
            // A clock that is behind for a while takes nothing back of this.
            self.now_ms.max(wall_ms.min(most_ms))
        };
        wall_ms.min(self.now_ms)
    }
}

/// The time of the last recording in the stretch that has most of them.
fn end_of_longest(catalogue: &Catalogue) -> Option<u64> {
    let mut times = catalogue.times();
    times.sort_unstable();
    let stretches = times.chunk_by(|before, after| after - before <= STRETCH_MS);
    let longest = stretches.max_by_key(|stretch| stretch.len())?;
    longest.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::{Class, Name};

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;
    const NOW: u64 = 20_000 * DAY;

    /// Recordings of ten days, one an hour, the last one now.
    fn ten_days() -> Catalogue {
        let mut catalogue = Catalogue::default();
        for hour in 0..=240 {
            let (start_ms, class) = (NOW - hour * HOUR, Class::Continuous);
            catalogue.set("door", Name { start_ms, class }, 1);
        }
        catalogue
    }

    #[test]
    fn a_clock_that_jumps_takes_a_day_in_an_hour_and_one_that_is_right_again_nothing_more() {
        let mut ages = Ages::new(&ten_days(), NOW + 1000, 0);
        assert_eq!(ages.follow(NOW + 60_000, 60_000_000, true), NOW + 60_000);
        // A hundred years on, for two hours.
        let wrong = NOW + 36_500 * DAY;
        assert_eq!(ages.follow(wrong, 60_000_000, true), NOW + 60_000);
        let after = 60_000_000 + 2 * HOUR * 1000;
        assert_eq!(
            ages.follow(wrong + 2 * HOUR, after, true),
            NOW + 60_000 + 2 * DAY
        );
        let right = NOW + 60_000 + 2 * HOUR;
        assert_eq!(ages.follow(right, after, true), right);
    }

    #[test]
    fn a_start_with_a_wrong_clock_begins_where_most_recordings_end() {
        let mut catalogue = ten_days();
        // What a machine with a wrong clock has recorded, once before there was a time, and once too late.
        for start_ms in [DAY, DAY + HOUR, NOW + 36_500 * DAY] {
            let class = Class::Continuous;
            catalogue.set("door", Name { start_ms, class }, 1);
        }
        let mut ages = Ages::new(&catalogue, NOW + 36_501 * DAY, 0);
        assert_eq!(
            ages.follow(NOW + 36_501 * DAY, HOUR * 1000, true),
            NOW + DAY
        );
        // Where that is what a wrong clock has recorded, one that is set says better.
        let mut ages = Ages::new(&ten_days(), NOW - 365 * DAY, 0);
        assert_eq!(ages.follow(NOW - 365 * DAY, 0, true), NOW - 365 * DAY);
        assert_eq!(ages.follow(NOW, HOUR * 1000, false), NOW - 365 * DAY + HOUR);
        let mut empty = Ages::new(&Catalogue::default(), NOW, 0);
        assert_eq!(empty.follow(NOW + 1, 1000, true), NOW + 1);
    }

    #[test]
    fn a_clock_that_nothing_sets_is_not_believed_and_one_that_was_behind_costs_no_days() {
        let mut ages = Ages::new(&ten_days(), NOW, 0);
        // A weekend with a clock that is seventy years ahead.
        let wrong = NOW + 70 * 365 * DAY;
        assert_eq!(
            ages.follow(wrong + 60 * HOUR, 60 * HOUR * 1000, false),
            NOW + 60 * HOUR
        );
        // And a start with one that is a year behind, until it is set.
        let mut ages = Ages::new(&ten_days(), NOW - 365 * DAY, 0);
        assert_eq!(ages.follow(NOW - 365 * DAY, 0, false), NOW - 365 * DAY);
        assert_eq!(ages.follow(NOW + HOUR, HOUR * 1000, true), NOW + HOUR);
    }
}

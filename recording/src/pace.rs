//! Which of a camera's frames are recorded, where it delivers more.

/// Chooses the frames that are due.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    due_us: u64,
    /// The number of the last frame that was offered, and when one was taken.
    last: Option<(u64, u64)>,
    /// Frames since then that were never offered.
    missed: u64,
}

impl Pace {
    /// Has the next frame be due where none was taken for as long as `wait_us`.
    pub(crate) fn hurry(&mut self, at_us: u64, wait_us: u64) {
        if let Some((_, taken_us)) = self.last
            && at_us >= taken_us.saturating_add(wait_us)
        {
            self.due_us = self.due_us.min(at_us);
        }
    }

    /// `None` where that one is not due; else how many that were due never came.
    pub(crate) fn take(&mut self, number: u64, at_us: u64, interval_us: u64) -> Option<u64> {
        if let Some((last, _)) = self.last {
            self.missed += number.saturating_sub(last + 1);
        }
        let taken_us = self.last.map(|(_, taken_us)| taken_us);
        self.last = Some((number, taken_us.unwrap_or(at_us)));
        // A tenth early is in time.
        let slack_us = interval_us / 10;
        if taken_us.is_some() && at_us + slack_us < self.due_us {
            return None;
        }
        let late_us = at_us.saturating_sub(self.due_us);
        // Kept, rather than begun anew, so that the rate is met on average.
        let begins_anew = taken_us.is_none() || late_us > interval_us;
        self.due_us = if begins_anew { at_us } else { self.due_us } + interval_us;
        self.last = Some((number, at_us));
        let slots = taken_us.map_or(0, |taken_us| {
            let passed_us = at_us.saturating_sub(taken_us);
            ((passed_us + interval_us / 2) / interval_us.max(1)).saturating_sub(1)
        });
        Some(std::mem::take(&mut self.missed).min(slots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn the_rate_is_met_on_average_and_what_never_came_is_counted() {
        let mut pace = Pace::default();
        let taken =
            |pace: &mut Pace, number: u64| pace.take(number, number * SECOND / 30, SECOND / 10);
        let count = (0..300)
            .filter_map(|number| taken(&mut pace, number))
            .count();
        assert_eq!(count, 100);
        // A second without any, in which ten were due.
        let skipped = taken(&mut pace, 330);
        assert!(
            skipped.is_some_and(|skipped| (9..=10).contains(&skipped)),
            "{skipped:?}"
        );
    }

    #[test]
    fn a_frame_that_is_needed_sooner_is_taken_before_it_is_due() {
        let mut pace = Pace::default();
        let hour = 3600 * SECOND;
        assert_eq!(pace.take(1, 10 * SECOND, hour), Some(0));
        assert_eq!(pace.take(2, 12 * SECOND, hour), None);
        pace.hurry(14 * SECOND, 5 * SECOND);
        assert_eq!(pace.take(3, 14 * SECOND, hour), None);
        pace.hurry(15 * SECOND, 5 * SECOND);
        assert_eq!(pace.take(4, 15 * SECOND, hour), Some(0));
        assert_eq!(pace.take(5, 20 * SECOND, hour), None);
    }
}

//! Whether alerts are armed now: by the schedule, unless a person or a program has overridden it.
//!
//! Troubles are told at any time. What is recorded does not depend on it.

use crate::schedule::{Local, Schedule};
use serde::{Deserialize, Serialize};

/// An override of the schedule, in force until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Whether events are told.
    pub armed: bool,
    /// When it expires, in Unix time in µs; `None` if it holds until the next override.
    pub until_us: Option<u64>,
}

/// Whether events are told, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Armed {
    /// Whether they are.
    pub armed: bool,
    /// The override that is in force, if any.
    pub by_hand: Option<Override>,
}

/// Whether events are told at that time.
pub fn armed(
    schedule: &Schedule,
    said: Option<Override>,
    now_us: u64,
    local: impl Fn(u64) -> Local,
) -> Armed {
    let by_hand = said.filter(|it| it.until_us.is_none_or(|until| now_us < until));
    Armed {
        armed: by_hand.map_or_else(|| schedule.has(local(now_us)), |it| it.armed),
        by_hand,
    }
}

/// An override made at that time: it expires at the given time, or else when the schedule changes next.
pub fn say(
    schedule: &Schedule,
    armed: bool,
    until_us: Option<u64>,
    now_us: u64,
    local: impl Fn(u64) -> Local,
) -> Override {
    Override {
        armed,
        until_us: until_us.or_else(|| schedule.next_change(now_us, local)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000;

    fn utc(us: u64) -> Local {
        Local {
            day: (us / (24 * HOUR)) as i64,
            minute: (us / 60_000_000 % 1440) as u16,
        }
    }

    #[test]
    fn what_somebody_says_holds_until_the_schedule_changes_next() {
        let nights: Schedule = "22:00-06:00".parse().unwrap();
        let is = |said, at| armed(&nights, said, at, utc).armed;
        // Disarmed for the night.
        let said = Some(say(&nights, false, None, 23 * HOUR, utc));
        assert!(!is(said, 23 * HOUR) && !is(said, 29 * HOUR));
        assert!(
            !is(said, 30 * HOUR) && is(said, 46 * HOUR),
            "the next night is as usual"
        );
        // Armed by day.
        let said = Some(say(&nights, true, None, 10 * HOUR, utc));
        assert!(is(said, 12 * HOUR) && is(said, 23 * HOUR) && !is(said, 30 * HOUR));
    }

    #[test]
    fn a_time_that_was_said_wins_and_without_a_schedule_it_holds_for_good() {
        let always = Schedule::Always;
        let said = say(&always, false, Some(5 * HOUR), HOUR, utc);
        assert!(!armed(&always, Some(said), 4 * HOUR, utc).armed);
        let over = armed(&always, Some(said), 5 * HOUR, utc);
        assert_eq!((over.armed, over.by_hand), (true, None));
        let said = say(&always, false, None, HOUR, utc);
        assert_eq!(said.until_us, None);
        assert!(!armed(&always, Some(said), 9_999 * HOUR, utc).armed);
    }
}

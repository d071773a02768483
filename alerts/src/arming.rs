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
    /// Whether the clock was not set when it was made: the time is to be found anew once it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_open: bool,
}

/// Why an override is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("until_us is over: write a time to come, in µs since 1970, such as {0}, or leave it out")]
pub struct BadUntil(u64);

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
///
/// # Errors
/// Where it would have expired.
pub fn say(
    schedule: &Schedule,
    armed: bool,
    until_us: Option<u64>,
    (now_us, is_set): (u64, bool),
    local: impl Fn(u64) -> Local,
) -> Result<Override, BadUntil> {
    const HOUR_US: u64 = 3_600_000_000;
    if until_us.is_some_and(|until| until <= now_us) {
        return Err(BadUntil(now_us + HOUR_US));
    }
    Ok(Override {
        armed,
        until_us: until_us.or_else(|| schedule.next_change(now_us, local)),
        is_open: until_us.is_none() && !is_set,
    })
}

/// An override as it holds now. Call it every second or so: one of before the clock was set, which may step by days, expires by
/// the clock that is.
pub fn settled(
    schedule: &Schedule,
    said: Override,
    (now_us, is_set): (u64, bool),
    local: impl Fn(u64) -> Local,
) -> Override {
    let is_over = said.until_us.is_some_and(|until| until <= now_us);
    match said.is_open {
        true if is_set => Override {
            until_us: schedule.next_change(now_us, local),
            is_open: false,
            ..said
        },
        // It has come to its end by a clock that is never set.
        true if is_over => Override {
            is_open: false,
            ..said
        },
        _ => said,
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
        let said = Some(say(&nights, false, None, (23 * HOUR, true), utc).unwrap());
        assert!(!is(said, 23 * HOUR) && !is(said, 29 * HOUR));
        assert!(
            !is(said, 30 * HOUR) && is(said, 46 * HOUR),
            "the next night is as usual"
        );
        // Armed by day.
        let said = Some(say(&nights, true, None, (10 * HOUR, true), utc).unwrap());
        assert!(is(said, 12 * HOUR) && is(said, 23 * HOUR) && !is(said, 30 * HOUR));
    }

    #[test]
    fn a_time_that_was_said_wins_and_without_a_schedule_it_holds_for_good() {
        let always = Schedule::Always;
        let said = say(&always, false, Some(5 * HOUR), (HOUR, true), utc).unwrap();
        assert!(!armed(&always, Some(said), 4 * HOUR, utc).armed);
        let over = armed(&always, Some(said), 5 * HOUR, utc);
        assert_eq!((over.armed, over.by_hand), (true, None));
        let said = say(&always, false, None, (HOUR, true), utc).unwrap();
        assert_eq!(said.until_us, None);
        assert!(!armed(&always, Some(said), 9_999 * HOUR, utc).armed);
    }

    #[test]
    fn what_is_said_before_the_clock_is_set_ends_by_the_clock_that_is() {
        let nights: Schedule = "22:00-06:00".parse().unwrap();
        let said = say(&nights, true, None, (12 * HOUR, false), utc).unwrap();
        let json = serde_json::to_string(&said).unwrap();
        assert_eq!(serde_json::from_str::<Override>(&json).unwrap(), said);
        assert_eq!(settled(&nights, said, (13 * HOUR, false), utc), said);
        // It steps by ten days, to noon.
        let now = 252 * HOUR;
        let later = settled(&nights, said, (now, true), utc);
        assert!(armed(&nights, Some(later), now, utc).armed);
        assert_eq!(
            (later.until_us, later.is_open),
            (Some(now + 10 * HOUR), false)
        );
        // A clock that is never set ends it, and what is over does not come back.
        let over = settled(&nights, said, (22 * HOUR, false), utc);
        assert_eq!(settled(&nights, over, (now, true), utc), over);
        assert!(!armed(&nights, Some(over), now, utc).armed);
        let said = say(&nights, true, Some(3 * HOUR), (2 * HOUR, false), utc).unwrap();
        assert_eq!((said.until_us, said.is_open), (Some(3 * HOUR), false));
    }

    #[test]
    fn a_time_that_is_over_is_refused_with_what_to_write() {
        let now = 1_795_874_592_000_000;
        for wrong in [now, 1_795_874_592, 0] {
            let error = say(&Schedule::Always, true, Some(wrong), (now, false), utc).unwrap_err();
            assert!(
                error.to_string().contains("such as 1795878192000000"),
                "{error}"
            );
        }
    }
}

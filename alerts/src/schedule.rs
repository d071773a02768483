//! When events are told: spans of local time by the day of the week, as people write them.
//!
//! Which local time it is belongs to the caller, who knows the zone.

use std::str::FromStr;

/// A moment in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// Days since 1970-01-01, local.
    pub day: i64,
    /// Minutes since midnight, 0 to 1439.
    pub minute: u16,
}

impl Local {
    /// Day of the week, 0 for Monday.
    fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.day + 3).rem_euclid(7) as u8
    }
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u16 = 24 * 60;

/// One span that begins on certain days of the week, and may go on behind midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// A bit for each day on which it begins, Monday the lowest.
    days: u8,
    from: u16,
    /// Behind the last minute; at most `from` where it ends on the next day.
    to: u16,
}

impl Span {
    fn has(self, local: Local) -> bool {
        let begins = |day: u8| self.days & (1 << day) != 0;
        let (today, yesterday) = (local.weekday(), (local.weekday() + 6) % 7);
        if self.from < self.to {
            return begins(today) && (self.from..self.to).contains(&local.minute);
        }
        (begins(today) && local.minute >= self.from)
            || (begins(yesterday) && local.minute < self.to)
    }
}

/// When events are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Schedule {
    /// At any time.
    #[default]
    Always,
    /// At no time, unless somebody arms it.
    Never,
    /// In these spans.
    Spans(Spans),
}

/// Spans of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time: write always, never, or local times as in \"22:00-06:30\" or \"Mon-Fri 08:00-17:00, Sat 00:00-24:00\""
)]
pub struct BadSchedule(String);

impl FromStr for Schedule {
    type Err = BadSchedule;

    fn from_str(text: &str) -> Result<Self, BadSchedule> {
        match text.trim() {
            "always" => return Ok(Self::Always),
            "never" => return Ok(Self::Never),
            _ => {}
        }
        let spans = text
            .split(',')
            .map(|part| span(part.trim()).ok_or_else(|| BadSchedule(part.trim().into())));
        Ok(Self::Spans(Spans(spans.collect::<Result<_, _>>()?)))
    }
}

fn span(text: &str) -> Option<Span> {
    let (days, times) = match text.rsplit_once(char::is_whitespace) {
        Some((days, times)) => (self::days(days.trim())?, times),
        None => (0x7f, text),
    };
    let (from, to) = times.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to && from < DAY).then_some(Span { days, from, to })
}

/// `Mon`, `Mon-Fri` or `Sat-Mon`.
fn days(text: &str) -> Option<u8> {
    let day = |name: &str| {
        let name = name.trim().to_ascii_lowercase();
        DAYS.iter().position(|known| *known == name)
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(text)?, day(text)?),
    };
    let count = (last + 7 - first) % 7;
    Some((0..=count).fold(0, |days, next| days | 1 << ((first + next) % 7)))
}

/// The minute of the day in a text such as `06:30`; 24:00 is the end of the day.
pub fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let number = |text: &str| {
        let is_number =
            matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (
        number(hours)?,
        number(minutes).filter(|_| minutes.len() == 2)?,
    );
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY).then_some(minute)
}

/// Longest time in which a schedule repeats: a week, and a day for changes of the clock.
const MOST_MINUTES: u64 = 8 * DAY as u64;
const MINUTE_US: u64 = 60_000_000;

impl Schedule {
    /// Whether events are told at that local time.
    pub fn has(&self, local: Local) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Spans(Spans(spans)) => spans.iter().any(|span| span.has(local)),
        }
    }

    /// When that changes next behind a Unix time in µs, to the minute; `local` tells the local time of one. `None` where it never
    /// does.
    pub fn next_change(&self, from_us: u64, local: impl Fn(u64) -> Local) -> Option<u64> {
        let Self::Spans(_) = self else { return None };
        let now = self.has(local(from_us));
        let first = from_us / MINUTE_US + 1;
        let mut minutes = first..first + MOST_MINUTES;
        minutes
            .find(|minute| self.has(local(minute * MINUTE_US)) != now)
            .map(|minute| minute * MINUTE_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A moment of the week that begins on Monday, 1970-01-05.
    fn at(day: i64, hours: u16, minutes: u16) -> Local {
        Local {
            day: 4 + day,
            minute: hours * 60 + minutes,
        }
    }

    fn utc(us: u64) -> Local {
        let minutes = us / MINUTE_US;
        Local {
            day: (minutes / 1440) as i64,
            minute: (minutes % 1440) as u16,
        }
    }

    fn schedule(text: &str) -> Schedule {
        text.parse().unwrap()
    }

    #[test]
    fn a_span_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let nights = schedule("22:00-06:30");
        assert!(nights.has(at(0, 22, 0)) && nights.has(at(1, 6, 29)) && nights.has(at(0, 0, 0)));
        assert!(!nights.has(at(0, 6, 30)) && !nights.has(at(0, 21, 59)));
        let friday = schedule("Fri 22:00-06:30");
        assert!(friday.has(at(4, 23, 0)) && friday.has(at(5, 6, 0)));
        assert!(!friday.has(at(4, 3, 0)) && !friday.has(at(5, 23, 0)));
    }

    #[test]
    fn several_spans_and_ranges_of_days_add_up() {
        let away = schedule("Mon-Fri 08:00-12:00, mon-fri 13:00-17:00, Sat-Sun 00:00-24:00");
        assert!(away.has(at(0, 8, 0)) && away.has(at(4, 16, 59)) && away.has(at(6, 23, 59)));
        assert!(!away.has(at(0, 12, 0)) && !away.has(at(4, 17, 0)) && !away.has(at(2, 0, 0)));
        // Around the end of the week.
        let weekend = schedule("Sat-Mon 10:00-11:00");
        assert!(
            weekend.has(at(0, 10, 0)) && weekend.has(at(5, 10, 0)) && !weekend.has(at(1, 10, 0))
        );
        assert!(schedule("always").has(at(3, 3, 3)) && !schedule("never").has(at(3, 3, 3)));
    }

    #[test]
    fn what_is_no_time_is_named() {
        for wrong in [
            "",
            "22:00",
            "22-06",
            "25:00-26:00",
            "10:00-10:00",
            "24:00-01:00",
            "10:60-11:00",
            "Mon",
            "Foo 10:00-11:00",
            "+1:00-02:00",
            "1:0-02:00",
            "Mon-Fri-Sat 10:00-11:00",
        ] {
            let said = wrong.parse::<Schedule>().unwrap_err().to_string();
            assert!(said.contains("22:00-06:30"), "{wrong}: {said}");
        }
        let said = "10:00-11:00, whenever"
            .parse::<Schedule>()
            .unwrap_err()
            .to_string();
        assert!(said.starts_with("\"whenever\""), "{said}");
    }

    #[test]
    fn the_next_change_is_found_also_across_a_change_of_the_clock() {
        let nights = schedule("22:00-06:30");
        let hour = 60 * MINUTE_US;
        assert_eq!(nights.next_change(10 * hour + 5, utc), Some(22 * hour));
        assert_eq!(
            nights.next_change(22 * hour, utc),
            Some(30 * hour + hour / 2)
        );
        // The clock is put back by an hour at 03:00: 06:30 is an hour later.
        let back = |us: u64| utc(if us < 27 * hour { us } else { us - hour });
        assert_eq!(
            nights.next_change(22 * hour, back),
            Some(31 * hour + hour / 2)
        );
        for same in ["always", "never", "00:00-24:00"] {
            assert_eq!(schedule(same).next_change(hour, utc), None, "{same}");
        }
    }
}

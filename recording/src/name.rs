//! The names of recordings: `CAMERA/2026-11-26/101530.123Z.c.mkv` says all that is needed to find one. What has another name is
//! somebody else's, and is never touched.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Why something is recorded, which decides how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// All frames, at the rate of the recording.
    Continuous,
    /// The same, while something happens.
    Event,
    /// One frame every few seconds.
    Sparse,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Continuous, Self::Event, Self::Sparse];

    /// What files of this class have before their extension.
    fn suffix(self) -> &'static str {
        match self {
            Self::Continuous => "c",
            Self::Event => "e",
            Self::Sparse => "s",
        }
    }

    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Event => "event",
            Self::Sparse => "sparse",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether that can be a camera's directory: letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
pub fn is_camera(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    text.len() <= 64
        && text.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && text.chars().all(fits)
}

/// Where a recording is below its camera's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Unix time in ms of its first frame.
    pub start_ms: u64,
    /// Why it was recorded.
    pub class: Class,
}

pub(crate) const DAY_MS: u64 = 24 * 3600 * 1000;

/// The last day that has four digits for its year.
const LAST_DAY: u64 = 2_932_896;

impl Name {
    /// The directory of its day, and its file there.
    pub fn path(self) -> PathBuf {
        let ms = self.start_ms % DAY_MS;
        let (second, ms) = (ms / 1000, ms % 1000);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let suffix = self.class.suffix();
        let file = format!("{hour:02}{minute:02}{second:02}.{ms:03}Z.{suffix}.mkv");
        Path::new(&day(self.start_ms / DAY_MS)).join(file)
    }

    /// The recording that a day's directory and a file's name say; `None` where they do not have this form.
    pub fn parse(directory: &str, file: &str) -> Option<Self> {
        let midnight = day_of(directory)? * DAY_MS;
        let (time, rest) = file.split_at_checked(10)?;
        let class = rest.strip_prefix("Z.")?.strip_suffix(".mkv")?;
        let class = Class::ALL.into_iter().find(|it| it.suffix() == class)?;
        let (second, ms) = time.split_once('.')?;
        let number = |digits: &str| {
            let all = digits.bytes().all(|digit| digit.is_ascii_digit());
            u64::from_str(digits).ok().filter(|_| all)
        };
        let (hour, minute) = (number(second.get(..2)?)?, number(second.get(2..4)?)?);
        let (second, ms) = (number(second.get(4..)?)?, number(ms)?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let start_ms = midnight + ((hour * 60 + minute) * 60 + second) * 1000 + ms;
        let name = Self { start_ms, class };
        (name.path() == Path::new(directory).join(file)).then_some(name)
    }
}

/// The day's date, by the proleptic Gregorian calendar.
pub(crate) fn day(days: u64) -> String {
    // Years begin in March, so that a leap day is the last one (Howard Hinnant, chrono-Compatible Low-Level Date Algorithms).
    let days = days.min(LAST_DAY) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day that a date says, from 1970-01-01 on.
pub(crate) fn day_of(date: &str) -> Option<u64> {
    let (year, rest) = date.split_once('-')?;
    let (month, day_of_month) = rest.split_once('-')?;
    let (year, month): (u64, u64) = (year.parse().ok()?, month.parse().ok()?);
    let day_of_month: u64 = day_of_month.parse().ok()?;
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day_of_month)
    {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + day_of_month - 1;
    let (era, year) = (year / 400, year % 400);
    let days = era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year;
    let days = days.checked_sub(719_468)?;
    (day(days) == date).then_some(days)
}

/// A time as people and programs write it: `2026-11-26T10:15:30.123Z`.
pub fn time(ms: u64) -> String {
    let day = day(ms / DAY_MS);
    let ms = ms % DAY_MS;
    let (second, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{day}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// The time that such a text says; seconds and their fraction may be left out.
pub fn parse_time(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let rest = rest.strip_suffix('Z')?;
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let mut parts = whole.split(':').map(|part| {
        let all = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_digit());
        part.parse().ok().filter(|_| all)
    });
    let (hour, minute): (u64, u64) = (parts.next()??, parts.next()??);
    let second: u64 = parts.next().unwrap_or(Some(0))?;
    let digits = fraction.bytes().all(|digit| digit.is_ascii_digit());
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || !digits {
        return None;
    }
    let ms: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(day_of(date)? * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_what_has_another_form_is_none() {
        let name = Name {
            start_ms: 1_764_152_130_123,
            class: Class::Continuous,
        };
        let path = "2025-11-26/101530.123Z.c.mkv";
        assert_eq!(name.path(), Path::new(path));
        assert_eq!(Name::parse("2025-11-26", "101530.123Z.c.mkv"), Some(name));
        for (directory, file) in [
            ("2025-11-26", "101530.123Z.mkv"),
            ("2025-11-26", "101530.123Z.x.mkv"),
            ("2025-11-26", "101530.123Z.c.mkv.bak"),
            ("2025-11-26", "+01530.123Z.c.mkv"),
            ("2025-11-26", "241530.123Z.c.mkv"),
            ("2025-11-26", "é01530.12Z.c.mkv"),
            ("2025-11-31", "101530.123Z.c.mkv"),
            ("2025-2-06", "101530.123Z.c.mkv"),
            ("photos", "101530.123Z.c.mkv"),
            ("2025-11-26", "film.mkv"),
        ] {
            assert_eq!(Name::parse(directory, file), None, "{directory}/{file}");
        }
        assert_eq!(day_of("2024-02-29").map(day).as_deref(), Some("2024-02-29"));
        assert_eq!(day_of("2025-02-29"), None);
    }

    #[test]
    fn times_are_read_with_and_without_seconds() {
        let ms = 1_764_152_130_123;
        assert_eq!(time(ms), "2025-11-26T10:15:30.123Z");
        assert_eq!(parse_time(&time(ms)), Some(ms));
        assert_eq!(parse_time("2025-11-26 10:15:30.1Z"), Some(ms - 23));
        assert_eq!(parse_time("2025-11-26T10:15Z"), Some(ms - 30_123));
        for wrong in [
            "2025-11-26T10Z",
            "2025-11-26T10:15",
            "2025-11-26T1:15Z",
            "now",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn every_time_has_a_name(start_ms in 0..(LAST_DAY + 1) * DAY_MS, sparse: bool) {
            let class = if sparse { Class::Sparse } else { Class::Continuous };
            let name = Name { start_ms, class };
            let path = name.path();
            let text = path.to_str().unwrap();
            let (directory, file) = text.split_once('/').unwrap();
            prop_assert_eq!(Name::parse(directory, file), Some(name));
            prop_assert_eq!(parse_time(&time(start_ms)), Some(start_ms));
        }
    }
}

//! The time by this machine's zone (tzset(3)), as it was when it was first asked for.

use time::{Date, OffsetDateTime};

/// The day from which days are counted.
const EPOCH: Date = OffsetDateTime::UNIX_EPOCH.date();

/// A moment in local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Seconds since midnight.
    pub second: u32,
}

impl LocalTime {
    /// The local time at a Unix time in µs; UTC where the zone is not known.
    pub(crate) fn at(unix_us: u64) -> Self {
        let seconds = unix_us / 1_000_000;
        let utc = Self {
            day: (seconds / 86_400) as i64,
            second: (seconds % 86_400) as u32,
        };
        local(seconds).unwrap_or(utc)
    }

    /// As in `14:03:12`.
    pub(crate) fn clock(self) -> String {
        let Self { second, .. } = self;
        format!(
            "{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

fn local(seconds: u64) -> Option<LocalTime> {
    #[expect(unsafe_code, reason = "neither std nor rustix knows zones")]
    // SAFETY: zeros are valid in all of the structure's fields, which are numbers and a pointer that may be null, and the call
    // fills it in. It reads the environment, which nothing in this program changes.
    let local = unsafe {
        let at = seconds as libc::time_t;
        let mut local: libc::tm = std::mem::zeroed();
        (!libc::localtime_r(&raw const at, &raw mut local).is_null()).then_some(local)
    }?;
    let date = Date::from_ordinal_date(1900 + local.tm_year, local.tm_yday as u16 + 1).ok()?;
    Some(LocalTime {
        day: i64::from(date.to_julian_day() - EPOCH.to_julian_day()),
        // A leap second is the one before.
        second: (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec.min(59)) as u32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn local_time_is_what_date_says() {
        for at in [0, 1_700_000_000, 1_795_874_592] {
            let date = Command::new("date")
                .args(["-d", &format!("@{at}"), "+%H:%M:%S"])
                .output();
            let date = String::from_utf8(date.unwrap().stdout).unwrap();
            assert_eq!(LocalTime::at(at * 1_000_000).clock(), date.trim());
        }
        let noon = LocalTime::at(1_795_867_200_000_000);
        assert!((20_784..=20_786).contains(&noon.day), "{noon:?}");
    }
}

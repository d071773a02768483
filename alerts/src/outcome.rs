//! What a receiver's answer means for the message: delivered, to be tried again, or given up.

use std::time::{Duration, SystemTime};
use time::{Date, Month};

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Not now. The reason is for people.
    Later {
        /// Why.
        reason: String,
        /// Whether the receiver took the connection: then the message may be why.
        answered: bool,
        /// When the receiver wants to be asked again.
        after: Option<Duration>,
    },
    /// Not at all: a further attempt would have the same answer. The reason is for people.
    Never(String),
}

impl Outcome {
    /// The receiver was not reached, or broke off.
    pub fn unreached(reason: impl ToString) -> Self {
        Self::Later {
            // The words say it.
            reason: reason
                .to_string()
                .split(" (os error")
                .next()
                .unwrap_or_default()
                .into(),
            answered: false,
            after: None,
        }
    }

    /// It took the connection, and then not the message.
    pub fn broke_off(reason: impl ToString) -> Self {
        match Self::unreached(reason) {
            Self::Later { reason, after, .. } => Self::Later {
                reason,
                answered: true,
                after,
            },
            other => other,
        }
    }

    /// What an HTTP answer means. `said` is what its body says, for people; `now` is the wall clock.
    pub fn of_http(status: u16, retry_after: Option<&str>, said: &str, now: SystemTime) -> Self {
        let said = pistreamer_protocol::text::plain(said);
        let reason = match said.as_str() {
            "" => format!("it answered {status}"),
            said => format!("it answered {status}: {said}"),
        };
        match status {
            200..=299 => Self::Delivered,
            // These are about the message; others about the receiver, and a proxy before it may answer like that for a while.
            400 | 413 | 415 | 422 => Self::Never(reason),
            _ => Self::Later {
                reason: match status {
                    300..=399 => format!("{reason}; give the URL that it leads to"),
                    _ => reason,
                },
                answered: true,
                after: retry_after.and_then(|text| self::retry_after(text, now)),
            },
        }
    }
}

/// The time in a `Retry-After` header (RFC 9110 §10.2.3): seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = date(text)?;
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Some(Duration::from_secs(at).saturating_sub(now))
}

/// The Unix time of a date in the form that servers have to write (RFC 9110 §5.6.7); two older ones are not sent any more.
fn date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, text) = text.split_once(", ")?;
    let [day, month, year, time, "GMT"] = text.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|known| *known == month)?;
    let month = Month::try_from(month as u8 + 1).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    let numbers: Option<Vec<u8>> = time.split(':').map(|number| number.parse().ok()).collect();
    let [hour, minute, second] = numbers?[..] else {
        return None;
    };
    let at = date.with_hms(hour, minute, second).ok()?.assume_utc();
    at.unix_timestamp().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, retry_after: Option<&str>) -> Outcome {
        // Sun, 06 Nov 1994 08:49:37 GMT.
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        Outcome::of_http(status, retry_after, " no\nway ", now)
    }

    #[test]
    fn what_cannot_succeed_is_given_up_and_what_may_is_tried_again() {
        assert_eq!(of(200, None), Outcome::Delivered);
        assert_eq!(of(204, None), Outcome::Delivered);
        for never in [400, 413, 415, 422] {
            let reason = format!("it answered {never}: no way");
            assert_eq!(of(never, None), Outcome::Never(reason));
        }
        let is_told = |outcome| matches!(outcome, Outcome::Later { reason, .. } if reason.contains("leads to"));
        assert!(is_told(of(301, None)) && !is_told(of(404, None)));
        for later in [
            302, 401, 403, 404, 408, 410, 425, 429, 500, 502, 503, 504, 100, 999,
        ] {
            assert!(
                matches!(
                    of(later, None),
                    Outcome::Later {
                        answered: true,
                        after: None,
                        ..
                    }
                ),
                "{later}"
            );
        }
    }

    #[test]
    fn when_to_ask_again_is_understood_in_seconds_and_as_a_date() {
        let after = |text| match of(429, Some(text)) {
            Outcome::Later { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after(" 120 "), Some(120));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:00 GMT"), Some(23));
        assert_eq!(after("Sun, 06 Nov 1994 08:40:00 GMT"), Some(0));
        for wrong in [
            "",
            "-3",
            "soon",
            "1.5",
            "Sun, 06 Nov 1994",
            "Sun, 31 Feb 1994 08:50:00 GMT",
        ] {
            assert_eq!(after(wrong), None, "{wrong}");
        }
    }
}

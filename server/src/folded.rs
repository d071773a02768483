//! Lines of the log that can be caused as often as somebody likes: few of many are written, and what they quote is cut.
//!
//! What is counted, and what is written of it, is up to whoever uses it.

use crate::allowance::Allowance;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::time::Instant;

/// Counts what happens, and tells when to write about it: the first time, the second, the fourth, the eighth, …
#[derive(Debug, Default)]
pub(crate) struct Folded(AtomicU64);

impl Folded {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// It has happened again: how often so far, where that is worth a line.
    pub fn again(&self) -> Option<u64> {
        let times = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        times.is_power_of_two().then_some(times)
    }

    /// How often so far.
    pub fn times(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Comings and goings, each worth two lines of the log, but not a thousand times a minute: thirty at once, and one a second.
#[derive(Debug)]
pub(crate) struct Comings(Mutex<Thinned>);

#[derive(Debug)]
struct Thinned {
    allowance: Allowance,
    left_out: u64,
}

/// Somebody who came. Where that was worth no line, going is not, either.
#[derive(Debug)]
pub(crate) struct Came {
    is_told: bool,
}

impl Comings {
    pub fn new() -> Self {
        const A_SECOND: u32 = 1;
        const AT_ONCE: u32 = 30;
        Self(Mutex::new(Thinned {
            allowance: Allowance::new(A_SECOND, AT_ONCE),
            left_out: 0,
        }))
    }

    /// Somebody comes.
    pub fn came(&self) -> Came {
        let left_out = self.again();
        match left_out {
            None => tracing::debug!("came"),
            Some(0) => tracing::info!("came"),
            Some(left_out) => tracing::info!(left_out, "came; others came and went without a line"),
        }
        Came {
            is_told: left_out.is_some(),
        }
    }

    /// Where it is worth a line, how many were not since the last one.
    fn again(&self) -> Option<u64> {
        // Nothing panics while it holds this lock.
        let mut thinned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if thinned.allowance.is_spent(now) {
            thinned.left_out += 1;
            return None;
        }
        thinned.allowance.spend(now);
        Some(std::mem::take(&mut thinned.left_out))
    }
}

impl Came {
    /// And goes.
    pub fn went(self, end: impl Display) {
        if self.is_told {
            tracing::info!(%end, "went");
        } else {
            tracing::debug!(%end, "went");
        }
    }
}

/// The beginning of what somebody sent, as long as a host name may be (RFC 1035 §2.3.4).
pub(crate) fn short(text: &str) -> &str {
    let end = (0..=255.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_comings_is_thinned_and_what_was_left_out_is_told() {
        let comings = Comings::new();
        let lines = (0..1000).filter_map(|_| comings.again()).count();
        assert_eq!(lines, 31);
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        assert_eq!(comings.again(), Some(1000 - 31));
        assert_eq!(comings.again(), Some(0));
        assert_eq!(comings.again(), None);
    }

    #[test]
    fn of_a_thousand_lines_ten_are_written_and_none_is_long() {
        let folded = Folded::new();
        assert_eq!((0..1000).filter_map(|_| folded.again()).count(), 10);
        assert_eq!(folded.times(), 1000);
        assert_eq!(short("pi.local"), "pi.local");
        assert_eq!(short(&"ü".repeat(500)).len(), 254);
    }
}

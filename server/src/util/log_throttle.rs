//! Rate-limits log lines that clients can trigger at will. Each kind of line is counted as one, whatever address or name it
//! quotes: a flood from many addresses is as few lines as one from a single address.
//!
//! What is counted, and which lines are written, is up to the callers.

use crate::util::token_bucket::TokenBucket;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// After this time without an event, the next one is logged again.
const QUIET: Duration = Duration::from_secs(60);

/// Counts events, and logs the first, the second, the fourth, the eighth, …, starting again after [`QUIET`].
#[derive(Debug, Default)]
pub(crate) struct EventThrottle(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    total: u64,
    /// Since it was quiet.
    lately: u64,
    last: Option<Instant>,
}

impl EventThrottle {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Count {
            total: 0,
            lately: 0,
            last: None,
        }))
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an event. Returns how many there were lately if this one is to be logged.
    pub(crate) fn again(&self) -> Option<u64> {
        let mut count = self.count();
        let now = Instant::now();
        if count.last.is_none_or(|last| now - last > QUIET) {
            count.lately = 0;
        }
        count.last = Some(now);
        count.total += 1;
        count.lately += 1;
        count.lately.is_power_of_two().then_some(count.lately)
    }

    /// Events so far.
    pub(crate) fn times(&self) -> u64 {
        self.count().total
    }
}

/// Rate-limits the pairs of lines about clients that connect and disconnect: bursts of thirty, and one a second.
#[derive(Debug)]
pub(crate) struct ConnectionThrottle(Mutex<Thinned>);

#[derive(Debug)]
struct Thinned {
    allowance: TokenBucket,
    left_out: u64,
}

/// A client that connected. If that was not logged at `info`, neither is its end.
#[derive(Debug)]
pub(crate) struct Connected {
    is_told: bool,
}

impl ConnectionThrottle {
    pub(crate) fn new() -> Self {
        const A_SECOND: u32 = 1;
        const AT_ONCE: u32 = 30;
        Self(Mutex::new(Thinned {
            allowance: TokenBucket::new(A_SECOND, AT_ONCE),
            left_out: 0,
        }))
    }

    /// A client connects.
    pub(crate) fn connected(&self) -> Connected {
        let left_out = self.again();
        match left_out {
            None => tracing::debug!("connected"),
            Some(0) => tracing::info!("connected"),
            Some(left_out) => {
                tracing::info!(left_out, "connected; further connections were not logged");
            }
        }
        Connected {
            is_told: left_out.is_some(),
        }
    }

    /// If this event is to be logged, the number of events since the last one that were not.
    pub(crate) fn again(&self) -> Option<u64> {
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

impl Connected {
    /// It disconnects.
    pub(crate) fn disconnected(self, reason: impl Display) {
        if self.is_told {
            tracing::info!(%reason, "disconnected");
        } else {
            tracing::debug!(%reason, "disconnected");
        }
    }
}

/// The beginning of a text from a client, as long as a host name may be (RFC 1035 §2.3.4).
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
    async fn a_flood_of_connections_is_thinned_and_what_was_left_out_is_told() {
        let connections = ConnectionThrottle::new();
        let lines = (0..1000).filter_map(|_| connections.again()).count();
        assert_eq!(lines, 31);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(connections.again(), Some(1000 - 31));
        assert_eq!(connections.again(), Some(0));
        assert_eq!(connections.again(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_thousand_lines_ten_are_written_and_the_next_one_after_a_quiet_time() {
        let folded = EventThrottle::new();
        assert_eq!((0..1000).filter_map(|_| folded.again()).count(), 10);
        tokio::time::advance(QUIET).await;
        assert_eq!(folded.again(), None);
        tokio::time::advance(QUIET + Duration::from_secs(1)).await;
        assert_eq!(folded.again(), Some(1));
        assert_eq!(folded.times(), 1002);
    }

    #[test]
    fn what_a_line_quotes_is_short() {
        assert_eq!(short("pi.local"), "pi.local");
        assert_eq!(short(&"ü".repeat(500)).len(), 254);
    }
}

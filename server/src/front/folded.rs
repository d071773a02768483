//! Lines of the log that anybody can cause, as often as they like: few of many are written, and what they quote is cut.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what happens, and tells when to write about it: the first time, the second, the fourth, the eighth, …
#[derive(Debug, Default)]
pub(super) struct Folded(AtomicU64);

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

/// The beginning of what somebody sent, as long as a host name may be (RFC 1035 §2.3.4).
pub(super) fn short(text: &str) -> &str {
    let end = (0..=255.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_thousand_lines_ten_are_written_and_none_is_long() {
        let folded = Folded::new();
        assert_eq!((0..1000).filter_map(|_| folded.again()).count(), 10);
        assert_eq!(folded.times(), 1000);
        assert_eq!(short("pi.local"), "pi.local");
        assert_eq!(short(&"ü".repeat(500)).len(), 254);
    }
}

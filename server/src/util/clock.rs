//! The wall clock, as stamps and messages count it, and the steady one, for how long ago something was, and rates by it.
//!
//! The wall clock may be set back or ahead at any time: nothing may be decided by the difference of two readings, but for
//! when sessions and tickets end, which outlive the program.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Unix time in µs.
pub fn now_us() -> u64 {
    // A clock before 1970 reads as 1970: ages come out wrong, nothing else does.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// Returns true for a time before this program was written, 2026: the clock was not set since the machine started.
pub(crate) fn is_evidently_behind(now_us: u64) -> bool {
    now_us < 1_767_225_600_000_000
}

/// Time in µs by a clock that cannot be set; its zero is shortly before its first reading.
fn steady_us() -> u64 {
    static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Never 0, which is what a moment that hasn't come yet holds.
    ZERO.elapsed().as_micros() as u64 + 1
}

/// When something happened last, by the steady clock.
#[derive(Debug, Default)]
pub struct Moment(AtomicU64);

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self(AtomicU64::new(steady_us()))
    }

    /// It happens now.
    pub fn mark(&self) {
        self.0.store(steady_us(), Ordering::Relaxed);
    }

    /// As if it never was.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// How long ago it was; `None` where it never was.
    pub fn age(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            at => Some(Duration::from_micros(steady_us().saturating_sub(at))),
        }
    }
}

/// How often something happens, over the last one to two seconds.
#[derive(Debug, Default)]
pub struct Rate(Mutex<Windows>);

#[derive(Debug, Default)]
struct Windows {
    began_us: u64,
    count: u32,
    before: f64,
}

/// Length of one window.
const WINDOW_US: u64 = 1_000_000;

impl Rate {
    /// It happened once more.
    pub fn count(&self) {
        self.at(steady_us(), 1);
    }

    /// Times a second in the last whole window; 0 where nothing happened since.
    pub fn per_second(&self) -> f64 {
        self.at(steady_us(), 0)
    }

    fn at(&self, now: u64, add: u32) -> f64 {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_sub(windows.began_us);
        if elapsed >= WINDOW_US {
            let rate = f64::from(windows.count) * 1e6 / elapsed as f64;
            let before = if elapsed < 2 * WINDOW_US { rate } else { 0.0 };
            *windows = Windows {
                began_us: now,
                count: 0,
                before,
            };
        }
        windows.count += add;
        windows.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_measured_and_silence_is_zero() {
        let rate = Rate::default();
        let start = 1_764_000_000_000_000;
        for n in 0..90 {
            rate.at(start + n * 33_333, 1);
        }
        assert!((rate.at(start + 90 * 33_333, 0) - 30.0).abs() < 0.5);
        assert_eq!(rate.at(start + 9_000_000, 0), 0.0);
    }
}

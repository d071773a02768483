//! The wall clock, as stamps and messages count it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix time in µs.
pub fn now_us() -> u64 {
    // A clock before 1970 reads as 1970: ages come out wrong, nothing else does.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

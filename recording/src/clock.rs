//! The two clocks: that of the wall, which may be set at any time, and a steady one.

use crate::session::Now;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// µs by a clock that is never set; its zero is an hour before the machine's start. It goes on while the machine sleeps: what was recorded
/// before keeps its distance from what is afterwards.
pub fn steady_us() -> u64 {
    // Frames are older than their reading.
    const BEFORE: Duration = Duration::from_secs(3600);
    let now = clock_gettime(ClockId::Boottime);
    // Neither is below 0.
    let since_boot = Duration::new(now.tv_sec as u64, now.tv_nsec as u32);
    (since_boot + BEFORE).as_micros() as u64
}

/// How far the wall clock is from the steady one.
pub(crate) fn clock_offset_us() -> i64 {
    wall_us() as i64 - steady_us() as i64
}

pub(crate) fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 reads as 1970.
    since.map_or(0, |since| since.as_micros() as u64)
}

impl Now {
    /// The present.
    pub(crate) fn read() -> Self {
        Self {
            wall_us: wall_us(),
            steady_us: steady_us(),
            is_set: false,
        }
    }
}

//! A sensor's timestamp → Unix time.

use crate::WEDGED;
use libcamera::controls::SensorTimestamp;
use libcamera::request::Request;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Unix time in µs of the start of exposure where the camera tells it, else now.
pub(super) fn captured_us(request: &Request) -> u64 {
    let stamp = request.metadata().get::<SensorTimestamp>().ok();
    // All three clocks are read one right after the other, for each frame: a step of the wall clock shows in the very next
    // stamp and no offset drifts. The wall clock comes first: whoever is held up in between makes a picture older, and not younger.
    let now_us = now_us();
    let age = stamp.and_then(|SensorTimestamp(ns)| {
        age(ns, read(libc::CLOCK_MONOTONIC), read(libc::CLOCK_BOOTTIME))
    });
    now_us.saturating_sub(age.unwrap_or_default().as_micros() as u64)
}

/// The wall clock: Unix time in µs. One that is before 1970 reads as 1970.
fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// How long ago a timestamp was. libcamera documents it as CLOCK_BOOTTIME, while most of its pipelines hand on
/// CLOCK_MONOTONIC from the kernel; the two differ by the time that the machine was suspended. The plausible one is right.
fn age(stamp_ns: i64, monotonic_ns: i64, boottime_ns: i64) -> Option<Duration> {
    [monotonic_ns, boottime_ns]
        .into_iter()
        .filter_map(|now| u64::try_from(now - stamp_ns).ok())
        .map(Duration::from_nanos)
        .filter(|age| *age < WEDGED)
        .min()
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is valid for writes. Linux always has both clocks; otherwise the age comes out implausible.
    #[expect(unsafe_code, reason = "std does not read these clocks")]
    unsafe {
        libc::clock_gettime(clock, &mut time)
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32).as_nanos() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn either_clock_is_recognized_after_a_suspend() {
        let (monotonic, boottime) = (100 * SECOND, 5000 * SECOND);
        let exposed = |now| age(now - SECOND / 50, monotonic, boottime);
        assert_eq!(exposed(monotonic), Some(Duration::from_millis(20)));
        assert_eq!(exposed(boottime), Some(Duration::from_millis(20)));
    }

    #[test]
    fn stamps_of_other_clocks_are_not_believed() {
        let now = 100 * SECOND;
        assert_eq!(age(now + 1, now, now), None);
        assert_eq!(age(0, now, now), None);
        assert_eq!(age(i64::MAX, now, now), None);
    }

    #[test]
    fn both_clocks_tick() {
        assert!(read(libc::CLOCK_MONOTONIC) > 0);
        assert!(read(libc::CLOCK_BOOTTIME) >= read(libc::CLOCK_MONOTONIC) - SECOND);
    }
}

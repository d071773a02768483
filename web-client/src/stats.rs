//! What the overlay tells about the last seconds: frames per second, age, bits per second.
//!
//! Counting since the start belongs to [`crate::shell`]; making text of it to [`crate::text`].

use std::collections::VecDeque;

/// The window for frame rate and bit rate, in ms.
const RATE: f64 = 2000.0;
/// The window for the 95th percentile of the age, in ms.
const AGES: f64 = 10_000.0;
/// More frames than this are not kept, whatever the rate.
const KEPT: usize = 2048;

/// A window over the frames drawn in the last ten seconds. Times are in ms by any steady clock.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    frames: VecDeque<Frame>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    at: f64,
    bytes: f64,
    age: Option<f64>,
}

/// What a window shows at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Frames per second.
    pub fps: f64,
    /// Megabits of WebSocket payload per second.
    pub mbit: f64,
    /// Age in ms of the newest frame when it was drawn.
    pub age: Option<f64>,
    /// 95 of 100 frames were drawn younger than this, in ms.
    pub age_p95: Option<f64>,
}

impl Stats {
    /// A frame was drawn.
    pub fn frame(&mut self, at: f64, bytes: f64, age: Option<f64>) {
        self.frames.push_back(Frame { at, bytes, age });
        while self.frames.len() > KEPT || self.frames.front().is_some_and(|old| at - old.at > AGES)
        {
            self.frames.pop_front();
        }
    }

    /// Forgets everything: another connection.
    pub fn clear(&mut self) {
        self.frames.clear();
    }

    /// The window's content as of `now`.
    pub fn rates(&self, now: f64) -> Rates {
        let recent = || self.frames.iter().filter(|frame| now - frame.at < RATE);
        // A window that isn't full yet is as long as the frames in it: n frames span n − 1 intervals.
        let since_first = recent().next().map_or(0.0, |first| now - first.at);
        let full = self
            .frames
            .front()
            .is_some_and(|first| now - first.at >= RATE);
        let (seconds, frames) = match recent().count() {
            count if full => (RATE / 1000.0, count as f64),
            count => (since_first / 1000.0, count.saturating_sub(1) as f64),
        };
        let per_second = |amount: f64| if seconds > 0.0 { amount / seconds } else { 0.0 };
        let bits: f64 = recent().map(|frame| frame.bytes * 8.0).sum();
        let mut ages: Vec<f64> = self
            .frames
            .iter()
            .filter(|frame| now - frame.at < AGES)
            .filter_map(|frame| frame.age)
            .collect();
        Rates {
            fps: per_second(frames),
            mbit: per_second(bits / 1e6),
            age: self.frames.back().and_then(|frame| frame.age),
            age_p95: percentile(&mut ages, 95),
        }
    }
}

/// The nearest-rank percentile. The few numbers above it are taken out one by one, which costs the download less than
/// sorting.
fn percentile(numbers: &mut Vec<f64>, percent: usize) -> Option<f64> {
    let rank = (numbers.len() * percent).div_ceil(100);
    loop {
        let (at, largest) =
            (numbers.iter().copied().enumerate()).max_by(|a, b| a.1.total_cmp(&b.1))?;
        if numbers.len() == rank {
            return Some(largest);
        }
        numbers.swap_remove(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_shows_its_rate() {
        let mut stats = Stats::default();
        for frame in 0..200 {
            let age = if frame % 10 == 9 { 90.0 } else { 40.0 };
            stats.frame(f64::from(frame) * 40.0, 50_000.0, Some(age));
        }
        let rates = stats.rates(199.0 * 40.0);
        assert!((rates.fps - 25.0).abs() < 0.6, "{rates:?}");
        assert!((rates.mbit - 10.0).abs() < 0.3, "{rates:?}");
        assert_eq!((rates.age, rates.age_p95), (Some(90.0), Some(90.0)));
    }

    #[test]
    fn a_short_window_does_not_read_low() {
        let mut stats = Stats::default();
        for frame in 0..=10 {
            stats.frame(f64::from(frame) * 50.0, 1000.0, None);
        }
        let rates = stats.rates(500.0);
        assert_eq!((rates.fps, rates.age_p95), (20.0, None));
    }

    #[test]
    fn without_new_frames_the_rate_falls_to_nothing() {
        let mut stats = Stats::default();
        assert_eq!(stats.rates(0.0), Rates::default());
        for frame in 0..100 {
            stats.frame(f64::from(frame) * 20.0, 1000.0, None);
        }
        assert_eq!(stats.rates(5000.0).fps, 0.0);
        assert_eq!(stats.rates(5000.0).mbit, 0.0);
    }

    #[test]
    fn memory_stays_bounded() {
        let mut stats = Stats::default();
        for frame in 0..100_000 {
            stats.frame(f64::from(frame) * 0.1, 1.0, None);
        }
        assert!(stats.frames.len() <= KEPT);
    }
}

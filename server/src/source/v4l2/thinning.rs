//! Fewer frames than a camera sends, where that is more than was asked for.

use std::time::{Duration, Instant};

/// Leaves out frames of a camera that is faster than asked.
#[derive(Debug)]
pub(super) struct Thinning {
    interval: Duration,
    /// When the next frame is to be kept; `None` before the first one.
    due: Option<Instant>,
    /// A frame that is earlier than due by less than this is meant.
    early: Duration,
}

impl Thinning {
    /// For a camera of that rate; `None` where it keeps to the wanted one.
    pub(super) fn new(fps: f64, wanted: f64) -> Option<Self> {
        const TOLERANCE: f64 = 1.05;
        (fps > wanted * TOLERANCE).then(|| Self {
            interval: Duration::from_secs_f64(1.0 / wanted),
            due: None,
            early: Duration::from_secs_f64(0.5 / fps),
        })
    }

    pub(super) fn keeps(&mut self, now: Instant) -> bool {
        let due = self.due.unwrap_or(now);
        if now + self.early < due {
            return false;
        }
        // What was missed is not made up for.
        self.due = Some((due + self.interval).max(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_too_fast_is_thinned_evenly() {
        let start = Instant::now();
        for (fps, wanted) in [(30.0, 10.0), (30.0, 20.0), (60.0, 25.0), (90.0, 5.0)] {
            let mut thinning = Thinning::new(fps, wanted).unwrap();
            let at = |frame: u32| start + Duration::from_secs_f64(f64::from(frame) / fps);
            let kept = (0..(10.0 * fps) as u32)
                .filter(|frame| thinning.keeps(at(*frame)))
                .count();
            let expected = 10.0 * wanted;
            assert!(
                (kept as f64 - expected).abs() <= 2.0,
                "{fps} → {wanted}: {kept}"
            );
        }
        assert!(Thinning::new(30.0, 29.97).is_none());
        assert!(Thinning::new(25.0, 30.0).is_none());
        // After a standstill there is no burst.
        let mut thinning = Thinning::new(100.0, 10.0).unwrap();
        assert!(thinning.keeps(start));
        let late = start + Duration::from_secs(10);
        let burst = (0..10).filter(|n| thinning.keeps(late + Duration::from_millis(10 * n)));
        assert!(burst.count() <= 2);
    }
}

//! Detects a live camera that delivers nothing: its device may hang without its source noticing.

use super::Camera;
use crate::util::clock::Moment;
use std::time::Duration;

/// Seconds without a frame after which a live camera that is watched counts as unhealthy: 5, or three frames of a slow
/// camera.
fn patience_s(fps: f64) -> f64 {
    const LEAST: f64 = 5.0;
    if fps > 0.0 {
        LEAST.max(3.0 / fps)
    } else {
        LEAST
    }
}

impl Camera {
    /// How long it has published nothing, if frames are wanted and that is longer than it should be. `ahead` is added to
    /// it.
    pub fn silence(&self, ahead: Duration) -> Option<Duration> {
        let wanted_for = self.feed().demand().wanted_for()?;
        let ages = [&self.feed().counters.published_at, self.0.state.turned_at()].map(Moment::age);
        let silent = ages.into_iter().flatten().fold(wanted_for, Duration::min) + ahead;
        (silent.as_secs_f64() > patience_s(self.state().mode.fps)).then_some(silent)
    }
}

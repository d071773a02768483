//! Whether a camera that is live does deliver: its device may hang, and its source not know.

use super::Camera;
use crate::util::clock::Moment;
use std::time::Duration;

/// A live camera that somebody watches and that published nothing for so long, in seconds, is not healthy: some frames'
/// time where one takes long.
fn patience_s(fps: f64) -> f64 {
    const LEAST: f64 = 5.0;
    if fps > 0.0 {
        LEAST.max(3.0 / fps)
    } else {
        LEAST
    }
}

impl Camera {
    /// For how long it has published nothing, where that is waited for and longer than it should be. `ahead` is added
    /// to it.
    pub fn silence(&self, ahead: Duration) -> Option<Duration> {
        let wanted_for = self.feed().demand().wanted_for()?;
        let ages = [&self.feed().counters.published_at, self.0.state.turned_at()].map(Moment::age);
        let silent = ages.into_iter().flatten().fold(wanted_for, Duration::min) + ahead;
        (silent.as_secs_f64() > patience_s(self.state().mode.fps)).then_some(silent)
    }
}

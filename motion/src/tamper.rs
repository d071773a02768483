//! Notices a camera that was covered or turned: the edges in its picture are no longer where they were.
//!
//! Light changes brightness and leaves edges. A picture that became black shows none: that may be a lamp that was switched off, and is not
//! called tampering.

use crate::model::Model;
use std::time::Duration;

/// Correlation of edges below which the picture shows something else.
const ALIKE: f32 = 0.3;
/// Time for which it has to.
const LASTS: Duration = Duration::from_secs(5);
/// Mean brightness of a picture that is black.
const BLACK: f32 = 16.0;

/// What the scene was before all of it changed.
#[derive(Debug, Default)]
pub(crate) struct Tamper {
    before: Vec<f32>,
    /// Since when the picture has been another one.
    since: Option<Duration>,
}

impl Tamper {
    /// Forgets what the scene was, and has memory for one of that many samples.
    pub(crate) fn begin(&mut self, samples: usize) {
        self.since = None;
        self.before.clear();
        self.before.reserve(samples);
    }

    /// All of the picture changes: keeps what the scene was.
    pub(crate) fn suspect(&mut self, scene: &[f32], at: Duration) {
        if self.since.is_none() {
            self.before.clear();
            self.before.extend_from_slice(scene);
            self.since = Some(at);
        }
    }

    /// Looks at a picture. Returns true if the camera was covered or turned, until that is [told](Self::told) or over.
    pub(crate) fn is_certain(&mut self, model: &Model, at: Duration) -> bool {
        let Some(since) = self.since else {
            return false;
        };
        if model.brightness() < BLACK || alike(&self.before, model) >= ALIKE {
            self.since = None;
            return false;
        }
        at.saturating_sub(since) >= LASTS
    }

    /// An event tells of it.
    pub(crate) fn told(&mut self) {
        self.since = None;
    }
}

/// Correlation of the edges of a scene and the current picture, −1 … 1; 0 where one has none.
fn alike(before: &[f32], model: &Model) -> f32 {
    let (mut both, mut one, mut other) = (0.0_f32, 1e-3_f32, 1e-3_f32);
    let (now, width) = (&model.current, model.width);
    for y in 0..model.height - 1 {
        for at in y * width..(y + 1) * width - 1 {
            if model.mask[at] == 0 {
                continue;
            }
            let slope = |of: &[f32]| (of[at + 1] - of[at], of[at + width] - of[at]);
            let ((bx, by), (nx, ny)) = (slope(before), slope(now));
            both += bx * nx + by * ny;
            one += bx * bx + by * by;
            other += nx * nx + ny * ny;
        }
    }
    both / (one * other).sqrt()
}

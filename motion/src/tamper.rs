//! Notices a camera that was covered or turned: the edges in its picture are no longer where they were.
//!
//! Light changes brightness and leaves edges. A picture that became black shows none: that may be a lamp that was switched off, and is not
//! called tampering.

/// Correlation of edges below which the picture shows something else.
const ALIKE: f32 = 0.3;
/// Time in s for which it has to.
const LASTS: f32 = 5.0;
/// Mean brightness of a picture that is black.
const BLACK: f32 = 16.0;

/// What the scene was before all of it changed.
#[derive(Debug, Default)]
pub(crate) struct Tamper {
    before: Vec<f32>,
    /// Time in s since when the picture has been another one.
    since: Option<f32>,
}

impl Tamper {
    /// Forgets what the scene was.
    pub(crate) fn clear(&mut self) {
        self.since = None;
    }

    /// All of the picture changes: keeps what the scene was.
    pub(crate) fn suspect(&mut self, scene: &[f32], at: f32) {
        if self.since.is_none() {
            self.before.clear();
            self.before.extend_from_slice(scene);
            self.since = Some(at);
        }
    }

    /// Looks at a picture. Returns true once if the camera was covered or turned.
    pub(crate) fn is_certain(&mut self, current: &[f32], width: usize, at: f32) -> bool {
        let Some(since) = self.since else {
            return false;
        };
        let mean = current.iter().sum::<f32>() / current.len().max(1) as f32;
        if current.len() != self.before.len()
            || mean < BLACK
            || alike(&self.before, current, width) >= ALIKE
        {
            self.since = None;
            return false;
        }
        let is_certain = at - since >= LASTS;
        if is_certain {
            self.since = None;
        }
        is_certain
    }
}

/// Correlation of the edges of two pictures, −1 … 1; 0 where one has none.
fn alike(before: &[f32], now: &[f32], width: usize) -> f32 {
    let (mut both, mut one, mut other) = (0.0_f32, 1e-3_f32, 1e-3_f32);
    let height = before.len() / width;
    for y in 0..height - 1 {
        for at in y * width..(y + 1) * width - 1 {
            let slope = |of: &[f32]| (of[at + 1] - of[at], of[at + width] - of[at]);
            let ((bx, by), (nx, ny)) = (slope(before), slope(now));
            both += bx * nx + by * ny;
            one += bx * bx + by * by;
            other += nx * nx + ny * ny;
        }
    }
    both / (one * other).sqrt()
}

//! The scene behind everything that moves: for each sample its usual brightness and how much that varies, learned all the time.
//!
//! What differs from it is handed to `blobs`. Whether a difference is something that moves is not decided here.

use crate::light::{Fit, Light};

/// Difference in brightness that is noticed at sensitivity 50.
const THRESHOLD: f32 = 7.0;

/// Times in s in which the scene is learned: where nothing moves, where something does, where only the light has changed, and by what
/// changes the light of all of it.
const LEARNS: f32 = 8.0;
const LEARNS_MOVING: f32 = 40.0;
const LEARNS_LIT: f32 = 1.0;
const LEARNS_LIGHT: f32 = 4.0;
/// The same for how much samples vary.
const LEARNS_VARIATION: f32 = 20.0;

/// Differences are counted in quarters of a level, up to 64 levels.
const QUARTERS: usize = 256;

/// Difference in brightness that counts at a sensitivity.
pub(crate) fn threshold(sensitivity: u8) -> f32 {
    THRESHOLD * ((50.0 - f32::from(sensitivity)) / 25.0).exp2()
}

/// What a sample is taken for.
pub(crate) const STILL: u8 = 0;
pub(crate) const MOVING: u8 = 1;
pub(crate) const LIT: u8 = 2;

/// The scene, and the current picture beside it.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// The current picture.
    pub(crate) current: Vec<f32>,
    /// Usual brightness.
    pub(crate) mean: Vec<f32>,
    /// Mean difference from it.
    variation: Vec<f32>,
    /// The scene as it looks in the current light.
    pub(crate) predicted: Vec<f32>,
    /// The current picture without it.
    pub(crate) residual: Vec<f32>,
    /// What each sample is: [`STILL`], [`MOVING`] or [`LIT`].
    pub(crate) kinds: Vec<u8>,
    /// 0 where nothing is looked at, else 1.
    pub(crate) mask: Vec<u8>,
    /// Samples that are looked at.
    seen: usize,
    fit: Fit,
    counts: Vec<u32>,
    frames: u32,
}

impl Model {
    /// A model of pictures of that size, which knows nothing yet.
    pub(crate) fn new((width, height): (usize, usize), mask: Vec<u8>) -> Self {
        let len = width * height;
        Self {
            width,
            height,
            current: Vec::with_capacity(len),
            mean: Vec::with_capacity(len),
            variation: vec![1.0; len],
            predicted: vec![0.0; len],
            residual: vec![0.0; len],
            kinds: vec![STILL; len],
            seen: mask.iter().filter(|it| **it != 0).count(),
            mask,
            fit: Fit::new(),
            counts: vec![0; QUARTERS],
            frames: 0,
        }
    }

    /// Compares the current picture with the scene: `residual`, and in `kinds` which samples differ. Returns how the light has changed.
    pub(crate) fn compare(&mut self, threshold: f32) -> Light {
        if self.mean.is_empty() {
            self.mean.extend_from_slice(&self.current);
        }
        let light = self.fit.light(&self.mean, &self.current, &self.mask);
        let parts = self.predicted.iter_mut().zip(&mut self.residual);
        for (((predicted, residual), &mean), &current) in parts.zip(&self.mean).zip(&self.current) {
            *predicted = light.on(mean).clamp(0.0, 255.0);
            *residual = current - *predicted;
        }
        let least = threshold.max(5.0 * self.noise());
        let samples = self.residual.iter().zip(&self.variation).zip(&self.mask);
        for (kind, ((residual, &variation), &mask)) in self.kinds.iter_mut().zip(samples) {
            *kind = u8::from(residual.abs() > least.max(4.0 * variation)) & mask;
        }
        light
    }

    /// Mean brightness of the current picture, where it is looked at.
    pub(crate) fn brightness(&self) -> f32 {
        let samples = self.current.iter().zip(&self.mask);
        let sum: f32 = samples.map(|(&it, &mask)| it * f32::from(mask)).sum();
        sum / self.seen.max(1) as f32
    }

    /// The median difference.
    fn noise(&mut self) -> f32 {
        self.counts.fill(0);
        let mut total = 0;
        for (residual, &mask) in self.residual.iter().zip(&self.mask).step_by(2) {
            let mask = u32::from(mask);
            self.counts[((residual.abs() * 4.0) as usize).min(QUARTERS - 1)] += mask;
            total += mask;
        }
        let mut below = 0;
        for (quarter, &count) in self.counts.iter().enumerate() {
            below += count;
            if below * 2 >= total {
                return quarter as f32 / 4.0;
            }
        }
        0.0
    }

    /// Learns the current picture, `seconds` after the one before, by what its samples are.
    pub(crate) fn learn(&mut self, light: Light, seconds: f32) {
        self.frames = self.frames.saturating_add(1);
        let in_time = |time: f32| (seconds / time).min(1.0);
        let light_rate = in_time(LEARNS_LIGHT);
        let rates = [in_time(LEARNS), in_time(LEARNS_MOVING), in_time(LEARNS_LIT)];
        let varies =
            in_time(LEARNS_VARIATION).max((2.0 / self.frames as f32).min(0.5) * self.is_young());
        let variations = [varies, varies / 2.0, varies];
        let samples = self.residual.iter().zip(&self.kinds);
        for ((mean, variation), (residual, &kind)) in
            self.mean.iter_mut().zip(&mut self.variation).zip(samples)
        {
            let kind = usize::from(kind.min(LIT));
            let lit = light.on(*mean);
            *mean = (*mean + light_rate * (lit - *mean) + rates[kind] * residual).clamp(0.0, 255.0);
            *variation += variations[kind] * (residual.abs() - *variation);
        }
    }

    /// 1 while the scene is hardly known, else 0.
    fn is_young(&self) -> f32 {
        f32::from(u8::from(self.frames < 100))
    }

    /// Takes the current picture for the scene.
    pub(crate) fn restart(&mut self) {
        self.mean.copy_from_slice(&self.current);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the picture that differs.
    fn shown(model: &mut Model, picture: impl Fn(usize) -> f32) -> f32 {
        model.current.clear();
        model.current.extend((0..400).map(picture));
        let light = model.compare(threshold(50));
        let differ = model.kinds.iter().filter(|kind| **kind != STILL).count();
        model.learn(light, 0.2);
        differ as f32 / 400.0
    }

    #[test]
    fn a_change_of_light_is_no_difference_and_something_in_the_picture_is() {
        let mut model = Model::new((20, 20), vec![1; 400]);
        let scene = |at: usize| 40.0 + (at * 7 % 150) as f32;
        for _ in 0..20 {
            assert_eq!(shown(&mut model, scene), 0.0);
        }
        let darker = shown(&mut model, |at| scene(at) * 0.8);
        assert!(darker < 0.02, "{darker}");
        let something = |at| if at < 40 { 250.0 } else { scene(at) };
        let seen = shown(&mut model, something);
        assert!((seen - 0.1).abs() < 0.03, "{seen}");
    }

    #[test]
    fn what_is_masked_never_differs() {
        let mut model = Model::new((20, 20), vec![0; 400]);
        shown(&mut model, |_| 50.0);
        assert_eq!(
            shown(&mut model, |at| if at < 100 { 200.0 } else { 50.0 }),
            0.0
        );
    }

    #[test]
    fn more_sensitivity_notices_smaller_differences() {
        assert_eq!(
            (threshold(25), threshold(50), threshold(75)),
            (14.0, 7.0, 3.5)
        );
    }
}

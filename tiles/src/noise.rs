//! How far blocks are apart where nothing has changed, by brightness: learned from the calmest quarter of every picture.
//!
//! Medians would learn motion as noise while the camera turns, and a model that learns only while little changes would be stuck when
//! the light goes out and noise with it rises. Of a picture that moves, the calmest tenth is still far noisier than a still one, so
//! that there is a highest noise, too.

use crate::blocks::Difference;

/// Groups of blocks: sixteenths of brightness, then Cb and Cr.
pub(crate) const GROUPS: usize = 18;
const CB: usize = 16;

/// Buckets of mean squares: 16 for each power of two.
const PER_OCTAVE: u32 = 16;
const SQUARES: usize = 16 * 32;

/// Buckets of sums, each of one.
const SUMS: usize = 256;

/// Blocks of a group without which nothing is learned of it.
const LEAST_BLOCKS: u32 = 16;

/// Mean squares above which a block has changed, whatever the noise.
const LEAST: f32 = 6.0;
const MOST: f32 = 400.0;

/// The same of means.
const LEAST_MEAN: f32 = 2.0;
const MOST_MEAN: f32 = 8.0;

/// The calmest tenth of noise that is taken for noise.
const NOISIEST: f32 = 150.0;

/// How far above the calm ones a block is that has changed, by how far the calm ones are apart. More lets small changes pass unseen;
/// less takes blotchy noise for change.
const SPREADS: std::ops::RangeInclusive<f32> = 13.0..=30.0;

/// What is learned of one group.
#[derive(Clone, Copy, Debug, Default)]
struct Calm {
    is_known: bool,
    /// Mean squares that a tenth and a quarter of the blocks stay below.
    tenth: f32,
    quarter: f32,
    /// Mean that a quarter stays below, without its sign.
    mean: f32,
}

/// Above which a block has changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    /// Sum of squares, for what was last encoded of one picture and of an average.
    squares: [u32; 2],
    sum: i32,
}

/// The model of noise.
#[derive(Debug)]
pub(crate) struct Noise {
    calm: [Calm; GROUPS],
    limits: [Limit; GROUPS],
    spread: f32,
    squares: Vec<u16>,
    sums: Vec<u16>,
    /// Strips that are sent for one block alone, as a share of all, over a second; and for how many pictures there have been many,
    /// or hardly any.
    lonely: f32,
    many: u32,
    few: u32,
}

/// Noise of a difference to an average of 16 pictures, as a share of that to one picture.
const OF_MEAN: f32 = (1.0 + 1.0 / 16.0) / 2.0;

impl Noise {
    pub(crate) fn new() -> Self {
        let mut noise = Self {
            calm: [Calm::default(); GROUPS],
            limits: [Limit::default(); GROUPS],
            spread: *SPREADS.start(),
            squares: vec![0; GROUPS * SQUARES],
            sums: vec![0; GROUPS * SUMS],
            lonely: 0.0,
            many: 0,
            few: 0,
        };
        noise.set_limits();
        noise
    }

    /// Returns true once something was learned.
    pub(crate) fn is_learned(&self) -> bool {
        self.calm.iter().any(|calm| calm.is_known)
    }

    /// Returns true if a block of that group has changed.
    pub(crate) fn has_changed(&self, group: usize, difference: Difference, is_mean: bool) -> bool {
        let limit = &self.limits[group];
        difference.squares > limit.squares[usize::from(is_mean)] || difference.sum.abs() > limit.sum
    }

    /// Notes a block of this picture, changed or not.
    pub(crate) fn note(&mut self, group: usize, difference: Difference, is_mean: bool) {
        let squares = if is_mean {
            (difference.squares as f32 / OF_MEAN) as u32
        } else {
            difference.squares
        };
        let count = &mut self.squares[group * SQUARES + bucket(squares)];
        *count = count.saturating_add(1);
        let sum = (difference.sum.unsigned_abs() as usize).min(SUMS - 1);
        let count = &mut self.sums[group * SUMS + sum];
        *count = count.saturating_add(1);
    }

    /// Learns from what was noted since the last time.
    pub(crate) fn learn(&mut self) {
        let squares = self.squares.chunks_exact_mut(SQUARES);
        let sums = self.sums.chunks_exact_mut(SUMS);
        for ((calm, squares), sums) in self.calm.iter_mut().zip(squares).zip(sums) {
            let count: u32 = sums.iter().copied().map(u32::from).sum();
            if count >= LEAST_BLOCKS {
                let tenth = quantile(squares, count, 0.1, edge) / 64.0;
                let quarter = quantile(squares, count, 0.25, edge) / 64.0;
                let mean = quantile(sums, count, 0.25, |bucket| bucket as f32) / 64.0;
                let now = Calm {
                    is_known: true,
                    tenth: tenth.min(NOISIEST),
                    quarter: quarter.min(NOISIEST * quarter / tenth.max(0.01)),
                    mean,
                };
                *calm = if calm.is_known {
                    calm.towards(now)
                } else {
                    now
                };
            }
            squares.fill(0);
            sums.fill(0);
        }
        self.set_limits();
    }

    /// That share of the strips was sent for one block alone: where that goes on, it is noise.
    pub(crate) fn lonely(&mut self, share: f32) {
        /// Pictures over which shares are averaged, and for which there have to be many of them, or few.
        const OVER: f32 = 30.0;
        const LONG: u32 = 60;
        const VERY_LONG: u32 = 300;
        /// Then it is raised or lowered every half second.
        const AGAIN: u32 = 15;
        self.lonely += (share - self.lonely) / OVER;
        self.many = if self.lonely > 0.02 { self.many + 1 } else { 0 };
        self.few = if self.lonely < 0.002 { self.few + 1 } else { 0 };
        let (low, high) = (*SPREADS.start(), *SPREADS.end());
        if self.many >= LONG {
            self.many -= AGAIN;
            self.spread = (1.15 * self.spread).min(high);
        } else if self.few >= VERY_LONG {
            self.few -= AGAIN;
            self.spread = (0.97 * self.spread).max(low);
        }
    }

    fn set_limits(&mut self) {
        let (luma, colours) = self.calm.split_at(CB);
        for group in 0..CB {
            // Clipped highlights have no noise beside others that have much.
            let from = group.saturating_sub(1);
            let near = luma[from..(group + 2).min(CB)]
                .iter()
                .filter(|calm| calm.is_known);
            let highest = near.fold(None, |highest: Option<Calm>, calm| {
                Some(highest.map_or(*calm, |highest| highest.highest(*calm)))
            });
            // What was never seen is like the nearest that was.
            let known = luma.iter().enumerate().filter(|(_, calm)| calm.is_known);
            let nearest = known.min_by_key(|(other, _)| other.abs_diff(group));
            let calm = highest
                .or(nearest.map(|(_, calm)| *calm))
                .unwrap_or_default();
            self.limits[group] = calm.limit(self.spread);
        }
        for (group, calm) in (CB..).zip(colours) {
            self.limits[group] = calm.limit(self.spread);
        }
    }
}

impl Calm {
    /// Slowly, and more slowly to more noise than to less.
    fn towards(self, now: Self) -> Self {
        let step = |from: f32, to: f32| from + (to - from) * if to < from { 0.1 } else { 0.05 };
        Self {
            is_known: true,
            tenth: step(self.tenth, now.tenth),
            quarter: step(self.quarter, now.quarter),
            mean: step(self.mean, now.mean),
        }
    }

    fn highest(self, other: Self) -> Self {
        let noisier = if other.tenth > self.tenth {
            other
        } else {
            self
        };
        Self {
            mean: self.mean.max(other.mean),
            ..noisier
        }
    }

    fn limit(self, spread: f32) -> Limit {
        let apart = (self.quarter - self.tenth) / self.tenth.max(0.01);
        let squares = self.tenth * (1.0 + spread * apart).clamp(2.4, 9.0);
        let squares = [1.0, OF_MEAN].map(|of| (64.0 * (of * squares).clamp(LEAST, MOST)) as u32);
        Limit {
            squares,
            sum: (64.0 * (17.0 * self.mean).clamp(LEAST_MEAN, MOST_MEAN)) as i32,
        }
    }
}

/// The bucket of a sum of squares.
fn bucket(squares: u32) -> usize {
    let value = squares + PER_OCTAVE;
    let octave = value.ilog2() - PER_OCTAVE.ilog2();
    (octave * PER_OCTAVE + (value >> octave) - PER_OCTAVE) as usize
}

/// The lowest sum of squares of a bucket.
fn edge(bucket: usize) -> f32 {
    let (octave, step) = (bucket as u32 / PER_OCTAVE, bucket as u32 % PER_OCTAVE);
    let value = f32::from(2_u8).powi(octave as i32) * (PER_OCTAVE + step) as f32;
    value - PER_OCTAVE as f32
}

/// The value that this share of them stays below.
fn quantile(counts: &[u16], of: u32, share: f32, edge: impl Fn(usize) -> f32) -> f32 {
    let mut left = share * of as f32;
    for (bucket, count) in counts.iter().enumerate() {
        let count = f32::from(*count);
        if count > 0.0 && count >= left {
            let (low, high) = (edge(bucket), edge(bucket + 1));
            return low + (high - low) * left / count;
        }
        left -= count;
    }
    edge(counts.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_rise_with_what_is_in_them() {
        for squares in (0..70).chain((100..65025 * 64).step_by(977)) {
            let bucket = bucket(squares);
            let (low, high) = (edge(bucket), edge(bucket + 1));
            assert!(
                low <= squares as f32 && (squares as f32) < high,
                "{squares}: {low} to {high}"
            );
            assert!(bucket < SQUARES);
        }
    }
}

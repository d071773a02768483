//! How the light has changed since the background was learned: by a factor and an offset for the whole picture.
//!
//! Exposure, clouds and dusk change all of a picture, people a part of it: medians pass over what moves. Changes of a part of the picture,
//! such as by a lamp, are `blobs`' to judge.

/// Groups of background brightness.
const BINS: usize = 16;
/// Differences of −256 … 255.
const DIFFERENCES: usize = 512;

/// Slope of a change that is one of the whole picture.
pub(crate) const MOST_SLOPE: f32 = 0.5;

/// Difference of half of the picture without which there is no such change, in levels.
const LEAST_CHANGE: usize = 8;

/// A change of light: `brightness · (1 + slope) + offset`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Light {
    pub(crate) slope: f32,
    pub(crate) offset: f32,
}

impl Light {
    /// What a background sample looks like in this light.
    pub(crate) fn on(self, background: f32) -> f32 {
        background * (1.0 + self.slope) + self.offset
    }
}

/// Fits [`Light`] to pictures.
#[derive(Debug)]
pub(crate) struct Fit {
    counts: Vec<u16>,
}

impl Fit {
    pub(crate) fn new() -> Self {
        Self {
            counts: vec![0; BINS * DIFFERENCES],
        }
    }

    /// The change of light from the background to the current picture, where the mask is 1.
    pub(crate) fn light(&mut self, background: &[f32], current: &[f32], mask: &[u8]) -> Light {
        self.counts.fill(0);
        let mut sums = [(0_u32, 0.0_f32); BINS];
        // Every second sample is enough for medians.
        let samples = background.iter().zip(current).zip(mask).step_by(2);
        for ((&back, &now), _) in samples.filter(|(_, mask)| **mask != 0) {
            let bin = (back as usize / (256 / BINS)).min(BINS - 1);
            let difference = ((now - back).floor() + 256.0) as usize;
            let count = &mut self.counts[bin * DIFFERENCES + difference.min(DIFFERENCES - 1)];
            *count = count.saturating_add(1);
            sums[bin].0 += 1;
            sums[bin].1 += back;
        }
        let all: u32 = sums.iter().map(|(count, _)| count).sum();
        let enough = (all / 100).max(8);
        let (mut points, mut len) = ([(0.0_f32, 0.0_f32); BINS], 0);
        for (bin, &(count, sum)) in sums.iter().enumerate() {
            if count >= enough {
                let counts = &self.counts[bin * DIFFERENCES..][..DIFFERENCES];
                points[len] = (sum / count as f32, median(counts, count));
                len += 1;
            }
        }
        let points = &points[..len];
        let mut slope = slope(points);
        // Before a flat wall, what is bright is noise, and not bright again: that looks like a slope of −1, and is none.
        if slope < -MOST_SLOPE && !self.is_changed(all) {
            slope = 0.0;
        }
        let mut offsets = [0.0; BINS];
        for (offset, &(x, y)) in offsets.iter_mut().zip(points) {
            *offset = y - slope * x;
        }
        let offset = middle(&mut offsets[..len]);
        Light { slope, offset }
    }

    /// Whether half of all samples differ.
    fn is_changed(&self, all: u32) -> bool {
        let near = 256 - LEAST_CHANGE..256 + LEAST_CHANGE;
        let bins = self.counts.chunks_exact(DIFFERENCES);
        let alike: u32 = bins
            .flat_map(|bin| &bin[near.clone()])
            .map(|&it| u32::from(it))
            .sum();
        alike * 2 < all
    }
}

/// The median difference, between whole ones by how many there are of each.
fn median(counts: &[u16], total: u32) -> f32 {
    let half = total as f32 / 2.0;
    let mut below = 0.0;
    for (difference, &count) in counts.iter().enumerate() {
        let count = f32::from(count);
        if below + count >= half && count > 0.0 {
            return difference as f32 - 256.0 + (half - below) / count;
        }
        below += count;
    }
    0.0
}

/// The slope of the line through most of the points (Theil–Sen): a few that lie elsewhere change nothing.
fn slope(points: &[(f32, f32)]) -> f32 {
    let (mut slopes, mut len) = ([0.0; BINS * (BINS - 1) / 2], 0);
    for (at, &(x, y)) in points.iter().enumerate() {
        for &(other_x, other_y) in &points[..at] {
            slopes[len] = (y - other_y) / (x - other_x).max(1.0);
            len += 1;
        }
    }
    middle(&mut slopes[..len])
}

/// The median of some values; 0 of none.
pub(crate) fn middle(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable_by(f32::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        values[half]
    } else {
        f32::midpoint(values[half - 1], values[half])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_is_found_beside_something_large_that_moves() {
        let background: Vec<_> = (0..4000).map(|at| (20 + at % 160) as f32).collect();
        let light = |back: f32| back * 0.7 + 12.0;
        let current: Vec<_> = background
            .iter()
            .enumerate()
            .map(|(at, &back)| if at % 4000 < 1200 { 200.0 } else { light(back) })
            .collect();
        let found = Fit::new().light(&background, &current, &[1; 4000]);
        assert!((found.slope + 0.3).abs() < 0.03, "{found:?}");
        assert!((found.on(100.0) - light(100.0)).abs() < 2.0, "{found:?}");
    }

    #[test]
    fn a_picture_of_one_brightness_has_an_offset_only() {
        let found = Fit::new().light(&[50.0; 900], &[58.0; 900], &[1; 900]);
        assert!(
            found.slope == 0.0 && (found.offset - 8.5).abs() <= 0.5,
            "{found:?}"
        );
    }
}

//! Connected parts of the picture that differ from the scene, and which of them are only light.
//!
//! Light keeps what it falls on visible and fades out at its edge; something that moves hides what is behind it and ends sharply.

use crate::model::{LIT, MOVING, Model, STILL};

/// Most blobs of a picture that are looked at.
pub(crate) const MOST: usize = 128;

/// Something that differs from the scene.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Blob {
    /// Samples.
    pub(crate) area: f32,
    /// The mean of their positions.
    pub(crate) centre: (f32, f32),
    /// The first column and line, and the ones behind the last.
    pub(crate) from: (usize, usize),
    pub(crate) to: (usize, usize),
    /// Mean difference from the scene.
    pub(crate) contrast: f32,
}

impl Blob {
    /// The point between its feet.
    pub(crate) fn feet(&self) -> (f32, f32) {
        let middle = (self.from.0 + self.to.0) as f32 / 2.0;
        (middle, self.to.1 as f32 - 0.5)
    }

    /// The longer of its sides.
    pub(crate) fn size(&self) -> f32 {
        (self.to.0 - self.from.0).max(self.to.1 - self.from.1) as f32
    }
}

/// Finds blobs. Its memory is used again for each picture.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// Sums of three samples in a line.
    sums: Vec<u8>,
    kept: Vec<u8>,
    /// The blob of each sample, from 1.
    labels: Vec<u16>,
    /// Positions of one blob's samples.
    members: Vec<u32>,
    pub(crate) blobs: Vec<Blob>,
}

impl Finder {
    /// Finds the blobs of at least `min_area` samples of what the model has marked. What turns out to be light, or too small to be
    /// anything, is marked so.
    pub(crate) fn find(&mut self, model: &mut Model, min_area: f32) {
        self.keep_clustered(model);
        self.labels.clear();
        self.labels.resize(self.kept.len(), 0);
        self.members.clear();
        self.members.reserve(self.kept.len());
        self.blobs.clear();
        self.blobs.reserve(MOST);
        let mut label = 0;
        for at in 0..self.kept.len() {
            if self.kept[at] == 0 || self.labels[at] != 0 || label == u16::MAX {
                continue;
            }
            label += 1;
            self.collect(at, label, model.width);
            if (self.members.len() as f32) < min_area {
                continue;
            }
            if self.is_light(model, label) {
                for &member in &self.members {
                    model.kinds[member as usize] = LIT;
                }
            } else if self.blobs.len() < MOST {
                self.blobs.push(self.blob(model));
            }
        }
    }

    /// Keeps samples of which at least 3 of the 9 around them are marked.
    fn keep_clustered(&mut self, model: &Model) {
        let (width, kinds) = (model.width, &model.kinds);
        self.sums.clear();
        self.sums.resize(kinds.len(), 0);
        self.kept.clear();
        self.kept.resize(kinds.len(), 0);
        for (sums, line) in self
            .sums
            .chunks_exact_mut(width)
            .zip(kinds.chunks_exact(width))
        {
            for (sum, three) in sums[1..].iter_mut().zip(line.windows(3)) {
                *sum = three[0] + three[1] + three[2];
            }
            sums[0] = line[0] + line[1];
            sums[width - 1] = line[width - 2] + line[width - 1];
        }
        for y in 0..model.height {
            let line = |y: usize| &self.sums[y * width..][..width];
            let above = line(y.saturating_sub(1));
            let below = line((y + 1).min(model.height - 1));
            let kept = &mut self.kept[y * width..][..width];
            let marked = &kinds[y * width..][..width];
            for x in 0..width {
                let around = above[x] + line(y)[x] + below[x];
                kept[x] = u8::from(around >= 3) & marked[x] & MOVING;
            }
        }
    }

    /// Collects the samples that are connected with one, across gaps of one sample.
    fn collect(&mut self, first: usize, label: u16, width: usize) {
        self.members.clear();
        self.members.push(first as u32);
        self.labels[first] = label;
        let height = self.kept.len() / width;
        let mut done = 0;
        while let Some(&at) = self.members.get(done) {
            done += 1;
            let (x, y) = (at as usize % width, at as usize / width);
            for y in y.saturating_sub(2)..(y + 3).min(height) {
                for next in y * width + x.saturating_sub(2)..y * width + (x + 3).min(width) {
                    if self.kept[next] != 0 && self.labels[next] == 0 {
                        self.labels[next] = label;
                        self.members.push(next as u32);
                    }
                }
            }
        }
    }

    fn blob(&self, model: &Model) -> Blob {
        let (mut from, mut to) = ((usize::MAX, usize::MAX), (0, 0));
        let (mut sum, mut contrast) = ((0.0, 0.0), 0.0);
        for &member in &self.members {
            let (x, y) = (member as usize % model.width, member as usize / model.width);
            from = (from.0.min(x), from.1.min(y));
            to = (to.0.max(x + 1), to.1.max(y + 1));
            sum = (sum.0 + x as f32, sum.1 + y as f32);
            contrast += model.residual[member as usize].abs();
        }
        let area = self.members.len() as f32;
        Blob {
            area,
            centre: (sum.0 / area, sum.1 / area),
            from,
            to,
            contrast: contrast / area,
        }
    }

    /// Whether only the light differs in the blob that was collected.
    fn is_light(&self, model: &Model, label: u16) -> bool {
        let (width, height) = (model.width, model.height);
        let residual = &model.residual;
        let (mut strength, mut steepness) = (0.0, 0.0);
        let (mut steps, mut borders) = (0.0_f32, 0_u32);
        let (mut both, mut now, mut before) = (0.0, 1e-6_f32, 1e-6_f32);
        for &member in &self.members {
            let at = member as usize;
            let (x, y) = (at % width, at / width);
            strength += residual[at].abs();
            for (is_inside, next, beyond) in [
                (x >= 2, at.wrapping_sub(1), at.wrapping_sub(2)),
                (x + 2 < width, at + 1, at + 2),
                (y >= 2, at.wrapping_sub(width), at.wrapping_sub(2 * width)),
                (y + 2 < height, at + width, at + 2 * width),
            ] {
                if is_inside && self.labels[next] != label && self.labels[beyond] != label {
                    steps += (residual[at] - residual[beyond]).abs();
                    borders += 1;
                }
            }
            if x + 1 < width && y + 1 < height {
                let slope = |of: &[f32]| (of[at + 1] - of[at], of[at + width] - of[at]);
                let (rx, ry) = slope(residual);
                steepness += rx.hypot(ry);
                let ((cx, cy), (px, py)) = (slope(&model.current), slope(&model.predicted));
                both += cx * px + cy * py;
                now += cx * cx + cy * cy;
                before += px * px + py * py;
            }
        }
        let area = self.members.len() as f32;
        // A blob that fills the picture has no border to judge by.
        let edge = if borders == 0 {
            0.0
        } else {
            steps / borders as f32 / (strength / area)
        };
        let sharp = steepness / strength;
        let alike = both / (now * before).sqrt();
        let is_soft = edge < 0.35 || (edge < 0.55 && alike > 0.6);
        (is_soft && (area >= 30.0 || sharp < 0.6)) || (alike > 0.85 && edge < 0.75)
    }
}

/// Marks samples as still that are marked and in no blob, so that specks of noise are learned as what they are.
pub(crate) fn forget_specks(model: &mut Model, finder: &Finder) {
    for (kind, &kept) in model.kinds.iter_mut().zip(&finder.kept) {
        if *kind == MOVING && kept == 0 {
            *kind = STILL;
        }
    }
}

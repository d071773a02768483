//! Painted pieces as frames need them: planes of samples with transparency, laid on a picture row by row.
//!
//! The only code besides [`super::renderer`] that runs for every frame. How a plate looks is decided in [`super::scene`]
//! and [`super::overlay`].

use super::canvas::{Canvas, byte};
use super::picture::Picture;

/// A picture with transparency, in planes like the picture that it is laid on.
pub(crate) struct Plate {
    pub width: usize,
    layers: [Layer; 3],
}

/// One plane.
struct Layer {
    width: usize,
    samples: Vec<u8>,
    /// 255 where the sample hides what is below.
    alpha: Vec<u8>,
    cover: Vec<Cover>,
}

/// A colour in full-range BT.601, as JPEG (JFIF) has it.
pub(crate) fn ycbcr([r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        0.299 * r + 0.587 * g + 0.114 * b,
        128.0 - 0.168_736 * r - 0.331_264 * g + 0.5 * b,
        128.0 + 0.5 * r - 0.418_688 * g - 0.081_312 * b,
    ]
}

/// What a row hides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cover {
    Nothing,
    Part,
    All,
}

impl Plate {
    /// The canvas in planes.
    pub(crate) fn new(canvas: &Canvas) -> Self {
        let (width, height) = (canvas.width, canvas.height);
        let mut layers = [1, 2, 2].map(|by| Layer {
            width: width / by,
            samples: Vec::with_capacity(width * height / by / by),
            alpha: Vec::with_capacity(width * height / by / by),
            cover: Vec::with_capacity(height / by),
        });
        let [luma, cb, cr] = &mut layers;
        for y in (0..height).step_by(2) {
            for y in [y, y + 1] {
                for &[r, g, b, a] in canvas.line(y) {
                    let [y, ..] = ycbcr([r, g, b].map(f32::from));
                    luma.samples.push(byte(y));
                    luma.alpha.push(a);
                }
            }
            let pairs = canvas.line(y).as_chunks::<2>().0.iter();
            for (above, below) in pairs.zip(canvas.line(y + 1).as_chunks::<2>().0) {
                let four = [above[0], above[1], below[0], below[1]];
                let weight = four.map(|pixel| f32::from(pixel[3]));
                let total: f32 = weight.iter().sum();
                let mean = |channel: usize| {
                    let sum: f32 = (0..4)
                        .map(|i| f32::from(four[i][channel]) * weight[i])
                        .sum();
                    sum / total.max(1.0)
                };
                let [_, blue, red] = ycbcr([mean(0), mean(1), mean(2)]);
                let alpha = byte(total / 4.0);
                for (layer, value) in [(&mut *cb, blue), (&mut *cr, red)] {
                    layer.samples.push(byte(value));
                    layer.alpha.push(alpha);
                }
            }
        }
        for layer in &mut layers {
            let rows = layer.alpha.chunks_exact(layer.width);
            layer.cover = rows.map(Cover::of).collect();
            if layer.cover.iter().all(|&cover| cover == Cover::All) {
                layer.alpha = Vec::new();
            }
        }
        Self { width, layers }
    }

    /// Fills the picture's width from line `top` on, beginning with the plate's column `offset` and wrapping around.
    /// `top` is even.
    pub(crate) fn pan(&self, picture: &mut Picture, top: usize, offset: usize) {
        let width = picture.width();
        for ((layer, plane), by) in self.layers.iter().zip(picture.planes_mut()).zip([1, 2, 2]) {
            let width = width / by;
            let start = offset / by % layer.width;
            let rows = plane[top / by * width..].chunks_exact_mut(width);
            for (y, row) in rows.take(layer.cover.len()).enumerate() {
                let (first, second) = row.split_at_mut(width.min(layer.width - start));
                layer.lay(y, start, first);
                layer.lay(y, 0, second);
            }
        }
    }

    /// Lays the plate on the picture with its upper left corner there; what is outside the picture is cut off.
    pub(crate) fn put(&self, picture: &mut Picture, x: i64, y: i64) {
        let width = picture.width();
        for ((layer, plane), by) in self.layers.iter().zip(picture.planes_mut()).zip([1, 2, 2]) {
            let width = width / by;
            let (x, y) = (x.div_euclid(by as i64), y.div_euclid(by as i64));
            let left = x.clamp(0, width as i64) as usize;
            let right = (x + layer.width as i64).clamp(0, width as i64) as usize;
            let start = (left as i64 - x) as usize;
            for (index, row) in plane.chunks_exact_mut(width).enumerate() {
                let line = index as i64 - y;
                if (0..layer.cover.len() as i64).contains(&line) && left < right {
                    layer.lay(line as usize, start, &mut row[left..right]);
                }
            }
        }
    }
}

impl Layer {
    fn lay(&self, y: usize, from: usize, out: &mut [u8]) {
        let at = y * self.width + from;
        match self.cover[y] {
            Cover::Nothing => {}
            Cover::All => out.copy_from_slice(&self.samples[at..][..out.len()]),
            Cover::Part => mix(
                out,
                &self.samples[at..][..out.len()],
                &self.alpha[at..][..out.len()],
            ),
        }
    }
}

impl Cover {
    fn of(alpha: &[u8]) -> Self {
        if alpha.iter().all(|&alpha| alpha == 255) {
            Self::All
        } else if alpha.iter().all(|&alpha| alpha == 0) {
            Self::Nothing
        } else {
            Self::Part
        }
    }
}

fn mix(out: &mut [u8], samples: &[u8], alpha: &[u8]) {
    for ((out, &sample), &alpha) in out.iter_mut().zip(samples).zip(alpha) {
        let alpha = u16::from(alpha);
        let sum = u16::from(*out) * (255 - alpha) + u16::from(sample) * alpha + 128;
        // Division by 255, exact for every sum that can occur.
        *out = ((sum + (sum >> 8)) >> 8) as u8;
    }
}

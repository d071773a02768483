//! What the test pattern shows under its writing: the lake, or a chart by which colours and brightness are judged.
//!
//! The lake is [`super::scene`].

use super::canvas::byte;
use super::picture::Picture;
use super::plate::ycbcr;

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Motif {
    /// A lake with balloons and a boat, as hard to compress as a photograph.
    #[default]
    Lake,
    /// Eight upright bars of three quarters of the brightness: white, yellow, cyan, green, magenta, red, blue, black.
    ColourBars,
    /// Middle grey.
    Grey,
}

const BARS: [[f32; 3]; 8] = [
    [191.0, 191.0, 191.0],
    [191.0, 191.0, 0.0],
    [0.0, 191.0, 191.0],
    [0.0, 191.0, 0.0],
    [191.0, 0.0, 191.0],
    [191.0, 0.0, 0.0],
    [0.0, 0.0, 191.0],
    [0.0, 0.0, 0.0],
];

/// Paints the colour bars.
pub(crate) fn colour_bars(picture: &mut Picture) {
    let width = picture.width();
    let colours = BARS.map(|rgb| ycbcr(rgb).map(byte));
    let planes = picture.planes_mut().into_iter().enumerate().zip([1, 2, 2]);
    for ((channel, plane), by) in planes {
        let width = width / by;
        let (first, others) = plane.split_at_mut(width);
        for (x, sample) in first.iter_mut().enumerate() {
            *sample = colours[x * BARS.len() / width][channel];
        }
        for row in others.chunks_exact_mut(width) {
            row.copy_from_slice(first);
        }
    }
}

/// Paints middle grey.
pub(crate) fn grey(picture: &mut Picture) {
    for plane in picture.planes_mut() {
        plane.fill(128);
    }
}

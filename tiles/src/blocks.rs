//! How far 8x8 blocks of a strip are from what is remembered of it.

use crate::grid::{Grid, Plane};

/// A block's difference.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Difference {
    /// Sum of the differences of its 64 samples.
    pub(crate) sum: i32,
    /// Sum of their squares.
    pub(crate) squares: u32,
    /// All 64 are in the picture. Those beyond its ends, which are copies of others, are not counted.
    pub(crate) is_whole: bool,
}

/// Compares a strip's planes with what is remembered of it, block by block: those of Y row by row, then Cb, then Cr. `visible` is the
/// width and the lines of each plane that are in the picture.
pub(crate) fn compare(
    grid: &Grid,
    parts: &[Plane<'_>; 3],
    visible: [(usize, usize); 3],
    remembered: &[u8],
    into: &mut Vec<Difference>,
) {
    into.clear();
    let mut remembered = remembered;
    for ((part, (width, lines)), (right, bottom)) in parts.iter().zip(grid.parts()).zip(visible) {
        let (before, rest) = remembered.split_at(width * lines);
        remembered = rest;
        for (row, before) in before.chunks_exact(8 * width).enumerate() {
            let now = &part.data[8 * row * part.stride..];
            let below = bottom.saturating_sub(8 * row);
            if right >= width && below >= 8 {
                row_of_blocks(now, part.stride, before, width, into);
                continue;
            }
            for x in (0..width).step_by(8) {
                let visible = (right.saturating_sub(x), below);
                into.push(part_of_block(
                    &now[x..],
                    part.stride,
                    &before[x..],
                    width,
                    visible,
                ));
            }
        }
    }
}

/// Lanes by lines, and one line after the other, so that nothing is looked up twice and eight samples are computed at once.
fn row_of_blocks(
    now: &[u8],
    stride: usize,
    before: &[u8],
    width: usize,
    into: &mut Vec<Difference>,
) {
    /// A strip has as many blocks of brightness beside each other at most: more would be computed in parts.
    const AT_ONCE: usize = 40;
    for left in (0..width / 8).step_by(AT_ONCE) {
        let blocks = AT_ONCE.min(width / 8 - left);
        let mut all = [([0_i16; 8], [0_u32; 8]); AT_ONCE];
        let all = &mut all[..blocks];
        for line in 0..8 {
            let now = now[line * stride + 8 * left..][..8 * blocks]
                .as_chunks::<8>()
                .0;
            let before = before[line * width + 8 * left..][..8 * blocks]
                .as_chunks::<8>()
                .0;
            for ((now, before), (sums, squares)) in now.iter().zip(before).zip(&mut *all) {
                for lane in 0..8 {
                    let difference = i16::from(now[lane]) - i16::from(before[lane]);
                    sums[lane] += difference;
                    // At most 255² fits.
                    let size = difference.unsigned_abs();
                    squares[lane] += u32::from(size.wrapping_mul(size));
                }
            }
        }
        into.extend(all.iter().map(|(sums, squares)| Difference {
            sum: sums.iter().copied().map(i32::from).sum(),
            squares: squares.iter().sum(),
            is_whole: true,
        }));
    }
}

/// The samples of a block that are in the picture.
fn part_of_block(
    now: &[u8],
    stride: usize,
    before: &[u8],
    width: usize,
    (right, below): (usize, usize),
) -> Difference {
    let mut difference = Difference::default();
    for line in 0..below.min(8) {
        let now = now[line * stride..].iter();
        for (now, before) in now.zip(&before[line * width..]).take(right.min(8)) {
            let apart = i32::from(*now) - i32::from(*before);
            difference.sum += apart;
            difference.squares += apart.unsigned_abs().pow(2);
        }
    }
    difference
}

fn eight(samples: &[u8]) -> &[u8; 8] {
    samples.first_chunk().expect("planes have whole blocks")
}

/// The mean of each block of Y, in sixteenths of the scale.
pub(crate) fn brightness(grid: &Grid, strip: &[u8]) -> impl Iterator<Item = u8> {
    let [(width, lines), ..] = grid.parts();
    let rows = strip[..width * lines].chunks_exact(8 * width);
    rows.flat_map(move |row| {
        (0..width).step_by(8).map(move |x| {
            let lines = row.chunks_exact(width);
            let sum: u32 = lines
                .map(|line| {
                    eight(&line[x..])
                        .iter()
                        .copied()
                        .map(u32::from)
                        .sum::<u32>()
                })
                .sum();
            (sum / 64 / 16) as u8
        })
    })
}

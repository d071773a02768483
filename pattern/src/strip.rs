//! The strip along the lower edge that tells `seq` and the capture time to programs.
//!
//! Two rows of 64 cells fill the lowest twentieth of the picture: a cell is a 64th of the width wide and a 40th of the
//! height high. White is 1, black is 0. The first and the last four cells of a row say that this is a strip, and what
//! black and white look like; the 56 between them are data, most significant bit first:
//!
//! ```text
//!         left  data                                               right
//! upper   1010  captured-us, 56 bits: Unix time in µs              0101
//! lower   0101  seq, its low 40 bits; then a CRC-16 of both        1010
//! ```
//!
//! The CRC is CRC-16/CCITT-FALSE (polynomial 0x1021, start 0xFFFF, no reflection) over the seven bytes of captured-us
//! and then the five bytes of seq, all big-endian. A reader takes the mean of the middle half of each cell and compares
//! it with the mid-point between the white and the black cells at the rows' ends. Everything is a fraction of the
//! picture, so a scaled copy reads the same way: at quality 50 every picture from 160x120 on, and copies at half the size
//! of pictures from 320x240 on.
//!
//! What people read is painted by `overlay`.

use std::ops::Range;

const COLUMNS: usize = 64;
const ROWS: usize = 2;
/// Rows that fill the whole height.
const ROWS_PER_HEIGHT: usize = 40;
const GUARD: usize = 4;
const CAPTURED_BITS: u32 = 56;
const SEQ_BITS: u32 = 40;
const CRC_BITS: u32 = 16;

const WHITE: u8 = 236;
const BLACK: u8 = 18;
/// Least difference of black and white at which a strip is believed to be one.
const LEAST_CONTRAST: f32 = 48.0;

/// What a frame of the pattern says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Painted {
    /// The frame's number, its low 40 bits.
    pub seq: u64,
    /// Unix time in µs.
    pub captured_us: u64,
}

/// Reads what the pattern painted, from the luminance of one of its frames: of any size, once through a JPEG or not.
/// `None` where no intact strip is found.
pub fn read_back(luma: &[u8], stride: usize, width: usize, height: usize) -> Option<Painted> {
    if width < COLUMNS || height < ROWS_PER_HEIGHT || luma.len() < stride * (height - 1) + width {
        return None;
    }
    let levels: [[f32; COLUMNS]; ROWS] = std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            let [xs, ys] = [
                middle(column, COLUMNS, width),
                middle(first_row() + row, ROWS_PER_HEIGHT, height),
            ];
            let count = (xs.len() * ys.len()) as f32;
            let sum: u32 = ys
                .flat_map(|y| &luma[y * stride..][xs.clone()])
                .map(|&sample| u32::from(sample))
                .sum();
            sum as f32 / count
        })
    });
    let (mut white, mut black) = (0.0, 0.0);
    for (row, levels) in levels.iter().enumerate() {
        for column in guard_columns() {
            match guard(row, column) {
                true => white += levels[column],
                false => black += levels[column],
            }
        }
    }
    let each = (ROWS * GUARD) as f32;
    let (white, black) = (white / each, black / each);
    if white - black < LEAST_CONTRAST {
        return None;
    }
    let threshold = (white + black) / 2.0;
    let read: [[bool; COLUMNS]; ROWS] = levels.map(|row| row.map(|level| level > threshold));
    Painted::from_cells(&read)
}

/// Paints the strip on all three planes.
pub fn paint(planes: [&mut [u8]; 3], width: usize, height: usize, painted: Painted) {
    let cells = painted.cells();
    for (plane, samples) in planes.into_iter().enumerate() {
        let (width, height) = match plane {
            0 => (width, height),
            _ => (width / 2, height / 2),
        };
        for (row, cells) in cells.iter().enumerate() {
            let mut lines = samples[width * edge(first_row() + row, ROWS_PER_HEIGHT, height)..]
                [..width * whole(first_row() + row, ROWS_PER_HEIGHT, height).len()]
                .chunks_exact_mut(width);
            if plane > 0 {
                lines.for_each(|line| line.fill(128));
                continue;
            }
            let Some(first) = lines.next() else { continue };
            for (column, &cell) in cells.iter().enumerate() {
                first[whole(column, COLUMNS, width)].fill(if cell { WHITE } else { BLACK });
            }
            lines.for_each(|line| line.copy_from_slice(first));
        }
    }
}

/// The strip's topmost line.
pub fn top(height: usize) -> usize {
    edge(first_row(), ROWS_PER_HEIGHT, height)
}

impl Painted {
    fn cells(self) -> [[bool; COLUMNS]; ROWS] {
        let captured = low(self.captured_us, CAPTURED_BITS);
        let seq = low(self.seq, SEQ_BITS);
        let rows = [captured, seq << CRC_BITS | u64::from(crc(captured, seq))];
        std::array::from_fn(|row| {
            std::array::from_fn(|column| match guard_columns().any(|at| at == column) {
                true => guard(row, column),
                false => rows[row] >> (COLUMNS - GUARD - 1 - column) & 1 == 1,
            })
        })
    }

    fn from_cells(cells: &[[bool; COLUMNS]; ROWS]) -> Option<Self> {
        let [captured_us, seq_and_crc] = cells.map(|row| {
            row[GUARD..COLUMNS - GUARD]
                .iter()
                .fold(0, |bits, &cell| bits << 1 | u64::from(cell))
        });
        let painted = Self {
            seq: seq_and_crc >> CRC_BITS,
            captured_us,
        };
        // The guards and the CRC at once.
        (painted.cells() == *cells).then_some(painted)
    }
}

fn low(value: u64, bits: u32) -> u64 {
    value & ((1 << bits) - 1)
}

fn first_row() -> usize {
    ROWS_PER_HEIGHT - ROWS
}

fn guard_columns() -> impl Iterator<Item = usize> {
    (0..GUARD).chain(COLUMNS - GUARD..COLUMNS)
}

/// What a guard cell shows: a chequerboard whose right half is inverted.
fn guard(row: usize, column: usize) -> bool {
    (row + column + usize::from(column >= GUARD)).is_multiple_of(2)
}

fn edge(index: usize, of: usize, size: usize) -> usize {
    (index * size + of / 2) / of
}

fn whole(index: usize, of: usize, size: usize) -> Range<usize> {
    edge(index, of, size)..edge(index + 1, of, size)
}

/// The middle half of a cell; the pixel in the middle where that is less than one.
fn middle(index: usize, of: usize, size: usize) -> Range<usize> {
    let quarter = |quarters: usize| (4 * index + quarters) * size;
    let (from, to) = (quarter(1).div_ceil(4 * of), quarter(3) / (4 * of));
    match from < to {
        true => from..to,
        false => {
            let at = quarter(2) / (4 * of);
            at..at + 1
        }
    }
}

/// CRC-16/CCITT-FALSE.
fn crc(captured: u64, seq: u64) -> u16 {
    let bytes = captured.to_be_bytes().into_iter().skip(1);
    bytes
        .chain(seq.to_be_bytes().into_iter().skip(3))
        .fold(0xffff, |crc: u16, byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                crc << 1 ^ if crc & 0x8000 != 0 { 0x1021 } else { 0 }
            })
        })
}

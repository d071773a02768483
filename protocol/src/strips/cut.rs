//! A JPEG with its strips. Nothing here decodes a picture.

use super::{StripsError, uncut, unlike};
use crate::jpeg::{self, APP0, APP1, DHT, DQT, DRI, EOI, Orientation, SOI, SOS, Segment};
use crate::stamp::Stamp;
use std::ops::Range;

/// Adobe's segment tells how colours are transformed.
const APP14: u8 = 0xee;

/// A whole JPEG whose restart intervals are strips, checked: each of them divides its row of MCUs, and all of them are there in
/// order. Whether what is in them can be decoded shows only when it is.
#[derive(Clone, Debug)]
pub struct Cut<'a> {
    jpeg: &'a [u8],
    kind: Kind,
    width: u16,
    height: u16,
    columns: u32,
    /// Where each strip begins, and where one more would: behind EOI.
    starts: Vec<u32>,
}

/// What strips have in common that can stand in one JPEG: tables, sampling and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// What decoders need of the header, with a size of zero.
    head: Vec<u8>,
    /// Offset of the size in it.
    size_at: usize,
    /// Pixels of a strip, and of the MCUs in it from left to right.
    strip: (u32, u32),
    mcu_width: u32,
}

/// What headers tell of the strips.
#[derive(Default)]
struct Layout {
    width: u16,
    height: u16,
    /// Pixels of an MCU.
    mcu: (u32, u32),
    components: u8,
    size_at: usize,
    /// MCUs in a restart interval.
    interval: u16,
    /// Offset of the picture data.
    scan_at: usize,
    head: Vec<u8>,
}

impl<'a> Cut<'a> {
    /// Cuts a JPEG at its restart markers.
    ///
    /// # Errors
    /// Where it is not one whole JPEG; where it is progressive, in several scans or without restart intervals that divide its rows
    /// of MCUs; where its pixels mean something only within it, because Exif turns it or it has a colour profile; and where a restart
    /// marker is missing, out of order, too many, or has fill bytes before it.
    pub fn read(jpeg: &'a [u8]) -> Result<Self, StripsError> {
        jpeg::inspect(jpeg)?;
        let layout = Layout::read(jpeg)?;
        let (mcu_width, mcu_height) = layout.mcu;
        let across = u32::from(layout.width).div_ceil(mcu_width);
        let interval = u32::from(layout.interval);
        if interval == 0 {
            return uncut("it has no restart intervals");
        }
        if !across.is_multiple_of(interval) {
            return uncut("its restart intervals do not divide its rows");
        }
        let columns = across / interval;
        let count = columns * u32::from(layout.height).div_ceil(mcu_height);
        Ok(Self {
            starts: starts(jpeg, layout.scan_at, count as usize)?,
            jpeg,
            kind: Kind {
                head: layout.head,
                size_at: layout.size_at,
                strip: (interval * mcu_width, mcu_height),
                mcu_width,
            },
            width: layout.width,
            height: layout.height,
            columns,
        })
    }

    /// Pixels of the picture.
    pub fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// What its strips have in common.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Pixels of a strip. What lies beyond the picture's right and lower end is not shown.
    pub fn strip_size(&self) -> (u32, u32) {
        self.kind.strip
    }

    /// How many strips there are beside each other.
    pub fn columns(&self) -> u32 {
        self.columns
    }

    /// How many strips there are.
    pub fn count(&self) -> u32 {
        // A strip of a JPEG has three bytes with its marker, and the JPEG less than 4 GiB.
        self.starts.len() as u32 - 1
    }

    /// The bytes of a strip, without its marker; `None` where there is no such strip.
    pub fn strip(&self, number: u32) -> Option<&'a [u8]> {
        let number = number as usize;
        let (start, next) = (self.starts.get(number)?, self.starts.get(number + 1)?);
        self.jpeg.get(*start as usize..*next as usize - 2)
    }

    /// All strips in order.
    pub fn strips(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + '_ {
        let ends = &self.starts[1..];
        let bounds = self.starts.iter().zip(ends);
        bounds.map(|(start, next)| &self.jpeg[*start as usize..*next as usize - 2])
    }

    /// Whether strips of that one mean the same in this one: tables, sampling and strips are the same, whatever the size.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
    }

    /// This JPEG with another stamp and these strips in place of its own. With its own it is what [`Stamp::write`] makes of it. That
    /// the strips are ones, from [`Self::strip`] of such a JPEG, is for the caller to see to.
    ///
    /// # Errors
    /// Where there are more or fewer strips than it has.
    pub fn whole<'s>(
        &self,
        stamp: &Stamp,
        strips: impl ExactSizeIterator<Item = &'s [u8]>,
    ) -> Result<Vec<u8>, StripsError> {
        if strips.len() != self.count() as usize {
            return unlike("there are as many strips as in another picture");
        }
        let head = stamp.write(&self.jpeg[..self.starts[0] as usize])?;
        Ok(join(head, strips))
    }

    /// All of its bytes.
    pub fn jpeg(&self) -> &'a [u8] {
        self.jpeg
    }
}

impl Kind {
    /// A whole picture of that size, of these strips from left to right and from the top to the bottom, as its encoder would have
    /// written it. That they are strips of this kind is for the caller to see to.
    ///
    /// # Errors
    /// Where a picture of that size has more or fewer of them.
    pub fn picture<'s>(
        &self,
        stamp: &Stamp,
        size: (u16, u16),
        strips: impl ExactSizeIterator<Item = &'s [u8]>,
    ) -> Result<Vec<u8>, StripsError> {
        let grid = self.grid(size);
        if grid.is_none_or(|(columns, rows)| strips.len() != columns as usize * rows as usize) {
            return unlike("there are as many strips as in another picture");
        }
        Ok(join(stamp.write(&self.head_of(size.0, size.1))?, strips))
    }

    /// Pixels of a strip.
    pub fn strip_size(&self) -> (u32, u32) {
        self.strip
    }

    /// What decoders need of the header, with a size of zero.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// MCUs in a strip.
    pub(super) fn mcus(&self) -> u32 {
        self.strip.0 / self.mcu_width
    }

    /// How many such strips a picture of this size has beside each other and below; `None` where they do not divide its rows.
    pub(super) fn grid(&self, (width, height): (u16, u16)) -> Option<(u32, u32)> {
        let across = u32::from(width).next_multiple_of(self.mcu_width);
        let down = u32::from(height).div_ceil(self.strip.1);
        let is_grid = across > 0 && down > 0 && across.is_multiple_of(self.strip.0);
        is_grid.then(|| (across / self.strip.0, down))
    }

    /// What decoders need to know of a picture of this size that is made of such strips.
    pub(super) fn head_of(&self, width: u16, height: u16) -> Vec<u8> {
        let mut head = self.head.clone();
        let size = [height.to_be_bytes(), width.to_be_bytes()].concat();
        head[self.size_at..self.size_at + 4].copy_from_slice(&size);
        head
    }
}

/// Puts strips behind a header.
pub(super) fn join<'s>(mut head: Vec<u8>, strips: impl Iterator<Item = &'s [u8]>) -> Vec<u8> {
    for (number, strip) in strips.enumerate() {
        if number > 0 {
            head.extend([0xff, 0xd0 | ((number - 1) & 7) as u8]);
        }
        head.extend_from_slice(strip);
    }
    head.extend(EOI);
    head
}

/// Where each of the strips begins, and where another one would after EOI.
fn starts(jpeg: &[u8], scan_at: usize, count: usize) -> Result<Vec<u32>, StripsError> {
    let at_most = (jpeg.len() - scan_at) / 3 + 2;
    let mut starts = Vec::with_capacity(at_most.min(count + 1));
    let bad = |at| Err(StripsError::BadRestart { at });
    let (mut start, mut at) = (scan_at, scan_at);
    loop {
        let Some(found) = memchr::memchr(0xff, &jpeg[at..]) else {
            return bad(jpeg.len());
        };
        at += found;
        let marker = jpeg.get(at + 1).copied();
        if marker == Some(0) {
            at += 2;
            continue;
        }
        let is_last = starts.len() + 1 == count;
        let expected = if is_last {
            EOI[1]
        } else {
            0xd0 | (starts.len() as u8) & 7
        };
        if marker != Some(expected) || at == start {
            return bad(at);
        }
        let Ok(number) = u32::try_from(start) else {
            return uncut("it has 4 GiB or more");
        };
        starts.push(number);
        at += 2;
        start = at;
        if is_last {
            starts.push(u32::try_from(at).or_else(|_| uncut("it has 4 GiB or more"))?);
            return if at == jpeg.len() {
                Ok(starts)
            } else {
                bad(at)
            };
        }
    }
}

impl Layout {
    fn read(jpeg: &[u8]) -> Result<Self, StripsError> {
        let mut layout = Self {
            head: SOI.to_vec(),
            ..Self::default()
        };
        let mut orientation = None;
        for segment in jpeg::segments(jpeg) {
            let segment = segment?;
            let bytes = segment.at..segment.end();
            match segment.marker {
                APP0 if segment.payload.starts_with(b"JFIF\0") => layout.keep(jpeg, bytes),
                APP1 => orientation = orientation.or_else(|| Orientation::read(&segment)),
                _ if segment.is_colour_profile() => return uncut("it has a colour profile"),
                APP14 | DQT | DHT => layout.keep(jpeg, bytes),
                DRI => {
                    // A later one would count, and decoders differ in what they do with two.
                    let &[high, low] = segment.payload else {
                        return uncut("its restart intervals are not understood");
                    };
                    if layout.interval != 0 {
                        return uncut("it has two lengths of restart intervals");
                    }
                    layout.interval = u16::from_be_bytes([high, low]);
                    layout.keep(jpeg, bytes);
                }
                0xc0 | 0xc1 => {
                    layout.frame(&segment)?;
                    layout.size_at = layout.head.len() + 5;
                    layout.keep(jpeg, bytes);
                    let size = layout.size_at..layout.size_at + 4;
                    layout.head[size].fill(0);
                }
                SOS => {
                    layout.scan(&segment)?;
                    layout.scan_at = segment.end();
                    layout.keep(jpeg, bytes);
                }
                marker if jpeg::is_frame_header(marker) => {
                    return uncut("it is no sequential JPEG with Huffman codes");
                }
                _ => {}
            }
        }
        if orientation.is_some_and(|orientation| orientation != Orientation::UPRIGHT) {
            return uncut("it is turned");
        }
        Ok(layout)
    }

    fn keep(&mut self, jpeg: &[u8], bytes: Range<usize>) {
        self.head.extend_from_slice(&jpeg[bytes]);
    }

    /// SOF0 or SOF1 (T.81 B.2.2).
    fn frame(&mut self, segment: &Segment<'_>) -> Result<(), StripsError> {
        if self.components > 0 {
            return uncut("it has two frame headers");
        }
        let &[8, h1, h0, w1, w0, count, ref components @ ..] = segment.payload else {
            return uncut("its samples have not 8 bits");
        };
        let (components, rest) = components.as_chunks::<3>();
        if !matches!(count, 1 | 3) || components.len() != usize::from(count) || !rest.is_empty() {
            return uncut("it has neither 1 nor 3 colour components");
        }
        let most = |of: fn(u8) -> u8| {
            let factors = components.iter().map(|[_, factors, _]| of(*factors));
            factors.max().unwrap_or_default()
        };
        let (across, down) = (most(|factors| factors >> 4), most(|factors| factors & 15));
        if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
            return uncut("its sampling factors are impossible");
        }
        // The blocks of one component alone stand in the order of its lines, whatever its factors (T.81 A.2.2).
        self.mcu = match count {
            1 => (8, 8),
            _ => (8 * u32::from(across), 8 * u32::from(down)),
        };
        (self.width, self.height) = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
        self.components = count;
        Ok(())
    }

    /// The one scan has to have all components with all of their coefficients (T.81 B.2.3).
    fn scan(&self, segment: &Segment<'_>) -> Result<(), StripsError> {
        let len = 4 + 2 * usize::from(self.components);
        match segment.payload {
            [count, .., 0, 63, 0] if *count == self.components && segment.payload.len() == len => {
                Ok(())
            }
            _ => uncut("it has several scans"),
        }
    }
}

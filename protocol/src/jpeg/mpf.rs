//! Which further pictures a file holds behind its first one, as phones write them: the MP Index of its Multi-Picture Format
//! segment (CIPA DC-007). A browser shows the first one alone.
//!
//! Whether there is anything at these places is for others to see.

use super::tiff::Tiff;
use super::{Segment, segments};

const APP2: u8 = 0xe2;
const NUMBER_OF_IMAGES: u16 = 0xb001;
const MP_ENTRY: u16 = 0xb002;
/// Bytes of an MP Entry, and where in it the picture's offset stands.
const ENTRY: usize = 16;
const OFFSET: usize = 8;

/// Offsets, from SOI on, of the pictures that belong to the one that `bytes` begin with.
pub fn parts(bytes: &[u8]) -> Vec<usize> {
    let mut segments = segments(bytes).map_while(Result::ok);
    segments
        .find_map(|segment| read(&segment))
        .unwrap_or_default()
}

fn read(segment: &Segment<'_>) -> Option<Vec<usize>> {
    const NAME: &[u8] = b"MPF\0";
    let index = segment.payload.strip_prefix(NAME)?;
    let tiff = Tiff::new(index).filter(|_| segment.marker == APP2)?;
    let count = usize::try_from(tiff.entry(NUMBER_OF_IMAGES)?.long()?).ok()?;
    let entries = tiff.entry(MP_ENTRY)?.bytes()?;
    // Offsets count from the TIFF header on; the first picture's own is 0.
    let base = segment.at + 4 + NAME.len();
    let offset = |entry: usize| Some(base + usize::try_from(tiff.long(entry + OFFSET)?).ok()?);
    let entries = entries.step_by(ENTRY).take(count).skip(1);
    Some(entries.filter_map(offset).collect())
}

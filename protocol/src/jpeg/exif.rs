//! How a picture is to be turned for display: the tag Orientation in its Exif segment (CIPA DC-008, TIFF 6.0 tag 0x0112).
//!
//! Nothing here turns one.

use super::tiff::Tiff;
use super::{APP1, Segment};

/// Orientation as Exif counts it, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

const TAG: u16 = 0x0112;

impl Orientation {
    /// As it is stored.
    pub const UPRIGHT: Self = Self(1);

    /// What Exif means by this number; `None` where it means nothing.
    pub fn new(number: u8) -> Option<Self> {
        matches!(number, 1..=8).then_some(Self(number))
    }

    /// Whether nothing is to be turned.
    pub fn is_upright(self) -> bool {
        self == Self::UPRIGHT
    }

    /// Width and height of the picture as it is shown, where it is stored with these.
    pub fn displayed<T>(self, (width, height): (T, T)) -> (T, T) {
        match self.0 {
            5.. => (height, width),
            _ => (width, height),
        }
    }

    /// What a segment says; `None` where it is no Exif. The first Exif segment counts, and one that says nothing means
    /// upright.
    pub fn read(segment: &Segment<'_>) -> Option<Self> {
        let exif = segment.payload.strip_prefix(b"Exif\0");
        let tiff = exif
            .filter(|_| segment.marker == APP1)?
            .get(1..)
            .unwrap_or_default();
        Some(tag(tiff).unwrap_or(Self::UPRIGHT))
    }

    /// A whole APP1 segment that says this and nothing else.
    pub fn segment(self) -> [u8; 36] {
        let mut segment = *b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x01\0\0\0\0\0\0";
        segment[29] = self.0;
        segment
    }
}

fn tag(tiff: &[u8]) -> Option<Orientation> {
    let number = Tiff::new(tiff)?.entry(TAG)?.short()?;
    Orientation::new(u8::try_from(number).ok()?)
}

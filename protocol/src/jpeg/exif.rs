//! How a picture is to be mirrored and turned: the tag Orientation in its Exif segment (CIPA DC-008, TIFF 6.0 tag 0x0112), and
//! the arithmetic of such turns.
//!
//! Nothing here turns one.

use super::tiff::Tiff;
use super::{APP1, Segment};
use serde::{Deserialize, Serialize};

/// What is to be done with a picture before it is shown, as Exif counts it: 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Orientation(u8);

/// Mirroring left and right, then clockwise quarter turns, for each number from 1.
const PARTS: [(bool, u8); 8] = [
    (false, 0),
    (true, 0),
    (false, 2),
    (true, 2),
    (true, 3),
    (false, 1),
    (true, 1),
    (false, 3),
];

const TAG: u16 = 0x0112;

impl Orientation {
    /// As it is stored.
    pub const UPRIGHT: Self = Self(1);

    /// What Exif means by this number; `None` where it means nothing.
    pub fn new(number: u8) -> Option<Self> {
        matches!(number, 1..=8).then_some(Self(number))
    }

    /// Mirrors left and right if `mirror`, then turns clockwise by that number of quarter turns.
    pub fn of(mirror: bool, quarters: u8) -> Self {
        let parts = (mirror, quarters % 4);
        let at = PARTS.iter().position(|known| *known == parts);
        Self(at.map_or(1, |at| at as u8 + 1))
    }

    /// The two parts of [`Self::of`].
    pub fn parts(self) -> (bool, u8) {
        PARTS[usize::from(self.0) - 1]
    }

    /// What both do, this one first.
    pub fn then(self, next: Self) -> Self {
        let ((mirror, quarters), (again, more)) = (self.parts(), next.parts());
        // Mirroring changes places with turns in the other direction.
        let quarters = if again { 4 - quarters } else { quarters };
        Self::of(mirror != again, quarters + more)
    }

    /// What undoes it.
    pub fn inverse(self) -> Self {
        match self.parts() {
            (false, quarters) => Self::of(false, 4 - quarters),
            // Mirrored pictures are their own way back.
            _ => self,
        }
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

impl TryFrom<u8> for Orientation {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or("an orientation is a number from 1 to 8")
    }
}

impl From<Orientation> for u8 {
    fn from(orientation: Orientation) -> Self {
        orientation.0
    }
}

fn tag(tiff: &[u8]) -> Option<Orientation> {
    let number = Tiff::new(tiff)?.entry(TAG)?.short()?;
    Orientation::new(u8::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Picture = [[char; 2]; 2];

    const PICTURE: Picture = [['a', 'b'], ['c', 'd']];

    /// As Exif describes each number: where its first line and its first column are to be seen.
    fn shown(orientation: Orientation, [[a, b], [c, d]]: Picture) -> Picture {
        match u8::from(orientation) {
            1 => [[a, b], [c, d]],
            2 => [[b, a], [d, c]],
            3 => [[d, c], [b, a]],
            4 => [[c, d], [a, b]],
            5 => [[a, c], [b, d]],
            6 => [[c, a], [d, b]],
            7 => [[d, b], [c, a]],
            _ => [[b, d], [a, c]],
        }
    }

    fn all() -> impl Iterator<Item = Orientation> {
        (1..=8).filter_map(Orientation::new)
    }

    #[test]
    fn the_parts_do_what_exif_says() {
        for orientation in all() {
            let (mirror, quarters) = orientation.parts();
            let mut picture = PICTURE;
            if mirror {
                picture = picture.map(|[left, right]| [right, left]);
            }
            for _ in 0..quarters {
                let [[a, b], [c, d]] = picture;
                picture = [[c, a], [d, b]];
            }
            assert_eq!(picture, shown(orientation, PICTURE), "{orientation:?}");
            assert_eq!(Orientation::of(mirror, quarters), orientation);
        }
    }

    #[test]
    fn one_after_the_other_is_what_both_do() {
        for first in all() {
            for next in all() {
                let both = shown(next, shown(first, PICTURE));
                assert_eq!(shown(first.then(next), PICTURE), both, "{first:?} {next:?}");
            }
            assert!(first.then(first.inverse()).is_upright());
            assert!(first.inverse().then(first).is_upright());
        }
    }
}

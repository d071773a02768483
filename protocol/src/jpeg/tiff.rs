//! The little of TIFF 6.0 that segments of JPEGs are written in: tags with one number, or with bytes elsewhere.
//!
//! Which tags mean what belongs to the modules beside this one.

const SHORT: u16 = 3;
const LONG: u16 = 4;

/// A TIFF structure from its header on.
#[derive(Clone, Copy)]
pub(super) struct Tiff<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

/// An entry of its first directory.
pub(super) struct Entry<'a> {
    tiff: Tiff<'a>,
    at: usize,
}

impl<'a> Tiff<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_big = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        Some(Self { bytes, is_big })
    }

    fn short(self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u16::from_be_bytes(*bytes)
        } else {
            u16::from_le_bytes(*bytes)
        })
    }

    pub(super) fn long(self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u32::from_be_bytes(*bytes)
        } else {
            u32::from_le_bytes(*bytes)
        })
    }

    /// The entry of the first directory with that tag.
    pub(super) fn entry(self, tag: u16) -> Option<Entry<'a>> {
        let directory = usize::try_from(self.long(4)?).ok()?;
        let entries = usize::from(self.short(directory)?);
        let mut entries = (0..entries).map(|entry| directory + 2 + 12 * entry);
        let at = entries.find(|at| self.short(*at) == Some(tag))?;
        Some(Entry { tiff: self, at })
    }
}

impl<'a> Entry<'a> {
    fn is_one(&self, kind: u16) -> bool {
        self.tiff.short(self.at + 2) == Some(kind) && self.tiff.long(self.at + 4) == Some(1)
    }

    /// Its value, where that is one SHORT.
    pub(super) fn short(&self) -> Option<u16> {
        let value = self.tiff.short(self.at + 8)?;
        self.is_one(SHORT).then_some(value)
    }

    /// Its value, where that is one LONG.
    pub(super) fn long(&self) -> Option<u32> {
        let value = self.tiff.long(self.at + 8)?;
        self.is_one(LONG).then_some(value)
    }

    /// Where its value's bytes are, where they are elsewhere.
    pub(super) fn bytes(&self) -> Option<std::ops::Range<usize>> {
        let len = usize::try_from(self.tiff.long(self.at + 4)?).ok()?;
        let at = usize::try_from(self.tiff.long(self.at + 8)?).ok()?;
        let end = at.checked_add(len)?;
        (len > 4 && end <= self.tiff.bytes.len()).then_some(at..end)
    }
}

//! The segments before a JPEG's picture data, found as libjpeg finds them.
//!
//! What they mean belongs to the modules beside this one.

use super::{APP2, EOI, JpegError, SOI, SOS};

/// One marker segment before the picture data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The marker's second byte: 0xE0 for APP0, 0xFE for COM, …
    pub marker: u8,
    /// Offset of the marker's FF in the JPEG.
    pub at: usize,
    /// Content, without marker and length.
    pub payload: &'a [u8],
}

impl Segment<'_> {
    /// Offset of the byte after the segment.
    pub fn end(&self) -> usize {
        self.at + 4 + self.payload.len()
    }

    /// Whether it is part of an ICC profile, which says what the picture's colours mean (ICC.1:2022 B.4).
    pub fn is_colour_profile(&self) -> bool {
        self.marker == APP2 && self.payload.starts_with(b"ICC_PROFILE\0")
    }
}

/// The segments from SOI up to and including SOS (or EOI, where no picture data comes), in order. Ends after the first
/// error.
///
/// Bytes between segments that are no marker, markers that stand alone, and comments whose length is impossible are passed
/// over: cameras write them, and every decoder ignores them.
pub fn segments(jpeg: &[u8]) -> Segments<'_> {
    Segments {
        jpeg,
        at: 0,
        done: false,
    }
}

/// Iterator of [`segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    jpeg: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Segments<'a> {
    fn read(&mut self) -> Result<Option<Segment<'a>>, JpegError> {
        let jpeg = self.jpeg;
        if self.at == 0 {
            if !jpeg.starts_with(&SOI) {
                return Err(JpegError::NoStart);
            }
            self.at = SOI.len();
            // Browsers know a JPEG by three bytes.
            match jpeg.get(self.at) {
                Some(&byte) if byte != 0xff => {
                    return Err(JpegError::BadMarker { at: self.at, byte });
                }
                _ => {}
            }
        }
        let truncated = JpegError::Truncated { at: jpeg.len() };
        let byte = |at: usize| jpeg.get(at).copied().ok_or(truncated);
        loop {
            if byte(self.at)? != 0xff {
                let next = memchr::memchr(0xff, &jpeg[self.at..]);
                self.at += next.ok_or(truncated)?;
            }
            // Any number of fill bytes FF may stand before a marker (T.81 B.1.1.2).
            while byte(self.at + 1)? == 0xff {
                self.at += 1;
            }
            let (at, marker) = (self.at, byte(self.at + 1)?);
            match Kind::of(marker) {
                Kind::Alone => self.at += 2,
                Kind::End => return Ok(None),
                Kind::Unknown => {
                    return Err(JpegError::BadMarker {
                        at: at + 1,
                        byte: marker,
                    });
                }
                Kind::Segment => {
                    let len = usize::from(u16::from_be_bytes([byte(at + 2)?, byte(at + 3)?]));
                    if len < 2 {
                        if !is_passed_over(marker) {
                            return Err(JpegError::BadLength { at });
                        }
                        self.at += 4;
                        continue;
                    }
                    let payload = jpeg.get(at + 4..at + 2 + len).ok_or(truncated)?;
                    self.at = at + 2 + len;
                    self.done = marker == SOS;
                    return Ok(Some(Segment {
                        marker,
                        at,
                        payload,
                    }));
                }
            }
        }
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Segment<'a>, JpegError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.read().transpose();
        self.done |= !matches!(item, Some(Ok(_)));
        item
    }
}

/// Whether decoders pass over a segment by its length, and take one too short for its own two bytes as empty: an APPn, a
/// comment or a DNL.
pub(super) fn is_passed_over(marker: u8) -> bool {
    matches!(marker, 0xdc | 0xe0..=0xef | 0xfe)
}

/// What the byte behind an FF says about what follows.
pub(super) enum Kind {
    /// A length, and that many bytes.
    Segment,
    /// Nothing: a stuffed zero, TEM, RST0 to RST7.
    Alone,
    /// Nothing any more.
    End,
    /// Reserved, or the start of another image. libjpeg gives up here.
    Unknown,
}

impl Kind {
    pub(super) fn of(marker: u8) -> Self {
        match marker {
            0x00 | 0x01 | 0xd0..=0xd7 => Self::Alone,
            0xc0..=0xcf | 0xda..=0xdd | 0xe0..=0xef | 0xfe => Self::Segment,
            marker if marker == EOI[1] => Self::End,
            _ => Self::Unknown,
        }
    }
}

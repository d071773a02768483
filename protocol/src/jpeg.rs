//! A JPEG's outside: markers, segments, size and where it ends (ITU-T T.81 Annex B). Nothing here decodes a picture.
//!
//! What pistreamer itself writes into a JPEG belongs to [`crate::stamp`].

use std::borrow::Cow;

/// Start of image.
pub const SOI: [u8; 2] = [0xff, 0xd8];
/// End of image.
pub const EOI: [u8; 2] = [0xff, 0xd9];

pub(crate) const APP0: u8 = 0xe0;
pub(crate) const COM: u8 = 0xfe;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;

/// The most pixels that a picture may claim: 128 Mi, twice those of the largest camera module for a Raspberry Pi (9152x6944).
/// Whoever decodes one sets aside four bytes for each, so that a header of ten bytes could cost 16 GiB.
pub const MAX_PIXELS: u32 = 128 << 20;

/// Why bytes are not one whole JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The first two bytes are not SOI.
    #[error("it does not start with FF D8")]
    NoStart,
    /// A segment or the picture data runs past the last byte.
    #[error("it is cut off: {at} bytes and no FF D9")]
    Truncated {
        /// Number of bytes there are.
        at: usize,
    },
    /// Something else stands where a marker has to be.
    #[error("byte {at} is {byte:#04x} where a marker has to start")]
    BadMarker {
        /// Offset of the byte.
        at: usize,
        /// Its value.
        byte: u8,
    },
    /// A segment's length is impossible.
    #[error("the segment at byte {at} has an impossible length")]
    BadLength {
        /// Offset of the segment's marker.
        at: usize,
    },
    /// Picture data starts, or the image ends, before any frame header told its size.
    #[error("it has no frame header before its picture data")]
    NoFrameHeader,
    /// Width or height is zero.
    #[error("its size is {width}x{height}")]
    NoSize {
        /// Pixels in a line.
        width: u16,
        /// Lines.
        height: u16,
    },
    /// It claims more than [`MAX_PIXELS`].
    #[error("it claims {width}x{height}, more than {MAX_PIXELS} pixels")]
    TooManyPixels {
        /// Pixels in a line.
        width: u16,
        /// Lines.
        height: u16,
    },
    /// Bytes follow the end of the image.
    #[error("{extra} bytes follow its end")]
    Trailing {
        /// Number of bytes after EOI.
        extra: usize,
    },
}

/// What a JPEG's headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// Pixels in a line.
    pub width: u16,
    /// Lines.
    pub height: u16,
    /// Bytes from SOI to EOI, both included.
    pub len: usize,
}

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
}

/// The segments from SOI up to and including SOS (or EOI, where no picture data comes), in order. Ends after the first error.
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
        }
        let truncated = JpegError::Truncated { at: jpeg.len() };
        let byte = |at: usize| jpeg.get(at).copied().ok_or(truncated);
        if byte(self.at)? != 0xff {
            return Err(JpegError::BadMarker {
                at: self.at,
                byte: byte(self.at)?,
            });
        }
        // Any number of fill bytes FF may stand before a marker (T.81 B.1.1.2).
        while byte(self.at + 1)? == 0xff {
            self.at += 1;
        }
        let (at, marker) = (self.at, byte(self.at + 1)?);
        if marker == EOI[1] {
            return Ok(None);
        }
        if matches!(marker, 0x00 | 0x01 | 0xd0..=0xd8) {
            return Err(JpegError::BadMarker {
                at: at + 1,
                byte: marker,
            });
        }
        let len = usize::from(u16::from_be_bytes([byte(at + 2)?, byte(at + 3)?]));
        if len < 2 {
            return Err(JpegError::BadLength { at });
        }
        let payload = jpeg.get(at + 4..at + 2 + len).ok_or(truncated)?;
        self.at = at + 2 + len;
        self.done = marker == SOS;
        Ok(Some(Segment {
            marker,
            at,
            payload,
        }))
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

/// Whether a marker starts a frame header, which carries the picture's size: SOF0 to SOF15 without DHT, JPG and DAC.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, DHT | 0xc8 | 0xcc)
}

/// Checks the JPEG that `bytes` begin with, from SOI to EOI; more bytes may follow it.
///
/// Walks every segment and skips over the picture data without decoding it: about 10 GB/s natively.
pub fn inspect_prefix(bytes: &[u8]) -> Result<Info, JpegError> {
    let mut size = None;
    let mut walk = segments(bytes);
    for segment in &mut walk {
        let segment = segment?;
        if is_frame_header(segment.marker) {
            let payload = segment.payload;
            let &[_, h1, h0, w1, w0, ..] = payload else {
                return Err(JpegError::BadLength { at: segment.at });
            };
            size = Some((u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0])));
        }
    }
    let (width, height) = size.ok_or(JpegError::NoFrameHeader)?;
    if width == 0 || height == 0 {
        return Err(JpegError::NoSize { width, height });
    }
    if u32::from(width) * u32::from(height) > MAX_PIXELS {
        return Err(JpegError::TooManyPixels { width, height });
    }
    let len = picture_end(bytes, walk.at)?;
    Ok(Info { width, height, len })
}

/// Checks that `jpeg` is exactly one whole JPEG.
pub fn inspect(jpeg: &[u8]) -> Result<Info, JpegError> {
    let info = inspect_prefix(jpeg)?;
    match jpeg.len() - info.len {
        0 => Ok(info),
        extra => Err(JpegError::Trailing { extra }),
    }
}

/// Offset of the byte after EOI, from anywhere behind the first SOS. Progressive JPEGs have segments between their scans.
fn picture_end(jpeg: &[u8], from: usize) -> Result<usize, JpegError> {
    let truncated = JpegError::Truncated { at: jpeg.len() };
    let mut at = from;
    loop {
        at += memchr::memchr(0xff, jpeg.get(at..).ok_or(truncated)?).ok_or(truncated)?;
        match *jpeg.get(at + 1).ok_or(truncated)? {
            // Stuffing, restart markers, fill bytes.
            0x00 | 0xd0..=0xd7 => at += 2,
            0xff => at += 1,
            0xd9 => return Ok(at + 2),
            marker @ (0x01 | 0xd8) => {
                return Err(JpegError::BadMarker {
                    at: at + 1,
                    byte: marker,
                });
            }
            _ => {
                let len = jpeg.get(at + 2..at + 4).ok_or(truncated)?;
                let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
                if len < 2 {
                    return Err(JpegError::BadLength { at });
                }
                at += 2 + len;
            }
        }
    }
}

/// Whether bytes start and end like a JPEG: the cheap check for bytes that a trusted checksum already covers.
pub fn is_framed(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && bytes.starts_with(&SOI) && bytes.ends_with(&EOI)
}

/// The JPEG with Huffman tables: unchanged where it has its own, else with the tables of T.81 Annex K.3 before its
/// picture data. USB cameras leave them out of Motion-JPEG (the "AVI1" convention), and browsers then refuse the picture.
pub fn with_huffman_tables(jpeg: &[u8]) -> Result<Cow<'_, [u8]>, JpegError> {
    for segment in segments(jpeg) {
        let segment = segment?;
        match segment.marker {
            DHT => return Ok(Cow::Borrowed(jpeg)),
            SOS => {
                let (before, after) = jpeg.split_at(segment.at);
                return Ok(Cow::Owned([before, &STANDARD_TABLES, after].concat()));
            }
            _ => {}
        }
    }
    Err(JpegError::NoFrameHeader)
}

/// One DHT segment with the four tables of T.81 Annex K.3.3: DC and AC, luminance and chrominance.
#[rustfmt::skip]
static STANDARD_TABLES: [u8; 420] = [
    0xff, 0xc4, 0x01, 0xa2,
    0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d,
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
    0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
    0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
    0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
    0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77,
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
    0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
    0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
    0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
    0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest thing with every part: SOI, APP0, SOF0 of 16x8, SOS, three bytes of picture, EOI.
    fn tiny() -> Vec<u8> {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, b'J', b'F'];
        jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0]);
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.extend([0x12, 0xff, 0x00, 0xff, 0xd0, 0x34, 0xff, 0xd9]);
        jpeg
    }

    #[test]
    fn size_and_end_are_found() {
        let jpeg = tiny();
        assert_eq!(
            inspect(&jpeg),
            Ok(Info {
                width: 16,
                height: 8,
                len: jpeg.len()
            })
        );
        let twice = [jpeg.clone(), jpeg.clone()].concat();
        assert_eq!(inspect_prefix(&twice).map(|info| info.len), Ok(jpeg.len()));
        assert_eq!(
            inspect(&twice),
            Err(JpegError::Trailing { extra: jpeg.len() })
        );
    }

    #[test]
    fn more_pixels_than_any_camera_has_are_refused() {
        let sized = |width: u16, height: u16| {
            let mut jpeg = tiny();
            jpeg[13..15].copy_from_slice(&height.to_be_bytes());
            jpeg[15..17].copy_from_slice(&width.to_be_bytes());
            inspect(&jpeg).map(|info| (info.width, info.height))
        };
        assert_eq!(sized(9152, 6944), Ok((9152, 6944)));
        assert_eq!(sized(65535, 2048), Ok((65535, 2048)));
        for (width, height) in [(65535, 65535), (16384, 8193)] {
            let refused = Err(JpegError::TooManyPixels { width, height });
            assert_eq!(sized(width, height), refused);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let jpeg = tiny();
        for len in 0..jpeg.len() {
            assert!(
                inspect(&jpeg[..len]).is_err(),
                "{len} bytes passed as whole"
            );
        }
    }

    #[test]
    fn missing_huffman_tables_are_added_once() {
        let jpeg = tiny();
        let with = with_huffman_tables(&jpeg).unwrap();
        assert_eq!(with.len(), jpeg.len() + STANDARD_TABLES.len());
        assert_eq!(inspect(&with).unwrap().width, 16);
        assert!(matches!(with_huffman_tables(&with), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn a_comment_may_contain_what_looks_like_an_end() {
        let mut jpeg = tiny();
        jpeg.splice(2..2, [0xff, COM, 0, 4, 0xff, 0xd9]);
        assert_eq!(inspect(&jpeg).map(|info| info.len), Ok(jpeg.len()));
    }
}

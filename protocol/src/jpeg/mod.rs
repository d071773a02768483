//! A JPEG's outside: markers, segments, size and where it ends (ITU-T T.81 Annex B). Nothing here decodes a picture.
//!
//! What pistreamer itself writes into a JPEG belongs to [`crate::stamp`].

mod decodable;
mod end;
mod exif;
mod mend;
mod mpf;
mod segments;
mod tables;
mod tiff;
mod walk;

pub use exif::Orientation;
pub use mend::{Mended, mend, mend_ended};
pub use mpf::parts;
pub use segments::{Segment, Segments, segments};
pub use walk::{Step, Walk};

/// Start of image.
pub const SOI: [u8; 2] = [0xff, 0xd8];
/// End of image.
pub const EOI: [u8; 2] = [0xff, 0xd9];

pub(crate) const APP0: u8 = 0xe0;
pub(crate) const COM: u8 = 0xfe;
pub(crate) const APP1: u8 = 0xe1;
const APP2: u8 = 0xe2;
pub(crate) const DQT: u8 = 0xdb;
pub(crate) const DHT: u8 = 0xc4;
pub(crate) const DRI: u8 = 0xdd;
const JPG: u8 = 0xc8;
pub(crate) const SOS: u8 = 0xda;

/// The most pixels that a picture may claim: 128 Mi, twice those of the largest camera module for a Raspberry Pi
/// (9152x6944). Its decoder sets aside four bytes for each, so that a header of ten bytes could cost 16 GiB.
pub const MAX_PIXELS: u32 = 128 << 20;

/// The most pixels of a picture whose decoder has to keep all coefficients until the last scan: 32 Mi, which 8K (7680x4320)
/// has.
pub const MAX_PIXELS_IN_SCANS: u32 = 32 << 20;

/// The most pixels that one byte of a JPEG can stand for: Huffman codes take at least one bit for a block of 64, in
/// whatever scan tells its mean. The emptiest pictures that libjpeg writes have 256.
pub const MAX_PIXELS_PER_BYTE: u32 = 512;

/// The longest side that libjpeg decodes, and thereby every browser.
pub(crate) const MAX_SIDE: u16 = 65500;

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
    /// An unknown marker, or one that must not appear there.
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
    /// The image ends before any picture data starts.
    #[error("it has no picture data")]
    NoPictureData,
    /// Width or height is zero, or more than decoders take.
    #[error("its size is {width}x{height}")]
    NoSize {
        /// Pixels in a line.
        width: u16,
        /// Lines.
        height: u16,
    },
    /// It claims more than [`MAX_PIXELS`] or [`MAX_PIXELS_IN_SCANS`].
    #[error("it claims {width}x{height}, more than {most} pixels")]
    TooManyPixels {
        /// Pixels in a line.
        width: u16,
        /// Lines.
        height: u16,
        /// How many would do.
        most: u32,
    },
    /// It claims more pixels than its bytes can hold.
    #[error("it claims {width}x{height} in {len} bytes")]
    TooFewBytes {
        /// Pixels in a line.
        width: u16,
        /// Lines.
        height: u16,
        /// Number of bytes from SOI to EOI.
        len: usize,
    },
    /// It is whole, and of a kind that browsers do not show.
    #[error("no browser shows it: {why}")]
    Undecodable {
        /// What is special about it.
        why: &'static str,
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
    /// Pixels in a line, as they are stored.
    pub width: u16,
    /// Lines, as they are stored.
    pub height: u16,
    /// Bytes from SOI to EOI, both included.
    pub len: usize,
    /// How it is to be turned.
    pub orientation: Orientation,
}

impl Info {
    /// Width and height of the picture as it is shown.
    pub fn displayed(&self) -> (u32, u32) {
        let stored = (self.width.into(), self.height.into());
        self.orientation.displayed(stored)
    }
}

/// Checks the JPEG that `bytes` begin with, from SOI to EOI; more bytes may follow it.
///
/// Walks every segment and skips over the picture data without decoding it: about 10 GB/s natively.
pub fn inspect_prefix(bytes: &[u8]) -> Result<Info, JpegError> {
    let header = Header::read(bytes)?;
    let end = end::picture_end(bytes, header.picture_at);
    if !end.is_marked {
        return Err(end.why(bytes));
    }
    header.info(end.at)
}

/// What the headers of a JPEG tell that a trusted checksum covers, without a look at its picture data.
pub fn inspect_headers(jpeg: &[u8]) -> Result<Info, JpegError> {
    Header::read(jpeg)?.info(jpeg.len())
}

/// Checks that `jpeg` is exactly one whole JPEG.
pub fn inspect(jpeg: &[u8]) -> Result<Info, JpegError> {
    let info = inspect_prefix(jpeg)?;
    match jpeg.len() - info.len {
        0 => Ok(info),
        extra => Err(JpegError::Trailing { extra }),
    }
}

/// Whether bytes start and end like a JPEG: the cheap check for bytes that a trusted checksum already covers.
pub fn is_framed(bytes: &[u8]) -> bool {
    bytes.len() >= 4 && bytes.starts_with(&SOI) && bytes.ends_with(&EOI)
}

/// What stands before the picture data.
struct Header {
    width: u16,
    height: u16,
    orientation: Orientation,
    /// Whether all of its picture comes in one scan that can be decoded line by line.
    is_sequential: bool,
    has_huffman_tables: bool,
    /// Whether nothing stands between the segments that has no place there.
    is_tidy: bool,
    /// Offset of the picture data.
    picture_at: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, JpegError> {
        let mut frame = None;
        let mut orientation = None;
        let mut is_tidy = true;
        let mut has_huffman_tables = false;
        let mut end = SOI.len();
        let mut scan = None;
        for segment in segments(bytes) {
            let segment = segment?;
            is_tidy &= bytes[end..segment.at].iter().all(|byte| *byte == 0xff);
            end = segment.end();
            match segment.marker {
                APP1 => orientation = orientation.or_else(|| Orientation::read(&segment)),
                DHT => has_huffman_tables = true,
                SOS => scan = segment.payload.first().copied(),
                marker if is_frame_header(marker) => {
                    let &[_, h1, h0, w1, w0, ref rest @ ..] = segment.payload else {
                        return Err(JpegError::BadLength { at: segment.at });
                    };
                    let size = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    frame = Some((marker, size, rest.first().copied()));
                }
                _ => {}
            }
        }
        let (marker, (width, height), components) = frame.ok_or(JpegError::NoFrameHeader)?;
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return Err(JpegError::NoSize { width, height });
        }
        Ok(Self {
            width,
            height,
            orientation: orientation.unwrap_or(Orientation::UPRIGHT),
            is_sequential: matches!(marker, 0xc0 | 0xc1 | 0xc9) && scan == components,
            // Arithmetic coding (SOF9 and up) has none.
            has_huffman_tables: has_huffman_tables || marker > 0xc8,
            is_tidy,
            picture_at: scan.map(|_| end).ok_or(JpegError::NoPictureData)?,
        })
    }

    /// Information about a JPEG of this many bytes, if they can hold that many pixels.
    fn info(&self, len: usize) -> Result<Info, JpegError> {
        let (width, height) = (self.width, self.height);
        let pixels = u32::from(width) * u32::from(height);
        let most = if self.is_sequential {
            MAX_PIXELS
        } else {
            MAX_PIXELS_IN_SCANS
        };
        if pixels > most {
            return Err(JpegError::TooManyPixels {
                width,
                height,
                most,
            });
        }
        if (pixels / MAX_PIXELS_PER_BYTE) as usize > len {
            return Err(JpegError::TooFewBytes { width, height, len });
        }
        Ok(Info {
            width,
            height,
            len,
            orientation: self.orientation,
        })
    }
}

/// Whether a marker starts a frame header, which carries the picture's size: SOF0 to SOF15 without DHT, JPG and DAC.
pub(crate) fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf) && !matches!(marker, DHT | JPG | 0xcc)
}

#[cfg(test)]
mod tests;

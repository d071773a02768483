//! A packed frame → the JPEG, bounded and checked: any gzip member (RFC 1952) holding base64 (RFC 4648) of a JPEG.
//!
//! miniz_oxide knows raw deflate and zlib only, so gzip's header and trailer are read here. Making packed frames
//! belongs to [`crate::pack`](mod@crate::pack).

use crate::buffer::grow;
use crate::pack::text_len;
use crate::{crc, inverse, jpeg};
use base64_simd::{AsOut, STANDARD};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Why a message is not a packed frame. Each concerns that one message: skip it, count it, go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// It does not begin with gzip's magic bytes.
    #[error("it is not gzip")]
    NotGzip,
    /// It is gzip of a kind that RFC 1952 does not define: another method than deflate, or reserved flags.
    #[error("its gzip header asks for method {method} with flags {flags:#04x}, which are unknown")]
    UnknownGzip {
        /// CM, RFC 1952 §2.3.1.
        method: u8,
        /// FLG, RFC 1952 §2.3.1.
        flags: u8,
    },
    /// It ends before the gzip member does.
    #[error("it is cut off")]
    Truncated,
    /// The deflate data break their own rules.
    #[error("its deflate data are corrupt")]
    Corrupt,
    /// The CRC-32 of the content is not the one in the trailer, or that of the header is not.
    #[error("its CRC-32 is wrong")]
    WrongCrc,
    /// The content's length is not the one in the trailer.
    #[error("its content has another length than its trailer says")]
    WrongLength,
    /// The content is larger than a frame may be.
    #[error("its content is larger than a frame of {limit} bytes can be")]
    TooLarge {
        /// The limit in force, in bytes of JPEG.
        limit: usize,
    },
    /// Bytes follow the first gzip member.
    #[error("{extra} bytes follow the gzip member")]
    Trailing {
        /// How many.
        extra: usize,
    },
    /// The content is not padded base64 of the standard alphabet without line breaks.
    #[error("its content is not base64")]
    NotBase64,
    /// What the base64 says does not start with SOI and end with EOI.
    #[error("its content is not a jpeg")]
    NotJpeg,
}

/// Unpacks one message after the other, keeping its buffers.
///
/// Whatever arrives, the buffers hold no more than 4/3 of the frame limit for the text and the limit for the JPEG, each
/// plus [`SLACK`]. An inflater of 11 kB exists while a message is inflated that [`pack`](crate::pack()) did not write.
#[derive(Debug)]
pub struct Unpacker {
    limit: usize,
    text: Vec<u8>,
    jpeg: Vec<u8>,
}

/// Bytes by which a buffer of [`Unpacker`] may exceed what its content needs.
pub const SLACK: usize = 8;

/// Largest limit that an [`Unpacker`] takes: gzip tells lengths in 32 bits, and the text is 4/3 of the JPEG.
const LARGEST_LIMIT: usize = (u32::MAX / 4 * 3 - 16) as usize;

impl Default for Unpacker {
    fn default() -> Self {
        Self::new(crate::DEFAULT_FRAME_LIMIT)
    }
}

impl Unpacker {
    /// An unpacker that refuses JPEGs of more than `limit` bytes (at most 3 GiB).
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.min(LARGEST_LIMIT),
            text: Vec::new(),
            jpeg: Vec::new(),
        }
    }

    /// The JPEG in a message; valid until the next call.
    ///
    /// What [`pack`](crate::pack()) wrote takes a short way (several times the speed); the result never differs.
    pub fn unpack(&mut self, message: &[u8]) -> Result<&[u8], UnpackError> {
        match inverse::unpack(message, self.limit, &mut self.jpeg) {
            Some(len) if jpeg::is_framed(&self.jpeg[..len]) => Ok(&self.jpeg[..len]),
            _ => self.unpack_any(message),
        }
    }

    /// The same, where what begins like a JPEG need not end like one: for [`jpeg::mend`].
    pub fn unpack_to_mend(&mut self, message: &[u8]) -> Result<&[u8], UnpackError> {
        let len = match inverse::unpack(message, self.limit, &mut self.jpeg) {
            Some(len) if self.jpeg[..len].starts_with(&jpeg::SOI) => len,
            _ => self.decode(message)?,
        };
        let jpeg = &self.jpeg[..len];
        let is_begun = jpeg.starts_with(&jpeg::SOI);
        is_begun.then_some(jpeg).ok_or(UnpackError::NotJpeg)
    }

    /// Does what [`Self::unpack`] does, always with the general inflater: for tests and benchmarks that compare the two.
    #[doc(hidden)]
    pub fn unpack_any(&mut self, message: &[u8]) -> Result<&[u8], UnpackError> {
        let len = self.decode(message)?;
        let jpeg = &self.jpeg[..len];
        if jpeg::is_framed(jpeg) {
            Ok(jpeg)
        } else {
            Err(UnpackError::NotJpeg)
        }
    }

    /// Inflates and decodes a message with the general inflater; returns how many bytes it holds.
    fn decode(&mut self, message: &[u8]) -> Result<usize, UnpackError> {
        let text_len = self.inflate(after_header(message)?)?;
        let text = &self.text[..text_len];
        // At most two bytes more than decoding fills, and inflate() bounded the text.
        grow(&mut self.jpeg, text_len / 4 * 3);
        let len = STANDARD
            .decode(text, self.jpeg.as_out())
            .map_err(|_| UnpackError::NotBase64)?
            .len();
        if len > self.limit {
            return Err(UnpackError::TooLarge { limit: self.limit });
        }
        Ok(len)
    }

    /// Inflates what follows the header into `self.text` and checks the trailer; returns the length of the text.
    fn inflate(&mut self, member: &[u8]) -> Result<usize, UnpackError> {
        // Deflate expands at most 1032 times, so a small message cannot make the buffer large.
        let bound = text_len(self.limit);
        let largest = bound.min(member.len().saturating_mul(1032));
        // The last four bytes are the text's length, unless the message is cut off or something follows the member.
        let claimed = member
            .last_chunk()
            .map_or(0, |isize| u32::from_le_bytes(*isize) as usize);
        let mut inflater = Box::<DecompressorOxide>::default();
        let mut try_inflate = |room: usize| {
            // One byte more, to tell a text that ends there from one that goes on.
            grow(&mut self.text, room + 1);
            inflater.init();
            decompress(
                &mut inflater,
                member,
                &mut self.text[..room + 1],
                0,
                TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
            )
        };
        let mut result = try_inflate(claimed.min(largest));
        if result.0 == TINFLStatus::HasMoreOutput && claimed < largest {
            result = try_inflate(largest);
        }
        let (status, read, written) = result;
        match status {
            TINFLStatus::Done if written <= bound => {}
            TINFLStatus::Done | TINFLStatus::HasMoreOutput => {
                return Err(UnpackError::TooLarge { limit: self.limit });
            }
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                return Err(UnpackError::Truncated);
            }
            _ => return Err(UnpackError::Corrupt),
        }
        let rest = &member[read..];
        let (trailer, trailing) = rest
            .split_at_checked(TRAILER)
            .ok_or(UnpackError::Truncated)?;
        let (crc, length) = trailer.split_at(TRAILER / 2);
        if crc::hash(&self.text[..written]).to_le_bytes() != *crc {
            return Err(UnpackError::WrongCrc);
        }
        if (written as u32).to_le_bytes() != *length {
            return Err(UnpackError::WrongLength);
        }
        match trailing.len() {
            0 => Ok(written),
            extra => Err(UnpackError::Trailing { extra }),
        }
    }
}

/// CRC-32 and ISIZE, RFC 1952 §2.3.1.
const TRAILER: usize = 8;

const FHCRC: u8 = 2;
const FEXTRA: u8 = 4;
const FNAME: u8 = 8;
const FCOMMENT: u8 = 16;
const RESERVED: u8 = 0b1110_0000;

/// What follows the gzip header.
fn after_header(message: &[u8]) -> Result<&[u8], UnpackError> {
    if !message.starts_with(&[0x1f, 0x8b]) {
        return Err(UnpackError::NotGzip);
    }
    let fixed = message.get(..10).ok_or(UnpackError::Truncated)?;
    let (method, flags) = (fixed[2], fixed[3]);
    if method != 8 || flags & RESERVED != 0 {
        return Err(UnpackError::UnknownGzip { method, flags });
    }
    let mut at = fixed.len();
    if flags & FEXTRA != 0 {
        let len = message.get(at..at + 2).ok_or(UnpackError::Truncated)?;
        at += 2 + usize::from(u16::from_le_bytes([len[0], len[1]]));
    }
    for text in [FNAME, FCOMMENT] {
        if flags & text != 0 {
            let rest = message.get(at..).ok_or(UnpackError::Truncated)?;
            at += memchr::memchr(0, rest).ok_or(UnpackError::Truncated)? + 1;
        }
    }
    if flags & FHCRC != 0 {
        let sum = message.get(at..at + 2).ok_or(UnpackError::Truncated)?;
        if (crc::hash(&message[..at]) as u16).to_le_bytes() != *sum {
            return Err(UnpackError::WrongCrc);
        }
        at += 2;
    }
    message.get(at..).ok_or(UnpackError::Truncated)
}

//! A packed frame → the JPEG, bounded and checked: any gzip member (RFC 1952) holding base64 (RFC 4648) of a JPEG.
//!
//! miniz_oxide knows raw deflate and zlib only, so gzip's header and trailer are read here. Making packed frames
//! belongs to [`crate::pack`](mod@crate::pack).

use crate::jpeg;
use crate::pack::text_len;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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
    #[error("its gzip header asks for method {method} with flags {flags:#04x}, which nobody knows")]
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
/// Never allocates more than 4/3 of the frame limit for the text and the limit itself for the JPEG, whatever arrives.
#[derive(Debug)]
pub struct Unpacker {
    limit: usize,
    text: Vec<u8>,
    jpeg: Vec<u8>,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self::new(crate::DEFAULT_FRAME_LIMIT)
    }
}

impl Unpacker {
    /// An unpacker that refuses JPEGs of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            text: Vec::new(),
            jpeg: Vec::new(),
        }
    }

    /// The JPEG in a message; valid until the next call.
    pub fn unpack(&mut self, message: &[u8]) -> Result<&[u8], UnpackError> {
        let (deflated, header_len) = after_header(message)?;
        let text_len = self.inflate(deflated, message.len() - header_len)?;
        let text = &self.text[..text_len];
        // At most the limit, because inflate() bounded the text; at most two bytes more than decoding fills.
        self.jpeg.resize(text_len / 4 * 3, 0);
        let len = STANDARD
            .decode_slice(text, &mut self.jpeg)
            .map_err(|_| UnpackError::NotBase64)?;
        if len > self.limit {
            return Err(UnpackError::TooLarge { limit: self.limit });
        }
        let jpeg = &self.jpeg[..len];
        if jpeg::is_framed(jpeg) {
            Ok(jpeg)
        } else {
            Err(UnpackError::NotJpeg)
        }
    }

    /// Inflates into `self.text` and checks the trailer; returns the length of the text.
    fn inflate(&mut self, member: &[u8], available: usize) -> Result<usize, UnpackError> {
        let too_large = UnpackError::TooLarge { limit: self.limit };
        // ISIZE is what the sender claims: good enough to size the buffer, and checked against the limit first. Deflate
        // expands at most 1032 times, so a small message cannot make the buffer large either.
        let claimed = match member.last_chunk::<4>() {
            Some(isize) if available >= TRAILER => u32::from_le_bytes(*isize) as usize,
            _ => return Err(UnpackError::Truncated),
        };
        let bound = text_len(self.limit);
        let room = claimed.min(bound).min(member.len().saturating_mul(1032));
        // One byte more than the claim, to tell a text that ends there from one that goes on.
        if self.text.len() < room + 1 {
            self.text.resize(room + 1, 0);
        }
        let text = &mut self.text[..room + 1];
        let mut inflater = Box::<DecompressorOxide>::default();
        let (status, read, written) = decompress(
            &mut inflater,
            member,
            text,
            0,
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        match status {
            TINFLStatus::Done => {}
            TINFLStatus::HasMoreOutput if room == bound => return Err(too_large),
            TINFLStatus::HasMoreOutput => return Err(UnpackError::WrongLength),
            TINFLStatus::NeedsMoreInput | TINFLStatus::FailedCannotMakeProgress => {
                return Err(UnpackError::Truncated);
            }
            _ => return Err(UnpackError::Corrupt),
        }
        if written > bound {
            return Err(too_large);
        }
        let trailer = member
            .get(read..read + TRAILER)
            .ok_or(UnpackError::Truncated)?;
        let (crc, length) = trailer.split_at(4);
        if crc32fast::hash(&text[..written]).to_le_bytes() != *crc {
            return Err(UnpackError::WrongCrc);
        }
        if (written as u32).to_le_bytes() != *length {
            return Err(UnpackError::WrongLength);
        }
        match member.len() - read - TRAILER {
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

/// What follows the gzip header, and the header's length.
fn after_header(message: &[u8]) -> Result<(&[u8], usize), UnpackError> {
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
        if (crc32fast::hash(&message[..at]) as u16).to_le_bytes() != *sum {
            return Err(UnpackError::WrongCrc);
        }
        at += 2;
    }
    Ok((message.get(at..).ok_or(UnpackError::Truncated)?, at))
}

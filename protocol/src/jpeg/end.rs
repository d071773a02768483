//! Where a JPEG's picture data ends.
//!
//! Whether what ends there is a picture is for [`super::inspect`] to say.

use super::JpegError;
use super::segments::Kind;

/// Where picture data ends.
pub(super) struct End {
    /// Offset of the byte after EOI; where there is none, of what cannot belong to the picture any more.
    pub(super) at: usize,
    /// Whether it ends with EOI.
    pub(super) is_marked: bool,
}

impl End {
    /// Why it is no end.
    pub(super) fn why(&self, jpeg: &[u8]) -> JpegError {
        let at = self.at;
        match jpeg.get(at + 1).map(|byte| (Kind::of(*byte), *byte)) {
            Some((Kind::Unknown, byte)) => JpegError::BadMarker { at: at + 1, byte },
            Some((Kind::Segment, _)) if length(jpeg, at).is_some_and(|len| len < 2) => {
                JpegError::BadLength { at }
            }
            _ => JpegError::Truncated { at: jpeg.len() },
        }
    }
}

/// The end of a picture from anywhere behind its first SOS on. Progressive JPEGs have segments between their scans.
pub(super) fn picture_end(jpeg: &[u8], from: usize) -> End {
    let mut at = from;
    loop {
        let data = memchr::memchr(0xff, &jpeg[at..]);
        at += data.unwrap_or(jpeg.len() - at);
        let open = End {
            at,
            is_marked: false,
        };
        let Some(marker) = jpeg.get(at + 1) else {
            return open;
        };
        match Kind::of(*marker) {
            // Stuffing and restart markers.
            Kind::Alone => at += 2,
            Kind::End => {
                return End {
                    at: at + 2,
                    is_marked: true,
                };
            }
            // A fill byte.
            Kind::Unknown if *marker == 0xff => at += 1,
            Kind::Unknown => return open,
            Kind::Segment => match length(jpeg, at) {
                Some(len) if len >= 2 && at + 2 + len <= jpeg.len() => at += 2 + len,
                _ => return open,
            },
        }
    }
}

/// The length that a segment gives, whose marker stands there.
fn length(jpeg: &[u8], at: usize) -> Option<usize> {
    let length = jpeg.get(at + 2..)?.first_chunk()?;
    Some(u16::from_be_bytes(*length).into())
}

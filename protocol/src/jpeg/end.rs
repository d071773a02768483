//! Where a JPEG's picture data ends.
//!
//! Whether what ends there is a picture is for [`super::inspect`] to say.

use super::JpegError;
use super::segments::Kind;
use super::walk::{Step, Walk, length};

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
    let mut walk = Walk::from(from);
    match walk.go(jpeg) {
        Step::End(at) => End {
            at,
            is_marked: true,
        },
        Step::More | Step::Lost => End {
            at: walk.len(),
            is_marked: false,
        },
    }
}

//! A stream of pictures in either form: parts with headers, or JPEGs one after the other. No I/O here.
//!
//! Telling them apart by the first bytes belongs to [`super`].

use pistreamer_network_camera::bare::Bare;
use pistreamer_network_camera::multipart::{Multipart, Part};
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;

/// Parses a stream incrementally.
#[derive(Debug)]
pub(super) enum Splitter {
    /// Parts with headers.
    Parts(Box<Multipart>),
    /// JPEGs alone.
    Bare(Bare),
}

impl Splitter {
    /// For parts with that boundary, where the Content-Type names one.
    pub(super) fn parts(boundary: Option<&str>) -> Self {
        Self::Parts(Box::new(Multipart::new(boundary, DEFAULT_FRAME_LIMIT)))
    }

    /// For JPEGs alone.
    pub(super) fn bare() -> Self {
        Self::Bare(Bare::new(DEFAULT_FRAME_LIMIT))
    }

    /// Adds received bytes. Call [`Self::next`] until it returns nothing.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        match self {
            Self::Parts(parts) => parts.feed(bytes),
            Self::Bare(bare) => bare.feed(bytes),
        }
    }

    /// The next part, once it is whole.
    pub(super) fn next(&mut self) -> Option<Part> {
        match self {
            Self::Parts(parts) => parts.next_part(),
            Self::Bare(bare) => bare.next_part(),
        }
    }

    /// The picture that the end of the stream completes, if one has begun.
    pub(super) fn finish(&mut self) -> Option<Part> {
        match self {
            Self::Parts(parts) => parts.finish(),
            Self::Bare(bare) => bare.finish(),
        }
    }

    /// Returns true if the stream may end here.
    pub(super) fn may_be_over(&self) -> bool {
        match self {
            // A delimiter announces the next part.
            Self::Parts(_) => false,
            Self::Bare(bare) => bare.is_between(),
        }
    }
}

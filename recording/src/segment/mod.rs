//! A segment: one file of a recording. It is a Matroska file (RFC 9559) of JPEGs that plays as it lies, whether it was closed,
//! is being written, or was cut off.
//!
//! All clusters have a known size and a checksum, and each is written at once. Until a segment is closed, its size is unknown; to
//! close it, tags and an index are written behind the last cluster, and then the beginning is patched. Bytes only: reading and
//! writing files belongs to [`crate::disk`].

mod ebml;
mod read;
mod write;

pub use read::{Broken, Clusters, FrameAt, ReadAt, Reader};
pub(crate) use write::void;
pub use write::{About, Cluster, LARGEST_JPEG, Trailer, announced, header, trailer};

/// Where a cluster begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Its time since the segment's first frame.
    pub at_ms: u32,
    /// Its first byte in the file.
    pub offset: u64,
}

/// Where the size of the Matroska segment is.
const SEGMENT_SIZE_AT: u64 = 44;

/// Where its content begins, to which all positions in it refer.
const SEGMENT_DATA: u64 = SEGMENT_SIZE_AT + 8;

/// Bytes that are left free for a `SeekHead`.
const VOID_LEN: usize = 64;

/// Where the information on the segment is.
const INFO_AT: u64 = SEGMENT_DATA + VOID_LEN as u64;

/// Where its duration is: behind the element's head, the time scale, and its own head.
const DURATION_AT: u64 = INFO_AT + 6 + 7 + 3;

/// Where the time of its first frame is: behind the duration, and its own head.
pub(crate) const DATE_AT: u64 = DURATION_AT + 8 + 3;

/// Where the bytes are that closing a segment replaces.
pub const CLOSED_AT: u64 = SEGMENT_SIZE_AT;

/// What a header has at [`DATE_AT`] for a segment that begins at that Unix time in ms.
pub(crate) fn date(start_ms: u64) -> [u8; 8] {
    let ns = (start_ms as i64).saturating_mul(1_000_000);
    ns.saturating_sub(BEFORE_2001_NS).to_be_bytes()
}

/// 2001-01-01 in Unix time, from which `DateUTC` counts.
const BEFORE_2001_NS: i64 = 978_307_200_000_000_000;

#[cfg(test)]
mod tests;

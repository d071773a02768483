//! The bytes of a segment: its header, its clusters, and what closes it. No I/O.

use super::ebml::{id, put, put_id, put_master, put_uint, size_in_eight, size_in_four};
use super::{Cue, DATE_AT, DURATION_AT, INFO_AT, SEGMENT_DATA, SEGMENT_SIZE_AT, VOID_LEN, date};
use bytes::Bytes;
use std::io::IoSlice;

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The camera's name for people.
    pub title: String,
    /// Unix time in ms of the first frame.
    pub start_ms: u64,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

/// Longest title in a header, in bytes: what is patched on closing stays within a disk's first sector, and so does this.
const LONGEST_TITLE: usize = 120;

/// The header of a segment that is not closed.
pub fn header(about: &About) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    put_master(&mut out, id::EBML, |out| {
        put(out, 0x4286, &[1]); // EBMLVersion
        put(out, 0x42F7, &[1]); // EBMLReadVersion
        put(out, 0x42F2, &[4]); // EBMLMaxIDLength
        put(out, 0x42F3, &[8]); // EBMLMaxSizeLength
        put(out, 0x4282, b"matroska"); // DocType
        put(out, 0x4287, &[4]); // DocTypeVersion
        put(out, 0x4285, &[2]); // DocTypeReadVersion
    });
    put_id(&mut out, id::SEGMENT);
    debug_assert_eq!(out.len() as u64, SEGMENT_SIZE_AT);
    out.extend(UNKNOWN_SIZE);
    put(&mut out, id::VOID, &[0; VOID_LEN - 2]);
    debug_assert_eq!(out.len() as u64, INFO_AT);
    let mut end = about.title.len().min(LONGEST_TITLE);
    while !about.title.is_char_boundary(end) {
        end -= 1;
    }
    let app = concat!("pistreamer ", env!("CARGO_PKG_VERSION"));
    let mut info = Vec::new();
    put(&mut info, id::TIMESTAMP_SCALE, &[0x0F, 0x42, 0x40]);
    put(&mut info, id::DURATION, &0_f64.to_be_bytes());
    debug_assert_eq!(info.len() as u64 + INFO_AT + 6 + 3, DATE_AT);
    put(&mut info, id::DATE_UTC, &date(about.start_ms));
    put(&mut info, id::MUXING_APP, app.as_bytes());
    put(&mut info, id::WRITING_APP, app.as_bytes());
    put(&mut info, id::TITLE, &about.title.as_bytes()[..end]);
    put_id(&mut out, id::INFO);
    // Of one length whatever it has in it, so that the duration's place is known.
    out.extend((0x4000 | info.len() as u16).to_be_bytes());
    out.extend(info);
    put_master(&mut out, id::TRACKS, |out| {
        put_master(out, id::TRACK_ENTRY, |out| {
            put(out, id::TRACK_NUMBER, &[1]);
            put(out, id::TRACK_UID, &[1]);
            put(out, id::TRACK_TYPE, &[1]);
            put(out, id::FLAG_LACING, &[0]);
            put(out, id::CODEC_ID, b"V_MJPEG");
            put_master(out, id::VIDEO, |out| {
                put_uint(out, id::PIXEL_WIDTH, about.width.into());
                put_uint(out, id::PIXEL_HEIGHT, about.height.into());
            });
        });
    });
    out
}

/// The beginning of a segment that is sent while it is made, and never closed: it says how long it will be, and what it is, as JSON.
pub fn announced(about: &About, duration_ms: u32, tag: &str) -> Vec<u8> {
    let mut out = header(about);
    let at = DURATION_AT as usize;
    out[at..at + 8].copy_from_slice(&f64::from(duration_ms).to_be_bytes());
    put_tags(&mut out, tag);
    out
}

/// Says that a segment was not closed.
const UNKNOWN_SIZE: [u8; 8] = [1, 255, 255, 255, 255, 255, 255, 255];

/// Frames that are written at once: nothing, or all of them.
#[derive(Debug, Default)]
pub struct Cluster {
    at_ms: u32,
    frames: Vec<(i16, Bytes)>,
    /// Bytes of its content.
    size: u64,
}

/// Bytes of a cluster before its first frame: id and size, the checksum, and the time.
const CLUSTER_HEAD: usize = 20;

/// Bytes of a frame before the JPEG: id and size, the track, the time, and flags.
const FRAME_HEAD: usize = 9;

/// A cluster is written after as many frames: with their heads, the system takes no more parts at once (`IOV_MAX`).
const MOST_FRAMES: usize = 500;

/// A cluster is written after as many bytes.
pub(super) const LARGEST_CLUSTER: u64 = 8 << 20;

/// Largest JPEG that a cluster takes.
pub const LARGEST_JPEG: usize = 32 << 20;

/// What makes players pass over bytes of a damaged segment: it replaces the first of them. `None` for fewer than two.
pub(crate) fn void(len: u64) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    put_id(&mut out, id::VOID);
    match len {
        ..2 => return None,
        2..9 => out.push(0x80 | (len - 2) as u8),
        _ => out.extend(size_in_eight(len - 9)),
    }
    Some(out)
}

impl Cluster {
    /// The frames in it.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Bytes of JPEGs in it.
    pub fn bytes(&self) -> u64 {
        self.frames.iter().map(|(_, jpeg)| jpeg.len() as u64).sum()
    }

    /// Time of its first frame since the segment's first one.
    pub fn at_ms(&self) -> u32 {
        self.at_ms
    }

    /// Whether a frame of that time and length has its place in it, with frames of `length_ms`.
    pub fn takes(&self, at_ms: u32, len: usize, length_ms: u32) -> bool {
        self.frames.is_empty()
            || (at_ms - self.at_ms < length_ms.min(i16::MAX as u32)
                && self.frames.len() < MOST_FRAMES
                && self.size + len as u64 <= LARGEST_CLUSTER)
    }

    /// Adds a frame, which it has to take. Frames come in the order of their times.
    pub fn push(&mut self, at_ms: u32, jpeg: Bytes) {
        if self.frames.is_empty() {
            self.at_ms = at_ms;
            self.size = (CLUSTER_HEAD - 8) as u64;
        }
        let offset = (at_ms - self.at_ms).min(i16::MAX as u32) as i16;
        self.size += (FRAME_HEAD + jpeg.len()) as u64;
        self.frames.push((offset, jpeg));
    }

    /// Everything before the JPEGs, to be written between them.
    fn heads(&self) -> (Vec<u8>, Vec<[u8; FRAME_HEAD]>) {
        let mut head = Vec::with_capacity(CLUSTER_HEAD);
        put_id(&mut head, id::CLUSTER);
        head.extend(size_in_four(self.size));
        head.extend([id::CRC_32 as u8, 0x84, 0, 0, 0, 0]);
        let checked = head.len();
        head.extend([id::TIMESTAMP as u8, 0x84]);
        head.extend(self.at_ms.to_be_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head[checked..]);
        let mut heads = Vec::with_capacity(self.frames.len());
        for (offset, jpeg) in &self.frames {
            let mut frame = [id::SIMPLE_BLOCK as u8, 0, 0, 0, 0, 0x81, 0, 0, 0x80];
            frame[1..5].copy_from_slice(&size_in_four(jpeg.len() as u64 + 4));
            frame[6..8].copy_from_slice(&offset.to_be_bytes());
            crc.update(&frame);
            crc.update(jpeg);
            heads.push(frame);
        }
        head[checked - 4..checked].copy_from_slice(&crc.finalize().to_le_bytes());
        (head, heads)
    }

    /// Hands its bytes to `write`, in parts that need not be copied, and empties it where that succeeds. Returns their length.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write<E>(
        &mut self,
        write: impl FnOnce(&mut [IoSlice<'_>]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (head, heads) = self.heads();
        let mut parts = vec![IoSlice::new(&head)];
        for (head, (_, jpeg)) in heads.iter().zip(&self.frames) {
            parts.extend([IoSlice::new(head), IoSlice::new(jpeg)]);
        }
        write(&mut parts)?;
        let len = self.size + 8;
        self.frames.clear();
        self.size = 0;
        Ok(len)
    }
}

fn put_tags(out: &mut Vec<u8>, tag: &str) {
    put_master(out, id::TAGS, |out| {
        put_master(out, id::TAG, |out| {
            put(out, id::TARGETS, &[]);
            put_master(out, id::SIMPLE_TAG, |out| {
                put(out, id::TAG_NAME, b"PISTREAMER");
                put(out, id::TAG_STRING, tag.as_bytes());
            });
        });
    });
}

/// What follows on the last cluster: what the recording is, as JSON, and where its clusters are.
pub fn trailer(tag: &str, cues: &[Cue]) -> Trailer {
    let mut bytes = Vec::new();
    put_tags(&mut bytes, tag);
    let cues_at = bytes.len() as u64;
    put_master(&mut bytes, id::CUES, |out| {
        for cue in cues {
            put_master(out, id::CUE_POINT, |out| {
                put_uint(out, id::CUE_TIME, cue.at_ms.into());
                put_master(out, id::CUE_TRACK_POSITIONS, |out| {
                    put(out, id::CUE_TRACK, &[1]);
                    put_uint(out, id::CUE_CLUSTER_POSITION, cue.offset - SEGMENT_DATA);
                });
            });
        }
    });
    Trailer { bytes, cues_at }
}

/// The end of a segment.
#[derive(Debug)]
pub struct Trailer {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Where in them the cues are.
    cues_at: u64,
}

impl Trailer {
    /// What replaces the bytes from [`CLOSED_AT`] on in a segment's header once the trailer is on the disk, where that begins
    /// at `at`. Afterwards the segment is closed. One write within a disk's first sector: whole, or not at all.
    ///
    /// [`CLOSED_AT`]: super::CLOSED_AT
    pub fn closing(&self, header: &[u8], at: u64, duration_ms: u32) -> Option<Vec<u8>> {
        let end = at + self.bytes.len() as u64;
        let mut out = size_in_eight(end - SEGMENT_DATA).to_vec();
        put_master(&mut out, id::SEEK_HEAD, |out| {
            for (target, at) in [(id::TAGS, at), (id::CUES, at + self.cues_at)] {
                put_master(out, id::SEEK, |out| {
                    put(out, id::SEEK_ID, &target.to_be_bytes());
                    let position = at - SEGMENT_DATA;
                    put(out, id::SEEK_POSITION, &position.to_be_bytes());
                });
            }
        });
        let rest = INFO_AT as usize - SEGMENT_SIZE_AT as usize - out.len() - 2;
        put(&mut out, id::VOID, &vec![0; rest]);
        out.extend(header.get(INFO_AT as usize..DURATION_AT as usize)?);
        out.extend(f64::from(duration_ms).to_be_bytes());
        Some(out)
    }
}

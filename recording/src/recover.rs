//! Closes segments that were cut off by a crash or a power cut: all of them play as they lie, and closed ones can be searched in.

use crate::catalogue::Recording;
use crate::disk::{Disk, File};
use crate::marks::Content;
use crate::segment::{Broken, CLOSED_AT, Cue, ReadAt, Reader, trailer, void};
use crate::tag::tag;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::path::Path;

/// What was done with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: it was closed.
    Whole,
    /// It was closed, and has that many bytes now.
    Recovered {
        /// Bytes of the file.
        bytes: u64,
        /// Bytes behind the last whole cluster that were cut off.
        cut: u64,
        /// Damaged bytes between whole clusters, over which players pass now.
        damaged: u64,
    },
    /// It was removed: there was no whole cluster in it.
    Removed,
    /// Nothing: something is in it, and not what this program writes.
    Damaged(&'static str),
}

/// Longest file without a readable header that is removed: no more than a header was ever written to it.
const HEADER_ALONE: u64 = 4096;

/// Closes a segment, unless it is closed. The checksums of the clusters in its last `unsynced_ms` are checked: what was written earlier
/// had been synced. What is damaged is left out, and nothing that is whole is, wherever it lies.
///
/// # Errors
/// Where the disk fails.
pub fn recover<D: Disk>(disk: &D, path: &Path, tag: &str, unsynced_ms: u32) -> io::Result<Outcome> {
    // First for reading alone: on a disk that became read-only, closed ones are no failures.
    let whole = {
        let file = disk.open_read(path)?;
        let reader = match Reader::open(&file) {
            Ok(reader) => reader,
            Err(Broken::Io(error)) => return Err(error),
            Err(Broken::Content(_)) if file.length()? <= HEADER_ALONE => return remove(disk, path),
            Err(Broken::Content(what)) => return Ok(Outcome::Damaged(what)),
        };
        if reader.is_closed() {
            return Ok(Outcome::Whole);
        }
        Whole::of(&reader, unsynced_ms)?
    };
    if whole.cues.is_empty() {
        return remove(disk, path);
    }
    let voids = whole.gaps.iter().map(|gap| void(gap.end - gap.start));
    let Some(voids) = voids.collect::<Option<Vec<_>>>() else {
        return Ok(Outcome::Damaged("a byte is too many between two clusters"));
    };
    let damaged = whole.gaps.iter().map(|gap| gap.end - gap.start).sum();
    let mut file = disk.open(path)?;
    let cut = file.length()? - whole.end;
    for (gap, void) in whole.gaps.iter().zip(&voids) {
        file.replace(gap.start, void)?;
    }
    file.truncate(whole.end)?;
    let closed = close(&mut file, tag, &whole.cues, whole.end, whole.duration_ms)?;
    Ok(match closed {
        Some(bytes) => Outcome::Recovered {
            bytes,
            cut,
            damaged,
        },
        None => Outcome::Damaged("its header is not one of pistreamer's"),
    })
}

/// In a file of any age, the checksums of as much are checked as a crash can have damaged.
const CHECKED_MS: u32 = 150_000;

/// Closes a recording that was cut off, whatever its age.
///
/// # Errors
/// Where the disk fails.
pub fn mend<D: Disk>(disk: &D, root: &Path, recording: &Recording) -> io::Result<Outcome> {
    let tag = tag(&recording.camera, recording.name.class, &Content::default());
    recover(disk, &recording.path(root), &tag, CHECKED_MS)
}

fn remove<D: Disk>(disk: &D, path: &Path) -> io::Result<Outcome> {
    disk.remove(path)?;
    if let Some(directory) = path.parent() {
        disk.sync_directory(directory)?;
    }
    Ok(Outcome::Removed)
}

/// What of a segment is whole.
#[derive(Debug, Default)]
struct Whole {
    /// Its clusters.
    cues: Vec<Cue>,
    /// The bytes between them that are neither whole nor known.
    gaps: Vec<Range<u64>>,
    /// Where the last cluster ends.
    end: u64,
    /// The time of its last frame.
    duration_ms: u32,
}

impl Whole {
    fn of<R: ReadAt>(reader: &Reader<R>, unsynced_ms: u32) -> io::Result<Self> {
        let mut clusters: Vec<(Cue, u64)> = Vec::new();
        let mut gaps: Vec<Range<u64>> = Vec::new();
        let mut walk = reader.clusters();
        loop {
            for cluster in &mut walk {
                clusters.push(cluster?);
            }
            if !walk.is_torn() {
                break;
            }
            let mut torn_at = walk.torn_at();
            // Where the size of the one before is wrong, that is where it begins.
            if let Some(&(cue, len)) = clusters.last()
                && cue.offset + len == torn_at
                && reader.cluster(cue, len)?.is_none()
            {
                torn_at = cue.offset;
                clusters.pop();
            }
            let after_ms = clusters.last().map_or(0, |(cue, _)| cue.at_ms);
            let Some(next) = reader.find_cluster(torn_at + 1, after_ms)? else {
                break;
            };
            gaps.push(torn_at..next);
            walk.go_on(next);
        }
        let newest = clusters.last().map_or(0, |(cue, _)| cue.at_ms);
        let oldest = newest.saturating_sub(unsynced_ms);
        let mut whole = Vec::new();
        for (cue, len) in clusters {
            if cue.at_ms >= oldest && reader.cluster(cue, len)?.is_none() {
                gaps.push(cue.offset..cue.offset + len);
            } else {
                whole.push((cue, len));
            }
        }
        let mut duration_ms = 0;
        // The last one tells when its last frame was, and has to be whole for that.
        while let Some(&(cue, len)) = whole.last() {
            if let Some((_, frames)) = reader.cluster(cue, len)? {
                let last_ms = frames.last().map_or(cue.at_ms.into(), |frame| frame.at_ms);
                duration_ms = u32::try_from(last_ms).unwrap_or(u32::MAX);
                break;
            }
            whole.pop();
        }
        let end = whole.last().map_or(0, |(cue, len)| cue.offset + len);
        gaps.retain(|gap| gap.start < end);
        gaps.sort_by_key(|gap| gap.start);
        Ok(Self {
            cues: whole.into_iter().map(|(cue, _)| cue).collect(),
            gaps: joined(gaps),
            end,
            duration_ms,
        })
    }
}

/// Those that follow on each other, as one.
fn joined(gaps: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut joined: Vec<Range<u64>> = Vec::new();
    for gap in gaps {
        match joined.last_mut() {
            Some(before) if before.end >= gap.start => before.end = before.end.max(gap.end),
            _ => joined.push(gap),
        }
    }
    joined
}

/// Closes a segment whose last cluster ends at `end`. Returns its length then; `None` where the header is another program's.
///
/// # Errors
/// Where the disk fails.
pub(crate) fn close<F: File>(
    file: &mut F,
    tag: &str,
    cues: &[Cue],
    end: u64,
    duration_ms: u32,
) -> io::Result<Option<u64>> {
    let trailer = trailer(tag, cues);
    file.append(&mut [IoSlice::new(&trailer.bytes)])?;
    // What the header is about to promise is on the disk before.
    file.sync()?;
    let closing = match Reader::open(&*file) {
        Ok(reader) => reader.closing(&trailer, end, duration_ms),
        Err(Broken::Io(error)) => return Err(error),
        Err(Broken::Content(_)) => None,
    };
    let Some(closing) = closing else {
        return Ok(None);
    };
    file.replace(CLOSED_AT, &closing)?;
    file.sync()?;
    Ok(Some(end + trailer.bytes.len() as u64))
}

//! Closes segments that were cut off by a crash or a power cut: all of them play as they lie, and closed ones can be searched in.

use crate::catalogue::Recording;
use crate::disk::{Disk, File};
use crate::segment::{Broken, CLOSED_AT, Cue, ReadAt, Reader, trailer};
use crate::tag::tag;
use std::io::{self, IoSlice};
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
    },
    /// It was removed: there was no whole cluster in it.
    Removed,
    /// Nothing: something is in it, and not what this program writes.
    Damaged(&'static str),
}

/// Longest file without a readable header that is removed: no more than a header was ever written to it.
const HEADER_ALONE: u64 = 4096;

/// Closes a segment, unless it is closed. The checksums of the clusters in its last `unsynced_ms` are checked, and it is cut off
/// before the first that is wrong: what was written earlier was on the disk.
///
/// # Errors
/// Where the disk fails.
pub fn recover<D: Disk>(disk: &D, path: &Path, tag: &str, unsynced_ms: u32) -> io::Result<Outcome> {
    let mut file = disk.open(path)?;
    let (cues, end, duration_ms) = {
        let reader = match Reader::open(&file) {
            Ok(reader) => reader,
            Err(Broken::Io(error)) => return Err(error),
            Err(Broken::Content(_)) if file.length()? <= HEADER_ALONE => return remove(disk, path),
            Err(Broken::Content(what)) => return Ok(Outcome::Damaged(what)),
        };
        if reader.is_closed() {
            return Ok(Outcome::Whole);
        }
        whole(&reader, unsynced_ms)?
    };
    if cues.is_empty() {
        return remove(disk, path);
    }
    let cut = file.length()? - end;
    file.truncate(end)?;
    let closed = close(&mut file, tag, &cues, end, duration_ms)?;
    Ok(match closed {
        Some(bytes) => Outcome::Recovered { bytes, cut },
        None => Outcome::Damaged("its header is not one of pistreamer's"),
    })
}

/// Closes a recording that was cut off, whatever its age: all of its checksums are checked.
///
/// # Errors
/// Where the disk fails.
pub fn mend<D: Disk>(disk: &D, root: &Path, recording: &Recording) -> io::Result<Outcome> {
    let tag = tag(&recording.camera, recording.name.class);
    recover(disk, &recording.path(root), &tag, u32::MAX)
}

fn remove<D: Disk>(disk: &D, path: &Path) -> io::Result<Outcome> {
    disk.remove(path)?;
    if let Some(directory) = path.parent() {
        disk.sync_directory(directory)?;
    }
    Ok(Outcome::Removed)
}

/// The clusters that are whole, where the last one ends, and the time of its last frame.
fn whole<R: ReadAt>(reader: &Reader<R>, unsynced_ms: u32) -> io::Result<(Vec<Cue>, u64, u32)> {
    let mut clusters = Vec::new();
    for cluster in reader.clusters() {
        clusters.push(cluster?);
    }
    let newest = clusters.last().map_or(0, |(cue, _)| cue.at_ms);
    let synced = |(cue, _): &&(Cue, u64)| cue.at_ms < newest.saturating_sub(unsynced_ms);
    let checked = clusters.iter().take_while(synced).count();
    for at in checked..clusters.len() {
        let (cue, len) = clusters[at];
        if reader.cluster(cue, len)?.is_none() {
            clusters.truncate(at);
            break;
        }
    }
    let mut duration_ms = 0;
    // The last one tells when its last frame was, and has to be whole for that.
    while let Some(&(cue, len)) = clusters.last() {
        if let Some((_, frames)) = reader.cluster(cue, len)? {
            let last_ms = frames.last().map_or(cue.at_ms.into(), |frame| frame.at_ms);
            duration_ms = u32::try_from(last_ms).unwrap_or(u32::MAX);
            break;
        }
        clusters.pop();
    }
    let end = clusters.last().map_or(0, |(cue, len)| cue.offset + len);
    let cues = clusters.into_iter().map(|(cue, _)| cue).collect();
    Ok((cues, end, duration_ms))
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

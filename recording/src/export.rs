//! Takes recordings out of a directory: looks at single files, and copies a span of time into a file of its own. No JPEG is changed.

use crate::catalogue::{Catalogue, Recording};
use crate::disk::{Disk, File, System};
use crate::marks::Content;
use crate::name::{Class, time};
use crate::recover::close;
use crate::segment::{About, Broken, Cluster, Cue, Reader, header};
use crate::tag::tag;
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::path::Path;

/// What is in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Whether it was closed.
    pub is_closed: bool,
    /// Whole frames.
    pub frames: u64,
    /// Time of the last one since the first.
    pub duration_ms: u64,
    /// Clusters with wrong checksums.
    pub wrong: u64,
    /// Whether something follows on its clusters that is not whole.
    pub is_torn: bool,
}

/// Reads a file to its end, and checks all that is in it.
///
/// # Errors
/// Where it cannot be read, or is no recording.
pub fn inspect(path: &Path) -> Result<Inspected, Broken> {
    let reader = Reader::open(System.open_read(path)?)?;
    let mut inspected = Inspected {
        is_closed: reader.is_closed(),
        ..Inspected::default()
    };
    let mut clusters = reader.clusters();
    for cluster in &mut clusters {
        let (cue, len) = cluster?;
        match reader.cluster(cue, len)? {
            Some((_, frames)) => {
                inspected.frames += frames.len() as u64;
                let last = frames.last().map_or(0, |frame| frame.at_ms);
                inspected.duration_ms = inspected.duration_ms.max(last);
            }
            None => inspected.wrong += 1,
        }
    }
    inspected.is_torn = clusters.is_torn();
    Ok(inspected)
}

/// When a recording ends: at its last frame, as its header says, or as its clusters do where it was not closed.
///
/// # Errors
/// Where it cannot be read.
pub fn end_ms(root: &Path, recording: &Recording) -> Result<u64, Broken> {
    let reader = Reader::open(System.open_read(&recording.path(root))?)?;
    let mut duration_ms = reader.duration_ms();
    if !reader.is_closed() {
        let last = reader.clusters().filter_map(Result::ok).last();
        duration_ms = last.map_or(0, |(cue, _)| cue.at_ms.into());
    }
    Ok(recording.name.start_ms + duration_ms)
}

/// A span of a camera's recordings.
#[derive(Clone, Debug)]
pub struct Span<'a> {
    /// The directory of all recordings.
    pub root: &'a Path,
    /// The camera's id.
    pub camera: &'a str,
    /// Which recordings.
    pub class: Class,
    /// Unix time in ms of its begin.
    pub from_ms: u64,
    /// Unix time in ms of its end, which belongs to it.
    pub to_ms: u64,
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Frames.
    pub frames: u64,
    /// Unix time in ms of the first one.
    pub first_ms: u64,
    /// Unix time in ms of the last one.
    pub last_ms: u64,
    /// Clusters that were left out, because they are damaged.
    pub damaged: u64,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There is nothing.
    #[error("there are no recordings of this time")]
    Nothing,
    /// A file has one size of pictures.
    #[error(
        "the size of the pictures changes at {0}: copy what is before that, and what is after it, into a file each"
    )]
    Resized(String),
    /// A disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Longest recording that a file can tell the times of.
const LONGEST_MS: u64 = u32::MAX as u64;

/// Copies the frames of a span into a new file. Times between them stay.
///
/// # Errors
/// Where there are none, or a disk fails.
pub fn export(span: &Span<'_>, to: &Path) -> Result<Exported, ExportError> {
    let catalogue = Catalogue::scan(&System, span.root)?;
    let recordings = catalogue.of(span.camera, span.class);
    let recordings = recordings.filter(|recording| recording.name.start_ms <= span.to_ms);
    let mut exported = Exported::default();
    let mut copy: Option<Copy> = None;
    for recording in recordings {
        let Ok(end_ms) = end_ms(span.root, &recording) else {
            continue;
        };
        if end_ms < span.from_ms {
            continue;
        }
        let opened = System.open_read(&recording.path(span.root))?;
        let Ok(reader) = Reader::open(opened) else {
            continue;
        };
        let start_ms = recording.name.start_ms;
        for cluster in reader.clusters() {
            let (cue, len) = cluster?;
            if start_ms.saturating_add(cue.at_ms.into()) > span.to_ms {
                break;
            }
            // Where the disk has a bad sector, as where it has another byte.
            let Ok(Some((bytes, frames))) = reader.cluster(cue, len) else {
                exported.damaged += 1;
                continue;
            };
            let bytes = Bytes::from(bytes);
            for frame in frames {
                let at_ms = start_ms.saturating_add(frame.at_ms);
                if !(span.from_ms..=span.to_ms).contains(&at_ms) {
                    continue;
                }
                let about = reader.about();
                let copy = match &mut copy {
                    Some(copy) => copy,
                    None => copy.insert(Copy::begin(to, about, at_ms)?),
                };
                if (copy.about.width, copy.about.height) != (about.width, about.height) {
                    return Err(ExportError::Resized(time(at_ms)));
                }
                copy.push(at_ms, bytes.slice(frame.jpeg))?;
                exported.frames += 1;
                exported.last_ms = at_ms;
            }
        }
    }
    let copy = copy.ok_or(ExportError::Nothing)?;
    exported.first_ms = copy.about.start_ms;
    copy.end(&tag(span.camera, span.class, &Content::default()))?;
    Ok(exported)
}

/// A file that frames are copied to.
struct Copy {
    file: std::fs::File,
    about: About,
    len: u64,
    cluster: Cluster,
    cues: Vec<Cue>,
    last_ms: u32,
}

impl Copy {
    fn begin(to: &Path, about: &About, start_ms: u64) -> io::Result<Self> {
        let about = About {
            start_ms,
            ..about.clone()
        };
        let mut file = System.create(to)?;
        let header = header(&about);
        file.append(&mut [IoSlice::new(&header)])?;
        Ok(Self {
            file,
            about,
            len: header.len() as u64,
            cluster: Cluster::default(),
            cues: Vec::new(),
            last_ms: 0,
        })
    }

    fn push(&mut self, at_ms: u64, jpeg: Bytes) -> io::Result<()> {
        const CLUSTER_MS: u32 = 1000;
        let at_ms = at_ms.saturating_sub(self.about.start_ms).min(LONGEST_MS) as u32;
        let at_ms = at_ms.max(self.last_ms);
        if !self.cluster.takes(at_ms, jpeg.len(), CLUSTER_MS) {
            self.flush()?;
        }
        self.cluster.push(at_ms, jpeg);
        self.last_ms = at_ms;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let cue = Cue {
            at_ms: self.cluster.at_ms(),
            offset: self.len,
        };
        let file = &mut self.file;
        self.len += self.cluster.write(|parts| file.append(parts))?;
        self.cues.push(cue);
        Ok(())
    }

    fn end(mut self, tag: &str) -> io::Result<()> {
        self.flush()?;
        close(&mut self.file, tag, &self.cues, self.len, self.last_ms)?;
        Ok(())
    }
}

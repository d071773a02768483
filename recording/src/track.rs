//! The files of one camera in one class, one after the other: frames in, clusters out.

use crate::disk::{Disk, File};
use crate::marks::{Content, Marks};
use crate::name::{Class, Name};
use crate::plan::Plan;
use crate::recover::close;
use crate::segment::{About, Cluster, Cue, LARGEST_JPEG, header};
use crate::tag::tag;
use bytes::Bytes;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A frame that is to be recorded.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Unix time in µs when it was captured, by this machine's clock.
    pub captured_us: u64,
    /// The same by a clock that is never set.
    pub steady_us: u64,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// The stamped JPEG.
    pub jpeg: Bytes,
}

/// When files are written, synced and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cadence {
    /// Length of a cluster.
    pub cluster_ms: u32,
    /// Longest time until what was written is synced.
    pub sync_us: u64,
    /// Length of a file.
    pub file_us: u64,
}

impl Cadence {
    /// That of a class, where continuous files are synced every `sync_us`.
    pub(crate) fn of(class: Class, sync_us: u64) -> Self {
        match class {
            Class::Continuous | Class::Event => Self {
                cluster_ms: 1000,
                sync_us,
                file_us: 60_000_000,
            },
            Class::Sparse => Self {
                cluster_ms: 0,
                sync_us: sync_us * 12,
                file_us: 3_600_000_000,
            },
        }
    }

    /// What a crash may have left unsynced at the end of a file, in its time.
    pub(crate) fn unsynced_ms(self) -> u32 {
        (self.sync_us / 1000 * 2) as u32 + 5000
    }
}

/// Largest file, but for its last cluster.
const LARGEST_FILE: u64 = 256 << 20;

/// The clock was set where its distance from the steady one changes by more than this.
const STEP_US: i64 = 1_000_000;

/// A file has one size of pictures. Where that changes, there is no other file before this is over.
const RESIZES_US: u64 = 10_000_000;

/// The files of one camera in one class.
#[derive(Debug)]
pub(crate) struct Track<F> {
    directory: PathBuf,
    camera: String,
    title: String,
    class: Class,
    cadence: Cadence,
    open: Option<Open<F>>,
    marks: Arc<Marks>,
    /// Time in µs before an event that is recorded with it.
    before_us: u64,
}

/// A file that is being written.
#[derive(Debug)]
struct Open<F> {
    file: F,
    name: Name,
    /// The frame with which it begins, without its JPEG.
    first: Frame,
    len: u64,
    cluster: Cluster,
    cues: Vec<Cue>,
    last_ms: u32,
    /// When the oldest write happened that is not synced.
    unsynced_since: Option<u64>,
    /// It begins with what was before an event, and that is not on the disk yet.
    catches_up: bool,
}

/// The first frame of an event's file that is older than this when it comes was held for the event, as are those that follow on it.
const HELD_US: u64 = 500_000;

/// What was written to a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    /// Frames.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// The file that was closed then, and its bytes.
    pub closed: Option<(Name, u64)>,
}

impl Written {
    /// This, and what was written then.
    fn and(self, then: Self) -> Self {
        Self {
            frames: self.frames + then.frames,
            bytes: self.bytes + then.bytes,
            closed: then.closed,
        }
    }
}

impl<F: File> Track<F> {
    pub(crate) fn new(root: &Path, plan: &Plan, class: Class, sync_us: u64) -> Self {
        Self {
            directory: root.join(&plan.camera),
            camera: plan.camera.clone(),
            title: plan.title.clone(),
            marks: Arc::clone(&plan.marks),
            before_us: plan.events.map_or(0, |events| events.before_us),
            class,
            cadence: Cadence::of(class, sync_us),
            open: None,
        }
    }

    /// The file that is being written, and its bytes.
    pub(crate) fn open(&self) -> Option<(Name, u64)> {
        self.open.as_ref().map(|open| (open.name, open.len))
    }

    /// Frames that were taken and are not written.
    pub(crate) fn pending(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.cluster.frames())
    }

    /// Bytes of those.
    pub(crate) fn pending_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.cluster.bytes())
    }

    /// Whether the next frame goes into the file that is open.
    pub(crate) fn goes_on(&self, frame: &Frame) -> bool {
        let distance = |frame: &Frame| frame.captured_us as i64 - frame.steady_us as i64;
        self.open.as_ref().is_some_and(|open| {
            let age_us = frame.steady_us.saturating_sub(open.first.steady_us);
            (distance(frame) - distance(&open.first)).abs() <= STEP_US
                && (frame.width, frame.height) == (open.first.width, open.first.height)
                && age_us < self.cadence.file_us
                && open.len < LARGEST_FILE
        })
    }

    /// Whether a frame of another size comes so soon that it is left out: each size has a file of its own.
    pub(crate) fn is_too_soon(&self, frame: &Frame) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let age_us = frame.steady_us.saturating_sub(open.first.steady_us);
            let is_resized = (frame.width, frame.height) != (open.first.width, open.first.height);
            is_resized && age_us < RESIZES_US
        })
    }

    /// Begins a file with this frame's time. The one before has to be closed.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(crate) fn begin<D: Disk<File = F>>(&mut self, disk: &D, frame: &Frame) -> io::Result<()> {
        let about = About {
            title: self.title.clone(),
            start_ms: frame.captured_us / 1000,
            width: frame.width,
            height: frame.height,
        };
        let (mut file, name) = self.create(disk, about.start_ms)?;
        let header = header(&about);
        file.append(&mut [IoSlice::new(&header)])?;
        // A header is on the disk before anything follows on it, so that one that is damaged has nothing behind it.
        file.sync()?;
        self.open = Some(Open {
            file,
            name,
            first: Frame {
                jpeg: Bytes::new(),
                ..frame.clone()
            },
            len: header.len() as u64,
            cluster: Cluster::default(),
            cues: Vec::new(),
            last_ms: 0,
            unsynced_since: None,
            catches_up: self.class == Class::Event,
        });
        Ok(())
    }

    /// A new file of that time, or a little later where there is one.
    fn create<D: Disk<File = F>>(&self, disk: &D, start_ms: u64) -> io::Result<(F, Name)> {
        const TRIES: u64 = 1000;
        for start_ms in start_ms..start_ms + TRIES {
            let class = self.class;
            let name = Name { start_ms, class };
            let path = self.directory.join(name.path());
            let day = path.parent().unwrap_or(&self.directory);
            let created = match disk.create(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make_day(disk, day)?;
                    disk.create(&path)
                }
                created => created,
            };
            match created {
                Ok(file) => {
                    disk.sync_directory(day)?;
                    return Ok((file, name));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Takes a frame into the file that is open. What that had written is returned.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(crate) fn push(&mut self, frame: &Frame, now_us: u64) -> io::Result<Written> {
        let Some(open) = &mut self.open else {
            return Ok(Written::default());
        };
        if frame.jpeg.len() > LARGEST_JPEG {
            return Ok(Written::default());
        }
        let at_us = frame.steady_us.saturating_sub(open.first.steady_us);
        let at_ms = ((at_us / 1000) as u32).max(open.last_ms);
        let mut written = Written::default();
        if !open
            .cluster
            .takes(at_ms, frame.jpeg.len(), self.cadence.cluster_ms)
        {
            written = open.flush(now_us)?;
        }
        if open.catches_up && now_us < frame.steady_us.saturating_add(HELD_US) {
            open.catches_up = false;
            // What was before the event is as safe as what is recorded always: whoever is seen may cut the power.
            if at_ms > 0 {
                written = written.and(open.flush(now_us)?);
                open.sync()?;
            }
        }
        open.cluster.push(at_ms, frame.jpeg.clone());
        open.last_ms = at_ms;
        Ok(written)
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(crate) fn due_us(&self) -> Option<u64> {
        let open = self.open.as_ref()?;
        let begin = open.first.steady_us;
        let cluster_ms = u64::from(open.cluster.at_ms()) + u64::from(self.cadence.cluster_ms);
        let cluster = (open.cluster.frames() > 0).then_some(begin + cluster_ms * 1000);
        let sync = open
            .unsynced_since
            .map(|since| since + self.cadence.sync_us);
        let end = Some(begin + self.cadence.file_us);
        [cluster, sync, end].into_iter().flatten().min()
    }

    /// Writes the cluster that is old enough, syncs, and closes the file, where it is time.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(crate) fn tick(&mut self, now_us: u64) -> io::Result<Written> {
        let Some(open) = &mut self.open else {
            return Ok(Written::default());
        };
        let begin = open.first.steady_us;
        if now_us >= begin + self.cadence.file_us {
            return self.close(now_us);
        }
        let mut written = Written::default();
        let cluster_ms = u64::from(open.cluster.at_ms()) + u64::from(self.cadence.cluster_ms);
        if open.cluster.frames() > 0 && now_us >= begin + cluster_ms * 1000 {
            written = open.flush(now_us)?;
        }
        if open
            .unsynced_since
            .is_some_and(|since| now_us >= since + self.cadence.sync_us)
        {
            open.sync()?;
        }
        Ok(written)
    }

    /// Closes the file that is open.
    ///
    /// # Errors
    /// Where the disk fails; then the file is left as after a crash.
    pub(crate) fn close(&mut self, now_us: u64) -> io::Result<Written> {
        let Some(mut open) = self.open.take() else {
            return Ok(Written::default());
        };
        let written = open.flush(now_us)?;
        let from_us = open.first.steady_us;
        let content = match self.class {
            Class::Continuous | Class::Event => {
                let to_us = from_us + u64::from(open.last_ms) * 1000;
                let before_us = (self.class == Class::Event).then_some(self.before_us);
                self.marks.within(from_us, to_us, before_us, now_us)
            }
            Class::Sparse => Content::default(),
        };
        let tag = tag(&self.camera, self.class, &content);
        let bytes = close(&mut open.file, &tag, &open.cues, open.len, open.last_ms)?;
        Ok(Written {
            closed: bytes.map(|bytes| (open.name, bytes)),
            ..written
        })
    }
}

/// Makes the directory of a camera's day, and has it survive a power cut.
pub(crate) fn make_day<D: Disk>(disk: &D, day: &Path) -> io::Result<()> {
    disk.make_directory(day)?;
    // That of the camera, and that of all recordings.
    for directory in day.ancestors().skip(1).take(2) {
        disk.sync_directory(directory)?;
    }
    Ok(())
}

impl<F: File> Open<F> {
    /// Writes the cluster.
    fn flush(&mut self, now_us: u64) -> io::Result<Written> {
        if self.cluster.frames() == 0 {
            return Ok(Written::default());
        }
        let written = Written {
            frames: self.cluster.frames() as u64,
            bytes: self.cluster.bytes(),
            closed: None,
        };
        let cue = Cue {
            at_ms: self.cluster.at_ms(),
            offset: self.len,
        };
        let file = &mut self.file;
        self.len += self.cluster.write(|parts| file.append(parts))?;
        self.cues.push(cue);
        self.unsynced_since.get_or_insert(now_us);
        Ok(written)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.unsynced_since = None;
        Ok(())
    }
}

//! Finds recorded frames by their time. There is no index that could be wrong: each day is a directory, files say in their names when they
//! begin, and only the days and files that are asked for are looked at.
//!
//! Reading goes on while recordings are written and removed. What is damaged is passed over.

mod clip;
mod happened;
mod lapse;
mod merged;
mod survey;
mod zip;

pub use clip::Clip;
pub use happened::{Happened, Listed, Wanted, cut};
pub use lapse::Lapse;
pub use merged::{Merged, one_size};
pub use survey::Survey;
pub use zip::Zip;

use crate::disk::{Disk, System};
use crate::name::{Class, DAY_MS, Name, day, day_of, is_camera};
use crate::segment::{About, Broken, Cue, FrameAt, Reader};
use bytes::Bytes;
use happened::Tags;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The recordings below a directory, to be looked at. Clones share what was read last.
#[derive(Clone, Debug)]
pub struct Library {
    root: PathBuf,
    read: Arc<Mutex<VecDeque<Arc<Stretch>>>>,
    tags: Arc<Tags>,
    /// When the log was told last of what cannot be read.
    complaints: Complaints,
}

/// Stretches of about a second that are kept in memory, those that were asked for last: a player asks for one frame of them after the
/// other.
const STRETCHES: usize = 8;

/// The log is told no more often of what cannot be read.
const COMPLAINS: Duration = Duration::from_secs(60);

/// A cluster in memory.
#[derive(Debug)]
struct Stretch {
    path: PathBuf,
    offset: u64,
    bytes: Bytes,
    frames: Vec<FrameAt>,
}

/// A frame that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Unix time in ms, as the recording has it.
    pub at_ms: u64,
    /// Why it was recorded.
    pub class: Class,
    /// Its width and height.
    pub size: (u32, u32),
    /// The JPEG.
    pub jpeg: Bytes,
}

/// Which frame is meant where there is none of exactly that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Near {
    /// The last one before it.
    Before,
    /// The first one after it.
    After,
    /// Whichever is nearer.
    Nearest,
}

/// What there is of a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Have {
    /// Nothing.
    #[default]
    None,
    /// A frame every few seconds.
    Sparse,
    /// All frames, at the rate of the recording.
    Full,
}

impl From<Class> for Have {
    fn from(class: Class) -> Self {
        match class {
            Class::Continuous | Class::Event => Self::Full,
            Class::Sparse => Self::Sparse,
        }
    }
}

/// Stretches of this length and longer are told by the files' names alone: no file of that class is opened for them.
fn by_name_ms(class: Class) -> u64 {
    match class {
        Class::Continuous | Class::Event => 300_000,
        Class::Sparse => LONGEST_FILE_MS,
    }
}

/// No file of recordings is longer than that.
const LONGEST_FILE_MS: u64 = 3_600_000;

impl Library {
    /// The recordings below that directory.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            read: Arc::default(),
            tags: Arc::default(),
            complaints: Complaints::default(),
        }
    }

    /// The days that have any of a camera's recordings, as Unix days, in their order.
    ///
    /// # Errors
    /// Where the camera's directory cannot be read. Where there is none, there are no days.
    pub fn days(&self, camera: &str) -> io::Result<Vec<u64>> {
        let listed = match System.list(&self.camera(camera)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed?,
        };
        let directories = listed.iter().filter(|entry| entry.is_directory);
        let mut days: Vec<_> = directories.filter_map(|it| day_of(&it.name)).collect();
        days.sort_unstable();
        Ok(days)
    }

    /// Unix times in ms of the camera's first frame and of its last one.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn range(&self, camera: &str) -> io::Result<Option<(u64, u64)>> {
        let first = self.find(camera, 0, Near::After)?;
        let last = self.find(camera, u64::MAX, Near::Before)?;
        Ok(first
            .zip(last)
            .map(|(first, last)| (first.at_ms, last.at_ms)))
    }

    /// The frame at a time, or near it: of all frames that there are, whyever they were recorded.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn find(&self, camera: &str, at_ms: u64, near: Near) -> io::Result<Option<Found>> {
        let days = self.days(camera)?;
        let before = || self.nearest(camera, &days, at_ms, false);
        let after = || self.nearest(camera, &days, at_ms, true);
        match near {
            Near::Before => before(),
            Near::After => after(),
            Near::Nearest => Ok(match (before()?, after()?) {
                (Some(before), Some(after)) => {
                    let is_nearer = at_ms - before.at_ms <= after.at_ms - at_ms;
                    Some(if is_nearer { before } else { after })
                }
                (before, after) => before.or(after),
            }),
        }
    }

    /// What there is of each stretch of `step_ms` from that time on. Where sparse frames are further apart than `gap_ms`, nothing was
    /// recorded in between.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn covered(
        &self,
        camera: &str,
        from_ms: u64,
        step_ms: u64,
        steps: usize,
        gap_ms: u64,
    ) -> io::Result<Vec<Have>> {
        let mut covered = vec![Have::None; steps];
        let to_ms = from_ms.saturating_add(step_ms.saturating_mul(steps as u64));
        let earliest = from_ms.saturating_sub(LONGEST_FILE_MS);
        let wanted = earliest / DAY_MS..=to_ms / DAY_MS;
        for day in self
            .days(camera)?
            .into_iter()
            .filter(|day| wanted.contains(day))
        {
            for name in self.names(camera, day)? {
                if name.start_ms < earliest || name.start_ms >= to_ms {
                    continue;
                }
                // Removed, damaged, or without a frame: none.
                let stretches = self.stretches(camera, name, step_ms, gap_ms);
                for (begin_ms, end_ms) in stretches.unwrap_or_default() {
                    if end_ms < from_ms {
                        continue;
                    }
                    let first = begin_ms.saturating_sub(from_ms) / step_ms;
                    let last = ((end_ms - from_ms) / step_ms).min(steps as u64);
                    for have in covered
                        .iter_mut()
                        .take(last as usize + 1)
                        .skip(first as usize)
                    {
                        *have = Have::from(name.class).max(*have);
                    }
                }
            }
        }
        Ok(covered)
    }

    /// The frames of one class from a time to another, both included, in their order.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn frames(
        &self,
        camera: &str,
        class: Class,
        from_ms: u64,
        to_ms: u64,
    ) -> io::Result<Frames> {
        Ok(Frames {
            directory: self.camera(camera)?,
            complaints: self.complaints.clone(),
            files: self.files(camera, class, from_ms, to_ms)?.into(),
            span: (from_ms, to_ms),
            open: None,
            waiting: VecDeque::new(),
        })
    }

    /// The files of one class that may have frames of a span, by their time.
    fn files(&self, camera: &str, class: Class, from_ms: u64, to_ms: u64) -> io::Result<Vec<Name>> {
        let earliest = from_ms.saturating_sub(LONGEST_FILE_MS);
        let wanted = earliest / DAY_MS..=to_ms / DAY_MS;
        let mut files = Vec::new();
        for day in self
            .days(camera)?
            .into_iter()
            .filter(|day| wanted.contains(day))
        {
            let names = self.names(camera, day)?.into_iter();
            files.extend(
                names.filter(|it| it.class == class && (earliest..=to_ms).contains(&it.start_ms)),
            );
        }
        // Of those that begin before the span, only the last one may still have a frame of it.
        let begun = files.partition_point(|name| name.start_ms <= from_ms);
        files.drain(..begun.saturating_sub(1));
        Ok(files)
    }

    fn camera(&self, camera: &str) -> io::Result<PathBuf> {
        if is_camera(camera) {
            Ok(self.root.join(camera))
        } else {
            Err(io::Error::other(
                "no directory has a camera's name like that",
            ))
        }
    }

    /// The recordings that begin on a day, by their time. One that cannot be read is passed over.
    fn names(&self, camera: &str, of_day: u64) -> io::Result<Vec<Name>> {
        let directory = day(of_day);
        let path = self.camera(camera)?.join(&directory);
        let listed = match System.list(&path) {
            Ok(listed) => listed,
            Err(error) => {
                // Its last file may have been removed just now.
                if error.kind() != io::ErrorKind::NotFound {
                    self.complaints.add(&path, &error);
                }
                return Ok(Vec::new());
            }
        };
        let files = listed.iter().filter(|entry| !entry.is_directory);
        let mut names: Vec<_> = files
            .filter_map(|file| Name::parse(&directory, &file.name))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Of which times a recording is, each from the first frame to the last one.
    fn stretches(
        &self,
        camera: &str,
        name: Name,
        step_ms: u64,
        gap_ms: u64,
    ) -> Result<Vec<(u64, u64)>, Broken> {
        if name.class != Class::Sparse || step_ms >= by_name_ms(name.class) {
            let end_ms = self.end_ms(camera, name, step_ms)?;
            return Ok(end_ms
                .map(|end_ms| (name.start_ms, end_ms))
                .into_iter()
                .collect());
        }
        let reader = open(&self.camera(camera)?.join(name.path()))?;
        // Each frame has a cluster.
        let times = match reader.cue_times()? {
            Some(times) => times,
            None => {
                let clusters = reader.clusters().filter_map(Result::ok);
                clusters.map(|(cue, _)| u64::from(cue.at_ms)).collect()
            }
        };
        let stretches = times.chunk_by(|before, after| after.saturating_sub(*before) <= gap_ms);
        let ends = |of: &[u64]| Some((name.start_ms + of.first()?, name.start_ms + of.last()?));
        Ok(stretches.filter_map(ends).collect())
    }

    /// When a recording ends; `None` where nothing is in it.
    fn end_ms(&self, camera: &str, name: Name, step_ms: u64) -> Result<Option<u64>, Broken> {
        if step_ms >= by_name_ms(name.class) {
            return Ok(Some(name.start_ms));
        }
        let reader = open(&self.camera(camera)?.join(name.path()))?;
        if reader.is_closed() {
            let duration_ms = reader.duration_ms().min(LONGEST_FILE_MS);
            return Ok(Some(name.start_ms + duration_ms));
        }
        let last = reader.clusters().filter_map(Result::ok).last();
        Ok(last.map(|(cue, _)| name.start_ms.saturating_add(cue.at_ms.into())))
    }

    /// The nearest frame on one side, of all classes: one walk from that time over the files in which it may be.
    fn nearest(
        &self,
        camera: &str,
        days: &[u64],
        at_ms: u64,
        after: bool,
    ) -> io::Result<Option<Found>> {
        let earliest = at_ms.saturating_sub(LONGEST_FILE_MS);
        let (mut forward, mut backward) = (days.iter(), days.iter().rev());
        let days: &mut dyn Iterator<Item = &u64> = if after { &mut forward } else { &mut backward };
        let mut best: Option<Found> = None;
        let mut classes = Class::ALL.to_vec();
        // Whether nothing that begins between these times can be nearer than the best.
        let is_too_far = |best: &Option<Found>, from_ms: u64, to_ms: u64| {
            best.as_ref().is_some_and(|best| {
                if after {
                    from_ms > best.at_ms
                } else {
                    to_ms.saturating_add(LONGEST_FILE_MS) < best.at_ms
                }
            })
        };
        for day in days {
            let (from_ms, to_ms) = (day * DAY_MS, (day + 1) * DAY_MS);
            if if after {
                to_ms <= earliest
            } else {
                from_ms > at_ms
            } {
                continue;
            }
            if is_too_far(&best, from_ms, to_ms) {
                break;
            }
            let mut names = self.names(camera, *day)?;
            let until = names.partition_point(|name| name.start_ms <= at_ms);
            if after {
                // Of each class the last one that begins until then may still have a frame of it; those before have ended.
                let begun = &names[..until];
                let last = |class| begun.iter().rposition(|name| name.class == class);
                let last: Vec<_> = Class::ALL.into_iter().filter_map(last).collect();
                let first = |(at, name): &(usize, Name)| {
                    name.start_ms >= earliest && (*at >= until || last.contains(at))
                };
                names = names
                    .into_iter()
                    .enumerate()
                    .filter(first)
                    .map(|(_, name)| name)
                    .collect();
            } else {
                names.truncate(until);
                names.reverse();
            }
            for name in names {
                if classes.is_empty() || is_too_far(&best, name.start_ms, name.start_ms) {
                    return Ok(best);
                }
                if !classes.contains(&name.class) {
                    continue;
                }
                let Some(found) = self.in_file(camera, name, at_ms, after)? else {
                    continue;
                };
                classes.retain(|class| *class != name.class);
                let rank = |found: &Found| (found.at_ms.abs_diff(at_ms), found.class);
                if best.as_ref().is_none_or(|best| rank(&found) < rank(best)) {
                    best = Some(found);
                }
            }
        }
        Ok(best)
    }

    /// The last frame of a file until that time, or the first one from it on.
    fn in_file(
        &self,
        camera: &str,
        name: Name,
        at_ms: u64,
        after: bool,
    ) -> io::Result<Option<Found>> {
        let path = self.camera(camera)?.join(name.path());
        let reader = match open(&path) {
            Ok(reader) => reader,
            // Damaged, removed meanwhile, or not a recording: skip it.
            Err(_) => return Ok(None),
        };
        let at = i128::from(at_ms) - i128::from(name.start_ms);
        let clusters: Vec<(Cue, u64)> = reader.clusters().filter_map(Result::ok).collect();
        // The cluster in which that time is: the last one that begins until then.
        let within = clusters.partition_point(|(cue, _)| i128::from(cue.at_ms) <= at);
        let (mut forward, mut backward);
        let order: &mut dyn Iterator<Item = &(Cue, u64)> = if after {
            forward = clusters[within.saturating_sub(1)..].iter();
            &mut forward
        } else {
            backward = clusters[..within].iter().rev();
            &mut backward
        };
        for (cue, len) in order {
            let stretch = match self.stretch(&path, &reader, *cue, *len) {
                Ok(Some(stretch)) => stretch,
                Ok(None) => continue,
                // A bad sector, which costs no more than this.
                Err(error) => {
                    self.complaints.add(&path, &error);
                    continue;
                }
            };
            let mut frames = stretch.frames.iter();
            let frame = if after {
                frames.find(|frame| i128::from(frame.at_ms) >= at)
            } else {
                frames.rfind(|frame| i128::from(frame.at_ms) <= at)
            };
            if let Some(frame) = frame {
                return Ok(Some(Found {
                    at_ms: name.start_ms.saturating_add(frame.at_ms),
                    class: name.class,
                    size: size(reader.about()),
                    // No reader keeps the whole stretch in memory.
                    jpeg: Bytes::copy_from_slice(&stretch.bytes[frame.jpeg.clone()]),
                }));
            }
        }
        Ok(None)
    }

    fn stretch(
        &self,
        path: &Path,
        reader: &Reader<File>,
        cue: Cue,
        len: u64,
    ) -> io::Result<Option<Arc<Stretch>>> {
        let is = |it: &&Arc<Stretch>| it.offset == cue.offset && it.path == path;
        // Nothing panics while it holds this lock.
        let lock = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |read: &mut VecDeque<Arc<Stretch>>| {
            let at = read.iter().position(|it| is(&it))?;
            let known = read.remove(at)?;
            read.push_front(Arc::clone(&known));
            Some(known)
        };
        if let Some(known) = take(&mut lock()) {
            return Ok(Some(known));
        }
        let Some((bytes, frames)) = reader.cluster(cue, len)? else {
            return Ok(None);
        };
        let stretch = Arc::new(Stretch {
            path: path.into(),
            offset: cue.offset,
            bytes: bytes.into(),
            frames,
        });
        let mut read = lock();
        read.truncate(STRETCHES - 1);
        read.push_front(Arc::clone(&stretch));
        Ok(Some(stretch))
    }
}

/// When the log was told last of a part of the recordings that is passed over, such as one in a bad sector.
#[derive(Clone, Debug, Default)]
struct Complaints(Arc<Mutex<Option<Instant>>>);

impl Complaints {
    fn add(&self, path: &Path, error: &io::Error) {
        // Nothing panics while it holds this lock.
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= COMPLAINS) {
            *last = Some(Instant::now());
            tracing::warn!(path = %path.display(), %error, "recordings cannot be read there, and are passed over");
        }
    }
}

/// Width and height of a file's pictures.
fn size(about: &About) -> (u32, u32) {
    (about.width, about.height)
}

fn open(path: &Path) -> Result<Reader<File>, Broken> {
    Reader::open(System.open_read(path)?)
}

/// Frames of one class, in their order. Made by [`Library::frames`].
#[derive(Debug)]
pub struct Frames {
    directory: PathBuf,
    complaints: Complaints,
    files: VecDeque<Name>,
    span: (u64, u64),
    open: Option<Open>,
    waiting: VecDeque<Found>,
}

/// A file, and its clusters that are still to be read.
#[derive(Debug)]
struct Open {
    name: Name,
    reader: Reader<File>,
    clusters: VecDeque<(Cue, u64)>,
}

impl Frames {
    /// Has no more of them follow.
    fn end(&mut self) {
        self.waiting.clear();
        self.files.clear();
        self.open = None;
    }

    fn reader(&self, name: Name) -> io::Result<Option<Reader<File>>> {
        match open(&self.directory.join(name.path())) {
            Ok(reader) => Ok(Some(reader)),
            Err(Broken::Content(_)) => Ok(None),
            // Also where it has been removed since: what is sent is told to be whole.
            Err(Broken::Io(error)) => Err(error),
        }
    }

    /// The clusters of a file that may have frames of the span.
    fn begin<'r>(
        &self,
        name: Name,
        reader: &'r Reader<File>,
    ) -> impl Iterator<Item = (Cue, u64)> + 'r {
        /// No cluster is longer: its frames' times have 16 bits.
        const LONGEST_CLUSTER_MS: u64 = 32_767;
        let (from_ms, to_ms) = self.span;
        let at_ms = move |cue: &Cue| name.start_ms.saturating_add(cue.at_ms.into());
        let clusters = reader.clusters().filter_map(Result::ok);
        clusters.filter(move |(cue, _)| {
            at_ms(cue) + LONGEST_CLUSTER_MS >= from_ms && at_ms(cue) <= to_ms
        })
    }

    fn read(&mut self) -> io::Result<bool> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some((cue, len)) = open.clusters.pop_front() {
                    let (bytes, frames) = match open.reader.cluster(cue, len) {
                        Ok(Some(cluster)) => cluster,
                        Ok(None) => continue,
                        // A bad sector costs what is in it, and no more.
                        Err(error) => {
                            let path = self.directory.join(open.name.path());
                            self.complaints.add(&path, &error);
                            continue;
                        }
                    };
                    let bytes = Bytes::from(bytes);
                    let (from_ms, to_ms) = self.span;
                    let size = size(open.reader.about());
                    self.waiting.extend(frames.into_iter().filter_map(|frame| {
                        let at_ms = open.name.start_ms.saturating_add(frame.at_ms);
                        (from_ms..=to_ms).contains(&at_ms).then(|| Found {
                            at_ms,
                            class: open.name.class,
                            size,
                            jpeg: bytes.slice(frame.jpeg),
                        })
                    }));
                    if self.waiting.is_empty() {
                        continue;
                    }
                    return Ok(true);
                }
                self.open = None;
            }
            let Some(name) = self.files.pop_front() else {
                return Ok(false);
            };
            let Some(reader) = self.reader(name)? else {
                continue;
            };
            let clusters: VecDeque<_> = self.begin(name, &reader).collect();
            self.open = Some(Open {
                name,
                reader,
                clusters,
            });
        }
    }
}

impl Iterator for Frames {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<io::Result<Found>> {
        if self.waiting.is_empty() {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.end();
                    return Some(Err(error));
                }
            }
        }
        self.waiting.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests;

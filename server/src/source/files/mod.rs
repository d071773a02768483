//! A camera that shows JPEGs on disk over and over: those of a directory, or of one file that holds many.
//!
//! The pictures are handed on as they are, without decoding. Finding them in a directory belongs to `directory`, in a file
//! to [`pistreamer_picture::reel`].

mod directory;

use crate::source::pace::{self, Pace};
use crate::source::spec::{Ends, Entry, Identity, Kind, Options, SpecError};
use crate::source::{Config, Image, Mode, Port, Source, SourceError, WEDGED};
use crate::util::clock;
use directory::Directory;
use pistreamer_picture::Whole;
use pistreamer_picture::reel::{Found, Reel};
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;
use pistreamer_protocol::message::{Camera, Cause};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Largest picture in bytes: a receiver's limit, with room for the Huffman tables and the stamp that are added.
const LARGEST: usize = DEFAULT_FRAME_LIMIT - 1024;

/// JPEGs from a directory, or concatenated in a file.
pub(super) const KIND: Entry = Entry {
    usage: "files:PATH",
    about: "a directory of JPEGs, or a file of concatenated ones",
    parse: |typed| {
        let path = typed.rest.filter(|path| !path.is_empty());
        (typed.kind == "files").then(|| {
            let path = path.ok_or(SpecError::NoPath)?;
            Ok(Arc::new(Files(path.into())) as _)
        })
    },
};

#[derive(Debug)]
struct Files(PathBuf);

impl Kind for Files {
    fn word(&self) -> &str {
        "files"
    }

    fn identity(&self) -> Identity {
        let name = self.0.file_stem().unwrap_or(self.0.as_os_str());
        Identity {
            word: name.to_string_lossy().into_owned(),
            rest: self.0.to_string_lossy().into_owned(),
        }
    }

    fn absent(&self) -> Option<String> {
        (!self.0.exists()).then(|| {
            format!(
                "there is nothing at {}: files: takes a directory of JPEGs or a file of concatenated ones",
                self.0.display()
            )
        })
    }

    fn takes(&self) -> Options {
        Options {
            fps: true,
            ..Options::default()
        }
    }

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(FilesSource::new(capture.clone(), &self.0)?))
    }
}

/// The JPEGs at a path.
pub(crate) struct FilesSource {
    path: PathBuf,
    fps: f64,
}

impl FilesSource {
    /// A camera that shows what is at `path`, at the configured rate. Nothing else of the configuration is used.
    ///
    /// # Errors
    /// If the rate is out of range. The path is read when the source runs.
    pub(crate) fn new(config: Config, path: impl Into<PathBuf>) -> Result<Self, SourceError> {
        Ok(Self {
            path: path.into(),
            fps: pace::rate(config.fps)?,
        })
    }
}

impl Source for FilesSource {
    fn camera(&self) -> Camera {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        Camera {
            id: String::new(),
            name: name.to_string_lossy().into_owned(),
            source: "files".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let mut pace = Pace::new(port.demand(), self.fps);
        let mut reader = Reader::new(&self.path, self.fps);
        let mut size = None;
        let mut open = |picture: &Whole| {
            let (width, height) = picture.info.displayed();
            if size.replace((width, height)) != Some((width, height)) {
                port.open(Mode {
                    width,
                    height,
                    fps: self.fps,
                });
            }
        };
        // Without viewers, the first picture only shows the size.
        match reader.peek(port)? {
            Some(picture) => open(&picture),
            None => return Ok(()),
        }
        let mut read_at = Instant::now();
        while pace.wait() {
            // After a pause, viewers see what is there now rather than what was read before.
            if port.demand().wanted_for() < Some(read_at.elapsed()) {
                reader.refresh();
            }
            read_at = Instant::now();
            let Some(picture) = reader.next(port)? else {
                break;
            };
            open(&picture);
            port.frame(clock::now_us(), Image::Jpeg(picture));
        }
        Ok(())
    }
}

/// One pass over the pictures.
enum Pass {
    Directory(Directory),
    Reel(Reel<std::fs::File>),
}

impl Pass {
    fn begin(path: &Path) -> Result<Self, SourceError> {
        let failed = |error| unreadable(path, &error);
        let kind = std::fs::metadata(path).map_err(failed)?.file_type();
        if kind.is_dir() {
            Ok(Self::Directory(Directory::list(path)?))
        } else if kind.is_file() {
            let file = std::fs::File::open(path).map_err(failed)?;
            Ok(Self::Reel(Reel::new(file, LARGEST)))
        } else {
            let path = path.display().to_string();
            Err(Cause::FilesOfNoKind { path }.into())
        }
    }

    fn next(&mut self) -> io::Result<Option<Found>> {
        match self {
            Self::Directory(directory) => Ok(directory.next()),
            Self::Reel(reel) => reel.next_picture(),
        }
    }

    /// Another pass over the same; `None` where there is to be looked anew what there is.
    fn again(self) -> Option<Self> {
        match self {
            Self::Directory(directory) => directory.again().map(Self::Directory),
            Self::Reel(_) => None,
        }
    }

    /// Whether it lacks what was there when it was looked at.
    fn has_changed(&self) -> bool {
        matches!(self, Self::Directory(directory) if directory.has_changed())
    }
}

fn unreadable(path: &Path, error: &io::Error) -> SourceError {
    let (kind, path, error) = (error.kind(), path.display().to_string(), error.to_string());
    let cause = match kind {
        io::ErrorKind::NotFound => Cause::FilesMissing { path, error },
        io::ErrorKind::PermissionDenied => Cause::FilesNotAllowed { path, error },
        _ => Cause::FilesUnreadable { path, error },
    };
    cause.into()
}

/// Pass after pass, without end.
struct Reader<'a> {
    path: &'a Path,
    /// How long a picture lasts.
    interval: Duration,
    pass: Option<Pass>,
    /// True once the pass has found a whole picture.
    any: bool,
    /// Why the first skipped picture of the pass is broken.
    why: Option<String>,
    /// True once there has been one.
    ever: bool,
    /// When pictures ran out, if there are none.
    failing_since: Option<Instant>,
}

impl<'a> Reader<'a> {
    fn new(path: &'a Path, fps: f64) -> Self {
        Self {
            path,
            interval: Duration::from_secs_f64(1.0 / fps),
            pass: None,
            any: false,
            why: None,
            ever: false,
            failing_since: None,
        }
    }

    /// The first whole picture, which [`Self::next`] returns again. Does not report the broken ones before it.
    fn peek(&mut self, port: &Port) -> Result<Option<Whole>, SourceError> {
        let picture = self.advance(port, &mut |_| {})?;
        self.ever = true;
        self.pass = None;
        Ok(picture)
    }

    /// Drops what was read ahead of a file of many pictures.
    fn refresh(&mut self) {
        let Some(Pass::Reel(before)) = &self.pass else {
            return;
        };
        self.pass = match Pass::begin(self.path) {
            Ok(Pass::Reel(anew)) => anew.resuming(before).ok().map(Pass::Reel),
            _ => None,
        };
    }

    /// The next whole picture; reports the broken ones before it. A file that is being written is read again as the next
    /// picture, and is an error only if it stays as it is. `None` if the pipeline stops.
    fn next(&mut self, port: &Port) -> Result<Option<Whole>, SourceError> {
        loop {
            let mut reported = false;
            let mut broken = |reason: &str| {
                reported = true;
                port.broken(reason);
            };
            match self.advance(port, &mut broken) {
                Ok(picture) => {
                    self.ever = true;
                    self.failing_since = None;
                    return Ok(picture);
                }
                Err(error) => {
                    let since = *self.failing_since.get_or_insert_with(Instant::now);
                    if !self.ever || since.elapsed() >= WEDGED {
                        return Err(error);
                    }
                    if !reported {
                        port.broken(&error.to_string());
                    }
                    self.pass = None;
                    if port.demand().sleep(self.interval) {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn advance(
        &mut self,
        port: &Port,
        broken: &mut impl FnMut(&str),
    ) -> Result<Option<Whole>, SourceError> {
        while !port.demand().stopping() {
            let pass = match &mut self.pass {
                Some(pass) => pass,
                none => {
                    (self.any, self.why) = (false, None);
                    none.insert(Pass::begin(self.path)?)
                }
            };
            let found = pass.next().map_err(|error| unreadable(self.path, &error))?;
            let has_changed = pass.has_changed();
            match found {
                Some(Found::Picture(picture)) => {
                    self.any = true;
                    return Ok(Some(picture));
                }
                Some(Found::Broken(reason)) => {
                    broken(&reason);
                    self.why.get_or_insert(reason);
                }
                None if self.any || has_changed => {
                    self.pass = self.pass.take().and_then(Pass::again);
                    (self.any, self.why) = (false, None);
                }
                None => return Err(self.nothing()),
            }
        }
        Ok(None)
    }

    /// The error of a pass without pictures.
    fn nothing(&self) -> SourceError {
        let path = self.path.display().to_string();
        let cause = match self.why.clone() {
            Some(problem) => Cause::FilesBroken { path, problem },
            None => Cause::FilesWithoutJpeg { path },
        };
        cause.into()
    }
}

#[cfg(test)]
mod tests;

//! The file by which a directory of recordings is known: where it is missing, the disk is not mounted, and nothing is written to the
//! one below. It is locked while a program records there.

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Its name.
pub const MARKER: &str = "pistreamer-recordings.json";

/// Where a state directory notes which directories were recorded to.
const NOTES: &str = "recordings.json";

/// Largest marker, and largest list of notes, that is read.
const LARGEST: u64 = 64 << 10;

/// Why nothing is recorded to a directory.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    /// It was recorded to before, and nothing says now that this is the same directory.
    #[error(
        "{} is not what it was: its disk is not mounted, or another one is; `pistreamer recordings init {}` accepts what is there now",
        .0.display(), .0.display()
    )]
    Missing(PathBuf),
    /// Nothing was ever recorded to it.
    #[error("{} is no directory of recordings: it has no {MARKER}", .0.display())]
    None(PathBuf),
    /// Another program records there.
    #[error("another pistreamer records to {}: give this one another directory", .0.display())]
    Taken(PathBuf),
    /// Not a marker.
    #[error(
        "{} is not what pistreamer wrote: move it away, then run `pistreamer recordings init {}`",
        .0.join(MARKER).display(),
        .0.display()
    )]
    Unreadable(PathBuf),
    /// The disk.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, io::Error),
}

/// A directory of recordings that is held for this program.
#[derive(Debug)]
pub struct Marker {
    root: PathBuf,
    file: File,
}

/// What a marker says.
#[derive(Debug, Deserialize, Serialize)]
struct Content {
    version: u32,
    uuid: String,
    created_us: u64,
    /// Whether a user said that this directory is to be recorded to, and no program has since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    accepted: bool,
}

impl Marker {
    /// Holds a directory. Where the state directory has no note of it, it is made into one of recordings first; where it has, it has to
    /// be the same one, or one that [`Self::init`] accepted.
    ///
    /// # Errors
    /// Where it is not the directory that it was, or belongs to another program.
    pub fn hold(root: &Path, state: Option<&Path>) -> Result<Self, MarkerError> {
        let failed = |error| MarkerError::Io(root.to_owned(), error);
        let key = std::path::absolute(root).map_err(failed)?;
        let key = key.to_string_lossy().into_owned();
        let mut notes = match state {
            Some(state) => notes(state).map_err(|error| MarkerError::Io(state.into(), error))?,
            None => BTreeMap::new(),
        };
        let path = root.join(MARKER);
        let mut file = match open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if notes.contains_key(&key) {
                    return Err(MarkerError::Missing(root.into()));
                }
                make(root, false)?;
                open(&path).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        let content = read(&file).map_err(failed)?;
        let mut content = content.ok_or_else(|| MarkerError::Unreadable(root.into()))?;
        let is_noted = notes.get(&key) == Some(&content.uuid);
        if !is_noted && notes.contains_key(&key) && !content.accepted {
            return Err(MarkerError::Missing(root.into()));
        }
        lock(root, &file)?;
        if let Some(state) = state
            && !is_noted
        {
            notes.insert(key, content.uuid.clone());
            if let Err(error) = note(state, &notes) {
                tracing::warn!(%error, "cannot note the directory of recordings in the state directory");
            }
        }
        if content.accepted {
            content.accepted = false;
            write(&path, &content).map_err(failed)?;
            file = open(&path).map_err(failed)?;
            lock(root, &file)?;
        }
        Ok(Self {
            root: root.into(),
            file,
        })
    }

    /// Holds a directory that is one of recordings already, and changes nothing in it.
    ///
    /// # Errors
    /// Where it is none, or belongs to another program.
    pub fn hold_known(root: &Path) -> Result<Self, MarkerError> {
        let failed = |error| MarkerError::Io(root.to_owned(), error);
        let file = match open(&root.join(MARKER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(MarkerError::None(root.into()));
            }
            opened => opened.map_err(failed)?,
        };
        lock(root, &file)?;
        Ok(Self {
            root: root.into(),
            file,
        })
    }

    /// Makes a directory into one of recordings, or accepts one that is, in place of whatever was recorded to there.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn init(root: &Path) -> Result<(), MarkerError> {
        make(root, true)
    }

    /// Checks that the directory is still the one that is held.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self) -> Result<(), MarkerError> {
        let failed = |error| MarkerError::Io(self.root.clone(), error);
        let held = self.file.metadata().map_err(failed)?;
        match fs::symlink_metadata(self.root.join(MARKER)) {
            Ok(there) if (there.dev(), there.ino()) == (held.dev(), held.ino()) => Ok(()),
            Ok(_) => Err(MarkerError::Missing(self.root.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(MarkerError::Missing(self.root.clone()))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Makes a directory into one of recordings, unless it is.
fn make(root: &Path, accepted: bool) -> Result<(), MarkerError> {
    let failed = |error| MarkerError::Io(root.to_owned(), error);
    let mut directories = DirBuilder::new();
    directories
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(failed)?;
    let path = root.join(MARKER);
    let content = match open(&path) {
        Ok(file) => {
            let content = read(&file).map_err(failed)?;
            let content = content.ok_or_else(|| MarkerError::Unreadable(root.into()))?;
            Content {
                accepted,
                ..content
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let created = SystemTime::now().duration_since(UNIX_EPOCH);
            Content {
                version: 1,
                uuid: format!("{:032x}", fastrand::u128(..)),
                created_us: created.map_or(0, |since| since.as_micros() as u64),
                accepted,
            }
        }
        Err(error) => return Err(failed(error)),
    };
    write(&path, &content).map_err(failed)?;
    // Made by root, it is meant for the user that owns the directory.
    let owner = fs::metadata(root).map_err(failed)?;
    let _ = std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid()));
    Ok(())
}

/// For writing where that may be: some network file systems lock nothing else.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let opened = |writes| {
        let mut options = OpenOptions::new();
        options.read(true).write(writes).custom_flags(flags);
        options.open(path)
    };
    match opened(true) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => opened(false),
        opened => opened,
    }
}

fn lock(root: &Path, file: &File) -> Result<(), MarkerError> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(MarkerError::Taken(root.into())),
        Err(error) => Err(MarkerError::Io(root.into(), error.into())),
    }
}

/// `None` where it is no marker.
fn read(mut file: &File) -> io::Result<Option<Content>> {
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    file.rewind()?;
    let content = serde_json::from_slice(&text).ok();
    Ok(content.filter(|content: &Content| content.version == 1))
}

fn write(path: &Path, content: &Content) -> io::Result<()> {
    replace(path, &format!("{}\n", serde_json::to_string(content)?))
}

/// The directories that were recorded to, each with its marker's uuid.
fn notes(state: &Path) -> io::Result<BTreeMap<String, String>> {
    let path = state.join(NOTES);
    let file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        opened => opened?,
    };
    let mut text = Vec::new();
    file.take(LARGEST).read_to_end(&mut text)?;
    serde_json::from_slice(&text).map_err(|error| {
        let what = format!("{} cannot be read: {error}; remove it", path.display());
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

fn note(state: &Path, notes: &BTreeMap<String, String>) -> io::Result<()> {
    fs::create_dir_all(state)?;
    replace(&state.join(NOTES), &serde_json::to_string(notes)?)
}

/// Replaces a file: after a crash it has the old content, or the new one.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |at| File::open(at)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_lost_its_marker_is_not_written_to_until_somebody_accepts_it() {
        let place = tempfile::tempdir().unwrap();
        let (root, state) = (place.path().join("usb"), place.path().join("state"));
        let held = Marker::hold(&root, Some(&state)).unwrap();
        held.check().unwrap();
        let twice = Marker::hold(&root, Some(&state));
        assert!(matches!(twice, Err(MarkerError::Taken(_))), "{twice:?}");
        // As where the disk is unmounted.
        let mounted = place.path().join("elsewhere");
        fs::rename(&root, &mounted).unwrap();
        fs::create_dir(&root).unwrap();
        assert!(matches!(held.check(), Err(MarkerError::Missing(_))));
        drop(held);
        let missing = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(missing.to_string().contains("not mounted"), "{missing}");
        assert_eq!(
            fs::read_dir(&root).unwrap().count(),
            0,
            "something was written"
        );
        fs::remove_dir(&root).unwrap();
        assert!(Marker::hold(&root, Some(&state)).is_err());
        assert!(!root.exists());
        fs::rename(&mounted, &root).unwrap();
        drop(Marker::hold(&root, Some(&state)).unwrap());
        // Another disk, which was recorded to elsewhere.
        fs::rename(&root, &mounted).unwrap();
        drop(Marker::hold(&root, None).unwrap());
        let other = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(matches!(other, MarkerError::Missing(_)), "{other}");
        Marker::init(&root).unwrap();
        drop(Marker::hold(&root, Some(&state)).unwrap());
        // It is the one from here on.
        drop(Marker::hold(&root, Some(&state)).unwrap());
        fs::remove_dir_all(&root).unwrap();
        fs::rename(&mounted, &root).unwrap();
        let first = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(matches!(first, MarkerError::Missing(_)), "{first}");
        Marker::init(&root).unwrap();
        drop(Marker::hold(&root, Some(&state)).unwrap());
        fs::write(root.join(MARKER), "{}").unwrap();
        let unreadable = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(matches!(unreadable, MarkerError::Unreadable(_)));
    }

    #[test]
    fn what_is_only_checked_is_made_into_nothing() {
        let place = tempfile::tempdir().unwrap();
        let typo = place.path().join("typo");
        let none = Marker::hold_known(&typo).unwrap_err();
        assert!(matches!(none, MarkerError::None(_)), "{none}");
        assert!(!typo.exists());
    }

    #[test]
    fn without_readable_notes_no_directory_is_made_into_one_of_recordings() {
        let place = tempfile::tempdir().unwrap();
        let (root, state) = (place.path().join("usb"), place.path().join("state"));
        fs::create_dir(&state).unwrap();
        fs::write(state.join(NOTES), "{\"").unwrap();
        let unknown = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(unknown.to_string().contains("cannot be read"), "{unknown}");
        assert!(!root.exists());
    }
}

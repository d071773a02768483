//! The file by which a directory of recordings is known: where it is missing, the disk is not mounted, and nothing is written to the
//! one below. It is locked while a program records there.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
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

impl Marker {
    /// Holds a directory. Where the state directory has no note of it, it is made into one of recordings first.
    ///
    /// # Errors
    /// Where it is not the directory that it was, or belongs to another program.
    pub fn hold(root: &Path, state: Option<&Path>) -> Result<Self, MarkerError> {
        let failed = |error| MarkerError::Io(root.to_owned(), error);
        let key = std::path::absolute(root).map_err(failed)?;
        let key = key.to_string_lossy().into_owned();
        let notes = state.map_or(BTreeMap::new(), notes);
        let marker = match open(&root.join(MARKER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if notes.contains_key(&key) {
                    return Err(MarkerError::Missing(root.into()));
                }
                Self::init(root)?;
                open(&root.join(MARKER)).map_err(failed)?
            }
            opened => opened.map_err(failed)?,
        };
        let mut text = String::new();
        let read = (&marker).take(LARGEST).read_to_string(&mut text);
        read.map_err(failed)?;
        let uuid = uuid(&text).ok_or_else(|| MarkerError::Unreadable(root.into()))?;
        if flock(&marker, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(MarkerError::Taken(root.into()));
        }
        if let Some(state) = state
            && notes.get(&key) != Some(&uuid)
        {
            if notes.contains_key(&key) {
                tracing::info!(directory = %root.display(), "another disk than before is recorded to");
            }
            if let Err(error) = note(state, notes, key, uuid) {
                tracing::warn!(%error, "cannot note the directory of recordings in the state directory");
            }
        }
        Ok(Self {
            root: root.into(),
            file: marker,
        })
    }

    /// Makes a directory into one of recordings, unless it is.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn init(root: &Path) -> Result<(), MarkerError> {
        let failed = |error| MarkerError::Io(root.to_owned(), error);
        let path = root.join(MARKER);
        let mut directories = DirBuilder::new();
        directories
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed)?;
        match fs::read_to_string(&path) {
            Ok(text) if uuid(&text).is_some() => return Ok(()),
            Ok(_) => return Err(MarkerError::Unreadable(root.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let created = SystemTime::now().duration_since(UNIX_EPOCH);
        let marker = serde_json::json!({
            "version": 1,
            "uuid": format!("{:032x}", fastrand::u128(..)),
            "created_us": created.map_or(0, |since| since.as_micros() as u64),
        });
        replace(&path, &format!("{marker}\n")).map_err(failed)
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

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path)
}

fn uuid(text: &str) -> Option<String> {
    let marker: serde_json::Value = serde_json::from_str(text).ok()?;
    (marker["version"] == 1).then(|| marker["uuid"].as_str().map(str::to_owned))?
}

/// The directories that were recorded to, each with its marker's uuid.
fn notes(state: &Path) -> BTreeMap<String, String> {
    let mut text = String::new();
    let read =
        File::open(state.join(NOTES)).map(|file| file.take(LARGEST).read_to_string(&mut text));
    match read {
        Ok(Ok(_)) => serde_json::from_str(&text).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

fn note(
    state: &Path,
    mut notes: BTreeMap<String, String>,
    key: String,
    uuid: String,
) -> io::Result<()> {
    notes.insert(key, uuid);
    fs::create_dir_all(state)?;
    replace(&state.join(NOTES), &serde_json::to_string(&notes)?)
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
        // Another disk.
        fs::remove_dir_all(&root).unwrap();
        Marker::init(&root).unwrap();
        drop(Marker::hold(&root, Some(&state)).unwrap());
        fs::write(root.join(MARKER), "{}").unwrap();
        let unreadable = Marker::hold(&root, Some(&state)).unwrap_err();
        assert!(matches!(unreadable, MarkerError::Unreadable(_)));
    }
}

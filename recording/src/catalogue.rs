//! Which recordings there are, in memory. It is made from the files' names and sizes, which are the truth, at each start: there is
//! no index on the disk that could be lost, damaged or out of date.

use crate::disk::{Disk, Listed};
use crate::name::{Class, Name, is_camera};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// The recordings of one camera: bytes by class and time.
type Camera = BTreeMap<(Class, u64), u64>;

/// All recordings below a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    cameras: BTreeMap<String, Camera>,
    /// Bytes by camera and class.
    bytes: BTreeMap<(String, Class), u64>,
}

/// One recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Its camera's id.
    pub camera: String,
    /// Its name.
    pub name: Name,
    /// Bytes of its file.
    pub bytes: u64,
}

impl Recording {
    /// Its file.
    pub fn path(&self, root: &Path) -> PathBuf {
        root.join(&self.camera).join(self.name.path())
    }
}

impl Catalogue {
    /// What is in a directory. What is no recording is passed over.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn scan<D: Disk>(disk: &D, root: &Path) -> io::Result<Self> {
        let mut catalogue = Self::default();
        for camera in directories(disk.list(root)?).filter(|name| is_camera(name)) {
            let at = root.join(&camera);
            let days = match disk.list(&at) {
                Ok(days) => days,
                Err(error) => {
                    tracing::warn!(directory = %at.display(), %error, "a directory of recordings cannot be read");
                    continue;
                }
            };
            for day in directories(days) {
                // This user may have no permission to read another user's directory.
                let Ok(files) = disk.list(&at.join(&day)) else {
                    continue;
                };
                for file in files.into_iter().filter(|file| !file.is_directory) {
                    if let Some(name) = Name::parse(&day, &file.name) {
                        catalogue.set(&camera, name, file.bytes);
                    }
                }
            }
        }
        Ok(catalogue)
    }

    /// Adds a recording, or changes its size.
    pub fn set(&mut self, camera: &str, name: Name, bytes: u64) {
        let recordings = match self.cameras.get_mut(camera) {
            Some(recordings) => recordings,
            None => self.cameras.entry(camera.into()).or_default(),
        };
        let before = recordings.insert((name.class, name.start_ms), bytes);
        let total = self.bytes.entry((camera.into(), name.class)).or_default();
        *total = (*total - before.unwrap_or(0)).saturating_add(bytes);
    }

    /// Takes a recording out.
    pub fn remove(&mut self, camera: &str, name: Name) {
        let Some(recordings) = self.cameras.get_mut(camera) else {
            return;
        };
        let removed = recordings.remove(&(name.class, name.start_ms));
        if recordings.is_empty() {
            self.cameras.remove(camera);
        }
        if let Some(total) = self.bytes.get_mut(&(camera.to_owned(), name.class)) {
            *total -= removed.unwrap_or(0);
        }
    }

    /// The cameras that have recordings.
    pub fn cameras(&self) -> impl Iterator<Item = &str> {
        self.cameras.keys().map(String::as_str)
    }

    /// The recordings of a camera in one class, by their time.
    pub fn of(&self, camera: &str, class: Class) -> impl DoubleEndedIterator<Item = Recording> {
        let recordings = self.cameras.get(camera).into_iter();
        let recordings = recordings.flat_map(move |all| all.range((class, 0)..=(class, u64::MAX)));
        let camera = camera.to_owned();
        recordings.map(move |(&(class, start_ms), &bytes)| Recording {
            camera: camera.clone(),
            name: Name { start_ms, class },
            bytes,
        })
    }

    /// Whether a camera has a recording of that name.
    pub fn has(&self, camera: &str, name: Name) -> bool {
        let recordings = self.cameras.get(camera);
        recordings.is_some_and(|all| all.contains_key(&(name.class, name.start_ms)))
    }

    /// Unix times in ms of all recordings, in no order.
    pub(crate) fn times(&self) -> Vec<u64> {
        let recordings = self.cameras.values().flat_map(BTreeMap::keys);
        recordings.map(|(_, start_ms)| *start_ms).collect()
    }

    /// Bytes of all recordings.
    pub fn total(&self) -> u64 {
        let mut bytes = self.bytes.values();
        bytes
            .by_ref()
            .fold(0, |total, bytes| total.saturating_add(*bytes))
    }

    /// Bytes of a camera's recordings in one class.
    pub fn bytes(&self, camera: &str, class: Class) -> u64 {
        let bytes = self.bytes.get(&(camera.to_owned(), class));
        bytes.copied().unwrap_or(0)
    }

    /// Unix time in ms of the camera's first recording.
    pub fn first_ms(&self, camera: &str) -> Option<u64> {
        let first = Class::ALL
            .into_iter()
            .filter_map(|class| self.of(camera, class).next());
        first.map(|recording| recording.name.start_ms).min()
    }
}

fn directories(listed: Vec<Listed>) -> impl Iterator<Item = String> {
    let directories = listed.into_iter().filter(|entry| entry.is_directory);
    directories.map(|entry| entry.name)
}

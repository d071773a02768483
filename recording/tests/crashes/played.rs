//! A disk in memory that loses its power: what was synced stays, and of the rest each write is kept, lost, torn at a sector, or
//! garbage, and names that were not synced are there or not.

use pistreamer_recording::disk::{Disk, File, Listed, Space};
use pistreamer_recording::segment::ReadAt;
use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Content {
    /// As programs see it.
    now: Vec<u8>,
    /// As it was synced last.
    synced: Vec<u8>,
    /// Writes since then: where, and what; a cut is without content.
    writes: Vec<(usize, Option<Vec<u8>>)>,
}

type Shared = Arc<Mutex<Content>>;

#[derive(Debug, Default)]
struct State {
    /// Files as programs see them.
    files: BTreeMap<PathBuf, Shared>,
    /// Files whose names survive in any case.
    synced: BTreeMap<PathBuf, Shared>,
    /// Directories, each with whether its name survives.
    directories: BTreeMap<PathBuf, bool>,
    /// Operations until the power fails.
    power: usize,
    /// Whether it has: only the operation during which it did may have had an effect.
    has_failed: bool,
    /// The file that keeps its name.
    refused: PathBuf,
}

/// The disk. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Played(Arc<Mutex<State>>);

/// An open file.
#[derive(Debug)]
pub(crate) struct PlayedFile {
    disk: Played,
    content: Shared,
}

impl State {
    /// Uses one operation up. The one with which the power fails may still have an effect.
    fn operate(&mut self) -> io::Result<()> {
        match self.power.checked_sub(1) {
            Some(left) => {
                self.power = left;
                Ok(())
            }
            None => {
                self.has_failed = true;
                Err(io::Error::other("the power failed"))
            }
        }
    }

    fn is_on(&self) -> io::Result<()> {
        match self.power {
            0 => Err(io::Error::other("the power failed")),
            _ => Ok(()),
        }
    }
}

impl Played {
    /// Another disk with the same on it.
    pub(crate) fn copy(&self) -> Self {
        let state = self.0.lock().unwrap();
        let copied = |files: &BTreeMap<PathBuf, Shared>| {
            let copy = |content: &Shared| {
                let Content { now, synced, .. } = &*content.lock().unwrap();
                Arc::new(Mutex::new(Content {
                    now: now.clone(),
                    synced: synced.clone(),
                    writes: Vec::new(),
                }))
            };
            files
                .iter()
                .map(|(path, it)| (path.clone(), copy(it)))
                .collect()
        };
        Self(Arc::new(Mutex::new(State {
            files: copied(&state.files),
            synced: copied(&state.synced),
            directories: state.directories.clone(),
            refused: state.refused.clone(),
            ..*state
        })))
    }

    /// One with that directory, and a file of somebody else's in it, that takes so many operations until its power fails.
    pub(crate) fn with(root: &Path, power: usize) -> Self {
        let mut state = State {
            power,
            ..State::default()
        };
        let camera = root.join("door");
        let foreign = Content {
            now: b"mine".to_vec(),
            synced: b"mine".to_vec(),
            writes: Vec::new(),
        };
        let foreign = Arc::new(Mutex::new(foreign));
        state.synced.insert(camera.join("holiday.mkv"), foreign);
        state.files = state.synced.clone();
        for directory in [root, &camera] {
            state.directories.insert(directory.to_owned(), true);
        }
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Gives it power for so many operations.
    pub(crate) fn power(&self, operations: usize) {
        let mut state = self.state();
        (state.power, state.has_failed) = (operations, false);
    }

    /// Changes a byte of a file, as a bad disk does.
    pub(crate) fn damage(&self, path: &Path, offset: u64) {
        let state = self.state();
        let mut content = state.files[path].lock().unwrap();
        let content = &mut *content;
        for bytes in [&mut content.now, &mut content.synced] {
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 0x40;
            }
        }
    }

    /// Refuses to give that file another name.
    pub(crate) fn refuse(&self, path: &Path) {
        self.state().refused = path.to_owned();
    }

    /// Whether its power has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().has_failed
    }

    /// Operations until its power fails.
    pub(crate) fn left(&self) -> usize {
        self.state().power
    }

    /// A file's content.
    pub(crate) fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let content = state.files.get(path)?.lock().unwrap();
        Some(content.now.clone())
    }

    /// The power fails: chance decides what becomes of what was not synced.
    pub(crate) fn crash(&self, seed: u64) {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut state = self.state();
        state
            .directories
            .retain(|_, survives| *survives || chance.bool());
        state
            .directories
            .values_mut()
            .for_each(|survives| *survives = true);
        let (files, synced) = (&state.files, &state.synced);
        let mut names = BTreeMap::new();
        let paths: Vec<_> = files.keys().chain(synced.keys()).cloned().collect();
        for path in paths {
            let (now, before) = (files.get(&path), synced.get(&path));
            let is_same = match (now, before) {
                (Some(now), Some(before)) => Arc::ptr_eq(now, before),
                _ => false,
            };
            let survivor = if is_same || chance.bool() {
                now
            } else {
                before
            };
            let has_directory = path
                .parent()
                .is_some_and(|at| state.directories.contains_key(at));
            if let Some(content) = survivor.filter(|_| has_directory) {
                names.insert(path, Arc::clone(content));
            }
        }
        // A file whose name changed has one of the two, whatever happens.
        for (path, content) in &state.files {
            let same = |(at, it): &(&PathBuf, &Shared)| Arc::ptr_eq(it, content) && *at != path;
            if let Some((before, _)) = state.synced.iter().find(same) {
                if names.contains_key(path) {
                    names.remove(before);
                } else {
                    names.insert(before.clone(), Arc::clone(content));
                }
            }
        }
        for content in names.values() {
            content.lock().unwrap().crash(&mut chance);
        }
        state.synced.clone_from(&names);
        state.files = names;
    }
}

impl Content {
    fn crash(&mut self, chance: &mut fastrand::Rng) {
        let mut bytes = std::mem::take(&mut self.synced);
        let safe = bytes.len();
        for (offset, write) in self.writes.drain(..) {
            let Some(write) = write else {
                if chance.bool() {
                    bytes.truncate(offset);
                }
                continue;
            };
            let fate = chance.u8(0..6);
            if fate == 0 {
                continue;
            }
            bytes.resize(bytes.len().max(offset + write.len()), 0);
            let mut at = offset;
            while at < offset + write.len() {
                let end = (at / SECTOR * SECTOR + SECTOR).min(offset + write.len());
                let is_lost = fate == 1 && chance.bool();
                if !is_lost {
                    bytes[at..end].copy_from_slice(&write[at - offset..end - offset]);
                }
                // A disk replaces a sector as a whole; what was never written may be anything.
                if fate == 2 && at >= safe && chance.bool() {
                    chance.fill(&mut bytes[at..end]);
                }
                at = end;
            }
        }
        self.now.clone_from(&bytes);
        self.synced = bytes;
    }
}

impl Disk for Played {
    type File = PlayedFile;

    fn create(&self, path: &Path) -> io::Result<PlayedFile> {
        let mut state = self.state();
        state.operate()?;
        if !path
            .parent()
            .is_some_and(|at| state.directories.contains_key(at))
        {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.files.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = Shared::default();
        state.files.insert(path.to_owned(), Arc::clone(&content));
        let disk = self.clone();
        Ok(PlayedFile { disk, content })
    }

    fn open(&self, path: &Path) -> io::Result<PlayedFile> {
        let state = self.state();
        state.is_on()?;
        let content = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(PlayedFile {
            disk: self.clone(),
            content: Arc::clone(content),
        })
    }

    fn open_read(&self, path: &Path) -> io::Result<PlayedFile> {
        self.open(path)
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        for directory in path.ancestors() {
            state
                .directories
                .entry(directory.to_owned())
                .or_insert(false);
        }
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        let state = &mut *state;
        let is_in = |it: &Path| it.parent() == Some(path);
        state.synced.retain(|it, _| !is_in(it));
        let files = state.files.iter().filter(|(it, _)| is_in(it));
        state
            .synced
            .extend(files.map(|(it, content)| (it.clone(), Arc::clone(content))));
        for (directory, survives) in &mut state.directories {
            *survives |= is_in(directory);
        }
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        if from == state.refused {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let content = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.operate()?;
        state.files.remove(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(())
    }

    fn remove_directory(&self, path: &Path) {
        let mut state = self.state();
        if !state.files.keys().any(|it| it.starts_with(path)) {
            state.directories.remove(path);
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Listed>> {
        let state = self.state();
        state.is_on()?;
        let name = |it: &Path| {
            let name = it.file_name().filter(|_| it.parent() == Some(path))?;
            Some(name.to_str().unwrap().to_owned())
        };
        let directories = state.directories.keys().filter_map(|it| {
            Some(Listed {
                name: name(it)?,
                is_directory: true,
                bytes: 0,
            })
        });
        let files = state.files.iter().filter_map(|(it, content)| {
            Some(Listed {
                name: name(it)?,
                is_directory: false,
                bytes: content.lock().unwrap().now.len() as u64,
            })
        });
        Ok(directories.chain(files).collect())
    }

    fn space(&self, _: &Path) -> io::Result<Space> {
        Ok(Space {
            total: 1 << 40,
            free: 1 << 39,
            files: None,
        })
    }
}

impl PlayedFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    fn write(&self, offset: usize, bytes: Vec<u8>) {
        let mut content = self.content();
        let end = offset + bytes.len();
        let len = content.now.len().max(end);
        content.now.resize(len, 0);
        content.now[offset..end].copy_from_slice(&bytes);
        content.writes.push((offset, Some(bytes)));
    }
}

impl ReadAt for PlayedFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.state().is_on()?;
        self.content().now.as_slice().read_at(offset, buffer)
    }

    fn length(&self) -> io::Result<u64> {
        self.disk.state().is_on()?;
        Ok(self.content().now.len() as u64)
    }
}

impl File for PlayedFile {
    fn append(&mut self, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let has_failed = self.disk.has_failed();
        let operated = self.disk.state().operate();
        if has_failed {
            return operated;
        }
        let at = self.content().now.len();
        self.write(at, parts.iter().flat_map(|part| part.to_vec()).collect());
        operated
    }

    fn replace(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let has_failed = self.disk.has_failed();
        let operated = self.disk.state().operate();
        if has_failed {
            return operated;
        }
        self.write(offset as usize, bytes.to_vec());
        operated
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.disk.state().operate()?;
        let mut content = self.content();
        content.now.truncate(len as usize);
        content.writes.push((len as usize, None));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.state().operate()?;
        let mut content = self.content();
        content.synced = content.now.clone();
        content.writes.clear();
        Ok(())
    }
}

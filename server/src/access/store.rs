//! The file that keeps the keys: read, made at the first start, and replaced in one step.

use super::key::{Entry, Key, Name, Secret};
use super::role::Role;
use crate::state_dir;
use crate::util::clock;
use crate::util::file_watch::Version;
use crate::walls;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the keys are kept: `keys.json` in the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// As people know it.
    directory: PathBuf,
    /// Where this process reaches it.
    at: PathBuf,
}

const FILE: &str = "keys.json";

/// The name of the key that the first start makes.
const OWNER: &str = "owner";

/// The version that is written. Version 1 knew `control` in place of `publish`, and cameras by their positions.
const VERSION: u32 = 2;

/// Most keys that a file may hold.
pub(super) const MOST: usize = 1000;

/// Most links to recordings besides.
pub(super) const MOST_CLIPS: usize = 200;

/// Why the keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The directory can't be made, or the file not written.
    #[error(
        "the access keys cannot be kept in {directory}: {error}; give a directory that can be written with --state-dir, or \
         let everybody in with --no-auth", directory = .0.display(), error = .1
    )]
    Unwritable(PathBuf, io::Error),
    /// Others could replace the file.
    #[error("the access keys in {directory} could be replaced by others: {error}", directory = .0.display(), error = .1)]
    Unsafe(PathBuf, io::Error),
    /// The file can't be read.
    #[error(
        "the access keys in {path} cannot be read: {error}; they are made when pistreamer first starts, and it may have been \
         told another --state-dir, or run as another user", path = .0.display(), error = .1
    )]
    Unreadable(PathBuf, io::Error),
    /// The file isn't what it should be.
    #[error(
        "{path} is not a file of access keys: {why}; correct it, or remove it to get a new key",
        path = .0.display(), why = .1
    )]
    Malformed(PathBuf, String),
}

/// What the file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    version: u32,
    /// Tells this server's cookies from those of others on the same host.
    pub id: Name,
    /// Every key; no name twice.
    pub keys: Vec<Entry>,
}

impl Keys {
    fn first() -> io::Result<Self> {
        let id = Key::random()?.as_str()[..8].to_owned();
        Ok(Self {
            version: VERSION,
            id: id.try_into().map_err(io::Error::other)?,
            keys: vec![Entry::new(
                OWNER.parse().map_err(io::Error::other)?,
                Role::Admin,
                Secret::Key(Key::random()?),
            )],
        })
    }

    /// Reads what a file holds.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let keys: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !(1..=VERSION).contains(&keys.version) {
            return Err(format!(
                "its version is {}, and this pistreamer knows versions up to {VERSION}",
                keys.version
            ));
        }
        if keys.of_people().count() > MOST || keys.keys.len() > MOST + MOST_CLIPS {
            return Err(format!("it has more than {MOST} keys"));
        }
        let mut names: Vec<_> = keys.keys.iter().map(|entry| &entry.name).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("the name {} is there twice", pair[0])),
            None => Ok(keys),
        }
    }

    /// Returns true for what an older version wrote: its keys name cameras by their positions.
    pub(super) fn is_outdated(&self) -> bool {
        self.version < VERSION
    }

    /// Takes over what an older version wrote, on a server with these cameras, in their order. Returns what has changed.
    pub(super) fn renew(&mut self, cameras: &[String]) -> Vec<Renewed> {
        if !self.is_outdated() {
            return Vec::new();
        }
        self.version = VERSION;
        let renewed = self.keys.iter_mut().filter_map(|entry| {
            let before = entry.cameras.clone();
            if let Some(ids) = &mut entry.cameras {
                *ids = ids
                    .iter()
                    .filter_map(|id| by_position(id, cameras))
                    .collect();
            }
            let changed = entry.role == Role::Publish || entry.cameras != before;
            changed.then(|| Renewed {
                key: entry.name.clone(),
                role: entry.role,
                cameras: entry.cameras.clone(),
            })
        });
        renewed.collect()
    }

    /// Ends what a key has shared.
    pub(super) fn unshare(&mut self, by: &Name) {
        self.keys
            .retain(|entry| entry.clip.as_ref().is_none_or(|clip| clip.by != *by));
    }

    /// The keys that are not of links.
    pub(super) fn of_people(&self) -> impl Iterator<Item = &Entry> {
        self.keys.iter().filter(|entry| entry.clip.is_none())
    }

    /// The entry of that name.
    pub fn get(&self, name: &Name) -> Option<&Entry> {
        self.keys.iter().find(|entry| entry.name == *name)
    }

    /// The owner's key, where it can be shown.
    pub fn owners(&self) -> Option<&Key> {
        match &self.owner()?.secret {
            Secret::Key(key) => Some(key),
            Secret::Argon2(_) => None,
        }
    }

    /// What the owner's own devices hang on: the first key that is good for everything, rather than a password.
    pub fn owner(&self) -> Option<&Entry> {
        let now_us = clock::now_us();
        let mut all = self.keys.iter().filter(|entry| {
            entry.role == Role::Admin && entry.cameras.is_none() && !entry.has_expired(now_us)
        });
        let shown = |entry: &&Entry| matches!(entry.secret, Secret::Key(_));
        all.clone().find(shown).or_else(|| all.next())
    }
}

/// A key that reads otherwise than an older version wrote it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Renewed {
    pub key: Name,
    pub role: Role,
    pub cameras: Option<Vec<String>>,
}

/// The id of the camera that was at a position. A position without a camera is left out: it must not become the id of another
/// one later.
fn by_position(text: &str, cameras: &[String]) -> Option<String> {
    match text.parse::<usize>() {
        Ok(position) => cameras.get(position).cloned(),
        Err(_) => Some(text.to_owned()),
    }
}

impl Store {
    /// A store in that directory, which need not exist yet.
    pub fn new(directory: PathBuf) -> Self {
        let at = directory.clone();
        Self { directory, at }
    }

    /// The same, reached at another path. Texts name the one that people know.
    pub(crate) fn reached_at(self, at: PathBuf) -> Self {
        Self { at, ..self }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    pub(super) fn version(&self) -> Option<Version> {
        Version::of(&self.file(FILE))
    }

    /// Where this process reaches a file of the directory.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.at.join(name)
    }

    /// As [`state_dir::lock`].
    pub(super) fn lock(&self) -> io::Result<File> {
        state_dir::lock(&self.at)
    }

    /// The keys, made where there are none yet.
    ///
    /// # Errors
    /// Where they can be neither read nor made.
    pub fn open(&self) -> Result<Keys, StoreError> {
        match self.read() {
            Err(StoreError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                self.change(|_| ())
            }
            other => other,
        }
    }

    /// The keys as they are.
    ///
    /// # Errors
    /// Where they can't be read, or others could replace them.
    pub fn read(&self) -> Result<Keys, StoreError> {
        let (path, file) = (self.path(), self.file(FILE));
        state_dir::check(&self.at, &self.directory)
            .map_err(|error| StoreError::Unsafe(self.directory.clone(), error))?;
        if state_dir::is_exposed(&file) {
            tracing::warn!(path = %path.display(), "other users may read the access keys: chmod 600 the file");
        }
        match state_dir::read(&file) {
            Ok(text) => Keys::parse(&text).map_err(|why| StoreError::Malformed(path, why)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(StoreError::Malformed(path, error.to_string()))
            }
            Err(error) => Err(StoreError::Unreadable(path, error)),
        }
    }

    /// The keys as they are, after taking over what an older version wrote, on a server with these cameras. Where that cannot
    /// be written, it is taken over at each start.
    ///
    /// # Errors
    /// As of [`Self::read`].
    pub(super) fn read_renewed(&self, cameras: &[String]) -> Result<Keys, StoreError> {
        let mut keys = self.read()?;
        if !keys.is_outdated() {
            return Ok(keys);
        }
        let renewed = keys.renew(cameras);
        for Renewed { key, role, cameras } in &renewed {
            let of_role =
                (*role == Role::Publish).then_some("the role control is called publish now");
            let of_cameras = cameras.as_ref().map(|ids| match ids.as_slice() {
                [] => "the camera that it is for is not there, and it opens none",
                _ => "cameras have ids now, in place of numbers",
            });
            let why: Vec<_> = of_role.into_iter().chain(of_cameras).collect();
            let cameras = cameras.as_ref().filter(|ids| !ids.is_empty());
            let cameras = cameras.map(|ids| ids.join(", "));
            tracing::warn!(
                key = key.as_str(),
                role = role.name(),
                cameras,
                "converted a key of an older version: {}",
                why.join("; ")
            );
        }
        self.change(|keys| drop(keys.renew(cameras)))
            .or_else(|error| {
                tracing::warn!(%error, "the access keys of an older version cannot be written in the new format");
                Ok(keys)
            })
    }

    /// Changes the keys. Whoever reads meanwhile, or after a crash at any moment, finds the old ones or the new ones.
    ///
    /// # Errors
    /// Where they can be neither read nor written; then nothing changed.
    pub fn change(&self, change: impl FnOnce(&mut Keys)) -> Result<Keys, StoreError> {
        let mut changed = None;
        self.try_change(|keys| {
            change(keys);
            changed = Some(keys.clone());
            Ok::<_, StoreError>(())
        })?;
        changed.map_or_else(|| self.read(), Ok)
    }

    /// The same for a change that may be refused. Then nothing has changed.
    ///
    /// # Errors
    /// Why it is refused, or where they can be neither read nor written.
    pub(super) fn try_change<E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Keys) -> Result<(), E>,
    ) -> Result<(), E> {
        let unwritable = |error| StoreError::Unwritable(self.directory.clone(), error);
        state_dir::make(&self.at).map_err(unwritable)?;
        let lock = self.lock().map_err(unwritable)?;
        let mut keys = match self.read() {
            Err(StoreError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                Keys::first().map_err(unwritable)?
            }
            other => other?,
        };
        change(&mut keys)?;
        self.write(FILE, &keys).map_err(unwritable)?;
        let is_there = |name: &str| keys.keys.iter().any(|entry| entry.name.as_str() == name);
        if let Err(error) = walls::forget(&self.at, is_there) {
            tracing::warn!(%error, "how a key that is gone had arranged the wall of cameras cannot be taken out of walls.json");
        }
        drop(lock);
        Ok(())
    }

    /// Replaces a file of the directory.
    pub(super) fn write(&self, name: &str, content: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(content)?;
        text.push(b'\n');
        state_dir::replace(&self.at, name, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_first_start_makes_a_key_that_only_its_owner_can_read() {
        let parent = tempfile::tempdir().unwrap();
        let store = Store::new(parent.path().join("state/pistreamer"));
        let keys = store.open().unwrap();
        assert_eq!(keys.owners().unwrap().as_str().len(), 26);
        assert_eq!(store.open().unwrap(), keys);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.path()), 0o600);
        assert_eq!(mode(store.path().parent().unwrap()), 0o700);
    }

    #[test]
    fn what_cannot_be_kept_is_an_error_that_says_what_to_do() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Store::new(file.path().join("below")).open().unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("--state-dir") || text.contains("cannot be read"),
            "{text}"
        );
    }

    #[test]
    fn of_changes_at_once_none_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let store = &store;
                scope.spawn(move || {
                    for number in 0..5 {
                        let entry = Entry::new(
                            format!("key-{thread}-{number}").parse().unwrap(),
                            Role::View,
                            Secret::Key(Key::random().unwrap()),
                        );
                        store.change(|keys| keys.keys.push(entry)).unwrap();
                    }
                });
            }
        });
        assert_eq!(store.read().unwrap().keys.len(), 21);
    }

    #[test]
    fn a_file_of_an_older_version_is_read_as_it_was_meant() {
        let text = r#"{"version":1,"id":"x","keys":[
            {"name":"a","role":"view","secret":{"key":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}}]}"#;
        let keys = Keys::parse(text).unwrap();
        assert!(keys.keys[0].sees("0") && !keys.keys[0].has_expired(u64::MAX));
        let written = serde_json::to_string(&keys).unwrap();
        assert!(!written.contains("cameras") && !written.contains("expires"));
        // Its `control` is `publish` now, and its cameras were positions. One that is none opens nothing.
        let old = text
            .replace("view", "control")
            .replace(r#""role""#, r#""cameras":["1","7"],"role""#);
        let mut keys = Keys::parse(&old).unwrap();
        let ids = ["front".into(), "back".into(), "7".into()];
        let renewed = Renewed {
            key: "a".parse().unwrap(),
            role: Role::Publish,
            cameras: Some(vec!["back".into()]),
        };
        assert_eq!(keys.renew(&ids), [renewed]);
        assert_eq!(keys.renew(&ids), []);
        assert!(keys.keys[0].sees("back") && !keys.keys[0].sees("1") && !keys.keys[0].sees("7"));
        let written = serde_json::to_string(&keys).unwrap();
        assert!(written.contains(r#""version":2"#) && written.contains(r#""role":"publish""#));
        // Of a newer one, what is not understood might be a limit.
        let newer = text.replace(r#""role""#, r#""weekdays":[1],"role""#);
        assert!(Keys::parse(&newer).unwrap_err().contains("weekdays"));
    }

    #[test]
    fn files_that_are_not_right_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        store.open().unwrap();
        let good = fs::read_to_string(store.path()).unwrap();
        for bad in [
            "",
            "{",
            "[]",
            &good.replace("\"version\": 2", "\"version\": 3"),
            &good.replace("owner", "Owner Of It"),
            &good.replace("\"role\": \"admin\"", "\"role\": \"god\""),
            &good.replace("\"keys\":", "\"more\": 1, \"keys\":"),
            &good[..good.len() / 2],
        ] {
            fs::write(store.path(), bad).unwrap();
            let error = store.open().unwrap_err();
            assert!(
                matches!(error, StoreError::Malformed(..)),
                "{bad:?}: {error}"
            );
        }
        let entry = r#"{"name":"a","role":"view","secret":{"key":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}}"#;
        let twice = format!(r#"{{"version":1,"id":"x","keys":[{entry},{entry}]}}"#);
        assert_eq!(
            Keys::parse(&twice).unwrap_err(),
            "the name a is there twice"
        );
    }
}

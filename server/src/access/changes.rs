//! Changes of the keys, the same from the command line and from the API: what is refused, and why.

use super::key::{Entry, Key, Name, Secret};
use super::role::Role;
use super::store::{Keys, MOST, Store, StoreError};
use crate::util::clock;
use pistreamer_protocol::message::Cause;
use std::fmt;
use std::time::Duration;

/// A key that is to be made.
#[derive(Debug)]
pub struct Wanted {
    /// Tells it from the others.
    pub name: Name,
    /// What it is to be good for.
    pub role: Role,
    /// The ids of the only cameras that it is to be for; none is all of them.
    pub cameras: Vec<String>,
    /// How long it is to be good; `None` is for ever.
    pub lifetime: Option<Duration>,
    /// What is to be shown: `None` makes a key.
    pub secret: Option<Secret>,
}

/// Why the keys are not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is one of that name.
    Known(Name),
    /// There is none of that name.
    Unknown(Name, String),
    /// It is not good any more.
    Expired(Name),
    /// An administrator has every camera.
    AdminOfCameras,
    /// Nobody could get in any more.
    Last(Name),
    /// Nobody could manage the keys for as long any more.
    LastAdmin(Name),
    /// There are too many.
    Full,
    /// There are as many links, of the key that shares, or in all.
    LinksFull(usize),
    /// There is no link of that name, or another key has made it.
    NoLink(Name),
    /// The keys can be neither read nor written.
    Store(#[from] StoreError),
}

impl KeyError {
    /// The same with a code.
    pub fn cause(&self) -> Cause {
        let name = |name: &Name| name.to_string();
        match self {
            Self::Known(key) => Cause::KeyThere { name: name(key) },
            Self::Unknown(key, keys) => Cause::KeyUnknown {
                name: name(key),
                keys: keys.clone(),
            },
            Self::Expired(key) => Cause::KeyExpired { name: name(key) },
            Self::AdminOfCameras => Cause::KeyForAll,
            Self::Last(key) => Cause::KeyLast { name: name(key) },
            Self::LastAdmin(key) => Cause::KeyLastOfAdmins { name: name(key) },
            Self::Full => Cause::KeysFull { most: MOST as u64 },
            Self::LinksFull(own) => Cause::LinksFull { most: *own as u64 },
            Self::NoLink(link) => Cause::LinkUnknown { name: name(link) },
            Self::Store(error) => Cause::NotWritten {
                problem: error.to_string(),
            },
        }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            _ => self.cause().fmt(f),
        }
    }
}

impl Store {
    /// Adds a key.
    ///
    /// # Errors
    /// Where it is not to be had. Then nothing has changed.
    pub fn add(&self, wanted: Wanted) -> Result<Entry, KeyError> {
        if wanted.role == Role::Admin && !wanted.cameras.is_empty() {
            return Err(KeyError::AdminOfCameras);
        }
        let random = || {
            let key = Key::random()
                .map_err(|error| StoreError::Unwritable(self.directory().into(), error));
            Ok::<_, StoreError>(Secret::Key(key?))
        };
        let secret = wanted.secret.map_or_else(random, Ok)?;
        let now_us = clock::now_us();
        let entry = Entry {
            cameras: (!wanted.cameras.is_empty()).then_some(wanted.cameras),
            expires_us: wanted
                .lifetime
                .map(|lifetime| now_us.saturating_add(lifetime.as_micros() as u64)),
            made_us: Some(now_us),
            ..Entry::new(wanted.name, wanted.role, secret)
        };
        self.try_change(|keys| {
            if keys.get(&entry.name).is_some() {
                return Err(KeyError::Known(entry.name.clone()));
            }
            if keys.of_people().count() >= MOST {
                return Err(KeyError::Full);
            }
            keys.keys.push(entry.clone());
            Ok(())
        })?;
        Ok(entry)
    }

    /// Removes a key, and with it what hangs on it.
    ///
    /// # Errors
    /// Where there is none of that name, or no other. Then nothing has changed.
    pub fn remove(&self, name: &Name) -> Result<(), KeyError> {
        self.try_change(|keys| {
            found(keys, name)?;
            if keys.of_people().all(|entry| entry.name == *name) {
                return Err(KeyError::Last(name.clone()));
            }
            keys.keys.retain(|entry| entry.name != *name);
            keys.unshare(name);
            Ok(())
        })
    }

    /// The same in the name of another key, which must still be there, and cannot leave the keys without an admin that lasts.
    ///
    /// # Errors
    /// Where one of them is not there, or no other admin key is good for as long. Then nothing has changed.
    pub fn remove_by(&self, name: &Name, by: &Name) -> Result<(), KeyError> {
        let end = |entry: &Entry| entry.expires_us.unwrap_or(u64::MAX);
        self.try_change(|keys| {
            found(keys, by)?;
            let gone = found(keys, name)?;
            let mut others = keys.keys.iter().filter(|entry| entry.name != *name);
            let is_needed = gone.role == Role::Admin
                && !others.any(|entry| entry.role == Role::Admin && end(entry) >= end(gone));
            if is_needed {
                return Err(KeyError::LastAdmin(name.clone()));
            }
            keys.keys.retain(|entry| entry.name != *name);
            keys.unshare(name);
            Ok(())
        })
    }

    /// Replaces a key by a new one, which is returned, and ends what hangs on the old one.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn rotate(&self, name: &Name) -> Result<Key, KeyError> {
        let new = Key::random()
            .map_err(|error| StoreError::Unwritable(self.directory().into(), error))?;
        self.try_change(|keys| {
            found(keys, name)?;
            for entry in keys.keys.iter_mut().filter(|entry| entry.name == *name) {
                entry.secret = Secret::Key(new.clone());
            }
            keys.unshare(name);
            Ok::<_, KeyError>(())
        })?;
        Ok(new)
    }
}

/// The entry of that name.
pub(super) fn found<'a>(keys: &'a Keys, name: &Name) -> Result<&'a Entry, KeyError> {
    keys.get(name).ok_or_else(|| {
        let known: Vec<_> = keys.keys.iter().map(|entry| entry.name.as_str()).collect();
        KeyError::Unknown(name.clone(), known.join(", "))
    })
}

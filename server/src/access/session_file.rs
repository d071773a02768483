//! The file of the devices that are signed in: `sessions.json` in the state directory.
//!
//! When a session is noted or ended belongs to [`super::sessions`].

use super::Store;
use super::key::{Entry, Key, Name};
use crate::state_dir;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::IpAddr;

pub(super) const FILE: &str = "sessions.json";

/// Where a file is kept that cannot be read.
const ASIDE: &str = "sessions-unreadable.json";

/// A device that is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Tells it from the others.
    pub id: String,
    /// The key that it hangs on.
    pub key: Name,
    /// What it is, in words.
    pub device: String,
    /// Where it was last.
    pub address: IpAddr,
    /// Unix time in µs when it signed in.
    pub first_us: u64,
    /// Unix time in µs when it was last here.
    pub last_us: u64,
    /// Which secret the key had.
    pub(super) secret: String,
}

/// One that ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ended {
    pub id: String,
    pub key: Name,
    pub secret: String,
    /// Unix time in µs when it ended.
    pub last_us: u64,
}

/// What the file holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What sessions and tickets are signed with, besides the secret of their key. Older versions had none.
    pub signing: Option<Key>,
    #[serde(default)]
    pub sessions: Vec<Session>,
    #[serde(default)]
    pub ended: Vec<Ended>,
}

/// Names of keys, and which secret each has.
pub(super) struct Generations<'a>(HashMap<&'a str, String>);

impl<'a> Generations<'a> {
    pub(super) fn of(keys: impl Iterator<Item = &'a Entry>) -> Self {
        Self(
            keys.map(|entry| (entry.name.as_str(), entry.generation()))
                .collect(),
        )
    }

    pub(super) fn have(&self, name: &Name, secret: &str) -> bool {
        self.0
            .get(name.as_str())
            .is_some_and(|current| current == secret)
    }
}

impl Store {
    /// The devices that are signed in, as the server last noted, those first that were used last.
    ///
    /// # Errors
    /// Where the list can't be read.
    pub fn sessions(&self, keys: &[Entry]) -> io::Result<Vec<Session>> {
        let mut sessions = self.kept_sessions()?.sessions;
        let current = Generations::of(keys.iter());
        sessions.retain(|session| current.have(&session.key, &session.secret));
        Ok(sorted(sessions))
    }

    /// Ends a session: a running server signs that device out within a second or two. Returns whether there was one.
    ///
    /// # Errors
    /// Where that can't be noted; then nothing changed.
    pub fn end_session(&self, id: &str, now_us: u64) -> io::Result<bool> {
        let _lock = self.lock()?;
        let mut kept = self.kept_sessions()?;
        let Some(at) = kept.sessions.iter().position(|session| session.id == id) else {
            return Ok(false);
        };
        let session = kept.sessions.remove(at);
        kept.ended.push(ended(&session, now_us));
        self.write(FILE, &kept)?;
        Ok(true)
    }

    /// The secret that sessions are signed with, made where there is none. Those that were signed otherwise are over.
    pub(super) fn signing(&self) -> io::Result<Key> {
        let _lock = self.lock()?;
        let all_again = self
            .kept_sessions()
            .map_or(true, |kept| !kept.sessions.is_empty());
        if let Some(signing) = self.sessions_or_none()?.signing {
            return Ok(signing);
        }
        let signing = Key::random()?;
        let signed_anew = Kept {
            signing: Some(signing.clone()),
            ..Kept::default()
        };
        self.write(FILE, &signed_anew)?;
        if all_again {
            tracing::warn!(
                "all devices have to sign in again: the key that signed their sessions was replaced"
            );
        }
        Ok(signing)
    }

    /// What the file holds. One that cannot be read is kept aside. The caller holds the lock.
    pub(super) fn sessions_or_none(&self) -> io::Result<Kept> {
        self.kept_sessions().or_else(|error| {
            let (from, aside) = (self.file(FILE), self.file(ASIDE));
            tracing::error!(
                %error,
                aside = %aside.display(),
                "the list of signed-in devices cannot be read; it was moved aside"
            );
            fs::rename(from, aside)?;
            Ok(Kept::default())
        })
    }

    pub(super) fn kept_sessions(&self) -> io::Result<Kept> {
        match state_dir::read(&self.file(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            text => Ok(serde_json::from_str(&text?)?),
        }
    }
}

pub(super) fn ended(session: &Session, now_us: u64) -> Ended {
    Ended {
        id: session.id.clone(),
        key: session.key.clone(),
        secret: session.secret.clone(),
        last_us: now_us,
    }
}

pub(super) fn sorted(mut sessions: Vec<Session>) -> Vec<Session> {
    sessions.sort_by(|one, other| (other.last_us, &other.id).cmp(&(one.last_us, &one.id)));
    sessions
}

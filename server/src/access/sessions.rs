//! The devices that are signed in: when each was last here, and the end of one alone.
//!
//! A session says itself what it is good for ([`super::token`]), so that none is lost where nothing can be written. What is
//! kept is the list of those that were seen, for people, and which ones were ended before their time. In the same file is the
//! secret that all are signed with: where it is lost, so is what they are good for, and none that was ended comes back.

use super::Store;
use super::held::Held;
use super::key::{Key, Name};
use super::session_file::{Ended, FILE, Generations, Kept, Session, ended, sorted};
use super::token::Token;
use crate::util::file_watch::Version;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Most sessions in the list. One more pushes out the one of the key with the most that was unused for longest: nobody fills
/// it with sessions of a key of theirs.
const LISTED: usize = 200;

/// Most ended ones that are remembered, by the same rule: whoever ends sessions by the thousand has their key, and needs none
/// of them.
const REMEMBERED: usize = 1000;

/// How coarsely the file tells when a session was last used, in µs.
const COARSE_US: u64 = 3600 * 1_000_000;

/// Those of one server.
#[derive(Debug)]
pub(super) struct Sessions {
    signing: Key,
    now: Mutex<Now>,
    warned: AtomicBool,
}

#[derive(Debug, Default)]
struct Now {
    listed: HashMap<String, Listed>,
    ended: HashMap<String, Ended>,
    /// Whether the file lacks something.
    dirty: bool,
    version: Option<Version>,
}

#[derive(Debug)]
struct Listed {
    session: Session,
    /// Cancelled when it ends. It hangs on the key's.
    over: Option<CancellationToken>,
}

impl Sessions {
    /// Those that the store has. The secret that they are signed with is made where there is none.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub(super) fn open(store: &Store) -> io::Result<Self> {
        let signing = match store.kept_sessions() {
            Ok(Kept {
                signing: Some(signing),
                ..
            }) => signing,
            _ => store.signing().or_else(|error| {
                tracing::warn!(%error, "the list of signed-in devices cannot be kept: they have to sign in again when the \
                    server starts again");
                Key::random()
            })?,
        };
        Ok(Self {
            signing,
            now: Mutex::default(),
            warned: AtomicBool::default(),
        })
    }

    /// What sessions and tickets are signed with, besides the secret of their key.
    pub(super) fn signing(&self) -> &Key {
        &self.signing
    }

    /// Notes that a session is used. Returns what ends it, or `None` where it has ended.
    pub(super) fn used(
        &self,
        token: &Token<'_>,
        held: &Held,
        from: IpAddr,
        now_us: u64,
    ) -> Option<CancellationToken> {
        let (id, device, first_us) = token.session()?;
        let mut now = self.now();
        if now.ended.contains_key(id) {
            return None;
        }
        let other = now.listed.get(id);
        if other.is_some_and(|other| other.session.key != held.entry.name) {
            return None;
        }
        if !now.listed.contains_key(id) {
            let session = Session {
                id: id.to_owned(),
                key: held.entry.name.clone(),
                device,
                address: from,
                first_us: first_us.min(now_us),
                last_us: 0,
                secret: held.entry.generation(),
            };
            now.list(session);
        }
        let Now { listed, dirty, .. } = &mut *now;
        let listed = listed.get_mut(id)?;
        let session = &mut listed.session;
        *dirty |= now_us >= session.last_us + COARSE_US;
        session.last_us = session.last_us.max(now_us);
        session.address = from;
        let over = match listed.over.take().filter(|over| !over.is_cancelled()) {
            Some(over) => over,
            None => held.ended.child_token(),
        };
        listed.over = Some(over.clone());
        Some(over)
    }

    /// Whether a session ended before its time.
    pub(super) fn has_ended(&self, token: &Token<'_>) -> bool {
        let session = token.session();
        session.is_none_or(|(id, ..)| self.now().ended.contains_key(id))
    }

    /// All that are listed, those first that were used last.
    pub(super) fn listed(&self) -> Vec<Session> {
        let now = self.now();
        let sessions = now.listed.values().map(|listed| listed.session.clone());
        sorted(sessions.collect())
    }

    /// Ends a session, where a name is given only one of that key. Returns whether there was one.
    pub(super) fn end(&self, id: &str, key: Option<&Name>, now_us: u64) -> bool {
        let mut now = self.now();
        let its = |listed: &Listed| key.is_none_or(|key| listed.session.key == *key);
        let Some(listed) = now.listed.get(id).filter(|listed| its(listed)) else {
            return false;
        };
        let (session, over) = (listed.session.clone(), listed.over.clone());
        now.listed.remove(id);
        now.end(ended(&session, now_us), over);
        true
    }

    /// Whether there is something to write.
    pub(super) fn is_dirty(&self) -> bool {
        self.now().dirty
    }

    /// Takes over what other processes wrote, if they did. `keys` are those in force.
    pub(super) fn look(&self, store: &Store, keys: &[Arc<Held>]) {
        let version = Version::of(&store.file(FILE));
        if self.now().version != version {
            let kept = store.kept_sessions();
            let mut now = self.now();
            now.version = version;
            match kept {
                Ok(kept) => {
                    now.dirty |= kept.signing.is_none();
                    now.take(kept, keys);
                }
                // What is known here replaces it.
                Err(_) => now.dirty = true,
            }
        }
    }

    /// Writes what the file lacks.
    ///
    /// # Errors
    /// Where it can't be written; sessions are as good as before.
    pub(super) fn keep(&self, store: &Store, keys: &[Arc<Held>]) -> io::Result<()> {
        let written = store.lock().and_then(|_lock| {
            let kept = store.sessions_or_none()?;
            let signing = kept.signing.clone();
            let kept = {
                let mut now = self.now();
                now.take(kept, keys);
                now.dirty = false;
                now.kept(signing.unwrap_or_else(|| self.signing.clone()))
            };
            store.write(FILE, &kept)?;
            self.now().version = Version::of(&store.file(FILE));
            Ok(())
        });
        self.now().dirty |= written.is_err();
        if let Err(error) = &written
            && !self.warned.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "the list of signed-in devices cannot be written; they stay signed in");
        }
        written
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now {
    fn list(&mut self, session: Session) {
        if self.listed.len() >= LISTED {
            let all = self.listed.values().map(|listed| &listed.session);
            let most = dispensable(all.map(|session| (&session.key, session.last_us, &session.id)));
            // What it has open could not be ended any more when it is listed again.
            if let Some(over) = most
                .and_then(|id| self.listed.remove(&id))
                .and_then(|listed| listed.over)
            {
                over.cancel();
            }
        }
        self.dirty = true;
        let over = None;
        let id = session.id.clone();
        self.listed.insert(id, Listed { session, over });
    }

    fn end(&mut self, ended: Ended, over: Option<CancellationToken>) {
        if let Some(over) = over {
            over.cancel();
        }
        if self.ended.len() >= REMEMBERED {
            let all = self.ended.values();
            let most = dispensable(all.map(|ended| (&ended.key, ended.last_us, &ended.id)));
            if let Some(id) = most {
                self.ended.remove(&id);
            }
        }
        self.dirty = true;
        self.ended.insert(ended.id.clone(), ended);
    }

    /// Takes over what a file says.
    fn take(&mut self, kept: Kept, keys: &[Arc<Held>]) {
        let dirty = self.dirty;
        for ended in kept.ended {
            if !self.ended.contains_key(&ended.id) {
                let listed = self.listed.remove(&ended.id);
                self.end(ended, listed.and_then(|listed| listed.over));
            }
        }
        for session in kept.sessions {
            match self.listed.get_mut(&session.id) {
                Some(Listed { session: known, .. }) if known.last_us < session.last_us => {
                    *known = session;
                }
                None if !self.ended.contains_key(&session.id) => self.list(session),
                _ => {}
            }
        }
        let current = Generations::of(keys.iter().map(|held| &held.entry));
        let listed = self.listed.len();
        self.listed
            .retain(|_, Listed { session, .. }| current.have(&session.key, &session.secret));
        self.ended
            .retain(|_, ended| current.have(&ended.key, &ended.secret));
        self.dirty = dirty || listed != self.listed.len();
    }

    fn kept(&self, signing: Key) -> Kept {
        let sessions = self.listed.values().map(|listed| listed.session.clone());
        Kept {
            signing: Some(signing),
            sessions: sorted(sessions.collect()),
            ended: self.ended.values().cloned().collect(),
        }
    }
}

/// The id of the one that was unused for longest of the key that has most.
fn dispensable<'a>(all: impl Iterator<Item = (&'a Name, u64, &'a String)>) -> Option<String> {
    let mut by_key: HashMap<&Name, Vec<(u64, &String)>> = HashMap::new();
    for (key, last_us, id) in all {
        by_key.entry(key).or_default().push((last_us, id));
    }
    let most = by_key.into_values().max_by_key(Vec::len)?;
    let (_, id) = most.into_iter().min()?;
    Some(id.clone())
}

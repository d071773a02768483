//! The keys that are in force, and the end of what hangs on those that go.

use super::Refused;
use super::changes::{KeyError, found};
use super::codes::{self, Code, Kept, Seen};
use super::held::{Held, LiveSession, hold};
use super::key::{Entry, Key, Name, Password, Secret};
use super::sessions::Sessions;
use super::store::{Keys, Store, StoreError};
use super::token::{self, Ticket, Token};
use crate::util::clock;
use crate::util::file_watch::Version;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Every key in force.
#[derive(Debug)]
pub(super) struct Book {
    store: Store,
    id: String,
    now: Mutex<Now>,
    /// One-time codes in the file. A disk that does not answer holds up one thread, whatever number of codes is tried.
    seen: Arc<tokio::sync::Mutex<Seen>>,
    /// One-time codes that the file could not take.
    unkept: Mutex<Vec<Kept>>,
    /// The server's cameras in their order, by which an older version named them.
    cameras: OnceLock<Vec<String>>,
    pub sessions: Sessions,
}

#[derive(Debug)]
struct Now {
    held: Vec<Arc<Held>>,
    owner: Option<Entry>,
    version: Option<Version>,
}

impl Book {
    pub(super) fn open(store: Store) -> Result<Self, StoreError> {
        // Looked at first: a change between the two is then seen as one.
        let version = store.version();
        let keys = store.open()?;
        let sessions = Sessions::open(&store)
            .map_err(|error| StoreError::Unwritable(store.directory().to_owned(), error))?;
        let held = keys
            .keys
            .iter()
            .map(|entry| hold(entry.clone(), sessions.signing()));
        let now = Now {
            owner: keys.owner().cloned(),
            version,
            held: held.collect(),
        };
        let book = Self {
            store,
            id: keys.id.as_str().to_owned(),
            now: Mutex::new(now),
            seen: Arc::default(),
            unkept: Mutex::default(),
            cameras: OnceLock::new(),
            sessions,
        };
        // Which ones have ended.
        book.sessions.look(&book.store, &book.held());
        Ok(book)
    }

    /// Takes over what an older version wrote about a server with these cameras.
    pub(super) fn renew(&self, cameras: Vec<String>) {
        // Of two calls, the first one tells what the positions meant.
        let _ = self.cameras.set(cameras);
        let version = self.store.version();
        if let Ok(keys) = self.read() {
            self.take(keys, version);
        }
    }

    fn read(&self) -> Result<Keys, StoreError> {
        match self.cameras.get() {
            Some(cameras) => self.store.read_renewed(cameras),
            None => self.store.read(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn owners_key(&self) -> Option<Key> {
        match self.now().owner.as_ref()?.secret {
            Secret::Key(ref key) => Some(key.clone()),
            Secret::Argon2(_) => None,
        }
    }

    /// New one-time codes that stand for the owner's key.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub(super) fn new_codes(&self, count: usize) -> std::io::Result<Vec<Code>> {
        let Some(owner) = self.now().owner.clone() else {
            return Ok(Vec::new());
        };
        self.store.codes(&owner, count).or_else(|error| {
            tracing::debug!(%error, "one-time codes are kept in memory only");
            let (made, kept): (Vec<_>, Vec<_>) = codes::make(&owner, count)?.into_iter().unzip();
            self.unkept().extend(kept);
            Ok(made)
        })
    }

    /// Changes the keys, and takes that over at once. It may wait for another process, or for a disk that does not answer.
    ///
    /// # Errors
    /// Why they are not changed.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&Store) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let changed = change(&self.store);
        self.look();
        changed
    }

    /// A one-time code that stands for the key of that name.
    ///
    /// # Errors
    /// Where there is none that is still good, or the code cannot be kept.
    pub(super) fn code_of(&self, name: &Name) -> Result<Code, KeyError> {
        let unwritable = |error| StoreError::Unwritable(self.store.directory().into(), error);
        let keys = self.read()?;
        // A code for a key that is not known here yet would open nothing.
        self.look();
        let entry = found(&keys, name)?;
        if entry.clip.is_some() {
            // Nobody signs in with it.
            return Err(KeyError::Unknown(name.clone(), String::new()));
        }
        if entry.has_expired(clock::now_us()) {
            return Err(KeyError::Expired(name.clone()));
        }
        let made = self.store.codes(entry, 1).map_err(unwritable)?;
        let none = || std::io::Error::other("none was made");
        let code = made
            .into_iter()
            .next()
            .ok_or_else(none)
            .map_err(unwritable)?;
        Ok(code)
    }

    /// Where the servers that use these keys are reached.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.store.addresses().unwrap_or_default()
    }

    /// The key that a one-time code stands for. The code is used up by that.
    pub(super) async fn code(&self, text: &str) -> Result<Arc<Held>, Refused> {
        let code = Code::parse(text).ok_or(Refused::UsedUp)?;
        let unkept = codes::take(&mut self.unkept(), &code, clock::now_us());
        let taken = if unkept.is_some() {
            unkept
        } else {
            let mut seen = Arc::clone(&self.seen).lock_owned().await;
            let store = self.store.clone();
            // It may wait for another process, or for a disk that does not answer.
            let taken = tokio::task::spawn_blocking(move || {
                let may_be_there = seen.has(&store, &code);
                if may_be_there {
                    store.take_code(&code)
                } else {
                    Ok(None)
                }
            });
            match taken.await {
                Ok(Ok(taken)) => taken,
                Ok(Err(error)) => {
                    tracing::error!(%error, "a one-time code cannot be marked as used, and was refused");
                    None
                }
                Err(_) => None,
            }
        };
        let taken = taken.ok_or(Refused::UsedUp)?;
        let now = self.now();
        let held = now.held.iter().find(|held| held.entry.name == taken.key);
        held.filter(|held| held.is_good() && held.entry.generation() == taken.secret)
            .cloned()
            .ok_or(Refused::UsedUp)
    }

    fn unkept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what other processes changed. Files that can't be used change nothing.
    pub(super) fn look(&self) {
        let version = self.store.version();
        let before = self.now().version;
        if version.is_some() && version != before {
            match self.read() {
                Ok(keys) => {
                    let number = keys.keys.len();
                    // After the first start, the file is only new.
                    if self.take(keys, version) {
                        tracing::info!(keys = number, "access keys reloaded");
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the access keys were not reloaded; the previous ones stay in force");
                    self.now().version = version;
                }
            }
        }
        self.sessions.look(&self.store, &self.held());
    }

    /// Writes the list of devices. It may wait for another process.
    ///
    /// # Errors
    /// Where it can't be written.
    pub(super) fn keep_sessions(&self) -> std::io::Result<()> {
        self.sessions.keep(&self.store, &self.held())
    }

    /// The keys in force.
    pub(super) fn held(&self) -> Vec<Arc<Held>> {
        self.now().held.clone()
    }

    /// Whether these are other keys than before.
    fn take(&self, keys: Keys, version: Option<Version>) -> bool {
        let mut now = self.now();
        let mut other = false;
        now.owner = keys.owner().cloned();
        now.version = version;
        let mut before = std::mem::take(&mut now.held);
        now.held = keys
            .keys
            .into_iter()
            .map(
                |entry| match before.iter().position(|held| held.entry == entry) {
                    Some(kept) => before.swap_remove(kept),
                    None => {
                        other = true;
                        hold(entry, self.sessions.signing())
                    }
                },
            )
            .collect();
        other |= !before.is_empty();
        for gone in before {
            gone.ended.cancel();
        }
        other
    }

    /// The key that a secret belongs to. Every key is compared, so that the time tells nothing.
    pub(super) fn key(&self, secret: &Password) -> Option<Arc<Held>> {
        let now = self.now();
        now.held
            .iter()
            .filter(|held| held.is_good() && matches!(held.entry.secret, Secret::Key(_)))
            .fold(None, |found, held| {
                if held.entry.secret.is_key(secret) {
                    Some(Arc::clone(held))
                } else {
                    found
                }
            })
    }

    /// The password that goes by that name. Without a name, the only one there is.
    pub(super) fn password(&self, name: Option<&str>) -> Option<Arc<Held>> {
        let now = self.now();
        let mut passwords = now
            .held
            .iter()
            .filter(|held| held.is_good() && matches!(held.entry.secret, Secret::Argon2(_)))
            .filter(|held| name.is_none_or(|name| held.entry.name.as_str() == name));
        let found = passwords.next()?;
        passwords.next().is_none().then(|| Arc::clone(found))
    }

    /// The key that a session was made from, and the session. That it is used is noted.
    pub(super) fn session(
        &self,
        text: &str,
        from: IpAddr,
        now_us: u64,
    ) -> Result<(Arc<Held>, LiveSession), Refused> {
        let token = session_token(text, now_us).ok_or(Refused::Expired)?;
        let held = self.signed(&token, now_us)?;
        let ended = self.sessions.used(&token, &held, from, now_us);
        let ended = ended.ok_or(Refused::Expired)?;
        let (id, ..) = token.session().ok_or(Refused::Expired)?;
        let session = LiveSession {
            id: id.to_owned(),
            expires_us: token.expires_us,
            ended,
        };
        Ok((held, session))
    }

    /// Whether a session is good.
    pub(super) fn knows_session(&self, text: &str, now_us: u64) -> bool {
        let token = session_token(text, now_us);
        token.is_some_and(|token| {
            self.signed(&token, now_us).is_ok() && !self.sessions.has_ended(&token)
        })
    }

    pub(super) fn ticket(&self, text: &str, now_us: u64) -> Result<(Arc<Held>, Ticket), Refused> {
        let (token, ticket) = token::parse_ticket(text).ok_or(Refused::Expired)?;
        Ok((self.signed(&token, now_us)?, ticket))
    }

    /// The key by which a token was made, if the token is valid.
    fn signed(&self, token: &Token<'_>, now_us: u64) -> Result<Arc<Held>, Refused> {
        let now = self.now();
        let held = now
            .held
            .iter()
            .find(|held| held.entry.name.as_str() == token.name);
        held.filter(|held| held.is_good())
            .filter(|held| token.expires_us > now_us && token.is_signed_by(held))
            .cloned()
            .ok_or(Refused::Expired)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that was given by a server whose clock can have been right.
fn session_token(text: &str, now_us: u64) -> Option<Token<'_>> {
    token::parse_session(text).filter(|token| token.is_within_a_session(now_us))
}

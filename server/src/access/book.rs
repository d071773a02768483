//! The keys that are in force, and the end of what hangs on those that go.

use super::Refused;
use super::key::{Entry, Key, Password, Secret};
use super::passwords::Known;
use super::store::{Keys, Store, StoreError, Version};
use super::token::{self, Ticket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The file is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// A key in force.
#[derive(Debug)]
pub(super) struct Held {
    pub entry: Entry,
    /// Cancelled when it isn't in force any more.
    pub ended: CancellationToken,
    known: Mutex<Known>,
}

impl Held {
    /// What is known about the guesses at it, where it is a password.
    pub fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every key in force.
#[derive(Debug)]
pub(super) struct Book {
    store: Store,
    id: String,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    held: Vec<Arc<Held>>,
    owners: Option<Key>,
    version: Option<Version>,
}

impl Book {
    pub fn open(store: Store) -> Result<Self, StoreError> {
        // Looked at first: a change between the two is then seen as one.
        let version = store.version();
        let keys = store.open()?;
        let now = Now {
            owners: keys.owners().cloned(),
            version,
            held: keys.keys.into_iter().map(hold).collect(),
        };
        Ok(Self {
            store,
            id: keys.id.as_str().to_owned(),
            now: Mutex::new(now),
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn owners_key(&self) -> Option<Key> {
        self.now().owners.clone()
    }

    /// Waits for the file to change, and takes the change over. A file that can't be used changes nothing.
    pub async fn changed(&self) {
        let before = self.now().version;
        let version = loop {
            tokio::time::sleep(LOOK).await;
            let version = self.store.version();
            if version.is_some() && version != before {
                break version;
            }
        };
        match self.store.read() {
            Ok(keys) => {
                let number = keys.keys.len();
                // After the first start, the file is only new.
                if self.take(keys, version) {
                    tracing::info!(keys = number, "the access keys have changed");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the access keys stay as they were");
                self.now().version = version;
            }
        }
    }

    /// Whether these are other keys than before.
    fn take(&self, keys: Keys, version: Option<Version>) -> bool {
        let mut now = self.now();
        let mut other = false;
        now.owners = keys.owners().cloned();
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
                        hold(entry)
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

    /// Who has that key. Every one is compared, whichever fits.
    pub fn key(&self, secret: &Password) -> Option<Arc<Held>> {
        let now = self.now();
        now.held
            .iter()
            .filter(|held| matches!(held.entry.secret, Secret::Key(_)))
            .fold(None, |found, held| {
                if held.entry.secret.is_key(secret) {
                    Some(Arc::clone(held))
                } else {
                    found
                }
            })
    }

    /// The password that goes by that name. Without a name, the only one there is.
    pub fn password(&self, name: Option<&str>) -> Option<Arc<Held>> {
        let now = self.now();
        let mut passwords = now
            .held
            .iter()
            .filter(|held| matches!(held.entry.secret, Secret::Argon2(_)))
            .filter(|held| name.is_none_or(|name| held.entry.name.as_str() == name));
        let found = passwords.next()?;
        passwords.next().is_none().then(|| Arc::clone(found))
    }

    pub fn session(&self, text: &str, now_us: u64) -> Result<Arc<Held>, Refused> {
        let token = token::parse_session(text).ok_or(Refused::Expired)?;
        self.signed(&token, now_us)
    }

    pub fn ticket(&self, text: &str, now_us: u64) -> Result<(Arc<Held>, Ticket), Refused> {
        let (token, ticket) = token::parse_ticket(text).ok_or(Refused::Expired)?;
        Ok((self.signed(&token, now_us)?, ticket))
    }

    /// Who made a token, where it is good.
    fn signed(&self, token: &token::Token<'_>, now_us: u64) -> Result<Arc<Held>, Refused> {
        let now = self.now();
        let held = now
            .held
            .iter()
            .find(|held| held.entry.name.as_str() == token.name);
        held.filter(|held| token.expires_us > now_us && token.is_signed_by(&held.entry))
            .cloned()
            .ok_or(Refused::Expired)
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn hold(entry: Entry) -> Arc<Held> {
    Arc::new(Held {
        entry,
        ended: CancellationToken::new(),
        known: Mutex::default(),
    })
}

//! Authentication: access keys, the sessions, tickets and links made from them, and limits on wrong ones.
//!
//! Nothing here knows HTTP: how a request carries a credential, and what is answered to one without, belongs to
//! [`crate::front`].

mod addresses;
mod book;
mod changes;
mod clip;
mod codes;
mod grant;
mod hash;
mod held;
mod key;
mod known;
mod neighbours;
mod passwords;
mod role;
mod session_file;
mod sessions;
mod store;
mod throttle;
mod token;

pub use changes::{KeyError, Wanted};
pub use clip::Sharing;
pub use codes::{CODE, Code};
pub use grant::{Grant, Via};
pub use hash::Hash;
pub use key::{BadName, Clip, Entry, Key, Name, Password, Secret};
pub use neighbours::{follow_interfaces, neighbourhood};
pub use role::{BadRole, Role, TypedRole};
pub use session_file::Session;
pub use store::{Keys, Store, StoreError};
pub use token::Ticket;

use crate::util::clock;
use crate::util::log_throttle::ConnectionThrottle;
use book::Book;
use held::Held;
use passwords::Passwords;
use pistreamer_protocol::message::Cause;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Polling interval for the files.
const LOOK: Duration = Duration::from_secs(1);

/// Shortest time between two writes of the list of sessions. The end of a session is written at once.
const KEEP: Duration = Duration::from_secs(30);

/// How long a session lasts: the longest that browsers keep a cookie (RFC 6265bis §5.5).
pub const SESSION: Duration = Duration::from_secs(400 * 24 * 3600);

/// The list of sessions on its way to the disk.
type Writing = tokio::task::JoinHandle<std::io::Result<()>>;

/// Decides what a client may do. Clones share everything.
#[derive(Clone, Debug)]
pub struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` if no key is needed.
    book: Option<Book>,
    passwords: Arc<Passwords>,
    counters: Counters,
    signed_in: ConnectionThrottle,
    signed_out: ConnectionThrottle,
}

/// A key, and what is known of its use.
#[derive(Debug)]
pub struct Known {
    /// The key.
    pub entry: Entry,
    /// Unix time in µs when it let something in last, where that is known.
    pub used_us: Option<u64>,
    /// How many devices are signed in with it.
    pub devices: usize,
}

/// Counts of refused requests.
#[derive(Debug, Default)]
pub struct Counters {
    /// Without any credential.
    pub nothing: AtomicU64,
    /// With a wrong key or password.
    pub wrong: AtomicU64,
    /// After too many wrong ones.
    pub throttled: AtomicU64,
    /// With a session or ticket that is over, or was never given.
    pub expired: AtomicU64,
    /// With a key that is good for less.
    pub beyond_role: AtomicU64,
}

/// What a client shows to be let in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An access key where no password is taken: in an address, which a page elsewhere can make a browser ask for.
    Key(Password),
    /// An access key, or a person's password.
    Secret {
        /// The name of the key; `None` where only the secret was given.
        name: Option<String>,
        /// The key or password.
        secret: Password,
    },
    /// A one-time code, as [`Access::codes`] gave it. Judging it uses it up.
    Code(String),
    /// What [`Access::sign_in`] gave.
    Session(String),
    /// What [`Grant::ticket`] gave.
    Ticket(String),
}

/// Why a client is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No credential came.
    Nothing,
    /// The key or password is wrong.
    Wrong,
    /// Too many wrong ones came from that address, or for that name.
    Throttled(Duration),
    /// The one-time code is none, too old, or used up.
    UsedUp,
    /// The session or ticket is over, or its key was changed.
    Expired,
}

impl Refused {
    /// What the client is told, with what to do.
    pub fn cause(&self) -> Cause {
        let command = crate::called::command_for_anyone("key");
        match self {
            Self::Nothing => Cause::NeedsKey { command },
            Self::Wrong => Cause::KeyWrong { command },
            Self::Throttled(wait) => Cause::TooManyWrong {
                seconds: wait.as_secs().max(1),
            },
            Self::UsedUp => Cause::CodeUsedUp {
                minutes: CODE.as_secs() / 60,
                command,
            },
            Self::Expired => Cause::SessionOver { command },
        }
    }
}

impl Access {
    /// Needs no key.
    pub fn open() -> Self {
        Self::new(None)
    }

    /// Accepts the keys of this store. Call [`Self::follow`] to notice changes.
    ///
    /// # Errors
    /// Where the keys can neither be read nor made.
    pub fn with(store: Store) -> Result<Self, StoreError> {
        Ok(Self::new(Some(Book::open(store)?)))
    }

    fn new(book: Option<Book>) -> Self {
        Self(Arc::new(Inner {
            book,
            passwords: Arc::default(),
            counters: Counters::default(),
            signed_in: ConnectionThrottle::new(),
            signed_out: ConnectionThrottle::new(),
        }))
    }

    /// Takes over keys that an older version wrote, which named cameras by their positions among these. Call it before the
    /// server takes connections.
    pub fn renew_keys(&self, cameras: Vec<String>) {
        if let Some(book) = &self.0.book {
            book.renew(cameras);
        }
    }

    /// Returns true if no key is needed.
    pub fn is_open(&self) -> bool {
        self.0.book.is_none()
    }

    /// The owner's key, to print it where only the owner reads.
    pub fn owners_key(&self) -> Option<Key> {
        self.0.book.as_ref()?.owners_key()
    }

    /// How many passwords were checked by their hashes.
    pub fn password_checks(&self) -> u64 {
        self.0.passwords.checks()
    }

    /// One-time codes by which devices of the owner's come in, one each. None if no key is needed.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn codes(&self, count: usize) -> std::io::Result<Vec<Code>> {
        let book = self.0.book.as_ref();
        book.map_or(Ok(Vec::new()), |book| book.new_codes(count))
    }

    /// Counts of refused requests.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Takes over changes of the stored keys and sessions, and writes the list of sessions, until cancelled. What hangs on keys
    /// and sessions that went ends.
    pub async fn follow(&self, until: CancellationToken) {
        let Some(book) = &self.0.book else { return };
        // Writing may wait for another process or a slow disk. Meanwhile changes are noticed all the same.
        let mut writing: Option<(Instant, Writing)> = None;
        while let Some(()) = until.run_until_cancelled(tokio::time::sleep(LOOK)).await {
            let access = self.clone();
            // A network's disk may not answer.
            let looked = tokio::task::spawn_blocking(move || {
                if let Some(book) = &access.0.book {
                    book.look();
                }
            });
            until.run_until_cancelled(looked).await;
            let due = writing
                .as_ref()
                .is_none_or(|(began, writing)| writing.is_finished() && began.elapsed() >= KEEP);
            if due && book.sessions.is_dirty() {
                writing = Some((Instant::now(), self.write_sessions()));
            }
        }
        // What went wrong was told there.
        if let Some((_, writing)) = writing {
            let _ = writing.await;
        }
        if book.sessions.is_dirty() {
            let _ = self.write_sessions().await;
        }
    }

    fn write_sessions(&self) -> Writing {
        let access = self.clone();
        tokio::task::spawn_blocking(move || match &access.0.book {
            Some(book) => book.keep_sessions(),
            None => Ok(()),
        })
    }

    /// A session for the device that showed a key or code with the request. `None` where there is no key, or none was
    /// shown: a session does not beget sessions, and a ticket none at all.
    pub fn sign_in(&self, grant: &Grant, device: &str, from: IpAddr) -> Option<String> {
        let is_shown = matches!(grant.via, Via::Secret | Via::Login);
        // A link is opened by itself each time: a session would take the place of its visitor's own.
        let held = grant
            .held
            .as_ref()
            .filter(|_| is_shown && grant.clip().is_none())?;
        let book = self.0.book.as_ref()?;
        let now_us = clock::now_us();
        let expires_us = now_us + SESSION.as_micros() as u64;
        let id = token::new_id().ok()?;
        let session = token::session(held, expires_us, &id, device);
        book.session(&session, from, now_us).ok()?;
        let key = held.entry.name.as_str();
        match self.0.signed_in.again() {
            None => tracing::debug!(key, device, session = id, %from, "signed in"),
            Some(0) => tracing::info!(key, device, session = id, %from, "signed in"),
            Some(left_out) => {
                tracing::info!(key, device, session = id, %from, left_out, "signed in; further sign-ins were not logged");
            }
        }
        Some(session)
    }

    /// The keys, and what is known of their use. `None` if no key is needed.
    pub fn keys(&self) -> Option<Vec<Known>> {
        let book = self.0.book.as_ref()?;
        let sessions = book.sessions.listed();
        let held = book.held();
        let of_people = held.iter().filter(|held| held.entry.clip.is_none());
        let known = |held: &Arc<Held>| {
            let its = || {
                sessions
                    .iter()
                    .filter(|session| session.key == held.entry.name)
            };
            let used_us = its().map(|session| session.last_us).max();
            let used_us = used_us.max(Some(held.used_us.load(Ordering::Relaxed)));
            Known {
                entry: held.entry.clone(),
                used_us: used_us.filter(|used_us| *used_us > 0),
                devices: its().count(),
            }
        };
        Some(of_people.map(known).collect())
    }

    /// The links to recordings that are good, those first that were made last. `None` if no key is needed.
    pub fn links(&self) -> Option<Vec<Entry>> {
        let held = self.0.book.as_ref()?.held();
        let links = held
            .iter()
            .filter(|held| held.entry.clip.is_some() && held.is_good());
        let mut links: Vec<_> = links.map(|held| held.entry.clone()).collect();
        links.sort_by_key(|entry| std::cmp::Reverse(entry.made_us));
        Some(links)
    }

    /// Makes a link to recordings. Returns its key, and where servers that use it are reached. `None` if no key is needed.
    ///
    /// # Errors
    /// Where it is not to be had. Then nothing has changed.
    pub async fn share(&self, sharing: Sharing) -> Option<Result<(Entry, Vec<String>), KeyError>> {
        self.on_book(|book| {
            let made = book.change(|store| store.share(sharing))?;
            Ok((made, book.addresses()))
        })
        .await
    }

    /// Ends a link: what is open by it ends at once. Only one that a key has made, where `by` names that. `None` if no key is needed.
    ///
    /// # Errors
    /// Where there is none. Then nothing has changed.
    pub async fn end_link(&self, name: Name, by: Option<Name>) -> Option<Result<(), KeyError>> {
        self.on_book(move |book| book.change(|store| store.end_link(&name, by.as_ref())))
            .await
    }

    /// Adds a key. Returns it, and where servers that use it are reached. `None` if no key is needed.
    ///
    /// # Errors
    /// Where it is not to be had. Then nothing has changed.
    pub async fn add_key(&self, wanted: Wanted) -> Option<Result<(Entry, Vec<String>), KeyError>> {
        self.on_book(|book| Ok((book.change(|store| store.add(wanted))?, book.addresses())))
            .await
    }

    /// Removes a key: what hangs on it ends at once. `None` if no key is needed.
    ///
    /// # Errors
    /// Where it cannot be. Then nothing has changed.
    pub async fn remove_key(&self, name: Name, by: Name) -> Option<Result<(), KeyError>> {
        self.on_book(move |book| book.change(|store| store.remove_by(&name, &by)))
            .await
    }

    /// A one-time code by which one device comes in with the key of that name, and where servers that use it are reached. `None`
    /// if no key is needed.
    ///
    /// # Errors
    /// Where there is no such key, or the code cannot be kept.
    pub async fn code_of(&self, name: Name) -> Option<Result<(Code, Vec<String>), KeyError>> {
        self.on_book(move |book| Ok((book.code_of(&name)?, book.addresses())))
            .await
    }

    /// Does what may wait for a disk.
    async fn on_book<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Book) -> Result<T, KeyError> + Send + 'static,
    ) -> Option<Result<T, KeyError>> {
        let access = self.clone();
        let done = tokio::task::spawn_blocking(move || access.0.book.as_ref().map(work));
        done.await.unwrap_or(None)
    }

    /// The devices that are signed in, those first that were here last.
    pub fn sessions(&self) -> Vec<Session> {
        let book = self.0.book.as_ref();
        book.map_or(Vec::new(), |book| book.sessions.listed())
    }

    /// Ends a session for an admin, whichever key it hangs on: what is open by it is closed at once. Returns whether there was
    /// one.
    ///
    /// # Errors
    /// Where it can't be noted that it ended: then it ended only until the server starts again.
    pub async fn end_session(&self, admin: &Grant, id: &str) -> std::io::Result<bool> {
        self.end(admin, id, None).await
    }

    /// Ends the session that this grant comes from, and no other.
    ///
    /// # Errors
    /// As of [`Self::end_session`].
    pub async fn sign_out(&self, grant: &Grant) -> std::io::Result<bool> {
        match (&grant.session, &grant.held) {
            (Some(id), Some(held)) => self.end(grant, id, Some(&held.entry.name)).await,
            _ => Ok(false),
        }
    }

    async fn end(&self, by: &Grant, id: &str, key: Option<&Name>) -> std::io::Result<bool> {
        let Some(book) = &self.0.book else {
            return Ok(false);
        };
        if !book.sessions.end(id, key, clock::now_us()) {
            return Ok(false);
        }
        let by = by.credential();
        match self.0.signed_out.again() {
            None => tracing::debug!(session = id, by, "signed out"),
            Some(0) => tracing::info!(session = id, by, "signed out"),
            Some(left_out) => {
                tracing::info!(
                    session = id,
                    by,
                    left_out,
                    "signed out; further sign-outs were not logged"
                )
            }
        }
        let written = self.write_sessions().await;
        written
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map(|()| true)
    }

    /// Judges a client's credentials, of which one valid one is enough.
    ///
    /// # Errors
    /// Why not.
    pub async fn judge(&self, shown: &[Credential], from: IpAddr) -> Result<Grant, Refused> {
        let Some(book) = &self.0.book else {
            return Ok(Grant::open());
        };
        let mut refused = Refused::Nothing;
        for credential in shown {
            let judged = match credential {
                Credential::Session(token) => {
                    let session = book.session(token, from, clock::now_us());
                    session.map(|(held, session)| Grant::by_session(held, session))
                }
                Credential::Ticket(token) => {
                    let ticket = book.ticket(token, clock::now_us());
                    ticket.map(|(held, ticket)| Grant::by_ticket(held, ticket))
                }
                Credential::Code(code) => {
                    let held = book.code(code).await;
                    held.map(Grant::by_key)
                }
                Credential::Key(key) => {
                    // 128 bits need no limit: they cannot be guessed.
                    let held = book.key(key).ok_or(Refused::Wrong);
                    held.map(Grant::by_key)
                }
                Credential::Secret { name, secret } => self
                    .secret(book, name.as_deref(), secret, from)
                    .await
                    .map(Grant::by_login),
            };
            match judged {
                Ok(grant) => {
                    if let Some(held) = &grant.held {
                        held.used_us.store(clock::now_us(), Ordering::Relaxed);
                    }
                    return Ok(grant);
                }
                Err(why) => refused = why,
            }
        }
        let counters = &self.0.counters;
        let counter = match refused {
            Refused::Nothing => &counters.nothing,
            Refused::Wrong | Refused::UsedUp => &counters.wrong,
            Refused::Throttled(_) => &counters.throttled,
            Refused::Expired => &counters.expired,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Err(refused)
    }

    async fn secret(
        &self,
        book: &Book,
        name: Option<&str>,
        secret: &Password,
        from: IpAddr,
    ) -> Result<Arc<Held>, Refused> {
        // A key of 128 bits needs no limit: it is accepted whatever other clients at the same address try.
        if let Some(held) = book.key(secret) {
            return Ok(held);
        }
        let Some(held) = book.password(name) else {
            return Err(self.0.passwords.nobodys(from));
        };
        self.0.passwords.judge(&held, secret, from).await?;
        Ok(held)
    }

    /// Whether a session is good.
    pub fn knows_session(&self, token: &str) -> bool {
        let book = self.0.book.as_ref();
        book.is_some_and(|book| book.knows_session(token, clock::now_us()))
    }

    /// Returns true if a ticket is valid for pages of an origin. The request that uses it is judged separately.
    pub fn ticket_admits(&self, token: &str, origin: &str) -> bool {
        self.0
            .book
            .as_ref()
            .and_then(|book| book.ticket(token, clock::now_us()).ok())
            .is_some_and(|(_, ticket)| ticket.origin.as_deref() == Some(origin))
    }

    /// A name for this server's cookie: servers on other ports of the same host have their own.
    pub fn cookie_name(&self) -> String {
        let id = self.0.book.as_ref().map_or("open", |book| book.id());
        format!("pistreamer-{id}")
    }
}

#[cfg(test)]
mod tests;

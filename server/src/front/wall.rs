//! `/api/v1/wall`: how the wall of cameras is arranged, kept for each key.
//!
//! The file in which it is kept belongs to [`crate::walls`], which cameras there are to [`super::api`], and showing them to the
//! viewer.

use super::admit::Admitted;
use super::peer::Secure;
use super::{State, origin, refusal, refused};
use crate::util::token_bucket::TokenBucket;
use crate::util::turns::Turns;
use crate::walls::{self, Owner, Wall};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Extension};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Where it is asked for.
pub(super) const PATH: &str = "/api/v1/wall";
/// Bytes of an arrangement: as many as there may be arrangements of fit into a file of the state directory.
pub(super) const LARGEST: usize = 15 * 1024;
/// Entries of each list, and characters of each entry.
const MOST: usize = 256;
const LONGEST: usize = 300;
/// Groups.
const MOST_GROUPS: usize = 32;
/// For how long a disk may be silent until that is the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A change every two seconds by each key, and 20 at once: each is written to the disk.
const CHANGES: (Duration, u32) = (Duration::from_secs(2), 20);
/// The same for all keys together.
const ALL_CHANGES: (Duration, u32) = (Duration::from_millis(500), 100);

/// Where arrangements are kept.
#[derive(Clone, Debug)]
pub(crate) struct Walls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// `None` where no key is needed, and all visitors would arrange one wall.
    directory: Option<PathBuf>,
    changes: Mutex<Changes>,
    /// Of each key that reads: many requests of one keep no other waiting.
    turns: Turns,
    reading: Lane,
    writing: Lane,
}

/// Does one thing after the other with the disk: where it hangs, what waits for it takes no thread.
#[derive(Debug)]
struct Lane {
    turn: Arc<tokio::sync::Mutex<()>>,
    patience: Duration,
}

impl Lane {
    fn new(patience: Duration) -> Self {
        Self {
            turn: Arc::default(),
            patience,
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let done = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let work = move || {
                let _turn = turn;
                work()
            };
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|error| Err(io::Error::other(error)))
        };
        let silent = |_| {
            let text = format!("the disk has not answered for {:?}", self.patience);
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        };
        timeout(self.patience, done).await.unwrap_or_else(silent)
    }
}

/// How many changes are still taken.
#[derive(Debug)]
struct Changes {
    all: TokenBucket,
    /// By the name of the key: no more than there are keys.
    each: HashMap<String, TokenBucket>,
}

impl Changes {
    fn new() -> Self {
        let (interval, burst) = ALL_CHANGES;
        Self {
            all: TokenBucket::every(interval, burst),
            each: HashMap::new(),
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// In how many seconds there is one.
    fn take(&mut self, key: &str, now: Instant) -> Result<(), u64> {
        let (interval, burst) = CHANGES;
        let own = self.each.entry(key.to_owned());
        let own = own.or_insert_with(|| TokenBucket::every(interval, burst));
        // What a key has no right to takes nothing from the others.
        for bucket in [&mut *own, &mut self.all] {
            if bucket.is_spent(now) {
                return Err(bucket.wait(now).as_secs() + 1);
            }
        }
        own.spend(now);
        self.all.spend(now);
        Ok(())
    }
}

/// Why an arrangement is not kept.
enum Unkept {
    /// Too many changes; in how many seconds the next one is taken.
    TooMany(u64),
    /// The disk.
    Disk(io::Error),
}

impl Walls {
    /// Keeps them in that directory, or nowhere.
    pub(crate) fn new(directory: Option<&Path>) -> Self {
        Self(Arc::new(Inner {
            directory: directory.map(Path::to_owned),
            changes: Mutex::new(Changes::new()),
            turns: Turns::default(),
            reading: Lane::new(PATIENCE),
            writing: Lane::new(PATIENCE),
        }))
    }

    async fn of(&self, owner: Owner) -> io::Result<Wall> {
        let turn = timeout(PATIENCE, self.0.turns.take(Some(&owner.key))).await;
        let busy = |_| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                "other requests of this key are waited for",
            )
        };
        let _turn = turn.map_err(busy)?;
        let inner = Arc::clone(&self.0);
        let read = move || match &inner.directory {
            Some(directory) => walls::of(directory, &owner),
            None => Ok(Wall::default()),
        };
        self.0.reading.run(read).await
    }

    async fn keep(&self, owner: Owner, wall: Wall) -> Result<(), Unkept> {
        let inner = Arc::clone(&self.0);
        self.0.take(&owner.key).map_err(Unkept::TooMany)?;
        let write = move || match &inner.directory {
            Some(directory) => walls::keep(directory, owner, wall),
            None => Ok(()),
        };
        self.0.writing.run(write).await.map_err(Unkept::Disk)
    }
}

impl Inner {
    fn take(&self, key: &str) -> Result<(), u64> {
        let changes = self.changes.lock();
        let mut changes = changes.unwrap_or_else(PoisonError::into_inner);
        changes.take(key, Instant::now())
    }
}

/// `GET /api/v1/wall`. Nothing where no key is needed.
pub(super) async fn get(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    grant: Admitted,
    headers: HeaderMap,
) -> Response {
    if let Some(refused) = from_elsewhere(&headers, secure) {
        return refused;
    }
    let Some(owner) = grant.owner() else {
        // No failure: browsers would complain of one.
        return StatusCode::NO_CONTENT.into_response();
    };
    match state.walls.of(owner).await {
        Ok(wall) => Json(wall).into_response(),
        Err(error) => {
            let problem = error.to_string();
            let cause = Cause::WallUnreadable { problem };
            failed(&error, StatusCode::INTERNAL_SERVER_ERROR, cause)
        }
    }
}

/// `PUT /api/v1/wall`: an arrangement in the place of the one before.
pub(super) async fn put(
    extract::State(state): extract::State<State>,
    Extension(secure): Extension<Secure>,
    grant: Admitted,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some(refused) = from_elsewhere(&headers, secure) {
        return refused;
    }
    let Some(owner) = grant.owner() else {
        // All visitors would arrange the same one.
        return refusal(
            StatusCode::CONFLICT,
            "the wall's arrangement is kept for each key, and this server needs none: keep it in the browser",
        );
    };
    const LISTS: [&str; 4] = ["order", "hidden", "servers", "groups"];
    let object = serde_json::from_slice(&body);
    let wall = object.and_then(|object: Map<String, Value>| {
        match object.keys().find(|name| !LISTS.contains(&name.as_str())) {
            Some(name) => Err(serde::de::Error::custom(format!("there is no {name:?}"))),
            None => serde_json::from_value(object.into()),
        }
    });
    let wall: Wall = match wall {
        Ok(wall) => wall,
        Err(error) => {
            return refusal(
                StatusCode::BAD_REQUEST,
                format!(
                    r#"send {{"order": […], "hidden": […], "servers": […], "groups": [{{"name": "Outside", "cameras": […]}}]}}, each optional: {error}"#
                ),
            );
        }
    };
    let is_small = |list: &Vec<String>| {
        list.len() <= MOST && list.iter().all(|entry| entry.chars().count() <= LONGEST)
    };
    let lists = [&wall.order, &wall.hidden, &wall.servers];
    let is_named = |name: &str| !name.is_empty() && name.chars().count() <= LONGEST;
    let mut groups = wall.groups.iter();
    if !lists.into_iter().all(is_small)
        || wall.groups.len() > MOST_GROUPS
        || !groups.all(|group| is_named(&group.name) && is_small(&group.cameras))
    {
        let text = format!(
            "each list has {MOST} entries at most, of {LONGEST} characters, and there are {MOST_GROUPS} groups at most, each \
             with a name"
        );
        return refusal(StatusCode::BAD_REQUEST, text);
    }
    let mut seen = HashSet::new();
    let mut named = wall.groups.iter().map(|group| &group.name);
    if !named.all(|name| seen.insert(name)) {
        let text = "there are two groups of one name: give each its own";
        return refusal(StatusCode::BAD_REQUEST, text);
    }
    let mut seen = HashSet::new();
    let mut grouped = wall.groups.iter().flat_map(|group| &group.cameras);
    if let Some(camera) = grouped.find(|camera| !seen.insert(*camera)) {
        let text = format!("{camera:?} is in two groups: a camera is in one at most");
        return refusal(StatusCode::BAD_REQUEST, text);
    }
    match state.walls.keep(owner, wall).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(Unkept::TooMany(seconds)) => {
            let often = Cause::WallTooOften { seconds };
            let mut response = refused(StatusCode::TOO_MANY_REQUESTS, often);
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Err(Unkept::Disk(error)) => {
            let problem = error.to_string();
            let cause = Cause::WallNotWritten { problem };
            failed(&error, StatusCode::INSUFFICIENT_STORAGE, cause)
        }
    }
}

/// The answer where the disk fails, or hangs.
fn failed(error: &io::Error, status: StatusCode, cause: Cause) -> Response {
    let is_silent = error.kind() == io::ErrorKind::TimedOut;
    let status = if is_silent {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        status
    };
    let mut response = refused(status, cause);
    if is_silent {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, PATIENCE.as_secs().into());
    }
    response
}

/// It names other servers, and their keys with them: it is for those who arrange it, and not for pages that may look.
fn from_elsewhere(headers: &HeaderMap, secure: Secure) -> Option<Response> {
    (!origin::is_asked_from_here(headers, secure, true)).then(|| {
        refusal(
            StatusCode::FORBIDDEN,
            "only this server's own pages arrange its wall of cameras",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_disk_that_hangs_holds_up_one_thread_and_is_told_to_each_that_asks() {
        let began = Arc::new(AtomicUsize::new(0));
        let lane = Lane::new(Duration::from_millis(50));
        let (answers, hangs) = mpsc::channel::<()>();
        let hangs = Arc::new(Mutex::new(hangs));
        let ask = |lane: &Lane| {
            let lane = Lane {
                turn: Arc::clone(&lane.turn),
                ..*lane
            };
            let (began, hangs) = (Arc::clone(&began), Arc::clone(&hangs));
            async move {
                let work = move || {
                    began.fetch_add(1, Ordering::Relaxed);
                    let _ = hangs.lock().unwrap().recv();
                    Ok(())
                };
                lane.run(work).await
            }
        };
        for _ in 0..3 {
            let asked = futures::future::join_all((0..20).map(|_| ask(&lane))).await;
            for answer in asked {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
            }
        }
        assert_eq!(began.load(Ordering::Relaxed), 1);
        // It answers again.
        drop(answers);
        let patient = Lane {
            patience: PATIENCE,
            ..lane
        };
        ask(&patient).await.unwrap();
    }
}

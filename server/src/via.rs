//! Keeps servers that show each other's cameras from showing themselves, directly or in a circle, and from being pushed
//! their own pictures.
//!
//! A relay names itself, and all servers that already relay its camera, in `?via=` of its request (PROTOCOL.md). A pusher
//! names itself alone. A server that finds its own name there refuses.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Maximum number of names that are sent, and kept of one relay.
const MOST: usize = 16;

/// Longest name that is kept.
const LONGEST: usize = 16;

/// This server's name, and the servers that relay its cameras. Clones share it.
#[derive(Clone, Debug)]
pub struct Via {
    own: Arc<str>,
    watching: Arc<Mutex<Vec<Watching>>>,
    came: watch::Sender<()>,
}

/// A relay of a camera, with all servers behind it.
#[derive(Debug)]
struct Watching {
    camera: String,
    names: Arc<[String]>,
}

/// A relay's entry, removed on drop.
#[derive(Debug)]
pub struct Seen {
    via: Via,
    names: Arc<[String]>,
}

impl Default for Via {
    fn default() -> Self {
        // Differs in each process, and is no secret.
        let number = RandomState::new().build_hasher().finish();
        Self {
            own: format!("{number:016x}").into(),
            watching: Arc::default(),
            came: watch::Sender::default(),
        }
    }
}

impl Via {
    /// This server's name.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// Returns true if a relay's or pusher's `?via=` names this server.
    pub fn is_own(&self, told: &str) -> bool {
        told.split('.').any(|name| name == &*self.own)
    }

    /// Adds a relay of a camera.
    pub fn enter(&self, camera: &str, told: &str) -> Seen {
        let names = told.split('.').filter(|name| {
            name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let names: Arc<[String]> = names.take(MOST).map(str::to_owned).collect();
        self.lock().push(Watching {
            camera: camera.into(),
            names: Arc::clone(&names),
        });
        self.came.send_replace(());
        Seen {
            via: self.clone(),
            names,
        }
    }

    /// Completes when another relay has been added since this call.
    pub fn news(&self) -> impl Future<Output = ()> + use<> {
        let mut came = self.came.subscribe();
        async move {
            if came.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// The `?via=` with which this server fetches a camera's pictures.
    pub fn tell(&self, camera: &str) -> String {
        let watching = self.lock();
        let others = watching.iter().filter(|entry| entry.camera == camera);
        let names = others.flat_map(|entry| entry.names.iter().map(String::as_str));
        let all: Vec<_> = std::iter::once(&*self.own)
            .chain(names)
            .take(MOST)
            .collect();
        all.join(".")
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watching>> {
        // Nothing panics while it holds this lock, and the list is valid at every point.
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let own = |entry: &Watching| Arc::ptr_eq(&entry.names, &self.names);
        self.via.lock().retain(|entry| !own(entry));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_knows_itself_behind_others_and_forgets_those_that_left() {
        let (first, second) = (Via::default(), Via::default());
        assert!(first.is_own(&first.tell("0")));
        assert!(!first.is_own(&second.tell("0")));
        let seen = second.enter("0", &first.tell("0"));
        assert!(first.is_own(&second.tell("0")));
        assert!(!first.is_own(&second.tell("1")), "another camera");
        drop(seen);
        assert!(!first.is_own(&second.tell("0")));
        let many: Vec<_> = (0..999)
            .map(|_| second.enter("0", "a.b.<script>.c"))
            .collect();
        assert!(second.tell("0").len() < 100, "{}", second.tell("0"));
        drop(many);
    }
}

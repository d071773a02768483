//! Cameras that appear by themselves: a source that finds some lists them here, and whatever owns the cameras follows.
//!
//! Adding them to the others belongs to `crate::app`.

use std::sync::Arc;
use tokio::sync::watch;

/// The cameras that a source has found, each with what brings its pictures. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Appearing<S>(watch::Sender<Arc<[Appeared<S>]>>);

impl<S> Default for Appearing<S> {
    fn default() -> Self {
        Self(watch::Sender::new(Arc::new([])))
    }
}

/// A camera that a source has found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Appeared<S> {
    /// Its id, as whoever has it calls it.
    pub id: String,
    /// What brings its pictures.
    pub source: S,
}

impl<S: Clone> Appearing<S> {
    /// The cameras now.
    pub(crate) fn list(&self) -> Arc<[Appeared<S>]> {
        Arc::clone(&self.0.borrow())
    }

    /// News of them.
    pub(crate) fn news(&self) -> watch::Receiver<Arc<[Appeared<S>]>> {
        self.0.subscribe()
    }

    /// Lists one more.
    pub(super) fn add(&self, camera: Appeared<S>) {
        self.0
            .send_modify(|all| *all = all.iter().cloned().chain([camera]).collect());
    }

    /// Takes those off that are none any more.
    pub(super) fn retain(&self, is_one: impl Fn(&str) -> bool) {
        self.0.send_if_modified(|cameras| {
            let left: Arc<[_]> = cameras
                .iter()
                .filter(|camera| is_one(&camera.id))
                .cloned()
                .collect();
            let is_other = left.len() != cameras.len();
            *cameras = left;
            is_other
        });
    }
}

//! The connected viewers: one entry for each, of whatever kind, for status and metrics.

use crate::util::clock::{Moment, Rate};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The list of connected viewers. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    entries: Arc<Mutex<Vec<Arc<Viewer>>>>,
    totals: Arc<Totals>,
}

/// Sums over all viewers since the server started, including those that left.
#[derive(Debug, Default)]
pub struct Totals {
    /// The last viewer's id.
    ids: AtomicU64,
    /// Viewers that connected.
    pub viewers: AtomicU64,
    /// Frames sent.
    pub sent: AtomicU64,
    /// Bytes of frames sent.
    pub bytes: AtomicU64,
    /// Frames skipped.
    pub skipped: AtomicU64,
    /// Frames replaced by an `unchanged` message.
    pub unchanged: AtomicU64,
}

/// One viewer.
#[derive(Debug)]
pub struct Viewer {
    /// Tells it from the others, as long as the server runs.
    pub id: u64,
    /// The name of the key that let it in, where a key is needed.
    pub key: Option<String>,
    /// Cancelled when an administrator ends its connection.
    pub ended: CancellationToken,
    /// Its address.
    pub address: SocketAddr,
    /// The camera's id.
    pub camera: String,
    /// The subprotocol, or `mjpeg`.
    pub wire: &'static str,
    /// When it connected, in Unix time in µs.
    pub since_us: u64,
    /// Frames sent.
    pub sent: AtomicU64,
    /// Bytes of frames sent.
    pub bytes: AtomicU64,
    /// Frames that newer ones overtook.
    pub skipped: AtomicU64,
    /// Frames left out because the viewer wants fewer.
    pub thinned: AtomicU64,
    /// Frames replaced by an `unchanged` message.
    pub unchanged: AtomicU64,
    /// Its last acknowledgement.
    pub acked: Moment,
    /// Whether it has paused.
    pub paused: AtomicBool,
    rate: Rate,
    totals: Arc<Totals>,
}

/// A viewer's place in the roster; dropping it removes the viewer.
#[derive(Debug)]
pub struct Entry {
    viewer: Arc<Viewer>,
    roster: Roster,
}

impl Roster {
    /// A viewer that is not on the list yet.
    pub fn viewer(
        &self,
        address: SocketAddr,
        camera: &str,
        wire: &'static str,
        key: Option<&str>,
    ) -> Arc<Viewer> {
        Arc::new(Viewer {
            id: self.totals.ids.fetch_add(1, Ordering::Relaxed) + 1,
            key: key.map(str::to_owned),
            ended: CancellationToken::new(),
            address,
            camera: camera.into(),
            wire,
            since_us: crate::util::clock::now_us(),
            sent: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            thinned: AtomicU64::new(0),
            unchanged: AtomicU64::new(0),
            acked: Moment::default(),
            paused: AtomicBool::new(false),
            rate: Rate::default(),
            totals: Arc::clone(&self.totals),
        })
    }

    /// Adds a viewer.
    pub fn enter(&self, viewer: Arc<Viewer>) -> Entry {
        self.totals.viewers.fetch_add(1, Ordering::Relaxed);
        self.entries().push(Arc::clone(&viewer));
        Entry {
            viewer,
            roster: self.clone(),
        }
    }

    /// The connected viewers.
    pub fn viewers(&self) -> Vec<Arc<Viewer>> {
        self.entries().clone()
    }

    /// Number of connected viewers.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Returns true if no viewer is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sums since the start.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Arc<Viewer>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    /// Whether it has paused.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Counts a frame of this many bytes that was sent.
    pub fn count_sent(&self, bytes: usize) {
        self.rate.count();
        for (counter, amount) in [(&self.sent, 1), (&self.totals.sent, 1)] {
            counter.fetch_add(amount, Ordering::Relaxed);
        }
        for counter in [&self.bytes, &self.totals.bytes] {
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Counts frames left out because the viewer wants fewer.
    pub fn count_thinned(&self, frames: u64) {
        self.thinned.fetch_add(frames, Ordering::Relaxed);
    }

    /// Counts a frame replaced by an `unchanged` message.
    pub fn count_unchanged(&self) {
        self.rate.count();
        for counter in [&self.unchanged, &self.totals.unchanged] {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Frames a second sent in the last seconds.
    pub fn fps(&self) -> f64 {
        self.rate.per_second()
    }

    /// Counts frames overtaken by newer ones.
    pub fn count_skipped(&self, frames: u64) {
        for counter in [&self.skipped, &self.totals.skipped] {
            counter.fetch_add(frames, Ordering::Relaxed);
        }
    }
}

impl std::ops::Deref for Entry {
    type Target = Viewer;

    fn deref(&self) -> &Viewer {
        &self.viewer
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roster
            .entries()
            .retain(|viewer| !Arc::ptr_eq(viewer, &self.viewer));
    }
}

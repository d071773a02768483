//! Who is looking: one entry for each viewer, of whatever kind, for status and metrics.

use crate::util::clock::{Moment, Rate};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Everybody who looks now. Clones share the list.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    entries: Arc<Mutex<Vec<Arc<Viewer>>>>,
    totals: Arc<Totals>,
}

/// Sums over all viewers since the server started, including those that left.
#[derive(Debug, Default)]
pub struct Totals {
    /// Viewers that came.
    pub viewers: AtomicU64,
    /// Frames sent.
    pub sent: AtomicU64,
    /// Bytes of frames sent.
    pub bytes: AtomicU64,
    /// Frames skipped.
    pub skipped: AtomicU64,
    /// Frames told as unchanged instead of sent.
    pub unchanged: AtomicU64,
}

/// One viewer.
#[derive(Debug)]
pub struct Viewer {
    /// Where it is.
    pub address: SocketAddr,
    /// The camera's id.
    pub camera: String,
    /// The subprotocol, or `mjpeg`.
    pub wire: &'static str,
    /// Unix time in µs since which it looks.
    pub since_us: u64,
    /// Frames sent.
    pub sent: AtomicU64,
    /// Bytes of frames sent.
    pub bytes: AtomicU64,
    /// Frames that newer ones overtook.
    pub skipped: AtomicU64,
    /// Frames left out because the viewer wants fewer.
    pub thinned: AtomicU64,
    /// Frames told as unchanged instead of sent.
    pub unchanged: AtomicU64,
    /// Its last acknowledgement.
    pub acked: Moment,
    /// Whether it wants no frames for now.
    pub paused: AtomicBool,
    rate: Rate,
    totals: Arc<Totals>,
}

/// A viewer's place in the roster; its drop takes the viewer off.
#[derive(Debug)]
pub struct Entry {
    viewer: Arc<Viewer>,
    roster: Roster,
}

impl Roster {
    /// A viewer that is not on the list yet.
    pub fn viewer(&self, address: SocketAddr, camera: &str, wire: &'static str) -> Arc<Viewer> {
        Arc::new(Viewer {
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

    /// Everybody who looks now.
    pub fn viewers(&self) -> Vec<Arc<Viewer>> {
        self.entries().clone()
    }

    /// How many look now.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether nobody looks.
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
    /// Whether it wants no frames for now.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// A frame of so many bytes was sent.
    pub fn count_sent(&self, bytes: usize) {
        self.rate.count();
        for (counter, amount) in [(&self.sent, 1), (&self.totals.sent, 1)] {
            counter.fetch_add(amount, Ordering::Relaxed);
        }
        for counter in [&self.bytes, &self.totals.bytes] {
            counter.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// So many frames were left out because the viewer wants fewer.
    pub fn count_thinned(&self, frames: u64) {
        self.thinned.fetch_add(frames, Ordering::Relaxed);
    }

    /// A frame was told as unchanged.
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

    /// So many frames were overtaken by newer ones.
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

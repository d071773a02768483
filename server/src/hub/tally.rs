//! Totals of one rendition, for status and metrics.

use super::Rendition;
use crate::util::clock::Rate;
use std::sync::Arc;

/// Totals of one rendition since the server started. Clones share the rate.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Which.
    pub rendition: Rendition,
    /// Width and height of its newest frame; zeros before the first.
    pub size: (u32, u32),
    /// Frames published.
    pub encoded: u64,
    /// Bytes of the newest frame's JPEG; 0 before the first.
    pub last_bytes: u64,
    rate: Arc<Rate>,
}

impl Tally {
    /// Nothing yet.
    pub fn new(rendition: Rendition) -> Self {
        Self {
            rendition,
            size: (0, 0),
            encoded: 0,
            last_bytes: 0,
            rate: Arc::default(),
        }
    }

    /// Counts a published frame of that size in pixels and bytes.
    pub fn count(&mut self, size: (u32, u32), bytes: u64) {
        (self.size, self.last_bytes) = (size, bytes);
        self.encoded += 1;
        self.rate.count();
    }

    /// Frames a second that were published in the last seconds.
    pub fn per_second(&self) -> f64 {
        self.rate.per_second()
    }
}

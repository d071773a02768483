//! What one camera's frames add up to.

use crate::util::clock::{self, Moment, Rate};
use std::sync::atomic::{AtomicU64, Ordering};

/// Totals since the server started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Frames that the source delivered.
    pub captured: AtomicU64,
    /// Frames that were published.
    pub published: AtomicU64,
    /// Frames that a newer one overtook before or while they were encoded.
    pub overtaken: AtomicU64,
    /// Pictures that were broken at the source or could not be encoded.
    pub broken: AtomicU64,
    /// Scaled pictures that could not be made and were replaced by the full size.
    pub unscaled: AtomicU64,
    captured_rate: Rate,
    published_rate: Rate,
    /// Unix time in µs of the newest published frame's publication; 0 before the first.
    pub published_us: AtomicU64,
    /// When that was.
    pub published_at: Moment,
    /// Bytes of the newest published frame's JPEG; 0 before the first.
    pub published_bytes: AtomicU64,
}

impl Counters {
    /// The source delivered a frame.
    pub fn count_captured(&self) {
        self.captured.fetch_add(1, Ordering::Relaxed);
        self.captured_rate.count();
    }

    /// A frame was published, which `is_new` unless another rendition of it was published before, with a JPEG of that many bytes.
    pub(super) fn count_published(&self, is_new: bool, bytes: u64) {
        if is_new {
            self.published.fetch_add(1, Ordering::Relaxed);
            self.published_rate.count();
        }
        self.published_us.store(clock::now_us(), Ordering::Relaxed);
        self.published_at.mark();
        self.published_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Frames a second that the source delivered in the last seconds.
    pub fn captured_rate(&self) -> f64 {
        self.captured_rate.per_second()
    }

    /// Frames a second that were published in the last seconds.
    pub fn published_rate(&self) -> f64 {
        self.published_rate.per_second()
    }
}

//! Pushing a camera's frames to a program that listens elsewhere: a consumer, like a viewer.
//!
//! Each target's protocol has its file. Where frames are pushed to is a setting of the camera; pushing without serving
//! belongs to [`crate::app`].

mod beside;
mod ingest;
mod report;
mod tcp;

pub use beside::follow;
pub use report::report;

use crate::camera::{Camera, Target};
use pistreamer_protocol::Backoff;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Sums since pushing began.
#[derive(Debug, Default)]
pub struct Progress {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Frames that were delivered: accepted where the target tells, else handed to the network.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Bytes of JPEG that were sent.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn delivered(&self, frames: u64) {
        self.frames.fetch_add(frames, Ordering::Relaxed);
    }

    fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Pauses between attempts to reach the target.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Where an attempt was when it was to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Still on its way.
    Before,
    /// Connected.
    Connected,
}

/// A connection that lasted so long worked. One that ends sooner is a refusal, whatever was written into it.
const LASTED: Duration = Duration::from_secs(5);

/// Pushes the camera's newest frames until `stop`, connecting again whenever the connection ends. Where there is none
/// at the end, returns why.
pub async fn run(
    camera: &Camera,
    target: &Target,
    progress: &Progress,
    stop: &CancellationToken,
) -> Option<String> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let mut last = None;
    while !stop.is_cancelled() {
        let (before, began) = (progress.frames(), Instant::now());
        let attempt = async {
            match target {
                Target::Tcp(endpoint) => tcp::push(camera, endpoint, progress, stop).await,
                Target::Ingest(config) => ingest::push(camera, config, progress, stop).await,
            }
        };
        let reason = match attempt.await {
            Ok(Stopped::Connected) => return None,
            Ok(Stopped::Before) => return last,
            Err(reason) => reason,
        };
        if progress.frames() > before && began.elapsed() >= LASTED {
            backoff.reset();
            last = None;
        }
        if last.as_ref() == Some(&reason) {
            tracing::debug!(reason, "still not connected");
        } else {
            tracing::warn!(reason, "not connected; trying again until it works");
        }
        last = Some(reason);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(backoff.pause(fastrand::f64())) => {}
        }
    }
    last
}

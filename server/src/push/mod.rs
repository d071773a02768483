//! Pushing a camera's frames to a program that listens elsewhere: a consumer of the hub, like a viewer.
//!
//! Each target's protocol has its file; putting source, encoder and hub in front belongs to [`crate::app`].

mod ingest;
mod report;
mod tcp;

pub use report::report;

use crate::camera::Camera;
use pistreamer_client::{Backoff, Config, Endpoint, UrlError};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where frames are pushed to.
#[derive(Clone, Debug)]
pub enum Target {
    /// Whoever listens for picamera's network stream.
    Tcp(Endpoint),
    /// Another pistreamer's `/ingest`.
    Ingest(Box<Config>),
}

impl Target {
    /// The target at a URL: `tcp://HOST:PORT`, for which `HOST:PORT` is enough, or a pistreamer's `ws://HOST`, where `/ingest`
    /// is added.
    ///
    /// # Errors
    /// Where the text is no such URL.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = url.trim();
        let is_tcp = url
            .get(..4)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("tcp:"));
        if is_tcp {
            Endpoint::address(url, "tcp").map(Self::Tcp)
        } else if url.contains("://") {
            Config::ingest(url).map(|config| Self::Ingest(Box::new(config)))
        } else {
            Endpoint::address(&format!("tcp://{url}"), "tcp").map(Self::Tcp)
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(endpoint) => write!(f, "{endpoint}"),
            Self::Ingest(config) => write!(f, "{}", config.endpoint),
        }
    }
}

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

/// Pushes the camera's newest frames until `stop`, connecting again whenever the connection ends. Where there is none at the
/// end, returns why.
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
            () = tokio::time::sleep(backoff.pause()) => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_and_nonsense_is_refused() {
        let target = |url: &str| Target::parse(url).map(|target| target.to_string());
        for pc in [
            "tcp://pc.local:8500",
            "TCP://pc.local:8500",
            "pc.local:8500",
            " tcp://pc.local:8500/ ",
        ] {
            assert_eq!(target(pc).unwrap(), "pc.local:8500");
            assert!(matches!(Target::parse(pc), Ok(Target::Tcp(_))));
        }
        assert_eq!(target("[::1]:8500").unwrap(), "[::1]:8500");
        assert!(matches!(
            Target::parse("wss://me:pw@pi/"),
            Ok(Target::Ingest(config)) if config.endpoint.path == "/ingest"
        ));
        for bad in [
            "udp://pc:1",
            "tcp://",
            "",
            "pc.local",
            "tcp://pc.local",
            "tcp://pc.local:1/path",
            "tcp://pc.local:1?x",
            "tcp://me:pw@pc.local:1",
        ] {
            assert!(target(bad).is_err(), "{bad} was taken for a target");
        }
    }
}

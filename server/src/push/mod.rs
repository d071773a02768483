//! Pushes a camera's frames to a program that listens elsewhere. A push is a consumer, like a viewer.
//!
//! Each protocol has a file. The targets are settings of the camera; pushing without serving belongs to [`crate::app`].

mod beside;
mod ingest;
mod nats;
mod report;
mod tcp;

pub(crate) use beside::follow;
pub(crate) use report::report;

use crate::broker::{self, Servers};
use crate::camera::{Camera, Place, Push, Target};
use crate::hub::Frame;
use futures::FutureExt;
use pistreamer_protocol::Backoff;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Counts what is sent over one connection.
struct Sending<'a> {
    push: &'a Push,
    /// The number of the last frame; `None` before the first and after a pause.
    last: Option<u64>,
}

impl<'a> Sending<'a> {
    /// Starts counting, and reports the push connected.
    fn connected(push: &'a Push) -> Self {
        push.connected();
        Self { push, last: None }
    }

    /// Counts a frame that was sent, and those skipped before it.
    fn sent(&mut self, frame: &Frame) {
        let last = self.last.replace(frame.number);
        let skipped = last.map_or(0, |last| frame.number.saturating_sub(last + 1));
        self.push.count_skipped(skipped);
        self.push.count_sent(frame.jpeg().len());
    }

    /// The target wants no frames for now, so that none is skipped.
    fn pause(&mut self) {
        self.last = None;
    }
}

/// Pauses between attempts to reach the target.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How far an attempt was when it was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    /// Not connected yet.
    Before,
    /// Connected.
    Connected,
}

/// Time after which a connection counts as one that worked. One that ends sooner is a refusal, whatever was written to it.
const LASTED: Duration = Duration::from_secs(5);

/// Time for a target to take what is in flight when the push is stopped.
const FAREWELL: Duration = Duration::from_secs(1);

/// Completes when the push should have stopped by now.
async fn overdue(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(FAREWELL).await;
}

/// The attempt, with a panic turned into an error: a push that ended silently would look like one that goes on.
async fn survived<T>(attempt: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let attempt = AssertUnwindSafe(attempt).catch_unwind().await;
    attempt.unwrap_or_else(|_| Err("a bug in pistreamer, which the log tells".into()))
}

/// Pushes the camera's newest frames until `stop`, and reconnects whenever the connection ends. Returns the reason if there
/// is no connection at the end.
pub(crate) async fn run(
    camera: &Camera,
    target: &Target,
    push: &Push,
    stop: &CancellationToken,
) -> Option<String> {
    let mut last = None;
    let mut servers = Servers::default();
    let place = match target.place() {
        Ok(place) => place,
        Err(reason) => {
            tracing::warn!(reason, "not connected");
            push.failed(reason);
            stop.cancelled().await;
            return Some(reason.into());
        }
    };
    let is_broker = matches!(place, Place::Nats(_));
    let mut backoff = if is_broker {
        Backoff::new(broker::FIRST_PAUSE, broker::LONGEST_PAUSE)
    } else {
        Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
    };
    while !stop.is_cancelled() {
        let (before, began) = (push.delivered(), Instant::now());
        let attempt = async {
            match place {
                Place::Tcp(endpoint) => tcp::push(camera, endpoint, push, stop).await,
                Place::Ingest(config) => ingest::push(camera, config, push, stop).await,
                Place::Nats(broker) => nats::push(camera, broker, &mut servers, push, stop).await,
            }
        };
        let attempt = survived(attempt);
        let attempt = tokio::select! {
            attempt = attempt => attempt,
            () = overdue(stop) => return None,
        };
        let reason = match attempt {
            Ok(Stopped::Connected) => return None,
            Ok(Stopped::Before) => return last,
            Err(reason) => reason,
        };
        // A broker is sent nothing while nobody looks.
        let has_worked = push.delivered() > before || is_broker;
        if has_worked && began.elapsed() >= LASTED {
            backoff.reset();
            last = None;
        }
        if last.as_ref() == Some(&reason) {
            tracing::debug!(reason, "still not connected");
        } else {
            tracing::warn!(reason, "not connected; retrying");
        }
        push.failed(&reason);
        last = Some(reason);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(backoff.pause(fastrand::f64())) => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Config, Frame, Rendition};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn an_attempt_that_panics_has_failed_and_takes_nothing_along() {
        let attempt = async { panic!("so") };
        assert!(survived::<()>(attempt).await.is_err());
        assert_eq!(survived(async { Ok(1) }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_push_that_is_to_stop_does_not_wait_until_a_target_that_takes_nothing_counts_as_broken()
     {
        let renditions = Config {
            most: 1,
            quality: 80,
            tiles: None,
        };
        let camera = Camera::idle("camera", renditions).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::parse(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
        let (push, stop) = (camera.begin_push(&target), CancellationToken::new());
        let pushing = run(&camera, &target, &push, &stop);
        let begun = async {
            let connection = listener.accept().await.unwrap();
            camera.feed().demand().until(|demand| demand.wanted()).await;
            // More than all buffers on the way hold.
            let frame = Frame::new(1, 1, (64, 48), vec![0; 32 << 20].into());
            camera.feed().publish(Rendition::FULL, frame);
            // It is being sent.
            connection.0.readable().await.unwrap();
            // From here on time passes by itself: whichever patience ends first does.
            tokio::time::pause();
            stop.cancel();
            connection
        };
        let (problem, _connection) = tokio::join!(pushing, begun);
        assert_eq!(problem, None);
    }
}

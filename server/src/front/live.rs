//! The picture for programs that speak plain HTTP: MJPEG streams and snapshots.
//!
//! The manners are those that OctoPrint, Mainsail, Fluidd, Home Assistant and ffmpeg expect: an unquoted boundary,
//! Content-Length and X-Timestamp in each part, and the boundary that ends a part sent at once with it ([`Manner`]).
//! Streams are answered in HTTP/1.0, which has no chunks: readers that know only parts then work, as they do with other
//! cameras.

use super::admit::{Admitted, Watched};
use super::peer::Peer;
use super::place::Place;
use super::query::{Action, Query};
use super::{State, answer, assets, refusal, seat, stop};
use crate::camera::{NO_SIGNAL_INTERVAL, Subscription};
use crate::form::{self, BOUNDARY, Manner, Piece, timestamp};
use crate::session::{Entry, Pace, Stop};
use crate::util::clock;
use crate::util::log_throttle::Connected;
use axum::body::Body;
use axum::extract::{self, Extension};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt, stream};
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

/// How long a snapshot waits for a frame, besides the time that the camera takes for two.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(5);

/// Slowest rate of a camera that a snapshot waits for, in frames a second.
const SLOWEST: f64 = 0.1;

fn snapshot_patience(fps: f64) -> Duration {
    // The rate is zero until the camera is open.
    let two_frames = if fps > 0.0 {
        2.0 / fps.max(SLOWEST)
    } else {
        0.0
    };
    SNAPSHOT_PATIENCE + Duration::from_secs_f64(two_frames)
}

/// `/`: the viewer, unless `?action=` asks for what mjpg-streamer has there.
pub(super) async fn action_or_viewer(
    state: extract::State<State>,
    peer: Extension<Peer>,
    grant: Admitted,
    place: Extension<Arc<Place>>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some(action) = query.action() else {
        return assets::viewer(state, grant, query, headers).await;
    };
    let watched = match Watched::find(&state, grant, &query) {
        Ok(watched) => watched,
        Err(refusal) => return *refusal,
    };
    match action {
        Action::Stream => stream(state, peer, watched, place, query, method, headers).await,
        Action::Snapshot => snapshot(watched, query, method).await,
    }
}

/// The newest frame. `?max_age=` in ms waits for one that is not older, `?width=` and `?quality=` make it smaller.
pub(super) async fn snapshot(
    Watched { camera, .. }: Watched,
    query: Query,
    method: Method,
) -> Response {
    let (max_age, limits) = match query
        .number("max_age")
        .and_then(|age| Ok((age, query.limits()?)))
    {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    if method == Method::HEAD {
        // A client that only asks what there is must not start a camera, nor wait for it.
        let body = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
        return ([(header::CONTENT_TYPE, "image/jpeg")], body).into_response();
    }
    let max_age = max_age.map(|ms| Duration::from_micros((ms * 1000.0) as u64));
    let (asked_us, asked) = (clock::now_us(), std::time::Instant::now());
    let mut subscription = camera.subscribe(limits);
    let fresh = async {
        loop {
            let frame = subscription.newest().await;
            if max_age.is_none_or(|max_age| frame.age_at(asked_us, asked) <= max_age) {
                return frame;
            }
        }
    };
    let Ok(frame) = timeout(snapshot_patience(camera.state().mode.fps), fresh).await else {
        let state = camera.state();
        let reason = if state.reason.is_empty() {
            "no frame came in time"
        } else {
            &state.reason.text
        };
        return refusal(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("no picture: {reason}"),
        );
    };
    let mut response = frame.jpeg().clone().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    if let Ok(timestamp) = HeaderValue::from_str(&timestamp(frame.captured_us)) {
        headers.insert("x-timestamp", timestamp);
    }
    response
}

/// The stream as multipart MJPEG. `?fps=` limits the rate, `?width=` and `?quality=` the picture.
pub(super) async fn stream(
    extract::State(state): extract::State<State>,
    Extension(Peer(address)): Extension<Peer>,
    Watched { grant, camera }: Watched,
    Extension(place): Extension<Arc<Place>>,
    query: Query,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let (fps, limits) = match query
        .number("fps")
        .and_then(|fps| Ok((fps, query.limits()?)))
    {
        Ok(asked) => asked,
        Err(refusal) => return *refusal,
    };
    if method == Method::HEAD {
        // A client that only asks what there is must not start a camera.
        return multipart(stream::pending());
    }
    let viewer = match seat(&state, &place, &grant, address, &camera, "mjpeg") {
        Ok(viewer) => viewer,
        Err(refusal) => return *refusal,
    };
    let mut pace = Pace::default();
    pace.limit(fps.filter(|fps| *fps > 0.0));
    let manner = manner_of(&headers);
    let span = tracing::info_span!("mjpeg", %address, camera = %camera.id(), key = grant.credential(), session = grant.session);
    let connected = Some(span.in_scope(|| state.crowd.connected()));
    let stop = stop(&state, &grant, &place, &camera, Some(&viewer)).boxed();
    let parts = Parts {
        _told: Told { span, connected },
        manner,
        subscription: camera.subscribe(limits),
        viewer,
        pace,
        last: None,
        in_a_row: 0,
        silence: Box::pin(sleep(NO_SIGNAL_INTERVAL)),
        stop,
    };
    let opening = Piece::from(Bytes::from_static(manner.opening().as_bytes()));
    multipart(stream::once(ready(opening)).chain(parts.into_stream()))
}

fn multipart(parts: impl Stream<Item = Piece> + Send + 'static) -> Response {
    let kind = format!("multipart/x-mixed-replace;boundary={BOUNDARY}");
    let body = Body::from_stream(stream::pending::<std::io::Result<Bytes>>());
    let mut response = (
        [
            (header::CONTENT_TYPE, kind.as_str()),
            (header::CONNECTION, "close"),
        ],
        body,
    )
        .into_response();
    *response.version_mut() = Version::HTTP_10;
    answer::send_instead(&mut response, parts);
    response
}

/// Browsers name the kinds of pictures that they take where they expect one. Programs and scripts in pages don't, and many
/// of them need the length.
fn manner_of(headers: &HeaderMap) -> Manner {
    let accepted = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let browser = accepted.is_some_and(|accepted| {
        ["image/webp", "image/avif", "image/svg+xml"]
            .iter()
            .any(|kind| accepted.contains(kind))
    });
    if browser {
        Manner::Browser
    } else {
        Manner::Program
    }
}

/// The viewer in the log. Its drop logs that the stream has ended.
struct Told {
    span: tracing::Span,
    connected: Option<Connected>,
}

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(connected) = self.connected.take() {
            self.span
                .in_scope(|| connected.disconnected("the stream ended"));
        }
    }
}

/// After this many frames that were there at once, the stop signal is polled.
const IN_A_ROW: u32 = 16;

/// One client's parts. Polled by the connection only when the client has taken nearly all of the part before, so that the
/// newest frame is chosen late.
struct Parts {
    _told: Told,
    manner: Manner,
    subscription: Subscription,
    viewer: Entry,
    pace: Pace,
    /// The number of the last frame sent.
    last: Option<u64>,
    in_a_row: u32,
    /// Rings when it has to be seen whether the stream stands still.
    silence: Pin<Box<Sleep>>,
    stop: BoxFuture<'static, Stop>,
}

impl Parts {
    fn into_stream(self) -> impl Stream<Item = Piece> {
        stream::unfold(self, async |mut parts| {
            let part = parts.next().await?;
            Some((part, parts))
        })
    }

    /// The next part; `None` where the client has to go.
    async fn next(&mut self) -> Option<Piece> {
        let now = Instant::now();
        if let Some(due) = self.pace.blocked_until(now) {
            tokio::select! {
                () = sleep_until(due) => {}
                _ = &mut self.stop => return None,
            }
        }
        // How long a stream may stand still while its camera is opened, and the interval of pictures that say there is no signal
        // then: often enough for readers that give up on a silent stream.
        let mut still_until = now + NO_SIGNAL_INTERVAL;
        self.in_a_row += 1;
        let frame = loop {
            tokio::select! {
                // It is a frame almost always.
                biased;
                frame = self.subscription.newest(), if self.in_a_row < IN_A_ROW => break frame,
                _ = &mut self.stop => return None,
                () = ready(()), if self.in_a_row >= IN_A_ROW => {}
                () = &mut self.silence => {
                    // Set anew only when it rings, and not for each frame.
                    let now = Instant::now();
                    if now >= still_until {
                        let camera = self.subscription.camera().clone();
                        if let Some(frame) = camera.no_signal().await {
                            return Some(form::part(&frame, self.manner));
                        }
                        still_until = now + NO_SIGNAL_INTERVAL;
                    }
                    self.silence.as_mut().reset(still_until);
                }
            }
            self.in_a_row = 0;
        };
        let missed = self
            .last
            .replace(frame.number)
            .map_or(0, |last| frame.number.saturating_sub(last + 1));
        if self.pace.is_limited() {
            self.viewer.count_thinned(missed);
        } else {
            self.viewer.count_skipped(missed);
        }
        self.pace.sent(Instant::now());
        self.viewer.count_sent(frame.jpeg().len());
        Some(form::part(&frame, self.manner))
    }
}

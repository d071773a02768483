//! `/api/v1/recordings`: what was recorded, by its time: which there is, single frames, and films of it.
//!
//! Reading belongs to [`crate::library`], which plays them over the WebSocket as well.

use super::admit::{Admitted, Watched};
use super::query::Query;
use super::{State, refusal};
use crate::access::Grant;
use crate::camera::Camera;
use crate::form::timestamp;
use crate::library::Recordings;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use futures::stream;
use pistreamer_recording::library::{Clip, Found, Have, Near};
use pistreamer_recording::name::{Class, time};
use serde_json::json;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Films that are sent at a time, and those of one key.
const FILMS: usize = 4;
const FILMS_OF_A_KEY: usize = 2;

/// A client that takes nothing of a film for that long is given up.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// Stretches of a timeline in one answer.
const MOST_STEPS: f64 = 3000.0;

/// For how long files are looked into for a timeline: others with the same key wait as long. What is known by then is the answer.
const LOOKS: Duration = Duration::from_secs(1);

/// Lengths that they may have, in seconds.
const STEPS_S: [u32; 5] = [10, 60, 300, 3600, 86_400];

/// Why a frame was recorded.
const CLASS: HeaderName = HeaderName::from_static("pistreamer-class");

/// The keys that films are being sent to. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Films(Arc<Mutex<Vec<Option<String>>>>);

/// Why there is nothing of it.
#[derive(Debug)]
pub(super) struct Refused(Box<Response>);

impl From<Box<Response>> for Refused {
    fn from(response: Box<Response>) -> Self {
        Self(response)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let text = format!("recordings cannot be read: {error}");
        refused(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

fn refused(status: StatusCode, text: impl Into<String>) -> Refused {
    Refused(Box::new(refusal(status, text)))
}

/// A film that is being sent.
struct Film {
    films: Films,
    key: Option<String>,
}

impl Film {
    fn begin(films: &Films, grant: &Grant) -> Option<Self> {
        let key = grant.credential().map(ToOwned::to_owned);
        // Nothing panics while it holds this lock.
        let mut sent = films.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = sent.iter().filter(|film| **film == key).count();
        if sent.len() >= FILMS || own >= FILMS_OF_A_KEY {
            return None;
        }
        sent.push(key.clone());
        let films = films.clone();
        Some(Self { films, key })
    }
}

impl Drop for Film {
    fn drop(&mut self) {
        let mut films = self.films.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = films.iter().position(|film| *film == self.key) {
            films.swap_remove(own);
        }
    }
}

fn recordings(state: &State) -> Result<Recordings, Refused> {
    let text =
        "nothing is recorded here: start pistreamer with --record DIR, or set recording.directory";
    let none = || refused(StatusCode::NOT_FOUND, text);
    state.recordings.clone().ok_or_else(none)
}

/// Where a camera's recorded frames are further apart, nothing was recorded in between.
pub(super) fn gap(camera: &Camera) -> Duration {
    /// Unless they are to be that far apart.
    const GAP: Duration = Duration::from_secs(15);
    let record = camera.settings().record;
    let sparse_s = record.map_or(0.0, |record| record.sparse_s);
    // Beside one that is a little late.
    Duration::from_secs_f64(sparse_s * 1.5).max(GAP)
}

/// Of which time there are recordings of each camera, or of one.
pub(super) async fn list(
    extract::State(state): extract::State<State>,
    grant: Admitted,
    query: Query,
) -> Result<Response, Refused> {
    let recordings = recordings(&state)?;
    let mut cameras = state.cameras.all(&grant);
    if let Some(one) = query.get("camera") {
        cameras.retain(|camera| **camera.id() == *one);
    }
    let ids: Vec<String> = cameras.iter().map(|it| it.id().to_string()).collect();
    let ranges = recordings.read(grant.credential(), move |library| {
        // One that cannot be read takes nothing from the others.
        let range = |id: &String| library.range(id).map_err(|error| error.to_string());
        Ok(ids.iter().map(range).collect::<Vec<_>>())
    });
    let ranges = ranges.await?;
    let described = cameras.iter().zip(ranges).map(|(camera, range)| {
        let reason = range.as_ref().err().cloned();
        let (from_ms, to_ms) = range.unwrap_or_default().unzip();
        json!({
            "id": camera.id().to_string(),
            "name": camera.state().name,
            "from_us": from_ms.map(|ms| ms * 1000),
            "to_us": to_ms.map(|ms| ms * 1000),
            "gap_us": gap(camera).as_micros() as u64,
            "reason": reason,
        })
    });
    let described: Vec<_> = described.collect();
    Ok(Json(json!({ "cameras": described })).into_response())
}

/// The last µs of the year 9999, behind which no file has a name.
const LATEST_US: f64 = 253_402_300_799_999_999.0;

/// A time of a query, in µs, which has to be there.
fn required(query: &Query, key: &str) -> Result<f64, Refused> {
    let missing = || {
        let text =
            format!("{key}= is missing: a Unix time in µs, as X-Timestamp has it in seconds");
        refused(StatusCode::BAD_REQUEST, text)
    };
    let time = query.number(key)?.ok_or_else(missing)?;
    Ok(time.min(LATEST_US))
}

/// Longest step of a timeline that tells how much moved.
const LONGEST_WITH_PEAKS_MS: u64 = 300_000;

/// What there is of a span of time, stretch by stretch.
pub(super) async fn timeline(
    extract::State(state): extract::State<State>,
    Watched { grant, camera }: Watched,
    query: Query,
) -> Result<Response, Refused> {
    let recordings = recordings(&state)?;
    let (from_us, to_us) = (required(&query, "from_us")?, required(&query, "to_us")?);
    let step_s = query.number("step_s")?;
    let step_s = step_s.unwrap_or(60.0);
    let steps = ((to_us - from_us) / 1e6 / step_s).ceil();
    if !STEPS_S.iter().any(|it| f64::from(*it) == step_s) || !(1.0..=MOST_STEPS).contains(&steps) {
        let text = "step_s= is one of 10, 60, 300, 3600 and 86400, and from_us= to to_us= has 1 to 3000 such steps";
        return Err(refused(StatusCode::BAD_REQUEST, text));
    }
    let (id, from_ms) = (camera.id().to_string(), (from_us / 1e3) as u64);
    let gap_ms = gap(&camera).as_millis() as u64;
    let step_ms = step_s as u64 * 1000;
    let (covered, peaks) = recordings
        .read(grant.credential(), move |library| {
            let begun = Instant::now();
            let steps = steps as usize;
            let covered = library.covered(&id, from_ms, step_ms, steps, gap_ms)?;
            // Of longer steps, too many files would have to be looked into.
            let has_peaks = step_ms <= LONGEST_WITH_PEAKS_MS;
            let peaks = has_peaks
                .then(|| library.peaks(&id, from_ms, step_ms, steps, &|| begun.elapsed() < LOOKS));
            Ok((covered, peaks.transpose()?.unwrap_or_default()))
        })
        .await?;
    let bits = |have: &Have| match have {
        Have::None => 0,
        Have::Sparse => 1,
        Have::Full => 2,
    };
    let four = |four: &[Have]| {
        let bits = four
            .iter()
            .enumerate()
            .map(|(n, have)| bits(have) << (2 * n));
        bits.sum::<u8>()
    };
    let packed: Vec<u8> = covered.chunks(4).map(four).collect();
    Ok(Json(json!({
        "camera": camera.id().to_string(),
        "from_us": from_ms * 1000,
        "step_us": step_ms * 1000,
        "steps": covered.len(),
        "have": STANDARD.encode(packed),
        "peak": peaks,
    }))
    .into_response())
}

/// The frame of a time.
pub(super) async fn frame(
    extract::State(state): extract::State<State>,
    Watched { grant, camera }: Watched,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let recordings = recordings(&state)?;
    let at_ms = (required(&query, "at_us")? / 1e3) as u64;
    let near = match query.get("near").unwrap_or("before") {
        "before" => Near::Before,
        "after" => Near::After,
        "nearest" => Near::Nearest,
        _ => {
            let text = "near= is before, after or nearest";
            return Err(refused(StatusCode::BAD_REQUEST, text));
        }
    };
    let id = camera.id().to_string();
    let found = recordings.read(grant.credential(), move |library| {
        library.find(&id, at_ms, near)
    });
    let Some(Found { at_ms, class, jpeg }) = found.await? else {
        let text = "there is no recording of that time, nor on that side of it";
        return Err(refused(StatusCode::NOT_FOUND, text));
    };
    // Which frame it is: a player that shows it already is not sent it again.
    let tag = format!("\"{at_ms}-{}\"", class.word());
    let is_known = headers.get(header::IF_NONE_MATCH);
    let is_known = is_known.is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CLASS, HeaderValue::from_static(class.word()));
    for (name, value) in [
        (header::ETAG, tag),
        (
            HeaderName::from_static("x-timestamp"),
            timestamp(at_ms * 1000),
        ),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// A film of a span of time, as Matroska, which is sent as it is read.
pub(super) async fn film(
    extract::State(state): extract::State<State>,
    Watched { grant, camera }: Watched,
    query: Query,
    method: Method,
) -> Result<Response, Refused> {
    let recordings = recordings(&state)?;
    let (from_us, to_us) = (required(&query, "from_us")?, required(&query, "to_us")?);
    if to_us < from_us {
        let text = "to_us= is before from_us=";
        return Err(refused(StatusCode::BAD_REQUEST, text));
    }
    let (from_ms, to_ms) = ((from_us / 1e3) as u64, (to_us / 1e3) as u64);
    let classes = match query.get("class") {
        None | Some("") => Class::ALL.to_vec(),
        Some(word) => Class::ALL
            .into_iter()
            .filter(|it| it.word() == word)
            .collect(),
    };
    let id = camera.id().to_string();
    let clip = recordings.read(grant.credential(), move |library| {
        for class in classes {
            if let Some(clip) = Clip::of(library.frames(&id, class, from_ms, to_ms)?)? {
                return Ok(Some(clip));
            }
        }
        Ok(None)
    });
    let Some(clip) = clip.await? else {
        let text = "there are no recordings of that span of time, of that class";
        return Err(refused(StatusCode::NOT_FOUND, text));
    };
    let Some(film) = Film::begin(&state.films, &grant) else {
        let text = "other films are being sent: try again when they are through";
        let mut response = refusal(StatusCode::SERVICE_UNAVAILABLE, text);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, 10.into());
        return Err(Refused(Box::new(response)));
    };
    let body = if method == Method::HEAD {
        Body::from_stream(stream::pending::<io::Result<Bytes>>())
    } else {
        let (over, shutdown) = (grant.over(), state.shutdown.clone());
        let end = async move {
            tokio::select! {
                () = over => {}
                () = shutdown.cancelled_owned() => {}
            }
        };
        Body::from_stream(sent(clip, film, Box::pin(end)))
    };
    let name = time(from_ms).replace([':', '-'], "").replace(".000", "");
    let name = format!("attachment; filename=\"{}-{name}.mkv\"", camera.id());
    let kind = "video/x-matroska".to_owned();
    Ok((
        [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_DISPOSITION, name),
        ],
        body,
    )
        .into_response())
}

/// Its pieces, until `end`. A thread reads one ahead. Where it is not whole, it ends with an error, so that no client takes it for whole.
fn sent(
    clip: Clip,
    film: Film,
    end: BoxFuture<'static, ()>,
) -> impl stream::Stream<Item = io::Result<Bytes>> + Send {
    let (pieces, receive) = mpsc::channel(1);
    let runtime = Handle::current();
    let is_whole = Arc::new(AtomicBool::new(false));
    let is_through = Arc::clone(&is_whole);
    let sending = move || {
        let _film = film;
        for piece in clip {
            let piece = piece.map(Bytes::from);
            let is_last = piece.is_err();
            let taken = runtime.block_on(timeout(STANDS_STILL, pieces.send(piece)));
            if is_last || !matches!(taken, Ok(Ok(()))) {
                return;
            }
        }
        is_through.store(true, Relaxed);
    };
    tokio::task::spawn_blocking(sending);
    stream::unfold(Some((receive, end)), move |state| {
        let is_whole = Arc::clone(&is_whole);
        async move {
            let (mut receive, mut end) = state?;
            let cut = || Err(io::ErrorKind::ConnectionAborted.into());
            let piece = tokio::select! {
                () = &mut end => cut(),
                piece = receive.recv() => match piece {
                    Some(piece) => piece,
                    None if is_whole.load(Relaxed) => return None,
                    None => cut(),
                },
            };
            let rest = piece.is_ok().then_some((receive, end));
            Some((piece, rest))
        }
    })
}

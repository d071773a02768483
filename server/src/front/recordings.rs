//! `/api/v1/recordings`: what was recorded, by its time: which there is, and single frames.
//!
//! Reading belongs to [`crate::library`], which plays them over the WebSocket as well, and films of it to [`super::clips`].

use super::admit::{Admitted, LINKS, Watched};
use super::query::Query;
use super::{State, refusal};
use crate::access::Grant;
use crate::camera::Camera;
use crate::form::timestamp;
use crate::library::Recordings;
use axum::Json;
use axum::extract;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pistreamer_protocol::message::Cause;
use pistreamer_recording::library::{Found, Have, Library, Near};
use serde_json::json;
use std::io;
use std::time::{Duration, Instant};

/// Stretches of a timeline in one answer.
const MOST_STEPS: f64 = 3000.0;

/// For how long files are looked into for a timeline: others with the same key wait as long. What is known by then is the answer.
const LOOKS: Duration = Duration::from_secs(1);

/// Lengths that they may have, in seconds.
const STEPS_S: [u32; 5] = [10, 60, 300, 3600, 86_400];

/// Why a frame was recorded.
const CLASS: HeaderName = HeaderName::from_static("pistreamer-class");

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

impl Refused {
    pub(super) fn by(status: StatusCode, cause: Cause) -> Self {
        Self(Box::new(super::refused(status, cause)))
    }
}

pub(super) fn refused(status: StatusCode, text: impl Into<String>) -> Refused {
    Refused(Box::new(refusal(status, text)))
}

pub(super) fn recordings(state: &State) -> Result<Recordings, Refused> {
    let none = || Refused::by(StatusCode::NOT_FOUND, Cause::RecordsNothing);
    state.recordings.clone().ok_or_else(none)
}

/// The times that a grant may look at: those of a link, or all. In ms, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Within {
    pub from_ms: u64,
    pub to_ms: u64,
}

impl Within {
    pub(super) fn of(grant: &Grant) -> Self {
        let clip = grant.clip();
        Self {
            from_ms: clip.map_or(0, |clip| clip.from_us.div_ceil(1000)),
            to_ms: clip.map_or(u64::MAX, |clip| clip.to_us / 1000),
        }
    }

    pub(super) fn has(self, ms: u64) -> bool {
        (self.from_ms..=self.to_ms).contains(&ms)
    }

    /// The camera's frame of a time, of those that may be looked at.
    fn find(
        self,
        library: &Library,
        id: &str,
        at_ms: u64,
        near: Near,
    ) -> io::Result<Option<Found>> {
        let at_ms = at_ms.clamp(self.from_ms, self.to_ms);
        let find = |near| {
            Ok::<_, io::Error>(
                library
                    .find(id, at_ms, near)?
                    .filter(|found| self.has(found.at_ms)),
            )
        };
        if near != Near::Nearest {
            return find(near);
        }
        let found = [find(Near::Before)?, find(Near::After)?];
        Ok(found
            .into_iter()
            .flatten()
            .min_by_key(|found| found.at_ms.abs_diff(at_ms)))
    }

    /// Times of the camera's first frame and of its last one.
    fn range(self, library: &Library, id: &str) -> io::Result<Option<(u64, u64)>> {
        let find = |at_ms, near| self.find(library, id, at_ms, near);
        let (first, last) = (find(0, Near::After)?, find(u64::MAX, Near::Before)?);
        Ok(first
            .zip(last)
            .map(|(first, last)| (first.at_ms, last.at_ms)))
    }
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
    let within = Within::of(&grant);
    let ranges = recordings.read(grant.credential(), move |library| {
        // One that cannot be read takes nothing from the others.
        let range = |id: &String| within.range(library, id).map_err(|error| error.to_string());
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
    Ok(Json(json!({
        "cameras": described,
        // What a player can offer.
        "mp4": state.mp4.program().is_ok(),
        "links": grant.credential().is_some() && LINKS.allow(&grant).is_ok(),
    }))
    .into_response())
}

/// The last µs of the year 9999, behind which no file has a name.
const LATEST_US: f64 = 253_402_300_799_999_999.0;

/// A time of a query, in µs, which has to be there.
pub(super) fn required(query: &Query, key: &str) -> Result<f64, Refused> {
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
    let within = Within::of(&grant);
    let (covered, peaks) = recordings
        .read(grant.credential(), move |library| {
            let begun = Instant::now();
            let steps = steps as usize;
            let mut covered = library.covered(&id, from_ms, step_ms, steps, gap_ms)?;
            // Of longer steps, too many files would have to be looked into.
            let has_peaks = step_ms <= LONGEST_WITH_PEAKS_MS;
            let peaks = has_peaks
                .then(|| library.peaks(&id, from_ms, step_ms, steps, &|| begun.elapsed() < LOOKS));
            let mut peaks = peaks.transpose()?.unwrap_or_default();
            // Of a step that is not all within it, something else might be told.
            let is_within = |n: usize| {
                let begin_ms = from_ms + n as u64 * step_ms;
                within.has(begin_ms) && within.has(begin_ms + step_ms - 1)
            };
            let outside = (0..steps).filter(|n| !is_within(*n));
            for n in outside {
                covered[n] = Have::None;
                if let Some(peak) = peaks.get_mut(n) {
                    *peak = Default::default();
                }
            }
            Ok((covered, peaks))
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
    let within = Within::of(&grant);
    let found = recordings.read(grant.credential(), move |library| {
        within.find(library, &id, at_ms, near)
    });
    let Some(Found {
        at_ms, class, jpeg, ..
    }) = found.await?
    else {
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

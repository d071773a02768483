//! `/api/v1/recordings/clip.*`: a span of recordings as one file, which is sent as it is made. Nothing is written anywhere.
//!
//! Which recordings there are belongs to [`super::recordings`], the files' formats to [`pistreamer_recording::library`].

use super::admit::Watched;
use super::query::Query;
use super::recordings::{Refused, Within, gap, recordings, refused, required};
use super::{State, refused as cause_of};
use crate::access::Grant;
use crate::library::{MP4S, Missing, encode};
use axum::body::{Body, Bytes};
use axum::extract;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use pistreamer_protocol::message::Cause;
use pistreamer_recording::library::{Clip, Found, Library, Survey, Zip, one_size};
use pistreamer_recording::name::{Class, time};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Clips that are sent at a time, and those of one key.
const CLIPS: usize = 4;
const CLIPS_OF_A_KEY: usize = 2;

/// A client that takes nothing of a clip for that long is given up.
const STANDS_STILL: Duration = Duration::from_secs(30);

/// Longest span of a clip with all its frames, in hours: of one that is copied, and of others, which cost memory or much work.
const LONGEST_H: u64 = 24;
const LONGEST_OTHER_H: u64 = 1;

/// Most frames of a time-lapse: 20 minutes at 30 a second.
const MOST_STEPS: u64 = 36_000;

/// What is told of a clip before it is sent, as JSON.
const CLIP: HeaderName = HeaderName::from_static("pistreamer-clip");

/// Spans that are told of it.
const MOST_SPANS: usize = 50;

/// What a clip is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Mkv,
    Zip,
    Mp4,
}

impl Format {
    /// The end of its name, and its type.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Mkv => ("mkv", "video/x-matroska"),
            Self::Zip => ("zip", "application/zip"),
            Self::Mp4 => ("mp4", "video/mp4"),
        }
    }
}

/// The clips that are being sent: the keys that get them, and which are MP4s. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Films(Arc<Mutex<Vec<Sent>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Sent {
    key: Option<String>,
    is_mp4: bool,
}

/// A clip that is being sent.
struct Sending {
    films: Films,
    sent: Sent,
}

impl Sending {
    fn begin(films: &Films, grant: &Grant, format: Format) -> Option<Self> {
        let sent = Sent {
            // Who makes links gets no more by them.
            key: grant.account().map(ToOwned::to_owned),
            is_mp4: format == Format::Mp4,
        };
        // Nothing panics while it holds this lock.
        let mut all = films.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.iter().filter(|it| it.key == sent.key).count();
        let mp4s = all.iter().filter(|it| it.is_mp4).count();
        let no_encoder = sent.is_mp4 && (mp4s >= MP4S || all.contains(&sent));
        if all.len() >= CLIPS || own >= CLIPS_OF_A_KEY || no_encoder {
            return None;
        }
        all.push(sent.clone());
        let films = films.clone();
        Some(Self { films, sent })
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut all = self.films.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = all.iter().position(|it| *it == self.sent) {
            all.swap_remove(own);
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
struct Asked {
    from_ms: u64,
    to_ms: u64,
    class: Option<Class>,
    lapse: Option<Lapse>,
}

/// A frame of each step, shown one after the other.
#[derive(Clone, Copy, Debug)]
struct Lapse {
    every_ms: u64,
    shown_ms: f64,
}

impl Asked {
    fn of(query: &Query, format: Format) -> Result<Self, Refused> {
        let wrong = |text: &str| refused(StatusCode::BAD_REQUEST, text);
        let (from_us, to_us) = (required(query, "from_us")?, required(query, "to_us")?);
        if to_us < from_us {
            return Err(Refused::by(StatusCode::BAD_REQUEST, Cause::SpanReversed));
        }
        let class = match query.get("class") {
            None | Some("") => None,
            Some(word) => {
                let class = Class::ALL.into_iter().find(|it| it.word() == word);
                Some(class.ok_or_else(|| wrong("class= is continuous, event or sparse"))?)
            }
        };
        let (every_s, fps) = (query.number("every_s")?, query.number("fps")?);
        let lapse = match (every_s, fps) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(wrong(
                    "fps= is for time-lapses: give every_s= as well, such as every_s=60",
                ));
            }
            (Some(every_s), fps) => {
                let fps = fps.unwrap_or(25.0);
                if !(0.1..=86_400.0).contains(&every_s) || !(1.0..=60.0).contains(&fps) {
                    return Err(wrong(
                        "every_s= is 0.1 to 86400 seconds, and fps= 1 to 60 pictures a second",
                    ));
                }
                Some(Lapse {
                    every_ms: (every_s * 1e3) as u64,
                    shown_ms: 1e3 / fps,
                })
            }
        };
        let asked = Self {
            from_ms: (from_us / 1e3) as u64,
            to_ms: (to_us / 1e3) as u64,
            class,
            lapse,
        };
        let too_much = asked.is_too_much(format);
        too_much.map_or(Ok(asked), |cause| {
            Err(Refused::by(StatusCode::BAD_REQUEST, cause))
        })
    }

    fn is_too_much(&self, format: Format) -> Option<Cause> {
        let span_ms = self.to_ms - self.from_ms;
        if let Some(lapse) = self.lapse {
            let most = MOST_STEPS;
            return (span_ms / lapse.every_ms >= most).then_some(Cause::TimelapseTooLong { most });
        }
        let hours = if format == Format::Mkv {
            LONGEST_H
        } else {
            LONGEST_OTHER_H
        };
        (span_ms > hours * 3_600_000).then_some(Cause::ClipTooLong { hours })
    }

    /// Its frames. Where there are none of a time-lapse, that is known when they are read.
    fn frames(self, library: &Library, camera: &str) -> io::Result<Frames> {
        let Self { from_ms, to_ms, .. } = self;
        if let Some(lapse) = self.lapse {
            return Ok(Box::new(library.lapse(
                camera,
                (from_ms, to_ms),
                lapse.every_ms,
            )));
        }
        Ok(Box::new(
            library.merged(camera, self.class, from_ms, to_ms)?,
        ))
    }
}

type Frames = Box<dyn Iterator<Item = io::Result<Found>> + Send>;
type Pieces = Box<dyn Iterator<Item = io::Result<Vec<u8>>> + Send>;

/// `clip.mkv`: frames as they were recorded.
pub(super) async fn mkv(
    state: extract::State<State>,
    watched: Watched,
    query: Query,
    method: Method,
) -> Result<Response, Refused> {
    clip(state, watched, query, method, Format::Mkv).await
}

/// `clip.zip`: a JPEG for each frame.
pub(super) async fn zip(
    state: extract::State<State>,
    watched: Watched,
    query: Query,
    method: Method,
) -> Result<Response, Refused> {
    clip(state, watched, query, method, Format::Zip).await
}

/// `clip.mp4`: what every phone plays, by ffmpeg.
pub(super) async fn mp4(
    state: extract::State<State>,
    watched: Watched,
    query: Query,
    method: Method,
) -> Result<Response, Refused> {
    clip(state, watched, query, method, Format::Mp4).await
}

async fn clip(
    extract::State(state): extract::State<State>,
    Watched { grant, camera }: Watched,
    query: Query,
    method: Method,
    format: Format,
) -> Result<Response, Refused> {
    let recordings = recordings(&state)?;
    let asked = Asked::of(&query, format)?;
    let within = Within::of(&grant);
    if !within.has(asked.from_ms) || !within.has(asked.to_ms) {
        return Err(Refused::by(StatusCode::FORBIDDEN, Cause::SpanNotShared));
    }
    let encoder = match format {
        Format::Mp4 => Some(state.mp4.program().map_err(|missing| {
            let cause = match missing {
                Missing::Off => Cause::FfmpegOff,
                Missing::Program(program) => Cause::FfmpegMissing {
                    program: program.display().to_string(),
                },
            };
            Refused::by(StatusCode::NOT_IMPLEMENTED, cause)
        })?),
        Format::Mkv | Format::Zip => None,
    };
    let Some(sending) = Sending::begin(&state.films, &grant, format) else {
        let mut response = cause_of(StatusCode::SERVICE_UNAVAILABLE, Cause::ClipsBusy);
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, 10.into());
        return Err(Box::new(response).into());
    };
    let (id, name) = (camera.id().to_string(), camera.state().name);
    let gap_ms = gap(&camera).as_millis() as u64;
    let made = recordings.read(grant.credential(), move |library| {
        made(library, (&id, &name), asked, gap_ms, format)
    });
    let Some((pieces, about)) = made.await? else {
        return Err(Refused::by(StatusCode::NOT_FOUND, Cause::SpanEmpty));
    };
    let body = if method == Method::HEAD {
        // How long it is is not known.
        Body::from_stream(stream::pending::<io::Result<Bytes>>())
    } else {
        let pieces: BoxStream<'static, _> = match &encoder {
            None => sent(pieces, sending).boxed(),
            Some(program) => {
                let stream = encode(program, pieces, STANDS_STILL, sending);
                let stream = stream.map_err(|error| {
                    let text = format!("{} cannot be started: {error}", program.display());
                    refused(StatusCode::SERVICE_UNAVAILABLE, text)
                })?;
                stream.boxed()
            }
        };
        let (over, shutdown) = (grant.over(), state.shutdown.clone());
        let end = async move {
            tokio::select! {
                () = over => {}
                () = shutdown.cancelled_owned() => {}
            }
        };
        Body::from_stream(until(pieces, Box::pin(end)))
    };
    let (extension, kind) = format.kind();
    let begin = time(asked.from_ms)
        .replace([':', '-'], "")
        .replace(".000", "");
    let what = if asked.lapse.is_some() {
        "-timelapse"
    } else {
        ""
    };
    let file = format!(
        "attachment; filename=\"{}-{begin}{what}.{extension}\"",
        camera.id()
    );
    let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
    for (name, value) in [
        (header::CONTENT_DISPOSITION, file),
        (CLIP, about.to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    let readable = HeaderValue::from_name(CLIP);
    response
        .headers_mut()
        .insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    Ok(response)
}

/// A clip's pieces, and what is to be told of it; `None` where there is nothing.
fn made(
    library: &Library,
    (camera, name): (&str, &str),
    asked: Asked,
    gap_ms: u64,
    format: Format,
) -> io::Result<Option<(Pieces, Value)>> {
    let span = (asked.from_ms, asked.to_ms);
    let mut frames = asked.frames(library, camera)?;
    let Some(first) = frames.next().transpose()? else {
        return Ok(None);
    };
    let first_ms = first.at_ms;
    let frames: Frames = Box::new([Ok(first)].into_iter().chain(frames));
    let mut about = json!({ "camera": camera, "from_us": first_ms * 1000 });
    let mut to_ms = 0;
    if let Some(lapse) = asked.lapse {
        about["every_s"] = json!(lapse.every_ms as f64 / 1e3);
        about["fps"] = json!((1e3 / lapse.shown_ms).round());
    }
    // Of a longer one, too many files would have to be looked into.
    let is_told = asked.lapse.is_none() || span.1 - span.0 <= LONGEST_H * 3_600_000;
    if is_told {
        // A time-lapse takes all there is.
        let class = asked.class.filter(|_| asked.lapse.is_none());
        let end_ms = told(
            &library.survey(camera, class, span, gap_ms)?,
            format,
            &mut about,
        );
        if asked.lapse.is_none() {
            to_ms = end_ms;
        }
    }
    if format == Format::Zip {
        let mut text = serde_json::to_vec_pretty(&about)?;
        text.push(b'\n');
        return Ok(Some((
            Box::new(Zip::of(frames, ("clip.json", text))),
            about,
        )));
    }
    let mut size = None;
    let frames = frames.map(move |found| {
        let found = found?;
        if !is_told && *size.get_or_insert(found.size) != found.size {
            return Err(io::Error::other("pictures change their size"));
        }
        Ok(found)
    });
    let shown_ms = asked.lapse.map(|lapse| lapse.shown_ms);
    let frames = one_size(frames).enumerate().map(move |(n, found)| {
        let mut found = found?;
        if let Some(shown_ms) = shown_ms {
            found.at_ms = first_ms + (n as f64 * shown_ms) as u64;
        }
        Ok(found)
    });
    let clip = Clip::of(frames, name, to_ms, &about.to_string())?;
    Ok(clip.map(|clip| (Box::new(clip) as Pieces, about)))
}

/// Tells where nothing is, where there is little, and where a film ends early, as its pictures change their size. Returns when it ends.
fn told(survey: &Survey, format: Format, about: &mut Value) -> u64 {
    let resized_ms = survey.resized_ms.filter(|_| format != Format::Zip);
    let last_ms = survey.range().map_or(0, |(_, last_ms)| last_ms);
    let to_ms = resized_ms.unwrap_or(last_ms);
    let us = |spans: &[(u64, u64)]| -> Vec<[u64; 2]> {
        let spans = spans.iter().take(MOST_SPANS);
        spans.map(|(from, to)| [from * 1000, to * 1000]).collect()
    };
    about["to_us"] = json!(to_ms * 1000);
    about["missing"] = json!(us(&survey.missing));
    about["sparse"] = json!(us(&survey.sparse));
    if let Some(resized_ms) = resized_ms {
        about["resized_us"] = json!(resized_ms * 1000);
    }
    to_ms
}

/// Its pieces. A thread reads one ahead. Where it is not whole, it ends with an error, so that no client takes it for whole.
fn sent(pieces: Pieces, sending: Sending) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let (ready, receive) = mpsc::channel(1);
    let runtime = Handle::current();
    let is_whole = Arc::new(AtomicBool::new(false));
    let is_through = Arc::clone(&is_whole);
    let reading = move || {
        let _sending = sending;
        for piece in pieces {
            let piece = piece.map(Bytes::from);
            let is_last = piece.is_err();
            let taken = runtime.block_on(timeout(STANDS_STILL, ready.send(piece)));
            if is_last || !matches!(taken, Ok(Ok(()))) {
                return;
            }
        }
        is_through.store(true, Relaxed);
    };
    tokio::task::spawn_blocking(reading);
    stream::unfold(Some(receive), move |receive| {
        let is_whole = Arc::clone(&is_whole);
        async move {
            let mut receive = receive?;
            let piece = match receive.recv().await {
                Some(piece) => piece,
                None if is_whole.load(Relaxed) => return None,
                None => Err(io::ErrorKind::ConnectionAborted.into()),
            };
            let rest = piece.is_ok().then_some(receive);
            Some((piece, rest))
        }
    })
}

/// The same, until `end`, which is an error: it is not whole.
fn until(
    pieces: BoxStream<'static, io::Result<Bytes>>,
    end: impl Future<Output = ()> + Send + Unpin + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some((pieces, end)), |state| async {
        let (mut pieces, mut end) = state?;
        tokio::select! {
            () = &mut end => Some((Err(io::ErrorKind::ConnectionAborted.into()), None)),
            piece = pieces.next() => piece.map(|piece| (piece, Some((pieces, end)))),
        }
    })
}

//! Any camera with an HTTP URL: an MJPEG stream, or a snapshot that is fetched again and again.
//!
//! Parsing responses, authentication and cookies belong to `pistreamer_network_camera`, timeouts to `pictures`, requests to
//! `get`, redirects to `location`.

mod get;
mod location;
mod pictures;
mod splitter;
mod wire;

use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind, Options};
use super::{Config, Port, Source, SourceError, WEDGED};
use crate::demand::Demand;
use axum::http::{HeaderMap, header};
use get::Connection;
use pictures::{Patience, Pictures};
use pistreamer_client::Endpoint;
use pistreamer_network_camera::cookies::Jar;
use pistreamer_network_camera::login::Login;
use pistreamer_network_camera::multipart;
use pistreamer_protocol::message::{Camera, Cause};
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, jpeg};
use splitter::Splitter;
use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use wire::Response;

/// The schemes of such URLs, each with whether it means TLS.
pub(crate) const SCHEMES: [(&str, bool); 2] = [("http", false), ("https", true)];

/// An MJPEG stream or a snapshot at a URL.
pub(super) const KIND: Entry = Entry {
    usage: "a URL that begins with http://, https://, ws:// or wss://",
    about: "a network camera (MJPEG, or a snapshot fetched at --fps), or another pistreamer",
    parse: |typed| {
        typed.is_url(&["http", "https"]).then(|| {
            let endpoint = Endpoint::parse(typed.text, &SCHEMES)?;
            Ok(Arc::new(Http(endpoint)) as _)
        })
    },
};

#[derive(Debug)]
struct Http(Endpoint);

impl Kind for Http {
    fn word(&self) -> &str {
        "http"
    }

    fn identity(&self) -> Identity {
        Identity::url("http", &self.0, None)
    }

    fn takes(&self) -> Options {
        Options {
            fps: true,
            ..Options::default()
        }
    }

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(HttpSource::new(capture, self.0.clone())))
    }
}

/// A camera at a URL.
#[derive(Debug)]
pub(crate) struct HttpSource {
    endpoint: Endpoint,
    fps: f64,
    known: Known,
    patience: Patience,
}

/// What is kept of a camera from one connection to the next.
#[derive(Debug, Default)]
struct Known {
    login: Login,
    cookies: Jar,
}

impl HttpSource {
    /// The camera at that URL. Only the rate of the configuration is used, for snapshots.
    pub(crate) fn new(config: &Config, endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            fps: config.fps,
            known: Known::default(),
            patience: Patience::new(config.fps),
        }
    }
}

impl Source for HttpSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            // Paths and queries of cameras hold passwords.
            name: self.endpoint.authority(),
            source: "http".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let mut intake = Intake::new(port, self.fps);
        let (known, patience) = (&mut self.known, &mut self.patience);
        let task = attend(&self.endpoint, known, patience, port.demand(), &mut intake);
        remote::run(port, task)
    }
}

/// Interval of probes of a camera without viewers.
const PROBE: Duration = Duration::from_secs(30);

/// Time in which a second connection must be made; else the camera is taken to accept one only.
const KNOCK: Duration = Duration::from_secs(1);

/// Fetches pictures while there are viewers, and otherwise one now and then, which is dropped, so that the camera's state
/// is known. Returns the error that ends it.
async fn attend(
    endpoint: &Endpoint,
    known: &mut Known,
    patience: &mut Patience,
    demand: &Demand,
    intake: &mut Intake,
) -> SourceError {
    let stay = Stay::default();
    loop {
        stay.watched.set(demand.wanted());
        let mut pictures = Pictures::new(intake, patience, demand, &stay);
        {
            let mut fetching = pin!(fetch(endpoint, known, &stay, &mut pictures));
            let mut left = pin!(left(demand));
            loop {
                tokio::select! {
                    end = &mut fetching => match end {
                        Ok(()) => break,
                        Err(error) => return error,
                    },
                    () = &mut left => {
                        if !stay.is_the_only_one().await {
                            break;
                        }
                        stay.watched.set(false);
                        left.set(self::left(demand));
                    }
                }
            }
        }
        stay.stream.take();
        if intake.is_open() && !demand.wanted() {
            tracing::debug!("no viewers: disconnected from the camera until the next probe");
            tokio::select! {
                () = demand.until(Demand::wanted) => {}
                () = sleep(PROBE) => {}
            }
        }
    }
}

/// Completes once there have been viewers and there are none any more.
async fn left(demand: &Demand) {
    demand.until(Demand::wanted).await;
    remote::unwanted(demand).await;
}

/// What is known while a connection lasts.
#[derive(Debug, Default)]
struct Stay {
    /// Whether pictures are handed on.
    watched: Cell<bool>,
    /// Where a stream comes from.
    stream: RefCell<Option<Endpoint>>,
    /// True if it takes a single connection, as far as that was tried.
    only: Cell<Option<bool>>,
}

impl Stay {
    /// Whether a stream comes over the only connection that there will ever be, as from `ffmpeg -listen 1`. Such a one
    /// is kept although there are no viewers: the camera would be gone with it.
    async fn is_the_only_one(&self) -> bool {
        let Some(endpoint) = self.stream.borrow().clone() else {
            return false;
        };
        if let Some(only) = self.only.get() {
            return only;
        }
        let knock = TcpStream::connect((endpoint.host.as_str(), endpoint.port));
        let only = match timeout(KNOCK, knock).await {
            Ok(Err(error)) => error.kind() == io::ErrorKind::ConnectionRefused,
            Ok(Ok(_)) | Err(_) => false,
        };
        self.only.set(Some(only));
        if only {
            tracing::info!(
                "the camera accepts a single connection, which is kept open without viewers"
            );
        }
        only
    }
}

/// Fetches what is at the URL until something goes wrong, or until it was enough.
async fn fetch(
    endpoint: &Endpoint,
    known: &mut Known,
    stay: &Stay,
    pictures: &mut Pictures<'_>,
) -> Result<(), SourceError> {
    let mut connection = Connection::new(endpoint.clone(), known);
    let mut due = Instant::now();
    loop {
        let mut response = pictures.soon(connection.get()).await?;
        let enough = match shape(&mut response, pictures).await? {
            Shape::Snapshot => {
                let image = pictures.soon(response.whole(DEFAULT_FRAME_LIMIT)).await?;
                pictures.take(multipart::image_of(image))?
            }
            Shape::Stream(splitter) => {
                *stay.stream.borrow_mut() = Some(connection.endpoint().clone());
                let enough = stream(&mut response, splitter, stay, pictures).await?;
                stay.stream.take();
                enough
            }
        };
        if enough {
            return Ok(());
        }
        connection.keep(response);
        pictures.until_due(&mut due).await;
    }
}

/// What a response contains.
enum Shape {
    Snapshot,
    Stream(Splitter),
}

/// Examines the first bytes of a body, which tell more than its headers: cameras get those wrong.
async fn shape(response: &mut Response, pictures: &mut Pictures<'_>) -> Result<Shape, SourceError> {
    if let Some(packing) = packing(&response.head.headers) {
        let encoding = format!("{packing:?}");
        return Err(Cause::ContentEncoded { encoding }.into());
    }
    let kind = response.head.headers.get(header::CONTENT_TYPE);
    let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
    let kind = kind.unwrap_or_default();
    let is_small = response
        .length()
        .is_some_and(|length| length <= DEFAULT_FRAME_LIMIT as u64);
    let beginning = pictures.soon(response.beginning(jpeg::SOI.len())).await?;
    if beginning.starts_with(&jpeg::SOI) {
        return Ok(if is_small {
            Shape::Snapshot
        } else {
            Shape::Stream(Splitter::bare())
        });
    }
    if beginning.starts_with(b"--") || multipart::is_multipart(&kind) {
        let boundary = multipart::boundary(&kind);
        if boundary.is_none() {
            pictures.suspect("its Content-Type names no boundary");
        }
        return Ok(Shape::Stream(Splitter::parts(boundary)));
    }
    if is_jpeg(&kind) {
        return Ok(Shape::Snapshot);
    }
    let cause = if kind.is_empty() {
        Cause::ContentUnknown
    } else {
        let kind = format!("{kind:?}");
        Cause::ContentOther { kind }
    };
    Err(cause.into())
}

/// How a body is packed, where it is.
fn packing(headers: &HeaderMap) -> Option<&str> {
    let encoding = headers.get(header::CONTENT_ENCODING)?;
    let encoding = encoding.to_str().unwrap_or("something unreadable").trim();
    let packed = !encoding.is_empty() && !encoding.eq_ignore_ascii_case(get::IDENTITY);
    packed.then_some(encoding)
}

/// Whether a Content-Type stands for a JPEG.
fn is_jpeg(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    ["image/jpeg", "image/jpg", "image/pjpeg"]
        .iter()
        .any(|jpeg| jpeg.eq_ignore_ascii_case(kind))
}

/// A picture that nothing follows for this long was no stream, if the response has an invalid length: the camera
/// then waits for the next request.
const LONE: Duration = Duration::from_secs(2);

/// Takes the pictures of a stream. Returns true if they are enough. One that ends after a single picture was a
/// snapshot.
///
/// # Errors
/// Where it ends otherwise, or brings nothing.
async fn stream(
    response: &mut Response,
    mut splitter: Splitter,
    stay: &Stay,
    pictures: &mut Pictures<'_>,
) -> Result<bool, SourceError> {
    let mut count = 0;
    loop {
        while let Some(part) = splitter.next() {
            count += 1;
            if pictures.take(part)? && !stay.is_the_only_one().await {
                return Ok(true);
            }
        }
        let chunk = if count == 1 && splitter.may_be_over() {
            // Nothing tells that the picture was a snapshot but that no other follows.
            let limit = response.has_bad_length().then_some(LONE);
            match pictures.unless_over(limit, response.chunk()).await? {
                Some(chunk) => chunk,
                None => return Ok(!pictures.are_watched()),
            }
        } else {
            pictures.soon(response.chunk()).await?
        };
        match chunk {
            Some(bytes) => splitter.feed(&bytes),
            None => break,
        }
    }
    if let Some(part) = splitter.finish() {
        count += 1;
        pictures.take(part)?;
    }
    if count == 1 {
        return Ok(!pictures.are_watched());
    }
    Err(Cause::CameraEndedStream.into())
}

#[cfg(test)]
mod tests;

//! The HTTP front: listeners, routes and authorization. Every path of `PROTOCOL.md` has its handler here.
//!
//! What a viewer is sent over a WebSocket belongs to [`crate::session`].

mod admit;
mod alerts;
mod answer;
mod api;
mod assets;
mod body;
mod certificate;
mod cipher;
mod clips;
mod configuration;
mod controls;
mod crowd;
mod device;
mod events;
mod figures;
mod ingest;
mod keys;
mod language;
mod links;
pub(crate) mod listen;
mod live;
mod login;
mod login_page;
mod metrics;
mod nearby;
mod origin;
mod peer;
mod place;
mod qr;
mod query;
mod recordings;
mod routes;
mod session_cookie;
mod sessions;
mod settings;
mod shares;
mod still;
mod tls;
mod upgrade;
mod viewers;
mod visitor;
mod wall;

pub(crate) use admit::Cameras;
pub(crate) use certificate::Certificate;
pub(crate) use cipher::has_fast_aes;
pub(crate) use clips::Films;
pub(crate) use configuration::Configuration;
pub(crate) use crowd::{Crowd, Limits};
pub(crate) use listen::{Listener, serve, urls};
pub(crate) use nearby::Nearby;
pub(crate) use origin::AllowedOrigins;
pub(crate) use qr::for_phone;
pub(crate) use settings::{NotChanged, Request as SettingsRequest, Settings, Told};
pub(crate) use tls::Tls;
pub(crate) use visitor::KnownHosts;
pub(crate) use wall::Walls;

use crate::access::{Access, Grant};
use crate::alerts::Alerts;
use crate::camera::Camera;
use crate::library::{Mp4, Recordings};
use crate::session::{self, Entry, Roster, Stop, Viewer};
use crate::util::handover::when_woken;
use crate::via::Via;
use axum::Router;
use axum::extract::{self, DefaultBodyLimit, Request};
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::{Cause, Reason};
use pistreamer_protocol::text;
use pistreamer_recording::Recorder;
use place::{Full, Place};
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// The cameras.
    pub cameras: Cameras,
    /// The viewers.
    pub roster: Roster,
    /// How sessions behave.
    pub sessions: session::Config,
    /// Authentication.
    pub access: Access,
    /// How connections are encrypted, where they are.
    pub tls: Option<Tls>,
    /// All connections.
    pub crowd: Crowd,
    /// Which other origins' pages may use the cameras.
    pub origins: AllowedOrigins,
    /// The host names under which the server is reached.
    pub hosts: KnownHosts,
    /// Proxies whose headers about the client are believed.
    pub proxies: Arc<[IpAddr]>,
    /// Which servers watch, so that none shows itself.
    pub via: Via,
    /// What is known about the configuration that the server follows.
    pub configuration: Configuration,
    /// Where the cameras' settings are asked for and changed.
    pub settings: Settings,
    /// What records the cameras, where anything does.
    pub recorder: Option<Arc<Recorder>>,
    /// What was recorded, where anything is.
    pub recordings: Option<Recordings>,
    /// Those that are sent of it.
    pub films: Films,
    /// What makes MP4s of them.
    pub mp4: Mp4,
    /// How walls of cameras are arranged.
    pub walls: Walls,
    /// Who is told what happens.
    pub alerts: Alerts,
    /// Other servers of the local network.
    pub nearby: Nearby,
    /// When the server started.
    pub started: Instant,
    /// Every connection and session, which the end of the server waits for.
    pub tasks: TaskTracker,
    /// Cancelled when the server is to end.
    pub shutdown: CancellationToken,
}

/// Every route.
pub(crate) fn router(state: State) -> Router {
    let recognise = from_fn_with_state(state.clone(), admit::recognise);
    let live = routes::router(&state)
        .layer(DefaultBodyLimit::max(body::LARGEST_OF_ALL))
        .layer(from_fn(body::whole))
        .layer(from_fn(options))
        .layer(from_fn_with_state(state.clone(), origin::check))
        .layer(from_fn_with_state(state.clone(), visitor::identify))
        .with_state(state.clone());
    // The viewer's files are the same for all clients, so every page may load them. Whether it then gets a picture is
    // decided above, and only a viewer that was loaded can say why not.
    live.fallback(assets::asset.layer(recognise))
        .layer(from_fn_with_state(state, manners))
}

/// Makes a viewer of a connection, unless there are as many as may be.
fn seat(
    state: &State,
    place: &Place,
    grant: &Grant,
    address: SocketAddr,
    camera: &Camera,
    wire: &'static str,
) -> Result<Entry, Box<Response>> {
    let key = grant.credential();
    let viewer = state.roster.viewer(address, camera.id(), wire, key);
    match place.look(Arc::clone(&viewer)) {
        Ok(()) => Ok(state.roster.enter(viewer)),
        Err(full) => Err(no_place(full).into()),
    }
}

/// Why there is no place.
fn no_place(full: Full) -> Response {
    refused(StatusCode::SERVICE_UNAVAILABLE, full.cause())
}

/// Done when a viewer, or what pushes to a camera, has to be disconnected.
fn stop(
    state: &State,
    grant: &Grant,
    place: &Place,
    camera: &Camera,
    viewer: Option<&Viewer>,
) -> impl Future<Output = Stop> + Send + 'static {
    let (shutdown, over, leave) = (state.shutdown.clone(), grant.over(), place.leave.clone());
    let ended = viewer.map_or_else(CancellationToken::new, |viewer| viewer.ended.clone());
    let removed = camera.removed();
    let stop = async move {
        tokio::select! {
            () = shutdown.cancelled_owned() => Stop::Shutdown,
            () = over => Stop::SignedOut,
            () = leave.cancelled_owned() => Stop::Evicted,
            () = ended.cancelled_owned() => Stop::Ended,
            () = removed => Stop::Removed,
        }
    };
    when_woken(stop)
}

/// Answers OPTIONS.
async fn options(request: Request, next: Next) -> Response {
    if request.method() != Method::OPTIONS {
        return next.run(request).await;
    }
    let methods = routes::allowed(request.uri().path());
    let methods = methods.unwrap_or_else(|| METHODS.into());
    (StatusCode::NO_CONTENT, [(header::ALLOW, methods)]).into_response()
}

/// Gives every answer the headers that hold everywhere.
async fn manners(
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Requests in the clear were redirected to https before this.
    if state.tls.as_ref().is_some_and(Tls::is_vouched_for) {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(INSIST_ON_TLS),
        );
    }
    // Nothing live may be cached on the way. The viewer's files say otherwise for themselves.
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static(
            "no-store, no-cache, must-revalidate, private",
        ));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("no-referrer"));
    response
}

/// For 30 days browsers come encrypted only. It holds for every port of the host, but for no host below it.
const INSIST_ON_TLS: &str = "max-age=2592000";

/// The methods that are answered to other origins' pages, and for the viewer's files.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// An answer that tells a person what is wrong.
fn refusal(status: StatusCode, text: impl Into<String>) -> Response {
    let mut text = text.into();
    text.push('\n');
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text,
    )
        .into_response()
}

/// The cause of a refusal and its values, as JSON, for viewers that say it in other languages.
const CAUSE: HeaderName = HeaderName::from_static("pistreamer-cause");

/// The same with a code.
fn refused(status: StatusCode, cause: Cause) -> Response {
    let mut response = refusal(status, text::escaped(&cause.to_string()));
    let reason = Reason {
        text: String::new(),
        ..cause.into()
    };
    let json = serde_json::to_string(&reason).unwrap_or_default();
    // Headers are ASCII.
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    let headers = response.headers_mut();
    if let Ok(cause) = HeaderValue::from_str(&ascii) {
        headers.insert(CAUSE, cause);
        let readable = HeaderValue::from_name(CAUSE);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
    }
    response
}

//! Asks arbitrary requests without a key, directly and as if through a trusted proxy: no answer has anything of the camera
//! in it, and none leads to a host that isn't this one.
//!
//! The first line is method and target, the others are headers up to an empty one, and the rest is the body.

#![no_main]

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use pistreamer::access::{Access, Store};
use pistreamer::camera::{Camera, Context, Registry};
use pistreamer::front::{AllowedOrigins, Crowd, KnownHosts, Limits, State, router};
use pistreamer::fuzzing::{Peer, to_https};
use pistreamer::hub::{self, Frame, Limits as Wanted, Rendition};
use pistreamer::session::{self, Roster};
use pistreamer::source::{Mode, Report};
use std::cell::LazyCell;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// Stands in everything that is the owner's business.
const SECRET: &[u8] = b"Lavender7391";

struct Server {
    runtime: Runtime,
    router: Router,
}

fn hosts() -> KnownHosts {
    KnownHosts::new(&["cam.example.org".into()]).expect("it is a name")
}

fn server() -> Server {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("there is memory");
    let directory = tempfile::tempdir().expect("there is room for a file");
    let access = Access::with(Store::new(directory.path().into())).expect("keys are made");
    let secret = String::from_utf8_lossy(SECRET).into_owned();
    let config = hub::Config {
        most: 3,
        quality: 80,
    };
    let camera = Camera::idle(&secret, config).expect("it is an id");
    camera.report(&Report::Open(&Mode {
        width: 16,
        height: 16,
        fps: 30.0,
    }));
    let size = (16, 16);
    let frame = Frame::new(1, 1, size, SECRET.into()).of(size);
    let _looks = camera.subscribe(Wanted::default());
    camera.feed().publish(Rendition::FULL, frame);
    let state = State {
        cameras: Registry::of(vec![camera], Context::default()).into(),
        configuration: Default::default(),
        roster: Roster::default(),
        sessions: session::Config {
            send_timeout: Duration::from_secs(1),
            ping_interval: Duration::from_secs(1),
        },
        access,
        tls: None,
        crowd: Crowd::new(Limits {
            members: 8,
            per_address: 8,
            guests: 8,
            viewers: 8,
        }),
        origins: AllowedOrigins::new(&["http://dash.example".into()]).expect("it is one"),
        hosts: hosts(),
        proxies: [IpAddr::V4(Ipv4Addr::LOCALHOST)].into(),
        via: Default::default(),
        started: Instant::now(),
        tasks: Default::default(),
        shutdown: Default::default(),
    };
    Server {
        runtime,
        router: router(state),
    }
}

/// The request, and whether it comes through the proxy.
fn request(data: &[u8]) -> Option<Request<Body>> {
    let (from, text) = data.split_first()?;
    let mut lines = text.splitn(2, |byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(target);
    let mut rest = lines.next().unwrap_or_default();
    while !rest.is_empty() {
        let (line, left) = match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => (rest, &[][..]),
        };
        rest = left;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            break;
        };
        request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
    }
    let address = Ipv4Addr::new(127, 0, 0, 1 + from % 2);
    let request = request.extension(Peer((address, 4711).into()));
    request.body(Body::from(rest.to_vec())).ok()
}

/// Redirects go to a host that this server goes by, as somebody else understands URLs.
fn check_redirect(request: &Request<Body>) {
    let answer = to_https(request, &hosts());
    let Some(location) = answer.headers().get(header::LOCATION) else {
        return;
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let host = location.strip_prefix("https://").expect("it is encrypted");
    let host = &host[..host.find(['/', '?', '#', '\\']).unwrap_or(host.len())];
    let host = host.rsplit('@').next().unwrap_or_default();
    let mut again = Request::new(Body::empty());
    let value = host.parse().expect("it came as a header");
    again.headers_mut().insert(header::HOST, value);
    let known = to_https(&again, &hosts())
        .headers()
        .contains_key(header::LOCATION);
    assert!(known, "it leads to {location}");
}

thread_local! {
    static SERVER: LazyCell<Server> = LazyCell::new(server);
}

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else {
        return;
    };
    check_redirect(&request);
    let (path, method) = (request.uri().path().to_owned(), request.method().clone());
    SERVER.with(|server| {
        server.runtime.block_on(async {
            let Ok(answer) = server.router.clone().oneshot(request).await;
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, 1 << 20).await.expect("it ends");
            let shown = [format!("{head:?}").as_bytes(), &body].concat();
            let asked = |window: &[u8]| window == SECRET;
            assert!(
                data.windows(SECRET.len()).any(asked) || !shown.windows(SECRET.len()).any(asked),
                "{method} {path} shows it"
            );
            assert_ne!(head.status, StatusCode::SWITCHING_PROTOCOLS);
            assert_ne!(head.status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(!head.headers.contains_key(header::SET_COOKIE) || method == "DELETE");
        });
    });
});

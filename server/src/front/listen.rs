//! Listeners: binding, accepting, the options of each socket, and the addresses that people can open.

use super::answer::Answer;
use super::peer::{Peer, Secure};
use super::place::{Over, Place};
use super::tls::{self, Stream};
use super::visitor;
use super::{State, router};
use crate::util::handover::{near, when_woken};
use crate::util::host;
use crate::util::log_throttle::EventThrottle;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Another program has the port.
    #[error("port {} is taken by another program: stop it, or choose another port with --listen {}:{}",
        .0.port(), .0.ip(), .0.port().wrapping_add(1).max(1024))]
    Busy(SocketAddr),
    /// The port needs rights that the process doesn't have.
    #[error("port {} needs root: choose one from 1024 up with --listen {}:8000", .0.port(), .0.ip())]
    Forbidden(SocketAddr),
    /// No interface has the address.
    #[error("this machine has no address {}: use --listen 0.0.0.0:{} for all of its addresses", .0.ip(), .0.port())]
    NoSuchAddress(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Unsent bytes that the kernel keeps for a viewer before it calls the socket full. Small, so that which frame is the
/// newest is decided late; large enough to keep a gigabit link busy between two wake-ups.
const UNSENT_LOW_WATER: u32 = 64 << 10;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Bytes of a connection that wait in user space: request headers, and MJPEG parts that its client hasn't taken. Less
/// than a frame, so that no second one is fetched while one waits.
const BUFFERED: usize = 32 << 10;

/// Time for a client to finish its request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest that an answer which is under way may take when what let its connection in is over: the end of a session is
/// written down before it is answered.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Pauses after a connection that could not be accepted: while a stranger's is closed for it, and where none can be.
const SOON: Duration = Duration::from_millis(10);
const LATER: Duration = Duration::from_millis(200);

const NO_DESCRIPTORS: &str = "cannot accept connections for now: where descriptors run out, raise `ulimit -n`, or \
     lower --max-connections and --max-unauthenticated";

const NO_TLS: &str = "refused a connection over TLS, which this port does not speak: open it by http:// or ws:// rather than \
     https:// or wss://, or start pistreamer with --tls self-signed";

impl Listener {
    /// Binds an address; port 0 takes any free port.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let socket = bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::Busy(address),
            io::ErrorKind::PermissionDenied => ListenError::Forbidden(address),
            io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress(address),
            _ => ListenError::Other(address, error),
        })?;
        let address = socket.local_addr().unwrap_or(address);
        Ok(Self { socket, address })
    }

    /// The address that it is bound to, with the real port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can be given side by side.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections until the server shuts down. Connections are tracked in `state.tasks`.
pub(crate) async fn serve(listener: Listener, state: State) {
    let router = router(state.clone());
    loop {
        let accepted = tokio::select! {
            () = state.shutdown.cancelled() => return,
            accepted = listener.socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let proxy = state.proxies.contains(&peer.ip().to_canonical());
                let place = Place::enter(&state.crowd, peer.ip(), proxy);
                let (router, state) = (router.clone(), state.clone());
                let tasks = state.tasks.clone();
                tasks.spawn(near(connection(stream, peer, place, router, state)));
                // Of a burst, each connection is checked before their number makes one of them close.
                yield_now().await;
            }
            // It was gone before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of descriptors, most likely. Those who were let in go on; whoever comes waits in the backlog until a
                // stranger has gone.
                let gone = state.crowd.make_room();
                if let Some(times) = state.crowd.not_accepted() {
                    tracing::warn!(%error, times, "{NO_DESCRIPTORS}");
                }
                sleep(if gone { SOON } else { LATER }).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    router: Router,
    state: State,
) {
    if let Err(error) = tune(&stream, state.sessions.send_timeout) {
        tracing::debug!(%error, %peer, "cannot set socket options");
    }
    let place = Arc::new(place);
    let stay = Arc::clone(&place);
    let leave = stay.over();
    tokio::pin!(leave);
    let stream = match &state.tls {
        None => {
            let greeted = tokio::select! {
                greeted = timeout(HEADER_TIMEOUT, tls::first_byte(&stream)) => greeted,
                _ = &mut leave => return,
                () = state.shutdown.cancelled() => return,
            };
            // One that left, or says nothing, is over.
            let Ok(Ok(Some(first))) = greeted else {
                return;
            };
            if first == tls::HANDSHAKE {
                static REFUSED: EventThrottle = EventThrottle::new();
                if let Some(times) = REFUSED.again() {
                    tracing::warn!(%peer, times, "{NO_TLS}");
                }
            }
            // The answer in plain HTTP shows the client that this is no TLS.
            Stream::Left(stream)
        }
        Some(tls) => {
            let greeting = timeout(HEADER_TIMEOUT, tls.accept(stream));
            let greeted = tokio::select! {
                greeted = greeting => greeted,
                _ = &mut leave => return,
                () = state.shutdown.cancelled() => return,
            };
            match greeted {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    tracing::debug!(%error, %peer, "a TLS handshake failed");
                    return;
                }
                Err(_) => {
                    tracing::debug!(%peer, "a TLS handshake took too long");
                    return;
                }
            }
        }
    };
    let secure = matches!(stream, Stream::Right(_));
    let to_https = state.tls.is_some() && !secure;
    let hosts = state.hosts.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(Secure(secure));
        request.extensions_mut().insert(Arc::clone(&place));
        let request = request.map(Body::new) as Request;
        let (router, hosts, busy) = (router.clone(), hosts.clone(), place.begin());
        async move {
            let response = if to_https {
                visitor::to_https(&request, &hosts)
            } else {
                // It cannot fail.
                let Ok(response) = router.oneshot(request).await;
                response
            };
            Ok::<_, Infallible>(Answer::of(response, busy))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(BUFFERED)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let over = pin!(when_woken(async {
        tokio::select! {
            over = leave => Some(over),
            () = state.shutdown.cancelled() => None,
        }
    }));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        over = over => {
            connection.as_mut().graceful_shutdown();
            match over {
                // A device that signs itself out is still told so. Whatever shows pictures ends by itself.
                Some(Over::SignedOut) => {
                    let _ = timeout(LAST_WORDS, connection).await;
                    return;
                }
                Some(Over::Evicted) => return,
                None => connection.await,
            }
        }
    };
    match ended {
        Err(error) if took_nothing(&error) => {
            static DROPPED: EventThrottle = EventThrottle::new();
            if let Some(times) = DROPPED.again() {
                tracing::info!(%peer, times, "dropped a client that reads nothing");
            }
        }
        Err(error) => tracing::debug!(%error, %peer, "a connection broke"),
        Ok(()) => {}
    }
}

/// Whether the kernel gave a client up.
fn took_nothing(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    // Who has left the network is unreachable once nobody knows the address any more.
    let kinds = [
        io::ErrorKind::TimedOut,
        io::ErrorKind::HostUnreachable,
        io::ErrorKind::NetworkUnreachable,
    ];
    cause.is_some_and(|cause: &io::Error| kinds.contains(&cause.kind()))
}

/// A client whose system acknowledges nothing for so long has vanished: one that left the Wi-Fi says no goodbye, and the
/// kernel would wait a quarter of an hour for it. So has one that takes nothing, though its system is there.
fn tune(stream: &TcpStream, vanished: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // A packet that is sent again takes longer than the shortest timeout that can be chosen.
    socket.set_tcp_user_timeout(Some(vanished.max(Duration::from_secs(1))))?;
    socket.set_tcp_notsent_lowat(UNSENT_LOW_WATER)
}

/// What people can open to see a listener's viewer: this machine, its mDNS name where it has one, and each of its LAN addresses.
pub(crate) fn urls(address: SocketAddr, encrypted: bool) -> Vec<String> {
    let scheme = if encrypted { "https" } else { "http" };
    let url = |host: &str| format!("{scheme}://{host}:{}/", address.port());
    if !address.ip().is_unspecified() {
        return vec![format!("{scheme}://{address}/")];
    }
    let mut urls = vec![url("localhost")];
    urls.extend(host::local_name().map(|name| url(&name)));
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    urls.extend(
        interfaces
            .iter()
            .filter(|interface| !interface.is_loopback())
            .filter_map(|interface| {
                match interface.ip() {
                    IpAddr::V4(ip) if address.is_ipv4() => Some(url(&ip.to_string())),
                    // A link-local address needs a zone, which browsers don't take.
                    IpAddr::V6(ip) if address.is_ipv6() && !ip.is_unicast_link_local() => {
                        Some(url(&format!("[{ip}]")))
                    }
                    _ => None,
                }
            }),
    );
    urls
}

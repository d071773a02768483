//! The client's address and the host name that it asked for: through trusted proxies, and for no host but this one.
//!
//! A page elsewhere can make its own name lead to this server's address after it was loaded (DNS rebinding), and is then
//! of the same origin as the server in the eyes of the browser. The name in the Host header gives it away.

use super::origin::{FORWARDED_HOST, forwarded_hosts, is_plain, without_port};
use super::peer::{Peer, Secure};
use super::place::Place;
use super::{State, refusal, refused};
use crate::util::log_throttle::{EventThrottle, short};
use axum::extract::{self, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pistreamer_protocol::message::Cause;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Endings under which no name can be registered on the internet, so that no rebinding page can have one.
/// What a router calls itself is not enough: `.box` has been for sale since 2024, and strangers have owned `fritz.box`.
const PRIVATE_ENDINGS: [&str; 8] = [
    // Reserved for good by RFC 6762, 6761, 8375 and 6761, and in 2024 by ICANN for private networks.
    "local",
    "localhost",
    "home.arpa",
    "test",
    "internal",
    // ICANN decided in 2018 not to delegate it, because routers use it.
    "home",
    // Not delegated, and in such wide use in private networks (RFC 6762, Appendix G; OpenWrt, dnsmasq, systemd) that it
    // would collide as `home` does.
    "lan",
    "localdomain",
];

/// The names that this server goes by.
#[derive(Clone, Debug, Default)]
pub struct KnownHosts(Arc<[String]>);

impl KnownHosts {
    /// Besides addresses, names without a dot and names that only exist in private networks: these.
    ///
    /// # Errors
    /// Where one is no name, which would match nothing.
    pub fn new(names: &[String]) -> Result<Self, HostError> {
        names
            .iter()
            .map(|text| {
                let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
                let is_address = unbracketed(&name).parse::<IpAddr>().is_ok();
                if is_address || is_name(&name) {
                    return Ok(name);
                }
                Err(HostError {
                    text: text.clone(),
                    instead: name_within(&name).unwrap_or("cam.example.org").to_owned(),
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether a Host header, with or without a port, names this server.
    fn knows(&self, host: &str) -> bool {
        let name = without_port(host)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let address = unbracketed(&name);
        let private = || {
            PRIVATE_ENDINGS.iter().any(|ending| {
                name.strip_suffix(ending)
                    .is_some_and(|rest| rest.ends_with('.'))
            })
        };
        let known = !name.contains('.') && !name.is_empty()
            || address.parse::<IpAddr>().is_ok()
            || private()
            || self.0.contains(&name);
        known && is_plain(host)
    }
}

/// Why a text is not a name for this server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a host is a bare name, without scheme, port, path or *, and each of several is given by itself: write {instead} \
     rather than {text:?}"
)]
pub struct HostError {
    text: String,
    instead: String,
}

/// Whether a text can be the name in a Host header.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !text.is_empty() && text.bytes().all(plain) && text.split('.').all(|label| !label.is_empty())
}

/// The name that is meant by a URL, a name with a port, or all names of a domain.
fn name_within(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let name = without_port(host)
        .trim_start_matches("*.")
        .trim_end_matches('.');
    (is_name(name) && name.contains('.')).then_some(name)
}

/// An address without the brackets that IPv6 has in URLs.
fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Takes over what a trusted proxy says about the client, and refuses requests for hosts that aren't this one.
pub(super) async fn identify(
    extract::State(state): extract::State<State>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
        return refusal(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the connection has no peer",
        );
    };
    if let Some(host) = strange_host(&state, request.headers()) {
        static REFUSED: EventThrottle = EventThrottle::new();
        let name = short(without_port(host));
        if let Some(times) = REFUSED.again() {
            tracing::warn!(host = name, times, "refused a request for another host");
        }
        let name = name.into();
        return refused(StatusCode::MISDIRECTED_REQUEST, Cause::HostUnknown { name });
    }
    let mut secure = request.extensions().get().copied().unwrap_or(Secure(false));
    if state.proxies.contains(&peer.ip().to_canonical()) {
        let headers = request.headers_mut();
        if let Some(proto) = last(headers, &FORWARDED_PROTO) {
            // Some proxies say wss of a WebSocket.
            secure = Secure(["https", "wss"].contains(&proto));
        }
        let address = last(headers, &FORWARDED_FOR).and_then(|from| from.parse::<IpAddr>().ok());
        let host = last(headers, &FORWARDED_HOST).map(HeaderValue::from_str);
        if let Some(Ok(host)) = host {
            headers.insert(header::HOST, host);
            headers.remove(FORWARDED_HOST);
        }
        if let Some(address) = address {
            if let Some(place) = request.extensions().get::<Arc<Place>>() {
                place.used_by(address);
            }
            request
                .extensions_mut()
                .insert(Peer(SocketAddr::new(address, peer.port())));
        }
    }
    request.extensions_mut().insert(secure);
    next.run(request).await
}

/// The host that a request names and that isn't this one. What a proxy was asked for counts as well, trusted or not: many
/// a proxy, such as Trunk's, answers to every name, and a rebinding page would come through it.
fn strange_host<'a>(state: &State, headers: &'a HeaderMap) -> Option<&'a str> {
    // Programs of old speak HTTP/1.0 without a Host. Browsers always send one.
    let host = headers.get(header::HOST);
    let host = host.map(|host| host.to_str().unwrap_or_default());
    let strange = |host: &&str| !state.hosts.knows(host);
    host.filter(strange).or_else(|| {
        forwarded_hosts(headers).find(|host| strange(host) && !state.origins.name(host))
    })
}

/// Redirects a request over plain HTTP, on a server that encrypts, to the same address over https.
pub(super) fn to_https(request: &Request, hosts: &KnownHosts) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let location = host
        .filter(|host| hosts.knows(host) && path.starts_with('/'))
        .and_then(|host| HeaderValue::from_str(&format!("https://{host}{path}")).ok());
    match location {
        Some(location) => {
            let headers = [(header::LOCATION, location)];
            (StatusCode::PERMANENT_REDIRECT, headers).into_response()
        }
        None => refusal(
            StatusCode::UPGRADE_REQUIRED,
            "this server encrypts: use https:// or wss://",
        ),
    }
}

/// The last entry of a list: the one that the nearest proxy wrote.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_rebinding_page_can_have_are_known() {
        let hosts = KnownHosts::new(&["Cam.Example.org".into()]).unwrap();
        for known in [
            "localhost:8000",
            "192.168.1.5:8000",
            "192.168.1.5",
            "[fe80::1]:8000",
            "[::1]",
            "pi",
            "pi.local:8000",
            "pi.local.",
            "raspberrypi.lan",
            "cam.example.org:8443",
            "CAM.example.ORG",
        ] {
            assert!(hosts.knows(known), "{known} is refused");
        }
        for strange in [
            "evil.example",
            "raspberrypi.fritz.box",
            "fritz.box",
            "evil.example:8000",
            "local.evil.example",
            "evillocal.example",
            "192.168.1.5.evil.example",
            "",
            ":8000",
            "cam.example.org.evil.example",
            "x.cam.example.org",
            // Another host, with a known name behind it.
            "evil.example/.local",
            "evil.example#.local",
            "evil.example\\.local",
            "evil.example%2f.local",
            "me@pi",
            "a b",
        ] {
            assert!(!hosts.knows(strange), "{strange} is let in");
        }
    }

    #[test]
    fn names_that_could_match_nothing_are_refused_with_the_one_that_is_meant() {
        for name in [
            "cam.example.org",
            " CAM.example.org. ",
            "a_b-c",
            "192.0.2.1",
            "[::1]",
            "::1",
        ] {
            assert!(KnownHosts::new(&[name.into()]).is_ok(), "{name}");
        }
        for text in [
            "https://cam.example.org",
            "cam.example.org:8000",
            "cam.example.org/",
            "http://me@cam.example.org:80/live?x#y",
            "*.cam.example.org",
        ] {
            let error = KnownHosts::new(&[text.into()]).unwrap_err().to_string();
            assert!(
                error.contains("write cam.example.org rather than"),
                "{error}"
            );
        }
        for text in [
            "",
            "*",
            "a b",
            "cam.example.org,other.example.org",
            "k\u{e4}mera.example",
            "a..b",
        ] {
            let error = KnownHosts::new(&[text.into()]).unwrap_err().to_string();
            assert!(
                error.contains("write cam.example.org rather than"),
                "{error}"
            );
        }
        let hosts = KnownHosts::new(&["Cam.Example.Org.".into()]).unwrap();
        assert!(hosts.knows("cam.example.org:8000") && !hosts.knows("other.example.org"));
    }
}

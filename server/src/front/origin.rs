//! Which pages may use the cameras: their own server's, and those of the origins on a list.
//!
//! A browser names the page's origin in every WebSocket upgrade and every cross-origin fetch (RFC 6454 §7); without this
//! check any page that its owner visits could read the camera. Programs send no Origin and are not concerned.

use super::peer::Secure;
use super::query::Query;
use super::{METHODS, State, refusal, refused};
use crate::util::log_throttle::{EventThrottle, short};
use axum::extract::{self, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use pistreamer_protocol::message::Cause;
use std::sync::Arc;

/// Other origins whose pages may use the cameras, such as `https://home.example:8123`.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Arc<[String]>);

/// What the server's own pages may do: run their own scripts and WebAssembly, in workers too, and connect to cameras,
/// also those of other servers, whose plain streams are images. Older Safari does not count `ws:` as `'self'`.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; \
    style-src 'self'; img-src 'self' blob: data: http: https:; media-src 'self' blob:; manifest-src 'self'; \
    connect-src 'self' ws: wss: http: https:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// Why a text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an origin: write it like http://192.168.1.5:8123, with no path")]
pub struct OriginError(String);

impl AllowedOrigins {
    /// A list of origins, each a scheme, a host, and a port where it isn't the scheme's own.
    pub fn new(origins: &[String]) -> Result<Self, OriginError> {
        origins
            .iter()
            .map(|origin| parse(origin))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The Content-Security-Policy of the server's own pages, which only pages of these origins may frame, and those of
    /// one more.
    pub(super) fn page_policy(&self, embedder: Option<&str>) -> HeaderValue {
        let framed_by = self.0.iter().map(String::as_str).chain(embedder);
        let mut policy = String::from(PAGE_POLICY);
        for origin in framed_by {
            policy.push(' ');
            policy.push_str(origin);
        }
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static(PAGE_POLICY))
    }

    /// Whether pages of that host, with or without a port, are on the list.
    pub(super) fn name(&self, host: &str) -> bool {
        ["http", "https"]
            .map(|scheme| format!("{scheme}://{host}"))
            .iter()
            .any(|origin| self.contains(origin))
    }

    fn contains(&self, origin: &str) -> bool {
        normal(origin).is_some_and(|origin| self.0.contains(&origin))
    }
}

/// An origin as it was typed, in the form in which browsers send it.
pub(super) fn parse(origin: &str) -> Result<String, OriginError> {
    normal(origin).ok_or_else(|| OriginError(origin.into()))
}

/// An origin in the form in which browsers send it: lower case, no default port, no slash at the end.
fn normal(origin: &str) -> Option<String> {
    let origin = origin.trim().trim_end_matches('/').to_ascii_lowercase();
    let (scheme, authority) = origin.split_once("://")?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let authority = authority.strip_suffix(default_port).unwrap_or(authority);
    is_plain(authority).then(|| format!("{scheme}://{authority}"))
}

/// Whether a text has only what a host and a port are made of. Such texts also stand in headers and addresses, where
/// anything else could mean another host.
pub(super) fn is_plain(authority: &str) -> bool {
    let plain = |letter: u8| letter.is_ascii_alphanumeric() || b".:-_[]".contains(&letter);
    !authority.is_empty() && authority.bytes().all(plain)
}

/// Whether two texts are the same origin.
pub(super) fn is_same(origin: &str, other: &str) -> bool {
    let origin = normal(origin);
    origin.is_some() && origin == normal(other)
}

/// What a proxy was asked for, where it says so.
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The hosts that proxies on the way say they were asked for. A page cannot say so in a request to another origin:
/// WebSockets, forms and pictures take no headers of the page's, and `fetch` asks first, which is refused.
pub(super) fn forwarded_hosts(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(&FORWARDED_HOST).iter();
    values
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
}

/// Whether an Origin is that of the server's own pages: same scheme, host and port as the request was sent to, or as a proxy
/// was asked for, which then serves these pages. The Host is the proxy's own choice then: Trunk's has no port.
///
/// What came encrypted is for encrypted pages alone: anybody on the way can put a page of the same host and port into plain
/// HTTP. What came in the clear may have come to a proxy that encrypts and does not say so.
pub(super) fn is_own(origin: &str, headers: &HeaderMap, Secure(secure): Secure) -> bool {
    let Some(origin) = normal(origin) else {
        return false;
    };
    let is_at = |host: &str| {
        let own = |scheme| normal(&format!("{scheme}://{host}"));
        own("https").as_ref() == Some(&origin) || !secure && own("http").as_ref() == Some(&origin)
    };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut forwarded = forwarded_hosts(headers).peekable();
    if forwarded.peek().is_none() {
        return is_at(host);
    }
    // Some proxies leave out the port here and not there.
    forwarded.any(|asked| is_at(asked) || (without_port(host) == asked && is_at(host)))
}

/// Whether a request comes from a page of the server's own, from what a person typed, or from a program. Browsers say so
/// themselves (Fetch Metadata, W3C) where they trust the connection, which is over https and on the same machine. Elsewhere
/// the origin says it, which a browser leaves out of a link: `unsaid` is what to take that for.
pub(super) fn is_asked_from_here(headers: &HeaderMap, secure: Secure, unsaid: bool) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    if let Some(site) = headers.get("sec-fetch-site").map(text) {
        return matches!(site.as_str(), "same-origin" | "none");
    }
    match headers.get(header::ORIGIN).map(text) {
        Some(origin) => is_own(&origin, headers, secure),
        None => unsaid,
    }
}

/// The refusal of a page in the frame of another origin's page, which may not frame it: the browser would show an empty frame.
/// What it says has nothing of a camera in it, and nothing to click. Frames without a referrer are left to the browser.
pub(super) fn framed_elsewhere(state: &State, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let is_framed = match text(HeaderName::from_static("sec-fetch-dest")) {
        Some(dest) => matches!(dest, "iframe" | "frame" | "embed" | "object"),
        // Over plain HTTP they don't say. This path is for frames.
        None => request.uri().path().ends_with("/embed"),
    };
    let mut parts = text(header::REFERER).filter(|_| is_framed)?.splitn(4, '/');
    let (scheme, _, authority) = (parts.next()?, parts.next()?, parts.next()?);
    let origin = normal(&format!("{scheme}//{authority}"))?;
    let secure = request.extensions().get().copied().unwrap_or(Secure(false));
    let from_here = is_asked_from_here(headers, secure, false);
    let ticket = Query::parse(request.uri().query().unwrap_or_default());
    let is_admitted =
        (ticket.get("ticket")).is_some_and(|ticket| state.access.ticket_admits(ticket, &origin));
    if from_here
        || is_own(&origin, headers, secure)
        || state.origins.contains(&origin)
        || is_admitted
    {
        return None;
    }
    let text = format!(
        "pages of {origin} may not show this camera: start pistreamer with --allow-origin {origin} to let them"
    );
    let mut response = refusal(StatusCode::FORBIDDEN, text);
    let varies = HeaderValue::from_static("Referer, Sec-Fetch-Dest");
    response.headers_mut().insert(header::VARY, varies);
    Some(response)
}

/// A host without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Refuses requests of other origins' pages unless they are on the list; those get the CORS headers that they need.
pub(super) async fn check(
    extract::State(state): extract::State<State>,
    request: Request,
    next: Next,
) -> Response {
    let Some(origin) = request.headers().get(header::ORIGIN).cloned() else {
        return next.run(request).await;
    };
    let text = origin.to_str().unwrap_or_default();
    let secure = request.extensions().get().copied().unwrap_or(Secure(false));
    if is_own(text, request.headers(), secure) {
        return next.run(request).await;
    }
    let ticket = Query::parse(request.uri().query().unwrap_or_default());
    let admitted = || {
        let origin = normal(text)?;
        let ticket = ticket.get("ticket")?;
        state.access.ticket_admits(ticket, &origin).then_some(())
    };
    if !state.origins.contains(text) && admitted().is_none() {
        static REFUSED: EventThrottle = EventThrottle::new();
        if let Some(times) = REFUSED.again() {
            let (origin, path) = (short(text), short(request.uri().path()));
            tracing::warn!(origin, path, times, "refused a page of another origin");
        }
        let cause = if text == "null" {
            Cause::PageWithoutAddress
        } else {
            Cause::PageNotAllowed { page: text.into() }
        };
        // The page may read this much: its viewer shows why there is no picture.
        return readable(refused(StatusCode::FORBIDDEN, cause), origin);
    }
    let preflight = request.method() == Method::OPTIONS;
    let mut response = readable(next.run(request).await, origin);
    if preflight {
        let headers = response.headers_mut();
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("*"),
        );
    }
    response
}

/// The answer with what lets pages of that origin read it (the CORS protocol of the Fetch standard).
fn readable(mut response: Response, origin: HeaderValue) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_over(secure: bool, origin: &str, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        is_own(origin, &headers, Secure(secure))
    }

    fn own(origin: &str, host: &str) -> bool {
        own_over(false, origin, host)
    }

    #[test]
    fn the_own_origin_has_the_same_host_and_port() {
        assert!(own("http://pi.local:8000", "pi.local:8000"));
        assert!(own("http://pi.local", "pi.local:80"));
        assert!(own("https://pi.local", "pi.local"));
        assert!(own("http://[fe80::1]:8000", "[fe80::1]:8000"));
        assert!(!own("http://pi.local:9000", "pi.local:8000"));
        assert!(!own("http://evil.example", "pi.local:8000"));
        assert!(!own("http://pi.local:8000.evil.example", "pi.local:8000"));
        assert!(!own("null", "pi.local:8000"));
    }

    #[test]
    fn what_came_encrypted_is_for_encrypted_pages_alone() {
        for host in ["pi.local", "pi.local:443", "pi.local:8443"] {
            assert!(own_over(true, &format!("https://{host}"), host));
            assert!(!own_over(true, &format!("http://{host}"), host));
        }
        assert!(!own_over(true, "http://pi.local:443", "pi.local"));
    }

    #[test]
    fn a_browser_says_from_where_it_is_sent_here() {
        let here = |site: Option<&str>, origin: Option<&str>, unsaid| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("pi:8000"));
            let mut put = |name: &'static str, value: Option<&str>| {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_str(value).unwrap());
                }
            };
            put("sec-fetch-site", site);
            put("origin", origin);
            is_asked_from_here(&headers, Secure(false), unsaid)
        };
        for unsaid in [true, false] {
            assert!(here(Some("same-origin"), Some("http://pi:8000"), unsaid));
            assert!(here(Some("none"), None, unsaid));
            assert!(here(None, Some("http://pi:8000"), unsaid));
            for site in ["cross-site", "same-site", ""] {
                assert!(!here(Some(site), None, unsaid));
                assert!(!here(Some(site), Some("http://pi:8000"), unsaid));
            }
            for origin in ["null", "http://pi:9000", "http://evil.example"] {
                assert!(!here(None, Some(origin), unsaid));
            }
            assert_eq!(here(None, None, unsaid), unsaid);
        }
    }

    #[test]
    fn behind_a_proxy_the_own_origin_is_what_the_proxy_was_asked_for() {
        let own = |origin: &str, host: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            for host in forwarded {
                headers.append(FORWARDED_HOST, HeaderValue::from_str(host).unwrap());
            }
            is_own(origin, &headers, Secure(false))
        };
        let trunk = ["localhost:8080"];
        assert!(own("http://localhost:8080", "127.0.0.1", &trunk));
        assert!(own("https://localhost:8080", "127.0.0.1", &trunk));
        assert!(!own("http://localhost:9999", "127.0.0.1", &trunk));
        assert!(!own("http://localhost", "127.0.0.1", &trunk));
        // What has the port that browsers leave out is on another port than Trunk.
        assert!(!own("http://127.0.0.1", "127.0.0.1", &trunk));
        assert!(!own("http://127.0.0.1", "127.0.0.1", &["127.0.0.1:8080"]));
        assert!(!own("http://localhost:8080", "localhost:8080", &[""]));
        assert!(own("http://pi.local:81", "pi.local:81", &["pi.local"]));
        assert!(!own("http://pi.local:81", "pi.local:80", &["pi.local"]));
        let chain = ["a.local, b.local:81", "c.local"];
        assert!(own("http://b.local:81", "d.local", &chain));
        assert!(!own("http://d.local", "d.local", &chain));
    }

    #[test]
    fn the_list_takes_origins_and_nothing_else() {
        let origins = AllowedOrigins::new(&[
            "https://Home.example:443/".into(),
            "http://10.0.0.2:8123".into(),
        ])
        .unwrap();
        assert!(origins.contains("https://home.example"));
        assert!(!origins.contains("http://home.example"));
        assert!(!origins.contains("null"));
        for bad in [
            "*",
            "home.example",
            "http://a/b",
            "ftp://a",
            "http://",
            "http://user@a",
            "http://a;sandbox",
            "http://a\thttps:",
        ] {
            assert!(
                AllowedOrigins::new(&[bad.into()]).is_err(),
                "{bad} was taken for an origin"
            );
        }
    }
}

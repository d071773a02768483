//! GET requests, with redirects, cookies and sign-in, over one connection that is kept between them.
//!
//! Interpreting responses belongs to [`super`], bytes to `wire`, authentication to `login`.

use super::location;
use super::wire::{self, RequestError, Response, Wire};
use super::{Known, SourceError};
use axum::http::{HeaderValue, StatusCode, header};
use pistreamer_client::{Endpoint, dial};
use pistreamer_network_camera::head::HeadError;
use pistreamer_network_camera::login::{self, Asked, Denied};
use pistreamer_protocol::message::Cause;
use std::fmt::Write as _;

/// Maximum number of redirects.
const REDIRECTS: usize = 10;

/// Largest error page, in bytes, that is read so that the connection can be kept.
const REFUSAL: usize = 64 << 10;

/// Challenges answered for one request: the first, and one that only brings a fresh nonce.
const CHALLENGES: usize = 2;

/// A camera that is asked over one connection at a time.
pub(super) struct Connection<'a> {
    endpoint: Endpoint,
    /// True if a redirect led away from the host that the password is for.
    withheld: bool,
    known: &'a mut Known,
    wire: Option<Wire>,
}

impl<'a> Connection<'a> {
    /// A connection that is made with the first request.
    pub(super) fn new(endpoint: Endpoint, known: &'a mut Known) -> Self {
        known.login.begin_anew();
        Self {
            endpoint,
            withheld: false,
            known,
            wire: None,
        }
    }

    /// The response, once its head has arrived with a good status.
    pub(super) async fn get(&mut self) -> Result<Response, SourceError> {
        for _ in 0..=REDIRECTS {
            let response = self.known_request().await?;
            let status = response.head.status;
            let location = response.head.headers.get(header::LOCATION);
            match location.map(location::text) {
                Some(location) if status.is_redirection() => {
                    self.wire = response.passed_over(REFUSAL).await;
                    self.redirect(&location)?;
                }
                _ if status.is_success() => return Ok(response),
                _ => return Err(self.refused_with(response).await),
            }
        }
        Err(Cause::RedirectsInCircle.into())
    }

    /// Takes the connection back from a response that has been read.
    pub(super) fn keep(&mut self, response: Response) {
        self.wire = response.into_wire();
    }

    /// Where the pictures come from, after all redirects.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The response to a request, which is repeated with credentials if the camera asks for them.
    async fn known_request(&mut self) -> Result<Response, SourceError> {
        let mut response = self.request().await?;
        for _ in 0..CHALLENGES {
            if response.head.status != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            if self.withheld {
                return Err(self.refused(StatusCode::UNAUTHORIZED));
            }
            let asked = self
                .known
                .login
                .challenged(&response.head.headers, &self.endpoint);
            let asked = asked.map_err(|why| denied(StatusCode::UNAUTHORIZED, why))?;
            // The connection can be reused once the error page has been read.
            self.wire = response.passed_over(REFUSAL).await;
            response = self.request().await?;
            let is_refused = response.head.status == StatusCode::UNAUTHORIZED;
            if is_refused && asked == Asked::First && !login::is_stale(&response.head.headers) {
                return Err(self.refused(StatusCode::UNAUTHORIZED));
            }
        }
        Ok(response)
    }

    /// The response to one request, over the kept connection if there is one. A camera may close that at the moment of the
    /// next request, which is no failure yet: the request is repeated over a new one.
    async fn request(&mut self) -> Result<Response, SourceError> {
        let request = self.head();
        let kept = match self.wire.take() {
            Some(wire) => wire.ask(&request).await.inspect_err(|error| {
                tracing::debug!(%error, "asking again over a new connection");
            }),
            None => Err(RequestError::Closed),
        };
        let response = match kept {
            Ok(response) => response,
            Err(_) => {
                let stream = dial::dial(&self.endpoint, super::WEDGED).await;
                let stream = stream.map_err(|error| self.failed(&error))?;
                let answered = Wire::new(stream).ask(&request).await;
                answered.map_err(|error| self.failed(&error))?
            }
        };
        self.known
            .cookies
            .keep(&self.endpoint, &response.head.headers);
        Ok(response)
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> SourceError {
        let cause = Cause::NotFetched {
            address: self.endpoint.to_string(),
            error: error.to_string(),
        };
        cause.into()
    }

    /// The request as bytes.
    fn head(&mut self) -> Vec<u8> {
        let mut text = format!("GET {} HTTP/1.1\r\n", self.endpoint.path);
        for (name, value) in [
            ("Host", self.endpoint.authority().as_str()),
            (
                "User-Agent",
                concat!("pistreamer/", env!("CARGO_PKG_VERSION")),
            ),
            ("Accept", "multipart/x-mixed-replace, image/jpeg, */*;q=0.1"),
            ("Accept-Encoding", IDENTITY),
        ] {
            write!(text, "{name}: {value}\r\n").expect("writing to a string cannot fail");
        }
        let mut request = text.into_bytes();
        let mut add = |name: &str, value: Option<HeaderValue>| {
            if let Some(value) = value {
                request.extend([name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
        };
        add("Authorization", self.known.login.header(&self.endpoint));
        add("Cookie", self.known.cookies.header(&self.endpoint));
        request.extend(b"\r\n");
        request
    }

    fn redirect(&mut self, location: &str) -> Result<(), SourceError> {
        let mut target = location::resolve(&self.endpoint, location).map_err(|error| {
            Cause::RedirectsWrongly {
                error: error.to_string(),
            }
        })?;
        let place = |endpoint: &Endpoint| (endpoint.host.clone(), endpoint.port, endpoint.tls);
        if place(&self.endpoint) != place(&target) {
            self.wire = None;
        }
        // A password is for the host that it was given for.
        let given = self.endpoint.credentials.take();
        let keeps = is_same_place(&self.endpoint, &target);
        self.withheld |= given.is_some() && !keeps;
        target.credentials = given.filter(|_| keeps);
        self.endpoint = target;
        Ok(())
    }

    /// Why a response is no good, for which its page may be read.
    async fn refused_with(&self, mut response: Response) -> SourceError {
        let status = response.head.status;
        if status == StatusCode::BAD_REQUEST && !self.endpoint.tls {
            let page = response.beginning(PAGE).await.unwrap_or_default();
            if wire::asks_for_tls(page) {
                return self.failed(&HeadError::Tls);
            }
        }
        self.refused(status)
    }

    fn refused(&self, status: StatusCode) -> SourceError {
        let status_text = status.to_string();
        let cause = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.withheld => {
                Cause::PasswordWithheld {
                    address: self.endpoint.to_string(),
                }
            }
            StatusCode::UNAUTHORIZED => denied(status, Denied::Wrong),
            StatusCode::FORBIDDEN if self.endpoint.credentials.is_some() => Cause::UserNotAllowed {
                status: status_text,
            },
            StatusCode::FORBIDDEN => denied(status, Denied::Missing),
            StatusCode::NOT_FOUND => Cause::PathWrong {
                status: status_text,
            },
            _ => Cause::CameraStatus {
                status: status_text,
            },
        };
        cause.into()
    }
}

/// How much of an error page is quoted.
const PAGE: usize = 512;

/// Whether a redirect stays where it was, or goes on to encryption there.
fn is_same_place(from: &Endpoint, to: &Endpoint) -> bool {
    let place = |endpoint: &Endpoint| (endpoint.tls, endpoint.port);
    from.host.eq_ignore_ascii_case(&to.host)
        && (place(from) == place(to) || (place(from), place(to)) == ((false, 80), (true, 443)))
}

/// Why the camera does not let this server in.
fn denied(status: StatusCode, why: Denied) -> Cause {
    let status = status.to_string();
    match why {
        Denied::Missing => Cause::PasswordMissing { status },
        Denied::Wrong => Cause::PasswordWrong { status },
        Denied::Unsafe => Cause::PasswordUnsafe { status },
        Denied::Unknown => Cause::AuthenticationUnknown { status },
    }
}

/// How a body is encoded that is sent as it is.
pub(super) const IDENTITY: &str = "identity";

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn a_kept_connection_that_is_closed_when_it_is_used_again_is_no_failure() {
        async fn asked(stream: &mut TcpStream) {
            assert!(stream.read(&mut [0; 2048]).await.unwrap() > 0);
        }
        const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njpeg";
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let camera = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            asked(&mut stream).await;
            stream.write_all(ANSWER).await.unwrap();
            asked(&mut stream).await;
            drop(stream);
            let (mut stream, _) = listener.accept().await.unwrap();
            asked(&mut stream).await;
            stream.write_all(ANSWER).await.unwrap();
            // A fresh connection that breaks is a failure: requests are not repeated for ever.
            asked(&mut stream).await;
            drop(stream);
            let (mut stream, _) = listener.accept().await.unwrap();
            asked(&mut stream).await;
        };
        let endpoint = Endpoint::parse(&url, &super::super::SCHEMES).unwrap();
        let mut known = Known::default();
        let mut connection = Connection::new(endpoint, &mut known);
        let fetched = async {
            for _ in 0..2 {
                let mut response = connection.get().await.unwrap();
                assert_eq!(response.whole(4).await.unwrap(), "jpeg");
                connection.keep(response);
            }
            connection.get().await.map(|_| ()).unwrap_err()
        };
        let (error, ()) = tokio::join!(fetched, camera);
        assert!(error.to_string().contains("cannot fetch"), "{error}");
    }

    fn redirected<'a>(known: &'a mut Known, from: &str, location: &str) -> Connection<'a> {
        let endpoint = Endpoint::parse(from, &super::super::SCHEMES);
        let mut connection = Connection::new(endpoint.unwrap(), known);
        connection.redirect(location).unwrap();
        connection
    }

    #[test]
    fn a_password_stays_with_the_host_that_it_was_given_for() {
        for (from, location, kept) in [
            ("http://me:secret@cam/a", "/b?x=1", true),
            ("http://me:secret@cam/a", "b.jpg", true),
            ("http://me:secret@cam/a", "http://CAM/b", true),
            ("http://me:secret@cam/a", "https://cam/a", true),
            ("http://me:secret@cam/a", "https://cam:444/a", false),
            ("http://me:secret@cam/a", "http://cam:81/b", false),
            ("http://me:secret@cam/a", "//elsewhere/a", false),
            ("http://me:secret@cam/a", "https://elsewhere/", false),
            ("http://me:secret@cam:81/a", "https://cam/", false),
            ("https://me:secret@cam/a", "http://cam/a", false),
            ("https://me:secret@cam/a", "http://cam:443/a", false),
        ] {
            let mut known = Known::default();
            let connection = redirected(&mut known, from, location);
            let has = connection.endpoint.credentials.is_some();
            assert_eq!((has, connection.withheld), (kept, !kept), "{location}");
        }
        let mut known = Known::default();
        let never_had_one = redirected(&mut known, "http://cam/", "https://elsewhere:81/");
        assert!(!never_had_one.withheld);
    }

    #[test]
    fn a_refusal_says_that_the_password_was_not_given_to_whom_it_is_not_for() {
        let mut known = Known::default();
        let away = redirected(
            &mut known,
            "http://me:secret@cam/a",
            "http://elsewhere:81/b",
        );
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            assert_eq!(
                away.refused(status).to_string(),
                "the camera redirects to elsewhere:81, which was not given the password"
            );
        }
        let missing = away.refused(StatusCode::NOT_FOUND).to_string();
        assert!(missing.contains("404"), "{missing}");
    }
}

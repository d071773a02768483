//! GET requests over one connection, kept open between them: RFC 9110 as far as cameras need it.
//!
//! What the answers mean belongs to [`super`], who we are to `login`.

use super::SourceError;
use super::location;
use super::login::{self, Login};
use axum::http::{Request, Response, StatusCode, header};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use pistreamer_client::{Endpoint, dial};
use std::future::poll_fn;
use std::pin::Pin;

/// Redirects that are followed.
const REDIRECTS: usize = 3;

/// Largest page that says why we are refused, in bytes, for which a connection is kept.
const REFUSAL: usize = 64 << 10;

/// What is sent as the body of a GET: nothing, which can be sent twice.
type NoBody = String;

/// A connection to a camera.
pub(super) struct Connection {
    endpoint: Endpoint,
    /// Whether a redirect led away from the host that the password is for.
    withheld: bool,
    login: Login,
    sender: Option<SendRequest<NoBody>>,
}

impl Connection {
    /// A connection that is made with the first request.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            withheld: false,
            login: Login::default(),
            sender: None,
        }
    }

    /// The answer, once its header is there and says that it is good.
    pub async fn get(&mut self) -> Result<Answer, SourceError> {
        for _ in 0..=REDIRECTS {
            let response = self.known_request().await?;
            let status = response.status();
            let location = response.headers().get(header::LOCATION);
            match location.and_then(|location| location.to_str().ok()) {
                Some(location) if status.is_redirection() => self.redirect(location)?,
                _ if status.is_success() => return Ok(Answer::new(response)),
                _ => return Err(self.refused(status)),
            }
        }
        Err(SourceError::new("the camera redirects in a circle"))
    }

    /// The answer to a request, made once more where the camera asks who we are.
    async fn known_request(&mut self) -> Result<Response<Incoming>, SourceError> {
        let response = self.request().await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        if self.withheld {
            return Err(self.refused(StatusCode::UNAUTHORIZED));
        }
        let asked = self.login.challenged(response.headers(), &self.endpoint);
        asked.map_err(|advice| advised(StatusCode::UNAUTHORIZED, advice))?;
        // The connection is good for more once the page that refuses is read.
        if Answer::new(response).whole(REFUSAL).await.is_err() {
            self.sender = None;
        }
        self.request().await
    }

    /// The answer to one request, over the kept connection where there is one. A camera may close that just when it is asked
    /// again, which is no failure yet: it is asked once more, over a new one.
    async fn request(&mut self) -> Result<Response<Incoming>, SourceError> {
        let authority = self.endpoint.authority();
        let failed = |error: &dyn std::fmt::Display| {
            SourceError::new(format!("cannot fetch pictures from {authority}: {error}"))
        };
        let mut request = Request::get(&self.endpoint.path)
            .header(header::HOST, &authority)
            .header(
                header::USER_AGENT,
                concat!("pistreamer/", env!("CARGO_PKG_VERSION")),
            )
            .header(
                header::ACCEPT,
                "multipart/x-mixed-replace, image/jpeg, */*;q=0.1",
            )
            .header(header::ACCEPT_ENCODING, IDENTITY);
        if let Some(authorization) = self.login.header(&self.endpoint) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request
            .body(NoBody::new())
            .map_err(|error| failed(&error))?;
        let kept = match self.sender.take() {
            Some(mut sender) => sender.ready().await.is_ok().then_some(sender),
            None => None,
        };
        let answered = match kept {
            Some(mut sender) => match sender.send_request(request.clone()).await {
                Err(error) if !error.is_parse() => {
                    tracing::debug!(%error, "asking again over a new connection");
                    None
                }
                answered => Some((answered, sender)),
            },
            None => None,
        };
        let (response, sender) = match answered {
            Some(answered) => answered,
            None => {
                let mut sender = self.connect().await.map_err(|error| failed(&error))?;
                (sender.send_request(request).await, sender)
            }
        };
        let response = response.map_err(|error| failed(&error))?;
        self.sender = Some(sender);
        Ok(response)
    }

    async fn connect(
        &self,
    ) -> Result<SendRequest<NoBody>, Box<dyn std::error::Error + Send + Sync>> {
        let stream = dial::dial(&self.endpoint, super::WEDGED).await?;
        let (sender, connection) = Builder::new()
            // Cameras write headers such as `Server : cam`, and worse.
            .allow_spaces_after_header_name_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends with its sender and its answer, or with the source's runtime.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a camera's connection broke");
            }
        });
        Ok(sender)
    }

    fn redirect(&mut self, location: &str) -> Result<(), SourceError> {
        self.sender = None;
        let mut target = location::resolve(&self.endpoint, location)
            .map_err(|error| SourceError::new(format!("the camera redirects wrongly: {error}")))?;
        // A password is for the host that it was given for.
        let given = self.endpoint.credentials.take();
        let keeps = is_same_place(&self.endpoint, &target);
        self.withheld |= given.is_some() && !keeps;
        target.credentials = given.filter(|_| keeps);
        self.endpoint = target;
        Ok(())
    }

    fn refused(&self, status: StatusCode) -> SourceError {
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.withheld => {
                return SourceError::new(format!(
                    "the camera redirects to {}, which was not given the password",
                    self.endpoint
                ));
            }
            StatusCode::UNAUTHORIZED => login::WRONG,
            StatusCode::FORBIDDEN if self.endpoint.credentials.is_some() => {
                "this user may not see it"
            }
            StatusCode::FORBIDDEN => login::MISSING,
            StatusCode::NOT_FOUND => "check the path of the URL",
            _ => return SourceError::new(format!("the camera answers with status {status}")),
        };
        advised(status, advice)
    }
}

/// Whether a redirect stays where it was, or goes on to encryption there.
fn is_same_place(from: &Endpoint, to: &Endpoint) -> bool {
    let place = |endpoint: &Endpoint| (endpoint.tls, endpoint.port);
    from.host.eq_ignore_ascii_case(&to.host)
        && (place(from) == place(to) || (place(from), place(to)) == ((false, 80), (true, 443)))
}

fn advised(status: StatusCode, advice: &str) -> SourceError {
    SourceError::new(format!("the camera answers with status {status}; {advice}"))
}

/// How a body is encoded that is sent as it is.
const IDENTITY: &str = "identity";

/// A good answer.
pub(super) struct Answer {
    response: Response<Incoming>,
    /// What was looked at and not taken.
    ahead: Bytes,
}

impl Answer {
    fn new(response: Response<Incoming>) -> Self {
        Self {
            response,
            ahead: Bytes::new(),
        }
    }

    /// What the answer says that it is; empty where it does not.
    pub fn content_type(&self) -> &str {
        let kind = self.response.headers().get(header::CONTENT_TYPE);
        kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()
    }

    /// How the body is packed, where it is.
    pub fn packing(&self) -> Option<&str> {
        let encoding = self.response.headers().get(header::CONTENT_ENCODING)?;
        let encoding = encoding.to_str().unwrap_or("something unreadable").trim();
        let packed = !encoding.is_empty() && !encoding.eq_ignore_ascii_case(IDENTITY);
        packed.then_some(encoding)
    }

    /// Whether the body that is left begins so. Nothing is taken of it.
    pub async fn begins_with(&mut self, beginning: &[u8]) -> Result<bool, SourceError> {
        let mut ahead = BytesMut::new();
        while ahead.len() < beginning.len() {
            match self.chunk().await? {
                Some(chunk) => ahead.extend_from_slice(&chunk),
                None => break,
            }
        }
        self.ahead = ahead.freeze();
        Ok(self.ahead.starts_with(beginning))
    }

    /// The next bytes of the body; `None` at its end. Cancel-safe.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if !self.ahead.is_empty() {
            return Ok(Some(std::mem::take(&mut self.ahead)));
        }
        loop {
            let body = self.response.body_mut();
            match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    return Err(SourceError::new(format!(
                        "the camera's connection broke: {error}"
                    )));
                }
                None => return Ok(None),
            }
        }
    }

    /// The whole body.
    pub async fn whole(mut self, limit: usize) -> Result<Bytes, SourceError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(SourceError::new(format!(
                    "the camera's picture has more than {limit} bytes"
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

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
            // A fresh connection that breaks is a failure: nobody asks for ever.
            asked(&mut stream).await;
            drop(stream);
            let (mut stream, _) = listener.accept().await.unwrap();
            asked(&mut stream).await;
        };
        let endpoint = Endpoint::parse(&url, &super::super::SCHEMES).unwrap();
        let mut connection = Connection::new(endpoint);
        let fetched = async {
            for _ in 0..2 {
                let answer = connection.get().await.unwrap();
                assert_eq!(answer.whole(4).await.unwrap(), "jpeg");
            }
            connection.get().await.map(|_| ()).unwrap_err()
        };
        let (error, ()) = tokio::join!(fetched, camera);
        assert!(error.to_string().contains("cannot fetch"), "{error}");
    }

    fn redirected(from: &str, location: &str) -> Connection {
        let endpoint = Endpoint::parse(from, &super::super::SCHEMES);
        let mut connection = Connection::new(endpoint.unwrap());
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
            let connection = redirected(from, location);
            let has = connection.endpoint.credentials.is_some();
            assert_eq!((has, connection.withheld), (kept, !kept), "{location}");
        }
        let never_had_one = redirected("http://cam/", "https://elsewhere:81/");
        assert!(!never_had_one.withheld);
    }

    #[test]
    fn a_refusal_says_that_the_password_was_not_given_to_whom_it_is_not_for() {
        let away = redirected("http://me:secret@cam/a", "http://elsewhere:81/b");
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

//! The one-time code of a printed link: traded for a session once, by which every further connection is made.

use crate::dial::dial;
use crate::link::readable;
use crate::{Endpoint, Error};
use http::HeaderValue;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// A one-time code, and the session that it was traded for. Clones share the session. `Debug` shows neither.
#[derive(Clone)]
pub struct Code(Arc<Inner>);

struct Inner {
    code: String,
    session: Mutex<Option<HeaderValue>>,
}

/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: u64 = 16 << 10;

impl Code {
    pub(crate) fn new(code: &str) -> Self {
        Self(Arc::new(Inner {
            code: code.to_owned(),
            session: Mutex::default(),
        }))
    }

    /// The value of a `Cookie` header that lets in.
    pub(crate) async fn cookie(
        &self,
        endpoint: &Endpoint,
        patience: Duration,
    ) -> Result<HeaderValue, Error> {
        if let Some(session) = &*self.session() {
            return Ok(session.clone());
        }
        let unreachable = |error| Error::Unreachable {
            address: endpoint.to_string(),
            error,
        };
        let answer = timeout(patience, self.trade(endpoint, patience)).await;
        let answer = answer
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(unreachable)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok()).unwrap_or(0);
        if status != 204 {
            return Err(Error::CodeRefused {
                address: endpoint.to_string(),
                status,
                text: readable(body.as_bytes()),
            });
        }
        let cookie = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
            .and_then(|(_, value)| value.split(';').next())
            .and_then(|cookie| HeaderValue::from_str(cookie.trim()).ok());
        let Some(mut cookie) = cookie else {
            return Err(Error::NotWebSocket {
                address: endpoint.to_string(),
            });
        };
        cookie.set_sensitive(true);
        *self.session() = Some(cookie.clone());
        Ok(cookie)
    }

    /// The answer to the code, up to a size that no pistreamer's has.
    async fn trade(&self, endpoint: &Endpoint, patience: Duration) -> io::Result<String> {
        let path = endpoint.path.split('?').next().unwrap_or_default();
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        // Letters and digits: nothing to escape.
        let body = format!(r#"{{"code":"{}"}}"#, self.0.code);
        let request = format!(
            "POST {directory}/api/v1/session HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            endpoint.authority(),
            crate::USER_AGENT,
            body.len(),
        );
        let mut stream = dial(endpoint, patience).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LARGEST_ANSWER).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Option<HeaderValue>> {
        // Nothing panics while it holds this lock.
        self.0
            .session
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(..)")
    }
}

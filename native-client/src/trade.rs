//! Trades the one-time code of a printed link for a session.

use crate::code::Code;
use crate::dial::dial;
use crate::readable::readable;
use crate::{Endpoint, Error};
use http::HeaderValue;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Largest answer that is read, in bytes.
const LARGEST_ANSWER: u64 = 16 << 10;

/// The value of a `Cookie` header that lets in: of the session that the code was traded for, or is traded for now.
pub(crate) async fn cookie(
    code: &Code,
    endpoint: &Endpoint,
    patience: Duration,
) -> Result<HeaderValue, Error> {
    if let Some(session) = &*code.session() {
        return Ok(session.clone());
    }
    let unreachable = |error| Error::Unreachable {
        address: endpoint.to_string(),
        error,
    };
    let answer = timeout(patience, trade(code, endpoint, patience)).await;
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
    *code.session() = Some(cookie.clone());
    Ok(cookie)
}

/// The answer to the code, up to a size that no pistreamer's has.
async fn trade(code: &Code, endpoint: &Endpoint, patience: Duration) -> io::Result<String> {
    let path = endpoint.path.split('?').next().unwrap_or_default();
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    // Letters and digits: nothing to escape.
    let body = format!(r#"{{"code":"{}"}}"#, code.text());
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

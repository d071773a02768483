//! One attempt to tell a receiver something.
//!
//! When to make the next one belongs to [`super::station`].

use super::picture::bytes_of;
use super::{exec, mqtt};
use crate::util::http_call::{CallError, call};
use pistreamer_alerts::outbox::Picture;
use pistreamer_alerts::{Alert, Outcome, Receiver, format};
use pistreamer_client::Endpoint;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How long a receiver may take: pictures go through slow links.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long it may take to be reached.
const REACHES: Duration = Duration::from_secs(20);

/// Bytes of an answer's text that are read, and how long that may take.
const MOST: usize = 4096;
const TEXT: Duration = Duration::from_secs(5);

/// Tells the receiver.
pub(crate) async fn send(
    receiver: &Receiver,
    alert: &Arc<Alert>,
    picture: Option<&Picture>,
) -> Outcome {
    let is_file = matches!(receiver, Receiver::Exec(_));
    let bytes = match picture.filter(|_| !is_file).cloned() {
        Some(picture) => bytes_of(picture).await,
        None => None,
    };
    let sending = async {
        match receiver {
            Receiver::Mqtt(url) => mqtt::once(url.as_str(), alert).await,
            Receiver::Exec(program) => exec::run(program, alert, picture).await,
            _ => over_http(receiver, alert, bytes).await,
        }
    };
    let within = timeout(PATIENCE, sending).await;
    within.unwrap_or_else(|_| {
        Outcome::broke_off(format!(
            "it does not answer within {} s",
            PATIENCE.as_secs()
        ))
    })
}

/// A picture that is refused is left out: the message is worth more.
async fn over_http(receiver: &Receiver, alert: &Alert, bytes: Option<Vec<u8>>) -> Outcome {
    let (outcome, status) = request(receiver, alert, bytes.as_deref()).await;
    match (outcome, status) {
        (Outcome::Never(reason), 400 | 413 | 415) if bytes.is_some() => {
            tracing::warn!(
                receiver = receiver.name(),
                reason,
                "a picture was refused, and is left out"
            );
            request(receiver, alert, None).await.0
        }
        (outcome, _) => outcome,
    }
}

/// What came of one request, and the status of its answer; 0 without.
async fn request(receiver: &Receiver, alert: &Alert, picture: Option<&[u8]>) -> (Outcome, u16) {
    let Some(request) = format::request(receiver, alert, picture) else {
        return (Outcome::Never("it is not told by HTTP".into()), 0);
    };
    let endpoint = match Endpoint::parse(&request.url, &[("http", false), ("https", true)]) {
        Ok(endpoint) => endpoint,
        Err(_) => return (Outcome::Never("it is no URL".into()), 0),
    };
    let mut head = format!(
        "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: pistreamer/{}\r\nContent-Length: {}\r\nConnection: close\r\n",
        request.method,
        endpoint.path,
        endpoint.authority(),
        env!("CARGO_PKG_VERSION"),
        request.body.len()
    );
    for (name, value) in &request.headers {
        write!(head, "{name}: {value}\r\n").expect("writing to a string cannot fail");
    }
    head.push_str("\r\n");
    let bytes = [head.as_bytes(), &request.body].concat();
    let answer = match call(&endpoint, &bytes, REACHES, (TEXT, MOST)).await {
        Ok(answer) => answer,
        Err(error @ CallError::Wrong(_)) => {
            let place = endpoint.authority();
            return (
                Outcome::broke_off(format!(
                    "what answers at {place} is no HTTP server: {error}"
                )),
                0,
            );
        }
        Err(error @ CallError::Unreached(_)) => return (Outcome::unreached(error), 0),
        Err(error) => return (Outcome::broke_off(error), 0),
    };
    let status = answer.head.status.as_u16();
    let is_telegram = matches!(receiver, Receiver::Telegram(_));
    let said = match receiver {
        Receiver::Telegram(_) => format::said(&answer.text),
        // Others answer with pages.
        _ if answer.text.starts_with('<') => String::new(),
        _ => answer.text.clone(),
    };
    let said = receiver.without_secrets(&said);
    let after = answer
        .head
        .headers
        .get("retry-after")
        .and_then(|value| value.to_str().ok());
    let mut outcome = Outcome::of_http(status, after, &said, SystemTime::now());
    if let Outcome::Later {
        after: after @ None,
        ..
    } = &mut outcome
        && is_telegram
    {
        *after = format::retry_after(&answer.text);
    }
    (outcome, status)
}

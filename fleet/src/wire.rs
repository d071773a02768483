//! What a NATS broker and its clients say to each other: lines of text, and payloads whose length a line tells. Everything that
//! a broker says is bounded.
//!
//! The few operations that cameras and edges need are written here rather than taken from a client library: what waits to be
//! sent has to be known, so that a newer frame can take its place and nothing old is sent after a reconnect.

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use std::fmt::Write as _;

/// Longest line that is read, but for `INFO`.
const LONGEST_LINE: usize = 4 * 1024;

/// Longest `INFO`, which lists a cluster's brokers.
const LONGEST_INFO: usize = 64 * 1024;

/// Largest payload that is read.
pub const LARGEST_PAYLOAD: usize = 16 << 20;

/// Most brokers of a cluster that are remembered.
const MOST_BROKERS: usize = 16;

/// Something that a broker says.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// What it is.
    Info(Box<Info>),
    /// A message.
    Message(Message),
    /// It wants a pong.
    Ping,
    /// Everything that was sent before the ping has been handed to those who want it.
    Pong,
    /// It agrees.
    Ok,
    /// Something is wrong. The connection may end with it.
    Error(String),
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// What it is about.
    pub subject: String,
    /// The subscription that it is for.
    pub sid: u64,
    /// Where it is to be answered.
    pub reply: Option<String>,
    /// What it says.
    pub payload: Bytes,
}

/// What a broker says about itself. Unknown fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Info {
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// Largest payload that it takes.
    #[serde(default = "a_megabyte")]
    pub max_payload: usize,
    /// Whether it speaks TLS alone.
    #[serde(default)]
    pub tls_required: bool,
    /// What is to be signed by those who have a key.
    #[serde(default)]
    pub nonce: Option<String>,
    /// Other brokers of its cluster: host and port.
    #[serde(default)]
    pub connect_urls: Vec<String>,
}

/// A broker's usual limit.
fn a_megabyte() -> usize {
    1 << 20
}

/// Why what a broker says is not understood. The connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWire {
    /// A line without end.
    #[error("it sends a line that is too long: is it a NATS broker?")]
    LongLine,
    /// No operation.
    #[error("it sends {0:?}: is it a NATS broker?")]
    Unknown(String),
    /// A payload that is too large.
    #[error("it sends a message of {0} bytes")]
    LargePayload(usize),
    /// A payload that is longer or shorter than was said.
    #[error("it sends a message that does not end where it should")]
    NoEnd,
}

/// Takes the next thing that a broker says out of what came. `None` where it is not whole yet.
///
/// # Errors
/// Where it is nothing that a broker says.
pub fn read(came: &mut BytesMut) -> Result<Option<Said>, BadWire> {
    let is_info = came.len() >= 4 && came[..4].eq_ignore_ascii_case(b"INFO");
    let longest = if is_info { LONGEST_INFO } else { LONGEST_LINE };
    let looked_at = &came[..came.len().min(longest)];
    let Some(end) = looked_at.windows(2).position(|two| two == b"\r\n") else {
        if came.len() >= longest {
            return Err(BadWire::LongLine);
        }
        return Ok(None);
    };
    let line = String::from_utf8_lossy(&came[..end]).into_owned();
    let unknown = || BadWire::Unknown(pistreamer_protocol::text::plain(&line));
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((&line, ""));
    let said = match &*word.to_ascii_uppercase() {
        "MSG" => return message(came, end, rest, unknown),
        "PING" => Said::Ping,
        "PONG" => Said::Pong,
        "+OK" => Said::Ok,
        "-ERR" => {
            let text = rest.trim().trim_matches('\'');
            Said::Error(pistreamer_protocol::text::plain(text))
        }
        "INFO" => {
            let mut info: Info = serde_json::from_str(rest).map_err(|_| unknown())?;
            info.connect_urls.truncate(MOST_BROKERS);
            info.connect_urls.retain(|url| url.len() <= 256);
            Said::Info(Box::new(info))
        }
        _ => return Err(unknown()),
    };
    let _ = came.split_to(end + 2);
    Ok(Some(said))
}

/// `MSG <subject> <sid> [reply-to] <#bytes>`, and the payload.
fn message(
    came: &mut BytesMut,
    end: usize,
    rest: &str,
    unknown: impl Fn() -> BadWire,
) -> Result<Option<Said>, BadWire> {
    let words: Vec<_> = rest.split_ascii_whitespace().collect();
    let (subject, sid, reply, length) = match *words {
        [subject, sid, length] => (subject, sid, None, length),
        [subject, sid, reply, length] => (subject, sid, Some(reply), length),
        _ => return Err(unknown()),
    };
    let sid = sid.parse().map_err(|_| unknown())?;
    let length: usize = length.parse().map_err(|_| unknown())?;
    if length > LARGEST_PAYLOAD {
        return Err(BadWire::LargePayload(length));
    }
    let whole = end + 2 + length + 2;
    if came.len() < whole {
        came.reserve(whole - came.len());
        return Ok(None);
    }
    if came[whole - 2..whole] != *b"\r\n" {
        return Err(BadWire::NoEnd);
    }
    let (subject, reply) = (subject.to_owned(), reply.map(str::to_owned));
    let _ = came.split_to(end + 2);
    let payload = came.split_to(length).freeze();
    let _ = came.split_to(2);
    Ok(Some(Said::Message(Message {
        subject,
        sid,
        reply,
        payload,
    })))
}

/// A ping, which is answered when everything before it is done.
pub const PING: &[u8] = b"PING\r\n";

/// The answer to a ping.
pub const PONG: &[u8] = b"PONG\r\n";

/// What ends a payload.
pub const END: &[u8] = b"\r\n";

/// What stands before a payload that is published.
pub fn publish(subject: &str, reply: Option<&str>, length: usize) -> String {
    match reply {
        Some(reply) => format!("PUB {subject} {reply} {length}\r\n"),
        None => format!("PUB {subject} {length}\r\n"),
    }
}

/// Asks for everything with that subject.
pub fn subscribe(subject: &str, sid: u64) -> String {
    format!("SUB {subject} {sid}\r\n")
}

/// Asks for one message with that subject. Of the subscriptions of one group, each message goes to one alone, so that several
/// at a time bring several messages, each once.
pub fn subscribe_once(subject: &str, group: &str, sid: u64) -> String {
    let mut text = String::new();
    // Writing to a string doesn't fail.
    let _ = write!(text, "SUB {subject} {group} {sid}\r\nUNSUB {sid} 1\r\n");
    text
}

/// Ends a subscription.
pub fn unsubscribe(sid: u64) -> String {
    format!("UNSUB {sid}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Said> {
        let mut came = BytesMut::from(bytes);
        std::iter::from_fn(|| read(&mut came).unwrap()).collect()
    }

    const TALK: &[u8] = b"INFO {\"server_id\":\"x\",\"version\":\"2.9.10\",\"max_payload\":1048576,\"nonce\":\"abc\",\
        \"connect_urls\":[\"10.0.0.1:4222\"]} \r\n+OK\r\nPING\r\nMSG pistreamer.v1.state.a 7 5\r\nhe\r\no\r\n\
        MSG a.b 8 _INBOX.x 0\r\n\r\n-ERR 'Permissions Violation for Publish to \"x\"'\r\nPONG\r\n";

    #[test]
    fn what_a_broker_says_is_understood() {
        let said = all(TALK);
        let Said::Info(info) = &said[0] else {
            panic!("{said:?}");
        };
        assert_eq!(info.nonce.as_deref(), Some("abc"));
        assert_eq!(info.connect_urls, ["10.0.0.1:4222"]);
        let message = |subject: &str, sid, reply: Option<&str>, payload: &'static [u8]| {
            Said::Message(Message {
                subject: subject.into(),
                sid,
                reply: reply.map(Into::into),
                payload: Bytes::from_static(payload),
            })
        };
        assert_eq!(
            said[1..],
            [
                Said::Ok,
                Said::Ping,
                message("pistreamer.v1.state.a", 7, None, b"he\r\no"),
                message("a.b", 8, Some("_INBOX.x"), b""),
                Said::Error("Permissions Violation for Publish to \"x\"".into()),
                Said::Pong,
            ]
        );
    }

    #[test]
    fn what_is_no_broker_is_told_at_once() {
        for bad in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"MSG a\r\n",
            b"MSG a b 5\r\n",
            b"MSG a 1 -5\r\n",
            b"MSG a 1 99999999999\r\n",
            b"MSG a 1 2 3 4 5\r\n",
            b"MSG a 1 2\r\nabcdef",
            b"INFO {\r\n",
            b"\r\n",
        ] {
            let came = read(&mut BytesMut::from(bad));
            assert!(came.is_err(), "{bad:?}: {came:?}");
        }
        let endless = [b'x'; LONGEST_LINE];
        assert_eq!(
            read(&mut BytesMut::from(&endless[..])),
            Err(BadWire::LongLine)
        );
        let endless = [b"INFO {".as_slice(), &[b'x'; LONGEST_INFO]].concat();
        assert_eq!(
            read(&mut BytesMut::from(&endless[..])),
            Err(BadWire::LongLine)
        );
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_how_it_is_cut(cuts in prop::collection::vec(1..40_usize, 1..40)) {
            let (mut came, mut said, mut at) = (BytesMut::new(), Vec::new(), 0);
            for cut in cuts.into_iter().cycle() {
                let end = (at + cut).min(TALK.len());
                came.extend_from_slice(&TALK[at..end]);
                while let Some(next) = read(&mut came).unwrap() {
                    said.push(next);
                }
                at = end;
                if at == TALK.len() {
                    break;
                }
            }
            prop_assert_eq!(said, all(TALK));
        }

        #[test]
        fn no_bytes_make_it_panic_or_stay_where_it_is(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut came = BytesMut::from(&bytes[..]);
            let mut before = came.len();
            while let Ok(Some(_)) = read(&mut came) {
                prop_assert!(came.len() < before);
                before = came.len();
            }
        }
    }
}

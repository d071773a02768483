//! The head of a response as cameras write it: what HTTP/1.1 requires, and what browsers tolerate.
//!
//! Pure text work; the bytes come from the caller, and what follows a head belongs to `body`.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use pistreamer_protocol::jpeg;

/// Longest head in bytes.
pub const LONGEST: usize = 64 << 10;

/// Status line and headers of a response.
#[derive(Debug)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The headers that can be read.
    pub headers: HeaderMap,
    /// True if the server closes the connection after each response unless it says otherwise.
    old: bool,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By the number of its bytes.
    Length(u64),
    /// Each chunk says how long it is, and the last one that it is the last.
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

/// Why the bytes are no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A TLS record.
    #[error("it speaks TLS here: try https:// rather than http://")]
    Tls,
    /// Anything else.
    #[error("what it answers is not HTTP")]
    NotHttp,
    /// No end within [`LONGEST`].
    #[error("the headers of its answer are longer than {LONGEST} bytes")]
    TooLong,
}

/// The first bytes of a response, classified.
#[derive(Debug)]
pub enum Found {
    /// A head of that many bytes.
    Head(Head, usize),
    /// Too little to tell.
    More,
}

impl Head {
    /// Reads the head at the beginning of `bytes`. A server that sends pictures without any head gets an empty one.
    ///
    /// # Errors
    /// If the bytes cannot become a response.
    pub fn read(bytes: &[u8]) -> Result<Found, HeadError> {
        let blanks = blanks(bytes);
        let rest = &bytes[blanks..];
        if begins(rest, &[0x15, 0x03]) == Some(true) {
            return Err(HeadError::Tls);
        }
        if begins(rest, &jpeg::SOI) == Some(true) || begins(rest, b"--") == Some(true) {
            return Ok(Found::Head(Self::missing(), 0));
        }
        let speaks_http = [&b"HTTP/"[..], b"HTTP ", b"ICY "]
            .iter()
            .any(|name| begins_caseless(rest, name));
        if !speaks_http {
            let could_be = |name: &&[u8]| begins_caseless(name, rest);
            let names = [
                &b"HTTP/"[..],
                b"HTTP ",
                b"ICY ",
                b"\x15\x03",
                b"\xff\xd8",
                b"--",
            ];
            return if blanks < LONGEST && names.iter().any(could_be) {
                Ok(Found::More)
            } else {
                Err(HeadError::NotHttp)
            };
        }
        let end = end(rest);
        if end.unwrap_or(rest.len()) > LONGEST {
            return Err(HeadError::TooLong);
        }
        let Some(len) = end else {
            return Ok(Found::More);
        };
        let head = Self::parse(&rest[..len]).ok_or(HeadError::NotHttp)?;
        Ok(Found::Head(head, blanks + len))
    }

    fn missing() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            old: true,
        }
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let mut lines = text.split(|byte| *byte == b'\n');
        let status_line = String::from_utf8_lossy(lines.next()?);
        let mut words = status_line.split_ascii_whitespace();
        let version = words.next()?;
        let status = StatusCode::from_u16(words.next()?.parse().ok()?).ok()?;
        let mut fields: Vec<(HeaderName, Vec<u8>)> = Vec::new();
        for line in lines {
            // A value may go on in the next line (RFC 9112 §5.2).
            if line.starts_with(b" ") || line.starts_with(b"\t") {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(b' ');
                    value.extend(line.trim_ascii());
                }
                continue;
            }
            // Cameras write headers such as `Server : cam`, and lines that are none.
            let Some(colon) = memchr::memchr(b':', line) else {
                continue;
            };
            if let Ok(name) = HeaderName::from_bytes(line[..colon].trim_ascii()) {
                fields.push((name, line[colon + 1..].trim_ascii().to_vec()));
            }
        }
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                // More headers than a map can hold are not worth an error.
                let _ = headers.try_append(name, value);
            }
        }
        Some(Self {
            status,
            headers,
            old: !version.to_ascii_uppercase().starts_with("HTTP/1.") || version.ends_with(".0"),
        })
    }

    /// How the end of the body is found. An invalid length, or several, counts as none.
    pub fn framing(&self) -> Framing {
        let status = self.status;
        if status.is_informational()
            || status == StatusCode::NO_CONTENT
            || status == StatusCode::NOT_MODIFIED
        {
            return Framing::Length(0);
        }
        if self.lists(header::TRANSFER_ENCODING, "chunked") {
            return Framing::Chunked;
        }
        let mut lengths = self.items(header::CONTENT_LENGTH).map(|length| {
            let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| length.parse::<u64>().ok()).flatten()
        });
        match lengths.next() {
            Some(Some(first)) if lengths.all(|other| other == Some(first)) => {
                Framing::Length(first)
            }
            _ => Framing::UntilClose,
        }
    }

    /// Returns true if the connection can be reused once the body has ended.
    pub fn keeps_open(&self) -> bool {
        if self.lists(header::CONNECTION, "close") {
            return false;
        }
        !self.old || self.lists(header::CONNECTION, "keep-alive")
    }

    fn items(&self, name: HeaderName) -> impl Iterator<Item = &str> {
        let values = self.headers.get_all(name).into_iter();
        values
            .map(|value| value.to_str().unwrap_or("something unreadable"))
            .flat_map(|value| value.split(',').map(str::trim))
    }

    fn lists(&self, name: HeaderName, wanted: &str) -> bool {
        self.items(name)
            .any(|item| item.eq_ignore_ascii_case(wanted))
    }
}

/// Line ends before a response, which some servers leave over from the one before.
fn blanks(bytes: &[u8]) -> usize {
    let is_blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
    bytes.iter().take_while(is_blank).count()
}

/// Returns true if the bytes begin so; `None` if there are too few to tell.
fn begins(bytes: &[u8], beginning: &[u8]) -> Option<bool> {
    if bytes.len() >= beginning.len() {
        return Some(bytes.starts_with(beginning));
    }
    (!beginning.starts_with(bytes)).then_some(false)
}

fn begins_caseless(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.len() >= beginning.len() && bytes[..beginning.len()].eq_ignore_ascii_case(beginning)
}

/// Offset of the byte after the first empty line, whichever line ends there are.
fn end(head: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', head).find_map(|at| match &head[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Head, usize) {
        match Head::read(text.as_bytes()) {
            Ok(Found::Head(head, len)) => (head, len),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn heads_of_all_manners_are_read() {
        for text in [
            "HTTP/1.1 200 OK\r\nServer : cam\r\nno header\r\nContent-Length: 4\r\n\r\n",
            "HTTP/1.1 200 OK\nCONTENT-length:4\n\n",
            "HTTP/1.0 200\r\nContent-Length:  4 \r\n\r\n",
            "\r\nhttp/1.1  200  Fine\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
            "ICY 200 OK\r\nContent-Length: 4, 4\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length:\r\n\t4\r\n\r\n",
        ] {
            let (head, len) = read(text);
            assert_eq!((head.status, len), (StatusCode::OK, text.len()), "{text}");
            assert_eq!(head.framing(), Framing::Length(4), "{text}");
            for cut in 0..text.len() {
                let found = Head::read(&text.as_bytes()[..cut]);
                assert!(matches!(found, Ok(Found::More)), "{cut} of {text:?}");
            }
        }
    }

    #[test]
    fn a_length_that_is_none_leaves_the_end_to_the_connection() {
        for length in [
            "Content-Length: -1\r\n",
            "Content-Length:\r\n",
            "Content-Length: \r\n",
            "Content-Length: +4\r\n",
            "Content-Length: 0x10\r\n",
            "Content-Length: unknown\r\n",
            "Content-Length: 5\r\nContent-Length: 7\r\n",
            "Content-Length: 5, 7\r\n",
            "Content-Length: 5\r\nContent-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "",
        ] {
            let (head, _) = read(&format!("HTTP/1.1 200 OK\r\n{length}\r\n"));
            assert_eq!(head.framing(), Framing::UntilClose, "{length}");
        }
        let chunked = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: Chunked\r\n\r\n";
        assert_eq!(read(chunked).0.framing(), Framing::Chunked);
        let empty = read("HTTP/1.1 204 No Content\r\n\r\n").0;
        assert_eq!(empty.framing(), Framing::Length(0));
    }

    #[test]
    fn pictures_without_a_head_are_an_answer_and_anything_else_is_none() {
        for bytes in [&b"\xff\xd8\xff"[..], b"--frame\r\n", b"\r\n--frame"] {
            let found = Head::read(bytes);
            assert!(matches!(found, Ok(Found::Head(_, 0))), "{found:?}");
        }
        assert!(matches!(
            Head::read(b"\x15\x03\x01\0\x02\x02\x46"),
            Err(HeadError::Tls)
        ));
        for bytes in [
            &b"SSH-2.0-x\r\n"[..],
            b"<html>",
            b"RTSP/1.0 200 OK\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
        ] {
            assert!(
                matches!(Head::read(bytes), Err(HeadError::NotHttp)),
                "{bytes:?}"
            );
        }
        let endless = [b"HTTP/1.1 200 OK\r\n", &b"X: y\r\n".repeat(20_000)[..]].concat();
        assert!(matches!(Head::read(&endless), Err(HeadError::TooLong)));
    }

    #[test]
    fn connections_are_kept_as_both_sides_understand_it() {
        for (text, keeps) in [
            ("HTTP/1.1 200 OK\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", true),
            ("ICY 200 OK\r\n\r\n", false),
        ] {
            assert_eq!(read(text).0.keeps_open(), keeps, "{text}");
        }
    }
}

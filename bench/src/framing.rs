//! Finds frames in a stream of bytes, keeping the first bytes of each and none of the rest.
//!
//! WebSocket (RFC 6455 §5.2, from a server: unmasked, unfragmented) and multipart with `Content-Length`. What the first
//! bytes say belongs to [`crate::head`].

/// First bytes of each frame that are kept: enough for a stamp, packed or not.
pub const HEAD: usize = 400;

/// A viewer's frame, masked with zeros (RFC 6455 §5.2 and §5.3). `first` is its first byte: FIN and the opcode.
pub fn from_viewer(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASKED: u8 = 0x80;
    let mut frame = vec![first];
    match payload.len() {
        len @ ..126 => frame.push(MASKED | len as u8),
        len @ 126..65_536 => {
            frame.push(MASKED | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(MASKED | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// First bytes of a whole text message, and of a pong.
pub const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;

/// One stream.
#[derive(Debug)]
pub struct Framing {
    multipart: bool,
    state: State,
    /// What the last ping carries.
    asked: Option<Vec<u8>>,
}

#[derive(Debug)]
enum State {
    /// Between frames: what is there of the header.
    Header(Vec<u8>),
    /// In a frame.
    Body {
        of: Header,
        left: usize,
        head: Vec<u8>,
    },
}

/// A parsed header.
#[derive(Clone, Copy, Debug)]
struct Header {
    is_frame: bool,
    is_ping: bool,
    len: usize,
    timestamp_us: Option<u64>,
}

/// A frame that is complete.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its length in bytes.
    pub len: usize,
    /// Its first [`HEAD`] bytes at most.
    pub head: Vec<u8>,
    /// Unix time in µs from its part's `X-Timestamp` header, which mjpg-streamer and others write in seconds.
    pub timestamp_us: Option<u64>,
}

impl Framing {
    /// A WebSocket from after the upgrade.
    pub fn web_socket() -> Self {
        Self {
            multipart: false,
            state: State::Header(Vec::new()),
            asked: None,
        }
    }

    /// A multipart body from its start.
    pub fn multipart() -> Self {
        Self {
            multipart: true,
            ..Self::web_socket()
        }
    }

    /// The pong for the last ping received, until it is sent (RFC 6455 §5.5.3).
    pub fn pong(&mut self) -> Option<Vec<u8>> {
        self.asked.take().map(|asked| from_viewer(PONG, &asked))
    }

    /// How many of the next bytes are of no interest: for [`Self::dropped`] rather than [`Self::feed`].
    pub fn droppable(&self) -> usize {
        match &self.state {
            State::Body { of, left, head }
                if !(of.is_frame || of.is_ping) || head.len() == HEAD =>
            {
                *left
            }
            _ => 0,
        }
    }

    /// This many bytes, at most [`Self::droppable`], arrived and were not inspected.
    pub fn dropped(&mut self, bytes: usize, seen: impl FnOnce(Seen)) {
        if let State::Body { left, .. } = &mut self.state {
            *left -= bytes;
        }
        self.end_body(seen);
    }

    /// Takes received bytes.
    pub fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header(header) => {
                    header.push(bytes[0]);
                    bytes = &bytes[1..];
                    let parsed = if self.multipart {
                        part_header(header)
                    } else {
                        web_socket_header(header)
                    };
                    if let Some(of) = parsed {
                        self.state = State::Body {
                            of,
                            left: of.len,
                            head: Vec::new(),
                        };
                    }
                }
                State::Body { left, head, .. } => {
                    let (body, rest) = bytes.split_at(bytes.len().min(*left));
                    head.extend_from_slice(&body[..body.len().min(HEAD - head.len())]);
                    *left -= body.len();
                    bytes = rest;
                }
            }
            self.end_body(&mut seen);
        }
    }

    fn end_body(&mut self, seen: impl FnOnce(Seen)) {
        if let State::Body { left: 0, of, head } = &mut self.state {
            let (of, head) = (*of, std::mem::take(head));
            self.state = State::Header(Vec::new());
            if of.is_ping {
                self.asked = Some(head);
            } else if of.is_frame {
                seen(Seen {
                    len: of.len,
                    head,
                    timestamp_us: of.timestamp_us,
                });
            }
        }
    }
}

/// Parses a WebSocket frame header once it is complete. A binary message is a picture.
fn web_socket_header(header: &[u8]) -> Option<Header> {
    const OPCODE_BINARY: u8 = 2;
    const OPCODE_PING: u8 = 9;
    let (&first, rest) = header.split_first()?;
    let (&short, long) = rest.split_first()?;
    let wanted = match short & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let len = match wanted {
        0 => usize::from(short & 0x7f),
        _ => long
            .get(..wanted)?
            .iter()
            .fold(0, |len, byte| (len << 8) | usize::from(*byte)),
    };
    Some(Header {
        is_frame: first & 0x0f == OPCODE_BINARY,
        is_ping: first & 0x0f == OPCODE_PING,
        len,
        timestamp_us: None,
    })
}

/// What a part's headers tell, once they end.
fn part_header(header: &[u8]) -> Option<Header> {
    if !header.ends_with(b"\r\n\r\n") {
        return None;
    }
    let text = String::from_utf8_lossy(header).to_ascii_lowercase();
    let value = |name: &str| Some(text.split_once(name)?.1.lines().next()?.trim());
    let seconds = value("x-timestamp:").and_then(|seconds| seconds.parse::<f64>().ok());
    Some(Header {
        is_frame: true,
        is_ping: false,
        len: value("content-length:")?.parse().ok()?,
        timestamp_us: seconds.map(|seconds| (seconds * 1e6).round() as u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut framing: Framing, bytes: &[u8], step: usize) -> Vec<usize> {
        let mut seen = Vec::new();
        for some in bytes.chunks(step) {
            framing.feed(some, |frame| seen.push(frame.len));
        }
        seen
    }

    fn message(opcode: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match len {
            ..126 => bytes.push(len as u8),
            126..65_536 => {
                bytes.push(126);
                bytes.extend((len as u16).to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + len, 7);
        bytes
    }

    #[test]
    fn binary_messages_are_frames_however_they_are_cut() {
        let bytes = [
            message(2, 5),
            message(1, 30),
            message(9, 0),
            message(2, 200),
            message(2, 70_000),
        ]
        .concat();
        for step in [1, 3, 400, 100_000] {
            assert_eq!(all(Framing::web_socket(), &bytes, step), [5, 200, 70_000]);
        }
    }

    #[test]
    fn the_last_ping_is_answered_once() {
        let bytes = [message(9, 3), message(2, 50), message(9, 4), message(1, 5)].concat();
        for step in [1, 3, 400] {
            let mut framing = Framing::web_socket();
            for some in bytes.chunks(step) {
                framing.feed(some, |_| ());
            }
            assert_eq!(framing.pong(), Some(from_viewer(0x8a, &[7; 4])));
            assert_eq!(framing.pong(), None);
        }
    }

    #[test]
    fn parts_are_frames() {
        let mut bytes = b"--b\r\n".to_vec();
        for len in [3, 1000] {
            bytes.extend(
                format!("Content-Type: image/jpeg\r\nContent-Length: {len}\r\nX-Timestamp: {len}.000001\r\n\r\n").bytes(),
            );
            bytes.resize(bytes.len() + len, b'x');
            bytes.extend(b"\r\n--b\r\n");
        }
        for step in [1, 7, 5000] {
            assert_eq!(all(Framing::multipart(), &bytes, step), [3, 1000]);
        }
        let mut times = Vec::new();
        Framing::multipart().feed(&bytes, |frame| times.push(frame.timestamp_us));
        assert_eq!(times, [Some(3_000_001), Some(1_000_000_001)]);
    }

    #[test]
    fn all_but_the_head_of_a_frame_can_be_dropped() {
        let bytes = message(2, 70_000);
        let mut framing = Framing::web_socket();
        framing.feed(&bytes[..10 + HEAD], |_| panic!("that is not all"));
        assert_eq!(framing.droppable(), 70_000 - HEAD);
        framing.dropped(100, |_| panic!("that is not all"));
        let mut seen = None;
        framing.dropped(framing.droppable(), |frame| seen = Some(frame));
        let seen = seen.unwrap();
        assert_eq!((seen.len, seen.head.len()), (70_000, HEAD));
    }
}

//! One frame as it is shared: the stamped JPEG and, made at most once, what each wire format sends for it.
//!
//! The bytes of the wire formats are defined in `protocol/`; this is where they are kept.

use super::{Manner, Rendition};
use bytes::Bytes;
use pistreamer_protocol::{Stamp, WireFormat, pack};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A frame that viewers can be sent.
#[derive(Debug)]
pub struct Frame {
    /// Rises by one for each frame of its camera.
    pub seq: u64,
    /// Unix time in µs of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Width and height of the picture that the source delivered.
    pub full: (u32, u32),
    /// How many frames its camera has published up to this one: unlike `seq`, without gaps from before. 0 until then.
    pub number: u64,
    /// Which rendition it is, and the `seq` of the first of those frames, up to this one, that show the very same picture.
    pub shows: (Rendition, u64),
    /// When it came here, where it was captured by another machine's clock.
    from_elsewhere: Option<Instant>,
    jpeg: Payload,
    packed: OnceLock<Payload>,
    /// For each [`Manner`].
    parts: [OnceLock<Bytes>; 2],
}

/// The body of one WebSocket message with its frame header (RFC 6455 §5.2), the same for every viewer.
#[derive(Clone, Debug)]
pub struct Payload {
    header: Header,
    body: Bytes,
}

/// Header of an unmasked final binary frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl Payload {
    /// A binary message of these bytes.
    pub fn new(body: Bytes) -> Self {
        const FINAL_BINARY: u8 = 0x82;
        let mut bytes = [0; 10];
        bytes[0] = FINAL_BINARY;
        let len = match (u8::try_from(body.len()), u16::try_from(body.len())) {
            (Ok(short @ ..126), _) => {
                bytes[1] = short;
                2
            }
            (_, Ok(medium)) => {
                bytes[1] = 126;
                bytes[2..4].copy_from_slice(&medium.to_be_bytes());
                4
            }
            _ => {
                bytes[1] = 127;
                bytes[2..].copy_from_slice(&(body.len() as u64).to_be_bytes());
                10
            }
        };
        Self {
            header: Header { bytes, len },
            body,
        }
    }

    /// The WebSocket frame header.
    pub fn header(&self) -> &[u8] {
        &self.header.bytes[..usize::from(self.header.len)]
    }

    /// The message.
    pub fn body(&self) -> &Bytes {
        &self.body
    }
}

impl Frame {
    /// A frame of a stamped JPEG, as large as the source delivered it.
    pub fn new(seq: u64, captured_us: u64, (width, height): (u32, u32), jpeg: Bytes) -> Self {
        Self {
            seq,
            captured_us,
            width,
            height,
            full: (width, height),
            number: 0,
            shows: (Rendition::FULL, seq),
            from_elsewhere: None,
            jpeg: Payload::new(jpeg),
            packed: OnceLock::new(),
            parts: Default::default(),
        }
    }

    /// The same frame, made of a picture of that size.
    pub fn of(self, full: (u32, u32)) -> Self {
        Self { full, ..self }
    }

    /// The same frame, which came here then where it was captured by another machine's clock.
    pub fn from_elsewhere(self, came: Option<Instant>) -> Self {
        Self {
            from_elsewhere: came,
            ..self
        }
    }

    /// How old it was at a time that is given by the wall clock and by the steady one. What another machine says of its capture
    /// is not compared with a clock of ours: then it counts from its arrival.
    pub fn age_at(&self, unix_us: u64, at: Instant) -> Duration {
        match self.from_elsewhere {
            Some(came) => at.saturating_duration_since(came),
            None => Duration::from_micros(unix_us.saturating_sub(self.captured_us)),
        }
    }

    /// The same frame, published with that number, as what follows on another one of its rendition.
    pub(super) fn after(self, rendition: Rendition, before: Option<&Self>, number: u64) -> Self {
        let same = before.filter(|before| Stamp::is_all_that_differs(before.jpeg(), self.jpeg()));
        let since = same.map_or(self.seq, |before| before.shows.1);
        Self {
            number,
            shows: (rendition, since),
            ..self
        }
    }

    /// The stamped JPEG.
    pub fn jpeg(&self) -> &Bytes {
        self.jpeg.body()
    }

    /// Its part of an MJPEG stream. The first client of a manner makes it for all of them: one write sends it.
    pub fn part(&self, manner: Manner) -> &Bytes {
        self.parts[manner as usize].get_or_init(|| manner.part(self.captured_us, self.jpeg()))
    }

    /// What that wire format sends. The first viewer of a packed format makes it for all of them.
    pub fn payload(&self, wire: WireFormat) -> &Payload {
        match wire {
            WireFormat::Jpeg => &self.jpeg,
            WireFormat::GzipBase64 => self
                .packed
                .get_or_init(|| Payload::new(pack(self.jpeg()).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

    #[test]
    fn headers_are_those_of_rfc_6455() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let payload = Payload::new(vec![7; len].into());
            let mut expected = Vec::new();
            let header = FrameHeader {
                is_final: true,
                opcode: OpCode::Data(Data::Binary),
                ..FrameHeader::default()
            };
            header.format(len as u64, &mut expected).unwrap();
            assert_eq!(payload.header(), expected, "{len} bytes");
        }
    }

    #[test]
    fn a_frame_is_packed_once() {
        let frame = Frame::new(
            1,
            2,
            (16, 8),
            Bytes::from_static(b"\xff\xd8picture\xff\xd9"),
        );
        let first = frame.payload(WireFormat::GzipBase64).body().as_ptr();
        assert_eq!(frame.payload(WireFormat::GzipBase64).body().as_ptr(), first);
        assert_eq!(frame.payload(WireFormat::Jpeg).body(), frame.jpeg());
    }
}

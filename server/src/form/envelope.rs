//! A binary WebSocket message as it stands on the wire: header and body.

use bytes::Bytes;

/// A WebSocket message with its frame header (RFC 6455 §5.2), shared by all viewers.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    header: Header,
    body: Bytes,
}

/// The header of an unmasked, final binary frame.
#[derive(Clone, Copy, Debug)]
struct Header {
    bytes: [u8; 10],
    len: u8,
}

impl Payload {
    /// A binary message with that body.
    pub(crate) fn new(body: Bytes) -> Self {
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
    pub(crate) fn header(&self) -> &[u8] {
        &self.header.bytes[..usize::from(self.header.len)]
    }

    /// The message's body.
    pub(crate) fn body(&self) -> &Bytes {
        &self.body
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
}

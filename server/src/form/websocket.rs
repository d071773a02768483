//! The WebSocket message of a frame, header and body, in each wire format.

use super::envelope::Payload;
use super::mosaic::{self, Kept};
use crate::hub::{Form, Frame};
use pistreamer_protocol::{WireFormat, pack};

/// The JPEG unchanged.
struct Raw(Payload);

impl Form for Raw {
    fn of(frame: &Frame) -> Self {
        Self(Payload::new(frame.jpeg().clone()))
    }
}

/// gzip(base64(JPEG)).
struct Packed(Payload);

impl Form for Packed {
    fn of(frame: &Frame) -> Self {
        Self(Payload::new(pack(frame.jpeg()).into()))
    }
}

/// The frame's message in that wire format, for a viewer that keeps that.
pub(crate) fn payload(frame: &Frame, wire: WireFormat, kept: Kept) -> &Payload {
    if let (Kept::Strips(kept), Some(strips)) = (kept, frame.strips()) {
        return mosaic::message(frame, strips, wire, kept);
    }
    match wire {
        WireFormat::Jpeg => &frame.form::<Raw>().0,
        WireFormat::GzipBase64 => &frame.form::<Packed>().0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_frame_is_packed_once() {
        let frame = Frame::new(
            1,
            2,
            (16, 8),
            Bytes::from_static(b"\xff\xd8picture\xff\xd9"),
        );
        let first = payload(&frame, WireFormat::GzipBase64, Kept::Nothing)
            .body()
            .as_ptr();
        assert_eq!(
            payload(&frame, WireFormat::GzipBase64, Kept::Nothing)
                .body()
                .as_ptr(),
            first
        );
        assert_eq!(
            payload(&frame, WireFormat::Jpeg, Kept::Nothing).body(),
            frame.jpeg()
        );
    }
}

//! A binary message → a checked JPEG.
//!
//! Decoding it is the browser's work, and asking for that belongs to [`super`].

use crate::js;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, Stamp, Unpacker, WireFormat, jpeg};
use web_sys::{Blob, BlobPropertyBag};

/// A checked JPEG.
pub(super) struct Picture {
    pub(super) jpeg: Blob,
    pub(super) stamp: Option<Stamp>,
    /// Whether its samples are those that are to be shown: upright, and in no colours of its own.
    pub(super) is_plain: bool,
}

impl Picture {
    /// The number on its stamp.
    pub(super) fn seq(&self) -> Option<u64> {
        self.stamp.as_ref().map(|stamp| stamp.seq)
    }

    /// The time on its stamp, in Unix µs by the server's clock.
    pub(super) fn captured_us(&self) -> Option<u64> {
        self.stamp.as_ref().map(|stamp| stamp.captured_us)
    }
}

/// Unpacks and checks, with memory that serves again and again.
pub(super) struct Jpegs {
    unpacker: Unpacker,
    buffer: Vec<u8>,
}

impl Default for Jpegs {
    fn default() -> Self {
        Self {
            unpacker: Unpacker::new(DEFAULT_FRAME_LIMIT),
            buffer: Vec::new(),
        }
    }
}

impl Jpegs {
    /// Makes a checked JPEG of a binary message.
    ///
    /// # Errors
    /// In words, where the message holds none.
    pub(super) fn read(&mut self, data: &ArrayBuffer) -> Result<Picture, String> {
        let array = Uint8Array::new(data);
        let len = array.length() as usize;
        // The largest frame packs to less than this, whatever packs it.
        if len > DEFAULT_FRAME_LIMIT / 3 * 4 + 4096 {
            return Err(format!("a message of {len} bytes is larger than any frame"));
        }
        self.buffer.resize(len, 0);
        array.copy_to(&mut self.buffer);
        // Whatever was asked for: a server of old, or behind a proxy, need not know what that was.
        let bytes = match WireFormat::of(&self.buffer) {
            WireFormat::Jpeg => self.buffer.as_slice(),
            WireFormat::GzipBase64 => self
                .unpacker
                .unpack(&self.buffer)
                .map_err(|error| error.to_string())?,
        };
        let info = jpeg::inspect(bytes).map_err(|error| error.to_string())?;
        let options = BlobPropertyBag::new();
        options.set_type("image/jpeg");
        let parts = Array::of1(&Uint8Array::from(bytes));
        let jpeg = Blob::new_with_u8_array_sequence_and_options(&parts, &options)
            .map_err(|error| js::error_text(&error))?;
        Ok(Picture {
            jpeg,
            stamp: Stamp::read(bytes),
            is_plain: info.orientation.is_upright() && !has_profile(bytes),
        })
    }
}

/// Whether it says by an ICC profile what its colours mean (ICC.1:2022 B.4).
fn has_profile(jpeg: &[u8]) -> bool {
    jpeg::segments(jpeg)
        .map_while(Result::ok)
        .any(|segment| segment.marker == 0xe2 && segment.payload.starts_with(b"ICC_PROFILE\0"))
}

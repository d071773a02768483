//! The wire formats: their names in addresses and as WebSocket subprotocols (RFC 6455 §1.9), and how a message tells which
//! it has.
//!
//! Making the bytes belongs to [`crate::pack`](mod@crate::pack); the upgrade itself to the server.

use crate::jpeg::SOI;

/// How a binary message carries a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WireFormat {
    /// One gzip member holding the base64 text of one JPEG. The default.
    GzipBase64,
    /// One JPEG as it is.
    Jpeg,
}

impl WireFormat {
    /// Every format, the default first.
    pub const ALL: [Self; 2] = [Self::GzipBase64, Self::Jpeg];

    /// The name of the WebSocket subprotocol.
    pub const fn subprotocol(self) -> &'static str {
        match self {
            Self::GzipBase64 => "pistreamer.gzip-base64.v1",
            Self::Jpeg => "pistreamer.jpeg.v1",
        }
    }

    /// The name in an address, as in `?wire=jpeg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GzipBase64 => "gzip-base64",
            Self::Jpeg => "jpeg",
        }
    }

    /// The format with that name, which may be the subprotocol's too.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| name == format.name() || name == format.subprotocol())
    }

    /// The format of a binary message. The two cannot be confused: a gzip file never begins as a JPEG does.
    pub fn of(message: &[u8]) -> Self {
        if message.starts_with(&SOI) {
            Self::Jpeg
        } else {
            Self::GzipBase64
        }
    }

    /// The format with that subprotocol name.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.subprotocol() == name)
    }

    /// The first known format in the value of a `Sec-WebSocket-Protocol` header: names in the viewer's order of
    /// preference, separated by commas.
    pub fn choose(offered: &str) -> Option<Self> {
        offered
            .split(',')
            .find_map(|name| Self::from_subprotocol(name.trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_one_short_name_and_is_told_by_its_first_bytes() {
        for format in WireFormat::ALL {
            assert_eq!(WireFormat::from_name(format.name()), Some(format));
            assert_eq!(WireFormat::from_name(format.subprotocol()), Some(format));
        }
        assert_eq!(WireFormat::from_name("carrier-pigeon"), None);
        let jpeg = [0xff, 0xd8, 0xff, 0xd9];
        assert_eq!(WireFormat::of(&jpeg), WireFormat::Jpeg);
        assert_eq!(WireFormat::of(&crate::pack(&jpeg)), WireFormat::GzipBase64);
    }

    #[test]
    fn the_viewers_first_known_name_wins() {
        assert_eq!(
            WireFormat::choose("future.v9, pistreamer.jpeg.v1,pistreamer.gzip-base64.v1"),
            Some(WireFormat::Jpeg)
        );
        assert_eq!(WireFormat::choose("chat, superchat"), None);
        assert_eq!(WireFormat::choose(""), None);
    }
}

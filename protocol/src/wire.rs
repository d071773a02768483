//! The wire formats, by the names under which WebSocket subprotocols carry them (RFC 6455 §1.9).
//!
//! Making the bytes belongs to [`crate::pack`](mod@crate::pack); the upgrade itself to the server.

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
    fn the_viewers_first_known_name_wins() {
        assert_eq!(
            WireFormat::choose("future.v9, pistreamer.jpeg.v1,pistreamer.gzip-base64.v1"),
            Some(WireFormat::Jpeg)
        );
        assert_eq!(WireFormat::choose("chat, superchat"), None);
        assert_eq!(WireFormat::choose(""), None);
    }
}

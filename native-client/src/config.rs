//! What a caller can choose about a subscription, with defaults for all but the URL.

use crate::{Endpoint, UrlError};
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, WireFormat};
use std::time::Duration;

/// How a subscription behaves.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The server's WebSocket.
    pub endpoint: Endpoint,
    /// The wire format asked for first; the server may answer with the other one.
    pub wire: WireFormat,
    /// Frames a second that the caller has use for; `None` is all of them.
    pub max_fps: Option<f64>,
    /// Pixels in a line that the caller has use for: the server sends the smallest picture that it makes that has them.
    pub max_width: Option<u32>,
    /// JPEG quality that is enough, from 1 to 100; `None` is the server's own.
    pub quality: Option<u8>,
    /// Whether values of controls that change by themselves are told, by [`crate::Event::Readings`].
    pub readings: bool,
    /// Largest JPEG in bytes that is accepted. What is larger counts as corrupt; what is far larger ends the connection.
    pub frame_limit: usize,
    /// What happens when a connection cannot be made or ends.
    pub reconnect: Reconnect,
    /// Time for a connection to come about.
    pub connect_timeout: Duration,
    /// Silence after which a server is considered gone. It is pinged before.
    pub silence: Duration,
}

/// What happens when a connection cannot be made or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reconnect {
    /// The error is returned and the stream ends.
    Never,
    /// Another attempt is made after a pause, without end. The pauses double, carry jitter, and begin anew after each
    /// frame. Only a refusal that would come again ends the stream: one for want of a key (HTTP 401 or 403), or any other
    /// (HTTP 4xx) before there was a connection.
    After {
        /// The first pause.
        first: Duration,
        /// The longest one.
        longest: Duration,
    },
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::After {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(8),
        }
    }
}

impl From<Endpoint> for Config {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            wire: WireFormat::GzipBase64,
            max_fps: None,
            max_width: None,
            quality: None,
            readings: false,
            frame_limit: DEFAULT_FRAME_LIMIT,
            reconnect: Reconnect::default(),
            connect_timeout: Duration::from_secs(5),
            silence: Duration::from_secs(15),
        }
    }
}

impl Config {
    /// The defaults for the server at a URL such as `http://raspberrypi.local:8000`: a `ws://` or `wss://` URL, or the
    /// `http://` or `https://` one of its viewer. A path is kept; one that ends in a slash gets `ws` added.
    ///
    /// # Errors
    /// Where the text is no such URL.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Ok(Endpoint::websocket(url, "ws")?.into())
    }

    /// The same for a [`Publisher`](crate::Publisher): `ingest` is added rather than `ws`.
    ///
    /// # Errors
    /// Where the text is no such URL.
    pub fn ingest(url: &str) -> Result<Self, UrlError> {
        Ok(Endpoint::websocket(url, "ingest")?.into())
    }

    /// With the camera of that id rather than the server's first one.
    pub fn camera(mut self, id: &str) -> Self {
        self.endpoint.add_query("camera", id);
        self
    }

    /// With values of controls that change by themselves.
    pub fn readings(mut self) -> Self {
        self.readings = true;
        self
    }

    /// With that wire format asked for first.
    pub fn wire(mut self, wire: WireFormat) -> Self {
        self.wire = wire;
        self
    }

    /// Limits the frame rate, in frames per second.
    pub fn max_fps(mut self, max_fps: f64) -> Self {
        self.max_fps = Some(max_fps);
        self
    }

    /// Limits the width: the smallest picture of at least this many pixels per line is enough.
    pub fn max_width(mut self, pixels: u32) -> Self {
        self.max_width = Some(pixels);
        self
    }

    /// With JPEGs of that quality, from 1 to 100.
    pub fn quality(mut self, quality: u8) -> Self {
        self.quality = Some(quality);
        self
    }

    /// Limits the size of a JPEG, in bytes.
    pub fn frame_limit(mut self, bytes: usize) -> Self {
        self.frame_limit = bytes;
        self
    }

    /// Sets the timeout for connecting.
    pub fn connect_timeout(mut self, patience: Duration) -> Self {
        self.connect_timeout = patience;
        self
    }

    /// Sets the silence after which a server is given up.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// With another answer to lost connections.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }
}

//! A part of a multipart MJPEG stream (RFC 2046 §5.1), the same for every client of a manner.

use crate::hub::{Form, Frame};
use bytes::Bytes;

/// Separates the parts of a stream. Chosen so that no JPEG contains it by chance.
pub const BOUNDARY: &str = "pistreamer-7b1f0c2d9e";

/// How a client wants to see a part end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At its boundary. Each part begins with its length.
    Program,
    /// At the headers of the next part: Chromium's `<img>` shows a part when it has read them, and would be a frame
    /// behind. So they follow at once, and cannot tell the length of a frame that isn't there yet.
    Browser,
}

impl Manner {
    /// What stands before the first part.
    pub fn opening(self) -> String {
        match self {
            Self::Program => format!("--{BOUNDARY}\r\n"),
            Self::Browser => format!("--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n"),
        }
    }

    /// A part from behind the boundary before it to its end.
    fn part(self, captured_us: u64, jpeg: &[u8]) -> Bytes {
        let head = match self {
            Self::Program => format!(
                "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Timestamp: {}\r\n\r\n",
                jpeg.len(),
                timestamp(captured_us)
            ),
            Self::Browser => String::new(),
        };
        [head.as_bytes(), jpeg, b"\r\n", self.opening().as_bytes()]
            .concat()
            .into()
    }
}

/// A part for programs.
struct ForPrograms(Bytes);

impl Form for ForPrograms {
    fn of(frame: &Frame) -> Self {
        Self(Manner::Program.part(frame.captured_us, frame.jpeg()))
    }
}

/// A part for browsers.
struct ForBrowsers(Bytes);

impl Form for ForBrowsers {
    fn of(frame: &Frame) -> Self {
        Self(Manner::Browser.part(frame.captured_us, frame.jpeg()))
    }
}

/// A frame's part of a stream: one write sends it.
pub fn part(frame: &Frame, manner: Manner) -> &Bytes {
    match manner {
        Manner::Program => &frame.form::<ForPrograms>().0,
        Manner::Browser => &frame.form::<ForBrowsers>().0,
    }
}

/// Unix time in seconds with six decimals, of µs.
pub fn timestamp(us: u64) -> String {
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}

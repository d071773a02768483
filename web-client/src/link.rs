//! What the page and the pipeline say to each other, and how it crosses `postMessage`.
//!
//! Each message is an array: a tag, then the fields. Between the page and a worker it travels with the number of the feed
//! that it is for or from. Acting on them belongs to [`crate::feed`] and [`crate::shell`].

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, ImageBitmap, OffscreenCanvas};

/// A message with the number of the feed that it is for or from.
pub fn envelope(feed: u32, message: &JsValue) -> JsValue {
    Array::of2(&feed.into(), message).into()
}

/// What is in an envelope.
pub fn open(envelope: &JsValue) -> Option<(u32, JsValue)> {
    let fields = Fields(envelope.dyn_ref::<Array>()?.clone());
    Some((fields.u32(0)?, fields.0.get(1)))
}

/// From the page to the pipeline.
#[derive(Debug)]
pub enum Command {
    /// Draw onto this canvas. First, and once.
    Canvas(OffscreenCanvas),
    /// Leave any connection and open another. Reports about it carry its number.
    Connect {
        /// Counts up.
        connection: u32,
        /// `ws:` or `wss:`.
        url: String,
    },
    /// Say this `want` to the server now, and on every connection that follows.
    Want(String),
    /// Say this to the server, if it is there.
    Say(String),
    /// Leave the connection.
    Close,
    /// Ask the server for no more frames, and draw none that are on their way.
    Pause,
    /// The opposite.
    Resume,
    /// Forget the frame on the canvas and reset the counters: the next frame is another camera's.
    Clear,
    /// Hand out the JPEG that is on the canvas.
    Snapshot {
        /// Comes back with it.
        id: u32,
    },
    /// Whether a copy of each picture is wanted in the page, for recording.
    Tap(bool),
    /// The element has gone: end the pipeline. Last.
    Leave,
}

/// From the pipeline to the page.
#[derive(Debug)]
pub enum Report {
    /// The worker can take commands.
    Ready,
    /// The worker has failed, at work for this feed.
    Failed,
    /// The server spoke for itself: a text message other than a pong.
    Text {
        /// Of which connection.
        connection: u32,
        /// The JSON.
        text: String,
    },
    /// A pong came.
    Pong {
        /// Of which connection.
        connection: u32,
        /// The shortest round trip lately, in ms.
        round_trip: f64,
    },
    /// A frame is on the canvas.
    Drawn {
        /// Of which connection.
        connection: u32,
        /// What is known about it.
        frame: Drawn,
    },
    /// A message was no frame that could be drawn.
    Corrupt {
        /// Of which connection.
        connection: u32,
        /// How many so far.
        total: u64,
        /// Why.
        reason: String,
    },
    /// The connection ended.
    Closed {
        /// Which.
        connection: u32,
        /// In words.
        reason: String,
        /// Whether the server doesn't want this viewer any longer.
        refused: bool,
    },
    /// The JPEG that is on the canvas.
    Snapshot {
        /// As in the command.
        id: u32,
        /// `None` before the first frame.
        jpeg: Option<Blob>,
        /// Its seq.
        seq: Option<u64>,
        /// Unix time of its capture in µs.
        captured_us: Option<u64>,
    },
    /// A copy of a picture. The receiver closes it.
    Picture(ImageBitmap),
}

/// What is known about a frame on the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// From its stamp.
    pub seq: Option<u64>,
    /// Unix time of its capture in µs by the server's clock; from its stamp.
    pub captured_us: Option<u64>,
    /// In ms, when it was drawn; `None` without a stamp or before the first pong.
    pub age: Option<f64>,
    /// Unix time in ms, by this browser's steady clock.
    pub drawn_at: f64,
    /// Of the WebSocket message.
    pub bytes: u32,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// How many frames newer ones have replaced in this pipeline so far.
    pub skipped: u64,
    /// ms from the message's arrival until it was drawn.
    pub took: f64,
}

/// 2⁵³ and more are not exact in JavaScript's numbers; a camera gets there in nine million years.
fn number(value: Option<u64>) -> JsValue {
    value.map_or(JsValue::NULL, |value| JsValue::from(value as f64))
}

fn array<const N: usize>(fields: [JsValue; N]) -> JsValue {
    Array::of(&fields).into()
}

struct Fields(Array);

impl Fields {
    fn f64(&self, at: u32) -> Option<f64> {
        self.0.get(at).as_f64()
    }
    fn u64(&self, at: u32) -> Option<u64> {
        self.f64(at).map(|value| value as u64)
    }
    fn u32(&self, at: u32) -> Option<u32> {
        self.f64(at).map(|value| value as u32)
    }
    fn text(&self, at: u32) -> Option<String> {
        self.0.get(at).as_string()
    }
    fn object<T: JsCast>(&self, at: u32) -> Option<T> {
        self.0.get(at).dyn_into().ok()
    }
}

impl Command {
    /// The message, and what is to be transferred with it.
    pub fn to_js(&self) -> (JsValue, Array) {
        let transfer = Array::new();
        let message = match self {
            Self::Canvas(canvas) => {
                transfer.push(canvas);
                array(["canvas".into(), canvas.into()])
            }
            Self::Connect { connection, url } => {
                array(["connect".into(), (*connection).into(), url.into()])
            }
            Self::Want(text) => array(["want".into(), text.into()]),
            Self::Say(text) => array(["say".into(), text.into()]),
            Self::Close => array(["close".into()]),
            Self::Pause => array(["pause".into()]),
            Self::Resume => array(["resume".into()]),
            Self::Clear => array(["clear".into()]),
            Self::Snapshot { id } => array(["snapshot".into(), (*id).into()]),
            Self::Tap(on) => array(["tap".into(), (*on).into()]),
            Self::Leave => array(["leave".into()]),
        };
        (message, transfer)
    }

    /// Reads what [`Self::to_js`] made.
    pub fn from_js(message: &JsValue) -> Option<Self> {
        let fields = Fields(message.dyn_ref::<Array>()?.clone());
        Some(match fields.text(0)?.as_str() {
            "canvas" => Self::Canvas(fields.object(1)?),
            "connect" => Self::Connect {
                connection: fields.u32(1)?,
                url: fields.text(2)?,
            },
            "want" => Self::Want(fields.text(1)?),
            "say" => Self::Say(fields.text(1)?),
            "close" => Self::Close,
            "pause" => Self::Pause,
            "resume" => Self::Resume,
            "clear" => Self::Clear,
            "snapshot" => Self::Snapshot { id: fields.u32(1)? },
            "tap" => Self::Tap(fields.0.get(1).is_truthy()),
            "leave" => Self::Leave,
            _ => return None,
        })
    }
}

impl Report {
    /// The message, and what is to be transferred with it.
    pub fn to_js(&self) -> (JsValue, Array) {
        let transfer = Array::new();
        let message = match self {
            Self::Ready => array(["ready".into()]),
            Self::Failed => array(["failed".into()]),
            Self::Text { connection, text } => {
                array(["text".into(), (*connection).into(), text.into()])
            }
            Self::Pong {
                connection,
                round_trip,
            } => array(["pong".into(), (*connection).into(), (*round_trip).into()]),
            Self::Drawn { connection, frame } => array([
                "drawn".into(),
                (*connection).into(),
                number(frame.seq),
                number(frame.captured_us),
                frame.age.into(),
                frame.drawn_at.into(),
                frame.bytes.into(),
                frame.width.into(),
                frame.height.into(),
                number(Some(frame.skipped)),
                frame.took.into(),
            ]),
            Self::Corrupt {
                connection,
                total,
                reason,
            } => array([
                "corrupt".into(),
                (*connection).into(),
                number(Some(*total)),
                reason.into(),
            ]),
            Self::Closed {
                connection,
                reason,
                refused,
            } => array([
                "closed".into(),
                (*connection).into(),
                reason.into(),
                (*refused).into(),
            ]),
            Self::Snapshot {
                id,
                jpeg,
                seq,
                captured_us,
            } => array([
                "snapshot".into(),
                (*id).into(),
                jpeg.clone().into(),
                number(*seq),
                number(*captured_us),
            ]),
            Self::Picture(bitmap) => {
                transfer.push(bitmap);
                array(["picture".into(), bitmap.into()])
            }
        };
        (message, transfer)
    }

    /// Reads what [`Self::to_js`] made.
    pub fn from_js(message: &JsValue) -> Option<Self> {
        let fields = Fields(message.dyn_ref::<Array>()?.clone());
        let connection = || fields.u32(1);
        Some(match fields.text(0)?.as_str() {
            "ready" => Self::Ready,
            "failed" => Self::Failed,
            "text" => Self::Text {
                connection: connection()?,
                text: fields.text(2)?,
            },
            "pong" => Self::Pong {
                connection: connection()?,
                round_trip: fields.f64(2)?,
            },
            "drawn" => Self::Drawn {
                connection: connection()?,
                frame: Drawn {
                    seq: fields.u64(2),
                    captured_us: fields.u64(3),
                    age: fields.f64(4),
                    drawn_at: fields.f64(5)?,
                    bytes: fields.u32(6)?,
                    width: fields.u32(7)?,
                    height: fields.u32(8)?,
                    skipped: fields.u64(9)?,
                    took: fields.f64(10)?,
                },
            },
            "corrupt" => Self::Corrupt {
                connection: connection()?,
                total: fields.u64(2)?,
                reason: fields.text(3)?,
            },
            "closed" => Self::Closed {
                connection: connection()?,
                reason: fields.text(2)?,
                refused: fields.0.get(3).is_truthy(),
            },
            "snapshot" => Self::Snapshot {
                id: fields.u32(1)?,
                jpeg: fields.object(2),
                seq: fields.u64(3),
                captured_us: fields.u64(4),
            },
            "picture" => Self::Picture(fields.object(1)?),
            _ => return None,
        })
    }
}

//! What happens to an element, as far as it matters to it: the page, its user, the pipeline and the clock.

use super::choices::Attributes;
use super::intent::Intent;
use crate::link::Drawn;
use crate::worker::Culprit;
use pistreamer_protocol::message::ServerMessage;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The element is in a document. Nothing of its state is told before [`Self::Begin`].
    Made,
    /// It is still there, and connects.
    Begin(Place),
    /// Its size or visibility may have changed.
    Placed(Place),
    /// The page changed attributes; with what the user chose for that camera on earlier visits, where that is known.
    Attributes(Box<Attributes>, Option<String>),
    /// What the user chose on earlier visits for the camera that the server shows.
    Recalled(Option<String>),
    /// The page pauses, or plays.
    Paused(bool),
    /// The page is shown again, or the network is back.
    Retry,
    /// The user asks for something; with what is remembered of the choices, if it is one.
    Intent(Intent, Option<String>),
    /// A click beside all buttons.
    ClickedBeside,
    /// The user is there.
    Awake,
    /// The keyboard's focus is on a button.
    Keyboard,
    /// The user has done nothing for a while; whether the keyboard's focus is on a button.
    Idle(bool),
    /// A finger, or a button of the mouse, on the stage.
    Pointer(Pointer),
    /// The wheel zooms by a factor, towards a point on the stage.
    Wheel((f64, f64), f64),
    /// The pipeline that was asked for cannot be had.
    NoPipeline(String),
    /// The pipeline's worker cannot be had.
    NoWorker(String),
    /// The pipeline's worker has failed, and for which pipeline.
    WorkerFailed(String, Culprit),
    /// Something about a connection, by its number. What is said about an older one is no news.
    Connection(u32, News),
    /// The panels are loaded, or cannot be.
    Panels(bool),
    /// The recording that was asked for runs, or why not.
    Recording(Option<String>),
    /// The recording has reached its limit, or nothing comes of it.
    Encoder {
        /// Whether it is the limit.
        full: bool,
    },
    /// The recording has ended, or why there is none.
    Recorded(Option<String>),
    /// The small window is open, or why not.
    Floating(Option<String>),
    /// The user closed the small window.
    Unfloated,
    /// The picture may have become stale.
    StaleDue,
    /// A quarter of a second has passed. With a random number from 0 to 1, and device pixels for a CSS pixel.
    Tick(f64, f64),
}

/// What is told of a connection.
#[derive(Debug)]
pub enum News {
    /// A message of the server's, or the text that is none.
    Said(Result<Box<ServerMessage>, String>),
    /// The shortest round trip lately, in ms.
    Pong(f64),
    /// A frame is on the canvas, since that moment.
    Drawn(Drawn, f64),
    /// How many messages were no frames that could be drawn, and why not.
    Corrupt(u64, String),
    /// It ended, or never came to be. With a random number from 0 to 1.
    Closed(String, f64),
    /// The server ended it because it doesn't want this viewer any longer, or it never came to be. What the server says why, or
    /// why it doesn't; with a random number.
    Refused(Result<String, String>, f64),
}

/// Where the element is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Width and height of the stage in CSS pixels.
    pub stage: (f64, f64),
    /// Device pixels for a CSS pixel.
    pub pixel_ratio: f64,
    /// Whether the page is shown, and the element in its window.
    pub visible: bool,
    /// Whether it is all that is looked at: in full screen, or filling the window of a phone or tablet.
    pub alone: bool,
}

/// What a finger does. Places are from the stage's top left.
#[derive(Clone, Copy, Debug)]
pub enum Pointer {
    /// It touches.
    Down(i32, (f64, f64)),
    /// It moves.
    Moved(i32, (f64, f64)),
    /// It is lifted.
    Up(i32),
    /// The browser took it.
    Cancelled(i32),
}

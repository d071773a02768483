//! What a server and the process that drives a camera for it say to each other, over a socket that keeps messages apart. No
//! sample passes through it: buffers are handed over once, as descriptors, and from then on only their numbers.

#[cfg(feature = "libcamera")]
mod drive;
mod socket;

#[cfg(feature = "libcamera")]
pub use drive::main;
pub use socket::Socket;

use crate::{CameraDescription, Config, Filled, Mode, Picture, Place};
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::{Control, ControlValues, Reason};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Both ends are of one package, and have the same.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/6");

/// How often a process whose camera runs says something, at least.
pub const SIGN: Duration = Duration::from_secs(1);

/// From the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Tell each camera, and end.
    List,
    /// Run this one until told to stop. It comes first, and once.
    Capture {
        /// How.
        config: Config,
        /// Which, by its id or index.
        which: Option<String>,
    },
    /// Whether frames are wanted.
    Wanted(bool),
    /// Values for controls.
    Set(ControlValues),
    /// A buffer is free again.
    Home {
        /// How often the camera was opened when it was filled, to tell it from one of before.
        opened: u64,
        /// Its number.
        number: usize,
    },
    /// Take a still.
    Still {
        /// How often the camera was opened when it was asked for: once it is opened anew, it is asked for again.
        opened: u64,
    },
    /// Stop the camera, and end.
    Stop,
}

/// From the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum News {
    /// It runs, which it does not where its libcamera is missing. The first message.
    Hello {
        /// [`VERSION`].
        version: String,
    },
    /// A camera.
    Camera(CameraDescription),
    /// That was all of them.
    Listed,
    /// A buffer of the camera that is about to be open, with a descriptor for each of its regions.
    Buffer(Vec<Place>),
    /// The camera is open.
    Open {
        /// Its id.
        id: String,
        /// What viewers are told.
        mode: Mode,
        /// How its pictures lie in each buffer.
        picture: Picture,
        /// How they are still to be turned, where the camera cannot do all of it.
        turn: Orientation,
        /// Width and height of the stills that it takes, where they are larger than its pictures.
        still: Option<(u32, u32)>,
        /// Widths and heights that it has.
        sizes: Vec<(u32, u32)>,
    },
    /// The stream stops for a still. It is followed by that, or by why there is none, and by buffers and [`Self::Open`].
    Stops,
    /// The still, in the buffer that was sent last.
    Still {
        /// How it lies in the buffer.
        picture: Picture,
        /// How it is still to be turned, where the camera cannot do all of it.
        turn: Orientation,
        /// When it was captured.
        filled: Filled,
    },
    /// Why there is no still.
    NoStill(Reason),
    /// The camera delivers in another mode from here on.
    Mode(Mode),
    /// The controls with their values.
    Controls {
        /// All of them.
        controls: Vec<Control>,
        /// How many [`Order::Set`] came before.
        taken: u64,
    },
    /// Values of controls that changed by themselves.
    Readings(ControlValues),
    /// A picture is there. Its buffer stays as it is until it is sent home.
    Filled(Filled),
    /// A picture was dropped, with the reason.
    Broken(String),
    /// A line for the log.
    Log {
        /// `ERROR`, `WARN`, `INFO` or `DEBUG`.
        level: String,
        /// What it says.
        text: String,
    },
    /// The camera's thread is not stuck.
    Alive,
    /// Why the camera, or the listing, has ended.
    Failed(Reason),
}

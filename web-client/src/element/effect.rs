//! What an element wants done in the browser. Doing it belongs to [`crate::shell`].

use super::settings::Settings;
use super::shown::Shown;
use crate::geometry::{Layout, Zoom};
use crate::steer::Want;

/// One thing to do.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Start a pipeline in the place of any other, with a worker where there can be one.
    StartPipeline(bool),
    /// Open a connection, in that wire format and with at most so many pixels in a line; to another one nothing is said any
    /// more.
    Connect(u32, Option<&'static str>, Option<u32>),
    /// Tell the pipeline.
    Pipeline(Order),
    /// Ask the server why it let this connection not in; with what is known otherwise.
    AskRefusal(u32, String),
    /// Fail the snapshots that are waited for, for that reason.
    RejectSnapshots(&'static str),
    /// Hand the picture to the user as a file.
    SaveSnapshot,
    /// Load the panels.
    LoadPanels,
    /// Have the panels do something. They are there.
    Panels(Pane),
    /// Show the state.
    Show(Shown),
    /// Show the age of the picture; nothing where that is not known.
    Age(String),
    /// Show the camera's name.
    Name(String),
    /// Lay the picture onto the stage.
    Layout(Layout, Zoom),
    /// Show what is chosen, and whether there are controls.
    Settings(Settings, bool),
    /// Set a data attribute.
    Data(&'static str, String),
    /// Take away what the data attributes tell of the camera.
    ClearData,
    /// Show for how long the recording runs, in ms.
    RecordingTime(f64),
    /// Show whether there is a recording.
    ShowRecording(bool),
    /// Show a message over the picture for a while.
    Toast(String),
    /// Show the toolbar, and see after a while whether it is still wanted.
    Wake,
    /// Hide the toolbar.
    Sleep,
    /// Say how it comes back, unless that was said before.
    Hint,
    /// Have this finger's moves told wherever they go.
    CapturePointer(i32),
    /// Enter or leave full screen.
    ToggleFullscreen,
    /// The element is not over everything else any more.
    LeaveFilled,
    /// Show the plain stream from now on, for that reason.
    GiveUp(String),
    /// Write down the user's choices under that key.
    Remember(String, String),
    /// Send [`super::event::Event::Recalled`].
    Recall,
    /// Send [`super::event::Event::StaleDue`] after this many ms.
    AwaitStale(f64),
    /// A line for the console alone.
    Warn(String),
    /// Dispatch an event of the element.
    Tell(Tell),
}

/// What is to be done, in that order.
#[derive(Debug, Default)]
pub(super) struct Effects(Vec<Effect>);

impl Effects {
    /// One thing more. Written out at each of its many places, it would cost the download a kB.
    #[inline(never)]
    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }
}

impl From<Effects> for Vec<Effect> {
    fn from(effects: Effects) -> Self {
        effects.0
    }
}

/// A command to the pipeline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Order {
    /// Leave the connection.
    Close,
    /// No frames.
    Pause,
    /// Frames again.
    Resume,
    /// Forget the picture.
    Clear,
    /// Ask the server for that.
    Want(Want),
    /// Whether copies of the pictures are wanted.
    Tap(bool),
}

/// What the panels are to do.
#[derive(Debug, PartialEq)]
pub enum Pane {
    /// Show or hide the menu.
    Menu(bool),
    /// Show or close the list of keys.
    Help(bool),
    /// Show or hide the camera's controls.
    Adjust(bool),
    /// Show or hide the statistics.
    Overlay(bool),
    /// Keep the screen on, or let it sleep.
    KeepAwake(bool),
    /// Show what is wrong with the server's configuration, if anything is.
    Problem(Option<String>),
    /// Write the statistics.
    Figures(Box<Figures>),
    /// Record; first open a stage of that size, if there is none.
    Record(Option<(u32, u32)>),
    /// End the recording and save it, named after that camera; whether it has reached its limit.
    EndRecording(String, bool),
    /// Open the small window; first a stage of that size, if there is none.
    Float(Option<(u32, u32)>),
    /// Close the small window.
    Unfloat,
    /// Show nothing on the stage.
    ClearStage,
    /// Close the stage.
    CloseStage,
}

/// The statistics. Times are in ms.
#[derive(Debug, Default, PartialEq)]
pub struct Figures {
    /// Frames a second.
    pub fps: f64,
    /// Of the newest frame.
    pub age: Option<f64>,
    /// Of 95 of 100 frames, at most.
    pub age_p95: Option<f64>,
    /// Megabits a second.
    pub mbit: f64,
    /// To the server and back.
    pub round_trip: Option<f64>,
    /// From a frame's arrival until it was drawn.
    pub took: Option<f64>,
    /// Frames that the server left out.
    pub skipped_server: u64,
    /// Frames that were left out here.
    pub skipped_here: u64,
    /// Messages that were no frames that could be drawn.
    pub corrupt: u64,
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Why the picture has this size.
    pub why: String,
    /// The wire format.
    pub wire: Option<&'static str>,
    /// The frame's number.
    pub seq: Option<u64>,
}

/// An event of the element, for the page around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Tell {
    /// `statechange`: state and reason.
    State(&'static str, String),
    /// `namechange`.
    Name(String),
    /// `frame`.
    Frame {
        /// Its number.
        seq: Option<u64>,
        /// In ms, when it was drawn.
        age: Option<f64>,
        /// By the server's clock, in Unix µs.
        captured_us: Option<u64>,
        /// By the page's clock.
        drawn_at: f64,
    },
    /// `error`, also on the console.
    Error(String),
}

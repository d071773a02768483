//! The states that an element can be in, what they are called, and what is shown of one.
//!
//! Which one holds belongs to [`super::status`].

use crate::text::words;

/// What can be said about the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// On the way to the first frame.
    Connecting,
    /// The server says that the camera is being opened.
    Starting,
    /// New frames come.
    Live,
    /// The connection is up, but the picture is old.
    Stale,
    /// The server says that the camera delivers nothing.
    NoSignal,
    /// The viewer's user stopped it.
    Paused,
    /// The element is not visible.
    Hidden,
    /// There is no connection.
    Lost,
    /// The server answers and refuses this viewer.
    Refused,
}

impl Kind {
    /// The value of `data-state`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Starting => "starting",
            Self::Live => "live",
            Self::Stale => "stale",
            Self::NoSignal => "no-signal",
            Self::Paused => "paused",
            Self::Hidden => "hidden",
            Self::Lost => "lost",
            Self::Refused => "refused",
        }
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connecting => words!("Connecting"),
            Self::Starting => words!("Starting"),
            Self::Live => words!("Live"),
            Self::Stale => words!("Stale"),
            Self::NoSignal => words!("No signal"),
            Self::Paused => words!("Paused"),
            Self::Hidden => words!("Hidden"),
            Self::Lost => words!("Server lost"),
            Self::Refused => words!("Refused"),
        }
    }
}

/// What the badge and the notice say.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The state.
    pub kind: Kind,
    /// Why, for people; may be empty.
    pub reason: String,
    /// For how many ms it has lasted; `None` while the picture is live.
    pub lasts: Option<f64>,
    /// Whether the picture is made up.
    pub test_pattern: bool,
    /// The notice over the picture, below the state's name.
    pub notice: Option<String>,
    /// Whether the notice offers to connect at once.
    pub retry: bool,
    /// Whether the page has yet to hear of this state.
    pub is_new: bool,
}

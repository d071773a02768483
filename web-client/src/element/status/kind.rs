//! The states that an element can be in, and what they are called.

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

/// The state at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State<'a> {
    /// Which.
    pub kind: Kind,
    /// Why, for people; empty where there is nothing to explain.
    pub reason: &'a str,
    /// Since when, by the clock that was handed in.
    pub since: f64,
    /// When the next try to connect is due; infinite where there is none before something changes.
    pub retry_at: Option<f64>,
}

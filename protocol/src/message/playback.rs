//! Recordings that are played over a camera's connection, in the place of its live pictures.
//!
//! The position of playing is a clock: the receiver of frames gets that of the present position whenever there is room for one,
//! and none late.

use crate::text;
use serde::{Deserialize, Serialize};

/// What to play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Play {
    /// Comes back in each [`Playback`] that follows from it.
    pub id: u64,
    /// Unix time in µs where to begin; `None` goes on where it is, or begins at the newest picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_us: Option<u64>,
    /// Recorded time a second, from -[`FASTEST`] to [`FASTEST`]: backwards below 0, and at 0 the picture of the position alone. `None`
    /// leaves it as it is, and begins with 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
    /// Unix time in µs at which playing pauses; `None` is nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_us: Option<u64>,
    /// Whether time of which nothing was recorded is passed over. `None` leaves it as it is, and begins with true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_gaps: Option<bool>,
}

/// The fastest that recordings are played.
pub const FASTEST: f64 = 64.0;

/// What has become of playing. It comes before the frames that it is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Playback {
    /// That of the last request.
    pub id: u64,
    /// What it does from here on.
    pub state: PlaybackState,
    /// Unix time in µs of the position.
    pub at_us: u64,
    /// As in [`Play::speed`].
    #[serde(default)]
    pub speed: f64,
    /// Unix time in µs of the first picture and of the last one that there were when it was asked for; `None` where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_us: Option<u64>,
    /// See `from_us`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_us: Option<u64>,
    /// Why nothing is played, where it fails: for people, in English.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "text::deserialize_option"
    )]
    pub reason: Option<String>,
}

/// What playing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PlaybackState {
    /// Frames of the position come, as it moves.
    Playing,
    /// The picture of the position stays.
    #[default]
    Paused,
    /// Nothing was recorded of the position.
    Gap,
    /// There is nothing more in that direction.
    End,
    /// The camera's live pictures come again.
    Live,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

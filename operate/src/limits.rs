//! How old things may be before the machine stops, and the other times and numbers of the channel.

use std::time::Duration;

/// A time of the steady clock (`CLOCK_MONOTONIC`), as since the machine started.
pub type Time = Duration;

/// How old things may be before the machine stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A command, counted from before the beat that it echoes was sent.
    pub command: Duration,
    /// The picture that the operator sees, counted from its capture.
    pub picture: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            command: Duration::from_millis(250),
            picture: Duration::from_millis(400),
        }
    }
}

/// How long the stick has to be at rest before the machine starts.
pub const REST: Duration = Duration::from_millis(150);

/// Interval at which the operator is told, and the machine too, where nothing changes.
pub const BEAT: Duration = Duration::from_millis(50);

/// Beats and frames that are remembered: at 20 beats and 60 frames a second, several seconds.
pub const REMEMBERED: usize = 256;

/// Commands a second that are heard of an operator.
pub const MOST_COMMANDS: u32 = 120;

/// Whoever asks for the seat gets it after the machine has stood for this long, or its holder's sticks were at rest for as long since the
/// question.
pub const ABANDONED: Duration = Duration::from_secs(10);

/// A seat whose holder has been stopped for this long can be taken from another connection of the same person.
pub const RELOADED: Duration = Duration::from_secs(2);

/// A question that nobody answers is withdrawn.
pub const ASKED: Duration = Duration::from_secs(20);

/// Most who ask for the seat at a time, each of another name.
pub const MOST_ASKS: usize = 16;

/// Most axes, and most buttons.
pub const MOST_NAMES: usize = 16;

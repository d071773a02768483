//! What an operator and the server tell each other: who may drive the machine below a camera, commands, and what became of them.
//!
//! When a command is carried out is decided by the crate `operate`; names and values of axes and buttons are checked there.

use crate::text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a viewer wants of the operator's seat, or the operator says to one that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SeatRequest {
    /// Have it, if it is free.
    Take,
    /// Have it, and ask whoever has it.
    Ask,
    /// Give it back.
    Give,
    /// Have it at once, as an administrator.
    Force,
    /// The operator hands it to whoever asks.
    Yes,
    /// The operator keeps it.
    No,
    /// A request that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Why the machine stopped, or does not start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StopReason {
    /// Nobody has the seat.
    #[default]
    Free,
    /// No command came in time.
    Command,
    /// The picture that the operator sees is too old.
    Picture,
    /// The camera delivers nothing.
    Camera,
    /// The operator's page is hidden.
    Hidden,
    /// The operator's page lost the focus.
    Focus,
    /// The gamepad, or the finger on the stick, is gone.
    Input,
    /// The operator pressed stop.
    Asked,
    /// Another operator took the seat.
    Taken,
    /// The operator left.
    Left,
    /// The machine takes no commands.
    Sink,
    /// The server is stopping, or its settings change.
    Stopping,
    /// Every command is too old when it arrives.
    SlowLink,
    /// The stick is not at rest yet.
    Rest,
    /// A reason that this version does not know.
    #[serde(other)]
    Unknown,
}

impl StopReason {
    /// Its word, as in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Command => "command",
            Self::Picture => "picture",
            Self::Camera => "camera",
            Self::Hidden => "hidden",
            Self::Focus => "focus",
            Self::Input => "input",
            Self::Asked => "asked",
            Self::Taken => "taken",
            Self::Left => "left",
            Self::Sink => "sink",
            Self::Stopping => "stopping",
            Self::SlowLink => "slow-link",
            Self::Rest => "rest",
            Self::Unknown => "unknown",
        }
    }
}

/// A command. It holds until [`beat`](Self::beat) is older than the server's limit, and no longer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operate {
    /// Rises with each command of a connection.
    pub seq: u64,
    /// The newest [`Operating::arm`] that the operator was told.
    #[serde(default)]
    pub arm: u64,
    /// The newest [`Operating::beat`] that the operator was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<u64>,
    /// `seq` of the frame that the operator sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// Positions from -1 to 1; an axis that is not named is at rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub axes: BTreeMap<String, f64>,
    /// Buttons that are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    /// Stop, and why. Needs nothing but `seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopReason>,
}

/// Who has the operator's seat, from the receiver's point of view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Seat {
    /// Nobody.
    #[default]
    Free,
    /// The receiver.
    You,
    /// Another viewer.
    Other,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whether the machine moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Motion {
    /// It has STOP.
    #[default]
    Stopped,
    /// It is given the operator's commands.
    Armed,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// How old things may be before the machine stops, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperateLimits {
    /// A command.
    pub command_ms: u64,
    /// The picture that the operator sees.
    pub picture_ms: u64,
}

/// A value that the machine tells, with its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Telemetry(
    /// The value.
    pub f64,
    /// Its unit; may be empty.
    #[serde(deserialize_with = "text::deserialize")]
    pub String,
);

/// What the server tells of the operator and the machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Operating {
    /// Who has the seat.
    pub seat: Seat,
    /// The operator's name; empty where nobody has the seat.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub who: String,
    /// Who asks for the seat; empty where nobody does.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub asks: String,
    /// Whether the receiver may take the seat.
    #[serde(default)]
    pub may: bool,
    /// Whether the receiver may take it from whoever has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Whether the machine moves.
    pub state: Motion,
    /// Why it stopped last.
    pub why: StopReason,
    /// What keeps it from starting now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<StopReason>,
    /// Counts stops and changes of the seat.
    #[serde(default)]
    pub arm: u64,
    /// To be echoed in commands; for the operator alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beat: Option<u64>,
    /// The highest `seq` of a command that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<u64>,
    /// For how long the stick still has to be at rest, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest_ms: Option<u64>,
    /// The limits in force.
    #[serde(default)]
    pub limits: OperateLimits,
    /// The axes that there are.
    #[serde(default)]
    pub axes: Vec<String>,
    /// The buttons that there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buttons: Vec<String>,
    /// At most so old is the newest command, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_ms: Option<u64>,
    /// So old is the picture that the operator sees, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture_ms: Option<u64>,
    /// How much sooner than necessary the last command arrived, in ms; negative where it was too late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack_ms: Option<i64>,
    /// Commands of this connection that were refused.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: u64,
    /// What is wrong with the way to the machine, for people; empty where nothing is.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub problem: String,
    /// What the machine tells of itself, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub telemetry: BTreeMap<String, Telemetry>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_this_json() {
        let text = concat!(
            r#"{"seq":1042,"arm":7,"beat":513,"n":77,"#,
            r#""axes":{"steer":-0.2,"throttle":0.5},"buttons":["horn"]}"#
        );
        let stop = r#"{"seq":1043,"arm":7,"stop":"hidden"}"#;
        for text in [text, stop] {
            let read: Operate = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        assert!(serde_json::from_str::<Operate>("{}").is_err());
        assert!(serde_json::from_str::<Operate>(r#"{"seq":1,"axes":{"a":1e999}}"#).is_err());
        assert_eq!(
            serde_json::to_string(&SeatRequest::Take).unwrap(),
            r#""take""#
        );
    }

    #[test]
    fn a_reason_of_a_later_version_is_read_and_each_has_the_word_of_its_message() {
        let read: Operate = serde_json::from_str(r#"{"seq":1,"stop":"earthquake"}"#).unwrap();
        assert_eq!(read.stop, Some(StopReason::Unknown));
        for reason in [StopReason::SlowLink, StopReason::Free, StopReason::Rest] {
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(json, format!("{:?}", reason.word()));
        }
    }

    #[test]
    fn what_is_told_comes_back_whole_and_texts_are_cut() {
        let told = Operating {
            seat: Seat::You,
            who: "phone".into(),
            may: true,
            why: StopReason::Picture,
            waits: Some(StopReason::Rest),
            arm: 8,
            beat: Some(514),
            seen: Some(1043),
            rest_ms: Some(150),
            slack_ms: Some(-12),
            telemetry: BTreeMap::from([("battery".into(), Telemetry(7.4, "V".into()))]),
            ..Operating::default()
        };
        let json = serde_json::to_string(&told).unwrap();
        assert!(
            json.contains(r#""telemetry":{"battery":[7.4,"V"]}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Operating>(&json).unwrap(), told);
        let long = format!(
            r#"{{"seat":"other","state":"armed","why":"free","who":"{}"}}"#,
            "x".repeat(5000)
        );
        let read: Operating = serde_json::from_str(&long).unwrap();
        assert_eq!(read.who.chars().count(), text::LONGEST);
    }
}

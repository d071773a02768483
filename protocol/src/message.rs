//! The text messages that travel beside the frames: JSON objects with a `type`.
//!
//! Texts in what a server says are cut as they are read ([`crate::text`]), so that each receiver may show, log and pass
//! them on. Only their shape stands here; when they are sent is the server's and the viewer's business.

mod answer;
mod cause;
mod control;
mod happening;
mod operate;
mod playback;
mod reason;
mod value;

pub use answer::Answer;
pub use cause::{Cause, Words};
pub use control::{Control, ControlKind, Group, Place, Scale};
pub use happening::{Happening, Moving, Stage};
pub use operate::{
    Motion, Operate, OperateLimits, Operating, Seat, SeatRequest, StopReason, Telemetry,
};
pub use playback::{FASTEST, Play, Playback, PlaybackState};
pub use reason::{Reason, Value, Values};
pub use value::{ControlValue, ControlValues};

use crate::text;
use serde::{Deserialize, Serialize};

/// What a server says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ServerMessage {
    /// The first message of every connection.
    Hello(Hello),
    /// The camera's state changed.
    State(CameraStatus),
    /// Frames that this viewer didn't get because newer ones overtook them.
    Skipped {
        /// How many since the last such message.
        count: u64,
        /// How many since the connection began.
        total: u64,
    },
    /// This frame shows the very picture of the last one sent, so it is not sent.
    Unchanged {
        /// Its `seq`.
        seq: u64,
        /// Unix time of its capture in µs.
        captured_us: u64,
    },
    /// The frames from here on have another size.
    Rendition(PictureSize),
    /// The answer to a ping.
    Pong {
        /// The ping's `id`, where it had one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The server's Unix time in µs.
        time_us: u64,
    },
    /// Values of controls that change by themselves, for a viewer that asked for them.
    Controls {
        /// Those that changed.
        values: ControlValues,
    },
    /// Something happens before the camera, goes on, or has ended.
    // The viewer in the browser asks for it otherwise, and is as small as it can be.
    #[cfg(not(target_arch = "wasm32"))]
    Event {
        /// What.
        event: Happening,
        /// What has become of it.
        state: Stage,
    },
    /// What moves in a picture, for a viewer that asked for it.
    #[cfg(not(target_arch = "wasm32"))]
    Motion {
        /// Unix time of its capture in µs.
        captured_us: u64,
        /// How much moves, 0 to 255, on a scale of square roots.
        score: u8,
        /// Where.
        boxes: Vec<Moving>,
    },
    /// What became of a `set` or `reset`.
    Answer(Answer),
    /// What has become of playing recordings.
    Playback(Playback),
    /// Nothing was recorded between these pictures, of which the second one follows when playing gets there.
    Gap {
        /// Unix time in µs of the picture at which it begins.
        from_us: u64,
        /// Unix time in µs of the one at which it ends.
        to_us: u64,
    },
    /// Who drives the machine below the camera, and whether it moves.
    Operating(Box<Operating>),
    /// The server's configuration file cannot be applied, or can be again. Only administrators are told.
    Configuration {
        /// What is wrong, for people; `None` where nothing is wrong any more.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "text::deserialize_option"
        )]
        problem: Option<String>,
    },
    /// Something that the viewer did wrong.
    Error {
        /// A word for programs, such as `bad-message`.
        #[serde(deserialize_with = "text::deserialize")]
        code: String,
        /// A sentence for people.
        #[serde(deserialize_with = "text::deserialize")]
        message: String,
        /// What stands in it for this viewer alone.
        #[serde(default, skip_serializing_if = "Values::is_empty")]
        values: Values,
    },
    /// A type that this version does not know. Ignored.
    #[serde(other)]
    Unknown,
}

/// What a viewer says. A viewer that says nothing gets the stream all the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ViewerMessage {
    /// A frame was drawn. From the first ack on, the server keeps only a few frames unacknowledged.
    Ack {
        /// The highest `seq` drawn so far.
        seq: u64,
    },
    /// Asks for a pong.
    Ping {
        /// Comes back in the pong.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// What the viewer has use for. Each message replaces the one before it.
    Want(Want),
    /// No more frames until `resume`.
    Pause,
    /// Frames again.
    Resume,
    /// Sets one of the camera's controls.
    Control {
        /// Its name in `hello`.
        name: String,
        /// Its new value; 1 for a button.
        value: ControlValue,
        /// Whether a value is meant that has to be confirmed: [`Control::confirm_above`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        confirmed: bool,
    },
    /// Sets several of the camera's controls together.
    Set {
        /// The new values by the controls' names; 1 for a button.
        values: ControlValues,
        /// Whether values are meant that have to be confirmed: [`Control::confirm_above`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        confirmed: bool,
        /// Comes back in the answer; `None` where none is wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// Resets controls to what the camera starts with.
    Reset {
        /// Their names; `None` for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        names: Option<Vec<String>>,
        /// Comes back in the answer; `None` where none is wanted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
    },
    /// Recordings in the place of live pictures.
    Play(Play),
    /// Pauses playing, so many pictures on or back from the one that was sent last.
    Step {
        /// Comes back in each `playback` that follows from it.
        id: u64,
        /// How many, back below 0.
        by: i32,
    },
    /// Live pictures again.
    Live {
        /// Comes back in the `playback` that follows from it.
        id: u64,
    },
    /// Takes or gives the operator's seat.
    Seat {
        /// Which of that.
        want: SeatRequest,
    },
    /// A command for the machine below the camera.
    Operate(Operate),
    /// What was sent is not there any more: the next frame has to be a whole picture.
    Refresh,
    /// A type that this version does not know. Ignored.
    #[serde(other)]
    Unknown,
}

/// Limits that a viewer asks for; what is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Want {
    /// Frames per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_fps: Option<f64>,
    /// Pixels in a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_width: Option<u32>,
    /// JPEG quality, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Whether a frame that repeats the last one sent may be told by [`ServerMessage::Unchanged`] instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unchanged: bool,
    /// Whether values of controls that change by themselves are told, by [`ServerMessage::Controls`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub readings: bool,
    /// Whether what moves is told, by [`ServerMessage::Motion`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub motion: bool,
    /// Whether the viewer draws [mosaics](crate::strips) over what it has, and may be sent only what changed. Implies `unchanged`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tiles: bool,
}

/// The size in which a viewer gets the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureSize {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Pixels in a line of the picture that the camera delivers.
    pub full_width: u32,
    /// Lines of the picture that the camera delivers.
    pub full_height: u32,
}

/// What a viewer learns first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::VERSION`] of the server.
    pub protocol: u32,
    /// Name and version of the server's program.
    #[serde(deserialize_with = "text::deserialize")]
    pub server: String,
    /// The server's Unix time in µs.
    pub time_us: u64,
    /// The camera that this connection shows.
    pub camera: Camera,
    /// Pixels in a line; 0 while nothing has been captured yet.
    pub width: u32,
    /// Lines; 0 while nothing has been captured yet.
    pub height: u32,
    /// Frames per second that the camera is asked for.
    pub fps: f64,
    /// The camera's state, and why, in the fields `state`, `reason`, `cause`, `values` and `since_us`.
    #[serde(flatten)]
    pub status: CameraStatus,
    /// Subprotocol of the frames that follow.
    #[serde(deserialize_with = "text::deserialize")]
    pub wire: String,
    /// What can be set on the camera.
    #[serde(default)]
    pub controls: Vec<Control>,
    /// Whether the server knows [`ViewerMessage::Set`] and [`ViewerMessage::Reset`], and answers them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sets: bool,
    /// Whether the server plays what it has recorded of the camera: [`ViewerMessage::Play`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plays: bool,
    /// Whether frames may be told by what changed alone, where [`Want::tiles`] asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tiles: bool,
}

/// A camera's identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Camera {
    /// Stable id, as in `/ws?camera=ID` and in the stamp.
    #[serde(deserialize_with = "text::deserialize")]
    pub id: String,
    /// For people.
    #[serde(deserialize_with = "text::deserialize")]
    pub name: String,
    /// Kind of source: `libcamera`, `pattern`, `files`, …
    #[serde(deserialize_with = "text::deserialize")]
    pub source: String,
    /// Whether the picture is made up.
    #[serde(default)]
    pub test_pattern: bool,
}

/// Whether a camera delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CameraState {
    /// It is being opened and hasn't delivered yet.
    #[default]
    Starting,
    /// Frames come, or would come if anybody watched.
    Live,
    /// There is no picture; the reason is beside it.
    NoSignal,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A camera's state with its reason.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CameraStatus {
    /// The state.
    pub state: CameraState,
    /// Why, in the fields `reason`, `cause` and `values`.
    #[serde(flatten)]
    pub reason: Reason,
    /// Unix time in µs since which it holds.
    #[serde(default)]
    pub since_us: u64,
    /// Whether the picture is made up; `None` where that is as was told before, in `hello` or in the last `state` that had
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_pattern: Option<bool>,
    /// Size and rate of the pictures; `None` if unchanged since the last message, or still unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// What the camera is called; `None` where that is as was told before.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "text::deserialize_option"
    )]
    pub name: Option<String>,
    /// What can be set on the camera; `None` where that is as was told before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Vec<Control>>,
    /// Whether the server records the camera; `None` where the server records nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recording>,
}

/// Whether a server records a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recording {
    /// It records others, and not this one.
    #[default]
    Off,
    /// It is about to.
    Starting,
    /// It does.
    Recording,
    /// It does, but frames are missing: the disk is too slow.
    Slow,
    /// There is nothing to record.
    NoSignal,
    /// The disk is not mounted, or it is another one.
    NoDisk,
    /// The disk is full.
    DiskFull,
    /// The disk fails.
    Error,
    /// A state that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Size and rate of a camera's pictures, as in the fields of the same names in [`Hello`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Frames per second that the camera is asked for.
    pub fps: f64,
}

/// Longest text message in bytes. A receiver closes the connection after a longer one, with 1009 (RFC 6455 §7.4.1).
pub const LONGEST_MESSAGE: usize = 64 * 1024;

/// The close code for a malformed message, in the range for private use (RFC 6455 §7.4.2).
pub const CLOSE_BAD_MESSAGE: u16 = 4400;

/// Close code after the end of what let a viewer in: its key was changed, or its ticket is over.
pub const CLOSE_SIGNED_OUT: u16 = 4401;

/// Close code of a connection whose camera was removed from the server.
pub const CLOSE_CAMERA_REMOVED: u16 = 4404;

/// Why a text message could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is not understood: {problem}")]
pub struct MessageError {
    /// What is wrong with it.
    pub problem: String,
}

impl ServerMessage {
    /// An `error` for that cause.
    pub fn error(cause: Cause) -> Self {
        let reason = Reason::from(cause);
        Self::Error {
            code: reason.cause,
            message: reason.text,
            values: reason.values,
        }
    }

    /// Reads a server's message. One of an unknown type is [`Self::Unknown`].
    pub fn from_json(text: &str) -> Result<Self, MessageError> {
        from_json(text)
    }

    /// The message as JSON.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

impl ViewerMessage {
    /// Reads a viewer's message. One of an unknown type is [`Self::Unknown`].
    pub fn from_json(text: &str) -> Result<Self, MessageError> {
        from_json(text)
    }

    /// The message as JSON.
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

fn from_json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, MessageError> {
    serde_json::from_str(text).map_err(|error| MessageError {
        problem: error.to_string(),
    })
}

fn to_json<T: Serialize>(message: &T) -> String {
    serde_json::to_string(message).expect("messages hold nothing that JSON cannot")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_documented_json() {
        assert_eq!(
            ViewerMessage::Ack { seq: 7 }.to_json(),
            r#"{"type":"ack","seq":7}"#
        );
        assert_eq!(ViewerMessage::Pause.to_json(), r#"{"type":"pause"}"#);
        let want = Want {
            max_fps: Some(10.0),
            ..Want::default()
        };
        assert_eq!(
            ViewerMessage::Want(want).to_json(),
            r#"{"type":"want","max_fps":10.0}"#
        );
        assert_eq!(
            ServerMessage::Skipped { count: 2, total: 9 }.to_json(),
            r#"{"type":"skipped","count":2,"total":9}"#
        );
        let unchanged = ServerMessage::Unchanged {
            seq: 8,
            captured_us: 9,
        };
        assert_eq!(
            unchanged.to_json(),
            r#"{"type":"unchanged","seq":8,"captured_us":9}"#
        );
        let half = PictureSize {
            width: 640,
            height: 360,
            full_width: 1280,
            full_height: 720,
        };
        assert_eq!(
            ServerMessage::Rendition(half).to_json(),
            r#"{"type":"rendition","width":640,"height":360,"full_width":1280,"full_height":720}"#
        );
        let wrong = ServerMessage::Configuration {
            problem: Some("line 3".into()),
        };
        assert_eq!(
            wrong.to_json(),
            r#"{"type":"configuration","problem":"line 3"}"#
        );
        let right = ServerMessage::Configuration { problem: None };
        assert_eq!(right.to_json(), r#"{"type":"configuration"}"#);
        assert_eq!(ServerMessage::from_json(&right.to_json()), Ok(right));
        let pong = ServerMessage::Pong {
            id: Some(3),
            time_us: 5,
        };
        assert_eq!(pong.to_json(), r#"{"type":"pong","id":3,"time_us":5}"#);
        let lost = CameraStatus {
            state: CameraState::NoSignal,
            reason: "unplugged".into(),
            since_us: 4,
            ..CameraStatus::default()
        };
        assert_eq!(
            ServerMessage::State(lost).to_json(),
            r#"{"type":"state","state":"no-signal","reason":"unplugged","since_us":4}"#
        );
        let known = CameraStatus {
            state: CameraState::NoSignal,
            reason: Cause::Silent { seconds: 5 }.into(),
            ..CameraStatus::default()
        };
        assert_eq!(
            ServerMessage::State(known).to_json(),
            concat!(
                r#"{"type":"state","state":"no-signal","reason":"the camera has delivered nothing for 5 s","#,
                r#""cause":"silent","values":{"seconds":5},"since_us":0}"#
            )
        );
        let recorded = CameraStatus {
            state: CameraState::Live,
            recording: Some(Recording::DiskFull),
            ..CameraStatus::default()
        };
        assert_eq!(
            ServerMessage::State(recorded).to_json(),
            r#"{"type":"state","state":"live","since_us":0,"recording":"disk-full"}"#
        );
        let problem = "missing field `seq`".into();
        assert_eq!(
            ServerMessage::error(Cause::BadMessage { problem }).to_json(),
            concat!(
                r#"{"type":"error","code":"bad-message","message":"the message is not understood: missing field `seq`","#,
                r#""values":{"problem":"missing field `seq`"}}"#
            )
        );
    }

    #[test]
    fn hello_comes_back_whole() {
        let hello = ServerMessage::Hello(Hello {
            protocol: 1,
            server: "pistreamer 0.1.0".into(),
            time_us: 1,
            camera: Camera {
                id: "0".into(),
                name: "Test pattern".into(),
                source: "pattern".into(),
                test_pattern: true,
            },
            width: 1280,
            height: 720,
            fps: 30.0,
            status: CameraStatus {
                state: CameraState::NoSignal,
                reason: Cause::DeviceUnplugged {
                    device: "/dev/video0".into(),
                }
                .into(),
                ..CameraStatus::default()
            },
            wire: "pistreamer.jpeg.v1".into(),
            controls: vec![
                Control::range("Gain", 1.0..=8.0, 2.0, 1.0).counted_in("×"),
                Control::choice("Scene", &["Lake", "Grey"], 1, 0),
            ],
            sets: true,
            plays: false,
            tiles: false,
        });
        assert_eq!(ServerMessage::from_json(&hello.to_json()), Ok(hello));
    }

    #[test]
    fn texts_of_others_are_cut_as_they_are_read() {
        let reason = format!("\u{1b}[2J\u{202e}{}", "x".repeat(70_000));
        let status = ServerMessage::State(CameraStatus {
            reason: Reason {
                text: reason,
                ..Reason::default()
            },
            ..CameraStatus::default()
        });
        let read = ServerMessage::from_json(&status.to_json()).unwrap();
        let ServerMessage::State(CameraStatus { reason, .. }) = read else {
            panic!("{read:?}");
        };
        let text = reason.text;
        assert!(text.starts_with("[2Jxxx") && text.chars().count() == text::LONGEST);
    }

    #[test]
    fn unknown_types_are_ignored_and_malformed_ones_are_errors() {
        assert_eq!(
            ViewerMessage::from_json(r#"{"type":"dance","to":[1,2]}"#),
            Ok(ViewerMessage::Unknown)
        );
        assert_eq!(
            ServerMessage::from_json(r#"{"type":"sparkle"}"#),
            Ok(ServerMessage::Unknown)
        );
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            "7",
            r#"{"type":7}"#,
            r#"{"type":"ack"}"#,
            r#"{"type":"ack","seq":-1}"#,
            "{",
        ] {
            assert!(
                ViewerMessage::from_json(bad).is_err(),
                "{bad} was taken for a message"
            );
        }
        assert_eq!(
            ViewerMessage::from_json(r#"{"type":"ack","seq":1,"extra":true}"#),
            Ok(ViewerMessage::Ack { seq: 1 })
        );
    }
}

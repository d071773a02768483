//! The messages beside the frames: what publishers say of their cameras, and what edges want of them. JSON, read strictly and
//! with bounds: whatever is larger or says something impossible is no message.

use crate::subject::{LONGEST_ID, Rendition};
use pistreamer_protocol::message::CameraStatus;
use pistreamer_protocol::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Longest message, in bytes.
pub const LONGEST: usize = 8 * 1024;

/// Lowest rate that counts, in frames per second.
const LOWEST_RATE: f64 = 0.01;

/// Most servers that a demand names.
const MOST_NAMES: usize = 16;

/// One run of a server: 16 hexadecimal digits. Another run of the same server has another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(u64);

impl Instance {
    /// The one with that number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Reads one as it is written.
    pub fn parse(text: &str) -> Option<Self> {
        let number = u64::from_str_radix(text, 16).ok().map(Self)?;
        // Not with a sign, capital letters or other lengths.
        (number.to_string() == text).then_some(number)
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Instance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no instance"))
    }
}

impl Serialize for Rendition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Rendition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| serde::de::Error::custom("no rendition"))
    }
}

/// What a publisher says of its camera: each second, when it changes, and when an edge asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The camera's id.
    pub camera: String,
    /// Which run of which server publishes it.
    pub publisher: Instance,
    /// Whether the publisher stops with this message.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
    /// Kind of its source.
    #[serde(default)]
    pub source: String,
    /// Its state, as a server tells viewers.
    #[serde(flatten)]
    pub status: CameraStatus,
}

/// What an edge wants of a camera: each second while it wants something, and when that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Which run of which server wants it.
    pub edge: Instance,
    /// Which publisher's frames it takes.
    pub publisher: Instance,
    /// The servers that get the pictures from the edge, as far as it knows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<Instance>,
    /// What it wants; nothing where nobody looks.
    pub want: Vec<Want>,
}

/// Frames that an edge wants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Want {
    /// In which size.
    pub rendition: Rendition,
    /// How many a second at most; `None` wants all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
}

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It is too long.
    #[error("the message has {0} bytes, and may have {LONGEST}")]
    Long(usize),
    /// It is no such JSON.
    #[error("the message is not understood: {0}")]
    Malformed(String),
    /// It says something that cannot be.
    #[error("the message says something impossible: {0}")]
    Impossible(&'static str),
}

fn read<'a, M: Deserialize<'a>>(bytes: &'a [u8]) -> Result<M, BadMessage> {
    if bytes.len() > LONGEST {
        return Err(BadMessage::Long(bytes.len()));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| BadMessage::Malformed(text::plain(&error.to_string())))
}

/// Whether a text is what servers take for a camera's id.
fn is_camera_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    id.len() <= LONGEST_ID
        && id.starts_with(|letter: char| letter.is_ascii_alphanumeric())
        && id.bytes().all(fits)
        // A number is a place in their order.
        && !id.bytes().all(|byte| byte.is_ascii_digit())
}

fn written(message: &impl Serialize) -> Vec<u8> {
    // Only maps with keys that are no strings, and a `Serialize` that fails, have no JSON.
    serde_json::to_vec(message).unwrap_or_default()
}

impl State {
    /// Reads one.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadMessage> {
        let mut state: Self = read(bytes)?;
        if !is_camera_id(&state.camera) {
            return Err(BadMessage::Impossible("the camera's id"));
        }
        if let Some(mode) = &mut state.status.mode {
            if !(mode.fps >= 0.0 && mode.fps <= 1000.0) {
                return Err(BadMessage::Impossible("the rate"));
            }
            if mode.fps < LOWEST_RATE {
                // As of a camera that does not know it.
                mode.fps = 0.0;
            }
        }
        // What can be set is not set over the broker.
        state.status.controls = None;
        state.source = text::plain(&state.source);
        Ok(state)
    }

    /// As it is sent.
    pub fn written(&self) -> Vec<u8> {
        written(self)
    }
}

impl Demand {
    /// Reads one.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadMessage> {
        let demand: Self = read(bytes)?;
        let Self { via, want, .. } = &demand;
        if via.len() > MOST_NAMES {
            return Err(BadMessage::Impossible("the number of servers"));
        }
        let is_again = |at: usize| {
            want[..at]
                .iter()
                .any(|one| one.rendition == want[at].rendition)
        };
        if (0..want.len()).any(is_again) {
            return Err(BadMessage::Impossible("a rendition is wanted twice"));
        }
        let is_rate = |want: &Want| {
            want.fps
                .is_none_or(|fps| (LOWEST_RATE..=1000.0).contains(&fps))
        };
        if !want.iter().all(is_rate) {
            return Err(BadMessage::Impossible("the rate"));
        }
        Ok(demand)
    }

    /// As it is sent.
    pub fn written(&self) -> Vec<u8> {
        written(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pistreamer_protocol::message::{CameraState, Mode};

    fn state() -> State {
        State {
            camera: "door".into(),
            publisher: Instance::new(7),
            left: false,
            source: "pattern".into(),
            status: CameraStatus {
                state: CameraState::Live,
                name: Some("Front door".into()),
                mode: Some(Mode {
                    width: 1280,
                    height: 720,
                    fps: 30.0,
                }),
                ..CameraStatus::default()
            },
        }
    }

    fn demand() -> Demand {
        Demand {
            edge: Instance::new(1),
            publisher: Instance::new(7),
            via: vec![Instance::new(1)],
            want: vec![Want {
                rendition: Rendition::FULL,
                fps: Some(5.0),
            }],
        }
    }

    #[test]
    fn messages_are_read_as_they_were_written() {
        assert_eq!(State::read(&state().written()), Ok(state()));
        assert_eq!(Demand::read(&demand().written()), Ok(demand()));
        let text = String::from_utf8(demand().written()).unwrap();
        assert_eq!(
            text,
            r#"{"edge":"0000000000000001","publisher":"0000000000000007","via":["0000000000000001"],"want":[{"rendition":"full","fps":5.0}]}"#
        );
    }

    #[test]
    fn fields_of_a_newer_version_are_passed_over() {
        let text = String::from_utf8(state().written()).unwrap();
        let newer = text.replacen('{', r#"{"mood":"good","#, 1);
        assert_eq!(State::read(newer.as_bytes()), Ok(state()));
    }

    #[test]
    fn what_says_something_impossible_is_no_message() {
        for (good, bad) in [
            (r#""door""#, r#""""#),
            (r#""door""#, "5"),
            (r#""door""#, r#""5""#),
            (r#""door""#, r#"".door""#),
            (r#""door""#, r#""a*""#),
            ("0000000000000007", "7"),
            ("0000000000000007", "+000000000000007"),
            ("0000000000000007", "000000000000000A"),
            (r#""fps":30.0"#, r#""fps":-1.0"#),
            (r#""fps":30.0"#, r#""fps":1e9"#),
            (r#""fps":30.0"#, r#""fps":1e999"#),
        ] {
            let text = String::from_utf8(state().written()).unwrap();
            assert!(text.contains(good), "{text}");
            let bad = text.replacen(good, bad, 1);
            assert!(State::read(bad.as_bytes()).is_err(), "{bad}");
        }
        for (good, bad) in [
            ("full", "huge"),
            (r#""fps":5.0"#, r#""fps":0.0"#),
            (r#""fps":5.0"#, r#""fps":8e-20"#),
            (
                r#"{"rendition":"full","fps":5.0}"#,
                r#"{"rendition":"full"},{"rendition":"full"}"#,
            ),
        ] {
            let text = String::from_utf8(demand().written()).unwrap();
            assert!(text.contains(good), "{text}");
            let bad = text.replacen(good, bad, 1);
            assert!(Demand::read(bad.as_bytes()).is_err(), "{bad}");
        }
        let text = String::from_utf8(state().written()).unwrap();
        let slow = text.replacen(r#""fps":30.0"#, r#""fps":4e-20"#, 1);
        let slow = State::read(slow.as_bytes()).unwrap();
        assert_eq!(slow.status.mode.unwrap().fps, 0.0);
        let many = Demand {
            via: vec![Instance::new(1); MOST_NAMES + 1],
            ..demand()
        };
        assert!(Demand::read(&many.written()).is_err());
        assert!(matches!(
            State::read(&vec![b' '; LONGEST + 1]),
            Err(BadMessage::Long(_))
        ));
    }

    #[test]
    fn texts_that_move_a_cursor_or_have_no_end_are_cut() {
        let odd = State {
            source: "a\u{1b}[2J".into(),
            status: CameraStatus {
                name: Some("x".repeat(2000)),
                ..state().status
            },
            ..state()
        };
        let read = State::read(&odd.written()).unwrap();
        assert!(!read.source.contains('\u{1b}'));
        assert!(read.status.name.unwrap().chars().count() <= text::LONGEST);
    }
}

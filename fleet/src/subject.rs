//! Subjects: where each kind of message is published.
//!
//! A camera's id is one token of a subject, escaped: letters, digits, `-` and `_` stand for themselves, any other byte is `=XX`
//! with its value in hexadecimal. There is one way to write each id, so that no two subjects mean the same camera.

use std::fmt;
use std::fmt::Write as _;

/// What all subjects begin with.
pub const PREFIX: &str = "pistreamer.v1";

/// Longest id of a camera, in bytes before it is escaped.
pub const LONGEST_ID: usize = 64;

/// A size of a camera's pictures: how often width and height are halved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rendition(u8);

/// Number of renditions that a camera can be asked for.
pub const RENDITIONS: usize = NAMES.len();

const NAMES: [&str; 4] = ["full", "half", "quarter", "eighth"];

impl Rendition {
    /// The camera's own size.
    pub const FULL: Self = Self(0);

    /// All of them, the largest first.
    pub const ALL: [Self; RENDITIONS] = [Self(0), Self(1), Self(2), Self(3)];

    /// Its number in [`Self::ALL`]: how often width and height are halved.
    pub fn halvings(self) -> usize {
        self.0.into()
    }

    /// Its name in subjects and messages.
    pub fn name(self) -> &'static str {
        NAMES[self.halvings()]
    }

    /// The one with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A subject of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A camera's frames in one size.
    Frames(String, Rendition),
    /// A camera's state.
    State(String),
    /// What edges want of a camera.
    Demand(String),
    /// An edge asks for all states.
    Hello,
}

impl Subject {
    /// Takes a subject apart. `None` where it is none of ours, or is not written as we write it.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?.strip_prefix('.')?;
        let mut tokens = rest.split('.');
        let (kind, camera, last) = (tokens.next()?, tokens.next(), tokens.next());
        if tokens.next().is_some() {
            return None;
        }
        match (kind, camera, last) {
            ("frames", Some(camera), Some(rendition)) => {
                let rendition = Rendition::named(rendition)?;
                Some(Self::Frames(unescaped(camera)?, rendition))
            }
            ("state", Some(camera), None) => Some(Self::State(unescaped(camera)?)),
            ("demand", Some(camera), None) => Some(Self::Demand(unescaped(camera)?)),
            ("hello", None, None) => Some(Self::Hello),
            _ => None,
        }
    }

    /// The subject of every camera's state.
    pub fn all_states() -> String {
        format!("{PREFIX}.state.*")
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(camera, rendition) => {
                write!(
                    f,
                    "{PREFIX}.frames.{}.{}",
                    escaped(camera),
                    rendition.name()
                )
            }
            Self::State(camera) => write!(f, "{PREFIX}.state.{}", escaped(camera)),
            Self::Demand(camera) => write!(f, "{PREFIX}.demand.{}", escaped(camera)),
            Self::Hello => write!(f, "{PREFIX}.hello"),
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Returns true if an id can be written in a subject.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
}

fn escaped(id: &str) -> String {
    let mut token = String::with_capacity(id.len());
    for byte in id.bytes() {
        if is_plain(byte) {
            token.push(byte.into());
        } else {
            // Writing to a string doesn't fail.
            let _ = write!(token, "={byte:02X}");
        }
    }
    token
}

fn unescaped(token: &str) -> Option<String> {
    let mut id = Vec::with_capacity(token.len().min(LONGEST_ID));
    let mut bytes = token.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'=' => u8::from_str_radix(
                std::str::from_utf8(&[bytes.next()?, bytes.next()?]).ok()?,
                16,
            )
            .ok()?,
            byte => byte,
        };
        if id.len() == LONGEST_ID {
            return None;
        }
        id.push(byte);
    }
    let id = String::from_utf8(id).ok()?;
    (is_id(&id) && escaped(&id) == token).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_with_anything_in_it_is_one_token() {
        let subject = Subject::Frames("192.168.1.5-8080".into(), Rendition::FULL);
        assert_eq!(
            subject.to_string(),
            "pistreamer.v1.frames.192=2E168=2E1=2E5-8080.full"
        );
        assert_eq!(
            Subject::State("*".into()).to_string(),
            "pistreamer.v1.state.=2A"
        );
    }

    #[test]
    fn what_is_not_written_as_we_write_it_is_none_of_ours() {
        for text in [
            "",
            "pistreamer.v1",
            "pistreamer.v1.",
            "pistreamer.v2.hello",
            "pistreamer.v1.hello.",
            "pistreamer.v1.hello.x",
            "pistreamer.v1.state",
            "pistreamer.v1.state.",
            "pistreamer.v1.state.a.b",
            "pistreamer.v1.state.*",
            "pistreamer.v1.state.>",
            "pistreamer.v1.state.a=2e",
            "pistreamer.v1.state.=61",
            "pistreamer.v1.state.a=",
            "pistreamer.v1.state.a=+2",
            "pistreamer.v1.state.=FF",
            "pistreamer.v1.state.ü",
            "pistreamer.v1.frames.a",
            "pistreamer.v1.frames.a.w640",
            "pistreamer.v1.frames.a.full.x",
            &format!("pistreamer.v1.state.{}", "x".repeat(65)),
        ] {
            assert_eq!(Subject::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn each_subject_is_read_as_it_was_written(id in "\\PC{1,16}", kind in 0..4_usize) {
            prop_assume!(is_id(&id));
            for subject in [
                Subject::Frames(id.clone(), Rendition::ALL[kind]),
                Subject::State(id.clone()),
                Subject::Demand(id.clone()),
                Subject::Hello,
            ] {
                let text = subject.to_string();
                let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=.".contains(&byte);
                prop_assert!(text.bytes().all(harmless) && !text.contains(".."));
                prop_assert_eq!(Subject::parse(&text), Some(subject));
            }
        }

        #[test]
        fn whatever_is_read_is_written_the_same_again(text in "pistreamer\\.v1\\.(state|demand)\\.[-a-f=0-9A-F.*]{1,12}") {
            if let Some(subject) = Subject::parse(&text) {
                prop_assert_eq!(subject.to_string(), text);
            }
        }
    }
}

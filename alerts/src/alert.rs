//! One message to people, whatever it is sent by.
//!
//! Its bytes for each kind of receiver belong to [`crate::format`] and [`crate::mqtt`].

use serde::{Deserialize, Serialize};

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something moves.
    Motion,
    /// A camera is covered, turned away or blinded.
    Tamper,
    /// A program says that something happens.
    Event,
    /// A camera delivers no pictures.
    NoSignal,
    /// A camera is not recorded.
    NotRecording,
    /// The disk of recordings is missing, full or failing.
    Disk,
    /// The clock of the machine is not set.
    Clock,
    /// The server was not ended before it was started.
    Restarted,
    /// The daily message that all of it works.
    Alive,
    /// A test of the way to the receiver.
    Test,
}

impl Kind {
    /// Whether it is about something that happens before a camera.
    pub fn is_event(self) -> bool {
        matches!(self, Self::Motion | Self::Tamper | Self::Event)
    }

    /// Its name in messages for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Motion => "motion",
            Self::Tamper => "tamper",
            Self::Event => "event",
            Self::NoSignal => "no-signal",
            Self::NotRecording => "not-recording",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Restarted => "restarted",
            Self::Alive => "alive",
            Self::Test => "test",
        }
    }
}

/// Which part of what happens a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It begins.
    Start,
    /// It is over.
    End,
    /// It has neither begin nor end.
    Once,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What it is about.
    pub kind: Kind,
    /// Which part of it.
    pub state: Stage,
    /// The heading.
    pub title: String,
    /// One line that says what happens, where, and at which local time.
    pub text: String,
    /// Name of the machine.
    pub server: String,
    /// Id of the camera, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// What people call the camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it happens, Unix time in µs.
    pub at_us: u64,
    /// Id of the event, the same in all messages about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Zones in which something moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What a program calls the event.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// How much moves at most, 0 to 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<u8>,
    /// Where to look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Alert {
    /// Whether it is sent to people. The end of an event is sent to programs only: one notification for each event is enough.
    pub fn is_for_people(&self) -> bool {
        !(self.kind.is_event() && self.state == Stage::End)
    }

    /// What it is about, the same in all messages about one event or one trouble. `None` where it stands by itself.
    pub fn subject(&self) -> Option<String> {
        let camera = self.camera.as_deref().unwrap_or_default();
        match (&self.event, self.state) {
            (Some(event), _) => Some(format!("event {camera} {event}")),
            (None, Stage::Once) => None,
            (None, Stage::Start | Stage::End) => Some(format!("{} {camera}", self.kind.name())),
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("it has only texts and numbers")
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Alert {
    Alert {
        kind: Kind::Motion,
        state: Stage::Start,
        title: "Front door: motion".into(),
        text: "Motion in garden at 14:03:12".into(),
        server: "pi".into(),
        camera: Some("door".into()),
        name: Some("Front door".into()),
        at_us: 1_795_874_592_000_000,
        event: Some("door-1795874592000".into()),
        zones: vec!["garden".into()],
        label: String::new(),
        peak: Some(120),
        link: Some("https://home.example/?camera=door".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads_it_as_json_with_these_names() {
        assert_eq!(
            sample().json(),
            r#"{"kind":"motion","state":"start","title":"Front door: motion","text":"Motion in garden at 14:03:12","server":"pi","camera":"door","name":"Front door","at_us":1795874592000000,"event":"door-1795874592000","zones":["garden"],"peak":120,"link":"https://home.example/?camera=door"}"#
        );
        assert_eq!(
            serde_json::from_str::<Alert>(&sample().json()).unwrap(),
            sample()
        );
    }

    #[test]
    fn the_end_of_an_event_is_for_programs_and_the_end_of_a_trouble_for_people() {
        let at = |kind, state| {
            Alert {
                kind,
                state,
                ..sample()
            }
            .is_for_people()
        };
        assert!(at(Kind::Motion, Stage::Start));
        assert!(!at(Kind::Motion, Stage::End));
        assert!(at(Kind::NoSignal, Stage::End));
    }

    #[test]
    fn begin_and_end_are_about_the_same_and_two_cameras_are_not() {
        let of = |kind, state, camera: &str, event: Option<&str>| {
            Alert {
                kind,
                state,
                camera: Some(camera.into()),
                event: event.map(str::to_owned),
                ..sample()
            }
            .subject()
        };
        for event in [None, Some("1")] {
            let begin = of(Kind::NoSignal, Stage::Start, "a", event);
            assert!(begin.is_some());
            assert_eq!(begin, of(Kind::NoSignal, Stage::End, "a", event));
            assert_ne!(begin, of(Kind::NoSignal, Stage::End, "b", event));
        }
        let of_trouble = |kind| of(kind, Stage::Start, "a", None);
        assert_ne!(of_trouble(Kind::NoSignal), of_trouble(Kind::NotRecording));
        assert_eq!(of(Kind::Test, Stage::Once, "a", None), None);
    }

    #[test]
    fn a_kind_has_one_name() {
        for kind in [
            Kind::Motion,
            Kind::Tamper,
            Kind::Event,
            Kind::NoSignal,
            Kind::NotRecording,
            Kind::Disk,
            Kind::Clock,
            Kind::Restarted,
            Kind::Alive,
            Kind::Test,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}

//! The topics of a server: `pistreamer/NODE/…` is the machine's, `pistreamer/NODE/CAMERA/…` a camera's.

/// The names under which a server publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    node: String,
    id: String,
}

/// What a camera publishes.
pub const MOTION: &str = "motion";
/// Whether a camera delivers pictures.
pub const SIGNAL: &str = "signal";
/// Whether a camera is recorded.
pub const RECORDING: &str = "recording";
/// The picture of the last event, a JPEG.
pub const PICTURE: &str = "picture";

impl Topics {
    /// Those of a machine of that name. `id` tells its server from others, of machines with the same name.
    pub fn of(machine: &str, id: &str) -> Self {
        let name = word(machine);
        Self {
            node: if name.is_empty() {
                "pistreamer".into()
            } else {
                name
            },
            id: id.into(),
        }
    }

    /// What tells the server from others.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The machine's name, fit for topics and ids.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// `online` or `offline`.
    pub fn online(&self) -> String {
        format!("pistreamer/{}/online", self.node)
    }

    /// `ON` where events are told.
    pub fn armed(&self) -> String {
        format!("pistreamer/{}/armed", self.node)
    }

    /// Where `ON` and `OFF` say whether events are told.
    pub fn armed_set(&self) -> String {
        format!("pistreamer/{}/armed/set", self.node)
    }

    /// Each message, as JSON.
    pub fn alert(&self) -> String {
        format!("pistreamer/{}/alert", self.node)
    }

    /// What a camera publishes under that name.
    pub fn camera(&self, camera: &str, name: &str) -> String {
        format!("pistreamer/{}/{}/{name}", self.node, level(camera))
    }
}

/// A camera's id in ids in Home Assistant. Those of two cameras differ.
pub(super) fn object(camera: &str) -> String {
    let word = word(camera);
    if word == camera {
        return word;
    }
    format!("{word}_{:04x}", crc32fast::hash(camera.as_bytes()) as u16)
}

/// Letters, digits, `-` and `_`, with which ids are made in Home Assistant.
fn word(text: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    text.chars()
        .map(|letter| if fits(letter) { letter } else { '_' })
        .collect()
}

/// One level of a topic: none of the characters that mean something there.
fn level(text: &str) -> String {
    text.replace(['/', '+', '#', '\0'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_mean_something_in_topics_are_changed() {
        let topics = Topics::of("door.local", "1");
        assert_eq!(topics.node(), "door_local");
        assert_eq!(topics.online(), "pistreamer/door_local/online");
        assert_eq!(
            topics.camera("a/b#", MOTION),
            "pistreamer/door_local/a_b_/motion"
        );
        assert_eq!(
            Topics::of("", "1").armed_set(),
            "pistreamer/pistreamer/armed/set"
        );
        assert_eq!(object("a_b-C"), "a_b-C");
        assert!(object("a.b").starts_with("a_b_") && object("a.b") != object("a_b"));
    }
}

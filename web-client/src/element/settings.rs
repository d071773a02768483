//! What a viewer's user can choose, and how it is written down between visits.
//!
//! The browser's storage itself belongs to [`crate::shell`].

use crate::geometry::Fit;
use crate::steer::Size;
use pistreamer_protocol::WireFormat;

/// The choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the statistics are shown.
    pub overlay: bool,
    /// How the picture fills the stage.
    pub fit: Fit,
    /// Whether left and right change places.
    pub mirror: bool,
    /// Clockwise quarter turns.
    pub turns: u8,
    /// The wire format asked for.
    pub wire: WireFormat,
    /// The size of the picture asked for.
    pub size: Size,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            overlay: false,
            fit: Fit::Contain,
            mirror: false,
            turns: 0,
            wire: WireFormat::ALL[0],
            size: Size::Auto,
        }
    }
}

impl Settings {
    /// One line of `key=value` words.
    fn to_text(self) -> String {
        format!(
            "overlay={} fit={} mirror={} turns={} wire={} size={}",
            u8::from(self.overlay),
            self.fit.name(),
            u8::from(self.mirror),
            self.turns,
            self.wire.subprotocol(),
            self.size.name(),
        )
    }

    /// One line of `key=value` words: those that were written down, with what was changed since `before` in the place of
    /// what they said about it.
    pub fn write_changes(self, before: Self, written: &str) -> String {
        let (now, before) = (self.to_text(), before.to_text());
        let words = now.split(' ').zip(before.split(' '));
        let changed: Vec<&str> = words
            .filter(|(now, before)| now != before)
            .map(|(now, _)| now)
            .collect();
        let mut line: Vec<&str> = written.split(' ').collect();
        line.retain(|word| !word.is_empty() && changed.iter().all(|new| key(new) != key(word)));
        line.extend(changed);
        line.join(" ")
    }

    /// Takes over what changed from `old` to `new`.
    pub fn follow(&mut self, old: Self, new: Self) {
        fn follow<T: PartialEq>(mine: &mut T, old: T, new: T) {
            if old != new {
                *mine = new;
            }
        }
        follow(&mut self.overlay, old.overlay, new.overlay);
        follow(&mut self.fit, old.fit, new.fit);
        follow(&mut self.mirror, old.mirror, new.mirror);
        follow(&mut self.turns, old.turns, new.turns);
        follow(&mut self.wire, old.wire, new.wire);
        follow(&mut self.size, old.size, new.size);
    }

    /// Takes over what such a line says; leaves as it is what is pinned, and what the line doesn't say or says in a way nobody
    /// knows.
    pub fn apply_text(&mut self, text: &str, pinned: impl Fn(&str) -> bool) {
        let words = text.split(' ').filter_map(|word| word.split_once('='));
        for (key, value) in words.filter(|(key, _)| !pinned(key)) {
            match key {
                "overlay" => self.overlay = value == "1",
                "fit" => self.fit = Fit::from_name(value),
                "mirror" => self.mirror = value == "1",
                "turns" => self.turns = value.parse().map_or(self.turns, |turns: u8| turns % 4),
                "size" => self.size = Size::from_name(value),
                "wire" => self.wire = WireFormat::from_name(value).unwrap_or(self.wire),
                _ => {}
            }
        }
    }

    /// What the server's address has to say about the wire format; nothing where it is the server's own choice.
    pub fn wire_name(self) -> Option<&'static str> {
        (self.wire != WireFormat::ALL[0]).then(|| self.wire.name())
    }
}

/// What a word says something about.
fn key(word: &str) -> &str {
    word.split_once('=').map_or(word, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_a_visit() {
        let chosen = Settings {
            overlay: true,
            fit: Fit::Cover,
            mirror: true,
            turns: 3,
            wire: WireFormat::Jpeg,
            size: Size::Half,
        };
        let mut read = Settings::default();
        let text = chosen.write_changes(Settings::default(), "");
        read.apply_text(&text, |_| false);
        assert_eq!(read, chosen);
    }

    #[test]
    fn only_what_was_changed_is_written_down() {
        let shown = Settings {
            overlay: true,
            wire: WireFormat::Jpeg,
            ..Settings::default()
        };
        let mirrored = Settings {
            mirror: true,
            ..shown
        };
        assert_eq!(mirrored.write_changes(shown, ""), "mirror=1");
        assert_eq!(
            shown.write_changes(mirrored, "fit=cover mirror=1"),
            "fit=cover mirror=0"
        );
        assert_eq!(shown.write_changes(shown, "fit=cover"), "fit=cover");
    }

    #[test]
    fn what_the_page_changes_holds_and_what_it_leaves_stays_as_chosen() {
        let page = Settings::default();
        let mut settings = Settings {
            mirror: true,
            turns: 1,
            ..page
        };
        let covering = Settings {
            fit: Fit::Cover,
            ..page
        };
        settings.follow(page, covering);
        let expected = Settings {
            mirror: true,
            turns: 1,
            fit: Fit::Cover,
            ..page
        };
        assert_eq!(settings, expected);
    }

    #[test]
    fn what_is_pinned_beats_what_was_chosen_before() {
        let mut settings = Settings::default();
        let text = "overlay=1 mirror=1 fit=cover";
        settings.apply_text(text, |key| key == "mirror" || key == "fit");
        let overlay = Settings {
            overlay: true,
            ..Settings::default()
        };
        assert_eq!(settings, overlay);
    }

    #[test]
    fn what_cannot_be_read_changes_nothing() {
        let mut settings = Settings::default();
        let text = "turns=9x wire=carrier-pigeon nonsense = colour=blue";
        settings.apply_text(text, |_| false);
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn only_another_wire_format_than_the_servers_own_is_asked_for() {
        let jpeg = Settings {
            wire: WireFormat::Jpeg,
            ..Settings::default()
        };
        assert_eq!(jpeg.wire_name(), Some("jpeg"));
        assert_eq!(Settings::default().wire_name(), None);
    }
}

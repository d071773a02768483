//! What the page's attributes ask for and what the user chooses instead → what holds, and what is remembered.
//!
//! How choices are written down belongs to [`super::settings`]; the browser's storage to [`crate::shell`].

use super::effect::{Effect, Effects};
use super::intent::Intent;
use super::settings::Settings;
use crate::address::without_key;
use crate::geometry::Fit;
use crate::steer::Size;
use pistreamer_protocol::WireFormat;

/// What the attributes ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    /// The server; without it, the one that the script came from.
    pub src: Option<String>,
    /// The camera's id; without it, the server's first.
    pub camera: Option<String>,
    /// The id of the camera that the server is asked for, here or in `src`; `None` where any is, or one by its place in the
    /// server's order. Or why there is no address to ask.
    pub asked: Result<Option<String>, String>,
    /// What lets the viewer in on pages of other servers, where no session is sent.
    pub ticket: Option<String>,
    /// Whether there are buttons, keys and gestures.
    pub controls: bool,
    /// What the user may choose differently.
    pub settings: Settings,
    /// Names of the settings that count more than what the user chose before, with spaces between them.
    pub pinned: String,
    /// Frames a second that there is use for.
    pub max_fps: Option<u32>,
    /// ms without a new frame until the picture is stale.
    pub stale_after: Option<f64>,
}

impl Attributes {
    /// The settings with what the user has chosen before, where there are controls to choose with.
    fn with_choices(&self, chosen: &str) -> Settings {
        let mut settings = self.settings;
        if self.controls {
            settings.apply_text(chosen, |key| self.pinned.split(' ').any(|name| name == key));
        }
        settings
    }

    /// Choices are remembered for each camera by itself: one may hang upside down.
    pub fn storage_key(&self) -> String {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        format!(
            "pistreamer {} {}",
            without_key(&part(&self.src)),
            part(&self.camera)
        )
    }
}

/// What changed attributes mean for the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// Nothing.
    Nothing,
    /// It goes on.
    Settings,
    /// It has to be made anew.
    Connection,
    /// It was one to another camera.
    Camera,
}

/// The part of an element that knows what is asked for.
#[derive(Debug)]
pub struct Choices {
    attributes: Attributes,
    /// What holds.
    pub(super) settings: Settings,
    /// What the user chose for this camera, as it is written down.
    chosen: String,
}

impl Choices {
    pub(super) fn new(attributes: Attributes, stored: Option<String>) -> Self {
        let chosen = stored.unwrap_or_default();
        Self {
            settings: attributes.with_choices(&chosen),
            attributes,
            chosen,
        }
    }

    /// What the page asks for.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The user chooses. Another element of the same camera may have written meanwhile what is `stored`.
    pub(super) fn choose(&mut self, settings: Settings, stored: Option<String>, out: &mut Effects) {
        let before = std::mem::replace(&mut self.settings, settings);
        let stored = stored.as_deref().unwrap_or(&self.chosen);
        self.chosen = settings.write_changes(before, stored);
        out.push(Effect::Remember(
            self.attributes.storage_key(),
            self.chosen.clone(),
        ));
    }

    /// The page asks for something else.
    pub(super) fn follow(&mut self, new: Attributes, stored: Option<String>) -> Changed {
        let old = std::mem::replace(&mut self.attributes, new);
        let new = &self.attributes;
        if old == *new {
            return Changed::Nothing;
        }
        if (&old.src, &old.camera) != (&new.src, &new.camera) {
            self.chosen = stored.unwrap_or_default();
            self.settings = new.with_choices(&self.chosen);
            return Changed::Camera;
        }
        let wire = self.settings.wire;
        let chosen_before = old.with_choices(&self.chosen);
        if new.controls && !old.controls {
            self.chosen = stored.unwrap_or_else(|| std::mem::take(&mut self.chosen));
        }
        let chosen_now = new.with_choices(&self.chosen);
        self.settings.follow(old.settings, new.settings);
        self.settings.follow(chosen_before, chosen_now);
        if old.ticket != new.ticket || wire != self.settings.wire {
            Changed::Connection
        } else {
            Changed::Settings
        }
    }
}

impl Settings {
    /// With what the user chooses by that intent; `None` where it is no choice.
    pub(super) fn with(mut self, intent: Intent) -> Option<Self> {
        match intent {
            Intent::Rotate => self.turns = (self.turns + 1) % 4,
            Intent::Mirror => self.mirror = !self.mirror,
            Intent::Overlay => self.overlay = !self.overlay,
            Intent::Fit => {
                self.fit = match self.fit {
                    Fit::Contain => Fit::Cover,
                    Fit::Cover => Fit::Contain,
                };
            }
            Intent::WireGzip => self.wire = WireFormat::GzipBase64,
            Intent::WireJpeg => self.wire = WireFormat::Jpeg,
            Intent::SizeNext => self.size = self.size.next(),
            Intent::SizeAuto => self.size = Size::Auto,
            Intent::SizeFull => self.size = Size::Full,
            Intent::SizeHalf => self.size = Size::Half,
            Intent::SizeQuarter => self.size = Size::Quarter,
            _ => return None,
        }
        Some(self)
    }
}

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

    /// What choices are remembered by once the camera is known, by what the server says or by what it is asked for: each has
    /// its own, because one may hang upside down.
    pub fn storage_key(&self, camera: Option<&str>) -> Option<String> {
        let asked = || self.asked.as_ref().ok()?.as_deref();
        let camera = camera.or_else(asked)?;
        let src = without_key(self.src.as_deref().unwrap_or_default());
        Some(format!("pistreamer {src} {camera}"))
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
    /// The id of the camera that is shown, once the server has said it.
    camera: Option<String>,
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
            camera: None,
            chosen,
        }
    }

    /// What the page asks for.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// What the choices are remembered by.
    pub fn storage_key(&self) -> Option<String> {
        self.attributes.storage_key(self.camera.as_deref())
    }

    /// The server shows that camera. Where the page asks for none by its id, it may be another one than before.
    pub(super) fn greeted(&mut self, camera: &str, out: &mut Effects) {
        let before = self.storage_key();
        self.camera = Some(camera.to_owned());
        if before != self.storage_key() {
            if before.is_some() {
                self.chosen.clear();
            }
            out.push(Effect::Recall);
        }
    }

    /// What the user chose for the camera on earlier visits. Gives whether the wire format is another one.
    pub(super) fn recalled(&mut self, stored: Option<String>, out: &mut Effects) -> bool {
        match stored {
            Some(text) => self.chosen = text,
            None => self.remember(out),
        }
        let wire = self.settings.wire;
        self.settings = self.attributes.with_choices(&self.chosen);
        wire != self.settings.wire
    }

    fn remember(&self, out: &mut Effects) {
        // Before the camera is known, a choice waits for it.
        if let Some(key) = self.storage_key()
            && !self.chosen.is_empty()
        {
            out.push(Effect::Remember(key, self.chosen.clone()));
        }
    }

    /// The user chooses. Another element of the same camera may have written meanwhile what is `stored`.
    pub(super) fn choose(&mut self, settings: Settings, stored: Option<String>, out: &mut Effects) {
        let before = std::mem::replace(&mut self.settings, settings);
        let stored = stored.as_deref().unwrap_or(&self.chosen);
        self.chosen = settings.write_changes(before, stored);
        self.remember(out);
    }

    /// The page asks for something else.
    pub(super) fn follow(&mut self, new: Attributes, stored: Option<String>) -> Changed {
        let old = std::mem::replace(&mut self.attributes, new);
        let new = &self.attributes;
        if old == *new {
            return Changed::Nothing;
        }
        if (&old.src, &old.camera) != (&new.src, &new.camera) {
            self.camera = None;
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

//! What the page's attributes ask for and what the user chooses instead → what holds, and what is remembered.
//!
//! How choices are written down belongs to [`crate::settings`].

use super::{OF_CAMERA, Seen, Session};
use crate::address::without_key;
use crate::element::Attributes;
use crate::geometry::{Layout, Zoom};
use crate::js;
use crate::link::Command;
use crate::settings::Settings;
use crate::steer::Steering;
use web_sys::Storage;

impl Attributes {
    /// The settings with what the user has chosen before, where there are controls to choose with.
    pub(super) fn with_choices(&self, chosen: &str) -> Settings {
        let mut settings = self.settings;
        if self.controls {
            settings.apply_text(chosen, |key| self.pinned.split(' ').any(|name| name == key));
        }
        settings
    }
}

impl Session {
    pub(super) fn show_settings(&self) {
        let state = self.state.borrow();
        self.chrome
            .show_settings(&state.settings, state.attributes.controls);
        if let Some(panels) = self.panels.get() {
            panels.show_overlay(state.settings.overlay);
        }
    }

    /// Changes a choice of the user's, shows and remembers it.
    pub(super) fn choose(&self, change: fn(&mut Settings)) {
        let mut settings = self.state.borrow().settings;
        let without = !settings.overlay;
        change(&mut settings);
        self.chose(settings);
        if without && settings.overlay {
            self.with_panels(|_, _| {});
        }
    }

    fn chose(&self, settings: Settings) {
        let wire_changed = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let before = std::mem::replace(&mut state.settings, settings);
            // Another element of the same camera may have written meanwhile.
            let stored = recall(&state.attributes).unwrap_or_else(|| state.chosen.clone());
            state.chosen = settings.write_changes(before, &stored);
            if let Some(storage) = storage() {
                // Full or forbidden storage only means that the choice isn't remembered.
                let _ = storage.set_item(&storage_key(&state.attributes), &state.chosen);
            }
            before.wire != settings.wire
        };
        if wire_changed {
            self.state.borrow_mut().machine.reconnect(js::now());
        }
        self.settings_changed();
    }

    /// Attributes of the element were changed by the page around it.
    pub fn attributes_changed(&self) {
        let attributes = Attributes::read(&self.host);
        let another_camera = {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            let old = std::mem::replace(&mut state.attributes, attributes);
            let new = &state.attributes;
            if old == *new {
                return;
            }
            let another_camera = (&old.src, &old.camera) != (&new.src, &new.camera);
            let wire = state.settings.wire;
            if another_camera {
                state.chosen = recall(new).unwrap_or_default();
                state.settings = new.with_choices(&state.chosen);
            } else {
                let chosen_before = old.with_choices(&state.chosen);
                if new.controls && !old.controls {
                    // Another element of the same camera may have written meanwhile.
                    state.chosen = recall(new).unwrap_or_else(|| state.chosen.clone());
                }
                let chosen_now = new.with_choices(&state.chosen);
                state.settings.follow(old.settings, new.settings);
                state.settings.follow(chosen_before, chosen_now);
            }
            state.machine.set_stale_after(new.stale_after);
            self.stale.take();
            if another_camera {
                state.machine.another_camera(js::now());
            } else if old.ticket != new.ticket || wire != state.settings.wire {
                state.machine.reconnect(js::now());
            }
            another_camera
        };
        if another_camera {
            self.forget_camera();
        }
        self.settings_changed();
    }

    fn settings_changed(&self) {
        self.show_settings();
        self.load_overlay();
        self.lay_out();
        self.steer();
        self.show_numbers();
        self.advance();
    }

    /// Leaves nothing to be seen or handed out of the camera that was shown until now. A recording of it is saved.
    fn forget_camera(&self) {
        // While the camera's name is known.
        self.end_recording();
        if self.media.borrow().stage.is_some()
            && let Some(panels) = self.panels.get()
        {
            panels.clear_stage();
        }
        self.named("");
        {
            let mut state = self.state.borrow_mut();
            let state = &mut *state;
            state.seen = Seen::default();
            state.steering = Steering::default();
            state.zoom = Zoom::default();
            state.layout = Layout {
                picture: (0.0, 0.0),
                ..state.layout
            };
        }
        self.reject_snapshots("another camera is shown now");
        if let Some(runner) = &*self.runner.borrow() {
            runner.send(Command::Clear);
        }
        self.clear_data(&OF_CAMERA);
    }
}

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// What the user chose for the camera on earlier visits.
pub(super) fn recall(attributes: &Attributes) -> Option<String> {
    let stored = storage()?.get_item(&storage_key(attributes));
    stored.ok().flatten()
}

/// Choices are remembered for each camera by itself: one may hang upside down.
fn storage_key(attributes: &Attributes) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!(
        "pistreamer {} {}",
        without_key(&part(&attributes.src)),
        part(&attributes.camera)
    )
}

//! The state → everybody who wants to know it: the chrome, the element's data attributes, its events.

use super::Session;
use crate::chrome::{Overlay, View};
use crate::js::{self, Timeout};
use crate::status::Kind;
use crate::text;
use wasm_bindgen::JsValue;
use web_sys::{CustomEvent, CustomEventInit};

/// The toolbar hides after so many ms without input.
const IDLE: i32 = 3500;
/// A message over the picture stays for so many ms.
const TOAST: i32 = 4000;

impl Session {
    pub(super) fn tell_status(&self) {
        let now = js::now();
        let (status, changed) = {
            let mut state = self.state.borrow_mut();
            let status = state.machine.status(now);
            self.chrome.show_status(&View {
                status: &status,
                now,
                test_pattern: state.machine.test_pattern(),
                has_picture: state.last.is_some(),
            });
            let changed = state
                .told
                .as_ref()
                .is_none_or(|told| (told.kind, &told.reason) != (status.kind, &status.reason));
            if changed {
                state.told = Some(status.clone());
            }
            (status, changed)
        };
        if !changed {
            return;
        }
        self.chrome.announce(&status);
        let paused = status.kind == Kind::Paused;
        self.chrome
            .set_switched("b-pause", paused, if paused { "Play" } else { "Pause" });
        self.set_data("state", status.kind.name());
        if self.telling.replace(true) {
            return;
        }
        self.dispatch(
            "statechange",
            &[
                ("state", status.kind.name().into()),
                ("reason", status.reason.as_str().into()),
            ],
        );
        self.telling.set(false);
    }

    pub(super) fn show_numbers(&self) {
        let now = js::now();
        let state = self.state.borrow();
        let last = state.last.unwrap_or_default();
        let mut rates = state.stats.rates(now);
        if state
            .told
            .as_ref()
            .is_some_and(|told| told.kind != Kind::Live)
        {
            // A picture that isn't replaced grows older before everybody's eyes.
            rates.age = last.age.map(|age| age + now - state.drawn_at);
        }
        let skipped_server = state.skipped_server;
        self.set_data("drawn", &state.drawn.to_string());
        self.set_data("skipped", &(skipped_server + last.skipped).to_string());
        self.set_data("corrupt", &state.corrupt.to_string());
        if let Some(age) = rates.age {
            self.set_data("age", &text::tenths(age));
        }
        if let Some(recording) = &self.media.borrow().recording {
            let time = text::stopwatch(now - recording.since());
            self.chrome.write("rec-time", &time);
        }
        if state.settings.overlay {
            self.chrome.show_overlay(&Overlay {
                rates,
                round_trip: state.round_trip,
                took: last.took,
                skipped_server,
                skipped_here: last.skipped,
                corrupt: state.corrupt,
                size: (last.width, last.height),
                want: state.wanted,
                why: state.steering.reason(),
                wire: state.wire,
                seq: last.seq,
            });
        }
    }

    pub(super) fn set_data(&self, name: &str, value: &str) {
        let name = format!("data-{name}");
        if self.host.get_attribute(&name).as_deref() != Some(value) {
            // Fails only for names that no attribute can have.
            let _ = self.host.set_attribute(&name, value);
        }
    }

    pub(super) fn dispatch(&self, event: &str, detail: &[(&str, JsValue)]) {
        let init = CustomEventInit::new();
        init.set_detail(&js::object(detail));
        if let Ok(event) = CustomEvent::new_with_event_init_dict(event, &init) {
            // Throws only for an event that is being dispatched already.
            let _ = self.host.dispatch_event(&event);
        }
    }

    pub(super) fn tell_error(&self, message: &str) {
        web_sys::console::warn_1(&format!("pi-camera: {message}").into());
        self.dispatch("error", &[("message", message.into())]);
    }

    /// Shows a message over the picture for a while.
    pub(super) fn toast(&self, message: &str) {
        self.chrome.write("toast", message);
        self.chrome.show("toast", true);
        let hide = self.weakly(|session| session.chrome.show("toast", false));
        *self.toast.borrow_mut() = Some(Timeout::new(TOAST, hide));
    }

    /// Shows the toolbar, and hides it when nothing is done for a while.
    pub(super) fn wake(&self) {
        self.chrome.set_class("idle", false);
        let hide = self.weakly(|session| {
            let menu_open = !session.chrome.part("menu").hidden();
            let focused = session
                .chrome
                .shadow()
                .active_element()
                .is_some_and(|element| element.matches(":focus-visible").unwrap_or(false));
            if !menu_open && !focused {
                session.chrome.set_class("idle", true);
            }
        });
        *self.idle.borrow_mut() = Some(Timeout::new(IDLE, hide));
    }
}

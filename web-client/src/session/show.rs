//! The state → everybody who wants to know it: the chrome, the element's data attributes, its events.

use super::Session;
use crate::chrome::View;
use crate::js::{self, Timeout};
use crate::status::Kind;
use crate::text;
use wasm_bindgen::JsValue;
use web_sys::{CustomEvent, CustomEventInit};

/// The toolbar hides after so many ms without input.
const IDLE: i32 = 3500;
/// The state is looked at after so many ms at the latest.
const LONGEST_WAIT: f64 = 60_000.0;
/// A message over the picture stays for so many ms.
const TOAST: i32 = 4000;

impl Session {
    /// Shows the state, and tells where it has changed. What a listener changes meanwhile is told after that, in order.
    pub(super) fn tell_status(&self) {
        if self.over.get() {
            return;
        }
        self.show_status();
        self.await_stale();
        if self.telling.replace(true) {
            return;
        }
        loop {
            let Some(status) = self.state.borrow_mut().untold.pop_front() else {
                break;
            };
            self.dispatch(
                "statechange",
                &[
                    ("state", status.kind.name().into()),
                    ("reason", status.reason.as_str().into()),
                ],
            );
        }
        self.telling.set(false);
    }

    fn show_status(&self) {
        let now = js::now();
        let status = {
            let mut state = self.state.borrow_mut();
            let status = state.machine.status(now);
            self.chrome.show_status(&View {
                status: &status,
                now,
                test_pattern: state.machine.test_pattern(),
                has_picture: state.seen.last.is_some(),
            });
            let told = state.told.as_ref();
            if told.is_some_and(|told| (told.kind, &told.reason) == (status.kind, &status.reason)) {
                return;
            }
            state.told = Some(status.clone());
            state.untold.push_back(status.clone());
            status
        };
        self.chrome.announce(&status);
        let paused = status.kind == Kind::Paused;
        self.chrome
            .set_switched("b-pause", paused, if paused { "Play" } else { "Pause" });
        self.set_data("state", status.kind.name());
    }

    /// Looks again when the picture gets stale: what looks at the clock from time to time would tell it late.
    fn await_stale(&self) {
        let mut timer = self.stale.borrow_mut();
        let now = js::now();
        if timer.is_some() {
            return;
        }
        *timer = self.state.borrow().machine.stale_at(now).map(|at| {
            let look = self.weakly(|session| {
                session.stale.take();
                session.advance();
            });
            Timeout::new((at - now).clamp(0.0, LONGEST_WAIT) as i32 + 1, look)
        });
    }

    pub(super) fn show_numbers(&self) {
        let now = js::now();
        let state = self.state.borrow();
        let last = state.seen.last.unwrap_or_default();
        let mut rates = state.seen.stats.rates(now);
        if state
            .told
            .as_ref()
            .is_some_and(|told| told.kind != Kind::Live)
        {
            // A picture that isn't replaced grows older before everybody's eyes.
            rates.age = last.age.map(|age| age + now - state.seen.drawn_at);
        }
        let skipped_server = state.seen.skipped_server;
        self.set_data("drawn", &state.seen.drawn.to_string());
        self.set_data("skipped", &(skipped_server + last.skipped).to_string());
        self.set_data("corrupt", &state.seen.corrupt.to_string());
        if let Some(age) = rates.age {
            self.set_data("age", &text::tenths(age));
        }
        if let Some(since) = self.media.borrow().recording {
            let time = text::stopwatch(now - since);
            self.chrome.write("rec-time", &time);
        }
        if state.settings.overlay
            && let Some(panels) = self.panels.get()
        {
            self.show_figures(&panels, &rates, &last);
        }
    }

    /// Shows what the camera is called, and tells where that has changed.
    pub(super) fn named(&self, name: &str) {
        self.chrome.name_picture(name);
        self.chrome.write("name", name);
        if self.host.get_attribute("data-name").as_deref() != Some(name) {
            self.set_data("name", name);
            self.dispatch("namechange", &[("name", name.into())]);
        }
    }

    pub(super) fn set_data(&self, name: &str, value: &str) {
        let name = format!("data-{name}");
        if !self.over.get() && self.host.get_attribute(&name).as_deref() != Some(value) {
            // Fails only for names that no attribute can have.
            let _ = self.host.set_attribute(&name, value);
        }
    }

    pub(super) fn clear_data(&self, names: &[&str]) {
        for name in names {
            // Fails only for names that no attribute can have.
            let _ = self.host.remove_attribute(&format!("data-{name}"));
        }
    }

    pub(super) fn dispatch(&self, event: &str, detail: &[(&str, JsValue)]) {
        if self.over.get() {
            return;
        }
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
            let menu_open = session.menu_shown();
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

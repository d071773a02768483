//! State → words, classes and transforms in the shadow root. Writes to the document only what has changed.

use super::Chrome;
use crate::element::settings::Settings;
use crate::element::shown::{Kind, Shown};
use crate::geometry::{Layout, Zoom};
use crate::steer::Size;
use crate::text::{self, words};
use pistreamer_protocol::WireFormat;
use wasm_bindgen::JsValue;
use web_sys::Element;

const KINDS: [Kind; 9] = [
    Kind::Connecting,
    Kind::Starting,
    Kind::Live,
    Kind::Stale,
    Kind::NoSignal,
    Kind::Paused,
    Kind::Hidden,
    Kind::Lost,
    Kind::Refused,
];

impl Chrome {
    /// Shows the state; announces a new one to screen readers.
    pub fn show_status(&self, shown: &Shown) {
        let (kind, label) = (shown.kind, shown.kind.label());
        for other in KINDS {
            self.set_class(other.name(), other == kind);
        }
        let mut detail = String::new();
        if let Some(ms) = shown.lasts {
            detail = words!(
                "since {time} ({text})",
                time = clock_time(ms),
                text = text::duration(ms)
            );
            if kind == Kind::Stale {
                detail = words!("{text}: {text2}", text = detail, text2 = shown.reason);
            }
        }
        self.write("label", label);
        self.write("detail", &detail);
        self.show("test", shown.test_pattern);
        self.show("notice", shown.notice.is_some());
        self.show("notice-retry", shown.retry);
        self.show("notice-play", kind == Kind::Paused);
        if let Some(notice) = &shown.notice {
            self.write("notice-title", label);
            self.write("notice-text", notice);
        }
        if shown.is_new {
            let mut said = label.to_owned();
            if !shown.reason.is_empty() {
                said = words!("{text}: {text2}", text = label, text2 = shown.reason);
            }
            self.write("say", &said);
            let paused = kind == Kind::Paused;
            self.set_switched(
                "b-pause",
                paused,
                if paused {
                    words!("Play")
                } else {
                    words!("Pause")
                },
            );
        }
    }

    /// Shows what the camera is called.
    pub fn show_name(&self, name: &str) {
        self.name_picture(name);
        super::put(&self.part("name"), "", name, true);
    }

    /// Shows whether there is a recording.
    pub fn show_recording(&self, on: bool) {
        self.show("rec", on);
        let label = if on {
            words!("Stop recording")
        } else {
            words!("Record a clip")
        };
        self.set_switched("b-record", on, label);
    }

    /// Shows what is chosen.
    pub fn show_settings(&self, settings: &Settings, controls: bool) {
        self.set_class("controls", controls);
        self.show("toolbar", controls);
        let set = |name: &str, intent: &str, on: bool| {
            let value = if on { "true" } else { "false" };
            self.set_each(intent, name, value);
        };
        set("aria-pressed", "overlay", settings.overlay);
        set("aria-pressed", "mirror", settings.mirror);
        set(
            "aria-pressed",
            "fit",
            settings.fit == crate::geometry::Fit::Cover,
        );
        for size in Size::ALL {
            let intent = format!("size-{}", size.name());
            set("aria-checked", &intent, settings.size == size);
        }
        set(
            "aria-checked",
            "wire-gzip",
            settings.wire == WireFormat::GzipBase64,
        );
        set(
            "aria-checked",
            "wire-jpeg",
            settings.wire == WireFormat::Jpeg,
        );
    }

    /// Lays the picture onto the stage.
    pub fn show_picture(&self, layout: &Layout, zoom: Zoom) {
        let style = self.picture.style();
        let set = |name: &str, value: &str| {
            // Throws only where the rule is read-only.
            let _ = style.set_property(name, value);
        };
        set("width", &px(layout.picture.0));
        set("height", &px(layout.picture.1));
        let numbers: Vec<String> = layout.matrix(zoom).iter().map(|n| js_number(*n)).collect();
        set("transform", &format!("matrix({})", numbers.join(",")));
        self.set_class("zoomed", zoom.factor > 1.001);
        self.set_class("offers", layout.is_lost_in_portrait());
        self.show("b-zoom", zoom.factor > 1.001);
        let factor = text::tenths(zoom.factor);
        self.write("b-zoom", &words!("{number}×", number = factor));
    }

    /// Shows whether a button means the opposite now: play for pause, stop for record.
    pub fn set_switched(&self, id: &str, on: bool, label: &str) {
        let button = self.part(id);
        // "data-on" is a valid attribute name.
        let _ = button.toggle_attribute_with_force("data-on", on);
        super::put(&button, "aria-label", label, false);
    }

    /// Shows or hides a part.
    pub fn show(&self, id: &str, shown: bool) {
        let part = self.part(id);
        if part.has_attribute("hidden") == shown {
            let focused = self.shadow.active_element();
            part.set_hidden(!shown);
            // The button that took it away, such as Play, leaves the keyboard's focus to what is always there.
            if !shown && focused.is_some_and(|focused| part.contains(Some(&focused))) {
                // Fails for no element.
                let _ = self.part("b-pause").focus();
            }
        }
    }

    /// Writes text into a part, in the element's language.
    pub fn write(&self, id: &str, text: &str) {
        super::put(&self.part(id), "", text, false);
    }
}

pub(super) fn set_attribute(element: &Element, name: &str, value: &str) {
    if element.get_attribute(name).as_deref() != Some(value) {
        // Fails only for names that no attribute can have.
        let _ = element.set_attribute(name, value);
    }
}

fn px(value: f64) -> String {
    format!("{}px", value.round() as i64)
}

/// A number as JavaScript, and therefore CSS, writes it.
fn js_number(value: f64) -> String {
    JsValue::from(js_sys::Number::from(value).to_fixed(4).unwrap_or_default())
        .as_string()
        .unwrap_or_default()
}

/// The time of day this many ms ago, in the user's locale.
fn clock_time(ms_ago: f64) -> String {
    let date = js_sys::Date::new(&JsValue::from(js_sys::Date::now() - ms_ago));
    date.to_locale_time_string("default").into()
}

//! State → words, classes and transforms in the shadow root. Writes to the document only what has changed.

use super::Chrome;
use crate::geometry::{Layout, Zoom};
use crate::settings::Settings;
use crate::status::{Kind, Status};
use crate::steer::{Reason, Size, Want};
use crate::text;
use pistreamer_protocol::WireFormat;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlElement};

/// What the badge and the notice tell.
pub struct View<'a> {
    /// The state.
    pub status: &'a Status,
    /// By the clock of the state.
    pub now: f64,
    /// Whether the picture is made up.
    pub test_pattern: bool,
    /// Whether any picture can be seen, old or new.
    pub has_picture: bool,
}

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
    /// Shows the state.
    pub fn show_status(&self, view: &View<'_>) {
        let status = view.status;
        for kind in KINDS {
            self.set_class(kind.name(), kind == status.kind);
        }
        let lost = matches!(status.kind, Kind::Lost | Kind::Refused);
        let never = status.retry_at == Some(f64::INFINITY);
        let wait = match status.retry_at {
            _ if never => String::new(),
            Some(at) => {
                let seconds = ((at - view.now) / 1000.0).ceil().max(0.0) as u64;
                format!("next try in {seconds} s")
            }
            None if lost => String::from("trying now"),
            None => String::new(),
        };
        let mut detail = String::new();
        if status.kind != Kind::Live {
            let ago = view.now - status.since;
            detail = format!("since {} ({})", clock_time(ago), text::duration(ago));
            if status.kind == Kind::Stale {
                detail.push_str(&format!(": {}", status.reason));
            }
        }
        self.write("label", status.kind.label());
        self.write("detail", &detail);
        self.show("test", view.test_pattern);

        let notice = match status.kind {
            Kind::Live | Kind::Hidden => false,
            Kind::Stale | Kind::Connecting => !view.has_picture,
            Kind::Starting | Kind::NoSignal | Kind::Paused | Kind::Lost | Kind::Refused => true,
        };
        self.show("notice", notice);
        self.show("notice-retry", lost && !never);
        self.show("notice-play", status.kind == Kind::Paused);
        if notice {
            self.write("notice-title", status.kind.label());
            let between = if status.reason.is_empty() || wait.is_empty() {
                ""
            } else {
                " · "
            };
            self.write("notice-text", &format!("{}{between}{wait}", status.reason));
        }
    }

    /// Says a new state to those who hear the page.
    pub fn announce(&self, status: &Status) {
        let colon = if status.reason.is_empty() { "" } else { ": " };
        let said = format!("{}{colon}{}", status.kind.label(), status.reason);
        self.write("say", &said);
    }

    /// Shows what is chosen.
    pub fn show_settings(&self, settings: &Settings, controls: bool) {
        self.set_class("controls", controls);
        self.show("toolbar", controls);
        let set = |name: &str, intent: &str, on: bool| {
            let value = if on { "true" } else { "false" };
            self.each(intent, |element| set_attribute(element, name, value));
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
        self.show("b-zoom", zoom.factor > 1.001);
        self.write("b-zoom", &format!("{}×", text::tenths(zoom.factor)));
    }

    /// Shows whether a button means the opposite now: play for pause, stop for record.
    pub fn set_switched(&self, id: &str, on: bool, label: &str) {
        let button = self.part(id);
        // "data-on" is a valid attribute name.
        let _ = button.toggle_attribute_with_force("data-on", on);
        set_attribute(&button, "aria-label", label);
    }

    /// Shows or hides a part.
    pub fn show(&self, id: &str, shown: bool) {
        let part = self.part(id);
        if part.has_attribute("hidden") == shown {
            part.set_hidden(!shown);
        }
    }

    /// Writes text into a part.
    pub fn write(&self, id: &str, text: &str) {
        let part: HtmlElement = self.part(id);
        if part.text_content().as_deref() != Some(text) {
            part.set_text_content(Some(text));
        }
    }
}

/// Why the picture has its size and rate, in words.
pub fn why(want: Want, why: Reason) -> String {
    let mut text = match why {
        Reason::Pinned => String::from("as chosen"),
        Reason::Whole => String::from("automatic: full"),
        Reason::Screen => String::from("automatic: fits the screen"),
        Reason::Link(mbit) => {
            format!("automatic: link carries {} Mbit/s", text::tenths(mbit))
        }
    };
    if let Some(fps) = want.max_fps {
        text.push_str(&format!(", {fps} per s"));
    }
    text
}

fn set_attribute(element: &Element, name: &str, value: &str) {
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

/// The time of day so many ms ago, as the user's language writes it.
fn clock_time(ms_ago: f64) -> String {
    let date = js_sys::Date::new(&JsValue::from(js_sys::Date::now() - ms_ago));
    date.to_locale_time_string("default").into()
}

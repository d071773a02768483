//! The custom element `<pi-camera>`: its class, its attributes and its methods.
//!
//! What it does while it is in a document belongs to [`super`].

use super::Shell;
use crate::element::choices::Attributes;
use crate::element::event::Event;
use crate::element::settings::Settings;
use crate::geometry::Fit;
use crate::js;
use crate::link::Command;
use crate::steer::Size;
use js_sys::{Function, Promise};
use pistreamer_protocol::WireFormat;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRootInit, ShadowRootMode};

/// The attributes that the element follows while it runs.
const OBSERVED: [&str; 12] = [
    "src",
    "camera",
    "ticket",
    "controls",
    "overlay",
    "fit",
    "mirror",
    "wire",
    "size",
    "pinned",
    "max-fps",
    "stale-after",
];

#[wasm_bindgen(module = "/src/element.js")]
extern "C" {
    fn define_element(
        name: &str,
        observed: Vec<String>,
        make: &JsValue,
        script: &str,
        version: &str,
    );
}

/// Registers `<pi-camera>`. Where that is done already, this run of the program takes the place of one that has failed.
pub fn define() {
    let make = js::permanent::<dyn Fn(HtmlElement, bool, Function) -> View, _>(View::new);
    let observed = OBSERVED.map(str::to_owned).to_vec();
    let version = env!("CARGO_PKG_VERSION");
    define_element("pi-camera", observed, &make, &js::script_url(), version);
}

impl Attributes {
    /// Where the stream is, in that wire format, with no more pixels in a line from the first frame on than there is use
    /// for.
    ///
    /// # Errors
    /// Why there is no such address, in words.
    pub(super) fn socket_url(
        &self,
        wire: Option<&str>,
        max_width: Option<u32>,
    ) -> Result<String, JsValue> {
        js::socket_url(
            self.src.as_deref(),
            &js::script_url(),
            self.camera.as_deref(),
            self.ticket.as_deref(),
            wire,
            max_width,
        )
    }

    /// Reads them.
    pub(super) fn read(host: &HtmlElement) -> Self {
        let text = |name| host.get_attribute(name).filter(|value| !value.is_empty());
        // The class knows which values mean off.
        let is_on = |name| js::get(host, name).is_truthy();
        let mut settings = Settings {
            overlay: is_on("overlay"),
            mirror: is_on("mirror"),
            ..Settings::default()
        };
        if let Some(fit) = text("fit") {
            settings.fit = Fit::from_name(&fit);
        }
        if let Some(size) = text("size") {
            settings.size = Size::from_name(&size);
        }
        if let Some(wire) = text("wire").and_then(|name| WireFormat::from_name(&name)) {
            settings.wire = wire;
        }
        let mut pinned = text("pinned").unwrap_or_default().replace(',', " ");
        for name in ["size", "wire"] {
            if host.has_attribute(name) {
                pinned.push(' ');
                pinned.push_str(name);
            }
        }
        let mut attributes = Self {
            src: text("src"),
            camera: text("camera"),
            asked: Ok(None),
            ticket: text("ticket"),
            controls: is_on("controls"),
            settings,
            pinned,
            max_fps: (js::get(host, "maxFps").as_f64()).map(|fps| (fps as u32).max(1)),
            stale_after: js::get(host, "staleAfter").as_f64(),
        };
        let url = attributes.socket_url(None, None);
        attributes.asked = match url {
            Ok(url) => Ok(js::asked_camera(&url)),
            Err(why) => Err(js::error_text(&why)),
        };
        attributes
    }
}

/// The Rust half of one element, from the moment it enters a document until it leaves.
#[wasm_bindgen]
pub struct View {
    shell: Rc<Shell>,
}

impl View {
    fn new(host: HtmlElement, paused: bool, give_up: Function) -> Self {
        let shadow = host.shadow_root().unwrap_or_else(|| {
            let init = ShadowRootInit::new(ShadowRootMode::Open);
            js::sure(host.attach_shadow(&init), "it has no shadow root yet")
        });
        Self {
            shell: Shell::new(&host, &shadow, paused, give_up),
        }
    }
}

#[wasm_bindgen]
impl View {
    /// Connects, and tells the first state.
    pub fn begin(&self) {
        self.shell.begin();
    }

    /// The element was taken out of its document.
    pub fn end(&self) {
        self.shell.end();
    }

    /// Attributes were changed.
    pub fn attributes_changed(&self) {
        self.shell.attributes_changed();
    }

    /// The JPEG that is shown, exactly as it was received.
    pub fn snapshot(&self) -> Promise {
        self.shell.snapshot()
    }

    /// Says this to the server, if it is there.
    pub fn operate(&self, text: String) {
        self.shell.order(Command::Say(text));
    }

    /// No more frames, or frames again.
    pub fn set_paused(&self, paused: bool) {
        self.shell.send(Event::Paused(paused));
    }

    /// Whether the page or its user has paused.
    #[wasm_bindgen(getter)]
    pub fn paused(&self) -> bool {
        self.shell.element.borrow().status.paused()
    }

    /// As `data-state`.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> String {
        self.shell
            .element
            .borrow()
            .status
            .kind(js::now())
            .name()
            .to_owned()
    }

    /// Why, for people.
    #[wasm_bindgen(getter)]
    pub fn reason(&self) -> String {
        self.shell.element.borrow().status.reason().to_owned()
    }

    /// Of the frame on the canvas.
    #[wasm_bindgen(getter)]
    pub fn seq(&self) -> Option<f64> {
        self.shell
            .element
            .borrow()
            .picture
            .seq()
            .map(|seq| seq as f64)
    }

    /// How old the picture on the canvas is now, in ms.
    #[wasm_bindgen(getter)]
    pub fn age(&self) -> Option<f64> {
        self.shell.element.borrow().picture.age(js::now())
    }
}

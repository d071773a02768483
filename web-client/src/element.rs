//! The custom element `<pi-camera>`: its class, its attributes and its methods.
//!
//! What it does while it stands in a document belongs to [`crate::session`].

use crate::geometry::Fit;
use crate::js;
use crate::session::Session;
use crate::settings::{Settings, wire_from_name};
use crate::steer::Size;
use js_sys::Promise;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{HtmlElement, ShadowRoot, ShadowRootInit, ShadowRootMode};

/// The attributes that the element follows while it runs.
const OBSERVED: [&str; 9] = [
    "src", "camera", "ticket", "controls", "overlay", "fit", "mirror", "wire", "size",
];

// A custom element's class has to be JavaScript; this is all of it.
#[wasm_bindgen(inline_js = r#"
export function define_element(name, attributes, make) {
  if (customElements.get(name)) return;
  customElements.define(name, class extends HTMLElement {
    static observedAttributes = attributes;
    #view;
    connectedCallback() { this.#view ??= make(this); this.#view.connected(); }
    disconnectedCallback() { this.#view?.disconnected(); }
    attributeChangedCallback(name) { this.#view?.attribute(name); }
    snapshot() { return this.#view ? this.#view.snapshot() : Promise.reject(new Error("the element is not in a document")); }
    pause() { this.#view?.pause(); }
    play() { this.#view?.play(); }
  });
}"#)]
extern "C" {
    fn define_element(name: &str, attributes: Vec<String>, make: &JsValue);
}

/// Registers `<pi-camera>`; does nothing where somebody has done so already.
pub fn define() {
    let make = js::permanent::<dyn Fn(HtmlElement) -> View, _>(View::new);
    define_element("pi-camera", OBSERVED.map(str::to_owned).to_vec(), &make);
}

/// What the attributes ask for.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    /// The server; without it, the one that the script came from.
    pub src: Option<String>,
    /// The camera's id; without it, the server's first.
    pub camera: Option<String>,
    /// What lets the viewer in on pages of other servers, where no session is sent.
    pub ticket: Option<String>,
    /// Whether there are buttons, keys and gestures.
    pub controls: bool,
    /// What the user may choose differently.
    pub settings: Settings,
}

impl Attributes {
    /// Where the stream is, with no more pixels in a line from the first frame on than there is use for.
    ///
    /// # Errors
    /// Where `src` is no address at all.
    pub fn socket_url(&self, max_width: Option<u32>) -> Result<String, JsValue> {
        let width = max_width.map(|width| width.to_string());
        let said = [
            ("camera", self.camera.as_deref()),
            ("ticket", self.ticket.as_deref()),
            ("width", width.as_deref()),
        ];
        js::socket_url(self.src.as_deref(), &said)
    }

    /// Reads them.
    pub fn read(host: &HtmlElement) -> Self {
        let text = |name| host.get_attribute(name).filter(|value| !value.is_empty());
        let mut settings = Settings {
            overlay: host.has_attribute("overlay"),
            mirror: host.has_attribute("mirror"),
            ..Settings::default()
        };
        if let Some(fit) = text("fit") {
            settings.fit = Fit::from_name(&fit);
        }
        if let Some(size) = text("size") {
            settings.size = Size::from_name(&size);
        }
        if let Some(wire) = text("wire").and_then(|name| wire_from_name(&name)) {
            settings.wire = wire;
        }
        Self {
            src: text("src"),
            camera: text("camera"),
            ticket: text("ticket"),
            controls: host.has_attribute("controls"),
            settings,
        }
    }
}

/// The Rust half of one element.
#[wasm_bindgen]
pub struct View {
    host: HtmlElement,
    shadow: ShadowRoot,
    /// `None` while the element stands in no document.
    session: RefCell<Option<Rc<Session>>>,
}

impl View {
    fn new(host: HtmlElement) -> Self {
        let shadow = host.shadow_root().unwrap_or_else(|| {
            let init = ShadowRootInit::new(ShadowRootMode::Open);
            host.attach_shadow(&init)
                .expect("an autonomous element without a shadow root can have one")
        });
        Self {
            host,
            shadow,
            session: RefCell::default(),
        }
    }

    fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }
}

#[wasm_bindgen]
impl View {
    /// The element was put into a document.
    pub fn connected(&self) {
        let session = Session::start(&self.host, &self.shadow);
        drop(self.session.replace(Some(session)));
    }

    /// The element was taken out of its document.
    pub fn disconnected(&self) {
        drop(self.session.take());
    }

    /// An attribute was changed.
    pub fn attribute(&self, name: &str) {
        if let Some(session) = self.session() {
            session.attribute_changed(name);
        }
    }

    /// The JPEG that is shown, exactly as it was received.
    pub fn snapshot(&self) -> Promise {
        match self.session() {
            Some(session) => session.snapshot(),
            None => Promise::reject(&js_sys::Error::new("the element is not in a document")),
        }
    }

    /// No more frames until [`Self::play`].
    pub fn pause(&self) {
        if let Some(session) = self.session() {
            session.set_paused(true);
        }
    }

    /// Frames again.
    pub fn play(&self) {
        if let Some(session) = self.session() {
            session.set_paused(false);
        }
    }
}

//! What lies over the picture: badge, notice, toolbar, and in a module of their own the [`panels`]. Shows what it is told;
//! decides nothing.
//!
//! What the buttons do belongs to [`crate::element`].

pub mod capture;
pub mod panels;
mod render;

use crate::element::controls::Abilities;
use crate::js;
use crate::text::words;
use wasm_bindgen::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{CssStyleSheet, Element, HtmlCanvasElement, HtmlElement, ShadowRoot};

const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = include_str!(concat!(env!("OUT_DIR"), "/style.css"));

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    /// Writes a text into a node, or into that attribute of it: in the element's language, unless it is the page's own.
    fn put(node: &Element, attribute: &str, text: &str, own: bool);
    /// Has the texts in a shadow root said in its element's language.
    fn speak(shadow: &ShadowRoot);
}

/// The elements inside the shadow root.
pub struct Chrome {
    shadow: ShadowRoot,
    root: HtmlElement,
    stage: HtmlElement,
    picture: HtmlElement,
}

impl Chrome {
    /// Fills the shadow root anew, without buttons for what the browser lacks.
    pub fn build(shadow: &ShadowRoot, abilities: Abilities) -> Self {
        shadow.set_inner_html(TEMPLATE);
        if adopt_style(shadow).is_err() {
            // Browsers without constructable style sheets get a file: the server's own content policy refuses rules in the page.
            let style = js::sure(document().create_element("link"), "link is an element");
            let href = js::beside_script("style.css").unwrap_or_default();
            for (name, value) in [("rel", "stylesheet"), ("href", &href)] {
                // Both are valid attribute names.
                let _ = style.set_attribute(name, value);
            }
            // Fails only for a node that cannot be a child.
            let _ = shadow.prepend_with_node_1(&style);
        }
        let chrome = Self {
            shadow: shadow.clone(),
            root: by_id(shadow, "root"),
            stage: by_id(shadow, "stage"),
            picture: by_id(shadow, "picture"),
        };
        for (able, intent) in [(abilities.float, "pip"), (abilities.record, "record")] {
            if !able {
                chrome.set_each(intent, "hidden", "");
            }
        }
        speak(shadow);
        chrome
    }

    /// The element of the template with that id.
    pub fn part(&self, id: &str) -> HtmlElement {
        by_id(&self.shadow, id)
    }

    /// Where everything lies.
    pub fn shadow(&self) -> &ShadowRoot {
        &self.shadow
    }

    /// The area for the picture.
    pub fn stage(&self) -> &HtmlElement {
        &self.stage
    }

    /// Puts a fresh canvas in the place of the old one: a canvas can be transferred only once.
    pub fn fresh_canvas(&self) -> HtmlCanvasElement {
        let canvas = document().create_element("canvas");
        let canvas: HtmlCanvasElement = js::sure(canvas, "canvas is an element").unchecked_into();
        // Neither name is empty, so none of these can fail.
        let _ = canvas.set_attribute("part", "canvas");
        let _ = canvas.set_attribute("role", "img");
        self.picture.replace_children_with_node_1(&canvas);
        self.name_picture("");
        canvas
    }

    /// Names the picture for screen readers: as the page names the element, else after the camera.
    pub fn name_picture(&self, camera: &str) {
        let own = self.shadow.host().get_attribute("aria-label");
        let own = own.filter(|name| !name.is_empty());
        let is_own = own.is_some();
        let name = match own {
            Some(name) => name,
            _ if camera.is_empty() => String::from(words!("The camera's picture")),
            _ => words!("The picture of {camera}", camera = camera),
        };
        if let Some(canvas) = self.picture.first_element_child() {
            put(&canvas, "aria-label", &name, is_own);
        }
    }

    /// Turns a class of the root on or off.
    pub fn set_class(&self, name: &str, on: bool) {
        // Fails only for a class name with a space in it.
        let _ = self.root.class_list().toggle_with_force(name, on);
    }

    /// Sets an attribute of every control for that intent, in toolbar and menu.
    fn set_each(&self, intent: &str, name: &str, value: &str) {
        if let Ok(list) = self
            .shadow
            .query_selector_all(&format!("[data-do={intent}]"))
        {
            for at in 0..list.length() {
                if let Some(node) = list.item(at) {
                    render::set_attribute(node.unchecked_ref(), name, value);
                }
            }
        }
    }
}

/// The document; the element lives in pages only.
pub fn document() -> web_sys::Document {
    web_sys::window()
        .and_then(|window| window.document())
        .expect("an element lives in a page")
}

fn by_id(shadow: &ShadowRoot, id: &str) -> HtmlElement {
    shadow
        .get_element_by_id(id)
        .expect("the template has every part that is asked for")
        .unchecked_into()
}

fn adopt_style(shadow: &ShadowRoot) -> Result<(), JsValue> {
    thread_local! {
        static SHEET: Option<CssStyleSheet> = CssStyleSheet::new().ok().filter(|sheet| {
            let replace = js::get(sheet, "replaceSync");
            replace
                .dyn_ref::<js_sys::Function>()
                .is_some_and(|replace| replace.call1(sheet, &STYLE.into()).is_ok())
        });
    }
    if js::get(shadow, "adoptedStyleSheets").is_undefined() {
        return Err(JsValue::UNDEFINED);
    }
    let sheet = SHEET.with(Clone::clone).ok_or(JsValue::UNDEFINED)?;
    js_sys::Reflect::set(
        shadow,
        &"adoptedStyleSheets".into(),
        &js_sys::Array::of1(&sheet),
    )?;
    Ok(())
}

//! The second module, `panels.js`: what lies over the picture once it is asked for. Loaded then, and kept.
//!
//! When that is belongs to [`crate::session`].

use crate::js::{self, Held};
use js_sys::{Function, Promise};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{ImageBitmap, ShadowRoot};

#[wasm_bindgen(module = "/src/load.js")]
extern "C" {
    #[wasm_bindgen(js_name = load)]
    fn load_module(script: &str, shadow: &ShadowRoot) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// `panels.js` says what each method does.
    #[derive(Clone, Debug)]
    pub type Panels;
    #[wasm_bindgen(method)]
    pub(crate) fn show_menu(this: &Panels, shown: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn menu_shown(this: &Panels) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn show_help(this: &Panels);
    #[wasm_bindgen(method)]
    pub(crate) fn close_help(this: &Panels);
    #[wasm_bindgen(method)]
    pub(crate) fn help_shown(this: &Panels) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn show_overlay(this: &Panels, shown: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn write_figures(
        this: &Panels,
        fps: f64,
        age: Option<f64>,
        p95: Option<f64>,
        mbit: f64,
        round_trip: Option<f64>,
        took: Option<f64>,
        skipped_server: f64,
        skipped_here: f64,
        corrupt: f64,
        width: u32,
        height: u32,
        why: &str,
        wire: Option<&str>,
        seq: Option<f64>,
    );
    #[wasm_bindgen(method, catch)]
    pub(crate) fn open_stage(this: &Panels, width: u32, height: u32) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn close_stage(this: &Panels);
    #[wasm_bindgen(method)]
    pub(crate) fn clear_stage(this: &Panels);
    #[wasm_bindgen(method)]
    pub(crate) fn draw(
        this: &Panels,
        bitmap: &ImageBitmap,
        a: f64,
        b: f64,
        c: f64,
        d: f64,
        e: f64,
        f: f64,
    );
    #[wasm_bindgen(method, catch)]
    pub(crate) fn start_recording(this: &Panels, types: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn end_recording(this: &Panels) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn float(this: &Panels, left: &Function) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn unfloat(this: &Panels);
    #[wasm_bindgen(method)]
    fn close(this: &Panels);
}

/// Whether they are there.
#[derive(Default)]
enum Place {
    #[default]
    Absent,
    Loading,
    /// They could not be loaded, and are loaded only when the user asks again.
    Failed,
    There(Held<Panels>),
}

/// The place of an element's panels.
#[derive(Default)]
pub struct Slot(RefCell<Place>);

impl Slot {
    /// The panels, if they are there.
    pub fn get(&self) -> Option<Panels> {
        match &*self.0.borrow() {
            Place::There(panels) => Some(Panels::clone(panels)),
            _ => None,
        }
    }

    /// Whether they have been asked for, be it in vain.
    pub fn is_asked_for(&self) -> bool {
        !matches!(*self.0.borrow(), Place::Absent)
    }

    /// Loads them, unless that is done; whether it was to be done.
    pub fn begin(&self) -> bool {
        let mut place = self.0.borrow_mut();
        let begins = matches!(*place, Place::Absent | Place::Failed);
        if begins {
            *place = Place::Loading;
        }
        begins
    }

    /// They are there, or are not to be had.
    ///
    /// # Errors
    /// Why not.
    pub async fn load(&self, shadow: &ShadowRoot) -> Result<(), JsValue> {
        let loaded = JsFuture::from(load_module(&js::script_url(), shadow)).await;
        // The element may have left its document meanwhile.
        let mut place = self.0.borrow_mut();
        match loaded {
            Ok(panels) => {
                let panels: Panels = panels.unchecked_into();
                if matches!(*place, Place::Loading) {
                    *place = Place::There(Held::new(panels));
                } else {
                    panels.close();
                }
                Ok(())
            }
            Err(error) => {
                *place = Place::Failed;
                Err(error)
            }
        }
    }

    /// Ends what goes on in them.
    pub fn end(&self) {
        if let Place::There(panels) = self.0.take() {
            panels.close();
        }
    }
}

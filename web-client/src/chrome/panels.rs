//! The second module, `panels.js`: what lies over the picture once it is asked for. Loaded then, and kept.
//!
//! When that is belongs to [`crate::element::controls`].

use crate::js::{self, Held};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{ImageBitmap, ShadowRoot};

#[wasm_bindgen(module = "/src/browser.js")]
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
    pub(crate) fn show_adjust(this: &Panels, shown: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn controls(this: &Panels, told: &JsValue, socket: &str, camera: &str);
    #[wasm_bindgen(method)]
    pub(crate) fn operate(this: &Panels, say: &Function);
    #[wasm_bindgen(method)]
    pub(crate) fn show_overlay(this: &Panels, shown: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn keep_awake(this: &Panels, on: bool);
    #[wasm_bindgen(method)]
    pub(crate) fn show_problem(this: &Panels, problem: Option<&str>);
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
    pub(crate) fn start_recording(
        this: &Panels,
        types: &str,
        most: f64,
        tell: &Function,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn end_recording(this: &Panels) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn float(this: &Panels, left: &Function) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn unfloat(this: &Panels);
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Panels);
}

/// Loads them for an element's shadow root; `None` where they are not to be had.
pub async fn load(shadow: &ShadowRoot) -> Option<Held<Panels>> {
    let loaded = js::answer(&load_module(&js::script_url(), shadow)).await;
    Some(Held::new(loaded.ok()?.unchecked_into()))
}

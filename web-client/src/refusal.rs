//! Why a server refuses the stream: browsers don't tell a page what its WebSocket's upgrade was answered with.
//!
//! What is shown then belongs to [`crate::element::status`].

use crate::js;
use crate::text;
use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::ShadowRoot;

#[wasm_bindgen(module = "/src/browser.js")]
extern "C" {
    #[wasm_bindgen(js_name = refusal)]
    fn ask(url: &str, root: &ShadowRoot) -> Promise;
}

/// Asks the WebSocket's own address as a plain page, for the element with that shadow root; `None` if there is no answer, or no refusal.
pub async fn refusal(socket_url: &str, root: &ShadowRoot) -> Option<String> {
    let answer: Array = js::answer(&ask(socket_url, root))
        .await
        .ok()?
        .unchecked_into();
    let [elsewhere, ticket] = [1, 2].map(|at| answer.get(at).is_truthy());
    let said = answer.get(0).as_string()?;
    Some(text::not_let_in(said, elsewhere, ticket)).filter(|text| !text.is_empty())
}

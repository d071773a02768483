//! Why a server refuses the stream: browsers don't tell a page what its WebSocket's upgrade was answered with.
//!
//! What is shown then belongs to [`crate::status`].

use wasm_bindgen::prelude::*;

// Fewer bytes than the same through Rust's bindings.
#[wasm_bindgen(inline_js = r#"
export async function refusal(url) {
  try {
    const answer = await fetch(url.replace(/^ws/, "http"), { cache: "no-store" });
    // Other words than plain ones are those of a proxy that stands before a server that may be down.
    const plain = answer.headers.get("content-type")?.startsWith("text/plain");
    return plain && [401, 403, 404, 421, 503].includes(answer.status) ? (await answer.text()).trim() : "";
  } catch {
    return "";
  }
}"#)]
extern "C" {
    #[wasm_bindgen(js_name = refusal)]
    async fn ask(url: &str) -> JsValue;
}

/// Asks the WebSocket's own address as a plain page; `None` where nobody answers, or not with a refusal.
pub async fn refusal(socket_url: &str) -> Option<String> {
    ask(socket_url)
        .await
        .as_string()
        .filter(|text| !text.is_empty())
}

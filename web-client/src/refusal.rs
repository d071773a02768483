//! Why a server refuses the stream: browsers don't tell a page what its WebSocket's upgrade was answered with.
//!
//! What is shown then belongs to [`crate::element::status`].

use crate::text;
use js_sys::Array;
use wasm_bindgen::prelude::*;

// Fewer bytes than the same through Rust's bindings.
#[wasm_bindgen(inline_js = r#"
export async function refusal(socket) {
  try {
    const url = new URL(socket.replace(/^ws/, "http"));
    for (const path of ["ws", "api/v1/ws"]) {
      const answer = await fetch(new URL(path + url.search, url), { cache: "no-store" });
      // An answer that is not plain text comes from a proxy; the server behind it may be down.
      const plain = answer.headers.get("content-type")?.startsWith("text/plain");
      if (plain && answer.status === 426)
        return ["the server answers, but no WebSocket gets through: a proxy on the way has to pass on Upgrade"];
      if (!plain || ![401, 403, 404, 421, 429, 503].includes(answer.status)) continue;
      const said = (await answer.text()).trim();
      return answer.status === 401 ? [said, url.origin !== origin, url.searchParams.has("ticket")] : [said];
    }
  } catch {}
  return [];
}"#)]
extern "C" {
    #[wasm_bindgen(js_name = refusal)]
    async fn ask(url: &str) -> JsValue;
}

/// Asks the WebSocket's own address as a plain page; `None` if there is no answer, or no refusal.
pub async fn refusal(socket_url: &str) -> Option<String> {
    let answer: Array = ask(socket_url).await.unchecked_into();
    let [elsewhere, ticket] = [1, 2].map(|at| answer.get(at).is_truthy());
    let said = answer.get(0).as_string()?;
    Some(text::not_let_in(said, elsewhere, ticket)).filter(|text| !text.is_empty())
}

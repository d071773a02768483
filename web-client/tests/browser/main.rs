//! What needs a browser: run by wasm-bindgen-test-runner in headless Chromium. Logic is tested beside itself, natively.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails where there is nothing to unwrap"
)]

mod address;
mod attributes;
mod camera;
mod element;
mod pipeline;
mod server;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

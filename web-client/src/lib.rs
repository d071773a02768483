//! The viewer: WebSocket → inflate → base64 → JPEG → canvas, inside a custom element `<pi-camera>`.
//!
//! A map, not a place for code. Modules that need no browser come first and are tested natively; the rest is glue around
//! them. The same module runs twice: in the page, where it is the elements, and in a worker, where it is the [`feed`] of each.

pub mod address;
pub mod backoff;
pub mod clock;
pub mod geometry;
pub mod slot;
pub mod stats;
pub mod steer;
pub mod text;

pub mod element;

pub mod chrome;
pub mod feed;
pub mod js;
pub mod link;
pub mod message;
pub mod painter;
pub mod refusal;
pub mod shell;
pub mod socket;
pub mod worker;

/// Registers `<pi-camera>` in a page; does nothing in a worker, whose script calls [`worker::run_worker`].
pub fn start() {
    js::report_panics();
    if web_sys::window().is_some() {
        shell::custom::define();
    }
}

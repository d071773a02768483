//! Drives the whole of pistreamer in a real browser: Chromium, the built viewer, the real server.
//!
//! A map, not a place for code. What can be tested without a browser is tested where it stands, not here.
//! `./dev test` builds what these tests need and names the server's binary in `PISTREAMER_BIN`.
//!
//! * [`devtools`]: commands to Chromium and events from it, over its DevTools protocol.
//! * [`axe`]: what keeps people out of a page.
//! * [`browser`]: a Chromium of a test's own, and its pages.
//! * [`camera`]: the viewer's element `<pi-camera>` in a page.
//! * [`server`]: the real server.
//! * [`engines`]: Chromium, Firefox and WebKit, driven in one way.
//! * [`fake`]: a server in the test's hands, which sends what no real one does.
//! * [`site`]: another web site.
//! * [`proxy`]: what stands between a browser and a server.
//! * [`workshop`]: a copy of the project in which the viewer is worked on.
//! * [`memory`]: what a page costs.
//! * [`soak`]: the real server among viewers of every kind for hours; no browser.

pub mod axe;
pub mod browser;
pub mod camera;
pub mod devtools;
pub mod engines;
pub mod fake;
pub mod memory;
pub mod proxy;
pub mod server;
pub mod site;
pub mod soak;
pub mod workshop;

use std::time::Duration;

/// How long a test waits for something that should come at once, on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

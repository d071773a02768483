//! The picture: counters of the camera's frames, its layout on the stage, and the size and rate to ask the server for.
//!
//! Its pixels never come here. Whether it is live belongs to [`super::status`].

use super::effect::{Effect, Effects, Figures, Order};
use super::settings::Settings;
use crate::geometry::{Layout, Zoom};
use crate::link::Drawn;
use crate::stats::Stats;
use crate::steer::{Reason, Size, Steering, Want};
use crate::text::{self, words};
use pistreamer_protocol::WireFormat;

/// Counters and properties of one camera's stream.
#[derive(Debug, Default)]
struct Seen {
    camera: String,
    stats: Stats,
    /// Width and height of the picture that the camera delivers; zeros while they aren't known.
    full: (u32, u32),
    wire: Option<WireFormat>,
    last: Option<Drawn>,
    drawn: u64,
    /// When the last one was drawn.
    drawn_at: f64,
    skipped_server: u64,
    skipped_server_before: u64,
    corrupt: u64,
}

/// The part of an element that knows its picture.
#[derive(Debug)]
pub struct Picture {
    seen: Seen,
    pub(super) layout: Layout,
    pub(super) zoom: Zoom,
    pub(super) pixel_ratio: f64,
    steering: Steering,
    /// What the server was asked for.
    wanted: Want,
    round_trip: Option<f64>,
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            seen: Seen::default(),
            layout: Layout::default(),
            zoom: Zoom::default(),
            pixel_ratio: 1.0,
            steering: Steering::default(),
            wanted: Want::default(),
            round_trip: None,
        }
    }
}

impl Picture {
    /// Whether one can be seen, old or new.
    pub fn is_there(&self) -> bool {
        self.seen.last.is_some()
    }

    /// The number of the frame on the canvas.
    pub fn seq(&self) -> Option<u64> {
        self.seen.last?.seq
    }

    /// How old the picture on the canvas is now, in ms.
    pub fn age(&self, now: f64) -> Option<f64> {
        Some(self.seen.last?.age? + now - self.seen.drawn_at)
    }

    /// The id of the camera that it is of; empty while that isn't known.
    pub fn camera(&self) -> &str {
        &self.seen.camera
    }

    /// Where it is on the stage.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Lays it onto the stage.
    pub(super) fn lay_out(&mut self, settings: &Settings, out: &mut Effects) {
        self.layout.fit = settings.fit;
        self.layout.turns = settings.turns;
        self.layout.mirror = settings.mirror;
        self.set_zoom(self.zoom, out);
    }

    pub(super) fn set_zoom(&mut self, zoom: Zoom, out: &mut Effects) {
        self.zoom = self.layout.clamp(zoom);
        out.push(Effect::Layout(self.layout, self.zoom));
    }

    /// Zooms towards that point, or the middle.
    pub(super) fn zoom_by(&mut self, at: Option<(f64, f64)>, by: f64, out: &mut Effects) {
        let (width, height) = self.layout.stage;
        let at = at.unwrap_or((width / 2.0, height / 2.0));
        self.set_zoom(self.layout.zoom_at(self.zoom, at, by), out);
    }

    /// A frame is on the canvas, and whether it is new. Gives whether pictures have another size from now on.
    pub(super) fn drawn(&mut self, now: f64, frame: Drawn, drawn_at: f64, new: bool) -> bool {
        if new {
            let bytes = f64::from(frame.bytes);
            self.seen.stats.frame(now, bytes, frame.age);
            if let Some(seq) = frame.seq {
                self.steering.frame(now, seq, bytes, frame.took);
            }
            self.seen.drawn += 1;
        }
        // New or repeated, this frame is what the canvas shows.
        self.seen.drawn_at = drawn_at;
        self.seen.last = Some(frame);
        let size = (f64::from(frame.width), f64::from(frame.height));
        std::mem::replace(&mut self.layout.picture, size) != size
    }

    /// The server says what it shows.
    pub(super) fn greeted(&mut self, camera: &str, size: (u32, u32), wire: Option<WireFormat>) {
        camera.clone_into(&mut self.seen.camera);
        if size.0 > 0 {
            self.seen.full = size;
        }
        self.seen.wire = wire;
    }

    pub(super) fn set_full(&mut self, width: u32, height: u32) {
        self.seen.full = (width, height);
    }

    /// Sets how many frames the server has skipped on this connection.
    pub(super) fn skipped(&mut self, total: u64) {
        self.seen.skipped_server = self.seen.skipped_server_before + total;
    }

    /// Sets how many messages could not be drawn. Only the first one is logged: a stream may be broken throughout.
    pub(super) fn corrupt(&mut self, total: u64, reason: &str, out: &mut Effects) {
        if self.seen.corrupt == 0 {
            out.push(Effect::Warn(format!("a broken frame: {reason}")));
        }
        self.seen.corrupt = total;
    }

    pub(super) fn round_trip(&mut self, ms: f64) {
        self.round_trip = Some(ms);
    }

    /// Another connection begins. Gives the width that it asks for.
    pub(super) fn connect(&mut self, now: f64) -> Option<u32> {
        self.seen.stats.clear();
        self.steering.forget(now);
        self.round_trip = None;
        self.seen.skipped_server_before = self.seen.skipped_server;
        self.wanted.max_width
    }

    /// Frames come again: what was measured before says nothing about them.
    pub(super) fn resume(&mut self, now: f64) {
        self.steering.forget(now);
    }

    /// Another pipeline has to be told anew what is wanted.
    pub(super) fn forget_want(&mut self) {
        self.wanted = Want::default();
    }

    /// Nothing is left of the camera that was shown until now.
    pub(super) fn forget_camera(&mut self) {
        self.seen = Seen::default();
        self.steering = Steering::default();
        self.zoom = Zoom::default();
        self.layout.picture = (0.0, 0.0);
    }

    /// Asks the server for the picture that screen, link and user want, and for no more frames a second than the page wants.
    pub(super) fn steer(&mut self, now: f64, size: Size, cap: Option<u32>, out: &mut Effects) {
        self.steering.choose(now, size);
        self.steering.cap(now, cap);
        let (width, height) = self.seen.full;
        let want = if width == 0 {
            let line = self.layout.longest_line() * self.zoom.factor;
            self.steering.first_want(line * self.pixel_ratio)
        } else {
            let full = Layout {
                picture: (f64::from(width), f64::from(height)),
                ..self.layout
            };
            let pixels = full.picture.0 * full.scale() * self.zoom.factor * self.pixel_ratio;
            self.steering.place(now, width, pixels);
            self.steering.tick(now);
            self.steering.want()
        };
        if want != self.wanted {
            self.wanted = want;
            out.push(Effect::Pipeline(Order::Want(want)));
        }
    }

    /// The statistics, as numbers and for the data attributes.
    pub(super) fn figures(&self, now: f64, live: bool, out: &mut Effects) -> Figures {
        let seen = &self.seen;
        let last = seen.last.unwrap_or_default();
        let mut rates = seen.stats.rates(now);
        if !live {
            // Without new frames, the age of the picture on the canvas grows.
            rates.age = last.age.map(|age| age + now - seen.drawn_at);
        }
        let mut data = |name, number: String| out.push(Effect::Data(name, number));
        data("drawn", seen.drawn.to_string());
        data("skipped", (seen.skipped_server + last.skipped).to_string());
        data("corrupt", seen.corrupt.to_string());
        if let Some(age) = rates.age {
            data("age", text::tenths(age));
        }
        Figures {
            fps: rates.fps,
            age: rates.age,
            age_p95: rates.age_p95,
            mbit: rates.mbit,
            round_trip: self.round_trip,
            took: Some(last.took).filter(|ms| *ms > 0.0),
            skipped_server: seen.skipped_server,
            skipped_here: last.skipped,
            corrupt: seen.corrupt,
            width: last.width,
            height: last.height,
            why: String::new(),
            wire: seen.wire.map(WireFormat::name),
            seq: last.seq,
        }
    }

    /// Why the picture has its size and rate, in words.
    pub(super) fn why(&self) -> String {
        let mut text = match self.steering.reason() {
            Reason::Pinned => String::from(words!("as chosen")),
            Reason::Whole => String::from(words!("automatic: full")),
            Reason::Screen => String::from(words!("automatic: fits the screen")),
            Reason::Link(mbit) => words!(
                "automatic: link carries {number} Mbit/s",
                number = text::tenths(mbit)
            ),
            Reason::Device => String::from(words!("automatic: this device draws no more")),
        };
        if let Some(fps) = self.wanted.max_fps {
            text = words!("{text}, {number} per s", text = text, number = fps);
        }
        text
    }
}

//! Recordings and the small window: pictures that leave the canvas.
//!
//! Making them belongs to [`crate::shell`] and the panels.

use super::effect::{Effect, Effects, Order, Pane};
use crate::geometry::Layout;

/// The part of an element that knows what is made of the pictures.
#[derive(Debug, Default)]
pub struct Capture {
    /// Width and height of the stage on which pictures are drawn for it.
    stage: Option<(u32, u32)>,
    /// Since when there is a recording.
    recording: Option<f64>,
    floating: bool,
}

impl Capture {
    /// Returns true if pictures are needed although the element is not visible.
    pub(super) fn is_on(&self) -> bool {
        self.recording.is_some() || self.floating
    }

    /// The stage, while there is one.
    pub fn stage(&self) -> Option<(u32, u32)> {
        self.stage
    }

    /// For how many ms there has been a recording.
    pub(super) fn recorded(&self, now: f64) -> Option<f64> {
        self.recording.map(|since| now - since)
    }

    pub(super) fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    pub(super) fn is_floating(&self) -> bool {
        self.floating
    }

    /// The size of a stage for that picture, where there is none yet.
    fn open_stage(&mut self, layout: &Layout) -> Option<(u32, u32)> {
        if self.stage.is_some() {
            return None;
        }
        let (width, height) = layout.turned();
        // Encoders that subsample colour want even sizes.
        let even = |side: f64| (side.max(2.0) as u32).next_multiple_of(2);
        self.stage = Some((even(width), even(height)));
        self.stage
    }

    pub(super) fn record(&mut self, layout: &Layout, out: &mut Effects) {
        let size = self.open_stage(layout);
        out.push(Effect::Panels(Pane::Record(size)));
    }

    /// Ends a recording, if there is one, by its user or because it is full.
    pub(super) fn end_recording(&mut self, camera: &str, full: bool, out: &mut Effects) {
        if self.recording.take().is_some() {
            out.push(Effect::Panels(Pane::EndRecording(camera.to_owned(), full)));
        }
    }

    /// The recording runs since `since`, or doesn't.
    pub(super) fn recording(&mut self, since: Option<f64>, out: &mut Effects) {
        self.recording = since;
        self.changed(out);
    }

    pub(super) fn float(&mut self, layout: &Layout, out: &mut Effects) {
        let size = self.open_stage(layout);
        // The video needs a picture before it can float.
        out.push(Effect::Pipeline(Order::Tap(true)));
        out.push(Effect::Panels(Pane::Float(size)));
    }

    /// The small window is open, or isn't.
    pub(super) fn floating(&mut self, open: bool, out: &mut Effects) {
        self.floating = open;
        self.changed(out);
    }

    /// Nothing of the camera that was shown until now stays to be seen.
    pub(super) fn clear(&self, out: &mut Effects) {
        if self.stage.is_some() {
            out.push(Effect::Panels(Pane::ClearStage));
        }
    }

    /// Starts or ends what needs pictures in the page.
    pub(super) fn changed(&mut self, out: &mut Effects) {
        let tap = self.is_on();
        if !tap && self.stage.take().is_some() {
            out.push(Effect::Panels(Pane::CloseStage));
        }
        out.push(Effect::Pipeline(Order::Tap(tap)));
        out.push(Effect::ShowRecording(self.recording.is_some()));
    }
}

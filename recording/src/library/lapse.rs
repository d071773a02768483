//! Time-lapse: a frame every few seconds of a span, whichever is nearest to its time, to be played at a rate of its own.

use super::{Found, Library, Near};
use std::io;

/// One frame for each step of a span. Made by [`Library::lapse`].
#[derive(Debug)]
pub struct Lapse {
    library: Library,
    camera: String,
    /// The next step, where they begin and end, and the time between two.
    at_ms: u64,
    span: (u64, u64),
    every_ms: u64,
    /// Time of the frame before.
    last_ms: Option<u64>,
}

impl Library {
    /// A frame of each step from a time to another: the nearest one, at most half a step away. A step that has none is left out.
    pub fn lapse(&self, camera: &str, span: (u64, u64), every_ms: u64) -> Lapse {
        Lapse {
            library: self.clone(),
            camera: camera.into(),
            at_ms: span.0,
            span,
            every_ms: every_ms.max(1),
            last_ms: None,
        }
    }
}

impl Lapse {
    /// The frame of the next step that has one.
    fn step(&mut self) -> io::Result<Option<Found>> {
        let (from_ms, to_ms) = self.span;
        while self.at_ms <= to_ms {
            let at_ms = self.at_ms;
            self.at_ms = at_ms.saturating_add(self.every_ms);
            let find = |near| self.library.find(&self.camera, at_ms, near);
            let is_its = |found: &Found| {
                let is_near = found.at_ms.abs_diff(at_ms) <= self.every_ms / 2;
                is_near && (from_ms..=to_ms).contains(&found.at_ms)
            };
            let mut found = find(Near::Nearest)?.filter(is_its);
            if found.is_none() {
                // Nothing was recorded of the steps before the next frame, which may be this one's.
                let Some(next) = find(Near::After)? else {
                    break;
                };
                let steps = (next.at_ms - at_ms + self.every_ms / 2) / self.every_ms;
                self.at_ms = at_ms.saturating_add(steps.max(1).saturating_mul(self.every_ms));
                found = Some(next).filter(is_its);
            }
            if let Some(found) = found
                && self.last_ms.is_none_or(|last| found.at_ms > last)
            {
                self.last_ms = Some(found.at_ms);
                return Ok(Some(found));
            }
        }
        self.at_ms = u64::MAX;
        Ok(None)
    }
}

impl Iterator for Lapse {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<io::Result<Found>> {
        let step = self.step();
        if step.is_err() {
            self.at_ms = u64::MAX;
        }
        step.transpose()
    }
}

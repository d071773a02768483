//! A camera that needs no camera: a moving scene with sensor noise, the time and the frame's number, for trying things
//! out and for tests.
//!
//! A frame costs about as much as copying it, and is as hard to compress as a photograph. It says "TEST PATTERN", so
//! that nobody takes it for a camera's picture; shows the time (UTC) and its number; has a hand that goes round once a
//! second, so that the eye sees whether the motion is smooth; and tells programs the same on a [strip] along its
//! lower edge, which [`read_back`] reads.
//!
//! The modules stand in the order in which a frame is made.

mod canvas;
mod font;
mod noise;
mod overlay;
mod picture;
mod plate;
mod renderer;
mod scene;
pub mod strip;

pub use picture::Picture;
pub use renderer::Renderer;
pub use strip::{Painted, read_back};

use crate::source::pace::{self, Pace};
use crate::source::{Config, Image, Mode, Outlet, Source, SourceError, Transform};
use crate::util::clock;
use picture::Pool;
use pistreamer_protocol::message::Camera;

/// Smallest picture in which the strip and the digits can be read.
pub const SMALLEST: (u32, u32) = (160, 120);
/// Largest picture: twice the largest camera's in each direction, and half a gigabyte of prepared scene.
pub const LARGEST: (u32, u32) = (9216, 5184);

/// The test pattern.
pub struct PatternSource {
    mode: Mode,
    seed: u64,
    pool: Pool,
    /// Made by the first run.
    renderer: Option<Renderer>,
}

impl PatternSource {
    /// A pattern of that size and rate. The same seed gives the same pictures.
    ///
    /// # Errors
    /// Where the size or the rate is out of range.
    pub fn new(config: Config, seed: u64) -> Result<Self, SourceError> {
        let Config {
            width,
            height,
            fps,
            transform,
        } = config;
        if width < SMALLEST.0 || height < SMALLEST.1 {
            return Err(SourceError::new(format!(
                "the test pattern cannot be read at {width}x{height}; its smallest size is {}x{}",
                SMALLEST.0, SMALLEST.1
            )));
        }
        if width > LARGEST.0 || height > LARGEST.1 {
            return Err(SourceError::new(format!(
                "the test pattern is not made at {width}x{height}; its largest size is {}x{}",
                LARGEST.0, LARGEST.1
            )));
        }
        if transform != Transform::default() {
            tracing::warn!("the test pattern is neither mirrored nor rotated");
        }
        let (even_width, even_height) = (width / 2 * 2, height / 2 * 2);
        if (width, height) != (even_width, even_height) {
            tracing::warn!(
                "the test pattern is {even_width}x{even_height}: both sizes have to be even"
            );
        }
        Ok(Self {
            mode: Mode {
                width: even_width,
                height: even_height,
                fps: pace::rate(fps)?,
            },
            seed,
            pool: Pool::default(),
            renderer: None,
        })
    }
}

impl Source for PatternSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: "Test pattern".into(),
            source: "pattern".into(),
            test_pattern: true,
        }
    }

    fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError> {
        let Mode { width, height, fps } = self.mode;
        let (width, height) = (width as usize, height as usize);
        let renderer = self
            .renderer
            .get_or_insert_with(|| Renderer::new(width, height, fps, self.seed));
        outlet.open(self.mode.clone());
        let mut pace = Pace::new(outlet.demand(), fps);
        while pace.wait() {
            let captured_us = clock::now_us();
            let mut lent = self.pool.take(width, height);
            renderer.render(outlet.next_seq(), captured_us, lent.picture());
            outlet.frame(captured_us, Image::Yuv(Box::new(lent)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

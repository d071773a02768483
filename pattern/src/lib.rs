//! The test pattern: a moving scene with sensor noise, the time and the frame's number, for trying
//! things out and for tests.
//!
//! A frame costs about as much as copying it, and is as hard to compress as a photograph. It says "TEST PATTERN", so
//! that it is not mistaken for a camera's picture; shows the time (UTC) and its number; has a hand that goes round once a
//! second, so that the eye sees whether the motion is smooth; and tells programs the same on a [strip] along its
//! lower edge, which [`read_back`] reads.
//!
//! When a frame is due, and what happens to it, belongs to the server's `source/pattern`. The modules stand in the order in
//! which a frame is made.

mod canvas;
mod enlarge;
mod font;
mod lake;
mod motif;
mod noise;
mod overlay;
mod picture;
mod plate;
mod renderer;
mod scene;
pub mod strip;

pub use motif::Motif;
pub use picture::Picture;
pub use renderer::{Look, Renderer};
pub use scene::Scene;
pub use strip::{Painted, read_back};

/// Smallest picture in which the strip and the digits can be read.
pub const SMALLEST: (u32, u32) = (160, 120);
/// Largest picture: twice the largest camera's in each direction, and half a gigabyte of prepared scene.
pub const LARGEST: (u32, u32) = (9216, 5184);

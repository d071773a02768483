//! One picture of the test pattern, held in memory.

use pistreamer::source::{Pixels, Yuv};
use pistreamer_pattern::{Picture, Renderer};
use std::sync::Arc;

/// A picture as a source lends it.
pub(crate) struct Lent(pub Arc<Picture>);

impl Pixels for Lent {
    fn yuv(&self) -> Yuv<'_> {
        self.0.yuv()
    }
}

/// The test pattern's first picture.
pub(crate) fn pattern((width, height): (u32, u32)) -> Picture {
    let (width, height) = (width as usize, height as usize);
    let mut picture = Picture::new(width, height);
    Renderer::new(width, height, 30.0, 1).render(1, 0, &mut picture);
    picture
}

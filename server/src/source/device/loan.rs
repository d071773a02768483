//! A picture on loan from the camera's memory.
//!
//! Deciding between lending and copying belongs to [`super::pictures`].

use super::copy::planes;
use super::format::Extents;
use super::memory::Memory;
use crate::source::{Pixels, Yuv};
use pistreamer_local_camera::Picture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Gives the camera the buffer with that number back.
pub(in crate::source) type GiveBack = Arc<dyn Fn(usize) + Send + Sync>;

/// A picture in the camera's own memory. It holds nothing of the camera but that memory and the buffer's number; so it may
/// outlive the camera.
pub(super) struct Loan {
    picture: Picture,
    memory: Arc<Memory>,
    number: usize,
    give_back: GiveBack,
    lent: Arc<AtomicUsize>,
}

impl Loan {
    /// Lends the memory of the buffer with that number, and gives it back when it drops. `lent` counts those that are lent.
    pub(super) fn new(
        picture: Picture,
        memory: Arc<Memory>,
        number: usize,
        give_back: GiveBack,
        lent: Arc<AtomicUsize>,
    ) -> Self {
        lent.fetch_add(1, Ordering::Relaxed);
        memory.begin_read();
        Self {
            picture,
            memory,
            number,
            give_back,
            lent,
        }
    }
}

impl Pixels for Loan {
    fn yuv(&self) -> Yuv<'_> {
        Yuv {
            width: self.picture.width,
            height: self.picture.height,
            layout: self
                .picture
                .layout(planes(&self.picture, self.memory.planes())),
        }
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.memory.end_read();
        self.lent.fetch_sub(1, Ordering::Relaxed);
        (self.give_back)(self.number);
    }
}

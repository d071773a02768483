//! A picture on loan from the camera's memory.
//!
//! Deciding between lending and copying belongs to [`super::stream`].

use super::event::Event;
use super::memory::Memory;
use crate::source::device::copy::planes;
use crate::source::device::format::Picture;
use crate::source::{Pixels, Yuv};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

/// A picture in the camera's own memory. It holds no libcamera object, only the memory and the number of the request that
/// waits for it; so it may outlive the stream.
pub(super) struct Loan {
    picture: Picture,
    memory: Arc<Memory>,
    request: usize,
    home: SyncSender<Event>,
}

impl Loan {
    /// Lends the memory of a completed request. Its drop sends [`Event::Home`].
    pub(super) fn new(
        picture: Picture,
        memory: Arc<Memory>,
        request: usize,
        home: SyncSender<Event>,
    ) -> Self {
        memory.begin_read();
        Self {
            picture,
            memory,
            request,
            home,
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
        // Never full: the channel has room for every request. Without a receiver the stream has ended.
        let _ = self.home.try_send(Event::Home(self.request));
    }
}

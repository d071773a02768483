//! What wakes the thread of a running camera.

use libcamera::request::Request;
use std::sync::mpsc::SyncSender;

/// What happened to a request.
pub(super) enum Event {
    /// The camera is done with it.
    Done(Request),
    /// A buffer that was kept came back; the number of its request.
    Home(usize),
}

/// Where buffers that were kept go back to. It may outlive the camera.
#[derive(Clone, Debug)]
pub struct Home(pub(super) SyncSender<Event>);

impl Home {
    /// The buffer with that number comes home. Each does once for each time that it was kept.
    pub fn take(&self, number: usize) {
        // Never full: the channel has room for every request. Without a receiver the camera has stopped.
        let _ = self.0.try_send(Event::Home(number));
    }
}

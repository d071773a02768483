//! What wakes the thread of a running camera.

use libcamera::request::Request;

/// What happened to a request.
pub(super) enum Event {
    /// The camera is done with it.
    Done(Request),
    /// A lent picture came back; the number of its request.
    Home(usize),
}

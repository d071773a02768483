//! A still of a camera of libcamera, whose stream stops for it: asked for, taken, and answered once it streams again.

use crate::source::device::pictures::Pictures;
use crate::source::stills::Request;
use crate::source::{Port, RawFrame, SourceError};
use pistreamer_local_camera::Still;
use pistreamer_protocol::message::{Cause, Reason};
use std::sync::Arc;

/// What was asked for and is not answered yet, if anything.
#[derive(Default)]
pub(super) struct Pending {
    request: Option<Request>,
    taken: Option<Result<RawFrame, Reason>>,
}

impl Pending {
    /// The stream stops. Returns whether there is a request.
    pub(super) fn begin(&mut self, port: &Port) -> bool {
        self.request = port.still();
        self.request.is_some()
    }

    /// The picture was taken, or was not.
    pub(super) fn take(&mut self, still: Result<Still, SourceError>, port: &Port) {
        let taken = still.and_then(|still| copied(still, port));
        self.taken = Some(taken.map_err(|error| error.0));
    }

    /// The camera streams, again or for the first time.
    pub(super) fn reopened(&mut self) {
        if let (Some(request), Some(taken)) = (self.request.take(), self.taken.take()) {
            request.answer(taken);
        }
    }
}

impl Pending {
    /// The camera fails, for that reason.
    pub(super) fn fails(&mut self, reason: &Reason) {
        if let Some(request) = self.request.take() {
            let taken = self.taken.take().and_then(Result::ok);
            request.answer(taken.ok_or_else(|| reason.clone()));
        }
    }
}

/// The picture in memory of our own, so that the camera's is free at once.
fn copied(still: Still, port: &Port) -> Result<RawFrame, SourceError> {
    let Still {
        picture,
        turn,
        buffer,
        filled,
    } = still;
    let pictures = Pictures::map(picture, vec![buffer], Arc::new(|_| {}))?;
    let image = pictures
        .copy(filled)
        .map_err(|error| Cause::BuffersUnreadable { error })?;
    // The camera may turn its stills otherwise than its stream.
    Ok(port.beside_stream(filled.captured_us, image, Some(turn)))
}

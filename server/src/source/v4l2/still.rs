//! Stills of a camera that has modes with more pixels than its stream: the stream stops, one picture is taken, and it goes on.
//!
//! The modes belong to [`super::modes`]. The camera's controls are set meanwhile, as they are while it streams.

use super::V4l2Source;
use super::modes::Offer;
use super::stream::{End, Stream};
use crate::source::{Image, Port, SourceError};
use pistreamer_protocol::message::{Cause, Reason};
use std::sync::mpsc::SyncSender;

impl V4l2Source {
    /// Runs a stream until the port's run is to end, and takes stills with that offer meanwhile. Returns the stream as it is then,
    /// still running.
    ///
    /// # Errors
    /// Where the camera fails.
    pub(super) fn follow(
        &self,
        mut stream: Stream,
        still: Option<Offer>,
        port: &Port,
        wakes: &SyncSender<()>,
    ) -> Result<Stream, SourceError> {
        loop {
            let request = match stream.run(port, wakes) {
                Ok(End::Stopped) => return Ok(stream),
                Ok(End::ForStill(request)) => Ok(request),
                Err(error) => Err(error),
            };
            let stopping = port.calls_driver();
            drop(stream);
            drop(stopping);
            let request = request?;
            let picture = match still {
                Some(offer) => self.take(&offer, port, wakes),
                // No larger size is offered, so no client asks for one.
                None => Err("the camera has no larger mode".into()),
            };
            let Some(known) = &self.known else {
                return Err(Cause::Unplugged.into());
            };
            let picture =
                picture.map(|(captured_us, image)| port.beside_stream(captured_us, image, None));
            stream = match self.start(&known.node, port) {
                Ok(started) => started.stream,
                Err(error) => {
                    request.answer(picture.map_err(|_| error.0.clone()));
                    return Err(error);
                }
            };
            port.open(stream.mode.clone());
            request.answer(picture);
        }
    }

    /// One picture in that mode.
    fn take(
        &self,
        offer: &Offer,
        port: &Port,
        wakes: &SyncSender<()>,
    ) -> Result<(u64, Image), Reason> {
        let known = self.known.as_ref().ok_or(Cause::Unplugged)?;
        let attempt = || {
            let _call = port.calls_driver();
            Stream::start_for_still(self.open(&known.node)?, offer, &self.config)
        };
        let started = self.persist(&known.node, port, attempt);
        let mut stream = started.map_err(|error| error.0)?;
        let taken = stream.still(port, wakes);
        let _stopping = port.calls_driver();
        drop(stream);
        taken.map_err(|error| error.0)
    }
}

//! One picture of a camera that is open in its full size.

use super::super::Owner;
use super::super::event::Event;
use super::super::request::filled;
use super::{LOOK, Running};
use crate::{Filled, SourceError, WEDGED};
use pistreamer_protocol::message::Cause;
use std::time::{Duration, Instant};

/// What a camera needs after its first picture for exposure and colours to be those of now, where its algorithms begin anew.
const SETTLES: Duration = Duration::from_millis(300);

/// No still is waited for longer, however long the camera exposes.
const LONGEST_STILL: Duration = Duration::from_secs(15);

impl Running {
    /// One picture, once what was set holds and exposure and colours are those of now. Its buffer stays as it is.
    ///
    /// # Errors
    /// Where the camera fails, or gives none in time.
    pub(in super::super) fn still(&mut self, owner: &impl Owner) -> Result<Filled, SourceError> {
        let of_frames = Duration::from_secs_f64(4e-6 * self.controls.frame_duration());
        let patience = of_frames.clamp(WEDGED, LONGEST_STILL);
        let began = Instant::now();
        let mut first = None;
        while !owner.stopping() && began.elapsed() < patience {
            let queueing = owner.calls_driver();
            self.queue()?;
            drop(queueing);
            let wait = self.pace.wait(Instant::now());
            let wait = wait.filter(|_| !self.idle.is_empty()).unwrap_or(LOOK);
            if let Ok(Event::Done(request)) = self.events.recv_timeout(wait.min(LOOK)) {
                let now = Instant::now();
                let number = request.cookie() as usize;
                let filled = self
                    .take_back(&request, now)?
                    .map(|_| filled(&request, &self.stream));
                self.keep(number, request);
                if let Some(Ok(Some(filled))) = filled {
                    let since = *first.get_or_insert(now);
                    if now - since >= SETTLES && !self.controls.are_any_pending() {
                        return Ok(filled);
                    }
                }
                self.idle.push_back(number);
            }
            let _looking = owner.calls_driver();
            self.look()?;
        }
        let seconds = patience.as_secs();
        Err(Cause::Silent { seconds }.into())
    }
}

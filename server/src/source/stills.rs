//! Requests for a still on their way to a camera's source: a picture in the camera's full size, which its stream may not have.
//!
//! Asking for one, and making a JPEG of it, belong to [`crate::camera`]; taking it, to the source.

use super::RawFrame;
use pistreamer_protocol::message::Reason;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A picture in a camera's full size.
pub(crate) struct Taken {
    /// The picture.
    pub(crate) frame: RawFrame,
    /// For how long the camera's stream stood still for it.
    pub(crate) paused: Duration,
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("seq", &self.frame.seq)
            .field("paused", &self.paused)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request.
pub(crate) type Outcome = Result<Taken, Reason>;

/// The request that waits for the source. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stills(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Checked for every frame, and therefore without the lock.
    is_asked: AtomicBool,
    waiting: Mutex<Option<oneshot::Sender<Outcome>>>,
    /// As they are shown, where the source takes any.
    size: Mutex<Option<(u32, u32)>>,
}

impl Stills {
    /// The size of the stills that the source takes; `None` where its pictures are as large as any.
    pub(crate) fn size(&self) -> Option<(u32, u32)> {
        // Nothing panics while it holds this lock.
        *self.0.size.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the size of the stills that the source takes.
    pub(crate) fn offer(&self, size: Option<(u32, u32)>) {
        *self.0.size.lock().unwrap_or_else(PoisonError::into_inner) = size;
    }

    fn waiting(&self) -> MutexGuard<'_, Option<oneshot::Sender<Outcome>>> {
        // Nothing panics while it holds this lock.
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the source for one. A request that waits already gets none then. What is returned ends without an outcome where the
    /// source fails over it; dropping it withdraws the request.
    pub(crate) fn ask(&self) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        *self.waiting() = Some(sender);
        self.0.is_asked.store(true, Ordering::Release);
        outcome
    }

    /// Whether one is asked for. Cheap.
    pub(super) fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::Acquire)
    }

    /// Takes the request, unless it was withdrawn.
    pub(super) fn take(&self) -> Option<oneshot::Sender<Outcome>> {
        let mut waiting = self.waiting();
        self.0.is_asked.store(false, Ordering::Release);
        waiting.take().filter(|waiting| !waiting.is_closed())
    }
}

/// A still that a source is to take, from the moment at which its stream stops for it. Dropping it says that the source failed.
#[derive(Debug)]
pub(crate) struct Request {
    outcome: oneshot::Sender<Outcome>,
    began: Instant,
}

impl Request {
    /// The one with that way back, for which the stream stops now.
    pub(super) fn new(outcome: oneshot::Sender<Outcome>) -> Self {
        Self {
            outcome,
            began: Instant::now(),
        }
    }

    /// Answers with the picture, or why there is none, once the stream is back.
    pub(crate) fn answer(self, picture: Result<RawFrame, Reason>) {
        let paused = self.began.elapsed();
        // Whoever asked may have left.
        let _ = self
            .outcome
            .send(picture.map(|frame| Taken { frame, paused }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_was_withdrawn_is_not_carried_out() {
        let stills = Stills::default();
        assert!(!stills.is_asked() && stills.take().is_none());
        drop(stills.ask());
        assert!(stills.is_asked());
        assert!(stills.take().is_none());
        let mut outcome = stills.ask();
        let request = Request::new(stills.take().unwrap());
        assert!(!stills.is_asked());
        request.answer(Err("no memory".into()));
        assert_eq!(outcome.try_recv().unwrap().err(), Some("no memory".into()));
        // A source that fails drops it.
        let mut outcome = stills.ask();
        drop(Request::new(stills.take().unwrap()));
        assert_eq!(
            outcome.try_recv().err(),
            Some(oneshot::error::TryRecvError::Closed)
        );
    }
}

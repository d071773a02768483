//! A camera's frames as a stream.
//!
//! Reading the socket belongs to [`crate::link`], what it tells to [`crate::event`].

use crate::event::{Event, Frame, Stats};
use crate::inbox::Inbox;
use crate::{Config, Error, link};
use futures::Stream;
use futures::future::poll_fn;
use pistreamer_protocol::message::ControlValue;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// A camera's newest frames: a [`Stream`] of them, and of the error that ended it.
///
/// The stream waits where there is no connection, and no picture: [`Self::event`] tells that too, and why.
///
/// A task on the tokio runtime in which it was started reads the socket, so that pings are answered and the newest frame
/// is here even while the caller is busy. Dropping the subscription ends the task and the connection.
#[derive(Debug)]
pub struct Subscription {
    inbox: Arc<Inbox>,
    reader: JoinHandle<()>,
}

impl Subscription {
    /// Begins to connect and returns at once.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(config: Config) -> Self {
        let inbox = Arc::new(Inbox::default());
        let reader = tokio::spawn(link::run(config, Arc::clone(&inbox)));
        Self { inbox, reader }
    }

    /// What happens next, frame or not; `None` once the subscription has ended. Cancel-safe.
    ///
    /// Events that arrive while no caller waits replace older ones of their kind. Those that are no frames are let go
    /// while the subscription is read as a [`Stream`].
    ///
    /// # Errors
    /// What ended the subscription; `None` follows.
    pub async fn event(&mut self) -> Option<Result<Event, Error>> {
        poll_fn(|cx| self.inbox.poll_take(cx, |_| true)).await
    }

    /// Has no frames sent for a while. The connection stays, and so does what is told of the camera's state.
    pub fn pause(&mut self) {
        self.inbox.pause(true);
    }

    /// Has frames sent again, from the newest one on.
    pub fn resume(&mut self) {
        self.inbox.pause(false);
    }

    /// Sets one of the camera's controls, as soon as there is a connection; a newer value takes the place of an older one. What
    /// the camera makes of it is told by [`Event::Status`]. `confirmed` says that a value is meant that has to be confirmed.
    pub fn set(&mut self, name: String, value: ControlValue, confirmed: bool) {
        self.inbox.set(name, value, confirmed);
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.inbox.stats()
    }
}

impl Stream for Subscription {
    type Item = Result<Frame, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let is_frame = |event: &Event| matches!(event, Event::Frame(_));
            match ready!(self.inbox.poll_take(cx, is_frame)) {
                Some(Ok(Event::Frame(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

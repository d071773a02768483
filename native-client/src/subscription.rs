//! A camera's frames as a stream.
//!
//! Reading the socket belongs to [`crate::link`], what it tells to [`crate::event`].

use crate::event::{Event, Frame, Stats};
use crate::inbox::{Command, Inbox};
use crate::{Config, Error, link};
use futures::Stream;
use futures::future::poll_fn;
use pistreamer_protocol::message::ControlValues;
#[cfg(doc)]
use pistreamer_protocol::message::Hello;
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

    /// Sets several of the camera's controls together; a newer value takes the place of an older one that is not sent yet. Returns
    /// the id of the [`Event::Answer`], which servers give that say so in [`Hello::sets`]; the others tell by [`Event::Status`]
    /// what the camera has made of it. `confirmed` says that values are meant that have to be confirmed.
    ///
    /// What is set while there is no connection is let go.
    pub fn set(&mut self, values: ControlValues, confirmed: bool) -> u64 {
        self.inbox.command(Command::Set { values, confirmed })
    }

    /// Resets those of the camera's controls, or all, to what the camera starts with, where the server says [`Hello::sets`].
    /// Returns the id of the [`Event::Answer`].
    pub fn reset(&mut self, names: Option<Vec<String>>) -> u64 {
        self.inbox.command(Command::Reset { names })
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

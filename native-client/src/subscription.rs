//! A camera's frames as a stream.
//!
//! Reading the socket is the business of [`crate::link`]; this is what the caller holds.

use crate::inbox::Inbox;
use crate::{Config, Error, link};
use bytes::Bytes;
use futures::Stream;
use futures::future::poll_fn;
use pistreamer_protocol::message::{CameraStatus, Hello};
use pistreamer_protocol::{Stamp, WireFormat};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

/// One picture.
#[derive(Clone)]
#[non_exhaustive]
pub struct Frame {
    /// Number, capture time and camera, as the camera's server stamped them.
    pub stamp: Stamp,
    /// The JPEG, stamp included.
    pub jpeg: Bytes,
    /// The wire format that it came in.
    pub wire: WireFormat,
}

impl Frame {
    /// When it was captured, by the clock of the machine that stamped it.
    pub fn captured_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.stamp.captured_us)
    }

    /// How old it is, where that clock and this machine's agree; zero where it seems to come from the future.
    pub fn age(&self) -> Duration {
        self.captured_at().elapsed().unwrap_or_default()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("stamp", &self.stamp)
            .field("jpeg", &format_args!("{} bytes", self.jpeg.len()))
            .field("wire", &self.wire)
            .finish()
    }
}

/// What a subscription can tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The newest frame.
    Frame(Frame),
    /// A connection begins. Its camera, size and state.
    Hello(Box<Hello>),
    /// The camera's state changed.
    Status(CameraStatus),
    /// A message held no whole, stamped JPEG within the limit. How many did is in [`Stats::corrupt`].
    Corrupt,
    /// A connection could not be made, or ended. The next attempt follows by itself.
    Lost {
        /// Why.
        error: Error,
        /// The pause before the next attempt.
        retry_in: Duration,
    },
}

/// Sums since the subscription began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Whole frames that arrived.
    pub received: u64,
    /// Messages that were no whole, stamped JPEG within the limit.
    pub corrupt: u64,
    /// Frames that a newer one overtook here, before the caller took them.
    pub overtaken: u64,
    /// Frames that the server says it left out.
    pub skipped: u64,
    /// Connections that came about.
    pub connections: u64,
}

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
    /// Events that arrive while nobody waits here replace older ones of their kind. Those that are no frames are let go
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

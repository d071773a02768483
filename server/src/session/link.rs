//! A WebSocket on which frames are written without a copy and that is read all the time: tungstenite reads and speaks, frames
//! go straight to the socket between its messages.
//!
//! Nothing here waits: what the socket doesn't take is kept, and [`Link::poll_send`] goes on with it. What is said, and when,
//! belongs to [`super`].

use crate::form::{self, Kept};
use crate::hub::Frame;
use crate::util::token_bucket::TokenBucket;
use futures::{SinkExt, StreamExt};
use pistreamer_client::violation;
use pistreamer_protocol::WireFormat;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Largest message that a viewer may send: control messages are some dozens of bytes.
const INBOUND_LIMIT: usize = 64 << 10;

/// Bytes read at once: several control messages. The library fills as many with zeros each time that it looks whether a
/// viewer said something, which is twice for each frame; with 4 KiB, that was half of a session's instructions. Near its end,
/// which few messages reach, a read is cut short and needs another one.
const READ_AT_ONCE: usize = 1 << 10;

/// Most bytes of messages that wait for a slow viewer. Answers beyond them are left out; pongs beyond them give way to the
/// newest one (RFC 6455 §5.5.3).
const OUTBOUND_LIMIT: usize = 64 << 10;

/// Messages a second: an ack for each of 240 frames, pings, and as much again.
const RATE: u32 = 500;

/// Messages at once.
const BURST: u32 = 200;

/// One viewer's WebSocket.
#[derive(Debug)]
pub struct Link<S> {
    socket: WebSocketStream<Gate<S>>,
    /// The frame that is being sent, of which the socket may have taken nothing yet.
    outgoing: Option<Outgoing>,
    /// A message may not have left tungstenite yet.
    unflushed: bool,
    /// How much the viewer may say. What it says beyond that waits where it is, in the viewer's own socket.
    allowance: TokenBucket,
    /// The viewer has said more than it may, and is not read until then.
    deaf_until: Option<Instant>,
    /// Since when the socket has taken nothing of what waits for it.
    stuck_since: Option<Instant>,
}

#[derive(Debug)]
struct Outgoing {
    frame: Arc<Frame>,
    wire: WireFormat,
    /// What the viewer keeps that it was sent before.
    kept: Kept,
    /// Bytes of header and body that the socket has taken.
    sent: usize,
    /// The socket didn't take its first byte at once.
    waited: bool,
}

/// The progress of sending.
#[derive(Debug)]
pub(super) enum Sent {
    /// The socket took the first bytes of a frame's message; the number is the message's length.
    Begun(Arc<Frame>, usize),
    /// The socket took all of a frame; the number is the length of its body.
    Frame(Arc<Frame>, usize),
    /// Nothing is left to send.
    All,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Takes over an upgraded connection, with what was read beyond the upgrade.
    pub async fn new(stream: S, read: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .write_buffer_size(0)
            .max_write_buffer_size(OUTBOUND_LIMIT)
            .max_message_size(Some(INBOUND_LIMIT))
            .max_frame_size(Some(INBOUND_LIMIT));
        let gate = Gate {
            stream,
            shut: false,
        };
        Self {
            socket: WebSocketStream::from_partially_read(gate, read, Role::Server, Some(config))
                .await,
            outgoing: None,
            unflushed: false,
            allowance: TokenBucket::new(RATE, BURST),
            deaf_until: None,
            stuck_since: None,
        }
    }

    /// The viewer's next message, also while a frame is stuck; `None` once it is gone.
    pub(super) fn poll_hear(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if self.deaf_until.is_some() {
            return Poll::Pending;
        }
        let heard = ready!(self.socket.poll_next_unpin(cx));
        if let Some(Ok(Message::Ping(_) | Message::Close(_))) = heard {
            // Tungstenite has an answer ready.
            self.unflushed = true;
        }
        let now = Instant::now();
        self.allowance.spend(now);
        if self.allowance.is_spent(now) {
            self.deaf_until = Some(now + self.allowance.wait(now));
        }
        Poll::Ready(heard)
    }

    /// Until when the viewer is not read. That it is over is for [`Self::listen`] to be told.
    pub(super) fn deaf_until(&self) -> Option<Instant> {
        self.deaf_until
    }

    /// Reads the viewer again where it is time.
    pub(super) fn listen(&mut self, now: Instant) {
        self.deaf_until.take_if(|until| *until <= now);
    }

    /// Sends a message that is not a frame, after the frame that is being sent. An answer beyond what may wait is left out.
    pub(super) fn say(&mut self, message: Message) -> Result<(), Error> {
        self.unflushed = true;
        match self.socket.start_send_unpin(message) {
            Err(Error::WriteBufferFull(_)) => Ok(()),
            said => said,
        }
    }

    /// Sends a frame next. For when nothing else is being sent.
    pub(super) fn send_frame(&mut self, frame: Arc<Frame>, wire: WireFormat, kept: Kept) {
        self.outgoing = Some(Outgoing {
            frame,
            wire,
            kept,
            sent: 0,
            waited: false,
        });
    }

    /// Gives up a frame of which the socket has taken nothing.
    pub(super) fn withdraw_frame(&mut self) {
        self.outgoing.take_if(|outgoing| outgoing.sent == 0);
    }

    /// Whether something waits for the socket.
    pub(super) fn is_sending(&self) -> bool {
        self.unflushed || self.outgoing.is_some()
    }

    /// Since when the socket has taken nothing, where something waits for it.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }

    /// Hands to the socket what it takes. A frame whose first byte has to wait gives way to a `newer` one.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        newer: impl FnOnce() -> Option<Arc<Frame>>,
    ) -> Poll<Result<Sent, Error>> {
        let sent = self.poll_step(cx, newer);
        match sent {
            Poll::Ready(_) => self.stuck_since = None,
            Poll::Pending => {
                self.stuck_since.get_or_insert_with(Instant::now);
            }
        }
        sent
    }

    /// What the viewer keeps, for a frame of which nothing is on its way.
    pub(super) fn keeps(&mut self, kept: Kept) {
        if let Some(outgoing) = self.outgoing.as_mut().filter(|it| it.sent == 0) {
            outgoing.kept = kept;
        }
    }

    fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        newer: impl FnOnce() -> Option<Arc<Frame>>,
    ) -> Poll<Result<Sent, Error>> {
        if !self.socket.get_ref().shut && self.unflushed {
            // After a flush tungstenite holds nothing back, so its messages and our frames cannot mix.
            ready!(self.socket.poll_flush_unpin(cx))?;
            // A pong that found no room among the others has it now.
            ready!(self.socket.poll_flush_unpin(cx))?;
            self.unflushed = false;
        }
        let Some(outgoing) = &mut self.outgoing else {
            return Poll::Ready(Ok(Sent::All));
        };
        if outgoing.waited
            && outgoing.sent == 0
            && let Some(newer) = newer()
        {
            outgoing.frame = newer;
        }
        let payload = form::payload(&outgoing.frame, outgoing.wire, outgoing.kept);
        let (header, body) = (payload.header(), payload.body());
        let body_len = body.len();
        let gate = self.socket.get_mut();
        let stream = &mut gate.stream;
        while outgoing.sent < header.len() + body.len() {
            let head = IoSlice::new(header.get(outgoing.sent..).unwrap_or_default());
            let tail = IoSlice::new(&body[outgoing.sent.saturating_sub(header.len())..]);
            let first = outgoing.sent == 0;
            match Pin::new(&mut *stream).poll_write_vectored(cx, &[head, tail]) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(Error::Io(io::ErrorKind::WriteZero.into())));
                }
                Poll::Ready(written) => outgoing.sent += written?,
                Poll::Pending => {
                    outgoing.waited = true;
                    return Poll::Pending;
                }
            }
            self.stuck_since = None;
            if first {
                gate.shut = true;
                let len = header.len() + body.len();
                return Poll::Ready(Ok(Sent::Begun(Arc::clone(&outgoing.frame), len)));
            }
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        gate.shut = false;
        let done = self.outgoing.take();
        Poll::Ready(Ok(
            done.map_or(Sent::All, |done| Sent::Frame(done.frame, body_len))
        ))
    }

    /// Sends what is left of a frame that the viewer has a part of, and what was said before it. For the caller to bound in time.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        self.withdraw_frame();
        while !matches!(poll_fn(|cx| self.poll_send(cx, || None)).await?, Sent::All) {}
        Ok(())
    }

    /// Tells a viewer that broke the WebSocket protocol what it did wrong.
    pub(super) async fn reproach(&mut self, error: &Error) {
        violation::close(&mut self.socket, error).await;
    }

    /// Says goodbye and waits until the viewer has said so too: a socket closed before all of its input is read would
    /// take the goodbye back. For the caller to bound in time.
    pub(super) async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Error> {
        self.socket
            .close(Some(CloseFrame {
                code: CloseCode::from(code),
                reason: reason.into(),
            }))
            .await?;
        while let Some(message) = self.socket.next().await {
            message?;
        }
        Ok(())
    }
}

/// What tungstenite writes through. Shut while a part of a frame is sent and the rest is not: whatever tungstenite says goes
/// on waiting in its buffer, and it reads on.
#[derive(Debug)]
struct Gate<S> {
    stream: S,
    shut: bool,
}

impl<S: AsyncRead + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.shut {
            // The end of the frame flushes.
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.shut {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;

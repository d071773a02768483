//! A WebSocket on which frames are written without a copy: tungstenite reads and speaks, frames go straight to the
//! socket between its messages.
//!
//! What is said, and when, belongs to [`super`].

use crate::hub::Payload;
use futures::{SinkExt, StreamExt};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Largest message that a viewer may send: control messages are some dozens of bytes.
const INBOUND_LIMIT: usize = 64 << 10;

/// Most bytes of control messages that wait for a slow viewer before it counts as gone.
const OUTBOUND_LIMIT: usize = 64 << 10;

/// One viewer's WebSocket.
#[derive(Debug)]
pub struct Link<S> {
    socket: WebSocketStream<S>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Takes over an upgraded connection, with what was read beyond the upgrade.
    pub async fn new(stream: S, read: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .write_buffer_size(0)
            .max_write_buffer_size(OUTBOUND_LIMIT)
            .max_message_size(Some(INBOUND_LIMIT))
            .max_frame_size(Some(INBOUND_LIMIT));
        Self {
            socket: WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config))
                .await,
        }
    }

    /// The viewer's next message; `None` once it is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        self.socket.next().await
    }

    /// Sends a message that is not a frame.
    pub async fn say(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message).await
    }

    /// Sends a frame. Not cancel-safe: the link is of no use after a send that did not end.
    pub async fn send_frame(&mut self, payload: &Payload) -> Result<(), Error> {
        // After a flush tungstenite holds nothing back, so its messages and our frames cannot mix.
        self.socket.flush().await?;
        let stream = self.socket.get_mut();
        let (header, body) = (payload.header(), payload.body());
        let mut sent = 0;
        while sent < header.len() + body.len() {
            let head = IoSlice::new(header.get(sent..).unwrap_or_default());
            let tail = IoSlice::new(&body[sent.saturating_sub(header.len())..]);
            let written =
                poll_fn(|cx| Pin::new(&mut *stream).poll_write_vectored(cx, &[head, tail])).await?;
            if written == 0 {
                return Err(Error::Io(io::ErrorKind::WriteZero.into()));
            }
            sent += written;
        }
        poll_fn(|cx| Pin::new(&mut *stream).poll_flush(cx)).await?;
        Ok(())
    }

    /// Says goodbye and waits until the viewer has said so too: a socket closed before all of its input is read would
    /// take the goodbye back. For the caller to bound in time.
    pub async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Error> {
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

//! What is said to a peer that breaks the WebSocket protocol (RFC 6455 §7.1.7): why, in a close frame.
//!
//! Messages that break pistreamer's own protocol are answered by their readers.

use pistreamer_protocol::message::LONGEST_MESSAGE;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// For last words, whether they are heard or not.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most bytes that are read of what a peer still says.
const REST: usize = 1 << 20;

/// The close code for an error that is the peer's fault and that it can still be told of.
pub fn close_code(error: &Error) -> Option<CloseCode> {
    match error {
        Error::Protocol(
            ProtocolError::ResetWithoutClosingHandshake
            | ProtocolError::ReceivedAfterClosing
            | ProtocolError::SendAfterClosing
            | ProtocolError::HandshakeIncomplete,
        ) => None,
        Error::Protocol(_) => Some(CloseCode::Protocol),
        Error::Utf8(_) => Some(CloseCode::Invalid),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(CloseCode::Size),
        _ => None,
    }
}

/// The error that a text message is, where it is longer than any may be. Frames may be longer, so that the socket doesn't
/// know.
///
/// # Errors
/// Where it is too long.
pub fn check_text(text: &str) -> Result<(), Error> {
    if text.len() > LONGEST_MESSAGE {
        return Err(Error::Capacity(CapacityError::MessageTooLong {
            size: text.len(),
            max_size: LONGEST_MESSAGE,
        }));
    }
    Ok(())
}

/// Tells the peer what it did wrong, where the error is its fault. Takes a second at most; the connection is of no use
/// afterwards.
pub async fn close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    error: &Error,
) {
    let Some(code) = close_code(error) else {
        return;
    };
    let reason = match code {
        CloseCode::Invalid => "a text is not UTF-8",
        CloseCode::Size => "a message is too long",
        _ => "a frame breaks RFC 6455",
    };
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let goodbye = async {
        socket.close(Some(frame)).await?;
        // A socket that is closed before all of its input is read would take the goodbye back.
        let stream = socket.get_mut();
        stream.shutdown().await?;
        let mut rest = stream.take(REST as u64);
        let mut piece = [0; 4096];
        while rest.read(&mut piece).await? > 0 {}
        Ok::<_, Error>(())
    };
    // Whether it was heard makes no difference any more.
    drop(timeout(PATIENCE, goodbye).await);
}

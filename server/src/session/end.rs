//! Why a session ends, and the close message that its viewer gets.

use super::link::Link;
use pistreamer_client::violation;
use pistreamer_protocol::message::{
    self, CLOSE_BAD_MESSAGE, CLOSE_CAMERA_REMOVED, CLOSE_SIGNED_OUT, Cause, ServerMessage,
};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The viewer left, or its connection broke.
    #[error("the viewer left")]
    Left,
    /// The viewer broke the WebSocket protocol.
    #[error("the viewer broke the WebSocket protocol: {0}")]
    Violation(Error),
    /// The viewer's socket accepted nothing for the send timeout, or the viewer answered nothing.
    #[error("the viewer read nothing for {0:?}")]
    Stalled(Duration),
    /// The viewer said something that is not a message.
    #[error("{0}")]
    BadMessage(#[from] message::MessageError),
    /// The server stops.
    #[error("the server stops")]
    Shutdown,
    /// The viewer may not look any longer.
    #[error("the viewer's key was changed, or its ticket is over")]
    SignedOut,
    /// Another viewer has its place.
    #[error("the server is full, and this place was given to another viewer")]
    Evicted,
    /// An administrator ended its connection.
    #[error("an administrator ended the connection")]
    Ended,
    /// Its camera was removed.
    #[error("the camera was removed")]
    Removed,
}

/// Why a session has to end that could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The server stops.
    Shutdown,
    /// The viewer may not look any longer.
    SignedOut,
    /// Another connection got its place.
    Evicted,
    /// An administrator ended its connection.
    Ended,
    /// Its camera was removed.
    Removed,
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Shutdown => Self::Shutdown,
            Stop::SignedOut => Self::SignedOut,
            Stop::Evicted => Self::Evicted,
            Stop::Ended => Self::Ended,
            Stop::Removed => Self::Removed,
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match violation::close_code(&error) {
            Some(_) => Self::Violation(error),
            None => Self::Left,
        }
    }
}

/// Close code of a server that stops, RFC 6455 §7.4.1.
const CLOSE_GOING_AWAY: u16 = 1001;

/// Close code of a server that has too many viewers, in the registry of RFC 6455 §11.7.
const CLOSE_TRY_AGAIN_LATER: u16 = 1013;

/// A viewer that doesn't listen any more must not hold up the server's end.
const PATIENCE: Duration = Duration::from_secs(1);

/// A frame that is nearly through is let through, for the close code that can follow it. One that is stuck is cut off.
const MOMENT: Duration = Duration::from_millis(50);

/// Closes the connection in good order if the viewer can still be reached.
pub(super) async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(link: &mut Link<S>, end: &End) {
    let (patience, close) = match end {
        // It closed the connection itself, and tungstenite answers it.
        End::Left => (PATIENCE, None),
        End::Stalled(_) => return,
        End::Violation(_) => (PATIENCE, None),
        End::Shutdown => (MOMENT, Some((CLOSE_GOING_AWAY, "the server stops"))),
        End::SignedOut => (MOMENT, Some((CLOSE_SIGNED_OUT, "signed out"))),
        End::Evicted => (
            PATIENCE,
            Some((CLOSE_TRY_AGAIN_LATER, "another viewer got this place")),
        ),
        // It may come back, unless its key or session ends, too.
        End::Ended => (MOMENT, Some((CLOSE_TRY_AGAIN_LATER, ""))),
        End::Removed => (
            PATIENCE,
            Some((CLOSE_CAMERA_REMOVED, "the camera was removed")),
        ),
        End::BadMessage(_) => (PATIENCE, Some((CLOSE_BAD_MESSAGE, "malformed message"))),
    };
    let goodbye = async {
        if !matches!(timeout(patience, link.finish()).await, Ok(Ok(()))) {
            return false;
        }
        let cause = match end {
            End::Violation(error) => {
                link.reproach(error).await;
                return true;
            }
            End::BadMessage(error) => Some(Cause::BadMessage {
                problem: error.problem.clone(),
            }),
            End::Removed => Some(Cause::CameraRemoved),
            _ => None,
        };
        if let Some(cause) = cause {
            let error = ServerMessage::error(cause);
            if link.say(Message::text(error.to_json())).is_err() {
                return false;
            }
        }
        match close {
            Some((code, reason)) => {
                let closing = timeout(PATIENCE, link.close(code, reason));
                matches!(closing.await, Ok(Ok(())))
            }
            None => true,
        }
    };
    if !goodbye.await {
        tracing::debug!("the viewer disconnected before the closing handshake");
    }
}

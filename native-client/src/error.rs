//! Why a connection could not be made, or ended, and whether another attempt can help.

use crate::Endpoint;
use pistreamer_protocol::jpeg;
use pistreamer_protocol::message::{Cause, Reason};
use std::io;
use std::time::Duration;
use tokio_tungstenite::tungstenite;

/// Why a connection could not be made, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing listens there, or TLS fails.
    #[error("cannot reach {address}: {error}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The server answered, but not with a WebSocket.
    #[error("{address} refused with status {status}: {text}")]
    Refused {
        /// Host and port.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its answer.
        text: String,
        /// The same with its code, where it has one.
        cause: Option<Box<Reason>>,
    },
    /// The server did not take the one-time code of a link.
    #[error(
        "{address} does not take the code of this link (status {status}): {text}; a program that is to connect again after a \
         restart needs a key, as in http://camera:KEY@{address}"
    )]
    CodeRefused {
        /// Host and port.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of its answer.
        text: String,
    },
    /// The server redirects to another address.
    #[error("{address} is not where it is: it sends on to {location}; give that address")]
    Elsewhere {
        /// Host and port.
        address: String,
        /// Where it sends to.
        location: String,
    },
    /// The server speaks TLS, and was asked without.
    #[error("{address} encrypts: use https:// or wss:// rather than http:// or ws://")]
    Encrypts {
        /// Host and port.
        address: String,
    },
    /// Something answered that is no pistreamer's WebSocket, such as a page, a picture, or a stream of another kind.
    #[error(
        "{address} answers, but not with a WebSocket: give the address at which the viewer is seen, such as \
         http://raspberrypi.local:8000"
    )]
    NotWebSocket {
        /// Host and port.
        address: String,
    },
    /// The server closed the connection, and why where it said so.
    #[error("{address} closed the connection: {reason}")]
    Closed {
        /// Host and port.
        address: String,
        /// Code and reason of the close frame.
        reason: String,
    },
    /// Nothing arrived in time.
    #[error("{address} has been silent for {} s", .silence.as_secs_f64())]
    Silent {
        /// Host and port.
        address: String,
        /// The timeout.
        silence: Duration,
    },
    /// The connection broke, or the server broke the WebSocket protocol.
    #[error("the connection to {address} broke: {error}")]
    Broken {
        /// Host and port.
        address: String,
        /// What is wrong.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is to be sent is no JPEG.
    #[error("the frame is no JPEG: {0}")]
    NotJpeg(jpeg::JpegError),
}

impl Error {
    pub(crate) fn broken(endpoint: &Endpoint, error: tungstenite::Error) -> Self {
        Self::Broken {
            address: endpoint.to_string(),
            error: Box::new(error),
        }
    }

    /// The same as a camera's reason has it, with its code.
    pub fn reason(&self) -> Reason {
        let cause = match self {
            Self::Unreachable { address, error } => Cause::OriginUnreachable {
                address: address.clone(),
                error: error.to_string(),
            },
            Self::Refused {
                address,
                status,
                text,
                cause,
            } => {
                let refused = Reason::from(Cause::OriginRefused {
                    address: address.clone(),
                    status: (*status).into(),
                    answer: text.clone(),
                });
                return match cause {
                    Some(said) => refused.quoting("answer", said),
                    None => refused,
                };
            }
            Self::CodeRefused {
                address,
                status,
                text,
            } => Cause::OriginRefusedCode {
                address: address.clone(),
                status: (*status).into(),
                answer: text.clone(),
            },
            Self::Elsewhere { address, location } => Cause::OriginElsewhere {
                address: address.clone(),
                location: location.clone(),
            },
            Self::Encrypts { address } => Cause::OriginEncrypts {
                address: address.clone(),
            },
            Self::NotWebSocket { address } => Cause::OriginNoWebSocket {
                address: address.clone(),
            },
            Self::Closed { address, reason } => Cause::OriginClosed {
                address: address.clone(),
                why: reason.clone(),
            },
            Self::Silent { address, silence } => Cause::OriginSilent {
                address: address.clone(),
                seconds: silence.as_secs_f64(),
            },
            Self::Broken { address, error } => Cause::OriginBroke {
                address: address.clone(),
                error: error.to_string(),
            },
            // No camera's reason.
            Self::NotJpeg(_) => return self.to_string().into(),
        };
        cause.into()
    }

    /// What broke the connection.
    pub(crate) fn broke(&self) -> Option<&tungstenite::Error> {
        match self {
            Self::Broken { error, .. } => error.downcast_ref(),
            _ => None,
        }
    }

    pub(crate) fn silent(endpoint: &Endpoint, silence: Duration) -> Self {
        Self::Silent {
            address: endpoint.to_string(),
            silence,
        }
    }

    pub(crate) fn closed(endpoint: &Endpoint, reason: String) -> Self {
        Self::Closed {
            address: endpoint.to_string(),
            reason,
        }
    }

    /// Whether the next attempt would end the same way, where there has been no connection yet or where there has.
    pub(crate) fn is_final(&self, is_first: bool) -> bool {
        match self {
            Self::Refused { status, .. } | Self::CodeRefused { status, .. } => match status {
                401 | 403 => true,
                // Later, as the server says itself.
                408 | 409 | 425 | 429 => false,
                _ => is_first && (400..500).contains(status),
            },
            Self::NotWebSocket { .. } | Self::Elsewhere { .. } | Self::Encrypts { .. } => is_first,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_code_and_the_values_of_the_one_who_refuses() {
        let header = r#"{"cause":"needs-key","values":{"command":"pistreamer key"}}"#;
        let error = Error::Refused {
            address: "cam:8000".into(),
            status: 401,
            text: "this camera needs a key".into(),
            cause: Reason::of_header(header).map(Box::new),
        };
        let reason = error.reason();
        assert_eq!(reason.text, error.to_string());
        assert_eq!(reason.cause, "origin-refused");
        let value = |name: &str| reason.values.get(name).cloned();
        assert_eq!(value("answer.cause"), Some("needs-key".into()));
        assert_eq!(value("answer.command"), Some("pistreamer key".into()));
        assert_eq!(value("answer"), Some("this camera needs a key".into()));
        for bad in ["", "{}", "{\"cause\":7}", "[]"] {
            assert_eq!(Reason::of_header(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_reason_has_the_words_of_the_error() {
        let address = || "cam:8000".to_owned();
        let errors = [
            Error::Unreachable {
                address: address(),
                error: io::Error::other("no route"),
            },
            Error::Refused {
                address: address(),
                status: 503,
                text: "full".into(),
                cause: None,
            },
            Error::CodeRefused {
                address: address(),
                status: 401,
                text: "used".into(),
            },
            Error::Elsewhere {
                address: address(),
                location: "/there".into(),
            },
            Error::Encrypts { address: address() },
            Error::NotWebSocket { address: address() },
            Error::Closed {
                address: address(),
                reason: "1001".into(),
            },
            Error::Silent {
                address: address(),
                silence: Duration::from_secs(10),
            },
            Error::Broken {
                address: address(),
                error: "reset".into(),
            },
        ];
        for error in errors {
            let reason = error.reason();
            assert_eq!(reason.text, error.to_string());
            assert!(reason.cause.starts_with("origin-"), "{reason:?}");
        }
    }
}

//! One connection to a camera, for requests and responses: HTTP/1.1 as far as cameras need it.
//!
//! Requests belong to `get`, parsing to `head` and `body`.

use super::SourceError;
use axum::http::header;
use bytes::{Bytes, BytesMut};
use pistreamer_client::dial::Stream;
use pistreamer_network_camera::body::{Body, Piece};
use pistreamer_network_camera::head::{Found, Framing, Head, HeadError};
use pistreamer_protocol::message::Cause;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Bytes that are read at once.
const READ_AT_ONCE: usize = 64 << 10;

/// Maximum number of interim responses (RFC 9110 §15.2) that are skipped.
const INFORMATIONAL: usize = 16;

/// A connection on which no response is in progress.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// Received bytes that have not been consumed.
    came: BytesMut,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// The connection ended before the first byte of a response.
    #[error("it closed the connection without a response")]
    Closed,
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are no response.
    #[error(transparent)]
    Wrong(#[from] HeadError),
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            came: BytesMut::new(),
        }
    }

    /// Writes a request and reads the head of the response.
    ///
    /// # Errors
    /// Where there is none.
    pub(super) async fn ask(mut self, request: &[u8]) -> Result<Response, RequestError> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        let mut passed_over = 0;
        loop {
            if let Found::Head(head, len) = Head::read(&self.came)? {
                let _ = self.came.split_to(len);
                if head.status.is_informational() && passed_over < INFORMATIONAL {
                    passed_over += 1;
                    continue;
                }
                return Ok(Response {
                    body: Body::new(head.framing()),
                    head,
                    wire: self,
                    ahead: BytesMut::new(),
                });
            }
            if !self.read().await? {
                return Err(if self.came.is_empty() {
                    RequestError::Closed
                } else {
                    HeadError::NotHttp.into()
                });
            }
        }
    }

    /// Reads what arrives. Returns true if the connection goes on. Cancel-safe.
    async fn read(&mut self) -> io::Result<bool> {
        self.came.reserve(READ_AT_ONCE);
        match self.stream.read_buf(&mut self.came).await {
            Ok(bytes) => Ok(bytes > 0),
            // Cameras end TLS without saying so.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A response, whose body may be in progress.
#[derive(Debug)]
pub(super) struct Response {
    pub head: Head,
    body: Body,
    wire: Wire,
    /// Bytes of the body that were peeked at.
    ahead: BytesMut,
}

impl Response {
    /// How many bytes the body has, where the head says so.
    pub(super) fn length(&self) -> Option<u64> {
        match self.head.framing() {
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        }
    }

    /// Whether the head gives a length that is none.
    pub(super) fn has_bad_length(&self) -> bool {
        self.head.headers.contains_key(header::CONTENT_LENGTH)
            && self.head.framing() == Framing::UntilClose
    }

    /// At least that many bytes of the body behind line ends and blanks at its beginning, or all that there are. Nothing is
    /// taken of it. Cancel-safe.
    pub(super) async fn beginning(&mut self, bytes: usize) -> Result<&[u8], SourceError> {
        const FAR: usize = 1024;
        loop {
            let ahead = &self.ahead[..];
            let blanks = ahead.len() - ahead.trim_ascii_start().len();
            if ahead.len() >= blanks + bytes || ahead.len() > FAR {
                return Ok(&self.ahead[blanks..]);
            }
            match self.next_piece().await? {
                Some(piece) => self.ahead.extend_from_slice(&piece),
                None => return Ok(&self.ahead[blanks..]),
            }
        }
    }

    /// The next bytes of the body; `None` at its end, which is also where the connection ends. Cancel-safe.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, SourceError> {
        if !self.ahead.is_empty() {
            return Ok(Some(self.ahead.split().freeze()));
        }
        self.next_piece().await
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, SourceError> {
        let broke = |error: &dyn std::fmt::Display| Cause::ConnectionBroke {
            error: error.to_string(),
        };
        loop {
            let piece = self.body.take(&mut self.wire.came);
            match piece.map_err(|error| broke(&error))? {
                Piece::Data(data) => return Ok(Some(data)),
                Piece::End => return Ok(None),
                Piece::More => {
                    if !self.wire.read().await.map_err(|error| broke(&error))? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// Where it has more than `limit` bytes, or the connection breaks.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, SourceError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                let most = limit as u64;
                return Err(Cause::PictureTooLarge { most }.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// The connection, if it can be reused.
    pub(super) fn into_wire(self) -> Option<Wire> {
        let ended = self.body == Body::Ended && self.head.keeps_open();
        ended.then_some(self.wire)
    }

    /// The connection once the rest of the body is read, which has at most that many bytes.
    pub(super) async fn passed_over(mut self, limit: usize) -> Option<Wire> {
        // Without a length it might never end.
        if self.length().is_none() && self.head.framing() != Framing::Chunked {
            return None;
        }
        self.whole(limit).await.ok()?;
        self.into_wire()
    }
}

/// What error pages say about TLS: the response of servers to plain requests on a port with TLS.
pub(super) fn asks_for_tls(page: &[u8]) -> bool {
    let page = String::from_utf8_lossy(page).to_ascii_lowercase();
    ["https", "ssl-enabled", "tls"]
        .iter()
        .any(|word| page.contains(word))
}

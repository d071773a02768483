//! One HTTP request over a connection of its own, for those of which there are few.
//!
//! Cameras, which are asked all the time, have a client of their own.

use bytes::BytesMut;
use pistreamer_client::{Endpoint, dial};
use pistreamer_network_camera::body::{Body, Piece};
use pistreamer_network_camera::head::{Found, Head};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Interim responses (RFC 9110 §15.2) that are passed over.
const INFORMATIONAL: usize = 16;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub head: Head,
    pub text: String,
    /// Whether all of its text was read.
    pub is_whole: bool,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// There is no connection.
    #[error(transparent)]
    Unreached(io::Error),
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is no answer.
    #[error("{0}")]
    Wrong(String),
    /// Nothing came.
    #[error("it closed the connection without an answer")]
    Closed,
}

/// Sends a request, which closes the connection. Of the answer's text it reads at most `most` bytes, for at most `reads` behind the
/// head: some servers never end it.
///
/// # Errors
/// Where there is none.
pub(crate) async fn call(
    endpoint: &Endpoint,
    request: &[u8],
    patience: Duration,
    (reads, most): (Duration, usize),
) -> Result<Answer, CallError> {
    let mut stream = dial::dial(endpoint, patience)
        .await
        .map_err(CallError::Unreached)?;
    // A server may answer before it has read all, and take no more.
    let wrote = match stream.write_all(request).await {
        Ok(()) => stream.flush().await,
        error => error,
    };
    let mut came = BytesMut::new();
    let mut passed_over = 0;
    let head = loop {
        let found = Head::read(&came).map_err(|error| CallError::Wrong(error.to_string()))?;
        if let Found::Head(head, len) = found {
            let _ = came.split_to(len);
            if head.status.is_informational() && passed_over < INFORMATIONAL {
                passed_over += 1;
                continue;
            }
            break head;
        }
        match stream.read_buf(&mut came).await {
            Ok(0) => return Err(wrote.err().map_or(CallError::Closed, CallError::Io)),
            Ok(_) => {}
            Err(error) => return Err(wrote.err().unwrap_or(error).into()),
        }
    };
    // The head says what became of the request: whatever is wrong with the text takes nothing back.
    let mut text = Vec::new();
    let reading = read_text(
        &mut stream,
        &mut came,
        Body::new(head.framing()),
        most,
        &mut text,
    );
    let is_whole = timeout(reads, reading).await.unwrap_or(false);
    Ok(Answer {
        head,
        text: String::from_utf8_lossy(&text).trim_end().into(),
        is_whole,
    })
}

/// Reads at most that many bytes into `text`. Returns false where that is not all.
async fn read_text(
    stream: &mut dial::Stream,
    came: &mut BytesMut,
    mut body: Body,
    most: usize,
    text: &mut Vec<u8>,
) -> bool {
    loop {
        match body.take(came) {
            Ok(Piece::Data(data)) => text.extend_from_slice(&data),
            Ok(Piece::End) => return true,
            // Some end TLS without saying so.
            Ok(Piece::More) => match stream.read_buf(came).await {
                Ok(0) | Err(_) => return true,
                Ok(_) => {}
            },
            Err(_) => return false,
        }
        if text.len() > most {
            text.truncate(most);
            return false;
        }
    }
}

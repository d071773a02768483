//! An answer's body as its connection sends it: what a handler made of it, or the pieces of a stream, of which none is copied.
//!
//! axum's bodies are made of bytes that lie together. A frame and what stands around it don't, and a stream of them goes past
//! axum therefore, in the answer's extensions.

use super::place::Busy;
use crate::form::Piece;
use axum::body::{Body, HttpBody};
use axum::response::Response;
use futures::stream::{BoxStream, Stream, StreamExt};
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// A stream that is sent in place of an answer's body.
#[derive(Clone)]
struct Instead(Arc<Mutex<Option<BoxStream<'static, Piece>>>>);

/// Sends these pieces in place of the answer's body, each in one write. The next one is asked for when its client has taken nearly
/// all of the one before.
pub(super) fn send_instead(
    response: &mut Response,
    pieces: impl Stream<Item = Piece> + Send + 'static,
) {
    let instead = Instead(Arc::new(Mutex::new(Some(pieces.boxed()))));
    response.extensions_mut().insert(instead);
}

/// An answer's body. While it is not sent, the connection counts as busy.
pub(super) struct Answer {
    body: Sent,
    _busy: Busy,
}

enum Sent {
    Body(Body),
    Pieces(BoxStream<'static, Piece>),
}

impl Answer {
    /// The same answer, to be sent.
    pub(super) fn of(mut response: Response, busy: Busy) -> hyper::Response<Self> {
        let instead = response.extensions_mut().remove::<Instead>();
        // Nothing panics while it holds this lock.
        let pieces = instead
            .and_then(|Instead(slot)| slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        response.map(|body| Self {
            body: match pieces {
                Some(pieces) => Sent::Pieces(pieces),
                None => Sent::Body(body),
            },
            _busy: busy,
        })
    }
}

impl HttpBody for Answer {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        Poll::Ready(match &mut self.body {
            Sent::Pieces(pieces) => {
                let piece = ready!(pieces.poll_next_unpin(cx));
                piece.map(|piece| Ok(Frame::data(piece)))
            }
            Sent::Body(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                frame.map(|frame| frame.map(|frame| frame.map_data(Piece::from)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Sent::Pieces(_) => false,
            Sent::Body(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Sent::Pieces(_) => SizeHint::default(),
            Sent::Body(body) => body.size_hint(),
        }
    }
}

//! A frame's bytes for one protocol. The first consumer that needs a form makes it for all of them, and the frame keeps it.
//!
//! What the bytes of the wire formats are is defined in `protocol/`; sending them belongs to [`crate::session`] and
//! [`crate::front`].

mod multipart;
mod websocket;

pub(crate) use multipart::{BOUNDARY, Manner, Piece, part, timestamp};
pub(crate) use websocket::payload;

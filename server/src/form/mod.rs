//! Forms of a frame: its bytes for one protocol. A form is made on first use, cached in the frame, and shared by all consumers.
//!
//! The wire formats are defined in `protocol/`; sending them belongs to [`crate::session`] and
//! [`crate::front`].

mod envelope;
mod mosaic;
mod multipart;
mod websocket;

pub(crate) use mosaic::Kept;
pub(crate) use multipart::{BOUNDARY, Manner, Piece, part, timestamp};
pub(crate) use websocket::payload;

//! A picture's strips: parts of a JPEG that can be copied into another one, so that what has not changed need not be sent again.
//!
//! A JPEG with restart intervals begins its predictions anew in each of them (T.81 E.1.4), so that the bytes of one are the same
//! wherever they stand. Where an interval is a whole part of a row of MCUs, it is a **strip**: an ordinary JPEG that was encoded so
//! is the collection of its strips, and any others can be put below each other in a **mosaic**, which is a JPEG as wide as a strip.
//! Both are made by copying bytes, and every decoder takes them. Strips are numbered from left to right and from the top to the bottom.
//!
//! * [`Cut`] is a JPEG with its strips, checked; [`Cut::whole`] puts others of the same [`Kind`] in their place.
//! * [`Tiles`] is what a mosaic shows, as its stamp tells: which strips, of how large a picture, and what they are newer than.
//! * [`Mosaic`] is a mosaic that fits what its stamp tells; [`Mosaic::write`] makes one, [`Mosaic::draws`] says where its rows go,
//!   [`Mosaic::onto`] makes a whole picture with it, and [`Mosaic::after`] one mosaic of two.
//! * [`Separators`] makes rows that are drawn nowhere, for decoders that mix the colours of neighbouring rows.
//!
//! ```
//! # fn show(whole: &[u8], message: &[u8]) -> Result<Vec<u8>, pistreamer_protocol::strips::StripsError> {
//! use pistreamer_protocol::strips::{Cut, Mosaic};
//!
//! let Some(mosaic) = Mosaic::read(message)? else {
//!     return Ok(message.to_vec()); // A whole picture.
//! };
//! mosaic.onto(&Cut::read(whole)?)
//! # }
//! ```
//!
//! Which strips have changed, and when which viewer is sent what, is no matter of these bytes.

mod cut;
mod mosaic;
mod separator;
mod tiles;

pub use cut::{Cut, Kind};
pub use mosaic::{Draw, Mosaic};
pub use separator::Separators;
pub use tiles::{MAX_LINES, Run, Tiles};

use crate::jpeg::JpegError;

/// Why a JPEG has no strips, or strips do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StripsError {
    /// It is not one whole JPEG.
    #[error(transparent)]
    Jpeg(#[from] JpegError),
    /// It is a JPEG that has no strips, or whose strips mean something only within it.
    #[error("its strips cannot be taken out: {why}")]
    Uncut {
        /// What is missing or special about it.
        why: &'static str,
    },
    /// A restart marker is missing, out of order, or one too many.
    #[error("byte {at} is not where a strip ends")]
    BadRestart {
        /// Offset of the byte.
        at: usize,
    },
    /// What its stamp tells of its strips does not follow the grammar.
    #[error("its stamp is not understood: {why}")]
    BadStamp {
        /// What is wrong.
        why: &'static str,
    },
    /// What its stamp tells does not fit the picture.
    #[error("its stamp does not fit it: {why}")]
    Unfit {
        /// What is wrong.
        why: &'static str,
    },
    /// Two of them do not go together: other tables, sizes or strips, or something is missing between them.
    #[error("they do not go together: {why}")]
    Unlike {
        /// How they differ.
        why: &'static str,
    },
}

fn uncut<T>(why: &'static str) -> Result<T, StripsError> {
    Err(StripsError::Uncut { why })
}

fn unfit<T>(why: &'static str) -> Result<T, StripsError> {
    Err(StripsError::Unfit { why })
}

fn unlike<T>(why: &'static str) -> Result<T, StripsError> {
    Err(StripsError::Unlike { why })
}

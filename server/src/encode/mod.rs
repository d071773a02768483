//! Raw frame → stamped JPEG, on a pool of threads.
//!
//! Each picture is made once in each size that has consumers, and in no other. Producing frames
//! belongs to [`crate::source`], handing them out to [`crate::hub`].

mod jpeg;
mod making;
mod placard;
mod pool;
mod restarts;
mod scale;
mod still;
mod strips;
mod turn;

pub(crate) use jpeg::EncodeError;
pub use jpeg::JpegEncoder;
pub(crate) use placard::{has_letters_for, placard};
pub use pool::Pool;
pub(crate) use still::still;

use crate::source::Pauses;
use bytes::Bytes;
use pistreamer_picture::TurnError;
use pistreamer_protocol::DEFAULT_FRAME_LIMIT;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::Reason;
use pistreamer_protocol::strips::StripsError;

/// How frames are encoded. Sizes and qualities come from the feed's plan.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Number of threads, at least 1.
    pub workers: usize,
    /// How long a thread rests after a panic.
    pub pauses: Pauses,
}

/// Why a frame is left out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error("the jpeg cannot be used: {0}")]
    Jpeg(#[from] JpegError),
    #[error("the jpeg cannot be taken apart: {0}")]
    Strips(#[from] StripsError),
    #[error("the jpeg cannot be turned: {0}")]
    Turn(#[from] TurnError),
    #[error("its jpeg has {0} bytes, and {DEFAULT_FRAME_LIMIT} are the most that receivers take")]
    TooLarge(usize),
    #[error("a bug in the encoder: {0}")]
    Panic(String),
}

/// Checks that receivers accept a JPEG of this length.
fn bounded(jpeg: Bytes) -> Result<Bytes, FrameError> {
    if jpeg.len() > DEFAULT_FRAME_LIMIT {
        return Err(FrameError::TooLarge(jpeg.len()));
    }
    Ok(jpeg)
}

/// Receives whether encoding works.
pub trait Health: Send + Sync {
    /// Encoding fails, with the reason. Returns true if this reason is shown.
    fn fail(&self, reason: &Reason) -> bool;
    /// Encoding works again, after it failed for that reason.
    fn mend(&self, reason: &Reason);
}

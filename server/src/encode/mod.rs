//! Raw frame → stamped JPEG.

mod jpeg;

pub use jpeg::{EncodeError, JpegEncoder};

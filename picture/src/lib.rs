//! JPEGs that come from anywhere, made safe to show: taken out of messages and files, mended and checked, turned and
//! rescaled.
//!
//! Everything here takes bytes that cannot be trusted. No camera, no clock and no logging: where pictures come from and what
//! happens to them belongs to the caller, walking and mending JPEGs to [`pistreamer_protocol::jpeg`].

pub mod reel;
mod whole;

mod decoder;
mod instance;
mod luma;
mod meaning;
mod rescale;
mod turn;

pub use luma::eighth_of_luma;
pub use rescale::{RescaleError, Rescaler};
pub use turn::TurnError;
pub use whole::{HEADROOM, Mended, MessageError, Open, Whole};

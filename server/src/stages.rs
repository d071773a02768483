//! Stages of a frame's way, for what measures them alone. Programs of this repository use them, and others can rely on nothing of it.

pub use crate::camera::Camera;
pub use pistreamer_tiles::Config as TilesConfig;

/// From pictures to JPEGs.
pub mod encode {
    pub use crate::encode::{Config, Health, JpegEncoder, Pool};
}

/// The newest frames of a camera.
pub mod hub {
    pub use crate::hub::{Config, Feed, Frame, Limits, Rendition};
}

/// One viewer.
pub mod session {
    pub use crate::session::{Allowed, Config, Link, Rights, Roster, run};
}

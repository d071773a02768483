//! Where pictures come from. A source runs on a thread of its own and hands raw frames to a [`Port`].
//!
//! Making JPEGs of raw frames belongs to [`crate::encode`]. No source knows the consumers of its frames.

mod absent;
pub(crate) mod appearing;
mod commands;
mod device;
pub(crate) mod driver;
pub(crate) mod files;
mod given;
pub(crate) mod http;
pub(crate) mod ingest;
pub(crate) mod kinds;
pub(crate) mod libcamera;
mod local;
mod nats;
pub(crate) mod no_libcamera;
mod numbering;
mod pace;
pub(crate) mod pattern;
mod port;
pub(crate) mod push_slot;
pub(crate) mod relay;
pub(crate) mod remote;
mod sizes;
pub(crate) mod spec;
mod stills;
mod supervise;
pub(crate) mod tcp;
mod unknown;
pub(crate) mod v4l2;

pub(crate) use commands::Commands;
pub(crate) use local::modules;
pub use pistreamer_local_camera::{Config, Mode, SourceError, Transform, WEDGED};
pub use port::{Port, Report, Sink};
pub(crate) use sizes::Sizes;
pub use spec::{Spec, SpecError};
#[cfg(test)]
pub(crate) use stills::Request as StillRequest;
pub(crate) use stills::{Stills, Taken};
pub use supervise::Pauses;
pub(crate) use supervise::supervise;

use pistreamer_picture::Whole;
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::Camera;

/// Something that delivers pictures.
pub trait Source: Send {
    /// Name and kind of the camera. Constant; the `id` is set by the owner of the camera.
    fn camera(&self) -> Camera;

    /// Opens the device and hands frames to the port until it is stopping, then closes the device. Called again after
    /// an error or a panic, with growing pauses. Reports [`Port::open`] before the first frame.
    ///
    /// # Errors
    /// When the stream ends: the device cannot be opened, is unplugged, or is silent for [`WEDGED`].
    fn run(&mut self, port: &Port) -> Result<(), SourceError>;
}

/// One picture as a source delivers it.
pub struct RawFrame {
    /// Rises by one for each frame of this camera.
    pub seq: u64,
    /// Unix time in µs of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// How it is to be turned before anything else is made of it.
    pub turn: Orientation,
    /// The picture.
    pub image: Image,
}

/// A picture: samples still to be encoded, or a JPEG.
pub enum Image {
    /// Samples in the source's own memory, borrowed until this box drops.
    Yuv(Box<dyn Pixels>),
    /// One whole JPEG.
    Jpeg(Whole),
    /// One whole JPEG with a stamp that says this frame's `seq` and `captured_us`. It goes on as it is.
    Stamped(Whole),
}

/// Samples of a picture. Dropping it gives the memory back to the source.
pub trait Pixels: Send {
    /// The samples.
    fn yuv(&self) -> Yuv<'_>;
}

/// YCbCr samples, BT.601 full range as JPEG (JFIF) expects them.
#[derive(Clone, Copy)]
pub struct Yuv<'a> {
    /// Pixels in a line; even.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// How the samples lie in memory.
    pub layout: Layout<'a>,
}

/// Arrangement of the samples.
#[derive(Clone, Copy)]
pub enum Layout<'a> {
    /// 4:2:0 in three planes.
    I420([Plane<'a>; 3]),
    /// 4:2:0 in two planes: luminance, then Cb and Cr by turns.
    Nv12([Plane<'a>; 2]),
    /// 4:2:2 in one plane: Y Cb Y Cr.
    Yuyv(Plane<'a>),
    /// 4:2:2 in one plane: Cb Y Cr Y.
    Uyvy(Plane<'a>),
    /// Luminance alone.
    Grey(Plane<'a>),
}

/// One plane of samples.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The samples; the last line may end right after its last sample.
    pub data: &'a [u8],
    /// Bytes from one line to the next.
    pub stride: usize,
}

//! Where pictures come from. A source runs on a thread of its own and hands raw frames to an [`Outlet`].
//!
//! Making JPEGs of raw frames belongs to [`crate::encode`]. No source knows who consumes its frames.

pub mod files;
pub mod http;
pub mod ingest;
#[cfg(feature = "libcamera")]
pub mod libcamera;
pub(crate) mod no_libcamera;
mod numbering;
mod pace;
pub mod pattern;
pub mod relay;
pub(crate) mod remote;
mod supervise;
pub mod tcp;
mod whole;

pub use supervise::{Pauses, Supervisor};
pub use whole::{Mended, Whole};

use crate::demand::Demand;
use bytes::Bytes;
use numbering::{Kept, Numbering};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::Camera;
use pistreamer_protocol::text;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a user asks of a camera. A source that cannot give exactly this gives the nearest it can and says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Pixels in a line; even.
    pub width: u32,
    /// Lines; even.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// How the picture is to be turned.
    pub transform: Transform,
}

/// Mirroring and rotation, in that order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transform {
    /// Left and right change places.
    pub hflip: bool,
    /// Top and bottom change places.
    pub vflip: bool,
    /// Clockwise, in degrees: 0, 90, 180 or 270.
    pub rotate: u16,
}

/// What a source really delivers, known once it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Mode {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
}

/// Something that delivers pictures.
pub trait Source: Send {
    /// Who it is. Constant; the `id` is set by whoever owns the camera.
    fn camera(&self) -> Camera;

    /// Opens the device and hands frames to the outlet until it is stopping, then closes the device. Called again after
    /// an error or a panic, with growing pauses. Reports [`Outlet::open`] before the first frame.
    ///
    /// # Errors
    /// Whatever ends the stream: a device that cannot be opened, is unplugged, or is silent for [`WEDGED`].
    fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError>;
}

/// A camera that delivers nothing for so long is closed and opened again.
pub const WEDGED: Duration = Duration::from_secs(5);

/// Why a source stopped. The text stands in the log and in the viewer's badge.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

impl SourceError {
    /// An error with that text, of which only as much is kept as is fit to be shown: it may quote what a server sent.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text::plain(text.as_ref()))
    }
}

/// One picture as a source delivers it.
pub struct RawFrame {
    /// Rises by one for each frame of this camera.
    pub seq: u64,
    /// Unix time in µs of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// The picture.
    pub image: Image,
}

/// A picture: samples still to be encoded, or a JPEG.
pub enum Image {
    /// Samples in the source's own memory, borrowed until this box drops.
    Yuv(Box<dyn Pixels>),
    /// One whole JPEG ([`pistreamer_protocol::jpeg::inspect`] accepts it) with its Huffman tables.
    Jpeg(Bytes),
    /// One whole JPEG with its Huffman tables and a stamp that says this frame's `seq` and `captured_us`. It goes on as
    /// it is.
    Stamped(Bytes),
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
}

/// One plane of samples.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The samples; the last line may end right after its last sample.
    pub data: &'a [u8],
    /// Bytes from one line to the next.
    pub stride: usize,
}

/// Where everything that a source delivers goes.
pub trait Sink: Send + Sync {
    /// A new frame. Must not block: the source has the next one to fetch.
    fn frame(&self, frame: RawFrame);
    /// The last frame once more. Must not block, either.
    fn again(&self, frame: RawFrame);
    /// The device is open and delivers in this mode.
    fn open(&self, mode: Mode);
    /// The device delivers nothing any more, and why.
    fn lost(&self, reason: &str);
    /// The source left out a picture that is broken, and why.
    fn broken(&self, reason: &str);
    /// Whether the pictures from here on are made up, where another server says so.
    fn test_pattern(&self, made_up: bool);
}

/// A running source's way out: frames go down, demand comes up.
#[derive(Clone)]
pub struct Outlet {
    sink: Arc<dyn Sink>,
    demand: Demand,
    numbering: Arc<Mutex<Numbering>>,
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet")
            .field("demand", &self.demand)
            .field("numbering", &self.numbering)
            .finish_non_exhaustive()
    }
}

impl Outlet {
    /// An outlet whose first frame has seq 1.
    pub fn new(sink: Arc<dyn Sink>, demand: Demand) -> Self {
        Self {
            sink,
            demand,
            numbering: Arc::default(),
        }
    }

    /// The seq that the next frame gets, for sources that paint it.
    pub fn next_seq(&self) -> u64 {
        self.numbering().next()
    }

    /// How many pictures there were, those among them that only showed that there is a camera.
    pub fn pictures(&self) -> u64 {
        self.numbering().pictures
    }

    /// There was a picture, which goes nowhere.
    pub fn probed(&self) {
        self.numbering().pictures += 1;
    }

    fn numbering(&self) -> MutexGuard<'_, Numbering> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.numbering
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands on a frame and returns its seq. `captured_us` is Unix time in µs.
    pub fn frame(&self, captured_us: u64, image: Image) -> u64 {
        let seq = self.numbering().own();
        self.sink.frame(RawFrame {
            seq,
            captured_us,
            image,
        });
        seq
    }

    /// Hands on a whole JPEG that arrived now, and returns its seq. A stamp that it has is kept: capture time and camera are those of the
    /// pistreamer that captured it, and so is the seq while it rises. After a restart over there the seq goes on from
    /// here instead, because frames are only ever seen in order; the rest of the stamp stays. The frame that was handed on
    /// last is none of its own: it came once more with a new connection, or was fetched twice, and only fills a gap.
    ///
    /// # Errors
    /// Where the stamp cannot be replaced because the JPEG's segments cannot be walked.
    pub fn arrived(&self, jpeg: Bytes) -> Result<u64, JpegError> {
        let Some(stamp) = Stamp::read(&jpeg) else {
            return Ok(self.frame(crate::util::clock::now_us(), Image::Jpeg(jpeg)));
        };
        let captured_us = stamp.captured_us;
        let kept = self.numbering().keep(stamp.seq, captured_us);
        let (Kept::New(seq) | Kept::Again(seq)) = kept;
        let jpeg = if seq == stamp.seq {
            jpeg
        } else {
            Stamp { seq, ..stamp }.write(&jpeg)?.into()
        };
        let frame = RawFrame {
            seq,
            captured_us,
            image: Image::Stamped(jpeg),
        };
        match kept {
            Kept::New(_) => self.sink.frame(frame),
            Kept::Again(_) => self.sink.again(frame),
        }
        Ok(seq)
    }

    /// The device is open and delivers in this mode.
    pub fn open(&self, mode: Mode) {
        self.sink.open(mode);
    }

    /// The device delivers nothing any more, and why. Of the reason, each viewer is told as much as is fit to be shown.
    pub fn lost(&self, reason: &str) {
        self.sink.lost(&text::plain(reason));
    }

    /// The pictures from here on are made up, or are not: what whoever captures them says. Until it is said, it is as
    /// [`Source::camera`] has it.
    pub fn test_pattern(&self, made_up: bool) {
        self.sink.test_pattern(made_up);
    }

    /// A picture had to be left out because it is broken. It counts as produced: its seq is a gap that viewers see.
    pub fn broken(&self, reason: &str) {
        self.numbering().skip();
        self.sink.broken(reason);
    }

    /// The camera's demand, to wait on.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }
}

//! Cameras of this machine, driven through libcamera: which there are, how one is asked for pictures, and that its buffers go
//! round. It reads no sample: whose buffers these are maps them, and makes frames of them.
//!
//! `libcamera` needs that library, each version of which fits no other. So it is linked either to the server, or to a small
//! program beside it, `pistreamer-camera`, one for each version; [`process`] is what the two say to each other.

#[cfg(feature = "libcamera")]
pub mod libcamera;
pub mod process;

use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::{Cause, Reason};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// What a user asks of a camera. A source that cannot deliver exactly this delivers the nearest it can, and logs that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Pixels in a line; even.
    pub width: u32,
    /// Lines; even.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Mirroring and rotation.
    pub transform: Transform,
}

/// Mirroring and rotation, in that order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// Mirrors left and right.
    pub hflip: bool,
    /// Mirrors top and bottom.
    pub vflip: bool,
    /// Clockwise, in degrees: 0, 90, 180 or 270.
    pub rotate: u16,
}

impl Transform {
    /// Both in one.
    pub fn orientation(&self) -> Orientation {
        // Top and bottom changing places is left and right changing places, turned by 180 degrees.
        let mirrored = Orientation::of(self.hflip != self.vflip, if self.vflip { 2 } else { 0 });
        mirrored.then(Orientation::of(false, (self.rotate / 90) as u8))
    }
}

/// What a source actually delivers, known once it is open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
}

/// Silence after which a camera is closed and opened again.
pub const WEDGED: Duration = Duration::from_secs(5);

/// Why a source stopped. The reason stands in the log and in the viewer's badge.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub Reason);

impl SourceError {
    /// An error in these words alone, cut to what is fit to be shown. Where a viewer may see it, a [`Cause`] is better.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().into())
    }
}

impl From<Cause> for SourceError {
    fn from(cause: Cause) -> Self {
        Self(cause.into())
    }
}

/// Pixel formats that can be made JPEGs of without going through RGB, or are JPEGs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// 4:2:0 in three planes.
    Yuv420,
    /// 4:2:0 in two planes.
    Nv12,
    /// JPEGs.
    Mjpeg,
    /// 4:2:2 in one plane, luminance first.
    Yuyv,
    /// 4:2:2 in one plane, chrominance first.
    Uyvy,
    /// Luminance alone.
    Grey,
}

impl Format {
    /// Those that libcamera's cameras are asked for, the best first. Planar 4:2:0 goes to the encoder as it is. USB cameras offer
    /// Motion-JPEG and YUYV; over USB 2 only the former reaches 30 frames per second at 1280x720 and above, and it costs no encoding.
    /// Some grabbers of HDMI have UYVY alone.
    pub const ALL: [Self; 5] = [
        Self::Yuv420,
        Self::Nv12,
        Self::Mjpeg,
        Self::Yuyv,
        Self::Uyvy,
    ];

    /// Its four characters in DRM, which is what libcamera calls it.
    pub const fn fourcc(self) -> [u8; 4] {
        *match self {
            Self::Yuv420 => b"YU12",
            Self::Nv12 => b"NV12",
            Self::Mjpeg => b"MJPG",
            Self::Yuyv => b"YUYV",
            Self::Uyvy => b"UYVY",
            Self::Grey => b"R8  ",
        }
    }
}

/// A camera's pictures, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Pixels in a line.
    pub width: u32,
    /// Lines.
    pub height: u32,
    /// Bytes from one line to the next in the first plane.
    pub stride: usize,
    /// What the bytes mean.
    pub format: Format,
    /// Black is 16 and white 235, where JPEG has 0 and 255.
    pub limited: bool,
}

/// Memory that the camera writes one picture to.
#[derive(Debug)]
pub struct Buffer {
    /// Each dma-buf of it, once.
    pub regions: Vec<OwnedFd>,
    /// Where its planes are.
    pub planes: Vec<Place>,
}

/// A plane's place in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index of the region.
    pub region: usize,
    /// Where it begins there.
    pub offset: usize,
    /// Its bytes.
    pub len: usize,
}

/// A picture of a camera in its full size, beside its stream. Its memory stays as it is.
#[derive(Debug)]
pub struct Still {
    /// How it lies in memory.
    pub picture: Picture,
    /// How it is still to be turned, where the camera cannot do all of it.
    pub turn: Orientation,
    /// Where it is.
    pub buffer: Buffer,
    /// Which part of that is filled, and when it was captured. Its number says nothing.
    pub filled: Filled,
}

/// A buffer that has a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    /// Index of the buffer.
    pub number: usize,
    /// Unix time in µs of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// Bytes of the first plane that the camera says it wrote.
    pub used: Option<usize>,
}

/// A camera.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameraDescription {
    /// What selects it: stable for a camera at the same connector.
    pub id: String,
    /// The sensor's or the webcam's name.
    pub model: Option<String>,
    /// `front`, `back` or `external`.
    pub location: Option<String>,
    /// What video it can deliver, as it says. Other sizes may be possible.
    pub formats: Vec<FormatDescription>,
    /// What can be set on it, as far as this version of libcamera has names for it.
    pub controls: Vec<ControlDescription>,
}

impl CameraDescription {
    /// What people call it.
    pub fn name(&self) -> String {
        let model = self.model.as_ref().unwrap_or(&self.id);
        match &self.location {
            Some(location) => format!("{model} ({location})"),
            None => model.clone(),
        }
    }
}

/// A pixel format and its sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatDescription {
    /// libcamera's name, such as `NV12`.
    pub name: String,
    /// Width and height of each size, as the camera lists them.
    pub sizes: Vec<(u32, u32)>,
}

/// A control and its range, in libcamera's units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlDescription {
    /// libcamera's name, such as `Brightness`.
    pub name: String,
    /// Smallest value.
    pub min: String,
    /// Largest value.
    pub max: String,
    /// The value without anybody's doing, where the camera tells it.
    pub default: Option<String>,
}

/// The index of the camera with that id or index among these ids, or of the first one.
///
/// # Errors
/// Where it is not among them. What is said then names those that are.
pub fn find<T: AsRef<str>>(ids: &[T], which: Option<&str>) -> Result<usize, SourceError> {
    let found = match which {
        None => Some(0),
        Some(which) => ids
            .iter()
            .position(|id| id.as_ref() == which)
            .or_else(|| which.parse().ok()),
    };
    found
        .filter(|index| *index < ids.len())
        .ok_or_else(|| match which {
            Some(which) if !ids.is_empty() => {
                let ids: Vec<_> = ids.iter().map(AsRef::as_ref).collect();
                let (camera, cameras) = (which.into(), ids.join(", "));
                Cause::OthersOfLibcamera { camera, cameras }.into()
            }
            _ => no_camera(),
        })
}

/// Why libcamera finds nothing, as far as can be told from here.
pub fn no_camera() -> SourceError {
    let locked = (0..8)
        .map(|number| format!("/dev/media{number}"))
        .find(|path| {
            let opened = OpenOptions::new().read(true).write(true).open(path);
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
    let cause = match locked {
        Some(device) => Cause::NoneOfLibcameraAllowed { device },
        None => Cause::NoneOfLibcamera,
    };
    cause.into()
}

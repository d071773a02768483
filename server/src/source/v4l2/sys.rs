//! The kernel's side of V4L2: its structures and calls, as far as capturing needs them, each behind a safe function.
//!
//! Layouts and numbers are those of `linux/videodev2.h`, which a test compares them with. No crate has them without its own idea
//! of how to use them, which panics on what drivers say: on controls of a type that it does not know, and on a camera that is
//! unplugged. What the calls are made for belongs to [`super::stream`] and [`super::modes`].

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`.
const CAPTURE: u32 = 1;
/// `V4L2_MEMORY_MMAP`.
const MMAP: u32 = 1;
/// `V4L2_CAP_VIDEO_CAPTURE`, `_STREAMING`.
const CAPTURES: u32 = 0x1;
const STREAMS: u32 = 0x0400_0000;
/// `V4L2_CAP_VIDEO_M2M_MPLANE`, `_M2M`, `_META_CAPTURE`, `_IO_MC`: codecs, descriptions of frames, and parts of a pipeline that
/// something else has to set up.
const NO_CAMERA: u32 = 0x4000 | 0x8000 | 0x0080_0000 | 0x2000_0000;
/// `V4L2_BUF_FLAG_ERROR`.
const DAMAGED: u32 = 0x40;
/// `V4L2_BUF_FLAG_TIMESTAMP_MASK`, `_MONOTONIC`.
const TIMESTAMP: u32 = 0xe000;
const MONOTONIC: u32 = 0x2000;
/// `V4L2_QUANTIZATION_FULL_RANGE`.
const FULL_RANGE: u32 = 1;
/// `V4L2_QUANTIZATION_DEFAULT`, and `V4L2_COLORSPACE_JPEG`, whose default is the full range.
const BY_COLORSPACE: u32 = 0;
const JPEG: u32 = 7;

#[derive(Clone, Copy)]
#[repr(C)]
struct Capability {
    driver: [u8; 16],
    card: [u8; 32],
    bus_info: [u8; 32],
    version: u32,
    capabilities: u32,
    device_caps: u32,
    reserved: [u32; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct FormatDescription {
    index: u32,
    kind: u32,
    flags: u32,
    description: [u8; 32],
    pixel_format: [u8; 4],
    mbus_code: u32,
    reserved: [u32; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct FrameSize {
    index: u32,
    pixel_format: [u8; 4],
    kind: u32,
    /// Width and height, or least, greatest and step of both.
    values: [u32; 6],
    reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct FrameInterval {
    index: u32,
    pixel_format: [u8; 4],
    width: u32,
    height: u32,
    kind: u32,
    /// A fraction of a second, or the shortest, the longest and the step.
    values: [u32; 6],
    reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Format {
    kind: u32,
    fmt: FormatUnion,
}

#[derive(Clone, Copy)]
#[repr(C)]
union FormatUnion {
    pix: Pix,
    raw: [u8; 200],
    /// Other members hold pointers.
    _align: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Pix {
    width: u32,
    height: u32,
    pixel_format: [u8; 4],
    field: u32,
    bytes_per_line: u32,
    size_image: u32,
    colorspace: u32,
    private: u32,
    flags: u32,
    ycbcr_encoding: u32,
    quantization: u32,
    transfer: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct StreamParameters {
    kind: u32,
    capability: u32,
    mode: u32,
    /// Numerator and denominator of a second.
    interval: [u32; 2],
    rest: [u32; 46],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct RequestBuffers {
    count: u32,
    kind: u32,
    memory: u32,
    capabilities: u32,
    flags: u8,
    reserved: [u8; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Buffer {
    index: u32,
    kind: u32,
    bytes_used: u32,
    flags: u32,
    field: u32,
    timestamp: libc::timeval,
    timecode: [u32; 4],
    sequence: u32,
    memory: u32,
    at: BufferUnion,
    length: u32,
    reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
union BufferUnion {
    offset: u32,
    _pointer: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct QueryControl {
    id: u32,
    kind: u32,
    name: [u8; 32],
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    flags: u32,
    elem_size: u32,
    elems: u32,
    dimensions: [u32; 5],
    reserved: [u32; 32],
}

/// Packed, so that it is no more than four bytes aligned.
#[derive(Clone, Copy)]
#[repr(C)]
struct QueryMenu {
    id: u32,
    index: u32,
    /// A text, or a number of 64 bits.
    item: [u8; 32],
    reserved: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct ControlValue {
    id: u32,
    value: i32,
}

const READ: u32 = 2;
const WRITE: u32 = 1;

/// `_IOC` of `asm-generic/ioctl.h`, as on every machine that this runs on. The type follows from the size of `T`.
const fn number<T>(direction: u32, number: u32) -> libc::Ioctl {
    ((direction << 30) | ((size_of::<T>() as u32) << 16) | ((b'V' as u32) << 8) | number)
        as libc::Ioctl
}

const QUERYCAP: libc::Ioctl = number::<Capability>(READ, 0);
const ENUM_FMT: libc::Ioctl = number::<FormatDescription>(READ | WRITE, 2);
const S_FMT: libc::Ioctl = number::<Format>(READ | WRITE, 5);
const REQBUFS: libc::Ioctl = number::<RequestBuffers>(READ | WRITE, 8);
const QUERYBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 9);
const QBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 15);
const DQBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 17);
const STREAMON: libc::Ioctl = number::<libc::c_int>(WRITE, 18);
const STREAMOFF: libc::Ioctl = number::<libc::c_int>(WRITE, 19);
const G_PARM: libc::Ioctl = number::<StreamParameters>(READ | WRITE, 21);
const S_PARM: libc::Ioctl = number::<StreamParameters>(READ | WRITE, 22);
const G_CTRL: libc::Ioctl = number::<ControlValue>(READ | WRITE, 27);
const S_CTRL: libc::Ioctl = number::<ControlValue>(READ | WRITE, 28);
const QUERYMENU: libc::Ioctl = number::<QueryMenu>(READ | WRITE, 37);
const QUERY_EXT_CTRL: libc::Ioctl = number::<QueryControl>(READ | WRITE, 103);
const ENUM_FRAMESIZES: libc::Ioctl = number::<FrameSize>(READ | WRITE, 74);
const ENUM_FRAMEINTERVALS: libc::Ioctl = number::<FrameInterval>(READ | WRITE, 75);

/// An open video device.
#[derive(Debug)]
pub(super) struct Device(File);

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct About {
    /// The kernel's driver.
    pub driver: String,
    /// For people.
    pub card: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Whether it captures pictures by itself.
    pub captures: bool,
}

/// Sizes that are offered, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizes {
    One([u32; 2]),
    /// Least, greatest and step of the width, and of the height.
    Range([[u32; 3]; 2]),
}

/// Frame rates that are offered, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rates {
    One(f64),
    /// The slowest and the fastest.
    Range([f64; 2]),
}

/// The pictures that a device has been set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    pub width: u32,
    pub height: u32,
    pub pixel_format: [u8; 4],
    /// Bytes from one line to the next; 0 where the device does not say.
    pub stride: u32,
    pub full_range: bool,
}

/// A buffer that came back from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub number: usize,
    /// Bytes that were written.
    pub used: usize,
    pub damaged: bool,
    /// Rises by one with each frame, also those that were lost.
    pub sequence: u32,
    /// CLOCK_MONOTONIC in µs, where the device tells it.
    pub timestamp_us: Option<u64>,
}

/// Something of a device that can be set, as its driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub id: u32,
    /// `V4L2_CTRL_TYPE_…`.
    pub kind: u32,
    /// For people.
    pub name: String,
    pub minimum: i64,
    pub maximum: i64,
    pub step: u64,
    pub default: i64,
    /// `V4L2_CTRL_FLAG_…`.
    pub flags: u32,
    /// More than one where it is an array.
    pub elems: u32,
}

impl Device {
    /// Opens a node.
    ///
    /// # Errors
    /// As the system says.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(libc::O_NONBLOCK);
        options.open(path).map(Self)
    }

    fn call<T>(&self, number: libc::Ioctl, argument: &mut T) -> io::Result<()> {
        loop {
            // SAFETY: each number is made of the size of its structure, and used with that type only: `number`. None of them
            // holds a pointer, and any bytes that the kernel writes are valid for it.
            #[expect(unsafe_code, reason = "std has no ioctl")]
            let result = unsafe { libc::ioctl(self.0.as_raw_fd(), number, argument as *mut T) };
            if result != -1 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }

    /// What it is.
    ///
    /// # Errors
    /// Where it is no video device, or is gone.
    pub(super) fn about(&self) -> io::Result<About> {
        let mut about: Capability = zeroed();
        self.call(QUERYCAP, &mut about)?;
        let caps = about.device_caps;
        Ok(About {
            driver: text(&about.driver),
            card: text(&about.card),
            bus: text(&about.bus_info),
            captures: caps & (CAPTURES | STREAMS) == CAPTURES | STREAMS && caps & NO_CAMERA == 0,
        })
    }

    /// The pixel formats that it offers, by their four characters.
    pub(super) fn formats(&self) -> impl Iterator<Item = [u8; 4]> {
        self.listed(|index, format: &mut FormatDescription| {
            (format.index, format.kind) = (index, CAPTURE);
            self.call(ENUM_FMT, format).ok()?;
            Some(format.pixel_format)
        })
    }

    /// The sizes of that format.
    pub(super) fn sizes(&self, pixel_format: [u8; 4]) -> impl Iterator<Item = Sizes> {
        self.listed(move |index, size: &mut FrameSize| {
            (size.index, size.pixel_format) = (index, pixel_format);
            self.call(ENUM_FRAMESIZES, size).ok()?;
            let [a, b, c, d, e, f] = size.values;
            Some(match size.kind {
                1 => Sizes::One([a, b]),
                _ => Sizes::Range([[a, b, c.max(1)], [d, e, f.max(1)]]),
            })
        })
    }

    /// The rates of that format in that size.
    pub(super) fn rates(
        &self,
        pixel_format: [u8; 4],
        [width, height]: [u32; 2],
    ) -> impl Iterator<Item = Rates> {
        let per_second =
            |numerator: u32, denominator: u32| f64::from(denominator) / f64::from(numerator.max(1));
        self.listed(move |index, interval: &mut FrameInterval| {
            (interval.index, interval.pixel_format) = (index, pixel_format);
            (interval.width, interval.height) = (width, height);
            self.call(ENUM_FRAMEINTERVALS, interval).ok()?;
            let [a, b, c, d, ..] = interval.values;
            Some(match interval.kind {
                1 => Rates::One(per_second(a, b)),
                _ => Rates::Range([per_second(c, d), per_second(a, b)]),
            })
        })
    }

    /// Everything that can be set or read, by its id.
    pub(super) fn controls(&self) -> impl Iterator<Item = Described> {
        /// `V4L2_CTRL_FLAG_NEXT_CTRL`: the first one after the id.
        const NEXT: u32 = 0x8000_0000;
        const MOST: usize = 256;
        let mut last = 0;
        let next = move || {
            let mut control: QueryControl = zeroed();
            control.id = last | NEXT;
            self.call(QUERY_EXT_CTRL, &mut control).ok()?;
            // A driver whose ids do not rise would be asked for ever.
            let rises = control.id > last;
            last = control.id;
            rises.then(|| Described {
                id: control.id,
                kind: control.kind,
                name: text(&control.name),
                minimum: control.minimum,
                maximum: control.maximum,
                step: control.step,
                default: control.default,
                flags: control.flags,
                elems: control.elems,
            })
        };
        std::iter::from_fn(next).take(MOST)
    }

    /// The text of a menu's item, or the number of one that has numbers; `None` where there is no such item.
    pub(super) fn menu_item(&self, id: u32, index: u32, is_number: bool) -> Option<String> {
        let mut menu: QueryMenu = zeroed();
        (menu.id, menu.index) = (id, index);
        self.call(QUERYMENU, &mut menu).ok()?;
        Some(if is_number {
            let mut number = [0; 8];
            number.copy_from_slice(&menu.item[..8]);
            i64::from_ne_bytes(number).to_string()
        } else {
            text(&menu.item)
        })
    }

    /// What a control is set to.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn value(&self, id: u32) -> io::Result<i32> {
        let mut control = ControlValue { id, value: 0 };
        self.call(G_CTRL, &mut control)?;
        Ok(control.value)
    }

    /// Sets a control. The device takes what is nearest.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn set_value(&self, id: u32, value: i32) -> io::Result<()> {
        self.call(S_CTRL, &mut ControlValue { id, value })
    }

    /// Asks for one after the other, until there is none. What is a range is listed once.
    fn listed<T: Plain, U>(
        &self,
        ask: impl Fn(u32, &mut T) -> Option<U>,
    ) -> impl Iterator<Item = U> {
        // A driver that never ends is not followed for ever.
        const MOST: u32 = 256;
        (0..MOST).map_while(move |index| ask(index, &mut zeroed()))
    }

    /// Sets format and size. The device gives what is nearest.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn set_format(
        &self,
        pixel_format: [u8; 4],
        [width, height]: [u32; 2],
    ) -> io::Result<Set> {
        let mut format = Format {
            kind: CAPTURE,
            fmt: FormatUnion { raw: [0; 200] },
        };
        format.fmt.pix = Pix {
            width,
            height,
            pixel_format,
            ..zeroed()
        };
        self.call(S_FMT, &mut format)?;
        // SAFETY: every member of the union is valid for any bytes, and all 200 have been written.
        #[expect(unsafe_code, reason = "the kernel's structure is a union")]
        let pix = unsafe { format.fmt.pix };
        Ok(Set {
            width: pix.width,
            height: pix.height,
            pixel_format: pix.pixel_format,
            stride: pix.bytes_per_line,
            full_range: pix.quantization == FULL_RANGE
                || (pix.quantization == BY_COLORSPACE && pix.colorspace == JPEG),
        })
    }

    /// Asks for a rate, and tells which one it will be, where the device says that.
    pub(super) fn set_rate(&self, fps: f64) -> Option<f64> {
        const PRECISION: u32 = 1000;
        let mut parameters: StreamParameters = zeroed();
        parameters.kind = CAPTURE;
        let denominator = (fps * f64::from(PRECISION)).round();
        parameters.interval = if fps.fract() == 0.0 {
            [1, fps as u32]
        } else {
            [PRECISION, denominator as u32]
        };
        // Some can only be asked.
        if self.call(S_PARM, &mut parameters).is_err() {
            parameters.interval = [0; 2];
            self.call(G_PARM, &mut parameters).ok()?;
        }
        let [numerator, denominator] = parameters.interval;
        (numerator > 0 && denominator > 0).then(|| f64::from(denominator) / f64::from(numerator))
    }

    /// Has it make so many buffers of its own; it may make more or fewer. 0 frees them.
    ///
    /// # Errors
    /// Where it refuses, or something else captures from it.
    pub(super) fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut request: RequestBuffers = zeroed();
        (request.count, request.kind, request.memory) = (count, CAPTURE, MMAP);
        self.call(REQBUFS, &mut request)?;
        Ok(request.count)
    }

    /// Where a buffer begins in the device's memory, and its length in bytes.
    ///
    /// # Errors
    /// Where there is no such buffer.
    pub(super) fn buffer(&self, number: usize) -> io::Result<(u32, usize)> {
        let mut buffer = Buffer::of(number);
        self.call(QUERYBUF, &mut buffer)?;
        // SAFETY: valid for any bytes, and the structure was zeroed at first.
        #[expect(unsafe_code, reason = "the kernel's structure is a union")]
        let offset = unsafe { buffer.at.offset };
        Ok((offset, buffer.length as usize))
    }

    /// Gives it a buffer to fill.
    ///
    /// # Errors
    /// Where it refuses, or is gone.
    pub(super) fn queue(&self, number: usize) -> io::Result<()> {
        self.call(QBUF, &mut Buffer::of(number))
    }

    /// Takes a buffer that it has filled.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where there is none now; otherwise the stream has ended.
    pub(super) fn take(&self) -> io::Result<Taken> {
        let mut buffer = Buffer::of(0);
        self.call(DQBUF, &mut buffer)?;
        let libc::timeval { tv_sec, tv_usec } = buffer.timestamp;
        let told = buffer.flags & TIMESTAMP == MONOTONIC;
        // What is negative is beyond any time that is plausible.
        let told_us = (tv_sec as u64)
            .saturating_mul(1_000_000)
            .saturating_add(tv_usec as u64);
        Ok(Taken {
            number: buffer.index as usize,
            used: buffer.bytes_used as usize,
            damaged: buffer.flags & DAMAGED != 0,
            sequence: buffer.sequence,
            timestamp_us: (told && told_us > 0).then_some(told_us),
        })
    }

    /// Starts capturing.
    ///
    /// # Errors
    /// Where it refuses.
    pub(super) fn start(&self) -> io::Result<()> {
        self.call(STREAMON, &mut (CAPTURE as libc::c_int))
    }

    /// Stops capturing. All buffers are this program's again.
    ///
    /// # Errors
    /// Where it is gone.
    pub(super) fn stop(&self) -> io::Result<()> {
        self.call(STREAMOFF, &mut (CAPTURE as libc::c_int))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Buffer {
    fn of(number: usize) -> Self {
        Self {
            index: number as u32,
            kind: CAPTURE,
            memory: MMAP,
            ..zeroed()
        }
    }
}

/// Structures for the kernel, with nothing in them.
fn zeroed<T: Plain>() -> T {
    // SAFETY: `Plain` types are integers, arrays of them, and unions of both.
    #[expect(unsafe_code, reason = "the kernel wants its reserved fields to be 0")]
    unsafe {
        std::mem::zeroed()
    }
}

/// Types of which all bits may be 0.
trait Plain {}
impl Plain for Capability {}
impl Plain for FormatDescription {}
impl Plain for FrameSize {}
impl Plain for FrameInterval {}
impl Plain for Pix {}
impl Plain for StreamParameters {}
impl Plain for RequestBuffers {}
impl Plain for Buffer {}
impl Plain for QueryControl {}
impl Plain for QueryMenu {}

/// Text up to its first 0, whatever it is made of.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;
    use std::process::Command;

    /// What the kernel's own header says, by the C compiler.
    #[test]
    fn structures_and_numbers_are_those_of_the_kernels_header() {
        let ours = [
            QUERYCAP as usize,
            ENUM_FMT as usize,
            S_FMT as usize,
            REQBUFS as usize,
            QUERYBUF as usize,
            QBUF as usize,
            DQBUF as usize,
            STREAMON as usize,
            STREAMOFF as usize,
            G_PARM as usize,
            S_PARM as usize,
            ENUM_FRAMESIZES as usize,
            ENUM_FRAMEINTERVALS as usize,
            G_CTRL as usize,
            S_CTRL as usize,
            QUERYMENU as usize,
            QUERY_EXT_CTRL as usize,
            offset_of!(Capability, device_caps),
            offset_of!(FormatDescription, pixel_format),
            offset_of!(FrameSize, values),
            offset_of!(FrameInterval, values),
            offset_of!(Format, fmt),
            offset_of!(Pix, quantization),
            offset_of!(StreamParameters, interval),
            offset_of!(RequestBuffers, capabilities),
            offset_of!(Buffer, bytes_used),
            offset_of!(Buffer, timestamp),
            offset_of!(Buffer, sequence),
            offset_of!(Buffer, at),
            offset_of!(Buffer, length),
            offset_of!(QueryControl, minimum),
            offset_of!(QueryControl, flags),
            offset_of!(QueryMenu, item),
        ];
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("sizes");
        std::fs::write(
            folder.path().join("sizes.c"),
            r#"
#include <stddef.h>
#include <stdio.h>
#include <linux/videodev2.h>
int main(void) {
    const unsigned long numbers[] = {
        VIDIOC_QUERYCAP, VIDIOC_ENUM_FMT, VIDIOC_S_FMT, VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_DQBUF,
        VIDIOC_STREAMON, VIDIOC_STREAMOFF, VIDIOC_G_PARM, VIDIOC_S_PARM, VIDIOC_ENUM_FRAMESIZES, VIDIOC_ENUM_FRAMEINTERVALS,
        VIDIOC_G_CTRL, VIDIOC_S_CTRL, VIDIOC_QUERYMENU, VIDIOC_QUERY_EXT_CTRL,
        offsetof(struct v4l2_capability, device_caps), offsetof(struct v4l2_fmtdesc, pixelformat),
        offsetof(struct v4l2_frmsizeenum, discrete), offsetof(struct v4l2_frmivalenum, discrete),
        offsetof(struct v4l2_format, fmt), offsetof(struct v4l2_pix_format, quantization),
        offsetof(struct v4l2_streamparm, parm.capture.timeperframe), offsetof(struct v4l2_requestbuffers, capabilities),
        offsetof(struct v4l2_buffer, bytesused), offsetof(struct v4l2_buffer, timestamp),
        offsetof(struct v4l2_buffer, sequence), offsetof(struct v4l2_buffer, m), offsetof(struct v4l2_buffer, length),
        offsetof(struct v4l2_query_ext_ctrl, minimum), offsetof(struct v4l2_query_ext_ctrl, flags),
        offsetof(struct v4l2_querymenu, name),
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) printf("%lu ", numbers[i]);
}
"#,
        )
        .unwrap();
        let built = Command::new("cc")
            .arg(folder.path().join("sizes.c"))
            .arg("-o")
            .arg(&program)
            .status();
        assert!(built.unwrap().success());
        let said = Command::new(program).output().unwrap().stdout;
        let said = String::from_utf8(said).unwrap();
        let theirs: Vec<usize> = said
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(ours, theirs[..]);
    }

    #[test]
    fn what_is_no_video_device_is_refused() {
        let device = Device::open(Path::new("/dev/null")).unwrap();
        let error = device.about().unwrap_err();
        // qemu answers what it does not know with ENOSYS.
        let refused = [Some(libc::ENOTTY), Some(libc::ENOSYS)];
        assert!(refused.contains(&error.raw_os_error()), "{error}");
        assert_eq!(device.formats().count(), 0);
    }

    #[test]
    fn text_ends_at_its_zero_and_need_not_be_utf8() {
        assert_eq!(text(b"C920\0\0garbage"), "C920");
        assert_eq!(text(b"full"), "full");
        assert_eq!(text(b"\xff\0"), "\u{fffd}");
    }
}

//! The kernel's side of V4L2: its structures and calls, as far as capturing needs them, each behind a safe function.
//!
//! Layouts and numbers are in [`layout`]. No crate has them without its own idea
//! of how to use them, which panics on what drivers say: on controls of a type that it does not know, and on a camera that is
//! unplugged. What the calls are made for belongs to [`super::stream`] and [`super::modes`].

mod layout;

use layout::{
    Buffer, Capability, ControlValue, DQBUF, DQEVENT, ENUM_FMT, ENUM_FRAMEINTERVALS,
    ENUM_FRAMESIZES, Event, EventSubscription, Format, FormatDescription, FormatUnion,
    FrameInterval, FrameSize, G_CTRL, G_PARM, Pix, Plain, QBUF, QUERY_EXT_CTRL, QUERYBUF, QUERYCAP,
    QUERYMENU, QueryControl, QueryMenu, REQBUFS, RequestBuffers, S_CTRL, S_FMT, S_PARM, STREAMOFF,
    STREAMON, SUBSCRIBE_EVENT, StreamParameters, zeroed,
};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
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

/// An open video device.
#[derive(Debug)]
pub(in crate::source::v4l2) struct Device(File);

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source::v4l2) struct About {
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
pub(in crate::source::v4l2) enum Sizes {
    One([u32; 2]),
    /// Least, greatest and step of the width, and of the height.
    Range([[u32; 3]; 2]),
}

/// Frame rates that are offered, per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::source::v4l2) enum Rates {
    One(f64),
    /// The slowest and the fastest.
    Range([f64; 2]),
}

/// The pictures that a device has been set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::v4l2) struct Set {
    pub width: u32,
    pub height: u32,
    pub pixel_format: [u8; 4],
    /// Bytes from one line to the next; 0 where the device does not say.
    pub stride: u32,
    pub full_range: bool,
}

/// A buffer that came back from the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::v4l2) struct Taken {
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
pub(in crate::source::v4l2) struct Described {
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
    pub(in crate::source::v4l2) fn open(path: &Path) -> io::Result<Self> {
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
    pub(in crate::source::v4l2) fn about(&self) -> io::Result<About> {
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
    pub(in crate::source::v4l2) fn formats(&self) -> impl Iterator<Item = [u8; 4]> {
        self.listed(|index, format: &mut FormatDescription| {
            (format.index, format.kind) = (index, CAPTURE);
            self.call(ENUM_FMT, format).ok()?;
            Some(format.pixel_format)
        })
    }

    /// The sizes of that format.
    pub(in crate::source::v4l2) fn sizes(
        &self,
        pixel_format: [u8; 4],
    ) -> impl Iterator<Item = Sizes> {
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
    pub(in crate::source::v4l2) fn rates(
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

    /// Everything that can be set or read, by its id. Controls of which the driver answers with an error are left out.
    pub(in crate::source::v4l2) fn controls(&self) -> impl Iterator<Item = Described> {
        const MOST: usize = 256;
        let mut last = 0;
        let next = move || {
            loop {
                let control = match self.control_after(last) {
                    Ok(control) => control,
                    // There are no more, or no device.
                    Err(error) if is_end(&error) => return None,
                    Err(_) => match self.one_by_one(last)? {
                        Ok(control) => control,
                        Err(broken) => {
                            last = broken;
                            continue;
                        }
                    },
                };
                // A driver whose ids do not rise would be asked for ever.
                let rises = control.id > last;
                last = control.id;
                return rises.then_some(control);
            }
        };
        std::iter::from_fn(next).take(MOST)
    }

    /// The first control after that id.
    fn control_after(&self, id: u32) -> io::Result<Described> {
        /// `V4L2_CTRL_FLAG_NEXT_CTRL`.
        const NEXT: u32 = 0x8000_0000;
        self.control(id | NEXT)
    }

    /// A control by its id.
    ///
    /// # Errors
    /// Where there is none, or it does not answer.
    pub(in crate::source::v4l2) fn control(&self, id: u32) -> io::Result<Described> {
        let mut control: QueryControl = zeroed();
        control.id = id;
        self.call(QUERY_EXT_CTRL, &mut control)?;
        Ok(Described {
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
    }

    /// The first control after that id among the usual ones, where the driver's own walk ends in an error: the control, or the
    /// id of the one of which it tells that error.
    fn one_by_one(&self, last: u32) -> Option<Result<Described, u32>> {
        /// `V4L2_CID_USER_BASE` and `V4L2_CID_CAMERA_CLASS_BASE`, with what follows.
        const USUAL: [std::ops::Range<u32>; 2] =
            [0x0098_0900..0x0098_0940, 0x009a_0900..0x009a_0940];
        let ids = USUAL.into_iter().flatten().filter(|id| *id > last);
        let mut there = ids.filter_map(|id| match self.control(id) {
            Ok(control) => Some(Ok(control)),
            Err(error) if is_end(&error) => None,
            Err(_) => Some(Err(id)),
        });
        there.next()
    }

    /// Has the device tell of changes of that control: those that other programs make, those that it makes by itself, and those
    /// that follow from others that are set here.
    ///
    /// # Errors
    /// Where it does not.
    pub(in crate::source::v4l2) fn subscribe_control(&self, id: u32) -> io::Result<()> {
        /// `V4L2_EVENT_CTRL`.
        const CONTROL: u32 = 3;
        /// `V4L2_EVENT_SUB_FL_ALLOW_FEEDBACK`.
        const ALSO_OWN: u32 = 2;
        let mut subscription: EventSubscription = zeroed();
        (subscription.kind, subscription.id) = (CONTROL, id);
        subscription.flags = ALSO_OWN;
        self.call(SUBSCRIBE_EVENT, &mut subscription)
    }

    /// Takes what the device has told since the last call: the ids of controls that have changed. Doesn't wait.
    pub(in crate::source::v4l2) fn take_events(&self) -> BTreeSet<u32> {
        // A driver that never ends is not followed for ever.
        const MOST: usize = 256;
        let next = || {
            let mut event: Event = zeroed();
            self.call(DQEVENT, &mut event).ok().map(|()| event.id)
        };
        std::iter::from_fn(next).take(MOST).collect()
    }

    /// The text of a menu's item, or the number of one that has numbers; `None` where there is no such item.
    pub(in crate::source::v4l2) fn menu_item(
        &self,
        id: u32,
        index: u32,
        is_number: bool,
    ) -> Option<String> {
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
    pub(in crate::source::v4l2) fn value(&self, id: u32) -> io::Result<i32> {
        let mut control = ControlValue { id, value: 0 };
        self.call(G_CTRL, &mut control)?;
        Ok(control.value)
    }

    /// Sets a control. The device takes what is nearest.
    ///
    /// # Errors
    /// Where it refuses.
    pub(in crate::source::v4l2) fn set_value(&self, id: u32, value: i32) -> io::Result<()> {
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
    pub(in crate::source::v4l2) fn set_format(
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
    pub(in crate::source::v4l2) fn set_rate(&self, fps: f64) -> Option<f64> {
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

    /// Asks the driver for that many buffers; it may allocate more or fewer. 0 frees them.
    ///
    /// # Errors
    /// Where it refuses, or something else captures from it.
    pub(in crate::source::v4l2) fn request_buffers(&self, count: u32) -> io::Result<u32> {
        let mut request: RequestBuffers = zeroed();
        (request.count, request.kind, request.memory) = (count, CAPTURE, MMAP);
        self.call(REQBUFS, &mut request)?;
        Ok(request.count)
    }

    /// Where a buffer begins in the device's memory, and its length in bytes.
    ///
    /// # Errors
    /// Where there is no such buffer.
    pub(in crate::source::v4l2) fn buffer(&self, number: usize) -> io::Result<(u32, usize)> {
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
    pub(in crate::source::v4l2) fn queue(&self, number: usize) -> io::Result<()> {
        self.call(QBUF, &mut Buffer::of(number))
    }

    /// Takes a buffer that it has filled.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where there is none now; otherwise the stream has ended.
    pub(in crate::source::v4l2) fn take(&self) -> io::Result<Taken> {
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
    pub(in crate::source::v4l2) fn start(&self) -> io::Result<()> {
        self.call(STREAMON, &mut (CAPTURE as libc::c_int))
    }

    /// Stops capturing. All buffers are this program's again.
    ///
    /// # Errors
    /// Where it is gone.
    pub(in crate::source::v4l2) fn stop(&self) -> io::Result<()> {
        self.call(STREAMOFF, &mut (CAPTURE as libc::c_int))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether there is no such control, and none behind it; or no device any more, or none that has any.
fn is_end(error: &io::Error) -> bool {
    let ends = [libc::EINVAL, libc::ENODEV, libc::ENOTTY, libc::ENOSYS];
    error
        .raw_os_error()
        .is_some_and(|error| ends.contains(&error))
}

/// Text up to its first 0, whatever it is made of.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}
#[cfg(test)]
mod tests {
    use super::*;

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

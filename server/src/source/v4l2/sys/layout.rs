//! The structures of `linux/videodev2.h` and the numbers of its calls, as far as capturing needs them. A test compares them with
//! what the C compiler makes of that header.

use std::mem::size_of;

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Capability {
    pub(super) driver: [u8; 16],
    pub(super) card: [u8; 32],
    pub(super) bus_info: [u8; 32],
    pub(super) version: u32,
    pub(super) capabilities: u32,
    pub(super) device_caps: u32,
    pub(super) reserved: [u32; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct FormatDescription {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) description: [u8; 32],
    pub(super) pixel_format: [u8; 4],
    pub(super) mbus_code: u32,
    pub(super) reserved: [u32; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct FrameSize {
    pub(super) index: u32,
    pub(super) pixel_format: [u8; 4],
    pub(super) kind: u32,
    /// Width and height, or least, greatest and step of both.
    pub(super) values: [u32; 6],
    pub(super) reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct FrameInterval {
    pub(super) index: u32,
    pub(super) pixel_format: [u8; 4],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: u32,
    /// A fraction of a second, or the shortest, the longest and the step.
    pub(super) values: [u32; 6],
    pub(super) reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Format {
    pub(super) kind: u32,
    pub(super) fmt: FormatUnion,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union FormatUnion {
    pub(super) pix: Pix,
    pub(super) raw: [u8; 200],
    /// Other members hold pointers.
    pub(super) _align: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Pix {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel_format: [u8; 4],
    pub(super) field: u32,
    pub(super) bytes_per_line: u32,
    pub(super) size_image: u32,
    pub(super) colorspace: u32,
    pub(super) private: u32,
    pub(super) flags: u32,
    pub(super) ycbcr_encoding: u32,
    pub(super) quantization: u32,
    pub(super) transfer: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct StreamParameters {
    pub(super) kind: u32,
    pub(super) capability: u32,
    pub(super) mode: u32,
    /// Numerator and denominator of a second.
    pub(super) interval: [u32; 2],
    pub(super) rest: [u32; 46],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct RequestBuffers {
    pub(super) count: u32,
    pub(super) kind: u32,
    pub(super) memory: u32,
    pub(super) capabilities: u32,
    pub(super) flags: u8,
    pub(super) reserved: [u8; 3],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Buffer {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) bytes_used: u32,
    pub(super) flags: u32,
    pub(super) field: u32,
    pub(super) timestamp: libc::timeval,
    pub(super) timecode: [u32; 4],
    pub(super) sequence: u32,
    pub(super) memory: u32,
    pub(super) at: BufferUnion,
    pub(super) length: u32,
    pub(super) reserved: [u32; 2],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) union BufferUnion {
    pub(super) offset: u32,
    pub(super) _pointer: usize,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct QueryControl {
    pub(super) id: u32,
    pub(super) kind: u32,
    pub(super) name: [u8; 32],
    pub(super) minimum: i64,
    pub(super) maximum: i64,
    pub(super) step: u64,
    pub(super) default: i64,
    pub(super) flags: u32,
    pub(super) elem_size: u32,
    pub(super) elems: u32,
    pub(super) dimensions: [u32; 5],
    pub(super) reserved: [u32; 32],
}

/// Packed, so that it is no more than four bytes aligned.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct QueryMenu {
    pub(super) id: u32,
    pub(super) index: u32,
    /// A text, or a number of 64 bits.
    pub(super) item: [u8; 32],
    pub(super) reserved: u32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct ControlValue {
    pub(super) id: u32,
    pub(super) value: i32,
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct EventSubscription {
    pub(super) kind: u32,
    pub(super) id: u32,
    pub(super) flags: u32,
    pub(super) reserved: [u32; 5],
}

#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Event {
    pub(super) kind: u32,
    pub(super) what: EventData,
    pub(super) pending: u32,
    pub(super) sequence: u32,
    pub(super) timestamp: libc::timespec,
    pub(super) id: u32,
    pub(super) reserved: [u32; 8],
}

/// A union of which one member has a number of 64 bits.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct EventData([u64; 8]);

const READ: u32 = 2;
const WRITE: u32 = 1;

/// `_IOC` of `asm-generic/ioctl.h`, as on every machine that this runs on. The type follows from the size of `T`.
const fn number<T>(direction: u32, number: u32) -> libc::Ioctl {
    ((direction << 30) | ((size_of::<T>() as u32) << 16) | ((b'V' as u32) << 8) | number)
        as libc::Ioctl
}

pub(super) const QUERYCAP: libc::Ioctl = number::<Capability>(READ, 0);
pub(super) const ENUM_FMT: libc::Ioctl = number::<FormatDescription>(READ | WRITE, 2);
pub(super) const S_FMT: libc::Ioctl = number::<Format>(READ | WRITE, 5);
pub(super) const REQBUFS: libc::Ioctl = number::<RequestBuffers>(READ | WRITE, 8);
pub(super) const QUERYBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 9);
pub(super) const QBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 15);
pub(super) const DQBUF: libc::Ioctl = number::<Buffer>(READ | WRITE, 17);
pub(super) const STREAMON: libc::Ioctl = number::<libc::c_int>(WRITE, 18);
pub(super) const STREAMOFF: libc::Ioctl = number::<libc::c_int>(WRITE, 19);
pub(super) const G_PARM: libc::Ioctl = number::<StreamParameters>(READ | WRITE, 21);
pub(super) const S_PARM: libc::Ioctl = number::<StreamParameters>(READ | WRITE, 22);
pub(super) const G_CTRL: libc::Ioctl = number::<ControlValue>(READ | WRITE, 27);
pub(super) const S_CTRL: libc::Ioctl = number::<ControlValue>(READ | WRITE, 28);
pub(super) const QUERYMENU: libc::Ioctl = number::<QueryMenu>(READ | WRITE, 37);
pub(super) const DQEVENT: libc::Ioctl = number::<Event>(READ, 89);
pub(super) const SUBSCRIBE_EVENT: libc::Ioctl = number::<EventSubscription>(WRITE, 90);
pub(super) const QUERY_EXT_CTRL: libc::Ioctl = number::<QueryControl>(READ | WRITE, 103);
pub(super) const ENUM_FRAMESIZES: libc::Ioctl = number::<FrameSize>(READ | WRITE, 74);
pub(super) const ENUM_FRAMEINTERVALS: libc::Ioctl = number::<FrameInterval>(READ | WRITE, 75);

impl Buffer {
    pub(super) fn of(number: usize) -> Self {
        Self {
            index: number as u32,
            kind: super::CAPTURE,
            memory: super::MMAP,
            ..zeroed()
        }
    }
}

/// Structures for the kernel, with nothing in them.
pub(super) fn zeroed<T: Plain>() -> T {
    // SAFETY: `Plain` types are integers, arrays of them, and unions of both.
    #[expect(unsafe_code, reason = "the kernel wants its reserved fields to be 0")]
    unsafe {
        std::mem::zeroed()
    }
}

/// Types of which all bits may be 0.
pub(super) trait Plain {}
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
impl Plain for EventSubscription {}
impl Plain for Event {}

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
            DQEVENT as usize,
            SUBSCRIBE_EVENT as usize,
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
            offset_of!(Event, id),
            offset_of!(EventSubscription, id),
        ];
        // No program is run, which may be one for another machine than that which compiles it.
        let mut checks = String::from("#include <stddef.h>\n#include <linux/videodev2.h>\n");
        let theirs = THEIRS.split(';').map(str::trim);
        for (name, number) in theirs.zip(ours) {
            checks += &format!("_Static_assert({name} == {number}UL, \"{name}\");\n");
        }
        assert_eq!(THEIRS.split(';').count(), ours.len());
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("checks.c");
        std::fs::write(&source, checks).unwrap();
        let check = |compiler: &str| {
            Command::new(compiler)
                .arg("-fsyntax-only")
                .arg(&source)
                .status()
        };
        let cross = match std::env::consts::ARCH {
            "arm" => "arm-linux-gnueabihf-gcc",
            "aarch64" => "aarch64-linux-gnu-gcc",
            _ => "cc",
        };
        let checked = check(cross).or_else(|_| check("cc"));
        assert!(checked.unwrap().success());
    }

    /// The same in C.
    const THEIRS: &str = "
        VIDIOC_QUERYCAP; VIDIOC_ENUM_FMT; VIDIOC_S_FMT; VIDIOC_REQBUFS; VIDIOC_QUERYBUF; VIDIOC_QBUF; VIDIOC_DQBUF;
        VIDIOC_STREAMON; VIDIOC_STREAMOFF; VIDIOC_G_PARM; VIDIOC_S_PARM; VIDIOC_ENUM_FRAMESIZES;
        VIDIOC_ENUM_FRAMEINTERVALS; VIDIOC_G_CTRL; VIDIOC_S_CTRL; VIDIOC_QUERYMENU; VIDIOC_QUERY_EXT_CTRL;
        VIDIOC_DQEVENT; VIDIOC_SUBSCRIBE_EVENT; offsetof(struct v4l2_capability, device_caps);
        offsetof(struct v4l2_fmtdesc, pixelformat); offsetof(struct v4l2_frmsizeenum, discrete);
        offsetof(struct v4l2_frmivalenum, discrete); offsetof(struct v4l2_format, fmt);
        offsetof(struct v4l2_pix_format, quantization); offsetof(struct v4l2_streamparm, parm.capture.timeperframe);
        offsetof(struct v4l2_requestbuffers, capabilities); offsetof(struct v4l2_buffer, bytesused);
        offsetof(struct v4l2_buffer, timestamp); offsetof(struct v4l2_buffer, sequence);
        offsetof(struct v4l2_buffer, m); offsetof(struct v4l2_buffer, length);
        offsetof(struct v4l2_query_ext_ctrl, minimum); offsetof(struct v4l2_query_ext_ctrl, flags);
        offsetof(struct v4l2_querymenu, name); offsetof(struct v4l2_event, id);
        offsetof(struct v4l2_event_subscription, id)";
}

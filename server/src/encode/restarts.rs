//! Samples → JPEG with restart intervals, which the crate `turbojpeg` has no way to ask for.

#![expect(unsafe_code, reason = "libjpeg-turbo is C")]

use super::EncodeError;
use super::jpeg::LARGEST;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};
use turbojpeg::{Error, Subsamp, YuvPlanesImage, compressed_buf_len, raw};

/// An encoder of libjpeg-turbo, with what it was set to.
#[derive(Debug)]
pub(super) struct Restarts {
    handle: NonNull<c_void>,
    /// Room for the largest JPEG that the current size can give; only what is written costs memory.
    room: Vec<u8>,
}

// SAFETY: libjpeg-turbo's instances are bound to no thread.
unsafe impl Send for Restarts {}

impl Restarts {
    /// # Errors
    /// Where libjpeg-turbo has no memory.
    pub(super) fn new() -> Result<Self, EncodeError> {
        // SAFETY: it takes a number and gives a new handle or null.
        let handle = unsafe { raw::tj3Init(raw::TJINIT_TJINIT_COMPRESS as c_int) };
        Ok(Self {
            handle: NonNull::new(handle).ok_or(Error::Null)?,
            room: Vec::new(),
        })
    }

    /// The picture as [`super::JpegEncoder::encode`] makes it, with a restart after every so many MCUs; 0 is none.
    ///
    /// # Errors
    /// As there. Planes that are too short are a bug of the caller's.
    pub(super) fn encode(
        &mut self,
        image: &YuvPlanesImage<&[u8]>,
        quality: u8,
        mcus: usize,
    ) -> Result<&[u8], EncodeError> {
        assert!(is_whole(image), "a plane is too short");
        self.set(raw::TJPARAM_TJPARAM_QUALITY, i32::from(quality))?;
        self.set(raw::TJPARAM_TJPARAM_SUBSAMP, image.subsamp as i32)?;
        self.set(raw::TJPARAM_TJPARAM_NOREALLOC, 1)?;
        self.set(raw::TJPARAM_TJPARAM_RESTARTBLOCKS, mcus as i32)?;
        // Each restart has a marker, and bits up to a whole byte.
        let restarts = (image.width.div_ceil(8) * image.height.div_ceil(8)).div_ceil(mcus.max(1));
        let room = compressed_buf_len(image.width, image.height, image.subsamp)? + 8 * restarts;
        if self.room.len() < room {
            self.room = vec![0; room];
        }
        let planes = [image.y_plane, image.u_plane, image.v_plane].map(<[u8]>::as_ptr);
        let strides =
            [image.y_stride, image.u_stride, image.v_stride].map(|stride| stride as c_int);
        let (mut jpeg, mut len) = (self.room.as_mut_ptr(), self.room.len() as raw::size_t);
        // SAFETY: the handle is valid until drop, the planes are as long as their size needs, which was checked above, and the room
        // is as long as that, and not to be replaced.
        let done = unsafe {
            raw::tj3CompressFromYUVPlanes8(
                self.handle.as_ptr(),
                planes.as_ptr(),
                image.width as c_int,
                strides.as_ptr(),
                image.height as c_int,
                ptr::from_mut(&mut jpeg),
                ptr::from_mut(&mut len),
            )
        };
        self.accept(done)?;
        Ok(&self.room[..len as usize])
    }

    fn set(&mut self, param: raw::TJPARAM, value: i32) -> Result<(), EncodeError> {
        // SAFETY: the handle is valid until drop.
        let done = unsafe { raw::tj3Set(self.handle.as_ptr(), param as c_int, value) };
        self.accept(done)
    }

    fn accept(&mut self, done: c_int) -> Result<(), EncodeError> {
        if done == 0 {
            return Ok(());
        }
        // SAFETY: the handle is valid until drop, and the text until the next call.
        let text = unsafe { CStr::from_ptr(raw::tj3GetErrorStr(self.handle.as_ptr())) };
        let text = text.to_string_lossy().into_owned();
        Err(Error::TurboJpegError(text).into())
    }
}

/// Whether the planes are as long as libjpeg-turbo reads them.
fn is_whole(image: &YuvPlanesImage<&[u8]>) -> bool {
    let YuvPlanesImage { width, height, .. } = *image;
    let (lines, chroma_lines) = match image.subsamp {
        Subsamp::Sub2x2 => (height.next_multiple_of(2), height.div_ceil(2)),
        Subsamp::Sub2x1 => (height, height),
        _ => return false,
    };
    let has = |data: &[u8], stride: usize, row: usize, lines: usize| {
        let needed = stride.checked_mul(lines.saturating_sub(1));
        let needed = needed.and_then(|needed| needed.checked_add(row));
        stride >= row
            && stride <= c_int::MAX as usize
            && needed.is_some_and(|needed| needed <= data.len())
    };
    (1..=LARGEST).contains(&width)
        && (1..=LARGEST).contains(&height)
        && width.is_multiple_of(2)
        && has(image.y_plane, image.y_stride, width, lines)
        && has(image.u_plane, image.u_stride, width / 2, chroma_lines)
        && has(image.v_plane, image.v_stride, width / 2, chroma_lines)
}

impl Drop for Restarts {
    fn drop(&mut self) {
        // SAFETY: it is valid, and not used after this.
        unsafe { raw::tj3Destroy(self.handle.as_ptr()) };
    }
}

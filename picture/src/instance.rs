//! An instance of libjpeg-turbo that reads JPEGs as browsers do: what it only warns of is a picture, and what asks for too much is
//! none.
//!
//! Those of the crate `turbojpeg` take each warning for an error, and have no limit on memory. What is done with an instance
//! belongs to [`crate::decoder`] and [`crate::turn`].

#![expect(unsafe_code, reason = "libjpeg-turbo is C")]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;
use turbojpeg::{Error, raw};

/// Progressive JPEGs with more scans are refused: each is a pass over the whole picture, and 16 MiB can hold a hundred thousand.
/// Usual ones have ten.
const MOST_SCANS: i32 = 100;

/// MiB that libjpeg may use for one picture: enough for all coefficients of one of 22 million pixels in 4:4:4. A sequential one
/// needs a few lines where it is only decoded.
const MOST_MEMORY: i32 = 128;

/// How libjpeg's warnings begin: what it writes after them, where it gives up all the same, begins otherwise.
const WARNINGS: [&str; 6] = [
    "Corrupt JPEG data: ",
    "Premature end of JPEG file",
    "Inconsistent progression sequence",
    "Unknown Adobe color transform",
    "Warning: unknown JFIF revision",
    "Invalid SOS parameters for sequential",
];

/// An instance for one JPEG. A used one keeps tables, which a picture that lacks some would be read with.
#[derive(Debug)]
pub(crate) struct Instance {
    handle: NonNull<c_void>,
    /// What is wrong with the picture, though there is one.
    pub warning: Option<String>,
}

impl Instance {
    /// One of that kind, with limits.
    ///
    /// # Errors
    /// Where libjpeg-turbo has no memory.
    pub(crate) fn new(kind: raw::TJINIT) -> Result<Self, Error> {
        // SAFETY: it takes a number and gives a new handle or null.
        let handle = unsafe { raw::tj3Init(kind as c_int) };
        let mut instance = Self {
            handle: NonNull::new(handle).ok_or(Error::Null)?,
            warning: None,
        };
        instance.set(raw::TJPARAM_TJPARAM_SCANLIMIT, MOST_SCANS)?;
        instance.set(raw::TJPARAM_TJPARAM_MAXMEMORY, MOST_MEMORY)?;
        Ok(instance)
    }

    /// The handle, which is valid until drop.
    pub(crate) fn handle(&self) -> *mut c_void {
        self.handle.as_ptr()
    }

    pub(crate) fn set(&mut self, param: raw::TJPARAM, value: i32) -> Result<(), Error> {
        // SAFETY: the handle is valid until drop.
        let done = unsafe { raw::tj3Set(self.handle(), param as c_int, value) };
        self.accept(done)
    }

    pub(crate) fn get(&self, param: raw::TJPARAM) -> i32 {
        // SAFETY: the handle is valid until drop.
        unsafe { raw::tj3Get(self.handle(), param as c_int) }
    }

    /// What a call has returned, with warnings taken for success.
    ///
    /// # Errors
    /// Whatever libjpeg-turbo says.
    pub(crate) fn accept(&mut self, done: c_int) -> Result<(), Error> {
        if done == 0 {
            return Ok(());
        }
        // SAFETY: the handle is valid until drop, and the text until the next call.
        let (text, code) = unsafe {
            let text = CStr::from_ptr(raw::tj3GetErrorStr(self.handle()));
            (
                text.to_string_lossy().into_owned(),
                raw::tj3GetErrorCode(self.handle()),
            )
        };
        // After a warning, an error counts as a warning, too.
        let is_warning = code == raw::TJERR_TJERR_WARNING as i32
            && WARNINGS.iter().any(|warning| text.starts_with(warning));
        if is_warning {
            self.warning.get_or_insert(text);
            Ok(())
        } else {
            Err(Error::TurboJpegError(text))
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: it is valid, and not used after this.
        unsafe { raw::tj3Destroy(self.handle()) };
    }
}

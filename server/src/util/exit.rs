//! How the process ends: as any other, or at once where threads are left that are in code of C++ libraries.
//!
//! At an ordinary exit the statics of those libraries are destroyed, whatever threads do meanwhile that still use them: libcamera
//! crashes, or hangs.

use std::sync::atomic::{AtomicUsize, Ordering};

static BUSY: AtomicUsize = AtomicUsize::new(0);

/// Held while a thread may be in such code.
#[derive(Debug)]
pub(crate) struct Busy(());

impl Busy {
    /// From here on.
    pub(crate) fn new() -> Self {
        BUSY.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // What the thread did there is over before another one sees this.
        BUSY.fetch_sub(1, Ordering::Release);
    }
}

/// Ends the process with this status.
pub fn exit(status: u8) -> ! {
    if BUSY.load(Ordering::Acquire) == 0 {
        std::process::exit(status.into());
    }
    #[expect(unsafe_code, reason = "std destroys what those threads use")]
    // SAFETY: it does not return, and the system takes back all that is open.
    unsafe {
        libc::_exit(status.into());
    }
}

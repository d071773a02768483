//! The log of a libcamera in this process: a pipe of ours in place of standard error, and its last words.
//!
//! What happens to its lines belongs to [`super::log`].

use super::log::{LAST, forward};
use crate::log;
use libcamera::logging::log_set_file;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

/// How often the dying process looks whether its last words were written, and how long that takes in between.
const LOOKS: u32 = 100;
const LOOK_PAUSE: libc::timespec = libc::timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

/// Where [`LAST`] is written.
static PIPE: AtomicI32 = AtomicI32::new(-1);
static WAS_LAST: AtomicBool = AtomicBool::new(false);

/// Takes libcamera's log from standard error into ours, once. `LIBCAMERA_LOG_FILE` goes on naming another place for it, and
/// `LIBCAMERA_LOG_LEVELS` what is in it.
pub(super) fn redirect() {
    static ONCE: Once = Once::new();
    if log::is_running() && std::env::var_os("LIBCAMERA_LOG_FILE").is_none() {
        ONCE.call_once(|| {
            if let Err(error) = into_ours() {
                tracing::warn!(%error, "libcamera goes on writing to standard error by itself");
            }
        });
    }
}

fn into_ours() -> io::Result<()> {
    let (reader, writer) = io::pipe()?;
    let thread = std::thread::Builder::new().name("libcamera-log".into());
    thread.spawn(move || forward(reader, tell_last))?;
    // libcamera's end is one of its own. It waits where the pipe is full, and its reader waits for nothing.
    log_set_file(&format!("/proc/self/fd/{}", writer.as_raw_fd()), false)?;
    PIPE.store(writer.into_raw_fd(), Ordering::Release);
    wait_for_last_words();
    Ok(())
}

/// What came before libcamera's last words ended is on its way.
fn tell_last() {
    log::flush();
    WAS_LAST.store(true, Ordering::Release);
}

/// Has an `abort()`, as libcamera ends when an assertion fails, wait until what it said of it is written.
fn wait_for_last_words() {
    let handler: extern "C" fn(libc::c_int) = aborting;
    // SAFETY: the handler does only what POSIX allows in one: write, nanosleep, and atomics that need no lock.
    #[expect(unsafe_code, reason = "std has no signals")]
    unsafe {
        libc::signal(libc::SIGABRT, handler as libc::sighandler_t);
    }
}

extern "C" fn aborting(_: libc::c_int) {
    // SAFETY: the pipe's end is never closed, and both structures outlive the calls. `abort` doesn't return to code that
    // could see another errno.
    #[expect(unsafe_code, reason = "what std has may not be called in here")]
    unsafe {
        libc::write(
            PIPE.load(Ordering::Acquire),
            LAST.as_ptr().cast(),
            LAST.len(),
        );
        for _ in 0..LOOKS {
            if WAS_LAST.load(Ordering::Acquire) {
                break;
            }
            libc::nanosleep(&LOOK_PAUSE, std::ptr::null_mut());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::isolated::{finish, inside, is_inside};
    use super::*;
    use libcamera::camera_manager::CameraManager;
    use pistreamer_local_camera::libcamera::Lease;

    #[test]
    fn what_libcamera_says_before_it_aborts_is_written() {
        const NAME: &str =
            "source::libcamera::linked_log::tests::what_libcamera_says_before_it_aborts_is_written";
        if is_inside() {
            log::start().unwrap();
            redirect();
            let _first = Lease::new().unwrap();
            // It may have only one.
            let _second = CameraManager::new();
            return;
        }
        let (success, output) = finish(inside(NAME));
        assert!(!success, "{output}");
        assert!(
            output.contains("libcamera: ERROR") && output.contains("Multiple CameraManager"),
            "{output}"
        );
    }
}

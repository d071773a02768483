//! libcamera's own log, as lines of ours: written by the log's thread, so that a standard error that takes nothing holds up
//! no thread of libcamera.
//!
//! How lines are written, and what becomes of those that find no room, belongs to [`crate::log`].

use crate::log;
use libcamera::logging::log_set_file;
use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use tracing::Level;

/// Longest line that is kept whole, in bytes.
const MOST_LINE: u64 = 2048;

/// Stands in the pipe behind libcamera's last words.
const LAST: &[u8] = b"\0\n";

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
    thread.spawn(move || forward(reader))?;
    // libcamera's end is one of its own. It waits where the pipe is full, and its reader waits for nothing.
    log_set_file(&format!("/proc/self/fd/{}", writer.as_raw_fd()), false)?;
    PIPE.store(writer.into_raw_fd(), Ordering::Release);
    wait_for_last_words();
    Ok(())
}

fn forward(pipe: PipeReader) {
    let mut pipe = BufReader::new(pipe);
    let (mut line, mut level) = (Vec::new(), Level::INFO);
    // Ends where the pipe's other end could not be handed to libcamera.
    while let Ok(1..) = pipe.by_ref().take(MOST_LINE).read_until(b'\n', &mut line) {
        if line == LAST {
            log::flush();
            WAS_LAST.store(true, Ordering::Release);
        } else {
            let text = String::from_utf8_lossy(&line);
            let (its, text) = parse(text.trim_end());
            // A line without a level belongs to the one before it.
            level = its.unwrap_or(level);
            tell(level, text);
        }
        line.clear();
    }
}

/// Level and text of `[0:04:05.678] [1234]  WARN Category file.cpp:12 text`.
fn parse(line: &str) -> (Option<Level>, &str) {
    let parts = || {
        let (_, rest) = line.strip_prefix('[')?.split_once("] [")?;
        let (_, rest) = rest.split_once("] ")?;
        let (level, text) = rest.trim_start().split_once(' ')?;
        let level = match level {
            "DEBUG" => Level::DEBUG,
            "INFO" => Level::INFO,
            "WARN" => Level::WARN,
            "ERROR" | "FATAL" => Level::ERROR,
            _ => return None,
        };
        Some((Some(level), text))
    };
    parts().unwrap_or((None, line))
}

fn tell(level: Level, text: &str) {
    macro_rules! tell {
        ($level:ident) => {
            tracing::event!(target: log::LIBCAMERA, Level::$level, "libcamera: {text}")
        };
    }
    // Commands that only print have no log.
    if !tracing::dispatcher::has_been_set() {
        return log::say(&format!("libcamera: {level} {text}"));
    }
    match level {
        Level::ERROR => tell!(ERROR),
        Level::WARN => tell!(WARN),
        Level::INFO => tell!(INFO),
        _ => tell!(DEBUG),
    }
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
    use super::super::manager::Lease;
    use super::super::tests::isolated::{finish, inside, is_inside};
    use super::*;
    use libcamera::camera_manager::CameraManager;

    #[test]
    fn lines_keep_their_level_and_lose_what_the_log_tells_anyway() {
        assert_eq!(
            parse("[3:00:01.000000002] [77]  INFO Camera camera_manager.cpp:340 libcamera v0.7.2"),
            (
                Some(Level::INFO),
                "Camera camera_manager.cpp:340 libcamera v0.7.2"
            )
        );
        let fatal = "[0:00:01.2] [7] FATAL default log.cpp:1 assertion \"a] [b\" failed";
        assert_eq!(
            parse(fatal),
            (
                Some(Level::ERROR),
                "default log.cpp:1 assertion \"a] [b\" failed"
            )
        );
        for odd in ["", "[", "  0x123 in main", "[1] [2] LOUD x", "[1] [2] WARN"] {
            assert_eq!(parse(odd), (None, odd));
        }
    }

    #[test]
    fn what_libcamera_says_before_it_aborts_is_written() {
        const NAME: &str =
            "source::libcamera::log::tests::what_libcamera_says_before_it_aborts_is_written";
        if is_inside() {
            log::start().unwrap();
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

//! Panics, which are bugs: each costs no more than what it happens in, and is one line of the log.
//!
//! What goes on after one, and when, is up to the caller: [`crate::source`] opens its device again, and
//! [`crate::encode`] leaves the frame out.

use crate::util::log_throttle::EventThrottle;
use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

/// Writes every panic from here on to the log, in one line each, instead of several to standard error. A panic that
/// comes again and again is folded.
pub(crate) fn log() {
    static SEEN: EventThrottle = EventThrottle::new();
    panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let Some(times) = SEEN.again() else { return };
        let thread = std::thread::current();
        tracing::error!(
            thread = thread.name().unwrap_or("unnamed"),
            at = info.location().map(tracing::field::display),
            times,
            "a bug in pistreamer: {}; it goes on; please report this line",
            text(info.payload())
        );
    }));
}

/// What the work returns, or what it panicked with. Whatever it changed has to be thrown away after a panic, or good at
/// every point.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| text(&*payload).to_owned())
}

fn text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "it says nothing"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_tells_why_and_what_does_not_returns() {
        assert_eq!(caught(|| 1), Ok(1));
        assert_eq!(caught(|| panic!("so")), Err::<(), _>("so".into()));
        let number = 2;
        assert_eq!(
            caught(|| panic!("so {number}")),
            Err::<(), _>("so 2".into())
        );
        let odd = caught(|| panic::panic_any(number));
        assert_eq!(odd, Err::<(), _>("it says nothing".into()));
    }
}

//! The `pistreamer` program: run, exit code. Everything else is in the library.

use pistreamer::config::Problems;
use pistreamer::stdout::PrintError;
use pistreamer::util::{exit, memory, signals};
use pistreamer::{cmd, log};

/// As other programs end that could not do what they were asked for.
const FAILURE: u8 = 1;

fn main() -> ! {
    memory::keep_for_frames();
    signals::ignore_file_size_limit();
    let started = log::start().map_err(Into::into);
    let status = started.and_then(|()| cmd::run(std::env::args_os()));
    let status = status.unwrap_or_else(|error| {
        if !matches!(error.downcast_ref(), Some(PrintError::ReaderGone)) {
            log::say(&match error.downcast_ref::<Problems>() {
                Some(problems) => problems.lines(),
                None => format!("pistreamer: {error:#}"),
            });
        }
        FAILURE
    });
    log::flush();
    exit::exit(status)
}

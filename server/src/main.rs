//! The `pistreamer` program: run, exit code. Everything else is in the library.

use pistreamer::config::Problems;
use pistreamer::stdout::PrintError;
use pistreamer::util::{memory, signals};
use pistreamer::{cmd, log};
use std::process::ExitCode;

fn main() -> ExitCode {
    memory::keep_for_frames();
    signals::ignore_file_size_limit();
    let started = log::start().map_err(Into::into);
    let code = started.and_then(|()| cmd::run(std::env::args_os()));
    let code = code.unwrap_or_else(|error| {
        if !matches!(error.downcast_ref(), Some(PrintError::ReaderGone)) {
            log::say(&match error.downcast_ref::<Problems>() {
                Some(problems) => problems.lines(),
                None => format!("pistreamer: {error:#}"),
            });
        }
        ExitCode::FAILURE
    });
    log::flush();
    code
}

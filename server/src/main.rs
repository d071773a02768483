//! The `pistreamer` program: parse, run, exit code. Everything else is in the library.

use pistreamer::cli::{Cli, Command};
use pistreamer::stdout::{self, PrintError};
use pistreamer::usage::{self, Answer};
use pistreamer::util::memory;
use pistreamer::{cmd, log};
use std::process::ExitCode;

/// As other programs end that were called wrongly.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    memory::keep_for_frames();
    let code = log::start().map_err(Into::into).and_then(|()| start());
    let code = code.unwrap_or_else(|error| {
        if !matches!(error.downcast_ref(), Some(PrintError::ReaderGone)) {
            log::say(&format!("pistreamer: {error:#}"));
        }
        ExitCode::FAILURE
    });
    log::flush();
    code
}

fn start() -> anyhow::Result<ExitCode> {
    match usage::parse(std::env::args_os()) {
        Ok(cli) => run(&cli).map(|()| ExitCode::SUCCESS),
        Err(Answer::Help(text)) => {
            stdout::print(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Answer::Wrong(text)) => {
            log::say(&format!("pistreamer: {text}"));
            Ok(ExitCode::from(WRONG_USAGE))
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        None => cmd::serve::run(&cli.serve),
        Some(Command::Cameras) => cmd::cameras::run(),
        Some(Command::Key(typed)) => cmd::key::run(typed),
        Some(Command::Push(typed)) => cmd::push::run(typed),
        Some(Command::Grab(typed)) => cmd::grab::run(typed),
        Some(Command::Config(typed)) => cmd::config::run(typed),
    }
}

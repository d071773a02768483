//! The commands, a file for each: what a command line asks for is done with the library's parts, and reported to people.
//!
//! Nothing of the library imports this.

mod alert;
mod api;
mod cameras;
mod config;
mod control;
mod doctor;
mod find;
mod generate;
mod grab;
mod key;
mod motion;
mod process;
mod push;
mod recordings;
mod serve;
mod set;

use crate::cli::{Cli, Command};
use crate::stdout;
use crate::usage::{self, Answer};
use std::ffi::OsString;

const SUCCESS: u8 = 0;

/// As other programs end that were called wrongly.
const WRONG_USAGE: u8 = 2;

/// Does what a command line, which begins with the program's name, asks for. Returns the status with which the program is to end.
///
/// # Errors
/// Where it cannot be done, or what there is to print cannot be.
pub fn run(typed: impl IntoIterator<Item = OsString>) -> anyhow::Result<u8> {
    match usage::parse(typed) {
        Ok(cli) => command(&cli).map(|()| SUCCESS),
        Err(Answer::Help(text)) => {
            stdout::print(&text)?;
            Ok(SUCCESS)
        }
        Err(Answer::Wrong(text)) => {
            crate::log::say(&format!("pistreamer: {text}"));
            Ok(WRONG_USAGE)
        }
    }
}

fn command(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Cameras) => cameras::run(),
        Some(Command::Key(typed)) => key::run(typed),
        Some(Command::Push(typed)) => push::run(typed),
        Some(Command::Grab(typed)) => grab::run(typed),
        Some(Command::Control(typed)) => control::run(typed),
        Some(Command::Set(typed)) => set::run(typed),
        Some(Command::Find(typed)) => find::run(typed),
        Some(Command::Recordings(typed)) => recordings::run(typed),
        Some(Command::Motion(typed)) => motion::run(typed),
        Some(Command::Alert(typed)) => alert::run(typed),
        Some(Command::Config(typed)) => config::run(typed),
        Some(Command::Doctor(typed)) => doctor::run(typed),
        Some(Command::Generate(typed)) => generate::run(typed),
    }
}

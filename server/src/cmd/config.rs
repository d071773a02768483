//! `pistreamer config`: says whether a file is right, what all files make together, and what there is to set.

use crate::cli::{self, ConfigCommand};
use crate::config::{self, Loaded};
use crate::stdout;

/// Does what `pistreamer config` was told, and prints the answer.
///
/// # Errors
/// Where a file is wrong, or standard output takes no text.
pub(super) fn run(typed: &cli::Config) -> anyhow::Result<()> {
    let answer = match &typed.command {
        ConfigCommand::Check { file } => config::check(file)?,
        ConfigCommand::Show(typed) => Loaded::new(typed)?.shown(),
        ConfigCommand::Example => config::example(),
    };
    Ok(stdout::print(&answer)?)
}

//! `pistreamer generate`: manual pages and shells' completions, made of the command line as it is. Packages have them.

use crate::cli::{Cli, Generate, GenerateCommand};
use crate::stdout;
use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

/// Writes or prints what was asked for.
///
/// # Errors
/// Where it cannot be written.
pub(super) fn run(typed: &Generate) -> anyhow::Result<()> {
    // What it says about help is in each page.
    let mut command = Cli::command().disable_help_subcommand(true);
    let shell = match &typed.what {
        GenerateCommand::Man { directory } => {
            return clap_mangen::generate_to(command, directory).with_context(|| {
                format!(
                    "the manual pages cannot be written into {}",
                    directory.display()
                )
            });
        }
        GenerateCommand::Bash => Shell::Bash,
        GenerateCommand::Zsh => Shell::Zsh,
        GenerateCommand::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "pistreamer", &mut text);
    Ok(stdout::print(&String::from_utf8_lossy(&text))?)
}

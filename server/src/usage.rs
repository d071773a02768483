//! The command line as it was typed: taken apart, and refused in one line that says what would be taken.
//!
//! The flags belong to [`crate::cli`], what they mean to [`crate::config`].

use crate::called;
use crate::cli::{self, Cli, Push, Serve};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, CommandFactory, Error, FromArgMatches};
use std::error::Error as _;
use std::ffi::OsString;

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Answer {
    /// What was asked for, such as `--help`.
    Help(String),
    /// What is wrong, and what to do.
    Wrong(String),
}

/// Takes the command line apart.
///
/// # Errors
/// With what there is to say in place of doing anything.
pub(crate) fn parse(typed: impl IntoIterator<Item = OsString>) -> Result<Cli, Answer> {
    let typed: Vec<_> = typed.into_iter().collect();
    let mut command = with_negative_numbers(Cli::command());
    let parsed = command.try_get_matches_from_mut(&typed);
    parsed
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::DisplayVersion => Answer::Help(error.to_string()),
            ErrorKind::InvalidUtf8 => Answer::Wrong(not_utf8(&typed)),
            _ => {
                let (meant, name) = meant(&command, &typed);
                Answer::Wrong(explained(&error, meant, &name))
            }
        })
}

/// A command line of the server, without the program's name.
///
/// # Errors
/// With what there is to say in place of serving.
pub(crate) fn flags(typed: impl IntoIterator<Item = impl Into<OsString>>) -> Result<Serve, String> {
    match command_line(&["pistreamer"], typed)? {
        Cli {
            command: None,
            serve,
        } => Ok(serve),
        _ => Err("this is a command, and not flags of the server".into()),
    }
}

/// What is typed after `push`.
///
/// # Errors
/// With what there is to say in place of pushing.
pub(crate) fn push_flags(
    typed: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Push, String> {
    match command_line(&["pistreamer", "push"], typed)?.command {
        Some(cli::Command::Push(push)) => Ok(*push),
        _ => Err("this is not what push takes".into()),
    }
}

fn command_line(
    before: &[&str],
    typed: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Cli, String> {
    let before = before.iter().map(OsString::from);
    let parsed = parse(before.chain(typed.into_iter().map(Into::into)));
    parsed.map_err(|(Answer::Help(text) | Answer::Wrong(text))| text)
}

/// Which argument is not UTF-8 text; clap doesn't say.
fn not_utf8(typed: &[OsString]) -> String {
    let mut arguments = typed.iter().skip(1);
    let refused = arguments.find(|argument| argument.to_str().is_none());
    let shown = refused.map(|argument| argument.to_string_lossy());
    format!(
        "{:?} is not UTF-8 text: write it in UTF-8, or give the file another name",
        shown.unwrap_or_default()
    )
}

/// `--fps -1` is a rate that is not possible, and no flag `-1`.
fn with_negative_numbers(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let takes = arg.get_action().takes_values();
            arg.allow_negative_numbers(takes)
        })
        .mut_subcommands(with_negative_numbers)
}

/// The innermost command that was typed, and what is typed for its help.
fn meant<'a>(command: &'a Command, typed: &[OsString]) -> (&'a Command, String) {
    let (mut innermost, mut help) = (command, String::new());
    for word in typed.iter().skip(1) {
        if let Some(command) = innermost.find_subcommand(word) {
            innermost = command;
            help = help + command.get_name() + " ";
        }
    }
    (innermost, help + "--help")
}

fn explained(error: &Error, command: &Command, help: &str) -> String {
    let said = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    let (typed, value) = (
        said(ContextKind::InvalidArg).unwrap_or_default(),
        said(ContextKind::InvalidValue).unwrap_or_default(),
    );
    let first = typed.split(' ').next().unwrap_or_default();
    let flag = first.trim_matches(['<', '>', '[', ']', '.']);
    let takes = find(command, flag).map_or_else(String::new, |help| format!(": {help}"));
    let instead = [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ]
    .into_iter()
    .find_map(|kind| match error.get(kind) {
        // The most similar one is the last.
        Some(ContextValue::Strings(texts)) => texts.last().map(String::as_str),
        _ => said(kind),
    });
    let help = called::command(help);
    let or_help = match instead {
        Some(name) => format!("did you mean {name}?"),
        None => format!("{help} lists what there is"),
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            format!("{typed:?} is not understood: {or_help}")
        }
        ErrorKind::InvalidSubcommand => {
            let name = said(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("there is no command {name:?}: {or_help}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if value.is_empty() => {
            format!("{flag} needs a value{takes}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let why = error.source().map(ToString::to_string);
            match why {
                // What the flag's own parser says is complete.
                Some(text) if text.contains(&format!("{value:?}")) => format!("{flag}: {text}"),
                _ => format!("{flag} does not take {value:?}{takes}"),
            }
        }
        ErrorKind::MissingRequiredArgument => {
            format!("{flag} is missing{takes}; {help} lists what there is")
        }
        ErrorKind::ArgumentConflict => {
            let prior = said(ContextKind::PriorArg).unwrap_or_default();
            match said(ContextKind::InvalidSubcommand) {
                Some(name) if Cli::command().find_subcommand(name).is_none() => {
                    format!("there is no command {name:?}: {help} lists what there is")
                }
                Some(name) => {
                    let flag = prior.split(' ').next().unwrap_or_default();
                    format!(
                        "{flag} before {name} is a flag of the server: write what {name} takes after it"
                    )
                }
                None if prior != typed => format!("{typed} cannot be combined with {prior}"),
                None => format!("{flag} can be given only once"),
            }
        }
        ErrorKind::TooManyValues => format!("{flag} takes no value such as {value:?}"),
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            format!("{}; see {help}", first.trim_start_matches("error: "))
        }
    }
}

/// What the help says about a flag or a positional argument, in one line.
fn find(command: &Command, flag: &str) -> Option<String> {
    let is_it = |arg: &&Arg| match arg.get_long() {
        Some(long) => flag.strip_prefix("--") == Some(long),
        None => flag.eq_ignore_ascii_case(arg.get_id().as_str()),
    };
    let found = command.get_arguments().find(is_it);
    found.and_then(Arg::get_help).map(ToString::to_string)
}

//! What was typed after `pistreamer grab`, checked and completed.

use crate::cli;
use crate::placeholders::{self, PlaceholderError};
use pistreamer_client::protocol::WireFormat;
use pistreamer_client::{self as client, UrlError};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// A checked configuration.
#[derive(Clone, Debug)]
pub(super) struct Config {
    /// What to receive.
    pub subscription: client::Config,
    /// Where frames go.
    pub target: Target,
    /// Number of frames after which it stops.
    pub count: Option<u64>,
    /// Time after which it stops.
    pub duration: Option<Duration>,
}

/// Where frames go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A file each, in that directory.
    Directory(PathBuf),
    /// Standard output, one JPEG after the other.
    Stdout,
}

/// What is wrong with what was typed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConfigError {
    /// Not a server's URL.
    #[error(transparent)]
    BadUrl(#[from] UrlError),
    /// A secret in the URL is missing.
    #[error(transparent)]
    BadPlaceholder(#[from] PlaceholderError),
    /// Pictures would be written to a terminal.
    #[error("frames are not written to a terminal: give --out DIR, or pipe them into a program")]
    Terminal,
    /// Not a time.
    #[error("{flag} of {seconds} s is not possible: choose one from 0.01 to {longest}")]
    BadTime {
        /// The flag.
        flag: &'static str,
        /// What was typed.
        seconds: f64,
        /// The longest that is possible.
        longest: f64,
    },
}

/// Longest time between two frames: a server thins to one in an hour at most.
const LONGEST_PAUSE: f64 = 3600.0;

/// Longest time to grab: ten years.
const LONGEST: f64 = 10.0 * 365.0 * 86_400.0;

impl Config {
    /// Checks what was typed and completes it.
    ///
    /// # Errors
    /// With what is wrong, and what is possible.
    pub(super) fn new(typed: &cli::Grab) -> Result<Self, ConfigError> {
        // Of the two wire formats this one costs fewer bytes, and the receiver nothing.
        let url = placeholders::filled(&typed.url)?;
        let subscription = client::Config::new(&url).map_err(|error| error.about(&typed.url))?;
        let mut subscription = subscription.wire(WireFormat::Jpeg);
        if let Some(id) = &typed.camera {
            subscription = subscription.camera(id);
        }
        if let Some(every) = seconds("--every", typed.every, LONGEST_PAUSE)? {
            subscription = subscription.max_fps(1.0 / every.as_secs_f64());
        }
        let target = match &typed.out {
            Some(path) if path.as_os_str() != "-" => Target::Directory(path.clone()),
            _ if std::io::stdout().is_terminal() => return Err(ConfigError::Terminal),
            _ => Target::Stdout,
        };
        Ok(Self {
            subscription,
            target,
            count: typed.count,
            duration: seconds("--duration", typed.duration, LONGEST)?,
        })
    }
}

fn seconds(
    flag: &'static str,
    typed: Option<f64>,
    longest: f64,
) -> Result<Option<Duration>, ConfigError> {
    match typed {
        Some(seconds) if !(0.01..=longest).contains(&seconds) => Err(ConfigError::BadTime {
            flag,
            seconds,
            longest,
        }),
        typed => Ok(typed.map(Duration::from_secs_f64)),
    }
}

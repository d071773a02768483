//! What was typed, checked and completed: the only home of defaults. Each stage gets its own plain `Config` from here.

mod addresses;
mod board;
mod check;
mod checked;
mod example;
mod file;
mod flags;
mod layer;
mod load;
mod page;
mod pipe;
mod reload;
mod setting;
mod show;
mod urls;

pub use crate::camera::Settings as Camera;
pub(crate) use check::check;
pub(crate) use example::example;
pub use layer::{Origin, Problem, Problems};
pub use load::Loaded;
pub(crate) use load::OfKeys;
pub(crate) use reload::Reload;

use crate::access::Store;
use crate::called;
use crate::camera::{Settings, Target, TargetError};
use crate::cli;
use crate::front::{AllowedOrigins, Certificate, KnownHosts, Limits};
use crate::placeholders::PlaceholderError;
use crate::session;
use crate::source::Pauses;
use crate::usage;
use layer::Layer;
use load::Places;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cameras, in order; at least one.
    pub cameras: Vec<Settings>,
    /// Addresses to listen on; at least one.
    pub listen: Vec<SocketAddr>,
    /// Whether the server is announced on the local network.
    pub announce: bool,
    /// Where the access keys are kept; `None` if no key is needed.
    pub keys: Option<Store>,
    /// Where what was set on the cameras is kept; `None` where there is no place.
    pub state_dir: Option<PathBuf>,
    /// Where and how is recorded; `None` records nothing.
    pub recording: Option<pistreamer_recording::Config>,
    /// The program that makes MP4s of recordings; `None` where none is to.
    pub ffmpeg: Option<PathBuf>,
    /// Who is told what happens before the cameras, and what is wrong with them.
    pub alerts: pistreamer_alerts::Plan,
    /// The certificate; `None` encrypts nothing.
    pub certificate: Option<Certificate>,
    /// How many may be connected.
    pub limits: Limits,
    /// Other origins whose pages may use the cameras.
    pub origins: AllowedOrigins,
    /// The host names under which the server is reached.
    pub hosts: KnownHosts,
    /// Proxies whose headers about the client are believed.
    pub proxies: Vec<IpAddr>,
    /// How sessions behave.
    pub sessions: session::Config,
    /// When a camera that failed is tried again.
    pub pauses: Pauses,
    /// What is logged.
    pub log: Log,
}

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Directives of `tracing_subscriber::filter::Targets`.
    pub filter: String,
    /// One JSON object a line.
    pub json: bool,
}

/// A checked configuration of `pistreamer push`.
#[derive(Clone, Debug)]
pub struct Push {
    /// The camera.
    pub camera: Settings,
    /// Where to.
    pub target: Target,
    /// For how long; `None` is without end.
    pub duration: Option<Duration>,
    /// What is logged.
    pub log: Log,
    /// What is set and does nothing.
    pub(crate) useless: Vec<Problem>,
}

impl Push {
    /// Checks what was typed after `push` and completes it.
    ///
    /// # Errors
    /// With everything that is wrong, or the first flag that is not understood.
    pub fn from_flags(
        flags: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Self, Problems> {
        Self::new(&usage::push_flags(flags).map_err(Problems::of)?)
    }

    /// The same for what was understood of it.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub(crate) fn new(typed: &cli::Push) -> Result<Self, Problems> {
        let layers = [load::environment()?, flags::push(typed)];
        let mut merged = Layer::merged(&layers);
        board::complete(&mut merged.cameras, Path::new(board::MEMORY));
        let (cameras, log, useless) = checked::pushed(&merged)?;
        let [camera] =
            <[Settings; 1]>::try_from(cameras).map_err(|_| ConfigError::SeveralPushed)?;
        if camera.source.takes_pushes() {
            return Err(ConfigError::PushedIngest.into());
        }
        let duration = typed.duration.map(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|duration| !duration.is_zero())
                .ok_or(ConfigError::BadDuration(seconds))
        });
        Ok(Self {
            camera: Settings {
                renditions: 1,
                ..camera
            },
            target: urls::target(&typed.target)?,
            duration: duration.transpose()?,
            log,
            useless,
        })
    }
}

/// What counts as motion for `pistreamer motion`: as a file says for the camera of that id, or the first one, and as was typed.
///
/// # Errors
/// With everything that is wrong.
pub(crate) fn motion(typed: &cli::Motion) -> Result<pistreamer_motion::Settings, Problems> {
    let places = Places {
        usual: Vec::new(),
        named: typed.settings.clone(),
        memory: board::MEMORY.into(),
    };
    let (layers, problems) = places.layers();
    let layers = layers.into_iter().map(|(_, layer)| layer);
    let layers: Vec<_> = layers.chain([flags::motion(typed)]).collect();
    let cameras = Layer::merged(&layers).cameras;
    let is_named = |camera: &layer::Values| {
        let id = camera
            .get(&setting::ID)
            .map(|given| given.value.into_text());
        typed.camera.is_none() || id == typed.camera
    };
    let camera = cameras
        .iter()
        .find(|camera| is_named(camera))
        .or(cameras.first());
    checked::motion(&camera.cloned().unwrap_or_default(), problems)
}

impl From<ConfigError> for Problems {
    fn from(error: ConfigError) -> Self {
        Self::of(error.to_string())
    }
}

impl Problems {
    /// The one that this text says.
    fn of(text: String) -> Self {
        let origin = Origin::Default;
        Self(vec![Problem { origin, text }])
    }
}

/// What is wrong with what was typed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not the URL of a target.
    #[error(transparent)]
    BadUrl(#[from] TargetError),
    /// A secret in a URL is missing.
    #[error(transparent)]
    BadPlaceholder(#[from] PlaceholderError),
    /// Not an address to listen on.
    #[error(
        "{0:?} is not an address to listen on: write it like 0.0.0.0:8000, 127.0.0.1:8000 for this machine alone, or 8000"
    )]
    BadAddress(String),
    /// Two sockets that exclude each other.
    #[error(
        "{0} and {1} cannot both have the port: leave one of them out, or give it another port"
    )]
    Twice(String, String),
    /// Not a log filter.
    #[error(
        "{0:?} is not understood: use error, warn, info, debug, trace or off, also for a module as in \
         info,pistreamer::session=debug"
    )]
    BadLog(String),
    /// Not a size.
    #[error(
        "size {0:?} is not WIDTHxHEIGHT with even numbers from 64x64 to 8192x8192, such as 1280x720"
    )]
    BadSize(String),
    /// Not a frame rate.
    #[error("a rate of {0} fps is not possible: choose one from 0.1 to 240")]
    BadFps(f64),
    /// Not a quality.
    #[error("JPEG quality {0} is not possible: choose one from 1 to 100")]
    BadQuality(u64),
    /// Not a number of renditions.
    #[error("{0} renditions are not possible: choose 1 to 16")]
    BadRenditions(u64),
    /// Not a right angle.
    #[error("the picture cannot be turned by {0} degrees: choose 0, 90, 180 or 270")]
    BadRotation(u16),
    /// Not a time.
    #[error("a send timeout of {0} s is not possible: choose one from 0.1 to 3600")]
    BadTimeout(f64),
    /// Not a time.
    #[error("a retry pause of {0} s is not possible: choose one from 0.001 to 3600")]
    BadPause(f64),
    /// Not a camera's name.
    #[error(
        "a camera's name has 1 to 100 characters, and none that cannot be seen, such as line breaks"
    )]
    BadName,
    /// Flags for TLS that don't go together.
    #[error(
        "for TLS, choose one: a certificate that the server makes itself (kind = \"self-signed\" in a file, or the flag --tls \
         self-signed), or one from two files (cert_file and key_file, or --tls-cert and --tls-key)"
    )]
    BadTls,
    /// Not a number of connections.
    #[error("{0} is not possible: choose a number from 1 to {LARGEST_LIMIT}")]
    BadLimit(u64),
    /// Not a duration.
    #[error("a duration of {0} s is not possible: give a number above 0")]
    BadDuration(f64),
    /// Push has one camera.
    #[error("push sends the pictures of one camera: give one source")]
    SeveralPushed,
    /// Nothing listens while pushing.
    #[error("the source ingest needs a server: start pistreamer without push")]
    PushedIngest,
    /// No place for the keys.
    #[error(
        "there is no place to keep the access keys, because HOME is not set: give one with --state-dir or state_dir, or let \
         everyone in with --no-auth or no_auth"
    )]
    NoStateDirectory,
}

/// Interval of pings on silent connections: middle boxes and browsers cut idle ones after 60 s.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// More connections than that no system grants one process.
const LARGEST_LIMIT: u64 = 1_000_000;

/// Smallest and largest width and height.
const SIZES: std::ops::RangeInclusive<u32> = 64..=8192;

impl Config {
    /// Checks what was typed and completes it. Neither files nor the environment are read.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub(crate) fn new(typed: &cli::Serve) -> Result<Self, Problems> {
        checked::checked(&Layer::merged(&[flags::layer(typed)?]), Vec::new())?.complete()
    }

    /// The same for a command line of the server, without the program's name.
    ///
    /// # Errors
    /// With everything that is wrong, or the first flag that is not understood.
    pub fn from_flags(
        flags: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Result<Self, Problems> {
        Self::new(&usage::flags(flags).map_err(Problems::of)?)
    }

    /// The same for the text of a file.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn from_toml(text: &str) -> Result<Self, Problems> {
        let (layer, problems) = file::parse(text, Path::new("pistreamer.toml"));
        checked::checked(&Layer::merged(&[layer]), problems)?.complete()
    }
}

/// The number, where it is in that range.
fn in_range<T: PartialOrd + Copy>(
    number: T,
    range: std::ops::RangeInclusive<T>,
    error: impl FnOnce(T) -> ConfigError,
) -> Result<T, ConfigError> {
    if range.contains(&number) {
        Ok(number)
    } else {
        Err(error(number))
    }
}

/// Checks what `--log` takes: the library takes any word for the name of a module.
///
/// # Errors
/// Where a part of it is neither a level nor a module with one.
fn log_filter(text: &str) -> Result<&str, ConfigError> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let is_module = |word: &str| word.starts_with("pistreamer") || word.contains("::");
    // A variable that is set to nothing is not set.
    if text.trim().is_empty() {
        return Ok("info");
    }
    let understood = text
        .split(',')
        .all(|part| match part.trim().rsplit_once('=') {
            Some((module, level)) => is_level(level) && !module.is_empty(),
            None => is_level(part.trim()) || is_module(part.trim()),
        });
    understood
        .then_some(text)
        .ok_or_else(|| ConfigError::BadLog(text.into()))
}

/// The usual ones, unless one for all was typed.
fn pauses(typed: Option<f64>) -> Result<Pauses, ConfigError> {
    match typed {
        None => Ok(Pauses::default()),
        Some(seconds) => {
            let seconds = in_range(seconds, 0.001..=3600.0, ConfigError::BadPause)?;
            let pause = Duration::from_secs_f64(seconds);
            Ok(Pauses {
                first: pause,
                longest: pause,
            })
        }
    }
}

/// Where the access keys of the server that is meant are kept: where was typed, else where its configuration says, else, for
/// root, where the service keeps them, if there is one.
///
/// # Errors
/// Where the configuration has errors, or names no place.
pub(crate) fn store_of(typed: &cli::Key, configured: &OfKeys) -> Result<Store, Problems> {
    let directory = match &typed.state_dir {
        Some(directory) => Some(directory.clone()),
        None => configured
            .state_dir()?
            .or_else(called::state_of_service)
            .or_else(services),
    };
    Ok(store(directory.as_deref())?)
}

/// The command that shows the keys in a directory, wherever it is called: `key` alone only where it finds them without the
/// server's variables, and without the files that are found where the server runs or were named to it.
pub(crate) fn key_command(directory: &Path) -> String {
    let found = load::state_dir_of_system().or_else(services).or_else(users);
    let is_services = directory == Path::new(called::SERVICE);
    let is_found = !is_services && found.is_some_and(|found| found == directory);
    called::key_command((!is_found).then_some(directory))
}

/// Where the service keeps its state, for root.
fn services() -> Option<PathBuf> {
    let directory = Path::new(called::SERVICE);
    (rustix::process::geteuid().is_root() && directory.is_dir()).then(|| directory.to_owned())
}

/// The user's state directory (XDG Base Directory Specification 0.8).
fn users() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let state = variable("XDG_STATE_HOME").map(PathBuf::from);
    Some(state.or_else(home)?.join("pistreamer"))
}

/// Where the access keys are kept: where was said, else where systemd says (`StateDirectory=`), else the user's state directory.
fn store(typed: Option<&Path>) -> Result<Store, ConfigError> {
    typed
        .map(Path::to_owned)
        .or_else(called::state_of_service)
        .or_else(users)
        .map(Store::new)
        .ok_or(ConfigError::NoStateDirectory)
}

fn parse_size(text: &str) -> Result<(u32, u32), ConfigError> {
    let parse = || {
        let (width, height) = text.split_once(['x', 'X', '×'])?;
        Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
    };
    parse()
        .filter(|(width, height)| {
            [width, height]
                .iter()
                .all(|side| SIZES.contains(side) && *side % 2 == 0)
        })
        .ok_or_else(|| ConfigError::BadSize(text.into()))
}

#[cfg(test)]
mod tests;

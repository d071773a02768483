//! What was typed, checked and completed: the only home of defaults. Each stage gets its own plain `Config` from here.

mod addresses;

pub use addresses::listen_address;

use crate::access::Store;
use crate::camera::{IdError, Settings, identify};
use crate::cli::{self, Serve};
use crate::front::{AllowedOrigins, Certificate, KnownHosts, Limits};
use crate::placeholders::{self, PlaceholderError};
use crate::push::Target;
use crate::session;
use crate::source::{self, Pauses, Spec, SpecError, Transform};
use pistreamer_client::UrlError;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cameras, in order; at least one.
    pub cameras: Vec<Settings>,
    /// Addresses to listen on; at least one.
    pub listen: Vec<SocketAddr>,
    /// Where the access keys are kept; `None` lets everybody in.
    pub keys: Option<Store>,
    /// The certificate; `None` encrypts nothing.
    pub certificate: Option<Certificate>,
    /// How many may be connected.
    pub limits: Limits,
    /// Other origins whose pages may use the cameras.
    pub origins: AllowedOrigins,
    /// The names that the server goes by.
    pub hosts: KnownHosts,
    /// Proxies whose word about who asks counts.
    pub proxies: Vec<IpAddr>,
    /// How sessions behave.
    pub sessions: session::Config,
    /// When a camera that failed is tried again.
    pub pauses: Pauses,
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
}

impl Push {
    /// Checks what was typed and completes it.
    pub fn new(typed: &cli::Push) -> Result<Self, ConfigError> {
        let source = Spec::parse(typed.source.as_deref().unwrap_or(AUTO))?;
        if source.takes_pushes() {
            return Err(ConfigError::PushedIngest);
        }
        let camera = cameras(vec![source], &typed.capture, 1)?.remove(0);
        let duration = typed.duration.map(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|duration| !duration.is_zero())
                .ok_or(ConfigError::BadDuration(seconds))
        });
        Ok(Self {
            camera,
            target: Target::parse(&placeholders::filled(&typed.target)?)
                .map_err(|error| error.about(&typed.target))?,
            duration: duration.transpose()?,
        })
    }
}

/// What is wrong with what was typed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum ConfigError {
    /// Not a source.
    #[error(transparent)]
    BadSource(#[from] SpecError),
    /// Not the URL of a target.
    #[error(transparent)]
    BadUrl(#[from] UrlError),
    /// A secret in a URL is missing.
    #[error(transparent)]
    BadPlaceholder(#[from] PlaceholderError),
    /// Not an id.
    #[error(transparent)]
    BadId(#[from] IdError),
    /// Not an address to listen on.
    #[error(
        "--listen {0:?} is not an address to listen on: write it like --listen 0.0.0.0:8000, --listen 127.0.0.1:8000 for this \
         machine alone, or --listen 8000"
    )]
    BadAddress(String),
    /// Two sockets that exclude each other.
    #[error(
        "{0} and {1} cannot both have the port: leave one of them out, or give it another port"
    )]
    Twice(String, String),
    /// Not a log filter.
    #[error(
        "--log {0:?} is not understood: use error, warn, info, debug, trace or off, also for a module as in \
         --log info,pistreamer::session=debug"
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
    BadQuality(u8),
    /// Not a number of renditions.
    #[error("{0} renditions are not possible: choose 1 to 16")]
    BadRenditions(usize),
    /// Not a right angle.
    #[error("the picture cannot be turned by {0} degrees: choose 0, 90, 180 or 270")]
    BadRotation(u16),
    /// Not a time.
    #[error("a send timeout of {0} s is not possible: choose one from 0.1 to 3600")]
    BadTimeout(f64),
    /// Not a time.
    #[error("a retry pause of {0} s is not possible: choose one from 0.001 to 3600")]
    BadPause(f64),
    /// Flags for TLS that don't go together.
    #[error("for TLS, give --tls self-signed, or both --tls-cert FILE and --tls-key FILE")]
    BadTls,
    /// Not a number of connections.
    #[error("{0} {1} is not possible: choose a number from 1 to {LARGEST_LIMIT}")]
    BadLimit(&'static str, usize),
    /// Not a duration.
    #[error("a duration of {0} s is not possible: give a number above 0")]
    BadDuration(f64),
    /// Nothing listens while pushing.
    #[error("--source ingest needs a server: start pistreamer without push")]
    PushedIngest,
    /// No place for the keys.
    #[error(
        "there is no place to keep the access keys, because HOME is not set: give one with --state-dir, or let everybody \
         in with --no-auth"
    )]
    NoStateDirectory,
    /// Not an origin.
    #[error("--allow-origin: {0}")]
    BadOrigin(#[from] crate::front::OriginError),
    /// No name for this server.
    #[error(transparent)]
    BadHost(#[from] crate::front::HostError),
}

/// Silent connections are pinged so often: middle boxes and browsers cut idle ones after 60 s.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// More connections than that no system grants one process.
const LARGEST_LIMIT: usize = 1_000_000;

/// The source where none is typed.
const AUTO: &str = "auto";

/// Smallest and largest width and height.
const SIZES: std::ops::RangeInclusive<u32> = 64..=8192;

impl Config {
    /// Checks what was typed and completes it.
    pub fn new(typed: &Serve) -> Result<Self, ConfigError> {
        let sources: Vec<_> = match typed.source.as_slice() {
            [] => vec![Spec::parse(AUTO)?],
            given => given
                .iter()
                .map(|text| Spec::parse(text))
                .collect::<Result<_, _>>()?,
        };
        let renditions = typed.renditions.unwrap_or(3);
        if !(1..=16).contains(&renditions) {
            return Err(ConfigError::BadRenditions(renditions));
        }
        let send_timeout = typed.send_timeout.unwrap_or(10.0);
        if !(0.1..=3600.0).contains(&send_timeout) {
            return Err(ConfigError::BadTimeout(send_timeout));
        }
        let sessions = session::Config {
            send_timeout: Duration::from_secs_f64(send_timeout),
            ping_interval: PING_INTERVAL,
        };
        let listen = if typed.listen.is_empty() {
            vec![SocketAddr::from((
                Ipv4Addr::UNSPECIFIED,
                addresses::USUAL_PORT,
            ))]
        } else {
            typed.listen.clone()
        };
        addresses::each_once(&listen, &sources)?;
        Ok(Self {
            cameras: cameras(sources, &typed.capture, renditions)?,
            listen,
            keys: if typed.no_auth {
                None
            } else {
                Some(store(typed.state_dir.as_deref())?)
            },
            certificate: certificate(typed)?,
            limits: limits(typed)?,
            origins: AllowedOrigins::new(&typed.allow_origin)?,
            hosts: KnownHosts::new(&typed.host)?,
            proxies: typed
                .trusted_proxy
                .iter()
                .map(IpAddr::to_canonical)
                .collect(),
            sessions,
            pauses: pauses(typed.retry_pause)?,
        })
    }
}

/// Checks what `--log` takes: the library takes any word for the name of a module.
///
/// # Errors
/// Where a part of it is neither a level nor a module with one.
pub fn log_filter(text: &str) -> Result<&str, ConfigError> {
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
        Some(seconds) if (0.001..=3600.0).contains(&seconds) => {
            let pause = Duration::from_secs_f64(seconds);
            Ok(Pauses {
                first: pause,
                longest: pause,
            })
        }
        Some(seconds) => Err(ConfigError::BadPause(seconds)),
    }
}

fn certificate(typed: &Serve) -> Result<Option<Certificate>, ConfigError> {
    match (&typed.tls, &typed.tls_cert, &typed.tls_key) {
        (None, None, None) => Ok(None),
        (None, Some(chain), Some(key)) => Ok(Some(Certificate::Files(chain.clone(), key.clone()))),
        (Some(kind), None, None) if kind == "self-signed" => Ok(Some(Certificate::SelfSigned(
            store(typed.state_dir.as_deref())?.directory().to_owned(),
        ))),
        _ => Err(ConfigError::BadTls),
    }
}

fn limits(typed: &Serve) -> Result<Limits, ConfigError> {
    let limit = |flag, typed: Option<usize>, usual| match typed.unwrap_or(usual) {
        limit @ 1..=LARGEST_LIMIT => Ok(limit),
        limit => Err(ConfigError::BadLimit(flag, limit)),
    };
    let viewers = limit("--max-viewers", typed.max_viewers, 256)?;
    Ok(Limits {
        members: limit("--max-connections", typed.max_connections, 512)?,
        // Shares are fair without it.
        per_address: limit("--max-per-address", typed.max_per_address, LARGEST_LIMIT)?,
        // All viewers may come back at once.
        guests: limit(
            "--max-strangers",
            typed.max_strangers,
            viewers.clamp(128, 1024),
        )?,
        viewers,
    })
}

/// What a source is asked for, and the JPEG quality.
fn capture(typed: &cli::Capture) -> Result<(source::Config, u8), ConfigError> {
    let (width, height) = parse_size(typed.size.as_deref().unwrap_or("1280x720"))?;
    let fps = typed.fps.unwrap_or(30.0);
    if !(0.1..=240.0).contains(&fps) {
        return Err(ConfigError::BadFps(fps));
    }
    let quality = typed.quality.unwrap_or(80);
    if !(1..=100).contains(&quality) {
        return Err(ConfigError::BadQuality(quality));
    }
    let rotate = typed.rotate.unwrap_or(0);
    if ![0, 90, 180, 270].contains(&rotate) {
        return Err(ConfigError::BadRotation(rotate));
    }
    let transform = Transform {
        hflip: typed.hflip,
        vflip: typed.vflip,
        rotate,
    };
    let capture = source::Config {
        width,
        height,
        fps,
        transform,
    };
    Ok((capture, quality))
}

/// Where the access keys are kept: where was said, else where systemd says (`StateDirectory=`), else the user's state
/// directory (XDG Base Directory Specification 0.8).
pub fn store(typed: Option<&Path>) -> Result<Store, ConfigError> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let systemds = || {
        let all = variable("STATE_DIRECTORY")?;
        std::env::split_paths(&all).next()
    };
    let users = || {
        let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        let state = variable("XDG_STATE_HOME").map(PathBuf::from);
        Some(state.or_else(home)?.join("pistreamer"))
    };
    typed
        .map(Path::to_owned)
        .or_else(systemds)
        .or_else(users)
        .map(Store::new)
        .ok_or(ConfigError::NoStateDirectory)
}

/// A camera for each source, all of them with what was typed for all.
fn cameras(
    sources: Vec<Spec>,
    typed: &cli::Capture,
    renditions: usize,
) -> Result<Vec<Settings>, ConfigError> {
    let (capture, quality) = capture(typed)?;
    let ids = identify(sources.iter().map(|source| (None, source)))?;
    let cameras = ids.into_iter().zip(sources).map(|(id, source)| Settings {
        id,
        name: None,
        source,
        capture: capture.clone(),
        quality,
        renditions,
    });
    Ok(cameras.collect())
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
mod tests {
    use super::*;

    fn config(change: impl FnOnce(&mut Serve)) -> Result<Config, ConfigError> {
        let mut typed = Serve::default();
        change(&mut typed);
        Config::new(&typed)
    }

    #[test]
    fn nothing_typed_is_a_complete_configuration() {
        let config = config(|_| {}).unwrap();
        let [camera] = config.cameras.as_slice() else {
            panic!("{:?}", config.cameras);
        };
        assert_eq!(camera.source, Spec::parse("auto").unwrap());
        let (width, height) = (camera.capture.width, camera.capture.height);
        assert_eq!((width, height, camera.quality), (1280, 720, 80));
        assert_eq!(config.listen, ["0.0.0.0:8000".parse().unwrap()]);
    }

    #[test]
    fn bad_sizes_are_named() {
        for bad in [
            "",
            "1280",
            "1280x",
            "x720",
            "1281x720",
            "0x0",
            "1280x720x3",
            "99999x720",
            "-2x720",
        ] {
            let error = config(|typed| typed.capture.size = Some(bad.into())).unwrap_err();
            assert_eq!(error, ConfigError::BadSize(bad.into()));
        }
        assert_eq!(
            config(|typed| typed.capture.size = Some("640×480".into()))
                .unwrap()
                .cameras[0]
                .capture
                .width,
            640
        );
    }

    #[test]
    fn impossible_numbers_are_refused() {
        assert!(config(|typed| typed.capture.fps = Some(f64::NAN)).is_err());
        assert!(config(|typed| typed.capture.fps = Some(0.0)).is_err());
        assert!(config(|typed| typed.capture.quality = Some(0)).is_err());
        assert!(config(|typed| typed.capture.rotate = Some(45)).is_err());
        assert!(config(|typed| typed.renditions = Some(0)).is_err());
        assert!(config(|typed| typed.allow_origin = vec!["*".into()]).is_err());
    }
}

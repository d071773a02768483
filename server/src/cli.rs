//! What was typed: flags and subcommands, all optional. Meaning and defaults belong to [`crate::config`].

use crate::access::{Name, TypedRole};
use crate::source::kinds;
use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What there is to say of a server's sources besides their kinds.
const MORE_SOURCES: &str = "
May be given more than once, one for each camera. In a URL, ${NAME} stands for a variable of the environment and ${file:PATH}
for what a file holds, so that no password is seen among the arguments: --source 'http://me:${file:/run/secrets/cam}@cam/'.

[default: auto]";

/// Shows a Raspberry Pi's camera in a browser: the newest frame, always.
#[derive(Debug, Parser)]
#[command(name = "pistreamer", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// How to serve.
    #[command(flatten)]
    pub(crate) serve: Serve,
}

/// What can be done besides serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the cameras with their modes and formats
    Cameras,
    /// Push a camera's frames to another pistreamer or to a program that listens
    Push(Box<Push>),
    /// Show, change and add the access keys
    Key(Key),
    /// Take a server's frames into files, or to standard output for another program
    Grab(Grab),
    /// List a camera's controls, such as exposure and focus, and set them while the server runs
    Control(Control),
    /// List a camera's settings, such as its name and size, and set them while the server runs
    Set(Set),
    /// List the servers of the local network that are announced
    Find(Find),
    /// List, check and copy recordings
    Recordings(Recordings),
    /// Look for motion in recordings, pictures, or a server's camera, and print each event
    Motion(Box<Motion>),
    /// Test the ways to those who are told what happens
    Alert(Alert),
    /// Check and show configuration files
    Config(Config),
    /// Print what has to be known of this machine to help from afar, as text to paste; no secret is in it
    Doctor(Doctor),
    /// Write manual pages, or what completes commands in a shell
    #[command(hide = true)]
    Generate(Generate),
}

/// Flags of `generate`.
#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// What to write.
    #[command(subcommand)]
    pub(crate) what: GenerateCommand,
}

/// What can be written about the command line.
#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write the manual pages into a directory
    Man {
        /// The directory
        directory: PathBuf,
    },
    /// Print what bash completes commands by
    Bash,
    /// Print what zsh completes commands by
    Zsh,
    /// Print what fish completes commands by
    Fish,
}

/// Flags of `config`.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

/// What can be done with configuration files.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong in a configuration file
    Check {
        /// The file
        file: PathBuf,
    },
    /// Print the configuration that files, environment and flags make together, and where each value comes from
    Show(Box<Serve>),
    /// Print a configuration file with every setting, its default and what it is
    Example,
}

/// Flags of `push`.
#[derive(Debug, Default, Args)]
pub(crate) struct Push {
    /// Where to: ws://HOST:PORT or wss://HOST is a pistreamer whose source is ingest, nats://HOST a broker from which any number of
    /// them take it, HOST:PORT or tcp://HOST:PORT a listener for picamera's network stream. ${NAME} and ${file:PATH} in it stand for a variable of the environment and a file
    pub(crate) target: String,

    /// Stop after this many seconds [default: never]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,

    /// Where pictures come from [default: auto]
    #[arg(long, value_name = "SOURCE", long_help = kinds::help() + "\n[default: auto]")]
    pub(crate) source: Option<String>,

    /// What is pushed.
    #[command(flatten)]
    pub(crate) capture: Capture,

    /// What is logged.
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// Flags of `key`.
#[derive(Debug, Default, Args)]
pub(crate) struct Key {
    /// What to do [default: show]
    #[command(subcommand)]
    pub(crate) command: Option<KeyCommand>,

    /// Directory in which the keys are kept [default: as when serving; for root, those of the service, where there is one]
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Configuration file of the server whose keys they are
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
}

/// What can be done with the access keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Show the keys and the devices that are signed in, and links that let further devices in
    Show,
    /// Replace a key by a new one; devices that came in with the old one are signed out
    Rotate {
        /// Name of the key: a-z, 0-9, - and _
        #[arg(default_value = "owner")]
        name: Name,
    },
    /// Add a key for somebody else
    Add {
        /// Name of the key: a-z, 0-9, - and _
        name: Name,
        /// What it allows: view, operate (send the camera commands too), publish (push pictures too) or admin (everything)
        #[arg(long, default_value = "view")]
        role: TypedRole,
        /// Camera that it is for, by its id; may be given more than once [default: all of them]
        #[arg(long, value_name = "ID")]
        camera: Vec<String>,
        /// How long it is good: 30m, 12h, 7d or 4w [default: for ever]
        #[arg(long, value_name = "TIME")]
        expires: Option<Lifetime>,
        /// Use a password, asked for or read from standard input, instead of making a key
        #[arg(long)]
        password: bool,
    },
    /// Remove a key; devices that came in with it are signed out
    Remove {
        /// Name of the key: a-z, 0-9, - and _
        name: Name,
    },
    /// Sign one device out
    End {
        /// Id of the device, as `pistreamer key` lists it
        device: String,
    },
}

/// How long a key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime(pub Duration);

/// Longest one: ten years.
const LONGEST_LIFETIME: u64 = 10 * 365 * 24 * 3600;

impl std::str::FromStr for Lifetime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = || {
            let unit = match text.chars().last()? {
                'm' => 60,
                'h' => 3600,
                'd' => 24 * 3600,
                'w' => 7 * 24 * 3600,
                _ => return None,
            };
            let number: u64 = text[..text.len() - 1].parse().ok()?;
            number.checked_mul(unit)
        };
        seconds()
            .filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds))
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(|| "write it like 30m, 12h, 7d or 4w, up to ten years".into())
    }
}

/// Flags of `control`.
#[derive(Debug, Default, Args)]
pub(crate) struct Control {
    /// What to print, by its name, or to set: NAME=VALUE, as in AeEnable=off ExposureTime=20000; a button is pressed by NAME=press
    /// [default: print all]
    #[arg(value_name = "NAME[=VALUE]")]
    pub(crate) what: Vec<String>,

    /// URL of the server, as it opens in a browser, with a key: http://camera:KEY@HOST:PORT/. In it, ${NAME} stands for a variable of
    /// the environment and ${file:PATH} for what a file holds [default: the server of this machine]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Id of the camera, as /api/v1/cameras lists them [default: the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<String>,

    /// Reset all controls to what the camera starts with, before anything else
    #[arg(long)]
    pub(crate) reset: bool,

    /// Set the values of this preset
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,

    /// Set also what leaves the camera without a new picture for long, as an exposure of more than a second does
    #[arg(long)]
    pub(crate) yes: bool,

    /// Keep the values that the camera has in the end as this preset
    #[arg(long, value_name = "NAME")]
    pub(crate) save: Option<String>,

    /// Print all controls as JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `set`.
#[derive(Debug, Default, Args)]
pub(crate) struct Set {
    /// What to set: NAME=VALUE, as in name='Front door' size=640x480; NAME= takes back what was set [default: print all]
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) what: Vec<String>,

    /// Close the camera and open it again, after what is set
    #[arg(long)]
    pub(crate) restart: bool,

    /// URL of the server, as it opens in a browser, with an admin's key: http://camera:KEY@HOST:PORT/. In it, ${NAME} stands for a
    /// variable of the environment and ${file:PATH} for what a file holds [default: the server of this machine]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Id of the camera, as /api/v1/cameras lists them [default: the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<String>,

    /// Print all settings as JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `recordings`.
#[derive(Debug, Args)]
pub(crate) struct Recordings {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: RecordingsCommand,
}

/// What can be done with recordings.
#[derive(Debug, Subcommand)]
pub(crate) enum RecordingsCommand {
    /// List what was recorded: each stretch without a gap, in UTC
    List {
        /// Directory of the recordings
        directory: PathBuf,
        /// Id of the camera [default: all of them]
        #[arg(long, value_name = "ID")]
        camera: Option<String>,
    },
    /// Read every recording to its end, and say which are damaged or were cut off
    Check {
        /// Directory of the recordings
        directory: PathBuf,
        /// Close recordings that were cut off, so that players can search in them; no server may record there meanwhile
        #[arg(long)]
        repair: bool,
    },
    /// Copy a span of time into a file
    Export {
        /// Directory of the recordings
        directory: PathBuf,
        /// The file, such as clip.mkv; there must be none of that name
        file: PathBuf,
        /// Id of the camera, as `list` shows it
        #[arg(long, value_name = "ID")]
        camera: String,
        /// Begin, in UTC, as in 2026-11-26T10:15:30Z
        #[arg(long, value_name = "TIME")]
        from: String,
        /// End, in UTC
        #[arg(long, value_name = "TIME")]
        to: String,
        /// Copy the pictures that were recorded every few seconds
        #[arg(long)]
        sparse: bool,
    },
    /// Make a directory into one for recordings, such as on a new disk
    Init {
        /// The directory
        directory: PathBuf,
    },
}

/// Flags of `motion`.
#[derive(Debug, Default, Args)]
pub(crate) struct Motion {
    /// Where pictures are: a recording (.mkv), JPEGs one after the other in a file, a directory of such files or of recordings,
    /// or the URL of a server, http://HOST:8000/. In a URL, ${NAME} and ${file:PATH} stand for a variable of the environment and a file
    pub(crate) source: String,

    /// Id of the server's camera, or of the camera in a directory of recordings [default: the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<String>,

    /// Look for motion as this configuration file says for the camera [default: with the defaults]
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// Sensitivity, zones and what is ignored.
    #[command(flatten)]
    pub(crate) look: Look,

    /// Pictures a second where they have no times of their own [default: 5]
    #[arg(long, value_name = "RATE")]
    pub(crate) fps: Option<f64>,

    /// Stop after this many seconds [default: at the end of the pictures, never for a server]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,

    /// Write what moves in each picture to this file, a JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) boxes: Option<PathBuf>,
}

/// What counts as motion.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Look {
    /// How small a difference in brightness is noticed, 1 to 100: 25 more halve it [default: 50]
    #[arg(long, value_name = "NUMBER", visible_alias = "sensitivity")]
    pub(crate) motion_sensitivity: Option<u64>,

    /// Smallest part of the picture that counts, in percent [default: 0.04]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) motion_min_area: Option<f64>,

    /// Where motion counts, a name and corners from 0,0 to 1,1, as in 'door 0.1,0.5 0.4,0.5 0.4,1 0.1,1'; may be given more than
    /// once; without any it counts everywhere
    #[arg(long, value_name = "ZONE")]
    pub(crate) motion_zone: Vec<String>,

    /// Where nothing is looked at: corners, as in '0,0 1,0 1,0.2 0,0.2'; may be given more than once
    #[arg(long, value_name = "CORNERS")]
    pub(crate) motion_ignore: Vec<String>,
}

/// Who is told what happens, and what is wrong.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Alerting {
    /// Tell somebody of events and troubles: ntfy:URL of a topic, telegram:TOKEN@CHAT, exec:/PATH/OF/PROGRAM,
    /// mqtt://HOST, or the URL of a webhook; may be given more than once. ${NAME} and ${file:PATH} in it stand for a variable of the environment and a file
    #[arg(long, value_name = "RECEIVER")]
    pub(crate) alert: Vec<String>,

    /// Seconds after an event that was told in which no other one of its kind is told of that camera [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) alert_cooldown: Option<f64>,

    /// When events are told: always, never, or local times, as in 'Mon-Fri 08:00-17:00, Sat 22:00-06:30' [default: always]
    #[arg(long, value_name = "TIMES")]
    pub(crate) alert_armed: Option<String>,

    /// Local time of a daily message that says that all of it works, as in 08:00 [default: none]
    #[arg(long, value_name = "TIME")]
    pub(crate) alert_daily: Option<String>,

    /// Seconds for which a camera delivers no pictures before that is told [default: 120]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) alert_no_signal: Option<f64>,

    /// Seconds for which a camera is not recorded, or the disk is full or fails, before that is told [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) alert_not_recording: Option<f64>,

    /// URL under which those who are told open the viewer, for links in messages [default: no links]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

/// Flags of `alert`.
#[derive(Debug, Args)]
pub(crate) struct Alert {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: AlertCommand,
}

/// What can be done about alerts.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Send a message to each receiver of the configuration, and say what comes back
    Test(Box<Serve>),
}

/// Flags of `find`.
#[derive(Debug, Args)]
pub(crate) struct Find {
    /// How long answers are waited for, 0.1 to 60
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) seconds: f64,

    /// Print a JSON array, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// How long the benchmark takes, 0 to leave it out, at most 600 [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<f64>,

    /// Where the system's files are, for tests.
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) root: Option<PathBuf>,
}

/// Flags of `grab`.
#[derive(Debug, Default, Args)]
pub(crate) struct Grab {
    /// URL of the server, as it opens in a browser. In it, ${NAME} stands for a variable of the environment and ${file:PATH}
    /// for what a file holds, so that no key is seen among the arguments
    pub(crate) url: String,

    /// Id of the camera, as /api/v1/cameras lists them [default: the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<String>,

    /// Directory for the frames, a file each; - is standard output, one JPEG after the other [default: -]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Stop after this many frames, 1 or more
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// Stop after this many seconds, 0.01 or more
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,

    /// Take one frame in this many seconds, 0.01 to 3600 [default: every frame]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) every: Option<f64>,
}

/// Flags of the server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Serve {
    /// Configuration file, read after /etc/pistreamer/pistreamer.toml and ./pistreamer.toml; what it says wins over those, a
    /// variable of the environment over every file, and a flag over all. `pistreamer config example` prints one [env:
    /// PISTREAMER_CONFIG, and for each other flag one with its name: PISTREAMER_MAX_VIEWERS for --max-viewers]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Where pictures come from; may be given more than once, one for each camera [default: auto]
    #[arg(long, value_name = "SOURCE", long_help = kinds::help() + MORE_SOURCES)]
    pub(crate) source: Vec<String>,

    /// What is shown.
    #[command(flatten)]
    pub(crate) capture: Capture,

    /// Address to listen on, or a port alone for every IPv4 address; may be given more than once [default: 0.0.0.0:8000]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Vec<String>,

    /// Origin whose pages may use the cameras too, such as http://192.168.1.5:8123; may be given more than once
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,

    /// Let everybody in who can reach this machine: no access key is needed
    #[arg(long)]
    pub(crate) no_auth: bool,

    /// Directory in which the access keys are kept, and what is set on cameras [default: $STATE_DIRECTORY,
    /// $XDG_STATE_HOME/pistreamer or ~/.local/state/pistreamer]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,

    /// Encrypt, with a certificate that the server makes itself: self-signed
    #[arg(long, value_name = "KIND")]
    pub(crate) tls: Option<String>,

    /// Encrypt, with the certificate chain in this PEM file; it is read again when it changes
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The PEM file of the certificate's private key
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Name under which this server is reached besides its addresses and names of the local network, such as
    /// cam.example.org; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,

    /// Tell the local network that this server is here, and the ids and names of its cameras, so that `pistreamer find` shows it;
    /// never a key
    #[arg(long)]
    pub(crate) announce: bool,

    /// Address of a reverse proxy whose X-Forwarded-For, -Host and -Proto are believed; may be given more than once
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) trusted_proxy: Vec<IpAddr>,

    /// Most connections of clients that were let in, 1 to 1000000 [default: 512]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,

    /// Most connections from one address, 1 to 1000000; behind a trusted proxy, from one that it names [default: none: where all are in
    /// use, those with most give way]
    #[arg(long, value_name = "N")]
    pub(crate) max_per_address: Option<usize>,

    /// Most connections of clients that were not let in, or not yet, 1 to 1000000; the oldest ones of the busiest address go
    /// first [default: as many as viewers, from 128 to 1024]
    #[arg(long, value_name = "N", alias = "max-strangers")]
    pub(crate) max_unauthenticated: Option<usize>,

    /// Most viewers at once, 1 to 1000000 [default: 256]
    #[arg(long, value_name = "N")]
    pub(crate) max_viewers: Option<usize>,

    /// Most sizes and qualities in which one camera's picture is made at a time, for viewers that want it smaller; 1 is the
    /// full one for everybody, 16 the most [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) renditions: Option<usize>,

    /// Whether viewers that ask for it are sent only the parts of the picture that changed: true or false [default: true]
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    pub(crate) tiles: Option<bool>,

    /// Whether what stands still is averaged for them, which is sharper and takes fewer bytes: true or false [default: true]
    #[arg(long, value_name = "BOOL", value_parser = BoolishValueParser::new())]
    pub(crate) averaging: Option<bool>,

    /// Push the camera's frames to another server as well, as `pistreamer push` does: to ws://HOST:PORT or wss://HOST, a pistreamer
    /// whose source is ingest, to nats://HOST, a broker, or to HOST:PORT, a listener for picamera's network stream; may be given more
    /// than once. ${NAME} and ${file:PATH} in it stand for a variable of the environment and a file
    #[arg(long, value_name = "TARGET")]
    pub(crate) push: Vec<String>,

    /// The machine below the camera that operators drive, such as an RC car: exec:PROGRAM is a program that is started and
    /// reads commands on its standard input, unix:SOCKET and udp:HOST:PORT are programs that listen there
    #[arg(long, value_name = "SINK")]
    pub(crate) operate: Option<String>,

    /// What is recorded.
    #[command(flatten)]
    pub(crate) recording: Record,

    /// Look for motion, and tell of it as events; where --record-mode is motion, that is done without this flag
    #[arg(long)]
    pub(crate) motion: bool,

    /// What counts as motion.
    #[command(flatten)]
    pub(crate) look: Look,

    /// Who is told what.
    #[command(flatten)]
    pub(crate) alerting: Alerting,

    /// Seconds after which a viewer that takes nothing is dropped, 0.1 to 3600 [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) send_timeout: Option<f64>,

    /// Seconds after which a camera that failed is tried again, in place of pauses that grow; for tests
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) retry_pause: Option<f64>,

    /// What is logged.
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// What is recorded, where, and how long it stays.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Record {
    /// Record every camera to this directory, such as on a USB disk: into files that VLC and ffmpeg play, also after a power cut
    #[arg(long, value_name = "DIR")]
    pub(crate) record: Option<PathBuf>,

    /// What is recorded: continuous (every picture at --record-fps, and one every few seconds that stays longer), motion (the former
    /// while something moves), events (while a program says so), sparse (one every few seconds alone) or off [default: continuous]
    #[arg(long, value_name = "MODE")]
    pub(crate) record_mode: Option<String>,

    /// Pictures a second in recordings but the sparse ones, 0.1 to 240 [default: 10]
    #[arg(long, value_name = "RATE")]
    pub(crate) record_fps: Option<f64>,

    /// Seconds between the pictures of sparse recordings, 1 to 3600 [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) record_sparse: Option<f64>,

    /// Seconds before an event that are recorded with it, 0 to 60 [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) record_before: Option<f64>,

    /// Seconds without motion after which an event ends, 1 to 600; they are recorded with it [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) record_after: Option<f64>,

    /// Most room that recordings take, as in 80% of the disk, or 200GB; the oldest ones are deleted [default: 80%]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) record_space: Option<String>,

    /// Room that stays free on the disk, as in 2GiB [default: 1GiB, or 5% of a smaller disk]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) record_free: Option<String>,

    /// Days after which continuous recordings are deleted, 0.01 to 36500 [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub(crate) record_days: Option<f64>,

    /// Days after which sparse recordings are deleted, 0.01 to 36500 [default: 365]
    #[arg(long, value_name = "DAYS")]
    pub(crate) record_sparse_days: Option<f64>,

    /// Memory for pictures that wait for a slow disk, 1MiB to 16GiB [default: 32MiB]
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) record_memory: Option<String>,

    /// Seconds after which what was written survives a power cut, 1 to 60 [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) record_sync: Option<f64>,

    /// The program that makes MP4s of recordings, or off [default: ffmpeg]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) ffmpeg: Option<String>,
}

/// What a source is asked for, and how its pictures are encoded.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Capture {
    /// Size of the picture, of every camera [default: 1280x720]
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub(crate) size: Option<String>,

    /// Frames per second, 0.1 to 240, of every camera [default: 30; 15 on a machine with 512 MB of memory or less]
    #[arg(long, value_name = "RATE")]
    pub(crate) fps: Option<f64>,

    /// JPEG quality, 1 to 100, of every camera [default: 80]
    #[arg(long, value_name = "QUALITY")]
    pub(crate) quality: Option<u8>,

    /// Mirror the picture left to right, of every camera
    #[arg(long)]
    pub(crate) hflip: bool,

    /// Mirror the picture top to bottom, of every camera
    #[arg(long)]
    pub(crate) vflip: bool,

    /// Turn the picture clockwise, of every camera: 0, 90, 180 or 270 degrees
    #[arg(long, value_name = "DEGREES")]
    pub(crate) rotate: Option<u16>,
}

/// Flags of the log.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Logging {
    /// What to log: error, warn, info, debug or trace, also per module as in info,pistreamer::session=debug
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// Log as JSON, one object a line
    #[arg(long)]
    pub(crate) log_json: bool,
}

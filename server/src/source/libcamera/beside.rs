//! Programs beside this one that drive a camera, one for each version of libcamera: `pistreamer-camera` of
//! `pistreamer_local_camera`, linked to that version.
//!
//! The dynamic linker decides which of them runs here. A process of its own may crash, as libcamera does where an assertion of
//! its own fails, and may be ended where its driver does not come back; either is an error of one camera and no more. Its buffers
//! are mapped here, so that no picture is copied on the way.

use super::installed::{self, Version};
use super::log;
use super::process::{self, Process};
use super::still::Pending;
use crate::demand::Demand;
use crate::source::device::pictures::Pictures;
use crate::source::{Config, Port, SourceError, WEDGED};
use pistreamer_local_camera::process::{News, Order, Socket, VERSION};
use pistreamer_local_camera::{Buffer, CameraDescription, Still};
use pistreamer_protocol::message::Cause;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Level;

/// How a program beside this one is named; its version of libcamera follows.
const NAME: &str = "camera-";

/// As the dynamic linker ends a program that lacks a library.
const LACKS_LIBRARY: i32 = 127;

/// How often a thread looks whether it is to stop, where nothing else wakes it.
const LOOK: Duration = Duration::from_millis(100);

/// A process that says nothing for this long while its camera runs is stuck in the camera's driver.
const STUCK: Duration = WEDGED.saturating_mul(2);

/// The same while the camera is opened, or its process starts, which may take long on a machine that starts itself.
const STUCK_OPENING: Duration = WEDGED.saturating_mul(4);

/// How long a camera may take to stop. A server that ends waits longer than that, and kills what does not.
const STOPS: Duration = Duration::from_secs(2);

/// How long a process may take to end by itself once its camera is closed.
const ENDS: Duration = Duration::from_millis(200);

/// The programs beside this one.
#[derive(Debug)]
pub(super) struct Parts(Vec<(Version, PathBuf)>);

impl Parts {
    /// Those of this program, where it is installed with some: `../lib/pistreamer/camera-0.7` beside `bin/pistreamer`.
    pub(super) fn find() -> Option<Self> {
        let program = std::env::current_exe().ok()?;
        let folder = program.parent()?.parent()?.join("lib/pistreamer");
        let entries = folder.read_dir().ok()?.flatten();
        let mut parts: Vec<_> = entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let version = installed::version(name.to_str()?.strip_prefix(NAME)?)?;
                Some((version, entry.path()))
            })
            .collect();
        parts.sort();
        (!parts.is_empty()).then_some(Self(parts))
    }

    /// Starts the newest one that this system has the libcamera for, for the camera with that id or index.
    ///
    /// # Errors
    /// Where it has none, or the one that fits does not start. What is said says what to do.
    pub(super) fn start(&self, which: Option<&str>, demand: &Demand) -> Result<Part, Unfit> {
        process::check(which).map_err(Unfit::Broken)?;
        let mut why = None;
        for (version, path) in self.0.iter().rev() {
            match Part::start(path, which, demand) {
                Ok(part) => return Ok(part),
                Err(Unfit::Lacks(why_not)) => {
                    tracing::debug!(%why_not, "libcamera {}.{} is not here", version.0, version.1);
                    // The newest one's, but where its library is there and another is not.
                    if installed::newest() == Some(*version) {
                        why = Some(why_not.to_string());
                    }
                }
                Err(unfit) => return Err(unfit),
            }
        }
        let known: Vec<_> = self.0.iter().map(|(version, _)| *version).collect();
        let why = installed::explain(&known, installed::newest(), why);
        Err(Unfit::Lacks(why.into()))
    }
}

/// Why a program cannot be used.
pub(super) enum Unfit {
    /// A library is missing, as the dynamic linker says. That stays so until another is installed.
    Lacks(SourceError),
    /// Something else, which may be over at the next attempt.
    Broken(SourceError),
}

impl From<Unfit> for SourceError {
    fn from(unfit: Unfit) -> Self {
        let (Unfit::Lacks(error) | Unfit::Broken(error)) = unfit;
        error
    }
}

/// A process that drives a camera. It ends when this drops.
pub(super) struct Part {
    path: PathBuf,
    socket: Arc<Socket>,
    process: Process,
}

impl Part {
    fn start(path: &PathBuf, which: Option<&str>, demand: &Demand) -> Result<Self, Unfit> {
        let program = path.display().to_string();
        let failed = |problem: String| {
            let program = program.clone();
            Unfit::Broken(Cause::PartFailed { program, problem }.into())
        };
        let broken = |error: io::Error| failed(error.to_string());
        let (ours, theirs) = Socket::pair().map_err(broken)?;
        ours.set_patience(LOOK).map_err(broken)?;
        let child = Command::new(path)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Some versions colour what they say wherever it goes.
            .env("LIBCAMERA_LOG_NO_COLOR", "1")
            // Ctrl-C is for the server, which stops the camera first.
            .process_group(0)
            .spawn();
        let mut part = Self {
            path: path.clone(),
            socket: Arc::new(ours),
            process: Process::new(child.map_err(broken)?, which),
        };
        let stderr = part.process.take_stderr();
        match part.hear(demand) {
            Ok(Some((News::Hello { version }, _))) if version == VERSION => {
                part.take_log(stderr).map_err(broken)?;
                Ok(part)
            }
            Ok(Some((News::Hello { version }, _))) => {
                let cause = Cause::PartOfAnother {
                    program,
                    version,
                    own: VERSION.into(),
                };
                Err(Unfit::Broken(cause.into()))
            }
            Ok(None) => Err(Unfit::Broken(Cause::PartSilent { program }.into())),
            _ => {
                let status = part.process.end(ENDS);
                let mut text = String::new();
                if let (Some(_), Some(stderr)) = (status, stderr) {
                    // Whatever can be read of what it said.
                    let _ = stderr.take(4096).read_to_string(&mut text);
                }
                let text = text.trim().to_owned();
                Err(match status {
                    Some(status) if status.code() == Some(LACKS_LIBRARY) => {
                        Unfit::Lacks(SourceError::new(text))
                    }
                    status => failed(format!("{}: {text}", told(status))),
                })
            }
        }
    }

    /// The program's name, which tells its libcamera.
    pub(super) fn name(&self) -> Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    /// Has what libcamera says written to the log.
    fn take_log(&self, stderr: Option<ChildStderr>) -> io::Result<()> {
        let thread = std::thread::Builder::new().name("libcamera-log".into());
        if let Some(stderr) = stderr {
            thread.spawn(move || log::forward(stderr, || {}))?;
        }
        Ok(())
    }

    /// What it says next; `None` where that takes too long, or nothing waits for it any more.
    fn hear(&self, demand: &Demand) -> io::Result<Option<(News, Vec<OwnedFd>)>> {
        let deadline = Instant::now() + STUCK_OPENING;
        loop {
            match self.socket.receive()? {
                None if !demand.stopping() && Instant::now() < deadline => {}
                received => return Ok(received),
            }
        }
    }

    /// Every camera, in libcamera's order.
    pub(super) fn list(mut self, demand: &Demand) -> Result<Vec<CameraDescription>, SourceError> {
        self.socket.send(&Order::List);
        let mut cameras = Vec::new();
        loop {
            match self.hear(demand) {
                Ok(Some((News::Camera(camera), _))) => cameras.push(camera),
                Ok(Some((News::Listed, _))) => return Ok(cameras),
                Ok(Some((News::Log { level, text }, _))) => tell(&level, &text),
                Ok(Some((News::Failed(why), _))) => return Err(SourceError(why)),
                Ok(Some(_)) => {}
                Ok(None) => {
                    let seconds = STUCK_OPENING.as_secs();
                    return Err(Cause::DriverHangsLooking { seconds }.into());
                }
                Err(error) => return Err(self.gone(&error)),
            }
        }
    }

    /// Runs the camera with that id or index until the port's run is to end.
    pub(super) fn capture(
        mut self,
        config: &Config,
        which: Option<&str>,
        port: &Port,
    ) -> Result<(), SourceError> {
        let mut capture = Capture::new(&self, port);
        let result = capture.run(&mut self, config, which);
        match &result {
            Ok(()) => self.stop(capture.opened),
            Err(error) => capture.still.fails(&error.0),
        }
        result
    }

    /// Has the camera stop, and waits a little for that. A process that does not is ended.
    fn stop(&mut self, opened: u64) {
        self.socket.send(&Order::Stop);
        // Where that fails, it is looked more often.
        let _ = self.socket.set_patience(LOOK);
        let deadline = Instant::now() + STOPS;
        while Instant::now() < deadline {
            match self.socket.receive::<News>() {
                Ok(Some((News::Log { level, text }, _))) => tell(&level, &text),
                // It waits for its buffers.
                Ok(Some((News::Filled(filled), _))) => {
                    let number = filled.number;
                    self.socket.send(&Order::Home { opened, number });
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
        self.process.end(Duration::ZERO);
    }

    /// Why there is no process any more at the other end.
    fn gone(&mut self, error: &io::Error) -> SourceError {
        if error.kind() != ErrorKind::UnexpectedEof && error.kind() != ErrorKind::ConnectionReset {
            let error = error.to_string();
            return Cause::ProcessNotUnderstood { error }.into();
        }
        let status = told(self.process.end(ENDS));
        Cause::ProcessEnded { status }.into()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It has nothing left to do but to end.
        self.process.end(ENDS);
    }
}

fn told(status: Option<ExitStatus>) -> String {
    status.map_or_else(|| "it does not end".into(), |status| status.to_string())
}

/// Writes a line of the process's own.
fn tell(level: &str, text: &str) {
    let level = Level::from_str(level).unwrap_or(Level::INFO);
    // Commands that only print have no log, and are not asked for more than what goes wrong.
    if level <= Level::WARN || tracing::dispatcher::has_been_set() {
        log::tell(level, text);
    }
}

/// A camera that a process drives for a port.
struct Capture<'a> {
    port: &'a Port,
    socket: Arc<Socket>,
    buffers: Vec<Buffer>,
    /// Once the camera is open.
    pictures: Option<Pictures>,
    /// What the process was told.
    wanted: bool,
    /// Whether it has told the camera's controls, and how often it was told values of them.
    has_controls: bool,
    set: u64,
    /// Whether it was told to take a still, and what comes of that.
    is_still_ordered: bool,
    still: Pending,
    /// How often the camera was opened.
    opened: u64,
}

impl<'a> Capture<'a> {
    fn new(part: &Part, port: &'a Port) -> Self {
        Self {
            port,
            socket: Arc::clone(&part.socket),
            buffers: Vec::new(),
            pictures: None,
            wanted: false,
            has_controls: false,
            set: 0,
            is_still_ordered: false,
            still: Pending::default(),
            opened: 0,
        }
    }

    fn run(
        &mut self,
        part: &mut Part,
        config: &Config,
        which: Option<&str>,
    ) -> Result<(), SourceError> {
        self.socket.send(&Order::Capture {
            config: config.clone(),
            which: which.map(str::to_owned),
        });
        let mut sign = Instant::now();
        while !self.port.demand().stopping() {
            self.tell_wanted();
            if self.has_controls {
                let values = self.port.commands();
                if !values.is_empty() {
                    self.socket.send(&Order::Set(values));
                    self.set += 1;
                }
            }
            if self.pictures.is_some() && !self.is_still_ordered && self.port.has_still() {
                let opened = self.opened;
                self.socket.send(&Order::Still { opened });
                self.is_still_ordered = true;
            }
            // While nothing is wanted, what is waited for is that something is.
            let patience = if self.wanted || self.pictures.is_none() {
                LOOK
            } else {
                self.port.demand().wait_wanted(LOOK);
                self.tell_wanted();
                Duration::from_millis(1)
            };
            let failed = |error: io::Error| Cause::ProcessFailed {
                error: error.to_string(),
            };
            self.socket.set_patience(patience).map_err(failed)?;
            match self.socket.receive() {
                Ok(Some((news, descriptors))) => {
                    sign = Instant::now();
                    self.hear(news, descriptors)?;
                }
                Ok(None) => {
                    let patience = match self.pictures {
                        Some(_) => STUCK,
                        None => STUCK_OPENING,
                    };
                    if sign.elapsed() > patience {
                        let seconds = patience.as_secs();
                        let cause = match self.pictures {
                            Some(_) => Cause::DriverHangsRunning { seconds },
                            None => Cause::DriverHangsOpening { seconds },
                        };
                        return Err(cause.into());
                    }
                }
                Err(error) => return Err(part.gone(&error)),
            }
        }
        Ok(())
    }

    fn tell_wanted(&mut self) {
        let wanted = self.port.demand().wanted();
        if wanted != self.wanted {
            self.socket.send(&Order::Wanted(wanted));
            self.wanted = wanted;
        }
    }

    fn hear(&mut self, news: News, regions: Vec<OwnedFd>) -> Result<(), SourceError> {
        match news {
            News::Buffer(planes) => self.buffers.push(Buffer { regions, planes }),
            News::Open {
                id,
                mode,
                picture,
                turn,
                still,
                sizes,
            } => {
                let socket = Arc::clone(&self.socket);
                self.opened += 1;
                let opened = self.opened;
                let give_back =
                    Arc::new(move |number| socket.send(&Order::Home { opened, number }));
                let buffers = std::mem::take(&mut self.buffers);
                self.pictures = Some(Pictures::map(picture, buffers, give_back)?);
                self.port.opened_device(&id);
                self.port.leaves_to_turn(turn);
                self.port.open(mode);
                self.port.has_sizes(sizes);
                self.port.takes_stills(still);
                self.is_still_ordered = false;
                self.still.reopened();
            }
            News::Stops => drop(self.still.begin(self.port)),
            News::Still {
                picture,
                turn,
                filled,
            } => {
                if let Some(buffer) = self.buffers.pop() {
                    let still = Still {
                        picture,
                        turn,
                        buffer,
                        filled,
                    };
                    self.still.take(Ok(still), self.port);
                }
            }
            News::NoStill(why) => self.still.take(Err(SourceError(why)), self.port),
            News::Mode(mode) => self.port.open(mode),
            News::Controls { controls, taken } => {
                self.has_controls = true;
                if taken == self.set {
                    self.port.controls(&controls);
                } else {
                    self.port.controls_meanwhile(&controls);
                }
            }
            News::Readings(values) => self.port.readings(&values),
            News::Filled(filled) => {
                let pictures = self.pictures.as_ref();
                let lent = self.port.demand().wanted()
                    && pictures.is_some_and(|pictures| pictures.hand_on(filled, self.port));
                if !lent {
                    let (opened, number) = (self.opened, filled.number);
                    self.socket.send(&Order::Home { opened, number });
                }
            }
            News::Broken(reason) => self.port.broken(&reason),
            News::Log { level, text } => tell(&level, &text),
            News::Failed(why) => return Err(SourceError(why)),
            News::Hello { .. } | News::Camera(_) | News::Listed | News::Alive => {}
        }
        Ok(())
    }
}

//! What network sources share: a runtime on their thread, and timeouts.
//!
//! Protocols belong to [`super::tcp`], [`super::http`] and [`super::relay`].

use super::{Mode, Port, SourceError, WEDGED};
use crate::demand::Demand;
use bytes::Bytes;
use pistreamer_picture::{Mended, Whole};
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::{CameraState, CameraStatus, Cause, Reason};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time without viewers after which a source disconnects if it can. Long enough for a page to be reloaded.
pub(super) const LINGER: Duration = Duration::from_secs(3);

/// Runs a source's task on this thread until it fails or the pipeline stops.
pub(super) fn run(port: &Port, task: impl Future<Output = SourceError>) -> Result<(), SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Cause::NoRuntime {
            error: error.to_string(),
        })?;
    let end = runtime.block_on(async {
        tokio::select! {
            biased;
            () = port.demand().until(Demand::stopping) => Ok(()),
            error = task => Err(error),
        }
    });
    // A name lookup that is still going on must not delay the end.
    runtime.shutdown_background();
    end
}

/// Completes once there have been no viewers for [`LINGER`]. Cancel-safe.
pub(super) async fn unwanted(demand: &Demand) {
    unwanted_for(demand, LINGER).await;
}

/// Completes once there have been no viewers for that time. Cancel-safe.
pub(super) async fn unwanted_for(demand: &Demand, time: Duration) {
    loop {
        demand.until(|demand| !demand.wanted()).await;
        tokio::select! {
            () = demand.until(Demand::wanted) => {}
            () = sleep(time) => return,
        }
    }
}

/// Hands on JPEGs from elsewhere, whole ones only. Reports the camera open with the first one and whenever their size
/// changes.
#[derive(Debug)]
pub(crate) struct Intake {
    port: Port,
    /// The rate that viewers are told while the sender announces none.
    asked_fps: f64,
    fps: f64,
    /// `None` while no pictures come.
    open: Option<Mode>,
    last_size: Option<(u32, u32)>,
    /// When the sender began to send no whole picture.
    none_since: Option<Instant>,
}

/// The other end of a connection, where another pistreamer is there, or a program that speaks like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is looked at.
    Origin,
    /// It pushes.
    Pusher,
}

impl End {
    fn starting(self) -> Cause {
        match self {
            Self::Origin => Cause::OriginStarting,
            Self::Pusher => Cause::PusherStarting,
        }
    }

    fn sent_none(self) -> Cause {
        match self {
            Self::Origin => Cause::OriginSentNone,
            Self::Pusher => Cause::PusherSentNone,
        }
    }

    fn sends_no_whole(self, problem: &str) -> Cause {
        let problem = problem.into();
        match self {
            Self::Origin => Cause::OriginSendsNoWhole { problem },
            Self::Pusher => Cause::PusherSendsNoWhole { problem },
        }
    }
}

/// Pixels that a side of a JPEG can have.
const SIDES: std::ops::RangeInclusive<u32> = 1..=u16::MAX as u32;

impl Intake {
    /// `fps` is the rate that the source is asked for; the size follows with the first picture.
    pub(crate) fn new(port: &Port, fps: f64) -> Self {
        Self {
            port: port.clone(),
            asked_fps: fps,
            fps,
            open: None,
            last_size: None,
            none_since: None,
        }
    }

    /// Whether the camera is reported open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Reports the camera open with pictures of that size.
    pub(crate) fn open(&mut self, size: (u32, u32)) {
        self.last_size = Some(size);
        let (width, height) = size;
        let fps = self.fps;
        let mode = Mode { width, height, fps };
        if self.open.as_ref() != Some(&mode) {
            self.port.open(mode.clone());
            self.open = Some(mode);
        }
    }

    /// Reports that the camera is open, for a picture that is not handed on.
    pub(crate) fn probed(&mut self, size: (u32, u32)) {
        self.port.probed();
        self.open(size);
    }

    /// Passes on the state of the camera at that other end. A live camera is open once its size is known, with its first
    /// picture at the latest. Returns true if that picture is needed.
    pub(crate) fn follow(&mut self, status: &CameraStatus, end: End) -> bool {
        if let Some(made_up) = status.test_pattern {
            self.test_pattern(made_up);
        }
        if let Some(mode) = status.mode
            && SIDES.contains(&mode.width)
            && SIDES.contains(&mode.height)
        {
            self.fps = mode.fps;
            self.last_size = Some((mode.width, mode.height));
        }
        match (status.state, self.last_size) {
            (CameraState::Live, Some(size)) => self.open(size),
            (CameraState::Live, None) => self.lost(end.sent_none()),
            (CameraState::NoSignal, _) => self.lost(status.reason.clone()),
            (CameraState::Starting, _) => self.starting(end.starting()),
            // A state of a newer server, in which there may be pictures.
            _ => {}
        }
        status.state == CameraState::Live && !self.is_open()
    }

    /// Reports that the pictures have stopped, with the reason.
    pub(crate) fn lost(&mut self, reason: impl Into<Reason>) {
        self.open = None;
        self.port.lost(reason);
    }

    fn starting(&mut self, cause: Cause) {
        self.open = None;
        self.port.starting(cause);
    }

    /// Reports the camera's name, if there is one.
    pub(crate) fn named(&self, name: &str) {
        if !name.is_empty() {
            self.port.named(name);
        }
    }

    /// Reports whether the pictures are a test pattern.
    pub(crate) fn test_pattern(&self, made_up: bool) {
        self.port.test_pattern(made_up);
    }

    /// Starts over for another sender: what was known about the pictures is forgotten.
    pub(crate) fn begin_anew(&mut self) {
        self.last_size = None;
        self.none_since = None;
        self.fps = self.asked_fps;
        self.test_pattern(false);
    }

    /// Reports a picture that was dropped.
    pub(crate) fn broken(&self, reason: &str) {
        self.port.broken(reason);
    }

    /// Reports something that was dropped, on a connection to that end that stays. The camera is lost once nothing good has
    /// been sent for [`WEDGED`], or at once if it is not open.
    pub(crate) fn left_out(&mut self, end: End, problem: &str) {
        self.broken(problem);
        let none_for = self.none_since.get_or_insert_with(Instant::now).elapsed();
        if none_for >= WEDGED || !self.is_open() {
            self.lost(end.sends_no_whole(problem));
        }
    }

    /// Forgets bad pictures from before a pause.
    pub(crate) fn resumed(&mut self) {
        self.none_since = None;
    }

    /// Mends a picture if that is possible, hands it on and returns its seq.
    ///
    /// # Errors
    /// If it is no whole JPEG. Nothing has been handed on then.
    pub(crate) fn picture(&mut self, jpeg: Bytes) -> Result<u64, JpegError> {
        self.whole(Mended::new(jpeg)?.whole()?)
    }

    /// Hands on a whole picture and returns its seq.
    ///
    /// # Errors
    /// As for [`Port::arrived`].
    pub(crate) fn whole(&mut self, picture: Whole) -> Result<u64, JpegError> {
        self.none_since = None;
        self.open(picture.info.displayed());
        self.port.arrived(picture)
    }
}

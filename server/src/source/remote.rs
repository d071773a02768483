//! What sources that live at the other end of a network share: a runtime on their thread, and patience.
//!
//! Protocols belong to [`super::tcp`], [`super::http`] and [`super::relay`].

use super::{Mended, Mode, Port, SourceError, WEDGED, Whole};
use crate::demand::Demand;
use bytes::Bytes;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::{CameraState, CameraStatus};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// After this time without viewers, a source that can disconnects. Long enough for a page to be loaded again.
pub(super) const LINGER: Duration = Duration::from_secs(3);

/// Runs a source's task on this thread until it fails or the pipeline stops.
pub(super) fn run(port: &Port, task: impl Future<Output = SourceError>) -> Result<(), SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| SourceError::new(format!("cannot start a runtime: {error}")))?;
    let end = runtime.block_on(async {
        tokio::select! {
            biased;
            () = port.demand().until(Demand::stopping) => Ok(()),
            error = task => Err(error),
        }
    });
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    end
}

/// Done once there were no viewers for [`LINGER`]. Cancel-safe.
pub(super) async fn unwanted(demand: &Demand) {
    loop {
        demand.until(|demand| !demand.wanted()).await;
        tokio::select! {
            () = demand.until(Demand::wanted) => {}
            () = sleep(LINGER) => return,
        }
    }
}

/// Hands on JPEGs from elsewhere, whole ones only, and reports the camera open with the first one and whenever their size
/// changes.
#[derive(Debug)]
pub struct Intake {
    port: Port,
    /// What viewers are told about the rate while the sender of the pictures announces none.
    asked_fps: f64,
    fps: f64,
    /// `None` while no pictures come.
    open: Option<Mode>,
    last_size: Option<(u32, u32)>,
    /// Since when whatever is sent is no picture.
    none_since: Option<Instant>,
}

/// Pixels that a side of a JPEG can have.
const SIDES: std::ops::RangeInclusive<u32> = 1..=u16::MAX as u32;

impl Intake {
    /// The rate is what the source is asked for; the size shows with the first picture.
    pub fn new(port: &Port, fps: f64) -> Self {
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
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Reports the camera open with pictures of that size.
    pub fn open(&mut self, size: (u32, u32)) {
        self.last_size = Some(size);
        let (width, height) = size;
        let fps = self.fps;
        let mode = Mode { width, height, fps };
        if self.open.as_ref() != Some(&mode) {
            self.port.open(mode.clone());
            self.open = Some(mode);
        }
    }

    /// Reports that the camera is open, by a picture that goes nowhere.
    pub fn probed(&mut self, size: (u32, u32)) {
        self.port.probed();
        self.open(size);
    }

    /// Passes on the state of the camera at the other end, which is called so. A live one is open once its size is known: with
    /// its first picture at the latest. Tells whether that one is waited for.
    pub fn follow(&mut self, status: &CameraStatus, camera: &str) -> bool {
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
            (CameraState::Live, None) => self.lost(&format!("{camera} has sent no picture yet")),
            (CameraState::NoSignal, _) => self.lost(&status.reason),
            (CameraState::Starting, _) => self.lost(&format!("{camera} is being opened")),
            // Whatever a newer server means by it, there may be pictures.
            _ => {}
        }
        status.state == CameraState::Live && !self.is_open()
    }

    /// Reports that no pictures come any more, and why.
    pub fn lost(&mut self, reason: &str) {
        self.open = None;
        self.port.lost(reason);
    }

    /// Reports what the camera is called, where that was told.
    pub fn named(&self, name: &str) {
        if !name.is_empty() {
            self.port.named(name);
        }
    }

    /// Reports whether the pictures are made up.
    pub fn test_pattern(&self, made_up: bool) {
        self.port.test_pattern(made_up);
    }

    /// Another sender from here on: what was known of its pictures is forgotten.
    pub fn begin_anew(&mut self) {
        self.last_size = None;
        self.none_since = None;
        self.fps = self.asked_fps;
        self.test_pattern(false);
    }

    /// Reports a picture that had to be left out.
    pub fn broken(&self, reason: &str) {
        self.port.broken(reason);
    }

    /// Reports something that had to be left out, and the camera lost where nothing good has been sent for [`WEDGED`]; where
    /// there is no signal anyway, why at once. For connections that stay: `sender` is who is at the other end.
    pub fn left_out(&mut self, sender: &str, reason: &str) {
        self.broken(reason);
        let none_for = self.none_since.get_or_insert_with(Instant::now).elapsed();
        if none_for >= WEDGED || !self.is_open() {
            self.lost(&format!("{sender} sends no whole picture: {reason}"));
        }
    }

    /// What was sent before says nothing about what comes from here on.
    pub fn resumed(&mut self) {
        self.none_since = None;
    }

    /// Mends a picture where that can be done, hands it on and returns its seq.
    ///
    /// # Errors
    /// Where it is no whole JPEG; nothing was handed on.
    pub fn picture(&mut self, jpeg: Bytes) -> Result<u64, JpegError> {
        self.whole(Mended::new(jpeg)?.whole()?)
    }

    /// Hands on a whole picture and returns its seq.
    ///
    /// # Errors
    /// As for [`Port::arrived`].
    pub fn whole(&mut self, picture: Whole) -> Result<u64, JpegError> {
        self.none_since = None;
        self.open(picture.info.displayed());
        self.port.arrived(picture)
    }
}

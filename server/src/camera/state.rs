//! A camera's state as one value, which `hello`, `state`, status and metrics all report.
//!
//! Frames belong to [`crate::hub`]. The source, the encoder and [`super::lifecycle`] cause the changes.

use crate::source::Report;
use crate::util::clock::{self, Moment};
use pistreamer_protocol::message::{
    self, CameraStatus, Control, ControlValues, Hello, Mode, Reason, Recording,
};
use pistreamer_protocol::{VERSION, WireFormat};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

pub(crate) use message::CameraState as Phase;

/// A camera's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CameraState {
    /// Whether it delivers.
    pub phase: Phase,
    /// Why not; empty where there is nothing to explain.
    pub reason: Reason,
    /// Unix time in µs of the last change of phase or reason.
    pub since_us: u64,
    /// Size and rate of its pictures; zeros until its source is open.
    pub mode: Mode,
    /// True for a test pattern.
    pub test_pattern: bool,
    /// The name for people.
    pub name: String,
    /// Kind of source: `libcamera`, `pattern`, `files`, …
    pub source: String,
    /// The controls.
    pub controls: Vec<Control>,
    /// Rises with each change of them that did not come by itself.
    pub controls_revision: u64,
    /// Whether it is recorded; `None` where this server records nothing.
    pub recording: Option<Recording>,
}

impl CameraState {
    /// The `hello` of a camera with that id.
    pub fn hello(&self, id: &str, wire: WireFormat) -> Hello {
        Hello {
            protocol: VERSION,
            server: concat!("pistreamer ", env!("CARGO_PKG_VERSION")).into(),
            time_us: clock::now_us(),
            camera: message::Camera {
                id: id.into(),
                name: self.name.clone(),
                source: self.source.clone(),
                test_pattern: self.test_pattern,
            },
            width: self.mode.width,
            height: self.mode.height,
            fps: self.mode.fps,
            status: CameraStatus {
                state: self.phase,
                reason: self.reason.clone(),
                since_us: self.since_us,
                recording: self.recording,
                ..CameraStatus::default()
            },
            wire: wire.subprotocol().into(),
            controls: self.controls.clone(),
            sets: true,
            plays: false,
            tiles: false,
        }
    }

    /// The `state` message.
    pub fn message(&self) -> CameraStatus {
        CameraStatus {
            state: self.phase,
            reason: self.reason.clone(),
            since_us: self.since_us,
            test_pattern: Some(self.test_pattern),
            mode: (self.mode.width > 0).then_some(self.mode),
            name: Some(self.name.clone()),
            controls: Some(self.controls.clone()),
            recording: self.recording,
        }
    }

    /// The same with newer values of controls that change by themselves.
    pub(super) fn with_readings(mut self, readings: &ControlValues) -> Self {
        for control in &mut self.controls {
            if let Some(value) = readings.get(&control.name) {
                control.adopt(value);
            }
        }
        self
    }

    fn turn(&mut self, phase: Phase, reason: &Reason) {
        self.phase = phase;
        self.reason.clone_from(reason);
        self.since_us = clock::now_us();
    }
}

/// Longest list of controls, in bytes of JSON: it is part of a message that has to arrive.
const LONGEST_LIST: usize = message::LONGEST_MESSAGE * 3 / 4;

/// As many of the controls as fit into a message.
fn fitting(controls: &[Control]) -> Vec<Control> {
    let mut left = LONGEST_LIST;
    let fits = |control: &&Control| {
        let len = serde_json::to_string(control).map_or(usize::MAX, |json| json.len() + 1);
        left = left.saturating_sub(len);
        left > 0
    };
    let fitting: Vec<_> = controls.iter().take_while(fits).cloned().collect();
    if fitting.len() < controls.len() {
        let (offered, all) = (fitting.len(), controls.len());
        tracing::debug!(
            offered,
            all,
            "the camera has more controls than fit into a message"
        );
    }
    fitting
}

impl Names {
    /// The owner's takes precedence.
    fn shown(&self) -> &str {
        self.given.as_deref().unwrap_or(&self.own)
    }
}

/// The state of one camera, and its subscribers.
#[derive(Debug)]
pub(super) struct StateCell {
    state: watch::Sender<CameraState>,
    /// Values of controls that have changed by themselves since the controls were reported. They are told to few.
    readings: watch::Sender<ControlValues>,
    turned_at: Moment,
    names: Mutex<Names>,
}

/// The candidates for the camera's name.
#[derive(Debug, Default)]
struct Names {
    /// The owner's.
    given: Option<String>,
    /// The source's.
    own: String,
}

impl StateCell {
    /// The state of a camera that is being started, with the owner's name for it and the kind of its source.
    pub(super) fn new(given: Option<&str>, kind: &str) -> Self {
        let names = Names {
            given: given.map(str::to_owned),
            own: kind.into(),
        };
        Self {
            state: watch::Sender::new(CameraState {
                since_us: clock::now_us(),
                name: names.shown().into(),
                source: kind.into(),
                ..CameraState::default()
            }),
            readings: watch::Sender::default(),
            turned_at: Moment::now(),
            names: Mutex::new(names),
        }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        // Nothing panics while it holds this lock.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self) -> CameraState {
        let state = self.state.borrow().clone();
        state.with_readings(&self.readings.borrow())
    }

    pub(super) fn readings(&self) -> watch::Receiver<ControlValues> {
        self.readings.subscribe()
    }

    pub(super) fn news(&self) -> watch::Receiver<CameraState> {
        self.state.subscribe()
    }

    /// When the phase or its reason changed last.
    pub(super) fn turned_at(&self) -> &Moment {
        &self.turned_at
    }

    /// Changes the state, and notifies subscribers if it differs then.
    fn change(&self, change: impl FnOnce(&mut CameraState)) -> bool {
        self.state.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            if (state.phase, &state.reason) != (before.phase, &before.reason) {
                self.turned_at.mark();
            }
            *state != before
        })
    }

    fn turn(&self, phase: Phase, reason: &Reason) {
        self.change(|state| {
            if state.phase != phase || state.reason != *reason {
                state.turn(phase, reason);
            }
        });
    }

    /// Sets the owner's name. `starts` says that the source is being made and opened anew.
    pub(super) fn configured(&self, name: Option<&str>, starts: bool) {
        let mut names = self.names();
        names.given = name.map(str::to_owned);
        self.change(|state| {
            state.name = names.shown().into();
            if starts && (state.phase != Phase::Starting || !state.reason.is_empty()) {
                state.turn(Phase::Starting, &Reason::default());
            }
        });
    }

    /// Notes whether it is recorded.
    pub(super) fn record(&self, recording: Option<Recording>) {
        self.change(|state| state.recording = recording);
    }

    /// Notes that a source of that kind is being made for another camera: nothing of the previous one holds.
    pub(super) fn replaced(&self, kind: &str) {
        let mut names = self.names();
        names.own = kind.into();
        self.change(|state| {
            *state = CameraState {
                name: names.shown().into(),
                source: kind.into(),
                mode: Mode::default(),
                test_pattern: false,
                controls: Vec::new(),
                ..state.clone()
            };
        });
    }

    /// Notes the source that has been made.
    pub(super) fn made(&self, source: &message::Camera) {
        let mut names = self.names();
        names.own.clone_from(&source.name);
        self.change(|state| {
            state.source.clone_from(&source.source);
            state.test_pattern = source.test_pattern;
            state.name = names.shown().into();
            // The new source reports its own.
            state.controls.clear();
            state.controls_revision += 1;
        });
    }

    /// Applies a report of the source.
    pub(super) fn report(&self, report: &Report<'_>) {
        match report {
            Report::Open(mode) => {
                let is_rate = mode.fps.is_finite() && mode.fps > 0.0;
                let mode = Mode {
                    width: mode.width,
                    height: mode.height,
                    // 0 stands for an unknown rate.
                    fps: if is_rate { mode.fps } else { 0.0 },
                };
                self.change(|state| {
                    if state.phase != Phase::Live {
                        state.turn(Phase::Live, &Reason::default());
                    }
                    state.mode = mode;
                });
            }
            Report::Lost(reason) => self.turn(Phase::NoSignal, reason),
            Report::Starting(reason) => self.turn(Phase::Starting, reason),
            Report::Named(name) => {
                let mut names = self.names();
                names.own = (*name).into();
                self.change(|state| state.name = names.shown().into());
            }
            Report::TestPattern(made_up) => {
                self.change(|state| state.test_pattern = *made_up);
            }
            Report::Controls(controls) => {
                self.readings.send_replace(ControlValues::new());
                let controls = fitting(controls);
                self.change(|state| {
                    if state.controls != controls {
                        state.controls = controls;
                        state.controls_revision += 1;
                    }
                });
            }
            Report::Readings(values) => {
                self.readings.send_modify(|readings| {
                    readings.extend(
                        values
                            .iter()
                            .map(|(name, value)| (name.clone(), value.clone())),
                    );
                });
            }
            Report::Broken(_) => {}
        }
    }

    /// Notes that nothing can be encoded. Ignored unless the camera is live: the source's own reason is the better one.
    /// Returns true if this reason is shown.
    pub(super) fn fail(&self, reason: &Reason) -> bool {
        self.change(|state| {
            if state.phase == Phase::Live {
                state.turn(Phase::NoSignal, reason);
            }
        })
    }

    /// Notes that encoding works again after it failed for that reason.
    pub(super) fn mend(&self, reason: &Reason) {
        self.leave(reason, Phase::Live, &Reason::default());
    }

    /// Notes that there is no picture for a reason that the source cannot know. Returns phase and reason of before, unless
    /// this one is shown already.
    pub(super) fn enter(&self, reason: &Reason) -> Option<(Phase, Reason)> {
        let mut before = None;
        self.change(|state| {
            if state.phase != Phase::NoSignal || state.reason != *reason {
                before = Some((state.phase, state.reason.clone()));
                state.turn(Phase::NoSignal, reason);
            }
        });
        before
    }

    /// Notes that this reason is gone, unless the source has said something else since.
    pub(super) fn leave(&self, reason: &Reason, phase: Phase, its_reason: &Reason) {
        self.change(|state| {
            if state.phase == Phase::NoSignal && state.reason == *reason {
                state.turn(phase, its_reason);
            }
        });
    }
}

//! A camera's settings: plain data that has been checked.
//!
//! Reading them belongs to [`crate::config`]; applying changes, to [`super::lifecycle`].

use super::{Id, Target};
use crate::hub;
use crate::source::{self, Spec};
use pistreamer_operate::Plan;
use pistreamer_protocol::message::ControlValues;

/// The settings of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Its id in links, tickets, metrics and stamps.
    pub id: Id,
    /// Its name for people; `None` uses the source's.
    pub name: Option<String>,
    /// Where its pictures come from.
    pub source: Spec,
    /// What the source is asked for.
    pub capture: source::Config,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Maximum number of renditions at a time, at least 1.
    pub renditions: usize,
    /// Whether viewers that ask for it are sent what changed alone.
    pub tiles: bool,
    /// Whether what stands still is averaged for them.
    pub averaging: bool,
    /// Targets to which its frames are pushed.
    pub push: Vec<Target>,
    /// What its controls are set to when it starts, where nothing else was set and kept.
    pub controls: ControlValues,
    /// What is recorded of it, where the server records; `None` is nothing.
    pub record: Option<Record>,
    /// What is looked for in its pictures; `None` is nothing.
    pub motion: Option<pistreamer_motion::Settings>,
    /// How the machine below it is driven; `None` where there is none.
    pub operate: Option<Plan>,
}

/// What is recorded of a camera.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Pictures a second; `None` leaves it at events and the sparse ones.
    pub fps: Option<f64>,
    /// How events are recorded; `None` records none.
    pub events: Option<RecordEvents>,
    /// Seconds between the pictures that stay longer.
    pub sparse_s: f64,
}

/// How events of a camera are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordEvents {
    /// Pictures a second.
    pub fps: f64,
    /// Seconds before an event that are recorded with it.
    pub before_s: f64,
}

impl Settings {
    /// The settings of a camera without a source.
    pub(super) fn idle(id: Id, renditions: hub::Config) -> Self {
        Self {
            id,
            name: None,
            source: Spec::none(),
            capture: source::Config {
                width: 0,
                height: 0,
                fps: 0.0,
                transform: Default::default(),
            },
            quality: renditions.quality,
            renditions: renditions.most,
            tiles: renditions.tiles.is_some(),
            averaging: renditions.tiles.is_some_and(|tiles| tiles.averaging),
            push: Vec::new(),
            controls: ControlValues::new(),
            record: None,
            motion: None,
            operate: None,
        }
    }

    /// The limits of renditions.
    pub(super) fn renditions(&self) -> hub::Config {
        hub::Config {
            most: self.renditions,
            quality: self.quality,
            tiles: self.tiles.then_some(pistreamer_tiles::Config {
                averaging: self.averaging,
            }),
        }
    }

    /// What differs from `before`, in the words of the configuration file.
    pub(super) fn changed_since(&self, before: &Self) -> Vec<&'static str> {
        let size = |settings: &Self| (settings.capture.width, settings.capture.height);
        let changes = [
            ("name", self.name != before.name),
            ("source", self.source != before.source),
            ("size", size(self) != size(before)),
            (
                "fps",
                self.capture.fps.to_bits() != before.capture.fps.to_bits(),
            ),
            (
                "transform",
                self.capture.transform != before.capture.transform,
            ),
            ("quality", self.quality != before.quality),
            ("renditions", self.renditions != before.renditions),
            ("tiles", self.tiles != before.tiles),
            ("averaging", self.averaging != before.averaging),
            ("push", self.push != before.push),
            ("controls", self.controls != before.controls),
            ("record", self.record != before.record),
            ("motion", self.motion != before.motion),
            ("operate", self.operate != before.operate),
        ];
        let changed = changes.into_iter().filter(|(_, changed)| *changed);
        changed.map(|(name, _)| name).collect()
    }

    /// Returns true if the source must be recreated after a change from `before`.
    pub(super) fn needs_restart(&self, before: &Self) -> bool {
        self.source != before.source || self.capture != before.capture
    }
}

//! What a camera's owner decides about it: plain data, checked before it comes here.
//!
//! Where it comes from belongs to [`crate::config`]; what is done about a change to [`super::lifecycle`].

use super::{Id, Target};
use crate::hub;
use crate::source::{self, Spec};

/// One camera as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What it goes by in links, tickets, metrics and stamps.
    pub id: Id,
    /// What people call it; `None` leaves that to the source.
    pub name: Option<String>,
    /// Where its pictures come from.
    pub source: Spec,
    /// What the source is asked for.
    pub capture: source::Config,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// Most sizes and qualities of its picture at a time, at least 1.
    pub renditions: usize,
    /// Where its frames are pushed to beside its viewers.
    pub push: Vec<Target>,
}

impl Settings {
    /// Those of a camera that has no source.
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
            push: Vec::new(),
        }
    }

    /// What renditions there may be.
    pub(super) fn renditions(&self) -> hub::Config {
        hub::Config {
            most: self.renditions,
            quality: self.quality,
        }
    }

    /// Whether the source has to be made anew for these settings after those.
    pub(super) fn needs_restart(&self, before: &Self) -> bool {
        self.source != before.source || self.capture != before.capture
    }
}

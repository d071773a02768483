//! What stands in for a source while a secret of it is not known: it says so.
//!
//! Noticing that the file is there belongs to [`crate::config`], which makes another [`super::Spec`] then.

use super::spec::{Ends, Identity, Kind, Options};
use super::{Config, Port, Source, SourceError};
use pistreamer_protocol::message::Camera;

/// A source of which not even the kind is known.
#[derive(Debug)]
pub(super) struct Unknown(Identity);

impl Unknown {
    /// What was typed so, without credentials. `known` is the same with words for what is not known.
    pub(super) fn new(known: &str, shown: &str) -> Self {
        let is_word = !known.contains(':');
        Self(Identity {
            word: if is_word { known } else { "unknown" }.into(),
            rest: shown.into(),
        })
    }
}

impl Kind for Unknown {
    fn word(&self) -> &str {
        "unknown"
    }

    fn identity(&self) -> Identity {
        self.0.clone()
    }

    fn takes(&self) -> Options {
        Options {
            size: true,
            fps: true,
            transform: true,
        }
    }

    fn build(&self, _: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Err(SourceError::new("it is not known what this source is"))
    }
}

/// A camera without its secret.
pub(super) struct Absent {
    camera: Camera,
    why: String,
}

impl Absent {
    /// What stands in for a source of that name and kind, for that reason.
    pub(super) fn new(name: String, kind: &str, why: &str) -> Self {
        let camera = Camera {
            name,
            source: kind.into(),
            ..Camera::default()
        };
        Self {
            camera,
            why: why.into(),
        }
    }
}

impl Source for Absent {
    fn camera(&self) -> Camera {
        self.camera.clone()
    }

    fn run(&mut self, _: &Port) -> Result<(), SourceError> {
        Err(SourceError::new(&self.why))
    }
}

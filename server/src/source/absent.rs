//! What stands in for a source while a secret of it is not known: it says so.
//!
//! Noticing that the file is there belongs to [`crate::config`], which makes another [`super::Spec`] then.

use super::{Port, Source, SourceError};
use pistreamer_protocol::message::{Camera, Cause};

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
        let problem = self.why.clone();
        Err(Cause::SecretMissing { problem }.into())
    }
}

//! Pictures that are pushed to `/ingest`: the source takes them from a [`PushSlot`].
//!
//! HTTP, WebSocket and permissions belong to `front`.

use super::push_slot::PushSlot;
use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind, Options};
use super::{Config, Port, Source, SourceError};
use crate::util::handover::publishing;
use pistreamer_protocol::message::{Camera, Cause};
use std::sync::Arc;

/// What is pushed to `/ingest`.
pub(super) const KIND: Entry = Entry {
    usage: "ingest",
    about: "a client that pushes to /ingest, as `pistreamer push` does",
    parse: |typed| (typed.text == "ingest").then(|| Ok(Arc::new(Ingest) as _)),
};

#[derive(Debug)]
struct Ingest;

impl Kind for Ingest {
    fn word(&self) -> &str {
        "ingest"
    }

    fn identity(&self) -> Identity {
        Identity::word("ingest")
    }

    fn takes(&self) -> Options {
        Options {
            fps: true,
            ..Options::default()
        }
    }

    fn takes_pushes(&self) -> bool {
        true
    }

    fn build(&self, capture: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(IngestSource::new(capture, ends.slot.clone())))
    }
}

/// A camera that is pushed.
#[derive(Debug)]
pub(crate) struct IngestSource {
    slot: PushSlot,
    fps: f64,
}

impl IngestSource {
    /// A camera of what is pushed through that slot. Only the rate of the configuration is used, to tell viewers.
    pub(crate) fn new(config: &Config, slot: PushSlot) -> Self {
        Self {
            slot,
            fps: config.fps,
        }
    }
}

impl Source for IngestSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: "Pictures pushed to /ingest".into(),
            source: "ingest".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let mut intake = Intake::new(port, self.fps);
        // What learns of it here runs once the lock is free again.
        publishing(|| {
            // Reported under the lock, so that a pusher that learns of it finds the slot free.
            let mut state = self.slot.state();
            intake.lost(Cause::NothingPushed);
            state.intake = Some((intake, port.demand().clone()));
        });
        let result = remote::run(port, std::future::pending());
        // Dropped outside the lock: the encoder may end with it.
        let left = self.slot.state().intake.take();
        drop(left);
        result
    }
}

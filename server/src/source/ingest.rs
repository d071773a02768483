//! Pictures that are pushed to `/ingest`: the source takes them from a [`PushSlot`]. `ingest` is one camera; below `ingest:N` up to N
//! appear by themselves, one for each client that pushes under an id of its own.
//!
//! HTTP, WebSocket and permissions belong to `front`.

use super::appearing::{Appeared, Appearing};
use super::push_slot::PushSlot;
use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind, Options};
use super::{Config, Port, Source, SourceError, Spec, SpecError};
use crate::util::handover::publishing;
use pistreamer_protocol::message::{Camera, Cause};
use std::sync::Arc;

/// What is pushed to `/ingest`.
pub(super) const KIND: Entry = Entry {
    usage: "ingest",
    about: "a client that pushes to /ingest, as `pistreamer push` does",
    parse: |typed| (typed.text == "ingest").then(|| Ok(Arc::new(Ingest { own: None }) as _)),
};

/// What several clients push to `/ingest`.
pub(super) const MANY: Entry = Entry {
    usage: "ingest:N",
    about: "up to N cameras, one for each client that pushes to /ingest under its own id",
    parse: |typed| {
        let most = typed.rest.filter(|_| typed.kind == "ingest")?;
        let most = most
            .parse()
            .ok()
            .filter(|most| (1..=LARGEST_MOST).contains(most));
        let many = most.map(|most| {
            let appearing = Appearing::default();
            Arc::new(Many { most, appearing }) as _
        });
        Some(many.ok_or_else(|| SpecError::BadCount(typed.text.into())))
    },
};

/// Most cameras that appear by themselves.
const LARGEST_MOST: usize = 1000;

#[derive(Debug)]
struct Many {
    most: usize,
    appearing: Appearing<Spec>,
}

impl Kind for Many {
    fn word(&self) -> &str {
        "ingest"
    }

    fn identity(&self) -> Identity {
        Identity {
            word: "ingest".into(),
            rest: "several".into(),
        }
    }

    fn appearing(&self) -> Option<&Appearing<Spec>> {
        Some(&self.appearing)
    }

    fn welcomes(&self) -> Option<usize> {
        Some(self.most)
    }

    fn build(&self, _: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(ManySource(self.appearing.clone())))
    }
}

/// Takes no pictures itself.
struct ManySource(Appearing<Spec>);

impl Source for ManySource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: "Cameras that push to /ingest".into(),
            source: "ingest".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        port.lost(Cause::NothingPushed);
        let result = remote::run(port, std::future::pending());
        self.0.retain(|_| false);
        result
    }
}

/// Has a camera appear for a client that pushes under that id.
pub(crate) fn welcome(appearing: &Appearing<Spec>, id: &str) {
    // Another one by that name is not this one, whatever else is configured.
    let source = Spec::of(
        &format!("ingest ({id})"),
        Arc::new(Ingest {
            own: Some(id.into()),
        }),
    );
    appearing.add(Appeared {
        id: id.into(),
        source,
    });
}

/// Has one go.
pub(crate) fn dismiss(appearing: &Appearing<Spec>, id: &str) {
    appearing.retain(|other| other != id);
}

#[derive(Debug)]
struct Ingest {
    /// The id of one that appeared by itself: it is called what its pusher calls it.
    own: Option<String>,
}

impl Kind for Ingest {
    fn word(&self) -> &str {
        "ingest"
    }

    fn identity(&self) -> Identity {
        Identity {
            word: "ingest".into(),
            rest: self.own.clone().unwrap_or_default(),
        }
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
        let source = IngestSource::new(capture, ends.slot.clone());
        Ok(Box::new(IngestSource {
            own: self.own.clone(),
            ..source
        }))
    }
}

/// A camera that is pushed.
#[derive(Debug)]
pub(crate) struct IngestSource {
    slot: PushSlot,
    fps: f64,
    own: Option<String>,
}

impl IngestSource {
    /// A camera of what is pushed through that slot. Only the rate of the configuration is used, to tell viewers.
    pub(crate) fn new(config: &Config, slot: PushSlot) -> Self {
        Self {
            slot,
            fps: config.fps,
            own: None,
        }
    }
}

impl Source for IngestSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: self
                .own
                .clone()
                .unwrap_or_else(|| "Pictures pushed to /ingest".into()),
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
            state.is_named = self.own.is_some();
        });
        let result = remote::run(port, std::future::pending());
        // Dropped outside the lock: the encoder may end with it.
        let left = self.slot.state().intake.take();
        drop(left);
        result
    }
}

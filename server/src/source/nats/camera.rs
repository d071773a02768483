//! A camera that another machine publishes: a source without anything of its own. The connection to the broker, which all of them
//! share, brings its pictures and says its state.

use super::super::remote::{self, Intake};
use super::super::spec::{Ends, Identity, Kind};
use super::super::{Config, Port, Source, SourceError};
use crate::demand::Demand;
use pistreamer_protocol::message::{Camera, Cause};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the connection finds the ends of a running source. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports(Arc<Mutex<Option<(Intake, Demand)>>>);

impl Ports {
    fn lock(&self) -> MutexGuard<'_, Option<(Intake, Demand)>> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ends of a run that the connection does not have yet.
    pub(super) fn take(&self) -> Option<(Intake, Demand)> {
        self.lock().take()
    }
}

/// A camera at a broker.
#[derive(Debug)]
pub(super) struct Published {
    /// The broker, and the camera's id there.
    pub(super) broker: String,
    pub(super) id: String,
    pub(super) ports: Ports,
}

impl Kind for Published {
    fn word(&self) -> &str {
        "nats"
    }

    fn identity(&self) -> Identity {
        Identity {
            word: self.id.clone(),
            rest: self.broker.clone(),
        }
    }

    fn build(&self, _: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(PublishedSource {
            id: self.id.clone(),
            ports: self.ports.clone(),
        }))
    }
}

struct PublishedSource {
    id: String,
    ports: Ports,
}

impl Source for PublishedSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: self.id.clone(),
            source: "nats".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        // Its publisher's state has its rate.
        let intake = Intake::new(port, 0.0);
        port.starting(Cause::OriginStarting);
        *self.ports.lock() = Some((intake, port.demand().clone()));
        let result = remote::run(port, std::future::pending());
        // Dropped outside the lock: the encoder may end with it.
        let left = self.ports.take();
        drop(left);
        result
    }
}

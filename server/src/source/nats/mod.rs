//! The cameras that other machines publish at a NATS broker. They appear by themselves, and go.
//!
//! The source `nats://BROKER` is the connection to the broker (`edge`); each camera is one of its own (`camera`). While the
//! broker has none, or is not there, the connection's own camera says so.

mod camera;
mod edge;
mod shown;

use super::appearing::Appearing;
use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind, SpecError};
use super::{Config, Port, Source, SourceError, Spec};
use crate::broker::Broker;
use crate::via::Via;
use edge::Edge;
use pistreamer_protocol::message::Camera;
use std::sync::Arc;

/// The cameras at a broker.
pub(super) const KIND: Entry = Entry {
    usage: "nats://BROKER",
    about: "the cameras that other machines push to a NATS broker, as they come and go",
    parse: |typed| {
        Broker::is_url(typed.text).then(|| {
            let broker = Broker::parse(typed.text).map_err(SpecError::BadBroker)?;
            let appearing = Appearing::default();
            Ok(Arc::new(Nats { broker, appearing }) as _)
        })
    },
};

#[derive(Debug)]
struct Nats {
    broker: Broker,
    appearing: Appearing<Spec>,
}

impl Kind for Nats {
    fn word(&self) -> &str {
        "nats"
    }

    fn identity(&self) -> Identity {
        Identity {
            word: self.broker.endpoint.host.clone(),
            rest: self.broker.to_string(),
        }
    }

    fn appearing(&self) -> Option<&Appearing<Spec>> {
        Some(&self.appearing)
    }

    fn build(&self, _: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(NatsSource {
            broker: self.broker.clone(),
            appearing: self.appearing.clone(),
            via: ends.via.cloned().unwrap_or_default(),
        }))
    }
}

struct NatsSource {
    broker: Broker,
    appearing: Appearing<Spec>,
    via: Via,
}

impl Source for NatsSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: self.broker.to_string(),
            source: "nats".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let intake = Intake::new(port, 0.0);
        let mut edge = Edge::new(&self.broker, &self.appearing, &self.via, intake);
        let result = remote::run(port, async { edge.follow().await });
        // Without a connection there are none.
        self.appearing.retain(|_| false);
        result
    }
}

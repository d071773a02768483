//! Another pistreamer's camera, over its WebSocket. Frames are passed on unchanged, stamps included.
//!
//! The connection is the business of `pistreamer_client`.

mod controls;

use super::commands::Orders;
use super::remote::{self, End, Intake};
use super::spec::{Ends, Entry, Identity, Kind};
use super::{Config, Port, Source, SourceError};
use crate::demand::Demand;
use crate::via::Via;
use controls::Controls;
use pistreamer_client::protocol::WireFormat;
use pistreamer_client::protocol::message::{Camera, CameraStatus, Cause, Hello, Mode};
use pistreamer_client::{Endpoint, Event, Reconnect, Subscription, is_link};
use std::pin::pin;
use std::sync::Arc;

/// Another pistreamer's WebSocket, or a link that one printed.
pub(super) const KIND: Entry = Entry {
    usage: "the link that another pistreamer printed",
    about: "its camera",
    parse: |typed| {
        let is_link = typed.is_url(&["http", "https"]) && is_link(typed.text);
        (is_link || typed.is_url(&["ws", "wss"])).then(|| {
            let config = pistreamer_client::Config::new(typed.text)?;
            Ok(Arc::new(Relay(config.endpoint)) as _)
        })
    },
};

#[derive(Debug)]
struct Relay(Endpoint);

impl Kind for Relay {
    fn word(&self) -> &str {
        "relay"
    }

    fn identity(&self) -> Identity {
        Identity::url("pistreamer", &self.0, Some("/ws"))
    }

    fn build(&self, _: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        let source = RelaySource::new(self.0.clone().into());
        Ok(Box::new(match ends.via {
            Some(via) => source.for_camera(via.clone(), ends.camera.to_owned()),
            None => source,
        }))
    }
}

/// Another server's camera. Its size, rate and quality are what they are over there.
#[derive(Debug)]
pub(crate) struct RelaySource {
    origin: pistreamer_client::Config,
    /// The server that relays, and the id of its camera; `None` where this program serves nothing.
    asks: Option<(Via, String)>,
}

impl RelaySource {
    /// The camera at the other end of a subscription with that configuration.
    pub(crate) fn new(origin: pistreamer_client::Config) -> Self {
        Self {
            origin: origin
                // Between two servers nothing is gained by packing.
                .wire(WireFormat::Jpeg)
                .readings()
                // The supervisor of this source tries again, and reports meanwhile why there is no picture.
                .reconnect(Reconnect::Never),
            asks: None,
        }
    }

    /// The same for a server's camera with that id, which must not be shown its own pictures.
    pub(crate) fn for_camera(self, via: Via, id: String) -> Self {
        Self {
            asks: Some((via, id)),
            ..self
        }
    }
}

impl Source for RelaySource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: self.origin.endpoint.authority(),
            source: "relay".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        port.keeps_elsewhere();
        // The origin's hello has its rate.
        let mut intake = Intake::new(port, 0.0);
        let task = async {
            loop {
                let mut origin = self.origin.clone();
                let mut news = None;
                if let Some((via, id)) = &self.asks {
                    // Before the names are sent, so that no news in between is missed.
                    news = Some(via.news());
                    origin.endpoint.add_query("via", &via.tell(id));
                }
                if let Some(error) = relay(&origin, port, &mut intake, news).await {
                    return error;
                }
            }
        };
        let result = remote::run(port, task);
        port.leaves_keeper();
        result
    }
}

const NO_FRAME: &str = "its messages hold no whole frame with a stamp";

/// One connection, until it ends, or until another relay connects while no pictures come: `None` then. Without viewers it
/// is kept without frames, so that the origin's state is known.
async fn relay(
    origin: &pistreamer_client::Config,
    port: &Port,
    intake: &mut Intake,
    news: Option<impl Future<Output = ()>>,
) -> Option<SourceError> {
    let news = async {
        match news {
            Some(news) => news.await,
            None => std::future::pending().await,
        }
    };
    let demand = port.demand();
    let mut controls = Controls::default();
    let mut news = pin!(news);
    let mut subscription = Subscription::start(origin.clone());
    let mut corrupt = 0;
    let mut paused = false;
    let mut awaits_picture = false;
    let mut turn = pin!(turn(demand, paused));
    loop {
        let event = tokio::select! {
            event = subscription.event() => event,
            // Two servers that connect to each other at the same moment learn only afterwards that they form a circle.
            () = &mut news, if !intake.is_open() => return None,
            // Those of the one before mean nothing to this one, whose controls are not known yet.
            () = port.wait_commands(), if controls.are_known() => {
                let orders = port.orders();
                if orders == Orders::default() {
                    // The run is about to end, which is noticed elsewhere.
                    tokio::task::yield_now().await;
                }
                controls.send(orders, &mut subscription);
                continue;
            }
            // The first picture shows the size of a live origin that does not tell it.
            () = &mut turn, if paused || !awaits_picture => {
                paused = !paused;
                turn.set(self::turn(demand, paused));
                if paused {
                    tracing::debug!("no viewers: the origin pauses");
                    subscription.pause();
                } else {
                    intake.resumed();
                    subscription.resume();
                }
                continue;
            }
        };
        match event {
            Some(Ok(Event::Frame(frame))) => match intake.picture(frame.jpeg) {
                Ok(_) => awaits_picture = false,
                Err(error) => intake.left_out(End::Origin, &error.to_string()),
            },
            Some(Ok(Event::Hello(hello))) => {
                intake.named(&hello.camera.name);
                controls.greet(&hello, port);
                awaits_picture = intake.follow(&told_at_first(*hello), End::Origin);
            }
            Some(Ok(Event::Status(status))) => {
                intake.named(status.name.as_deref().unwrap_or_default());
                if let Some(told) = &status.controls {
                    controls.tell(told.clone(), port);
                }
                awaits_picture = intake.follow(&status, End::Origin);
            }
            Some(Ok(Event::Corrupt)) => {
                let counted = subscription.stats().corrupt;
                for _ in corrupt..counted {
                    intake.left_out(End::Origin, NO_FRAME);
                }
                corrupt = counted;
            }
            Some(Ok(Event::Readings(values))) => port.readings(&controls.among(values)),
            Some(Ok(Event::Answer(answer))) => controls.answer(answer, port),
            Some(Ok(Event::Refused { code, message })) => {
                tracing::debug!(code, message, "the origin refuses a command");
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(SourceError(error.reason())),
            None => return Some(Cause::OriginEnded.into()),
        }
    }
}

/// Completes when a pause must begin or end.
async fn turn(demand: &Demand, paused: bool) {
    if paused {
        demand.until(Demand::wanted).await;
    } else {
        remote::unwanted(demand).await;
    }
}

/// The state in a hello.
fn told_at_first(hello: Hello) -> CameraStatus {
    CameraStatus {
        test_pattern: Some(hello.camera.test_pattern),
        mode: (hello.width > 0).then_some(Mode {
            width: hello.width,
            height: hello.height,
            fps: hello.fps,
        }),
        ..hello.status
    }
}

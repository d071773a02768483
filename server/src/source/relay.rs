//! Another pistreamer's camera, over its WebSocket: frames go on as they come, stamps included.
//!
//! The connection is the business of `pistreamer_client`.

use super::remote::{self, Intake};
use super::spec::{Ends, Entry, Identity, Kind};
use super::{Config, Port, Source, SourceError};
use crate::demand::Demand;
use crate::via::Via;
use pistreamer_client::protocol::WireFormat;
use pistreamer_client::protocol::message::{Camera, CameraStatus, Hello, Mode};
use pistreamer_client::{Endpoint, Event, Reconnect, Subscription, is_link};
use std::pin::pin;
use std::sync::Arc;

/// Another pistreamer's WebSocket, or a link that one printed.
pub(super) const KIND: Entry = Entry {
    usage: "the link that another pistreamer printed",
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
    fn identity(&self) -> Identity {
        Identity::url("pistreamer", &self.0, "/ws")
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
pub struct RelaySource {
    origin: pistreamer_client::Config,
    /// Who asks, where that is a server: itself, and the id of its camera.
    asks: Option<(Via, String)>,
}

impl RelaySource {
    /// The camera at the other end of a subscription with that configuration.
    pub fn new(origin: pistreamer_client::Config) -> Self {
        Self {
            origin: origin
                // Between two servers nothing is gained by packing.
                .wire(WireFormat::Jpeg)
                // Whoever runs this source tries again, and says meanwhile why there is no picture.
                .reconnect(Reconnect::Never),
            asks: None,
        }
    }

    /// The same for a server's camera with that id, which must not get its own pictures back.
    pub fn for_camera(self, via: Via, id: String) -> Self {
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
        // The origin tells its rate in its hello.
        let mut intake = Intake::new(port, 0.0);
        let task = async {
            loop {
                let mut origin = self.origin.clone();
                let mut news = None;
                if let Some((via, id)) = &self.asks {
                    // Before it is told who looks, so that nothing in between is missed.
                    news = Some(via.news());
                    origin.endpoint.add_query("via", &via.tell(id));
                }
                if let Some(error) = relay(&origin, port.demand(), &mut intake, news).await {
                    return error;
                }
            }
        };
        remote::run(port, task)
    }
}

/// What the other camera is called in reasons.
const ORIGIN: &str = "the origin's camera";

const NO_FRAME: &str = "its messages hold no whole frame with a stamp";

/// One connection, until it ends, or until there is news while no pictures come: then `None`. It is kept while nobody
/// watches, without frames: so the origin's state is known.
async fn relay(
    origin: &pistreamer_client::Config,
    demand: &Demand,
    intake: &mut Intake,
    news: Option<impl Future<Output = ()>>,
) -> Option<SourceError> {
    let news = async {
        match news {
            Some(news) => news.await,
            None => std::future::pending().await,
        }
    };
    let mut news = pin!(news);
    let mut subscription = Subscription::start(origin.clone());
    let mut corrupt = 0;
    let mut paused = false;
    let mut awaits_picture = false;
    let mut turn = pin!(turn(demand, paused));
    loop {
        let event = tokio::select! {
            event = subscription.event() => event,
            // Two that connect to each other at the same moment know only afterwards that they are a circle.
            () = &mut news, if !intake.is_open() => return None,
            // An origin that is live and does not tell its size shows it by its first picture.
            () = &mut turn, if paused || !awaits_picture => {
                paused = !paused;
                turn.set(self::turn(demand, paused));
                if paused {
                    tracing::debug!("nobody watches, so the origin sends no frames");
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
                Err(error) => intake.left_out(ORIGIN, &error.to_string()),
            },
            Some(Ok(Event::Hello(hello))) => {
                intake.named(&hello.camera.name);
                awaits_picture = intake.follow(&told_at_first(*hello), ORIGIN);
            }
            Some(Ok(Event::Status(status))) => {
                intake.named(status.name.as_deref().unwrap_or_default());
                awaits_picture = intake.follow(&status, ORIGIN);
            }
            Some(Ok(Event::Corrupt)) => {
                let counted = subscription.stats().corrupt;
                for _ in corrupt..counted {
                    intake.left_out(ORIGIN, NO_FRAME);
                }
                corrupt = counted;
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return Some(SourceError::new(error.to_string())),
            None => return Some(SourceError::new("the subscription ended")),
        }
    }
}

/// Done when a pause has to begin or to end.
async fn turn(demand: &Demand, paused: bool) {
    if paused {
        demand.until(Demand::wanted).await;
    } else {
        remote::unwanted(demand).await;
    }
}

/// What a hello says, as a state says it.
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

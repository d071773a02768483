//! Another pistreamer's camera, over its WebSocket: frames go on as they come, stamps included.
//!
//! The connection is the business of `pistreamer_client`.

use super::remote::{self, Intake};
use super::{Outlet, Source, SourceError};
use crate::demand::Demand;
use pistreamer_client::protocol::WireFormat;
use pistreamer_client::protocol::message::{Camera, CameraState, CameraStatus};
use pistreamer_client::{Event, Reconnect, Subscription};
use std::pin::pin;

/// Another server's camera. Its size, rate and quality are what they are over there.
#[derive(Debug)]
pub struct RelaySource {
    origin: pistreamer_client::Config,
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

    fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError> {
        // The origin tells its rate in its hello.
        let mut intake = Intake::new(outlet, 0.0);
        let task = relay(&self.origin, outlet.demand(), &mut intake);
        remote::run(outlet, task)
    }
}

/// One connection, until it ends. It is kept while nobody watches, without frames: so the origin's state is known.
async fn relay(
    origin: &pistreamer_client::Config,
    demand: &Demand,
    intake: &mut Intake,
) -> SourceError {
    let mut subscription = Subscription::start(origin.clone());
    let (mut corrupt, mut size) = (0, (0, 0));
    let mut paused = false;
    let mut turn = pin!(turn(demand, paused));
    loop {
        let event = tokio::select! {
            event = subscription.event() => event,
            () = &mut turn => {
                paused = !paused;
                turn.set(self::turn(demand, paused));
                if paused {
                    tracing::debug!("nobody watches, so the origin sends no frames");
                    subscription.pause();
                } else {
                    subscription.resume();
                }
                continue;
            }
        };
        for _ in corrupt..subscription.stats().corrupt {
            intake.broken("a message of the origin holds no whole frame");
        }
        corrupt = subscription.stats().corrupt;
        match event {
            Some(Ok(Event::Frame(frame))) => {
                if let Err(error) = intake.picture(frame.jpeg) {
                    intake.broken(&error.to_string());
                }
            }
            Some(Ok(Event::Hello(hello))) => {
                intake.fps = hello.fps;
                intake.test_pattern(hello.camera.test_pattern);
                size = (hello.width, hello.height);
                report(&hello.status, size, intake);
            }
            Some(Ok(Event::Status(status))) => report(&status, size, intake),
            Some(Ok(_)) => {}
            Some(Err(error)) => return SourceError::new(error.to_string()),
            None => return SourceError::new("the subscription ended"),
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

/// Passes on the origin's state. A live camera whose size nobody knows is open with its first picture.
fn report(status: &CameraStatus, size: (u32, u32), intake: &mut Intake) {
    if let Some(made_up) = status.test_pattern {
        intake.test_pattern(made_up);
    }
    match status.state {
        CameraState::Live if size.0 > 0 => intake.open(size),
        CameraState::Live => intake.found(),
        CameraState::NoSignal => intake.lost(&status.reason),
        CameraState::Starting => intake.lost("the origin's camera is being opened"),
        _ => {}
    }
}

//! Tells of a camera whose thread does not come back from a call of its device's driver, which its source cannot do.
//!
//! Noting the calls belongs to [`crate::source::driver`]; what systemd does about it, to [`crate::service`].

use super::{Camera, Phase, Registry};
use crate::source::WEDGED;
use pistreamer_protocol::message::{Cause, Reason};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// A driver that has not come back for this long will not. A camera that is unplugged or silent is noticed long before.
pub(crate) const STUCK: Duration = WEDGED.saturating_mul(4);

/// How often the drivers are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What the camera's state was before; `None` while its driver is not stuck.
#[derive(Debug, Default)]
pub(super) struct Before(Mutex<Option<(Phase, Reason)>>);

impl Camera {
    /// Returns true if its thread has been in a driver's call for longer than that.
    pub(crate) fn is_stuck(&self, bound: Duration) -> bool {
        let time = self.0.lifecycle.in_driver_for();
        time.is_some_and(|time| time > bound)
    }

    /// Tells it where its driver is stuck, and where it has come back.
    pub(crate) fn watch_driver(&self, bound: Duration) {
        // Nothing panics while it holds this lock.
        let before = self.0.before_stuck.0.lock();
        let mut before = before.unwrap_or_else(PoisonError::into_inner);
        let (state, id) = (&self.0.state, self.id());
        let stuck = Cause::DriverHangs.into();
        if !self.is_stuck(bound) {
            if let Some((phase, reason)) = before.take() {
                tracing::info!(camera = %id, "the call of the camera's driver has returned");
                state.leave(&stuck, phase, &reason);
            }
        } else if let Some(state) = state.enter(&stuck) {
            self.feed().forget();
            if before.replace(state).is_none() {
                tracing::error!(
                    camera = %id,
                    "a call of the camera's driver has not returned for {} s, and there is no picture until it does: restart \
                     pistreamer, or the machine where that does not help",
                    bound.as_secs()
                );
            }
        }
    }
}

impl Registry {
    /// Looks after the cameras' drivers. Never ends.
    pub(crate) async fn watch_drivers(&self) {
        loop {
            sleep(LOOK).await;
            for camera in &*self.list() {
                camera.watch_driver(STUCK);
            }
        }
    }

    /// Returns true if the drivers of all cameras are stuck.
    pub(crate) fn are_stuck(&self, bound: Duration) -> bool {
        let cameras = self.list();
        !cameras.is_empty() && cameras.iter().all(|camera| camera.is_stuck(bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::config::Config;
    use crate::source::{Mode, Port, Source, SourceError};
    use pistreamer_protocol::message;
    use std::sync::mpsc;

    /// A camera whose driver comes back when it is told to.
    struct Hanging {
        name: &'static str,
        called: mpsc::Sender<()>,
        back: mpsc::Receiver<()>,
    }

    impl Source for Hanging {
        fn camera(&self) -> message::Camera {
            message::Camera {
                source: self.name.into(),
                ..message::Camera::default()
            }
        }

        fn run(&mut self, port: &Port) -> Result<(), SourceError> {
            port.open(Mode {
                width: 16,
                height: 8,
                fps: 30.0,
            });
            let call = port.calls_driver();
            self.called.send(()).unwrap();
            self.back.recv().unwrap();
            drop(call);
            self.called.send(()).unwrap();
            while !port.demand().sleep(Duration::from_secs(1)) {}
            Ok(())
        }
    }

    #[test]
    fn a_driver_that_does_not_come_back_is_told_and_is_no_reason_to_end_while_another_does() {
        let hanging = |name| {
            let ((called, calls), (back, comes_back)) = (mpsc::channel(), mpsc::channel());
            let source = Hanging {
                name,
                called,
                back: comes_back,
            };
            (Box::new(source) as Box<dyn Source>, calls, back)
        };
        let (door, calls_of_door, door_is_back) = hanging("door");
        let (yard, calls_of_yard, yard_is_back) = hanging("yard");
        let config = Config::from_flags(["--listen", "127.0.0.1:0", "--no-auth"]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let app = runtime
            .unwrap()
            .block_on(async { App::start_with(&config, vec![door, yard]) });
        let cameras = app.unwrap().cameras().clone();
        let state = |id: &str| {
            let camera = cameras.get(id).unwrap();
            camera.watch_driver(Duration::ZERO);
            (camera.state().phase, camera.state().reason)
        };
        for calls in [&calls_of_door, &calls_of_yard] {
            calls.recv().unwrap();
        }
        while !cameras.are_stuck(Duration::ZERO) {}
        assert!(!cameras.are_stuck(STUCK));
        door_is_back.send(()).unwrap();
        calls_of_door.recv().unwrap();
        assert!(!cameras.are_stuck(Duration::ZERO));
        assert_eq!(state("door"), (Phase::Live, Reason::default()));
        for _ in 0..2 {
            assert_eq!(state("yard"), (Phase::NoSignal, Cause::DriverHangs.into()));
        }
        yard_is_back.send(()).unwrap();
        calls_of_yard.recv().unwrap();
        assert_eq!(state("yard"), (Phase::Live, Reason::default()));
        cameras.end();
    }
}

//! Keeps a source running: what fails or panics is said, and tried again with growing pauses.
//!
//! Running belongs to each [`super::Source`].

use super::{Port, Source, SourceError};
use crate::util::panics;
use pistreamer_protocol::Backoff;
use pistreamer_protocol::message::{Cause, Reason};
use std::time::Duration;

/// Pauses between attempts, doubling from the first up to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pauses {
    /// After the first failure, and after the first one since pictures came.
    pub first: Duration,
    /// At most.
    pub longest: Duration,
}

impl Default for Pauses {
    /// A camera that is plugged in again is found soon, and one that stays broken costs next to nothing.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(8),
        }
    }
}

impl Pauses {
    /// A back-off that starts with the first pause.
    pub(crate) fn backoff(self) -> Backoff {
        Backoff::new(self.first, self.longest)
    }
}

/// Makes a source and runs it again and again until the port's run is to end.
pub(crate) fn supervise(
    mut make: impl FnMut() -> Result<Box<dyn Source>, SourceError>,
    port: &Port,
    pauses: Pauses,
) {
    let mut source = None;
    let mut backoff = pauses.backoff();
    let mut last = Reason::default();
    while !port.demand().stopping() {
        let pictures = port.pictures();
        port.command_anew();
        // A panic closes what the source had open, as an error does.
        let ran = panics::caught(|| {
            let source = match &mut source {
                Some(source) => source,
                none => none.insert(make()?),
            };
            source.run(port)
        });
        let reason = match ran {
            // What goes wrong while it is closed is no reason to open it again.
            Ok(_) if port.demand().stopping() => break,
            Ok(Ok(())) => Cause::SourceEnded.into(),
            Ok(Err(error)) => error.0,
            Err(panic) => Cause::SourceBug { panic }.into(),
        };
        if port.pictures() > pictures {
            backoff.reset();
            last = Reason::default();
        }
        port.lost(reason.clone());
        if reason == last {
            tracing::debug!(%reason, "still no picture");
        } else {
            tracing::warn!(%reason, "no picture; retrying");
            last = reason;
        }
        if port.demand().sleep(backoff.pause(fastrand::f64())) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Commands, Image, Mode, RawFrame, Report, Sink};
    use super::*;
    use crate::demand::Demand;
    use bytes::Bytes;
    use pistreamer_picture::{Mended, Whole};
    use pistreamer_protocol::message::{Camera, ControlValues};
    use std::sync::{Arc, mpsc};

    struct Events(mpsc::SyncSender<String>);

    impl Sink for Events {
        fn frame(&self, frame: RawFrame) {
            self.0.send(format!("frame {}", frame.seq)).unwrap();
        }
        fn again(&self, _: RawFrame) {}
        fn report(&self, report: Report<'_>) {
            let event = match report {
                Report::Open(mode) => format!("open {}", mode.width),
                Report::Lost(reason) => format!("lost {reason}"),
                _ => return,
            };
            self.0.send(event).unwrap();
        }
    }

    fn picture() -> Whole {
        let jpeg = include_bytes!("../../../protocol/tests/pictures/quarters.jpg");
        let mended = Mended::new(Bytes::from_static(jpeg));
        mended.and_then(Mended::whole).unwrap()
    }

    /// Fails at its first run, delivers a frame and panics at its second, then waits for the end.
    struct Flaky(u32);

    impl Source for Flaky {
        fn camera(&self) -> Camera {
            Camera {
                source: "flaky".into(),
                ..Camera::default()
            }
        }

        fn run(&mut self, port: &Port) -> Result<(), SourceError> {
            self.0 += 1;
            match self.0 {
                1 => Err(SourceError::new("no camera")),
                2 => {
                    port.open(Mode {
                        width: 16,
                        height: 8,
                        fps: 30.0,
                    });
                    port.frame(1, Image::Jpeg(picture()));
                    panic!("unplugged in the middle")
                }
                _ => {
                    port.lost("running again");
                    port.demand().sleep(Duration::from_secs(60));
                    Ok(())
                }
            }
        }
    }

    /// Tells what it is to set, and fails.
    struct Forgetful(mpsc::Sender<ControlValues>);

    impl Source for Forgetful {
        fn camera(&self) -> Camera {
            Camera::default()
        }

        fn run(&mut self, port: &Port) -> Result<(), SourceError> {
            self.0.send(port.commands()).unwrap();
            Err(SourceError::new("unplugged"))
        }
    }

    #[test]
    fn what_was_set_is_set_again_each_time_and_what_was_pressed_is_not() {
        let commands = Commands::default();
        let (sender, _events) = mpsc::sync_channel(100);
        let port = Port::new(Arc::new(Events(sender)), Demand::default());
        let port = port.with_commands(commands.clone());
        let value = |name: &str, value: f64| ControlValues::from([(name.to_owned(), value.into())]);
        commands.set(&value("Brightness", 0.5), &value("Focus", 1.0));
        let pauses = Pauses {
            first: Duration::from_millis(1),
            ..Pauses::default()
        };
        let (tells, told) = mpsc::channel();
        let supervised = std::thread::spawn({
            let port = port.clone();
            move || supervise(|| Ok(Box::new(Forgetful(tells.clone()))), &port, pauses)
        });
        for set in told.iter().take(3) {
            assert_eq!(set, value("Brightness", 0.5));
        }
        port.demand().stop();
        drop(told);
        // It may have been told to in the middle of a run.
        let _ = supervised.join();
    }

    #[test]
    fn a_source_that_fails_or_panics_is_opened_again_and_its_seq_goes_on() {
        let (sender, events) = mpsc::sync_channel(8);
        let port = Port::new(Arc::new(Events(sender)), Demand::default());
        let pauses = Pauses {
            first: Duration::from_millis(1),
            ..Pauses::default()
        };
        let supervised = std::thread::spawn({
            let port = port.clone();
            move || supervise(|| Ok(Box::new(Flaky(0))), &port, pauses)
        });
        let seen: Vec<_> = events.iter().take(5).collect();
        assert_eq!(
            seen,
            [
                "lost no camera",
                "open 16",
                "frame 1",
                "lost a bug in this source ended it: unplugged in the middle",
                "lost running again"
            ]
        );
        assert_eq!(port.next_seq(), 2);
        port.demand().stop();
        supervised.join().unwrap();
    }
}

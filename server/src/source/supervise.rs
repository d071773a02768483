//! Keeps a source running on its own thread: what fails or panics is said, and tried again with growing pauses.
//!
//! What a source does while it runs is its own business ([`super::Source`]).

use super::{Outlet, Source};
use crate::util::panics;
use std::thread::JoinHandle;
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
    /// Such that a camera that is plugged in again is seen soon and one that is broken costs nothing.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(8),
        }
    }
}

impl Pauses {
    /// The pause after one that was so long.
    pub fn after(self, pause: Duration) -> Duration {
        (pause * 2).min(self.longest)
    }
}

/// A source's thread. Dropping it stops the source and waits for it.
#[derive(Debug)]
pub struct Supervisor {
    outlet: Outlet,
    thread: Option<JoinHandle<()>>,
}

impl Supervisor {
    /// Starts the source.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(source: Box<dyn Source>, outlet: Outlet, pauses: Pauses) -> std::io::Result<Self> {
        let name = format!("source-{}", source.camera().source);
        let thread = std::thread::Builder::new().name(name).spawn({
            let outlet = outlet.clone();
            move || supervise(source, &outlet, pauses)
        })?;
        Ok(Self {
            outlet,
            thread: Some(thread),
        })
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.outlet.demand().stop();
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!("a source's thread had panicked");
        }
    }
}

fn supervise(mut source: Box<dyn Source>, outlet: &Outlet, pauses: Pauses) {
    let mut pause = pauses.first;
    let mut last_reason = String::new();
    while !outlet.demand().stopping() {
        let pictures = outlet.pictures();
        // What it had open is closed by the panic, as it is by an error.
        let reason = match panics::caught(|| source.run(outlet)) {
            Ok(Ok(())) if outlet.demand().stopping() => break,
            Ok(Ok(())) => "the source ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => format!("a bug in this source ended it: {panic}"),
        };
        if outlet.pictures() > pictures {
            pause = pauses.first;
            last_reason.clear();
        }
        outlet.lost(&reason);
        if reason == last_reason {
            tracing::debug!(reason, "still no picture");
        } else {
            tracing::warn!(reason, "no picture; trying again until there is one");
            last_reason = reason;
        }
        if outlet.demand().sleep(with_jitter(pause)) {
            break;
        }
        pause = pauses.after(pause);
    }
}

/// The pause, 0 to 25 % longer, so that several cameras behind one hub don't come back in step.
fn with_jitter(pause: Duration) -> Duration {
    let noise = u64::from(crate::util::clock::now_us() as u16);
    pause + pause.mul_f64(noise as f64 / f64::from(u16::MAX) / 4.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Image, Mode, RawFrame, Sink, SourceError};
    use super::*;
    use crate::demand::Demand;
    use bytes::Bytes;
    use pistreamer_protocol::message::Camera;
    use std::sync::{Arc, mpsc};

    struct Events(mpsc::SyncSender<String>);

    impl Sink for Events {
        fn frame(&self, frame: RawFrame) {
            self.0.send(format!("frame {}", frame.seq)).unwrap();
        }
        fn again(&self, _: RawFrame) {}
        fn open(&self, mode: Mode) {
            self.0.send(format!("open {}", mode.width)).unwrap();
        }
        fn lost(&self, reason: &str) {
            self.0.send(format!("lost {reason}")).unwrap();
        }
        fn broken(&self, _: &str) {}
        fn test_pattern(&self, _: bool) {}
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

        fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError> {
            self.0 += 1;
            match self.0 {
                1 => Err(SourceError::new("no camera")),
                2 => {
                    outlet.open(Mode {
                        width: 16,
                        height: 8,
                        fps: 30.0,
                    });
                    outlet.frame(1, Image::Jpeg(Bytes::new()));
                    panic!("unplugged in the middle")
                }
                _ => {
                    outlet.lost("running again");
                    outlet.demand().sleep(Duration::from_secs(60));
                    Ok(())
                }
            }
        }
    }

    #[test]
    fn a_source_that_fails_or_panics_is_opened_again_and_its_seq_goes_on() {
        let (sender, events) = mpsc::sync_channel(8);
        let outlet = Outlet::new(Arc::new(Events(sender)), Demand::default());
        let pauses = Pauses {
            first: Duration::from_millis(1),
            ..Pauses::default()
        };
        let supervisor = Supervisor::spawn(Box::new(Flaky(0)), outlet.clone(), pauses).unwrap();
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
        assert_eq!(outlet.next_seq(), 2);
        drop(supervisor);
    }
}

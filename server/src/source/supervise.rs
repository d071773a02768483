//! Keeps a source running on its own thread: what fails is said, and tried again with growing pauses.
//!
//! What a source does while it runs is its own business ([`super::Source`]).

use super::{Outlet, Source};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pauses between attempts to open a camera: doubling from 0.5 s up to 8 s, so that a camera that is plugged in again is
/// seen soon and one that is broken costs nothing.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

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
    pub fn spawn(source: Box<dyn Source>, outlet: Outlet) -> std::io::Result<Self> {
        let name = format!("source-{}", source.camera().source);
        let thread = std::thread::Builder::new().name(name).spawn({
            let outlet = outlet.clone();
            move || supervise(source, &outlet)
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

fn supervise(mut source: Box<dyn Source>, outlet: &Outlet) {
    let mut pause = FIRST_PAUSE;
    let mut last_reason = String::new();
    while !outlet.demand().stopping() {
        let seq = outlet.next_seq();
        let reason = match source.run(outlet) {
            Ok(()) if outlet.demand().stopping() => break,
            Ok(()) => "the source ended".to_owned(),
            Err(error) => error.to_string(),
        };
        if outlet.next_seq() > seq {
            pause = FIRST_PAUSE;
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
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The pause, 0 to 25 % longer, so that several cameras behind one hub don't come back in step.
fn with_jitter(pause: Duration) -> Duration {
    let noise = u64::from(crate::clock::now_us() as u16);
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
        fn open(&self, mode: Mode) {
            self.0.send(format!("open {}", mode.width)).unwrap();
        }
        fn lost(&self, reason: &str) {
            self.0.send(format!("lost {reason}")).unwrap();
        }
        fn broken(&self, _: &str) {}
        fn test_pattern(&self, _: bool) {}
    }

    /// Fails at its first run, delivers a frame and fails at its second, then waits for the end.
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
                    Err(SourceError::new("unplugged"))
                }
                _ => {
                    outlet.demand().sleep(Duration::from_secs(60));
                    Ok(())
                }
            }
        }
    }

    #[test]
    fn a_source_that_fails_is_opened_again_and_its_seq_goes_on() {
        let (sender, events) = mpsc::sync_channel(8);
        let outlet = Outlet::new(Arc::new(Events(sender)), Demand::default());
        let supervisor = Supervisor::spawn(Box::new(Flaky(0)), outlet.clone()).unwrap();
        let seen: Vec<_> = events.iter().take(4).collect();
        assert_eq!(
            seen,
            ["lost no camera", "open 16", "frame 1", "lost unplugged"]
        );
        assert_eq!(outlet.next_seq(), 2);
        drop(supervisor);
    }
}

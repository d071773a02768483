//! Receives a source's frames and reports: frames go to the encoder, state and counters to the camera.
//!
//! The reports are [`crate::source::Report`].

use super::{Phase, StateCell};
use crate::encode::{self, Pool};
use crate::hub::Feed;
use crate::source::{Mode, RawFrame, Report, Sink};
use crate::util::log_throttle::ConnectionThrottle;
use pistreamer_protocol::message::Reason;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One camera's intake. It outlives the runs of its source.
pub(super) struct Intake {
    pub feed: Arc<Feed>,
    pub state: Arc<StateCell>,
    pub pool: Pool,
    /// Pushers may connect and disconnect at any rate.
    pub opened: ConnectionThrottle,
}

impl Sink for Intake {
    fn frame(&self, frame: RawFrame) {
        self.feed.counters.count_captured();
        self.feed.comes(frame.seq);
        self.pool.submit(frame);
    }

    fn again(&self, frame: RawFrame) {
        if !self.feed.has(frame.seq) {
            self.pool.submit(frame);
        }
    }

    fn forgets(&self) -> u64 {
        self.feed.forgets()
    }

    fn report(&self, report: Report<'_>) {
        match &report {
            Report::Open(mode) => self.opens(mode),
            Report::Broken(reason) => {
                self.feed.counters.broken.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(reason, "dropped a broken picture");
            }
            // A consumer that stays, such as a push, must not keep the last picture available to others.
            Report::Lost(_) | Report::Starting(_) => self.feed.forget(),
            Report::Named(_)
            | Report::TestPattern(_)
            | Report::Controls(_)
            | Report::Readings(_) => {}
        }
        self.state.report(&report);
    }
}

impl Intake {
    fn opens(&self, mode: &Mode) {
        let Mode { width, height, fps } = mode;
        self.feed.set_width(*width);
        if self.state.get().phase == Phase::Live {
            tracing::debug!(width, height, fps, "the picture's size changed");
        } else if let Some(left_out) = self.opened.again() {
            let left_out = (left_out > 0).then_some(left_out);
            tracing::info!(width, height, fps, left_out, "camera opened");
        }
    }
}

/// What happens to a camera whose pictures cannot be encoded.
pub(super) struct Encoding {
    pub feed: Arc<Feed>,
    pub state: Arc<StateCell>,
}

impl encode::Health for Encoding {
    fn fail(&self, reason: &Reason) -> bool {
        let is_shown = self.state.fail(reason);
        if is_shown {
            self.feed.forget();
        }
        is_shown
    }

    fn mend(&self, reason: &Reason) {
        self.state.mend(reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Health;
    use crate::hub::{self, Limits};
    use crate::source::{Pauses, Port};
    use pistreamer_picture::Mended;
    use pistreamer_protocol::Stamp;

    #[test]
    fn a_frame_that_comes_again_after_encoding_failed_is_a_new_one() {
        let renditions = hub::Config {
            most: 1,
            quality: 80,
            tiles: None,
        };
        let feed = Arc::new(Feed::new(renditions));
        let state = Arc::new(StateCell::new(None, "ingest"));
        let encoding = Arc::new(Encoding {
            feed: Arc::clone(&feed),
            state: Arc::clone(&state),
        });
        let config = encode::Config {
            workers: 1,
            pauses: Pauses::default(),
        };
        let pool = Pool::spawn(config, "door", Arc::clone(&feed), encoding.clone());
        let intake = Intake {
            feed: Arc::clone(&feed),
            state,
            pool: pool.unwrap(),
            opened: ConnectionThrottle::new(),
        };
        let port = Port::new(Arc::new(intake), feed.demand().clone());
        let mut view = feed.view(Limits::default());
        port.open(Mode {
            width: 16,
            height: 8,
            fps: 30.0,
        });
        let stamp = Stamp {
            seq: 7,
            captured_us: 1,
            camera: "far".into(),
        };
        let jpeg = stamp
            .write(include_bytes!(
                "../../../protocol/tests/pictures/quarters.jpg"
            ))
            .unwrap();
        let arrive = || {
            let picture = Mended::copy_of(&jpeg).and_then(Mended::whole);
            port.arrived(picture.unwrap()).unwrap()
        };
        assert_eq!([arrive(), arrive()], [7, 7]);
        assert_eq!(view.newer().unwrap().seq, 7);
        assert!(encoding.fail(&"no memory".into()));
        assert!(view.newer().is_none());
        assert_eq!(arrive(), 8);
        assert_eq!(view.newer().unwrap().seq, 8);
    }
}

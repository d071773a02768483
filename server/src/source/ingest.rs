//! Pictures that somebody pushes to `/ingest`: the source stands behind a [`Door`], through which one pusher at a time
//! hands in frames.
//!
//! HTTP and WebSocket belong to `front`, which opens the door for whoever may come in.

use super::remote::{self, Intake};
use super::{Config, Outlet, Source, SourceError, Whole};
use crate::demand::Demand;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::JpegError;
use pistreamer_protocol::message::{Camera, CameraStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A camera made of what is pushed.
#[derive(Debug)]
pub struct IngestSource {
    door: Door,
    fps: f64,
}

impl IngestSource {
    /// A camera behind a door. Of the configuration only the rate counts, and only for what viewers are told.
    pub fn new(config: &Config, door: Door) -> Self {
        Self {
            door,
            fps: config.fps,
        }
    }
}

impl Source for IngestSource {
    fn camera(&self) -> Camera {
        Camera {
            id: String::new(),
            name: "Pictures pushed to /ingest".into(),
            source: "ingest".into(),
            test_pattern: false,
        }
    }

    fn run(&mut self, outlet: &Outlet) -> Result<(), SourceError> {
        let mut intake = Intake::new(outlet, self.fps);
        {
            // Whoever hears of it finds the door open.
            let mut room = self.door.room();
            intake.lost("nobody pushes pictures to /ingest yet");
            room.intake = Some((intake, outlet.demand().clone()));
        }
        let result = remote::run(outlet, std::future::pending());
        self.door.room().intake = None;
        result
    }
}

/// What the other camera is called in reasons.
const PUSHER: &str = "the pusher's camera";

/// The way in. Clones are the same door.
#[derive(Clone, Debug, Default)]
pub struct Door(Arc<Mutex<Room>>);

#[derive(Debug, Default)]
struct Room {
    /// `None` while the source doesn't run, and while a visitor has it.
    intake: Option<(Intake, Demand)>,
    visited: bool,
}

/// Why nobody can come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shut {
    /// Another pusher is there.
    #[error("somebody pushes already, and one can at a time")]
    Occupied,
    /// The source does not run.
    #[error("the camera is not running")]
    Closed,
}

impl Door {
    fn room(&self) -> MutexGuard<'_, Room> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes in, unless somebody else is there.
    ///
    /// # Errors
    /// Where somebody is, or the source does not run.
    pub fn enter(&self) -> Result<Visit, Shut> {
        let mut room = self.room();
        if room.visited {
            return Err(Shut::Occupied);
        }
        let (mut intake, demand) = room.intake.take().ok_or(Shut::Closed)?;
        room.visited = true;
        intake.begin_anew();
        Ok(Visit {
            door: self.clone(),
            intake: Some(intake),
            demand,
        })
    }
}

/// One pusher's stay. Its drop reports the camera lost.
#[derive(Debug)]
pub struct Visit {
    door: Door,
    /// `None` only while dropping.
    intake: Option<Intake>,
    demand: Demand,
}

impl Visit {
    fn intake(&mut self) -> &mut Intake {
        self.intake
            .as_mut()
            .expect("only drop takes the intake away")
    }

    /// Hands in a picture and returns the seq to acknowledge: that of its stamp, or the one that it was given.
    ///
    /// # Errors
    /// Where its stamp cannot be replaced.
    pub fn picture(&mut self, picture: Whole) -> Result<u64, JpegError> {
        let stamp = Stamp::read(&picture.jpeg);
        let given = self.intake().whole(picture)?;
        Ok(stamp.map_or(given, |stamp| stamp.seq))
    }

    /// A message held no whole JPEG.
    pub fn left_out(&mut self, reason: &str) {
        self.intake().left_out(PUSHER, reason);
    }

    /// The pusher is about to send again.
    pub fn resumed(&mut self) {
        self.intake().resumed();
    }

    /// The pusher's camera is in that state.
    pub fn status(&mut self, status: &CameraStatus) {
        self.intake().follow(status, PUSHER);
    }

    /// Whether a picture has come since the camera was lost.
    pub fn is_open(&self) -> bool {
        self.intake.as_ref().is_some_and(Intake::is_open)
    }

    /// Done once frames are wanted, or have not been for some seconds. For use beside [`Self::picture`].
    pub fn change(&self, to_wanted: bool) -> impl Future<Output = ()> + Send + use<> {
        let demand = self.demand.clone();
        async move {
            if to_wanted {
                demand.until(Demand::wanted).await;
            } else {
                remote::unwanted(&demand).await;
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut room = self.door.room();
        room.visited = false;
        if let Some(mut intake) = self.intake.take()
            && !self.demand.stopping()
        {
            intake.lost("whoever pushed pictures left; waiting for the next");
            room.intake = Some((intake, self.demand.clone()));
        }
    }
}

//! The newest frame of each camera, in each size that is wanted, shared by everybody who looks at it.
//!
//! The hub holds one frame a camera and size, and no queue; it knows neither sources nor viewers. Deciding what a viewer gets
//! belongs to [`crate::session`].

mod camera;
mod frame;
mod numbers;
mod part;
mod rendition;
mod subscription;
mod tally;

pub use camera::{Camera, Counters, Picture, Published};
pub use frame::{Frame, Payload};
pub use part::{BOUNDARY, Manner, timestamp};
pub use rendition::{Config, Limits, MOST_HALVINGS, Plan, Rendition};
pub use subscription::{Event, Subscription};
pub use tally::Tally;

use std::sync::Arc;

/// The cameras of one server, in the order in which they were given; the first is the default one.
#[derive(Clone, Debug)]
pub struct Hub {
    cameras: Arc<[Arc<Camera>]>,
}

impl Hub {
    /// A hub of these cameras.
    pub fn new(cameras: Vec<Arc<Camera>>) -> Self {
        Self {
            cameras: cameras.into(),
        }
    }

    /// Every camera.
    pub fn cameras(&self) -> &[Arc<Camera>] {
        &self.cameras
    }

    /// The camera with that id, or the first one where no id is given.
    pub fn camera(&self, id: Option<&str>) -> Option<&Arc<Camera>> {
        match id {
            None | Some("") => self.cameras.first(),
            Some(id) => self
                .cameras
                .iter()
                .find(|camera| camera.identity().id == id),
        }
    }
}

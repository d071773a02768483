//! What is recorded of a camera.

use crate::marks::Marks;
use std::sync::Arc;

/// What is recorded of a camera.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Its id: the name of its directory.
    pub camera: String,
    /// Its name for people.
    pub title: String,
    /// The interval in µs of continuous recording; `None` records none.
    pub continuous_us: Option<u64>,
    /// The interval in µs of sparse recording.
    pub sparse_us: u64,
    /// How events are recorded; `None` records none.
    pub events: Option<Events>,
    /// What happened of late, for its files to tell.
    pub marks: Arc<Marks>,
}

/// How events are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// The interval between frames in µs.
    pub interval_us: u64,
    /// Time in µs before an event that is recorded with it.
    pub before_us: u64,
}

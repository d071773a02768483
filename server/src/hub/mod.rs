//! The newest frame of each camera in each size that is wanted, shared by all consumers.
//!
//! The hub holds one frame for each camera and size, and no queue. It knows neither sources nor viewers. What a viewer
//! gets is decided in [`crate::session`].

mod feed;
mod frame;
mod numbers;
mod rendition;
mod tally;
mod view;

pub use feed::{Counters, Feed, Published};
pub use frame::{Form, Frame, Meta};
pub use rendition::{Config, Limits, MOST_HALVINGS, Plan, Rendition};
pub use tally::Tally;
pub use view::View;

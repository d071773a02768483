//! The newest frame of each camera in each size that is wanted, shared by all consumers.
//!
//! The hub holds one frame a camera and size, and no queue; it knows neither sources nor viewers. Deciding what a viewer gets
//! belongs to [`crate::session`].

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

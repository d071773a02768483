//! The newest frame of each camera in each size that is wanted, shared by all consumers.
//!
//! The hub holds one frame for each camera and size, and no queue. It knows neither sources nor viewers. What a viewer
//! gets is decided in [`crate::session`].

mod counters;
mod feed;
mod frame;
mod numbers;
mod plan;
mod rendition;
mod strips;
mod tally;
mod view;

pub use feed::Feed;
pub(crate) use feed::Published;
pub(crate) use frame::Form;
pub use frame::Frame;
pub(crate) use rendition::MOST_HALVINGS;
pub use rendition::{Config, Limits, Rendition};
pub(crate) use strips::{Series, Strip, Strips};
pub(crate) use tally::Tally;
pub(crate) use view::View;

//! The way to a NATS broker: its address, and a connection to it. Publishers and edges share it.
//!
//! What is said over it belongs to `pistreamer_fleet`; what is published to [`crate::push`], what is shown to
//! [`crate::source`].

mod address;
mod link;

pub(crate) use address::Broker;
pub(crate) use link::{Heard, Link, Servers};

use std::time::Duration;

/// Pauses between attempts to reach a broker: it is the way to every camera, and one more attempt costs it little.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(1);

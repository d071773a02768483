//! A pistreamer camera's frames in your own program.
//!
//! A [`Subscription`] is a [`futures::Stream`] of frames. It holds the newest frame and no queue, reconnects by itself,
//! and tells the server which frames you took, so that the server never sends farther ahead than the way to you holds.
//!
//! ```no_run
//! use futures::TryStreamExt as _;
//! use pistreamer_client::{Config, Subscription};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut frames = Subscription::start(Config::new("http://raspberrypi.local:8000")?);
//!     while let Some(frame) = frames.try_next().await? {
//!         println!("frame {}: {} bytes of JPEG", frame.stamp.seq, frame.jpeg.len());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The way back is a [`Publisher`]: it pushes your own JPEGs to a server whose source is `ingest`.
//!
//! What the bytes mean is defined by [`protocol`]. Decoding pictures and showing them belong to the caller.

mod code;
mod config;
mod endpoint;
mod error;
mod event;
mod inbox;
mod link;
mod publisher;
mod readable;
mod scheme;
mod subscription;
mod trade;

// The server's own, which connects to other things too. No part of what this crate promises.
#[doc(hidden)]
pub mod dial;
#[doc(hidden)]
pub mod violation;

pub use code::Code;
pub use config::{Config, Reconnect};
pub use endpoint::{Credentials, Endpoint, UrlError};
#[doc(hidden)]
pub use endpoint::{is_link, without_credentials};
pub use error::Error;
pub use event::{Event, Frame, Stats};
pub use pistreamer_protocol as protocol;
pub use publisher::Publisher;
pub use subscription::Subscription;

/// What this crate calls itself.
pub(crate) const USER_AGENT: &str = concat!("pistreamer-client/", env!("CARGO_PKG_VERSION"));

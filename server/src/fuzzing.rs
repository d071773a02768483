//! What the fuzzers reach of what is private otherwise. No other build has this module.
//!
//! The fuzzers themselves, with what they assert, belong to `fuzz/`.

pub use crate::encode::rescale::Rescaler;
pub use crate::front::device::of as device;
pub use crate::front::ingest::unwrapped;
pub use crate::front::peer::Peer;
pub use crate::front::visitor::to_https;
pub use crate::placeholders::filled;
pub use crate::source::files::{Found, reel::Reel};
pub use crate::source::remote::Intake;

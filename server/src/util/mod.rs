//! Small mechanisms that know nothing of cameras, viewers or HTTP, and import nothing else of this crate.

pub mod clock;
pub(crate) mod clock_sync;
pub mod exit;
pub(crate) mod file_watch;
pub(crate) mod fnv;
pub(crate) mod handover;
pub(crate) mod host;
pub(crate) mod http_call;
pub(crate) mod local_time;
pub(crate) mod log_throttle;
pub mod memory;
pub(crate) mod panics;
pub mod signals;
pub(crate) mod token_bucket;
pub(crate) mod turns;
pub(crate) mod watched;

//! The pistreamer server: camera → JPEG → newest frame → viewers.
//!
//! A map, not a place for code. The modules stand in the order in which a frame passes through them; only [`demand`]
//! flows the other way. A stage never imports `cli`, `config` or `app`; a source never imports `hub`; `hub` imports
//! none of its consumers. `app` alone puts the stages together.

pub mod access;
pub mod allowance;
pub mod called;
pub mod clock;
mod decoder;
pub mod demand;
mod folded;
pub mod log;
pub mod panics;
mod state_dir;
pub mod stdout;
pub mod via;

pub mod encode;
pub mod front;
pub mod hub;
pub mod push;
pub mod session;
pub mod source;

pub mod app;
pub mod cameras;
pub mod cli;
pub mod config;
pub mod grab;
pub mod keys;
pub mod placeholders;
pub mod usage;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

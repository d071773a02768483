//! The pistreamer server: camera → JPEG → newest frame → viewers.
//!
//! A map, not a place for code. Of the second group, from [`source`] to `front`, the modules stand in the order in which a frame
//! passes through them; [`demand`] and commands flow the other way. A stage never imports `cli`, `config`, `app` or `cmd`; a source never imports `hub`; `hub` imports
//! none of its consumers. `app` alone puts the stages together.

pub mod access;
pub(crate) mod broker;
pub(crate) mod called;
pub mod demand;
mod kept;
pub mod log;
mod state_dir;
pub mod stdout;
pub mod util;
pub(crate) mod via;
mod walls;

pub mod source;

pub(crate) mod camera;

pub(crate) mod appear;

pub(crate) mod encode;

pub(crate) mod hub;

pub(crate) mod form;

pub(crate) mod library;

pub(crate) mod session;

pub(crate) mod push;

pub(crate) mod operate;

pub(crate) mod record;

pub(crate) mod motion;

pub(crate) mod alerts;

pub(crate) mod front;

pub mod stages;

pub mod app;
pub(crate) mod cli;
pub mod cmd;
pub mod config;
pub mod lan;
pub(crate) mod placeholders;
pub(crate) mod service;
pub(crate) mod usage;

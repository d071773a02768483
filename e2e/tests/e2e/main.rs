//! The tests of the whole, one binary: what they need is named in the library, [`pistreamer_e2e`].

mod access;
mod accessible;
mod adjust;
mod comfort;
mod configured;
mod embedding;
mod endurance;
mod engines;
mod failure;
mod harness;
mod keyboard;
mod languages;
mod module;
mod pages;
mod panels;
mod phone;
mod pictures;
mod played;
mod proxies;
mod recorded;
mod settings;
mod sizes;
mod still;
mod stream;
mod trouble;
mod wall;

//! The tests of the whole, one binary: what they need is named in the library, [`pistreamer_e2e`].

mod access;
mod embedding;
mod endurance;
mod harness;
mod module;
mod pages;
mod pictures;
mod proxies;
mod sizes;
mod stream;
mod trouble;

//! The commands, a file for each: what a command line asks for is done with the library's parts, and reported to people.
//!
//! Nothing of the library imports this.

mod process;

pub mod cameras;
pub mod config;
pub mod grab;
pub mod key;
pub mod push;
pub mod serve;

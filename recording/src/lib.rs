//! Recordings: a camera's frames on a disk, in files that play as they lie, whatever happens to the power.
//!
//! A map, not a place for code. [`Recorder`] is a thread (`writer`) that takes frames from [`Lane`]s, one a camera, through the one place
//! where frames wait (`ring`). On the thread, a [`session`] turns them into files (`track`, [`segment`]), has old ones make room
//! ([`retention`]) and, at its start, mends what a power cut left ([`recover`]). [`catalogue`] is what there is, by the files' names
//! ([`name`]), and [`library`] finds frames by their time. All of it reaches the disk through [`disk`], so that tests can play one that
//! fails. No camera, no network, no async.

mod ages;
pub mod catalogue;
mod clock;
pub mod disk;
pub mod export;
mod lane;
pub mod library;
mod marker;
mod marks;
pub mod name;
mod pace;
mod plan;
mod progress;
mod recorder;
pub mod recover;
pub mod retention;
mod ring;
pub mod segment;
pub mod session;
mod tag;
mod track;
mod unset;
mod writer;

pub use clock::steady_us;
pub use lane::Lane;
pub use marker::{MARKER, Marker, MarkerError};
pub use marks::{Mark, Marks};
pub use progress::{Progress, Room, State, Status};
pub use recorder::Recorder;
pub use track::Frame;
pub use writer::Config;

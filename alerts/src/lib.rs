//! Messages to people about what a camera sees and what is wrong with it.
//!
//! In the order in which data passes through: an [`Alert`] is one message. [`rules`] says which events become one, [`arming`]
//! whether events are told at this time, by a [`schedule`], [`health`] which troubles begin and end, and [`restarts`] how often
//! those of the server are told. The [`outbox`] keeps
//! messages on the disk until each [`Receiver`] has them, and a [`queue`] says when one is tried again. [`mod@format`] makes
//! requests of them, [`mqtt`] packets, and [`Outcome`] is what an answer means.
//!
//! Nothing here opens a connection, starts a program, or asks for the time.

mod alert;
pub mod arming;
pub mod format;
pub mod health;
pub mod mqtt;
pub mod outbox;
mod outcome;
mod plan;
pub mod queue;
mod receiver;
pub mod restarts;
pub mod rules;
pub mod schedule;

pub use alert::{Alert, Kind, Stage};
pub use outcome::Outcome;
pub use plan::Plan;
pub use receiver::{BadReceiver, Receiver, Telegram};

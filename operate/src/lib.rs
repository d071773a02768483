//! An operator's commands on their way to a machine that stops by itself.
//!
//! A map, not a place for code. [`Interlock`] decides, as a pure function of time, whether the machine moves: who has the
//! seat, how long a command holds ([`limits`]), when a stop is over. [`Channel`] is a thread that asks it each time that
//! something changes, and writes lines ([`mod@line`]) to a [`sink`]: a program, a Unix socket or UDP. What the machine says of
//! itself is read by [`telemetry`]. [`plan`] is what people configure. No camera, no WebSocket, no async.

pub mod channel;
pub mod interlock;
pub mod limits;
pub mod line;
pub mod plan;
pub mod sink;
mod sys;
pub mod telemetry;

pub use channel::Channel;
pub use interlock::Interlock;
pub use limits::Limits;
pub use plan::Plan;

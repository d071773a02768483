//! Cameras and viewers on several machines, over a NATS broker. *Publishers* send a camera's frames to the broker, *edges* show
//! them to viewers.
//!
//! Everything here is pure: bytes and times in, bytes and decisions out. Sockets, TLS, clocks and threads belong to the server,
//! and so do the cameras.

pub mod audience;
pub mod credit;
pub mod login;
pub mod message;
pub mod pulse;
pub mod roster;
pub mod subject;
pub mod wire;

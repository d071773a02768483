//! The promise on real disks: what is left after a kill or a power cut, and recording beside a disk that is full, slow, read-only or
//! gone. What is mounted needs root, or `sudo` without a password.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod disks;
mod events;
mod kills;
mod mounted;
mod power;
mod writer;

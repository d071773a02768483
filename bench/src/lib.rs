//! Measures pistreamer from outside, over real sockets.
//!
//! A map, not a place for code. What the numbers mean, and the commands that make them, are in `docs/performance.md`.
//!
//! * [`picture`] and [`process`]: what is served, and by which program.
//! * [`url`], [`framing`] and [`head`]: connecting as a viewer and finding frames and their stamps in what comes.
//! * [`crowd`]: many viewers on one thread that take frames without copying them.
//! * [`floor`]: the least that any server has to do; what [`load`] compares with.
//! * [`throttle`]: a link that is slow, far away, or stands still; [`age`] looks through it.
//! * [`abuse`]: what attacks cost the other viewers.
//! * [`demand`]: what is done without viewers.
//! * [`relay`]: servers that show each other's camera.

pub mod abuse;
pub mod age;
pub mod crowd;
pub mod demand;
pub mod floor;
pub mod framing;
pub mod head;
pub mod load;
pub mod picture;
pub mod process;
pub mod relay;
pub mod stats;
pub mod throttle;
pub mod url;

//! The pistreamer wire format: pure bytes in, bytes out.
//!
//! No I/O, no clock, no async and no logging here: sockets belong to `server/`, `native-client/` and `web-client/`.
//! The crate builds for native targets and for wasm32, so that the server and the browser share one implementation.
//! `PROTOCOL.md` at the top of the repository is the normative text.
//!
//! The modules stand in the order in which a frame passes through them:
//!
//! * [`jpeg`]: walk a JPEG's segments; tell a whole JPEG from a broken one.
//! * [`stamp`]: what is known about a frame, carried inside the JPEG.
//! * [`strips`]: parts of a JPEG that can be copied into another one. Nothing uses them yet.
//! * [`pack`](mod@pack): JPEG → one gzip member holding its base64.
//! * [`unpack`](mod@unpack): the way back, bounded and checked.
//! * [`message`]: the JSON text messages that travel beside the frames.
//! * [`text`]: what is kept of texts that other programs wrote.
//! * [`wire`]: the formats' names, how one is chosen, and how a message tells its own.
//! * [`credit`]: how many frames may be in flight to a receiver that acknowledges them.
//! * [`backoff`]: how long to wait before a connection is tried again.
//! * [`held_up`]: which frames a standstill held up on their way.

pub mod backoff;
mod buffer;
mod crc;
pub mod credit;
pub mod held_up;
mod huffman;
mod inverse;
pub mod jpeg;
pub mod message;
pub mod pack;
pub mod stamp;
pub mod strips;
pub mod text;
pub mod unpack;
pub mod wire;

pub use backoff::Backoff;
pub use credit::Credit;
pub use held_up::HeldUp;
pub use pack::pack;
pub use stamp::Stamp;
pub use unpack::{UnpackError, Unpacker};
pub use wire::WireFormat;

/// The protocol's major version, as `hello` announces it.
pub const VERSION: u32 = 1;

/// Largest JPEG, in bytes, that a receiver accepts unless it is configured otherwise: 16 MiB.
pub const DEFAULT_FRAME_LIMIT: usize = 16 << 20;

//! Motion detection: brightness of a camera's pictures in, events out.
//!
//! A map, not a place for code. [`Detector`] is all that a caller needs: it is fed pictures at an eighth of the camera's size ([`luma`])
//! about five times a second. `light` fits how the light has changed, `model` knows the scene behind everything that moves, `blobs` are
//! what differs from it, and which of that is only light, `tracks` follow them, `zones` say where motion counts, `tamper` notices a
//! camera that was covered or turned, and `events` makes events of it. No JPEGs, no clock, no threads; nothing is allocated for a
//! picture of the same size as the one before.

pub mod luma;

mod blobs;
mod detector;
mod events;
mod light;
mod model;
mod settings;
mod tamper;
mod tracks;
mod zones;

pub use detector::{Detector, Moving, Seen};
pub use events::{Cause, Change, Event, Zones};
pub use luma::Luma;
pub use settings::{MOST_ZONES, Polygon, Settings, SettingsError, Zone};

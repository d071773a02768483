//! `pistreamer cameras`: what can be captured from, for people.

use crate::source::SourceError;

/// A text that lists the cameras with their modes and formats.
///
/// # Errors
/// Where libcamera cannot be started.
#[cfg(not(feature = "libcamera"))]
pub fn listing() -> Result<String, SourceError> {
    Ok("this pistreamer was built without libcamera, so it finds no cameras: install libcamera-dev and build it with ./dev build\n\
        --source pattern and --source files:PATH work without a camera\n"
        .into())
}

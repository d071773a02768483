//! `pistreamer cameras`: what can be captured from, for people.

use crate::source::no_libcamera::not_built;
use crate::source::{SourceError, libcamera};
use crate::stdout;
use pistreamer_local_camera::no_camera;
use std::fmt::Write as _;

/// Prints the list.
///
/// # Errors
/// Where libcamera cannot be started, or standard output takes no text.
pub(super) fn run() -> anyhow::Result<()> {
    Ok(stdout::print(&listing()?)?)
}

/// A text that lists the cameras with their modes and formats.
///
/// # Errors
/// Where libcamera cannot be started.
fn listing() -> Result<String, SourceError> {
    const WITHOUT: &str = "--source pattern and --source files:PATH work without a camera\n";
    if !libcamera::is_possible() {
        return Ok(format!("{}\n{WITHOUT}", not_built()));
    }
    let cameras = libcamera::list()?;
    if cameras.is_empty() {
        return Ok(format!("{}\n{WITHOUT}", no_camera()));
    }
    let mut text = String::new();
    for (index, camera) in cameras.iter().enumerate() {
        let model = camera.model.as_deref().unwrap_or("camera of unknown model");
        let location = camera.location.as_ref().map(|at| format!(" ({at})"));
        let location = location.unwrap_or_default();
        let mut line = |line: String| writeln!(text, "{line}").expect("a String takes any text");
        line(format!("{index}: {model}{location}"));
        line(format!("   --source 'libcamera:{}'", camera.id));
        for format in &camera.formats {
            let sizes: Vec<_> = format
                .sizes
                .iter()
                .map(|(w, h)| format!("{w}x{h}"))
                .collect();
            line(format!("   {}: {}", format.name, sizes.join(" ")));
        }
        for control in &camera.controls {
            let default = control.default.as_ref();
            let default = default.map(|value| format!(", by default {value}"));
            line(format!(
                "   {}: {} to {}{}",
                control.name,
                control.min,
                control.max,
                default.unwrap_or_default()
            ));
        }
    }
    Ok(text)
}

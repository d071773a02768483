//! `pistreamer cameras`: what can be captured from, for people.

use crate::demand::Demand;
use crate::source::no_libcamera::not_built;
use crate::source::v4l2::{self, Described};
use crate::source::{SourceError, libcamera, modules};
use crate::stdout;
use pistreamer_local_camera::{CameraDescription, no_camera};
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
/// Where libcamera cannot be started, and V4L2 has no camera either.
fn listing() -> Result<String, SourceError> {
    const WITHOUT: &str = "--source pattern and --source files:PATH work without a camera\n";
    let webcams = v4l2::list();
    let (modules, why) =
        match libcamera::is_possible().then(|| libcamera::list(None, &Demand::default())) {
            Some(Ok(cameras)) => (modules(cameras), no_camera().to_string()),
            Some(Err(error)) if webcams.is_empty() => return Err(error),
            Some(Err(error)) => (Vec::new(), error.to_string()),
            None => (Vec::new(), not_built().to_string()),
        };
    let mut text = of_libcamera(&modules);
    for webcam in &webcams {
        text += &of_v4l2(webcam);
    }
    if modules.is_empty() {
        text += &format!("{why}\n");
    }
    if text.lines().count() == 1 {
        text += WITHOUT;
    }
    Ok(text)
}

fn of_v4l2(camera: &Described) -> String {
    let mut text = format!(
        "{}: {}\n   --source 'v4l2:{}'\n",
        camera.node, camera.name, camera.id
    );
    for (format, sizes) in &camera.formats {
        text += &format!("   {format}: {}\n", sizes.join(" "));
    }
    text
}

fn of_libcamera(cameras: &[(usize, CameraDescription)]) -> String {
    let mut text = String::new();
    for (index, camera) in cameras {
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
    text
}

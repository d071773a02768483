//! Defaults that follow from the machine: fewer frames where there is little memory, as on a Raspberry Pi Zero 2 W.

use super::layer::{Given, Origin, Values};
use super::setting::{self, Setting, Value};
use std::path::Path;

/// Where Linux tells how much memory there is.
pub(super) const MEMORY: &str = "/proc/meminfo";

/// Most memory of a small machine, in kB. One with 512 MB tells less: some of it belongs to the GPU and to the kernel.
const SMALL: u64 = 512 * 1024;

/// Completes the cameras with the defaults of the machine that tells its memory in that file. One that does not tell it has the
/// usual ones.
pub(super) fn complete(cameras: &mut [Values], memory: &Path) {
    let text = std::fs::read_to_string(memory).unwrap_or_default();
    if total(&text).is_none_or(|total| total > SMALL) {
        return;
    }
    let defaults: [(&Setting, Value); 2] = [
        (&setting::SIZE, Value::Text("1280x720".into())),
        (&setting::FPS, Value::Number(15.0)),
    ];
    for camera in cameras {
        for (setting, value) in &defaults {
            if !camera.has(setting) {
                let (value, origin) = (value.clone(), Origin::SmallBoard);
                camera.set(setting, Given { value, origin });
            }
        }
    }
}

/// The whole memory in kB.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse().ok()
}

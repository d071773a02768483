//! Whether a file alone is a configuration that can be started with.

use super::checked::{self, Checked};
use super::layer::{Given, Layer, Merged, Problem, Problems};
use super::load::Places;
use super::setting::{SOURCE, TLS_CERT, TLS_KEY};
use super::{Config, board};
use crate::camera::Settings;
use crate::front::{Certificate, Tls};
use std::path::Path;

/// Says whether a file alone is a configuration, and what is wrong with it.
///
/// # Errors
/// With everything that is wrong in it.
pub(crate) fn check(path: &Path) -> Result<String, Problems> {
    let places = Places {
        usual: Vec::new(),
        named: Some(path.to_owned()),
        memory: board::MEMORY.into(),
    };
    let (layers, problems) = places.layers();
    let layers: Vec<_> = layers.into_iter().map(|(_, layer)| layer).collect();
    let merged = Layer::merged(&layers);
    let Checked {
        config,
        absent,
        useless,
    } = checked::checked(&merged, problems)?;
    let mut problems = absent;
    problems.extend(unusable(&config, &merged));
    if !problems.is_empty() {
        return Err(Problems::in_order(problems));
    }
    let mut text: String = useless
        .iter()
        .map(|Problem { origin, text }| format!("{origin}: warning: {text}\n"))
        .collect();
    let count = config.cameras.len();
    let cameras = if count == 1 { "camera" } else { "cameras" };
    text += &format!("{}: no errors, {count} {cameras}\n", path.display());
    Ok(text)
}

/// What fails at once where this user starts it: files of the certificate that cannot be used, and cameras that cannot be open at
/// the same time.
fn unusable(config: &Config, merged: &Merged) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(certificate @ Certificate::Files(_, key)) = &config.certificate
        && let Err(error) = Tls::load(certificate)
    {
        let text = error.to_string();
        let is_keys = text.contains(&*key.to_string_lossy());
        let setting = if is_keys { &TLS_KEY } else { &TLS_CERT };
        let given = merged.server.get(setting);
        problems.extend(given.map(|Given { origin, .. }| Problem { origin, text }));
    }
    let cameras = config.cameras.iter().zip(&merged.cameras);
    let mut before: Vec<(String, &Settings)> = Vec::new();
    for (camera, values) in cameras {
        let Some(device) = camera.source.device() else {
            continue;
        };
        let same = before.iter().find(|(known, _)| *known == device);
        if let Some((_, first)) = same
            && let Some(Given { origin, .. }) = values.get(&SOURCE)
        {
            let text = format!(
                "the camera {} has this device already, which can be open once: leave one of them out, or name another \
                 device, as in libcamera:ID",
                first.id
            );
            problems.push(Problem { origin, text });
        }
        before.push((device, camera));
    }
    problems
}

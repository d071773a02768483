//! Cameras through libcamera: the Raspberry Pi's camera modules, USB webcams, and others that it supports.
//!
//! Each module has one part of the way from the device to the port. Making JPEGs of raw frames belongs to
//! [`crate::encode`].

mod clock;
mod controls;
mod event;
mod format;
mod list;
mod loan;
mod log;
mod manager;
mod memory;
mod setup;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use list::{available, list};

use super::{Config, Port, Source, SourceError};
use libcamera::camera::Camera;
use manager::Lease;
use pistreamer_protocol::message;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use stream::Running;

/// A camera of libcamera.
#[derive(Debug)]
pub(crate) struct LibcameraSource {
    config: Config,
    which: Option<String>,
    name: String,
}

impl LibcameraSource {
    /// The camera with that id or index in [`list`], or the first one.
    ///
    /// Asks libcamera for its name, but does not open it; it may be plugged in later.
    pub(crate) fn new(config: Config, which: Option<String>) -> Self {
        let name = Lease::new()
            .and_then(|lease| find(&lease, which.as_deref(), name))
            .unwrap_or_else(|_| which.clone().unwrap_or_else(|| "camera".to_owned()));
        Self {
            config,
            which,
            name,
        }
    }
}

impl Source for LibcameraSource {
    fn camera(&self) -> message::Camera {
        message::Camera {
            id: String::new(),
            name: self.name.clone(),
            source: "libcamera".to_owned(),
            test_pattern: false,
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let starting = port.calls_driver();
        let lease = Lease::new()?;
        let id = find(&lease, self.which.as_deref(), |camera| {
            camera.id().to_owned()
        })?;
        let (mut running, mode) = Running::start(lease, &id, &self.config)?;
        drop(starting);
        port.controls(&running.controls());
        port.open(mode);
        let result = running.run(port);
        let _stopping = port.calls_driver();
        running.stop();
        result
    }
}

/// Tells something of the camera that was asked for.
fn find<T>(
    lease: &Lease,
    which: Option<&str>,
    tell: impl Fn(&Camera<'_>) -> T,
) -> Result<T, SourceError> {
    let cameras: Vec<_> = lease.cameras().collect();
    let found = match which {
        None => cameras.first(),
        Some(which) => cameras
            .iter()
            .find(|camera| camera.id() == which)
            .or_else(|| cameras.get(which.parse::<usize>().ok()?)),
    };
    found.map(tell).ok_or_else(|| match which {
        Some(which) if !cameras.is_empty() => {
            let ids: Vec<_> = cameras.iter().map(|camera| camera.id()).collect();
            SourceError::new(format!(
                "libcamera has no camera {which}; it has {}",
                ids.join(", ")
            ))
        }
        _ => no_camera(),
    })
}

fn name(camera: &Camera<'_>) -> String {
    let model = manager::model(camera).unwrap_or_else(|| camera.id().to_owned());
    match manager::location(camera) {
        Some(location) => format!("{model} ({location})"),
        None => model,
    }
}

/// Why libcamera finds nothing, as far as can be told from here.
pub(crate) fn no_camera() -> SourceError {
    let locked = (0..8)
        .map(|number| format!("/dev/media{number}"))
        .find(|path| {
            let opened = OpenOptions::new().read(true).write(true).open(path);
            opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        });
    SourceError::new(match locked {
        Some(path) => format!(
            "libcamera finds no camera: this user may not open {path}; add it to the group video"
        ),
        None => "libcamera finds no camera: check the cable at both ends; this user must be in the group video to open /dev/media*".into(),
    })
}

//! The cameras of this machine: a libcamera camera by id or number, or the first there is, whatever its interface.
//!
//! Capturing from them belongs to [`libcamera`] and [`v4l2`].

use super::libcamera::{self, LibcameraSource};
use super::pattern::Pattern;
use super::spec::{Ends, Entry, Identity, Kind, Options, SpecError};
use super::v4l2::{self, V4l2Source};
use super::{Config, Source, SourceError};
use crate::called;
use pistreamer_local_camera::CameraDescription;
use std::sync::Arc;

/// The word for a camera that was not named.
const ONLY: &str = "camera";

const ALL: Options = Options {
    size: true,
    fps: true,
};

/// A camera if there is one, else the test pattern.
pub(super) const AUTO: Entry = Entry {
    usage: "auto",
    about: "a camera of this machine, or the test pattern where there is none",
    parse: |typed| (typed.text == "auto").then(|| Ok(Arc::new(Auto) as _)),
};

/// A camera by id or number; the first one by default.
pub(super) const LIBCAMERA: Entry = Entry {
    usage: "libcamera, libcamera:ID",
    about: "a camera that libcamera knows, such as a Raspberry Pi's camera module",
    parse: |typed| {
        let which = typed.rest.filter(|id| !id.is_empty()).map(str::to_owned);
        (typed.kind == "libcamera").then(|| {
            if libcamera::is_possible() {
                Ok(Arc::new(Libcamera(which)) as _)
            } else {
                Err(SpecError::NoLibcamera)
            }
        })
    },
};

#[derive(Debug)]
struct Auto;

impl Kind for Auto {
    fn word(&self) -> &str {
        "auto"
    }

    fn identity(&self) -> Identity {
        Identity::word(ONLY)
    }

    fn takes(&self) -> Options {
        ALL
    }

    fn device(&self) -> Option<String> {
        libcamera::is_possible().then(|| ONLY.into())
    }

    fn check(&self, capture: &Config) -> Result<(), SourceError> {
        // Which of the devices is a camera shows when it is opened, by a thread that may wait for its driver.
        if libcamera::is_possible() || v4l2::may_be_there() {
            return Ok(());
        }
        Pattern.check(capture)
    }

    fn build(&self, capture: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        let (modules, why) =
            match libcamera::is_possible().then(|| libcamera::list(None, ends.demand)) {
                Some(Ok(cameras)) => (modules(cameras), "libcamera finds no camera".to_owned()),
                Some(Err(error)) => (Vec::new(), error.to_string()),
                None => (Vec::new(), "built without libcamera".to_owned()),
            };
        if let Some((_, first)) = modules.first() {
            let which = Some(first.id.clone());
            let config = capture.clone();
            let among = std::slice::from_ref(first);
            return Ok(Box::new(LibcameraSource::among(among, config, which)));
        }
        if v4l2::is_there() {
            return Ok(Box::new(V4l2Source::new(capture.clone(), None)));
        }
        let why = format!("{why}, and V4L2 has none");
        let more = called::command("cameras");
        tracing::warn!(why, "showing the test pattern; `{more}` says more");
        Pattern.build(capture, ends)
    }
}

/// Those of libcamera's cameras that V4L2 does not show better, which has a webcam's JPEGs and all of its controls, each with its
/// number in libcamera.
pub(crate) fn modules(cameras: Vec<CameraDescription>) -> Vec<(usize, CameraDescription)> {
    let numbered = cameras.into_iter().enumerate();
    numbered
        .filter(|(_, camera)| !is_webcam(&camera.id))
        .collect()
}

/// libcamera's id of a webcam ends in the numbers of its vendor and its product, as in `…-1.2:1.0-046d:0825`.
fn is_webcam(id: &str) -> bool {
    let numbers = id.rsplit('-').next().and_then(|last| last.split_once(':'));
    let is_number =
        |text: &str| text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    numbers.is_some_and(|(vendor, product)| is_number(vendor) && is_number(product))
}

#[derive(Debug)]
struct Libcamera(Option<String>);

impl Kind for Libcamera {
    fn word(&self) -> &str {
        "libcamera"
    }

    fn identity(&self) -> Identity {
        match &self.0 {
            None => Identity::word(ONLY),
            // libcamera's own number of it.
            Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                Identity::word(format!("libcamera-{number}"))
            }
            // The last part of a path in the device tree is the sensor: /base/soc/i2c0mux/i2c@1/imx219@10.
            Some(id) => {
                let last = id.rsplit(['/', '\\']).next().unwrap_or(id);
                let model = last.split('@').next().unwrap_or(last);
                Identity {
                    word: model.into(),
                    rest: id.clone(),
                }
            }
        }
    }

    fn device(&self) -> Option<String> {
        Some(self.0.clone().unwrap_or_else(|| ONLY.into()))
    }

    fn takes(&self) -> Options {
        ALL
    }

    fn build(&self, capture: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(LibcameraSource::new(
            capture.clone(),
            self.0.clone(),
            ends.demand,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::is_webcam;

    #[test]
    fn webcams_are_known_by_libcameras_id() {
        for webcam in [
            "\\_SB_.PCI0.RP05.PXSX-2.4:1.0-0bda:5844",
            "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.2:1.0-046d:0825",
        ] {
            assert!(is_webcam(webcam), "{webcam}");
        }
        for module in [
            "/base/soc/i2c0mux/i2c@1/imx219@10",
            "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a",
            "Virtual0",
            "-",
            "",
        ] {
            assert!(!is_webcam(module), "{module}");
        }
    }
}

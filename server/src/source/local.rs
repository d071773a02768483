//! The cameras of this machine: a libcamera camera by id or number, or the first there is.
//!
//! Capturing from them belongs to [`libcamera`].

use super::libcamera::{self, LibcameraSource};
use super::pattern::Pattern;
use super::spec::{Ends, Entry, Identity, Kind, Options, SpecError};
use super::{Config, Source, SourceError};
use crate::called;
use std::sync::Arc;

/// The word for a camera that was not named.
const ONLY: &str = "camera";

const ALL: Options = Options {
    size: true,
    fps: true,
    transform: true,
};

/// A camera if there is one, else the test pattern.
pub(super) const AUTO: Entry = Entry {
    usage: "auto",
    parse: |typed| (typed.text == "auto").then(|| Ok(Arc::new(Auto) as _)),
};

/// A camera by id or number; the first one by default.
pub(super) const LIBCAMERA: Entry = Entry {
    usage: "libcamera, libcamera:ID",
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
        if libcamera::is_possible() {
            return Ok(());
        }
        Pattern.check(capture)
    }

    fn build(&self, capture: &Config, ends: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        let why = if libcamera::is_possible() {
            match libcamera::list() {
                Ok(cameras) if !cameras.is_empty() => {
                    let config = capture.clone();
                    return Ok(Box::new(LibcameraSource::among(&cameras, config, None)));
                }
                Ok(_) => "libcamera finds no camera".to_owned(),
                Err(error) => error.to_string(),
            }
        } else {
            "built without libcamera".to_owned()
        };
        let more = called::command("cameras");
        tracing::warn!(why, "showing the test pattern; `{more}` says more");
        Pattern.build(capture, ends)
    }
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

    fn build(&self, capture: &Config, _: &Ends<'_>) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(LibcameraSource::new(
            capture.clone(),
            self.0.clone(),
        )))
    }
}

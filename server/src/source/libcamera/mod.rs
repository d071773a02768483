//! Cameras through libcamera: the Raspberry Pi's camera modules, USB webcams, and others that it supports.
//!
//! Each version of libcamera fits no other, so there are three ways to it: a program of ours beside this one, which is linked to
//! the libcamera that this system has ([`beside`]); one that this program itself is linked to (`linked`); and where there is
//! neither, Raspberry Pi's own `rpicam-vid` ([`rpicam`]). Driving a camera belongs to `pistreamer_local_camera`; making JPEGs of
//! raw frames, to [`crate::encode`].

mod beside;
pub(crate) mod installed;
#[cfg(feature = "libcamera")]
mod linked;
#[cfg(feature = "libcamera")]
mod linked_log;
mod log;
mod process;
mod rpicam;
mod still;
#[cfg(test)]
#[cfg(feature = "libcamera")]
mod tests;

use super::{Config, Port, Source, SourceError, no_libcamera};
use crate::demand::Demand;
use beside::{Parts, Unfit};
use pistreamer_local_camera::{CameraDescription, find};
use pistreamer_protocol::message;

/// How this program comes to a camera.
enum Way {
    /// By a program beside this one.
    Beside(Parts),
    /// By the libcamera that it is linked to.
    #[cfg(feature = "libcamera")]
    Linked,
    /// By Raspberry Pi's program.
    #[cfg(not(feature = "libcamera"))]
    Rpicam,
}

impl Way {
    fn find() -> Option<Self> {
        if let Some(parts) = Parts::find() {
            return Some(Self::Beside(parts));
        }
        #[cfg(feature = "libcamera")]
        return Some(Self::Linked);
        #[cfg(not(feature = "libcamera"))]
        return rpicam::is_there().then_some(Self::Rpicam);
    }
}

/// Whether there is any way to a camera.
pub(crate) fn is_possible() -> bool {
    Way::find().is_some()
}

/// Which way there is to a camera, in words.
///
/// # Errors
/// Where there is none, with what to do.
pub(crate) fn way() -> Result<String, SourceError> {
    match Way::find() {
        Some(Way::Beside(parts)) => match parts.start(None, &Demand::default()) {
            Ok(part) => Ok(part.name().into()),
            Err(Unfit::Lacks(why)) if rpicam::is_there() => Ok(format!("rpicam-vid: {why}")),
            Err(unfit) => Err(unfit.into()),
        },
        #[cfg(feature = "libcamera")]
        Some(Way::Linked) => Ok("pistreamer itself, which is linked to libcamera".into()),
        #[cfg(not(feature = "libcamera"))]
        Some(Way::Rpicam) => Ok(format!("rpicam-vid: {}", no_libcamera::not_built())),
        None => Ok(no_libcamera::not_built().to_string()),
    }
}

/// Every camera that libcamera finds, in its order, for one that looks for that camera until the demand stops.
///
/// # Errors
/// Where there is no libcamera that can be used, or it does not start.
pub(crate) fn list(
    which: Option<&str>,
    demand: &Demand,
) -> Result<Vec<CameraDescription>, SourceError> {
    match Way::find() {
        Some(Way::Beside(parts)) => match parts.start(which, demand) {
            Ok(part) => part.list(demand),
            Err(Unfit::Lacks(why)) if rpicam::is_there() => rpicam::list(which, demand)
                .map_err(|error| SourceError::new(format!("{why}; and by rpicam-vid: {error}"))),
            Err(unfit) => Err(unfit.into()),
        },
        #[cfg(feature = "libcamera")]
        Some(Way::Linked) => {
            linked_log::redirect();
            pistreamer_local_camera::libcamera::list()
        }
        #[cfg(not(feature = "libcamera"))]
        Some(Way::Rpicam) => rpicam::list(which, demand),
        None => Err(no_libcamera::not_built().into()),
    }
}

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
    pub(crate) fn new(config: Config, which: Option<String>, demand: &Demand) -> Self {
        let cameras = list(which.as_deref(), demand).unwrap_or_default();
        Self::among(&cameras, config, which)
    }

    /// The same, where it is known which cameras there are.
    pub(crate) fn among(
        cameras: &[CameraDescription],
        config: Config,
        which: Option<String>,
    ) -> Self {
        let ids: Vec<_> = cameras.iter().map(|camera| &camera.id).collect();
        let name = match find(&ids, which.as_deref()) {
            Ok(index) => cameras[index].name(),
            Err(_) => which.clone().unwrap_or_else(|| "camera".to_owned()),
        };
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
        let which = self.which.as_deref();
        match Way::find() {
            Some(Way::Beside(parts)) => match parts.start(which, port.demand()) {
                Ok(part) => part.capture(&self.config, which, port),
                Err(Unfit::Lacks(why)) if rpicam::is_there() => {
                    tracing::warn!("{why}; until then its pictures come by rpicam-vid");
                    rpicam::capture(&self.config, which, port)
                }
                Err(unfit) => Err(unfit.into()),
            },
            #[cfg(feature = "libcamera")]
            Some(Way::Linked) => {
                linked_log::redirect();
                let owner = linked::PortOwner::new(port);
                let result =
                    pistreamer_local_camera::libcamera::capture(&self.config, which, &owner);
                owner.ends(&result);
                result
            }
            #[cfg(not(feature = "libcamera"))]
            Some(Way::Rpicam) => rpicam::capture(&self.config, which, port),
            None => Err(no_libcamera::not_built().into()),
        }
    }
}

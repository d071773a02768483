//! What libcamera finds on this machine, for people and for choosing a source.
//!
//! Printing it belongs to the server's command line.

use super::manager::{Lease, location, model};
use crate::{CameraDescription, ControlDescription, FormatDescription, SourceError};
use libcamera::camera::Camera;
use libcamera::control_value::ControlValue;
use libcamera::controls::ControlId;
use libcamera::stream::StreamRole;

/// Every camera that libcamera finds, in its order.
///
/// # Errors
/// Where libcamera does not start.
pub fn list() -> Result<Vec<CameraDescription>, SourceError> {
    let lease = Lease::new()?;
    Ok(lease.cameras().map(|camera| describe(&camera)).collect())
}

/// Whether there is any camera.
pub fn available() -> bool {
    Lease::new().is_ok_and(|lease| lease.count() > 0)
}

fn describe(camera: &Camera<'_>) -> CameraDescription {
    CameraDescription {
        id: camera.id().to_owned(),
        model: model(camera),
        location: location(camera).map(str::to_owned),
        formats: formats(camera),
        controls: camera
            .controls()
            .into_iter()
            .filter_map(|(id, info)| {
                Some(ControlDescription {
                    name: ControlId::try_from(id).ok()?.name(),
                    min: text(&info.min())?,
                    max: text(&info.max())?,
                    default: text(&info.def()),
                })
            })
            .collect(),
    }
}

fn formats(camera: &Camera<'_>) -> Vec<FormatDescription> {
    let Some(configuration) = camera.generate_configuration(&[StreamRole::VideoRecording]) else {
        return Vec::new();
    };
    let Some(stream) = configuration.get(0) else {
        return Vec::new();
    };
    let formats = stream.formats();
    let pixel_formats = formats.pixel_formats();
    pixel_formats
        .into_iter()
        .map(|format| FormatDescription {
            name: format.to_string(),
            sizes: formats
                .sizes(format)
                .into_iter()
                .map(|size| (size.width, size.height))
                .collect(),
        })
        .collect()
}

fn text(value: &ControlValue) -> Option<String> {
    fn join<T: std::fmt::Debug>(values: &[T]) -> String {
        match values {
            [value] => format!("{value:?}"),
            values => format!("{values:?}"),
        }
    }
    Some(match value {
        ControlValue::None => return None,
        ControlValue::Bool(values) => join(values),
        ControlValue::Byte(values) => join(values),
        ControlValue::Uint16(values) => join(values),
        ControlValue::Uint32(values) => join(values),
        ControlValue::Int32(values) => join(values),
        ControlValue::Int64(values) => join(values),
        ControlValue::Float(values) => join(values),
        ControlValue::String(values) => values.join(" "),
        ControlValue::Rectangle(values) => join(values),
        ControlValue::Size(values) => join(values),
        ControlValue::Point(values) => join(values),
    })
}

//! What is known of V4L2's controls beyond what drivers say: where people look for each, and which other one decides it.
//!
//! The numbers are those of `linux/v4l2-controls.h`. What a driver says of a control belongs to [`super::understood`].

use pistreamer_protocol::message::{Group, Place};

/// `V4L2_CID_EXPOSURE_ABSOLUTE`, which counts in units of 100 µs.
pub(super) const EXPOSURE_TIME: u32 = CAMERA + 2;
/// `V4L2_CID_WHITE_BALANCE_TEMPERATURE`, which counts in kelvins.
pub(super) const WHITE_BALANCE_TEMPERATURE: u32 = USER + 26;

/// `V4L2_CID_USER_BASE`, `V4L2_CID_CAMERA_CLASS_BASE`.
const USER: u32 = 0x0098_0900;
const CAMERA: u32 = 0x009a_0900;

/// The control that decides another one.
const AUTO_EXPOSURE: u32 = CAMERA + 1;
const AUTO_FOCUS: u32 = CAMERA + 12;
const AUTO_ISO: u32 = CAMERA + 24;
const AUTO_WHITE_BALANCE: u32 = USER + 12;
const AUTO_GAIN: u32 = USER + 18;
const AUTO_HUE: u32 = USER + 25;
const AUTO_BRIGHTNESS: u32 = USER + 32;

/// What is known of a control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct About {
    pub(super) group: Group,
    pub(super) place: Place,
    /// The number of the control that decides whether it can be set.
    pub(super) owner: Option<u32>,
}

/// What is known of the control with that number.
pub(super) fn about(id: u32) -> About {
    use Group::{Colour, Exposure, Focus, Image, Other};
    use Place::{Main, More};
    let (group, place, owner) = match (id & 0xffff_ff00, id & 0xff) {
        (USER, 0) => (Image, More, Some(AUTO_BRIGHTNESS)),
        // Contrast, gamma, mirroring, sharpness, automatic brightness.
        (USER, 1 | 16 | 20 | 21 | 27 | 32) => (Image, More, None),
        // Saturation, automatic hue, chroma gain, colour effects.
        (USER, 2 | 25 | 29 | 31 | 36) => (Colour, More, None),
        (USER, 3) => (Colour, More, Some(AUTO_HUE)),
        (USER, 12) => (Colour, Main, None),
        (USER, 13) => (Colour, More, None),
        // Red and blue balance.
        (USER, 14 | 15) => (Colour, More, Some(AUTO_WHITE_BALANCE)),
        (USER, 26) => (Colour, Main, Some(AUTO_WHITE_BALANCE)),
        (USER, 17) => (Exposure, Main, Some(AUTO_EXPOSURE)),
        // Automatic gain, the mains' frequency, what is lit from behind.
        (USER, 18 | 24 | 28) => (Exposure, Main, None),
        (USER, 19) => (Exposure, Main, Some(AUTO_GAIN)),
        // The mode, and by how much it is to be brighter.
        (CAMERA, 1 | 19) => (Exposure, Main, None),
        (CAMERA, 2) => (Exposure, Main, Some(AUTO_EXPOSURE)),
        // Whether the rate may fall, aperture, dynamic range, automatic sensitivity, metering.
        (CAMERA, 3 | 17 | 18 | 21 | 24 | 25) => (Exposure, More, None),
        (CAMERA, 23) => (Exposure, More, Some(AUTO_ISO)),
        // Pan, tilt and zoom.
        (CAMERA, 8 | 9 | 13) => (Image, Main, None),
        (CAMERA, 4..=7 | 14 | 15 | 22 | 32 | 33) => (Image, More, None),
        (CAMERA, 10) => (Focus, Main, Some(AUTO_FOCUS)),
        // The mode, and one automatic focusing.
        (CAMERA, 12 | 28) => (Focus, Main, None),
        (CAMERA, 11 | 29 | 31) => (Focus, More, None),
        (CAMERA, 20) => (Colour, More, None),
        _ => (Other, More, None),
    };
    About {
        group,
        place,
        owner,
    }
}

//! The controls of libcamera whose meaning is known here: how each is offered, and which other one decides it.
//!
//! Numbers go by the headers that this was built with. What a camera lists of them belongs to [`super::listed`].

use libcamera::control::{ControlEntry, ControlList};
use libcamera::control_value::ControlValue;
use libcamera::controls::{
    AeConstraintMode, AeEnable, AeExposureMode, AeFlickerMode, AeFlickerPeriod, AeMeteringMode,
    AfMode, AfRange, AfSpeed, AfTrigger, AfWindows, AnalogueGain, AwbEnable, AwbMode, Brightness,
    ColourGains, ColourTemperature, Contrast, ExposureTime, ExposureValue, FocusFoM, FrameDuration,
    Gamma, HdrMode, LensPosition, Lux, Saturation, ScalerCrop, SensorTemperature, Sharpness,
};
use pistreamer_protocol::message::{Group, Place, Scale};

/// How a control of libcamera is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Form {
    /// A boolean.
    Switch,
    /// A whole number.
    Whole,
    /// A number.
    Real,
    /// One of these, by libcamera's numbers.
    Choice(&'static [(i32, &'static str)]),
    /// The first or the second of two numbers.
    OfTwo(usize),
    /// The part of the sensor's picture that is shown.
    Crop,
    /// The part of the picture that is focused on, once.
    Window,
    /// Focuses once.
    Trigger,
}

/// A control that is offered where a camera has it.
pub(super) struct Known {
    /// What it is called here: as libcamera calls it, but for those that are a part of another one.
    pub name: &'static str,
    /// As libcamera calls it.
    pub theirs: &'static str,
    /// Its number, which differs between versions of libcamera.
    pub id: u32,
    pub label: &'static str,
    pub group: Group,
    pub place: Place,
    pub form: Form,
    pub unit: &'static str,
    pub scale: Scale,
    /// Values above are rarely wanted.
    pub usual_max: Option<f64>,
    /// The control that decides it, and the value of that one with which it can be set.
    pub owner: Option<(&'static str, f64)>,
    /// What a frame says of it.
    pub told: Option<fn(&ControlList) -> Option<ControlValue>>,
}

/// What a frame was captured with, where it says that. A list that lacks a control is not asked for it: libcamera would log
/// that for each frame.
macro_rules! told {
    ($control:ty) => {
        Some(|list: &ControlList| {
            if !list.contains(<$control>::ID) {
                return None;
            }
            list.get::<$control>().ok().map(ControlValue::from)
        })
    };
}

impl Known {
    const fn new(name: &'static str, label: &'static str, id: u32, form: Form) -> Self {
        Self {
            name,
            theirs: name,
            id,
            label,
            group: Group::Image,
            place: Place::Main,
            form,
            unit: "",
            scale: Scale::Linear,
            usual_max: None,
            owner: None,
            told: None,
        }
    }

    const fn of(self, group: Group) -> Self {
        Self { group, ..self }
    }

    const fn further(self) -> Self {
        Self {
            place: Place::More,
            ..self
        }
    }

    const fn in_unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn usually_below(self, max: f64) -> Self {
        Self {
            usual_max: Some(max),
            ..self
        }
    }

    const fn told(self, told: Option<fn(&ControlList) -> Option<ControlValue>>) -> Self {
        Self { told, ..self }
    }

    const fn by(self, owner: &'static str, free: f64) -> Self {
        Self {
            owner: Some((owner, free)),
            ..self
        }
    }
}

/// In the order in which they are offered and set: what decides another one stands before it.
pub(super) static KNOWN: [Known; 26] = [
    Known::new("AeEnable", "Automatic exposure", AeEnable::ID, Form::Switch)
        .of(Group::Exposure)
        .told(told!(AeEnable)),
    Known::new(
        "ExposureValue",
        "Brighter or darker",
        ExposureValue::ID,
        Form::Real,
    )
    .of(Group::Exposure)
    .in_unit("EV")
    .by("AeEnable", 1.0)
    .told(told!(ExposureValue)),
    Known {
        scale: Scale::Log,
        told: told!(ExposureTime),
        ..Known::new(
            "ExposureTime",
            "Exposure time",
            ExposureTime::ID,
            Form::Whole,
        )
        .of(Group::Exposure)
        .in_unit("µs")
        .by("AeEnable", 0.0)
    },
    Known {
        scale: Scale::Log,
        told: told!(AnalogueGain),
        ..Known::new("AnalogueGain", "Gain", AnalogueGain::ID, Form::Real)
            .of(Group::Exposure)
            .in_unit("×")
            .by("AeEnable", 0.0)
    },
    Known::new("AfMode", "Focus", AfMode::ID, Form::Choice(AF_MODES)).of(Group::Focus),
    Known::new("AfTrigger", "Focus once", AfTrigger::ID, Form::Trigger).of(Group::Focus),
    Known::new(
        "AfWindow",
        "Focus on this part",
        AfWindows::ID,
        Form::Window,
    )
    .of(Group::Focus),
    Known {
        told: told!(LensPosition),
        ..Known::new("LensPosition", "Distance", LensPosition::ID, Form::Real)
            .of(Group::Focus)
            .in_unit("1/m")
            .by("AfMode", MANUAL as f64)
    },
    Known::new(
        "AwbEnable",
        "Automatic white balance",
        AwbEnable::ID,
        Form::Switch,
    )
    .of(Group::Colour)
    .told(told!(AwbEnable)),
    Known::new(
        "AwbMode",
        "White balance",
        AwbMode::ID,
        Form::Choice(AWB_MODES),
    )
    .of(Group::Colour)
    .by("AwbEnable", 1.0)
    .told(told!(AwbMode)),
    Known::new("ScalerCrop", "Zoom", ScalerCrop::ID, Form::Crop).told(told!(ScalerCrop)),
    Known::new("Brightness", "Brightness", Brightness::ID, Form::Real).told(told!(Brightness)),
    Known::new("Contrast", "Contrast", Contrast::ID, Form::Real)
        .further()
        .usually_below(2.0)
        .told(told!(Contrast)),
    Known::new("Saturation", "Saturation", Saturation::ID, Form::Real)
        .of(Group::Colour)
        .further()
        .usually_below(2.0)
        .told(told!(Saturation)),
    Known::new("Sharpness", "Sharpness", Sharpness::ID, Form::Real)
        .further()
        .usually_below(4.0)
        .told(told!(Sharpness)),
    Known::new("Gamma", "Gamma", Gamma::ID, Form::Real)
        .further()
        .told(told!(Gamma)),
    gain("ColourGainRed", "Red", 0),
    gain("ColourGainBlue", "Blue", 1),
    Known::new(
        "HdrMode",
        "High dynamic range",
        HdrMode::ID,
        Form::Choice(HDR_MODES),
    )
    .of(Group::Exposure)
    .further(),
    Known::new(
        "AeMeteringMode",
        "Metering",
        AeMeteringMode::ID,
        Form::Choice(METERING),
    )
    .of(Group::Exposure)
    .further()
    .by("AeEnable", 1.0),
    Known::new(
        "AeConstraintMode",
        "Exposure aims at",
        AeConstraintMode::ID,
        Form::Choice(CONSTRAINTS),
    )
    .of(Group::Exposure)
    .further()
    .by("AeEnable", 1.0),
    Known::new(
        "AeExposureMode",
        "Exposure prefers",
        AeExposureMode::ID,
        Form::Choice(EXPOSURES),
    )
    .of(Group::Exposure)
    .further()
    .by("AeEnable", 1.0),
    Known::new(
        "AeFlickerMode",
        "Against flicker",
        AeFlickerMode::ID,
        Form::Choice(FLICKER),
    )
    .of(Group::Exposure)
    .further(),
    Known::new(
        "AeFlickerPeriod",
        "Period of flicker",
        AeFlickerPeriod::ID,
        Form::Whole,
    )
    .of(Group::Exposure)
    .further()
    .in_unit("µs")
    .usually_below(20_000.0)
    .by("AeFlickerMode", 1.0),
    Known::new(
        "AfRange",
        "Focus range",
        AfRange::ID,
        Form::Choice(AF_RANGES),
    )
    .of(Group::Focus)
    .further(),
    Known::new(
        "AfSpeed",
        "Focus speed",
        AfSpeed::ID,
        Form::Choice(AF_SPEEDS),
    )
    .of(Group::Focus)
    .further(),
];

const fn gain(name: &'static str, label: &'static str, of_two: usize) -> Known {
    Known {
        theirs: "ColourGains",
        told: told!(ColourGains),
        ..Known::new(name, label, ColourGains::ID, Form::OfTwo(of_two))
            .of(Group::Colour)
            .further()
            .in_unit("×")
            .usually_below(4.0)
            .by("AwbEnable", 0.0)
    }
}

/// libcamera's numbers.
pub(super) const MANUAL: i32 = 0;
pub(super) const AUTO: i32 = 1;
pub(super) const METER_ALL: i32 = 0;
pub(super) const METER_WINDOWS: i32 = 1;
pub(super) const START: i32 = 0;

/// The period of lamps at 50 Hz.
pub(super) const FLICKER_PERIOD: f64 = 10_000.0;

const AF_MODES: &[(i32, &str)] = &[(MANUAL, "Manual"), (AUTO, "Once"), (2, "Continuous")];
const AF_RANGES: &[(i32, &str)] = &[(0, "Normal"), (1, "Close"), (2, "Full")];
const AF_SPEEDS: &[(i32, &str)] = &[(0, "Normal"), (1, "Fast")];
const AWB_MODES: &[(i32, &str)] = &[
    (0, "Auto"),
    (1, "Incandescent"),
    (2, "Tungsten"),
    (3, "Fluorescent"),
    (4, "Indoor"),
    (5, "Daylight"),
    (6, "Cloudy"),
    (7, "Custom"),
];
const HDR_MODES: &[(i32, &str)] = &[
    (0, "Off"),
    (1, "Several exposures, not merged"),
    (2, "Several exposures"),
    (3, "One exposure"),
    (4, "Night"),
];
const METERING: &[(i32, &str)] = &[
    (0, "Centre"),
    (1, "Spot"),
    (2, "Whole picture"),
    (3, "Custom"),
];
const CONSTRAINTS: &[(i32, &str)] = &[
    (0, "Normal"),
    (1, "Highlights"),
    (2, "Shadows"),
    (3, "Custom"),
];
const EXPOSURES: &[(i32, &str)] = &[
    (0, "Normal"),
    (1, "Short times"),
    (2, "Long times"),
    (3, "Custom"),
];
const FLICKER: &[(i32, &str)] = &[(0, "Off"), (1, "Manual"), (2, "Auto")];

/// What frames say that cannot be set.
pub(super) struct Measured {
    pub name: &'static str,
    pub label: &'static str,
    pub group: Group,
    pub unit: &'static str,
    /// Values that it may have.
    pub limits: [f64; 2],
    /// What its last digit is worth.
    pub digits: f64,
    pub told: Option<fn(&ControlList) -> Option<ControlValue>>,
}

pub(super) static MEASURED: [Measured; 5] = [
    Measured {
        name: "Lux",
        label: "Light",
        group: Group::Exposure,
        unit: "lx",
        limits: [0.0, 1e6],
        digits: 0.1,
        told: told!(Lux),
    },
    Measured {
        name: "FrameDuration",
        label: "Time of a frame",
        group: Group::Exposure,
        unit: "µs",
        limits: [0.0, 1e9],
        digits: 100.0,
        told: told!(FrameDuration),
    },
    Measured {
        name: "ColourTemperature",
        label: "Colour temperature",
        group: Group::Colour,
        unit: "K",
        limits: [0.0, 100_000.0],
        digits: 10.0,
        told: told!(ColourTemperature),
    },
    Measured {
        name: "FocusFoM",
        label: "Sharpness of focus",
        group: Group::Focus,
        unit: "",
        limits: [0.0, 1e9],
        digits: 1.0,
        told: told!(FocusFoM),
    },
    Measured {
        name: "SensorTemperature",
        label: "Sensor temperature",
        group: Group::Other,
        unit: "°C",
        limits: [-100.0, 200.0],
        digits: 0.5,
        told: told!(SensorTemperature),
    },
];

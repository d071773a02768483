//! What a camera lists of a control, made into what viewers are offered. Cameras list garbage: limits in the wrong order or that
//! are no numbers, defaults that are missing or beyond the limits.
//!
//! libcamera ends the whole process where a value has another type or count than its control, so that nothing is offered by
//! what a camera lists alone: its type has to be the one that is known.

use super::crop::{Area, turned};
use super::known::{FLICKER_PERIOD, Form, Known, Measured};
use libcamera::control::{ControlEntry, ControlInfoMap};
use libcamera::control_value::ControlValue;
use libcamera::controls::{AeFlickerPeriod, ControlId, ExposureTime};
use libcamera::geometry::Rectangle;
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::{self, Control, Place};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a camera lists of one control.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub min: ControlValue,
    pub max: ControlValue,
    pub default: ControlValue,
    /// Those that it can have; empty where that is all between the limits.
    pub values: Vec<ControlValue>,
}

impl Listed {
    /// What a camera lists of that control; `None` where it does not have it, or has another one under that number.
    pub(super) fn read(info: &ControlInfoMap, known: &Known) -> Option<Self> {
        let info = info.find(known.id).ok()?;
        // A libcamera that was built from other headers may use other numbers.
        let is_it = ControlId::try_from(known.id).is_ok_and(|id| id.name() == known.theirs);
        // The crate panics at types that it does not know.
        let read = || Self {
            min: info.min(),
            max: info.max(),
            default: info.def(),
            values: info.values(),
        };
        catch_unwind(AssertUnwindSafe(read)).ok().filter(|_| is_it)
    }
}

/// The frame durations that a camera is asked for and can have, in µs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Durations {
    /// What it is asked for.
    pub usual: f64,
    /// The longest; `None` where it cannot be asked for any.
    pub longest: Option<f64>,
}

/// A control as it is offered.
pub(super) struct Offered {
    pub known: &'static Known,
    pub control: Control,
    /// libcamera's numbers of a choice.
    pub numbers: Vec<i32>,
    /// What is cropped from, and the smallest part of it.
    pub areas: Option<[Area; 2]>,
    /// How the picture is turned behind the camera. People see its places as it is then.
    pub turn: Orientation,
    /// Which frame is the first one to be captured with what was set last, and which one shows it. Until that one, the control is
    /// pending.
    pub tells: u64,
    pub settles: u64,
    /// What the frames in between have told: some tell it once, with the request that has it.
    pub heard: Option<ControlValue>,
}

impl Offered {
    /// The control, where what is listed makes sense.
    pub(super) fn new(
        known: &'static Known,
        listed: &Listed,
        durations: Durations,
    ) -> Option<Self> {
        let mut offered = Self {
            known,
            control: Control::default(),
            numbers: Vec::new(),
            areas: None,
            turn: Orientation::UPRIGHT,
            tells: 0,
            settles: 0,
            heard: None,
        };
        let control = match known.form {
            Form::Switch => switch(known.name, listed)?,
            Form::Whole => range(known, listed, durations, whole)?.in_steps(1.0),
            Form::Real | Form::OfTwo(_) => range(known, listed, durations, real)?,
            Form::Choice(names) => {
                let choices = choices(names, listed)?;
                let (numbers, names): (Vec<_>, Vec<_>) = choices.into_iter().unzip();
                let at = |value| numbers.iter().position(|number| Some(*number) == value);
                let default = whole(&listed.default).map(|number| number as i32);
                let default = at(default).unwrap_or_default();
                offered.numbers.clone_from(&numbers);
                Control::choice(known.name, &names, default, default)
            }
            Form::Trigger => {
                whole(&listed.min)?;
                Control::button(known.name)
            }
            Form::Window => {
                rectangle(&listed.min)?;
                Control::part(known.name, None)
            }
            Form::Crop => {
                let least = Area::from(rectangle(&listed.min)?);
                let most = Area::from(rectangle(&listed.max)?);
                let whole = rectangle(&listed.default).map(Area::from);
                let whole = whole.filter(|whole| whole.lies_in(&most)).unwrap_or(most);
                if whole.is_empty() || least.width >= whole.width {
                    return None;
                }
                offered.areas = Some([whole, least]);
                Control::part(known.name, Some([0.0, 0.0, 1.0, 1.0]))
            }
        };
        offered.control = Control {
            label: known.label.into(),
            group: known.group,
            place: known.place,
            unit: known.unit.into(),
            scale: if control.min > 0.0 {
                known.scale
            } else {
                Default::default()
            },
            usual_max: known
                .usual_max
                .filter(|usual| (control.min..control.max).contains(usual)),
            ..control
        };
        if known.id == ExposureTime::ID {
            offered.control = offered.control.with_long_exposures();
            if durations.usual < offered.control.max {
                offered.control.slows_above = Some(durations.usual);
            }
        }
        Some(offered)
    }

    /// The value that it has nearest to that one; `None` where it has no such value at all.
    pub(super) fn nearest(&self, value: &message::ControlValue) -> Option<message::ControlValue> {
        let Control { min, max, .. } = self.control;
        match value.number() {
            Some(number) if number.is_nan() => None,
            Some(number) => self.control.taken(&number.clamp(min, max).into()),
            None => self.control.taken(value),
        }
    }

    /// A value of [`Self::control`] in libcamera's type; `None` of what is told to the camera in another way.
    pub(super) fn to_camera(&self, value: f64) -> Option<ControlValue> {
        Some(match self.known.form {
            Form::Switch => (value != 0.0).into(),
            Form::Whole => (value as i32).into(),
            Form::Real => (value as f32).into(),
            Form::Choice(_) => (*self.numbers.get(value as usize)?).into(),
            Form::OfTwo(_) | Form::Crop | Form::Window | Form::Trigger => return None,
        })
    }

    /// Shows that part of the picture, or what is nearest to it. Returns where that is.
    pub(super) fn zoom(&mut self, rect: [f64; 4]) -> Option<Area> {
        let [whole, least] = self.areas?;
        let part = whole.zoomed(turned(rect, self.turn.inverse()), &least);
        self.control.rect = Some(turned(whole.place_of(&part), self.turn));
        Some(part)
    }

    /// Where a part of what is shown is.
    pub(super) fn part_of_shown(&self, rect: [f64; 4]) -> Option<Area> {
        let ([whole, _], shown) = (self.areas?, self.control.rect?);
        let [shown, rect] = [shown, rect].map(|rect| turned(rect, self.turn.inverse()));
        Some(whole.part(shown).part(rect))
    }

    /// Takes what a frame tells as the value now.
    pub(super) fn learn(&mut self, told: &ControlValue) {
        match (told, self.areas) {
            (ControlValue::Rectangle(shown), Some([whole, _])) => {
                let shown = one(shown).map(Area::from);
                if let Some(shown) = shown.filter(|shown| shown.lies_in(&whole)) {
                    self.control.rect = Some(turned(whole.place_of(&shown), self.turn));
                }
            }
            _ => {
                if let Some(value) = self.to_people(told) {
                    self.control.value = value;
                }
            }
        }
    }

    /// The value that a frame tells.
    fn to_people(&self, told: &ControlValue) -> Option<f64> {
        let number = match (self.known.form, told) {
            (Form::OfTwo(at), ControlValue::Float(values)) => shortest(*values.get(at)?),
            (Form::Whole, value) => whole(value),
            (Form::Real, value) => real(value),
            (Form::Switch, value) => on(value).map(|on| f64::from(u8::from(on))),
            (Form::Choice(_), value) => {
                let number = whole(value)?;
                let mut numbers = self.numbers.iter();
                let at = numbers.position(|known| f64::from(*known) == number);
                at.map(|at| at as f64)
            }
            _ => None,
        };
        number.map(|number| number.clamp(self.control.min, self.control.max))
    }

    /// Whether the value of the control that decides it leaves it free.
    pub(super) fn is_free(&self, owner: &Self) -> bool {
        let Some((_, free)) = self.known.owner else {
            return true;
        };
        let number = owner.numbers.get(owner.control.value as usize);
        number
            .map_or(owner.control.value, |number| f64::from(*number))
            .to_bits()
            == free.to_bits()
    }
}

impl Measured {
    /// What a frame says of it, with as many digits as it is good for.
    pub(super) fn value(&self, told: &ControlValue) -> Option<f64> {
        let number = match told {
            ControlValue::Int64(values) => one(values).map(|number| number as f64),
            value => whole(value).or_else(|| real(value)),
        }?;
        let [min, max] = self.limits;
        let per_unit = 1.0 / self.digits;
        Some(((number * per_unit).round() / per_unit).clamp(min, max))
    }

    pub(super) fn control(&self, value: f64) -> Control {
        let [min, max] = self.limits;
        Control {
            label: self.label.into(),
            group: self.group,
            place: Place::More,
            readonly: true,
            ..Control::range(self.name, min..=max, value, value).counted_in(self.unit)
        }
    }
}

fn switch(name: &str, listed: &Listed) -> Option<Control> {
    // Without a default it is an algorithm, which works unless it is told not to.
    let default = on(&listed.default).unwrap_or(true);
    let is_choice = (on(&listed.min)?, on(&listed.max)?) == (false, true);
    is_choice.then(|| Control::switch(name, default, default))
}

fn range(
    known: &Known,
    listed: &Listed,
    durations: Durations,
    number: fn(&ControlValue) -> Option<f64>,
) -> Option<Control> {
    let (min, mut max) = (number(&listed.min)?, number(&listed.max)?);
    if known.id == ExposureTime::ID {
        let longest = durations.longest.unwrap_or(durations.usual);
        if max < min {
            // Some cameras list what they don't know yet.
            max = longest;
        }
        max = max.min(longest.floor());
    }
    if min >= max {
        return None;
    }
    let mut default = number(&listed.default);
    if known.id == AeFlickerPeriod::ID {
        // They list 0, which is none.
        default = default
            .filter(|period| *period >= min)
            .or(Some(FLICKER_PERIOD));
    }
    // A gain of 0 would show nothing of a colour, or stand for one that the camera chooses.
    let usual = match known.form {
        Form::OfTwo(_) => 1.0,
        _ => min,
    };
    let default = default.unwrap_or(usual).clamp(min, max);
    Some(Control::range(known.name, min..=max, default, default))
}

/// The choices that a camera has.
fn choices(names: &[(i32, &'static str)], listed: &Listed) -> Option<Vec<(i32, &'static str)>> {
    let (min, max) = (whole(&listed.min)?, whole(&listed.max)?);
    let values: Vec<_> = listed.values.iter().filter_map(whole).collect();
    let has = |number: i32| {
        let number = f64::from(number);
        match values.as_slice() {
            [] => (min..=max).contains(&number),
            values => values.contains(&number),
        }
    };
    let choices: Vec<_> = names
        .iter()
        .filter(|(number, _)| has(*number))
        .copied()
        .collect();
    (choices.len() > 1).then_some(choices)
}

fn on(value: &ControlValue) -> Option<bool> {
    match value {
        ControlValue::Bool(values) => one(values),
        _ => None,
    }
}

fn whole(value: &ControlValue) -> Option<f64> {
    match value {
        ControlValue::Int32(values) => one(values).map(f64::from),
        _ => None,
    }
}

fn real(value: &ControlValue) -> Option<f64> {
    match value {
        ControlValue::Float(values) => one(values).and_then(shortest),
        _ => None,
    }
}

fn rectangle(value: &ControlValue) -> Option<Rectangle> {
    match value {
        ControlValue::Rectangle(values) => one(values),
        _ => None,
    }
}

fn one<T: Copy>(values: &[T]) -> Option<T> {
    match values {
        [value] => Some(*value),
        _ => None,
    }
}

/// The number as people write it: 0.1 rather than 0.10000000149.
fn shortest(value: f32) -> Option<f64> {
    let number = value.to_string().parse::<f64>().ok()?;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::known::{KNOWN, MEASURED};
    use super::*;
    use pistreamer_protocol::message::Scale;

    const USUAL: Durations = Durations {
        usual: 33_333.0,
        longest: Some(1e6),
    };

    fn known(name: &str) -> &'static Known {
        KNOWN.iter().find(|known| known.name == name).unwrap()
    }

    fn of(name: &str, [min, max, default]: [ControlValue; 3]) -> Option<Control> {
        let listed = Listed {
            min,
            max,
            default,
            values: Vec::new(),
        };
        Some(Offered::new(known(name), &listed, USUAL)?.control)
    }

    #[test]
    fn limits_become_a_control_and_those_that_make_no_sense_none() {
        let floats = |limits: [f32; 3]| limits.map(ControlValue::from);
        let integers = |limits: [i32; 3]| limits.map(ControlValue::from);
        let brightness = of("Brightness", floats([-1.0, 1.0, 0.1])).unwrap();
        assert_eq!(
            [
                brightness.min,
                brightness.max,
                brightness.value,
                brightness.default
            ],
            [-1.0, 1.0, 0.1, 0.1]
        );
        let time = of("ExposureTime", integers([130, 3_066_985, 20_000])).unwrap();
        assert_eq!([time.min, time.max, time.default], [130.0, 1e6, 20_000.0]);
        assert_eq!((time.scale, time.slows_above), (Scale::Log, Some(33_333.0)));
        assert_eq!((time.step, &*time.unit), (Some(1.0), "µs"));
        // As a camera lists it before it is configured.
        assert_eq!(of("ExposureTime", integers([13, 0, 0])).unwrap().max, 1e6);
        let contrast = of("Contrast", floats([0.0, 32.0, 99.0])).unwrap();
        assert_eq!((contrast.default, contrast.usual_max), (32.0, Some(2.0)));
        let no_default = [1.0_f32.into(), 8.0_f32.into(), ControlValue::None];
        assert_eq!(of("AnalogueGain", no_default).unwrap().default, 1.0);
        for (name, limits) in [
            ("ExposureTime", integers([2_000_000, 9_000_000, 0])),
            ("ExposureTime", floats([1.0, 9.0, 2.0])),
            ("Contrast", integers([1, 9, 2])),
            ("Contrast", floats([9.0, 1.0, 2.0])),
            ("Contrast", floats([0.0, f32::NAN, 1.0])),
            ("Contrast", floats([0.0, f32::INFINITY, 1.0])),
            ("Contrast", floats([1.0, 1.0, 1.0])),
            (
                "Contrast",
                [vec![0.0_f32, 1.0], vec![2.0, 3.0], vec![]].map(ControlValue::from),
            ),
            ("AwbMode", floats([0.0, 7.0, 0.0])),
            ("AwbMode", integers([9, 12, 9])),
            ("AfTrigger", floats([0.0, 1.0, 0.0])),
            ("AfWindow", integers([0, 1, 0])),
            ("ScalerCrop", integers([0, 1, 0])),
        ] {
            assert_eq!(of(name, limits.clone()), None, "{name} {limits:?}");
        }
        let bools = |limits: [bool; 3]| limits.map(ControlValue::from);
        assert_eq!(
            of("AeEnable", bools([false, true, true])).unwrap().value,
            1.0
        );
        let no_default = [false.into(), true.into(), ControlValue::None];
        assert_eq!(of("AeEnable", no_default).unwrap().value, 1.0);
        assert_eq!(of("AeEnable", bools([true, true, true])), None);
    }

    #[test]
    fn a_choice_has_what_the_camera_lists_and_has_a_name_here() {
        let mut listed = Listed {
            min: 0.into(),
            max: 99.into(),
            default: 5.into(),
            values: [0, 5, 6, 42].map(ControlValue::from).into(),
        };
        let offered = Offered::new(known("AwbMode"), &listed, USUAL).unwrap();
        assert_eq!(offered.control.choices, ["Auto", "Daylight", "Cloudy"]);
        assert_eq!(offered.control.value, 1.0);
        assert_eq!(offered.numbers, [0, 5, 6]);
        listed.values.clear();
        listed.max = 2.into();
        let offered = Offered::new(known("AwbMode"), &listed, USUAL).unwrap();
        assert_eq!(offered.control.choices.len(), 3);
    }

    #[test]
    fn what_is_measured_has_as_many_digits_as_it_is_good_for() {
        let value = |name: &str, told: ControlValue| {
            let measured = MEASURED.iter().find(|one| one.name == name);
            measured.unwrap().value(&told)
        };
        assert_eq!(value("Lux", 312.44_f32.into()), Some(312.4));
        assert_eq!(value("Lux", f32::NAN.into()), None);
        assert_eq!(value("FrameDuration", 33_333_i64.into()), Some(33_300.0));
        assert_eq!(value("SensorTemperature", 47.3_f32.into()), Some(47.5));
        assert_eq!(value("ColourTemperature", 4_321.into()), Some(4_320.0));
    }
}

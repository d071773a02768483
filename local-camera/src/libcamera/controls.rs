//! A camera's controls as viewers are offered them: those that are one number and whose meaning is known here.
//!
//! libcamera ends the whole process where a value has another type or count than its control, so that nothing is offered by
//! what a camera lists alone. When a request goes to the camera belongs to [`super::stream`].

use libcamera::control::{ControlEntry, ControlInfoMap, ControlList};
use libcamera::control_value::ControlValue;
use libcamera::controls::{
    AeEnable, AnalogueGain, Brightness, Contrast, ControlId, ExposureTime, ExposureValue,
    Saturation, Sharpness,
};
use pistreamer_protocol::message::Control;
use std::collections::BTreeMap;

/// A control that is offered where a camera has it.
struct Known {
    /// As libcamera calls it.
    name: &'static str,
    /// Its number, which differs between versions of libcamera.
    id: u32,
    /// The value in the control's own type.
    value: fn(f64) -> ControlValue,
    /// The value that a frame was captured with, of controls that only count while the automatic exposure is off.
    told: Option<fn(&ControlList) -> Option<f64>>,
    step: Option<f64>,
    unit: &'static str,
}

impl Known {
    const fn new(name: &'static str, id: u32, value: fn(f64) -> ControlValue) -> Self {
        Self {
            name,
            id,
            value,
            told: None,
            step: None,
            unit: "",
        }
    }
}

const KNOWN: [Known; 8] = [
    Known::new("AeEnable", AeEnable::ID, |value| {
        AeEnable(value != 0.0).into()
    }),
    Known {
        told: Some(|list| list.get::<ExposureTime>().ok().map(|time| time.0.into())),
        step: Some(1.0),
        unit: "µs",
        ..Known::new("ExposureTime", ExposureTime::ID, |value| {
            ExposureTime(value as i32).into()
        })
    },
    Known {
        told: Some(|list| {
            list.get::<AnalogueGain>()
                .ok()
                .and_then(|gain| shortest(gain.0))
        }),
        unit: "×",
        ..Known::new("AnalogueGain", AnalogueGain::ID, |value| {
            AnalogueGain(value as f32).into()
        })
    },
    Known {
        unit: "EV",
        ..Known::new("ExposureValue", ExposureValue::ID, |value| {
            ExposureValue(value as f32).into()
        })
    },
    Known::new("Brightness", Brightness::ID, |value| {
        Brightness(value as f32).into()
    }),
    Known::new("Contrast", Contrast::ID, |value| {
        Contrast(value as f32).into()
    }),
    Known::new("Saturation", Saturation::ID, |value| {
        Saturation(value as f32).into()
    }),
    Known::new("Sharpness", Sharpness::ID, |value| {
        Sharpness(value as f32).into()
    }),
];

/// The controls of a running camera.
pub(super) struct Controls {
    offered: Vec<(&'static Known, Control)>,
    /// What the next request tells the camera.
    waiting: BTreeMap<u32, ControlValue>,
    /// Whether the camera chooses exposure time and gain itself.
    automatic: bool,
    /// Controls of which the value is to be learned from the next frame.
    unknown: Vec<u32>,
}

impl Controls {
    /// What a camera lists once it is configured for that rate.
    pub(super) fn new(info: &ControlInfoMap, fps: f64) -> Self {
        let offered = KNOWN.iter().filter_map(|known| {
            let info = info.find(known.id).ok()?;
            // A libcamera that was built from other headers may use other numbers.
            let is_it = ControlId::try_from(known.id).is_ok_and(|id| id.name() == known.name);
            if !is_it {
                return None;
            }
            let limits = [info.min(), info.max(), info.def()];
            Some((known, offered(known, &limits, fps)?))
        });
        Self::of(offered.collect())
    }

    fn of(offered: Vec<(&'static Known, Control)>) -> Self {
        Self {
            automatic: offered.iter().any(|(known, _)| known.id == AeEnable::ID),
            offered,
            waiting: BTreeMap::new(),
            unknown: Vec::new(),
        }
    }

    /// Each control that counts now, with its value.
    pub(super) fn list(&self) -> Vec<Control> {
        let counts = |known: &Known| known.told.is_none() || !self.automatic;
        let offered = self.offered.iter().filter(|(known, _)| counts(known));
        offered.map(|(_, control)| control.clone()).collect()
    }

    /// Takes values. Those that the camera has no more in this mode become the nearest that it has.
    pub(super) fn set(&mut self, values: &BTreeMap<String, f64>) {
        // The automatic exposure comes first, as its name does: what it chooses is not set beside it.
        for (name, value) in values {
            let mut offered = self.offered.iter_mut();
            let Some((known, control)) = offered.find(|(known, _)| known.name == name) else {
                continue;
            };
            if known.told.is_some() && self.automatic {
                continue;
            }
            let value = value.clamp(control.min, control.max);
            let Some(value) = control.taken(value) else {
                continue;
            };
            control.value = value;
            self.waiting.insert(known.id, (known.value)(value));
            self.unknown.retain(|id| *id != known.id);
            if known.id == AeEnable::ID {
                self.automatic = value != 0.0;
                let chosen = self
                    .offered
                    .iter()
                    .filter(|(known, _)| known.told.is_some());
                self.unknown = chosen.map(|(known, _)| known.id).collect();
            }
        }
    }

    /// What the camera is told with its next request.
    pub(super) fn tell(&mut self, controls: &mut ControlList) {
        for (id, value) in std::mem::take(&mut self.waiting) {
            if let Err(error) = controls.set_raw(id, value) {
                tracing::warn!(%error, "the camera rejected a control");
            }
        }
    }

    /// Learns from a frame what the camera had chosen. Returns true if values changed that are listed.
    pub(super) fn learn(&mut self, metadata: &ControlList) -> bool {
        if self.automatic || self.unknown.is_empty() {
            return false;
        }
        let mut learned = false;
        for (known, control) in &mut self.offered {
            if !self.unknown.contains(&known.id) || !metadata.contains(known.id) {
                continue;
            }
            if let Some(value) = known.told.and_then(|told| told(metadata)) {
                control.value = value.clamp(control.min, control.max);
                learned = true;
            }
        }
        self.unknown.clear();
        learned
    }
}

/// The control as it is offered, where its limits make sense.
fn offered(known: &Known, limits: &[ControlValue; 3], fps: f64) -> Option<Control> {
    let [min, max, default] = limits;
    if let ControlValue::Bool(_) = min {
        // Without a default it is an algorithm, which works unless it is told not to.
        let on = number(default).is_none_or(|value| value != 0.0);
        let is_choice = (number(min)?, number(max)?) == (0.0, 1.0);
        return is_choice.then(|| Control::switch(known.name, on, on));
    }
    let is_same_type = std::mem::discriminant(min) == std::mem::discriminant(&(known.value)(0.0));
    let (min, mut max) = (number(min)?, number(max)?);
    if known.id == ExposureTime::ID {
        // Longer ones have no effect at this rate.
        max = max.min((1e6 / fps).floor());
    }
    // Some cameras list what they don't know yet.
    if !is_same_type || min >= max {
        return None;
    }
    let default = number(default).unwrap_or(min).clamp(min, max);
    let control = Control::range(known.name, min..=max, default, default).counted_in(known.unit);
    Some(match known.step {
        Some(step) => control.in_steps(step),
        None => control,
    })
}

/// A value that is one finite number.
fn number(value: &ControlValue) -> Option<f64> {
    match value {
        ControlValue::Bool(values) => one(values).map(|on| f64::from(u8::from(on))),
        ControlValue::Int32(values) => one(values).map(f64::from),
        ControlValue::Float(values) => one(values).and_then(shortest),
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
    use super::*;

    fn known(name: &str) -> &'static Known {
        KNOWN.iter().find(|known| known.name == name).unwrap()
    }

    fn of(name: &str, limits: [ControlValue; 3]) -> Option<Control> {
        offered(known(name), &limits, 30.0)
    }

    #[test]
    fn limits_become_a_control_and_those_that_make_no_sense_none() {
        let floats = |limits: [f32; 3]| limits.map(ControlValue::from);
        let integers = |limits: [i32; 3]| limits.map(ControlValue::from);
        assert_eq!(
            of("Brightness", floats([-1.0, 1.0, 0.1])),
            Some(Control::range("Brightness", -1.0..=1.0, 0.1, 0.1))
        );
        let time = Control::range("ExposureTime", 130.0..=33_333.0, 20_000.0, 20_000.0);
        assert_eq!(
            of("ExposureTime", integers([130, 3_066_985, 20_000])),
            Some(time.in_steps(1.0).counted_in("µs")),
            "no longer than a frame"
        );
        assert_eq!(
            of("Contrast", floats([0.0, 32.0, 99.0])).unwrap().default,
            32.0
        );
        let no_default = [1.0_f32.into(), 8.0_f32.into(), ControlValue::None];
        assert_eq!(of("AnalogueGain", no_default).unwrap().default, 1.0);
        for (name, limits) in [
            ("ExposureTime", integers([13, 0, 0])),
            ("ExposureTime", integers([40_000, 90_000, 50_000])),
            ("ExposureTime", floats([1.0, 9.0, 2.0])),
            ("Contrast", integers([1, 9, 2])),
            ("Contrast", floats([0.0, f32::NAN, 1.0])),
            ("Contrast", floats([0.0, f32::INFINITY, 1.0])),
            ("Contrast", floats([1.0, 1.0, 1.0])),
            (
                "Contrast",
                [vec![0.0_f32, 1.0], vec![2.0, 3.0], vec![]].map(ControlValue::from),
            ),
        ] {
            assert_eq!(of(name, limits.clone()), None, "{name} {limits:?}");
        }
        let bools = |limits: [bool; 3]| limits.map(ControlValue::from);
        let on = Control::switch("AeEnable", true, true);
        assert_eq!(of("AeEnable", bools([false, true, true])), Some(on.clone()));
        let no_default = [false.into(), true.into(), ControlValue::None];
        assert_eq!(of("AeEnable", no_default), Some(on));
        assert_eq!(of("AeEnable", bools([true, true, true])), None);
    }

    /// A camera with an automatic exposure.
    fn camera() -> Controls {
        let offered = [
            ("AeEnable", [false.into(), true.into(), true.into()]),
            ("ExposureTime", [130.into(), 33_000.into(), 20_000.into()]),
            (
                "Brightness",
                [(-1.0_f32).into(), 1.0_f32.into(), 0.0_f32.into()],
            ),
        ];
        let offered = offered.map(|(name, limits)| (known(name), of(name, limits).unwrap()));
        Controls::of(offered.into())
    }

    fn set(controls: &mut Controls, values: &[(&str, f64)]) -> Vec<u32> {
        let values = values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        controls.set(&values.collect());
        let told = std::mem::take(&mut controls.waiting);
        told.into_keys().collect()
    }

    fn names(controls: &Controls) -> Vec<String> {
        let list = controls.list().into_iter();
        list.map(|control| control.name).collect()
    }

    #[test]
    fn what_the_camera_chooses_itself_is_neither_offered_nor_set() {
        let mut controls = camera();
        assert_eq!(names(&controls), ["AeEnable", "Brightness"]);
        assert!(set(&mut controls, &[("ExposureTime", 500.0)]).is_empty());
        let told = set(&mut controls, &[("AeEnable", 0.0), ("ExposureTime", 500.0)]);
        assert_eq!(told.len(), 2);
        assert_eq!(names(&controls), ["AeEnable", "ExposureTime", "Brightness"]);
        assert_eq!(controls.list()[1].value, 500.0);
        let told = set(&mut controls, &[("AeEnable", 1.0), ("ExposureTime", 500.0)]);
        assert_eq!(told, [AeEnable::ID]);
        assert_eq!(names(&controls), ["AeEnable", "Brightness"]);
    }

    #[test]
    fn what_the_camera_had_chosen_is_told_where_nothing_else_is_set() {
        let mut controls = camera();
        let mut frame = ControlList::new();
        frame.set(ExposureTime(9_987)).unwrap();
        assert!(!controls.learn(&frame));
        set(&mut controls, &[("AeEnable", 0.0)]);
        assert!(controls.learn(&frame));
        assert_eq!(controls.list()[1].value, 9_987.0);
        assert!(!controls.learn(&frame), "once");
        set(&mut controls, &[("AeEnable", 1.0)]);
        set(&mut controls, &[("AeEnable", 0.0), ("ExposureTime", 500.0)]);
        assert!(!controls.learn(&frame));
        assert_eq!(controls.list()[1].value, 500.0);
    }

    #[test]
    fn a_value_that_the_camera_has_no_more_becomes_the_nearest() {
        let mut controls = camera();
        set(&mut controls, &[("Brightness", 7.0), ("Gamma", 1.0)]);
        assert_eq!(controls.list()[1].value, 1.0);
    }
}

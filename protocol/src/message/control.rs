//! What can be set on a camera, as `hello` and `state` list it.
//!
//! Setting it is the message [`super::ViewerMessage::Control`].

use crate::text;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// One of a camera's controls. Every kind has a smallest and a largest value, so that a program that knows none of the
/// kinds can offer the numbers between.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Its name, as in the `control` message.
    #[serde(deserialize_with = "text::deserialize")]
    pub name: String,
    /// What its values mean.
    #[serde(default, skip_serializing_if = "ControlKind::is_range")]
    pub kind: ControlKind,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// The value now.
    pub value: f64,
    /// The value that the camera starts with.
    pub default: f64,
    /// What values of a range differ by; `None` where any value between is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// What the values of a range are counted in, such as `µs`; may be empty.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub unit: String,
    /// What the values 0, 1, 2 … of a choice are called.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "text::deserialize_list"
    )]
    pub choices: Vec<String>,
}

/// What the values of a control mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ControlKind {
    /// How much of something.
    #[default]
    Range,
    /// 0 is off and 1 is on.
    Bool,
    /// One of [`Control::choices`], counted from 0.
    Choice,
    /// 1 sets something off. Nothing stays set.
    Button,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ControlKind {
    fn is_range(&self) -> bool {
        *self == Self::Range
    }
}

impl Control {
    /// A range.
    pub fn range(name: &str, range: RangeInclusive<f64>, value: f64, default: f64) -> Self {
        let (min, max) = range.into_inner();
        Self {
            name: name.into(),
            min,
            max,
            value,
            default,
            ..Self::default()
        }
    }

    /// A range whose values differ by that much.
    pub fn in_steps(self, step: f64) -> Self {
        Self {
            step: Some(step),
            ..self
        }
    }

    /// A range that is counted in that unit.
    pub fn counted_in(self, unit: &str) -> Self {
        Self {
            unit: unit.into(),
            ..self
        }
    }

    /// Something that is on or off.
    pub fn switch(name: &str, value: bool, default: bool) -> Self {
        let number = |on| f64::from(u8::from(on));
        Self {
            kind: ControlKind::Bool,
            ..Self::range(name, 0.0..=1.0, number(value), number(default))
        }
    }

    /// One of several, of which there is at least one.
    pub fn choice(name: &str, choices: &[&str], value: usize, default: usize) -> Self {
        let last = choices.len().saturating_sub(1);
        Self {
            kind: ControlKind::Choice,
            choices: choices.iter().map(|&choice| choice.into()).collect(),
            ..Self::range(name, 0.0..=last as f64, value as f64, default as f64)
        }
    }

    /// Something that is set off.
    pub fn button(name: &str) -> Self {
        Self {
            kind: ControlKind::Button,
            ..Self::range(name, 1.0..=1.0, 1.0, 1.0)
        }
    }

    /// The value that the control gets where it is to have that one: the nearest one where it has steps; `None` where it
    /// has no such value.
    pub fn taken(&self, value: f64) -> Option<f64> {
        // Not so where it is no number.
        if !(self.min..=self.max).contains(&value) {
            return None;
        }
        match (self.kind, self.step) {
            (ControlKind::Bool | ControlKind::Choice, _) => (value.fract() == 0.0).then_some(value),
            (ControlKind::Range, Some(step)) if step > 0.0 => {
                let steps = ((value - self.min) / step).round();
                Some((self.min + steps * step).min(self.max))
            }
            _ => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_the_documented_json() {
        let json = |control: Control| serde_json::to_string(&control).unwrap();
        assert_eq!(
            json(Control::range("Gain", 1.0..=8.0, 2.0, 1.0)),
            r#"{"name":"Gain","min":1.0,"max":8.0,"value":2.0,"default":1.0}"#
        );
        let time = Control::range("ExposureTime", 100.0..=200.0, 150.0, 100.0);
        assert_eq!(
            json(time.in_steps(1.0).counted_in("µs")),
            r#"{"name":"ExposureTime","min":100.0,"max":200.0,"value":150.0,"default":100.0,"step":1.0,"unit":"µs"}"#
        );
        assert_eq!(
            json(Control::switch("Noise", false, true)),
            r#"{"name":"Noise","kind":"bool","min":0.0,"max":1.0,"value":0.0,"default":1.0}"#
        );
        assert_eq!(
            json(Control::choice("Scene", &["Lake", "Grey"], 1, 0)),
            r#"{"name":"Scene","kind":"choice","min":0.0,"max":1.0,"value":1.0,"default":0.0,"choices":["Lake","Grey"]}"#
        );
        assert_eq!(
            json(Control::button("Rewind")),
            r#"{"name":"Rewind","kind":"button","min":1.0,"max":1.0,"value":1.0,"default":1.0}"#
        );
    }

    #[test]
    fn a_kind_that_is_not_known_still_has_its_numbers() {
        let old = r#"{"name":"Gain","min":1,"max":8,"value":2,"default":1}"#;
        let old: Control = serde_json::from_str(old).unwrap();
        assert_eq!(old, Control::range("Gain", 1.0..=8.0, 2.0, 1.0));
        let new = r#"{"name":"Tint","kind":"wheel","min":0,"max":8,"value":2,"default":1}"#;
        let new: Control = serde_json::from_str(new).unwrap();
        assert_eq!((new.kind, new.max), (ControlKind::Unknown, 8.0));
    }

    #[test]
    fn only_values_of_the_control_are_taken_and_steps_by_the_nearest() {
        let speed = Control::range("Speed", 0.0..=4.1, 1.0, 1.0).in_steps(0.25);
        for (given, taken) in [(0.3, 0.25), (0.4, 0.5), (4.1, 4.0), (4.0, 4.0), (0.0, 0.0)] {
            assert_eq!(speed.taken(given), Some(taken));
        }
        let free = Control::range("Gain", -1.0..=1.0, 0.0, 0.0);
        assert_eq!(free.taken(0.3), Some(0.3));
        let scene = Control::choice("Scene", &["Lake", "Grey"], 0, 0);
        let noise = Control::switch("Noise", true, true);
        let rewind = Control::button("Rewind");
        for (control, bad) in [
            (&speed, 4.2),
            (&free, f64::NAN),
            (&free, f64::INFINITY),
            (&scene, 0.5),
            (&scene, 2.0),
            (&noise, 0.5),
            (&noise, -1.0),
            (&rewind, 0.0),
        ] {
            assert_eq!(control.taken(bad), None, "{control:?} took {bad}");
        }
        assert_eq!(scene.taken(1.0), Some(1.0));
        assert_eq!(rewind.taken(1.0), Some(1.0));
    }
}

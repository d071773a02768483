//! What can be set on a camera and what it measures, as `hello` and `state` list it.
//!
//! Setting it is the message [`super::ViewerMessage::Control`]; what its values are, [`ControlValue`].

use super::ControlValue;
use crate::text;
use serde::{Deserialize, Serialize};
use std::ops::{Not, RangeInclusive};

/// One of a camera's controls. Every kind has a smallest and a largest value, so that a program that knows none of the
/// kinds can offer the numbers between.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Its name, as in the `control` message.
    #[serde(deserialize_with = "text::deserialize")]
    pub name: String,
    /// What people call it, in English; empty where the name says it.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub label: String,
    /// What it belongs to.
    #[serde(default, skip_serializing_if = "Group::is_other")]
    pub group: Group,
    /// How near at hand it should be.
    #[serde(default, skip_serializing_if = "Place::is_main")]
    pub place: Place,
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
    /// How a slider for a range should divide its length.
    #[serde(default, skip_serializing_if = "Scale::is_linear")]
    pub scale: Scale,
    /// Where a slider for a range should end, as values above are rarely wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_max: Option<f64>,
    /// Values above have the camera deliver fewer frames than it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slows_above: Option<f64>,
    /// Values above take the picture away for so long that they are taken only where they are confirmed, and are not set again
    /// when the camera starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_above: Option<f64>,
    /// What the values 0, 1, 2 … of a choice are called.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "text::deserialize_list"
    )]
    pub choices: Vec<String>,
    /// The part of the picture that is chosen now: left, top, width and height; `None` where none is, and for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rect: Option<[f64; 4]>,
    /// Whether it is measured, and cannot be set.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub readonly: bool,
    /// Whether it cannot be set now, because something else decides it.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub inactive: bool,
    /// Whether the value is what the camera was asked for, and what it made of that is not known yet.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub pending: bool,
    /// The name of the control that decides whether it can be set; empty where none does, or that is not known.
    #[serde(
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub owner: String,
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
    /// A part of the picture as it is shown: [`Control::rect`].
    Rect,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

impl ControlKind {
    fn is_range(&self) -> bool {
        *self == Self::Range
    }
}

/// What a control belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Group {
    /// How much light makes the picture.
    Exposure,
    /// White balance and colours.
    Colour,
    /// Focus.
    Focus,
    /// What is shown and how it is rendered: zoom, contrast, sharpness.
    Image,
    /// Anything else.
    #[default]
    Other,
    /// A group that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Group {
    fn is_other(&self) -> bool {
        *self == Self::Other
    }
}

/// How near at hand a control should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Place {
    /// In view.
    #[default]
    Main,
    /// Where people look who miss something. Also what this version does not know.
    #[serde(other)]
    More,
}

impl Place {
    fn is_main(&self) -> bool {
        *self == Self::Main
    }
}

/// How a slider for a range should divide its length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Scale {
    /// Evenly by the value's logarithm. The smallest value is above 0.
    Log,
    /// Evenly by the value. Also what this version does not know.
    #[default]
    #[serde(other)]
    Linear,
}

impl Scale {
    fn is_linear(&self) -> bool {
        *self == Self::Linear
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

    /// A part of the picture, of which that one is chosen.
    pub fn part(name: &str, rect: Option<[f64; 4]>) -> Self {
        Self {
            kind: ControlKind::Rect,
            rect,
            ..Self::range(name, 0.0..=1.0, 0.0, 0.0)
        }
    }

    /// What people call it.
    pub fn shown(&self) -> &str {
        match self.label.as_str() {
            "" => &self.name,
            label => label,
        }
    }

    /// The value now, as in the `control` message.
    pub fn present(&self) -> ControlValue {
        match self.rect {
            Some(rect) => ControlValue::Numbers(rect.into()),
            None => ControlValue::Number(self.value),
        }
    }

    /// The value that the camera starts with; `None` of what has none, as a button.
    pub fn initial(&self) -> Option<ControlValue> {
        match self.kind {
            ControlKind::Button => None,
            // Only what shows a part of the picture all the time has one.
            ControlKind::Rect => self.rect.map(|_| ControlValue::Numbers(WHOLE.into())),
            _ => Some(ControlValue::Number(self.default)),
        }
    }

    /// Returns true if the control takes that value only where it is confirmed.
    pub fn asks_to_confirm(&self, value: &ControlValue) -> bool {
        let bound = self.confirm_above.unwrap_or(f64::INFINITY);
        value.number().is_some_and(|number| number > bound)
    }

    /// The same for an exposure time in µs, where it can be long: a slider ends where it has to be confirmed.
    pub fn with_long_exposures(self) -> Self {
        if self.max <= LONG_EXPOSURE {
            return self;
        }
        Self {
            usual_max: Some(LONG_EXPOSURE),
            confirm_above: Some(LONG_EXPOSURE),
            ..self
        }
    }

    /// Returns true if something stays set: neither is it set off nor measured.
    pub fn is_kept(&self) -> bool {
        !self.readonly && self.initial().is_some()
    }

    /// Takes that value as the one that it has now.
    pub fn adopt(&mut self, value: &ControlValue) {
        match value {
            ControlValue::Number(number) => self.value = *number,
            ControlValue::Numbers(numbers) => self.rect = numbers.as_slice().try_into().ok(),
            ControlValue::Text(_) => {}
        }
    }

    /// The value that the control gets where it is to have that one: the nearest one where it has steps, and a number where it
    /// is named in words; `None` where it has no such value.
    pub fn taken(&self, value: &ControlValue) -> Option<ControlValue> {
        match value {
            ControlValue::Number(number) => self.nearest(*number).map(ControlValue::Number),
            ControlValue::Numbers(numbers) => self.part_of(numbers).map(ControlValue::Numbers),
            ControlValue::Text(text) => self.taken(&self.said(text.trim())?),
        }
    }

    fn nearest(&self, value: f64) -> Option<f64> {
        // Not so where it is no number.
        if self.kind == ControlKind::Rect || !(self.min..=self.max).contains(&value) {
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

    fn part_of(&self, numbers: &[f64]) -> Option<Vec<f64>> {
        // Sums of decimal fractions are not exact.
        const CLOSE: f64 = 1.0 + 1e-6;
        let [left, top, width, height]: [f64; 4] = numbers.try_into().ok()?;
        let is_inside = |start: f64, length: f64| {
            (0.0..1.0).contains(&start) && length > 0.0 && start + length <= CLOSE
        };
        let is_part = is_inside(left, width) && is_inside(top, height);
        (self.kind == ControlKind::Rect && is_part).then(|| numbers.to_vec())
    }

    /// The value that is said in words: what a choice is called, on or off, or a number.
    fn said(&self, text: &str) -> Option<ControlValue> {
        let is = |word: &&str| word.eq_ignore_ascii_case(text);
        let number = match self.kind {
            ControlKind::Bool if ["on", "true", "yes"].iter().any(is) => Some(1.0),
            ControlKind::Bool if ["off", "false", "no"].iter().any(is) => Some(0.0),
            ControlKind::Button if is(&"press") => Some(1.0),
            ControlKind::Choice => {
                let mut choices = self.choices.iter();
                let at = choices.position(|choice| choice.to_lowercase() == text.to_lowercase());
                at.map(|at| at as f64)
            }
            _ => None,
        };
        if let Some(number) = number.or_else(|| text.parse().ok()) {
            return Some(ControlValue::Number(number));
        }
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|one| one.trim().parse()).collect();
        numbers.ok().map(ControlValue::Numbers)
    }
}

/// Exposure times above, in µs, take the picture away for too long to be chosen by mistake.
const LONG_EXPOSURE: f64 = 1e6;

/// All of the picture.
const WHOLE: [f64; 4] = [0.0, 0.0, 1.0, 1.0];

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
            assert_eq!(speed.taken(&given.into()), Some(taken.into()));
        }
        let free = Control::range("Gain", -1.0..=1.0, 0.0, 0.0);
        assert_eq!(free.taken(&0.3.into()), Some(0.3.into()));
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
            assert_eq!(control.taken(&bad.into()), None, "{control:?} took {bad}");
        }
        for control in [&scene, &rewind] {
            assert_eq!(control.taken(&1.0.into()), Some(1.0.into()));
        }
    }

    #[test]
    fn values_are_taken_in_words_as_people_say_them() {
        let scene = Control::choice("Scene", &["Lake", "Grey", "0"], 0, 0);
        let noise = Control::switch("Noise", true, true);
        let free = Control::range("Gain", -1.0..=1.0, 0.0, 0.0);
        let rewind = Control::button("Rewind");
        for (control, said, taken) in [
            (&scene, "grey", Some(1.0)),
            (&scene, "1", Some(1.0)),
            (&scene, "0", Some(2.0)),
            (&scene, "Sea", None),
            (&noise, "Off", Some(0.0)),
            (&noise, "1", Some(1.0)),
            (&noise, "maybe", None),
            (&free, " -0.5 ", Some(-0.5)),
            (&free, "NaN", None),
            (&free, "on", None),
            (&rewind, "press", Some(1.0)),
        ] {
            let given = ControlValue::Text(said.into());
            assert_eq!(control.taken(&given), taken.map(Into::into), "{said}");
        }
    }

    #[test]
    fn a_part_of_the_picture_lies_within_it() {
        let zoom = Control::part("ScalerCrop", Some(WHOLE));
        for (numbers, is_one) in [
            (&[0.0, 0.0, 1.0, 1.0][..], true),
            (&[0.7, 0.1, 0.3, 0.2], true),
            (&[0.8, 0.1, 0.3, 0.2], false),
            (&[0.0, 0.0, 0.0, 1.0], false),
            (&[-0.1, 0.0, 0.5, 0.5], false),
            (&[f64::NAN, 0.0, 0.5, 0.5], false),
            (&[0.0, 0.0, 1.0], false),
        ] {
            let value = ControlValue::Numbers(numbers.to_vec());
            assert_eq!(zoom.taken(&value).is_some(), is_one, "{numbers:?}");
        }
        let said = ControlValue::Text("0.25, 0.25, 0.5, 0.5".into());
        let middle = ControlValue::Numbers(vec![0.25, 0.25, 0.5, 0.5]);
        assert_eq!(zoom.taken(&said), Some(middle.clone()));
        assert_eq!(zoom.taken(&0.5.into()), None);
        let gain = Control::range("Gain", 0.0..=1.0, 0.0, 0.0);
        assert_eq!(gain.taken(&middle), None);
        assert_eq!(zoom.initial(), Some(ControlValue::Numbers(WHOLE.into())));
        assert_eq!(Control::part("AfWindow", None).initial(), None);
    }

    #[test]
    fn what_is_usual_is_left_out_and_what_is_not_known_is_read() {
        let exposure = Control {
            label: "Exposure time".into(),
            group: Group::Exposure,
            place: Place::More,
            scale: Scale::Log,
            slows_above: Some(33_333.0),
            inactive: true,
            owner: "AeEnable".into(),
            ..Control::range("ExposureTime", 13.0..=100_000.0, 9_987.0, 20_000.0)
        };
        let json = concat!(
            r#"{"name":"ExposureTime","label":"Exposure time","group":"exposure","place":"more","min":13.0,"max":100000.0,"#,
            r#""value":9987.0,"default":20000.0,"scale":"log","slows_above":33333.0,"inactive":true,"owner":"AeEnable"}"#
        );
        assert_eq!(serde_json::to_string(&exposure).unwrap(), json);
        assert_eq!(serde_json::from_str::<Control>(json).unwrap(), exposure);
        let new = r#"{"name":"Tint","group":"mood","place":"attic","scale":"cubic","min":0,"max":8,"value":2,"default":1}"#;
        let new: Control = serde_json::from_str(new).unwrap();
        let read = (new.group, new.place, new.scale);
        assert_eq!(read, (Group::Unknown, Place::More, Scale::Linear));
    }
}

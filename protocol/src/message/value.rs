//! The value of a control: what a viewer asks for, and what a camera has.
//!
//! Which values a control has is up to [`super::Control`].

use crate::text;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A value of a control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ControlValue {
    /// That of a range, a switch (0 or 1), a choice (counted from 0) or a button (1).
    Number(f64),
    /// A part of the picture.
    Numbers(Vec<f64>),
    /// As people say it. [`super::Control::taken`] makes one of the others of it.
    Text(String),
}

/// Values of several controls by their names.
pub type ControlValues = BTreeMap<String, ControlValue>;

impl ControlValue {
    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Numbers(_) | Self::Text(_) => None,
        }
    }

    /// Left, top, width and height, where it is a part of the picture.
    pub fn rect(&self) -> Option<[f64; 4]> {
        match self {
            Self::Numbers(numbers) => numbers.as_slice().try_into().ok(),
            Self::Number(_) | Self::Text(_) => None,
        }
    }
}

impl From<f64> for ControlValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for ControlValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Numbers(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(f64::to_string).collect();
                f.write_str(&numbers.join(","))
            }
        }
    }
}

/// Most numbers of one value.
const MOST_NUMBERS: usize = 16;

/// A list that is no longer than that.
fn few<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    let numbers = Vec::deserialize(from)?;
    if numbers.len() > MOST_NUMBERS {
        return Err(D::Error::invalid_length(numbers.len(), &"a short list"));
    }
    Ok(numbers)
}

/// Programs have a type of their own for what is on or off.
impl<'de> Deserialize<'de> for ControlValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        #[serde(expecting = "a number, true, false, a text, or a short list of numbers")]
        enum Any<'a> {
            Number(f64),
            Switch(bool),
            Numbers(#[serde(deserialize_with = "few")] Vec<f64>),
            #[serde(borrow)]
            Text(Cow<'a, str>),
        }
        Ok(match Any::deserialize(from)? {
            Any::Number(number) => Self::Number(number),
            Any::Switch(on) => Self::Number(f64::from(u8::from(on))),
            Any::Numbers(numbers) => Self::Numbers(numbers),
            Any::Text(text) => Self::Text(text::plain(&text)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_plain_json() {
        for (json, value, again) in [
            ("9987", ControlValue::Number(9987.0), "9987.0"),
            ("true", ControlValue::Number(1.0), "1.0"),
            ("false", ControlValue::Number(0.0), "0.0"),
            (
                "[0,0.5,1,0.5]",
                ControlValue::Numbers(vec![0.0, 0.5, 1.0, 0.5]),
                "[0.0,0.5,1.0,0.5]",
            ),
            (
                r#""Day\u006cight""#,
                ControlValue::Text("Daylight".into()),
                r#""Daylight""#,
            ),
        ] {
            let read: ControlValue = serde_json::from_str(json).unwrap();
            assert_eq!(read, value);
            assert_eq!(serde_json::to_string(&read).unwrap(), again);
        }
        let endless = format!("[{}0]", "1e308,".repeat(10_000));
        for bad in ["null", "{}", r#"["a"]"#, &endless] {
            let said = serde_json::from_str::<ControlValue>(bad).unwrap_err();
            assert!(said.to_string().contains("a number, true"), "{said}");
        }
    }
}

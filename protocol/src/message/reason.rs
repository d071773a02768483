//! Why something is as it is: in English for people, and with a code and values for programs, which may say it in other words.
//!
//! The codes are those of [`super::Cause`].

use crate::text;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Most values that are kept of a reason that came from elsewhere.
const MOST_VALUES: usize = 8;

/// A reason. Without a code where there is none for it, as where its words are another program's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// In English, for people; empty where there is nothing to explain.
    #[serde(
        rename = "reason",
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub text: String,
    /// Its code, as in [`super::Cause::code`]; empty where it has none. A newer server's may be unknown here, and is passed on.
    #[serde(
        rename = "cause",
        default,
        skip_serializing_if = "String::is_empty",
        deserialize_with = "text::deserialize"
    )]
    pub cause: String,
    /// What stands in the text for this camera or viewer alone.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub values: Values,
}

impl Reason {
    /// Reads what an HTTP answer that refuses has in its header `Pistreamer-Cause`; `None` where it is none.
    pub fn of_header(value: &str) -> Option<Self> {
        let read: Self = serde_json::from_str(value).ok()?;
        (!read.cause.is_empty()).then_some(read)
    }

    /// The same, where the value of that name is what another server says, with its code and values beside it: NAME.cause, and
    /// NAME.VALUE for each.
    pub fn quoting(mut self, name: &str, said: &Self) -> Self {
        self.values.add(&format!("{name}.cause"), &*said.cause);
        for (value, is) in &said.values.0 {
            if self.values.0.len() < MOST_VALUES {
                self.values.add(&format!("{name}.{value}"), is.clone());
            }
        }
        self
    }

    /// Whether there is nothing to explain.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Words without a code, cut to what is fit to be shown: they may quote what another program sent.
impl From<&str> for Reason {
    fn from(words: &str) -> Self {
        Self {
            text: text::without_error_numbers(words),
            ..Self::default()
        }
    }
}

impl From<String> for Reason {
    fn from(words: String) -> Self {
        (&*words).into()
    }
}

/// The values of a reason, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values(Vec<(String, Value)>);

/// A value of a reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any other number.
    Number(f64),
    /// Text that is the same in every language, such as a path, or another program's words.
    Text(String),
}

impl Values {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// Adds one, in the order of their names.
    pub(super) fn add(&mut self, name: &str, value: impl Into<Value>) {
        let at = self.0.partition_point(|(known, _)| known.as_str() < name);
        self.0.insert(at, (name.into(), value.into()));
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(words: &str) -> Self {
        Self::Text(text::without_error_numbers(words))
    }
}

impl From<String> for Value {
    fn from(words: String) -> Self {
        (&*words).into()
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Keeps the first few numbers and texts of an object. Anything else is what a newer server says, and no error.
impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde_json::Value as Json;
        let mut values = Self::default();
        let Json::Object(object) = Json::deserialize(from)? else {
            return Ok(values);
        };
        for (name, value) in object {
            let value = match &value {
                Json::String(words) => Value::from(&**words),
                Json::Number(number) => match (number.as_u64(), number.as_f64()) {
                    (Some(whole), _) => whole.into(),
                    (None, Some(number)) => number.into(),
                    (None, None) => continue,
                },
                _ => continue,
            };
            if values.0.len() < MOST_VALUES {
                values.add(&text::plain(&name), value);
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_server_says_is_kept_within_bounds() {
        let long = "x".repeat(1000);
        let many: String = (0..20)
            .map(|number| format!(r#""n{number}":{number},"#))
            .collect();
        let json = format!(
            r#"{{"reason":"a","cause":"of-tomorrow",
                "values":{{"list":[1],"a{long}":"\u001b{long}","half":0.5,"none":null,{many}"last":1}}}}"#
        );
        let read: Reason = serde_json::from_str(&json).unwrap();
        assert_eq!((&*read.text, &*read.cause), ("a", "of-tomorrow"));
        assert_eq!(read.values.0.len(), MOST_VALUES);
        assert_eq!(read.values.get("half"), Some(&Value::Number(0.5)));
        assert_eq!(read.values.get("last"), Some(&Value::Whole(1)));
        let (name, Value::Text(value)) = &read.values.0[0] else {
            panic!("{read:?}");
        };
        let lengths = [name, value].map(|text| text.chars().count());
        assert_eq!(lengths, [text::LONGEST; 2]);
        assert!(!value.contains('\u{1b}'));
        let none: Reason = serde_json::from_str(r#"{"reason":"a","values":"many"}"#).unwrap();
        assert_eq!(none, "a".into());
    }
}

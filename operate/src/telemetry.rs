//! What the machine says of itself: lines of JSON objects, `{"battery": [7.4, "V"], "speed": 0.3}`. Bounded, however it talks.

use pistreamer_protocol::message::Telemetry;
use pistreamer_protocol::text;
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest line in bytes. A longer one is left out.
const LONGEST_LINE: usize = 4096;

/// Most values that are kept. Further names are left out.
const MOST_VALUES: usize = 16;

/// Longest name and unit, in characters.
const LONGEST_NAME: usize = 24;

/// The newest value of each name.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    line: Vec<u8>,
    /// The line that is being read is too long.
    is_dropping: bool,
    values: BTreeMap<String, Telemetry>,
}

impl Reader {
    /// Reads some bytes. Returns true if a value came.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> bool {
        let mut changed = false;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_whole = part.ends_with(b"\n");
            if self.line.len() + part.len() > LONGEST_LINE {
                self.is_dropping = true;
                self.line.clear();
            }
            if !self.is_dropping {
                self.line.extend_from_slice(part);
            }
            if is_whole {
                changed |= !self.is_dropping && self.take();
                self.line.clear();
                self.is_dropping = false;
            }
        }
        changed
    }

    fn take(&mut self) -> bool {
        let Ok(Value::Object(object)) = serde_json::from_slice(&self.line) else {
            return false;
        };
        let mut changed = false;
        for (name, value) in object {
            let (value, unit) = match &value {
                Value::Array(pair) => match pair.as_slice() {
                    [value, Value::String(unit)] => (value.as_f64(), unit.as_str()),
                    _ => (None, ""),
                },
                value => (value.as_f64(), ""),
            };
            let name = short(&name);
            let has_room = self.values.contains_key(&name) || self.values.len() < MOST_VALUES;
            if let Some(value) = value.filter(|_| has_room && !name.is_empty()) {
                self.values.insert(name, Telemetry(value, short(unit)));
                changed = true;
            }
        }
        changed
    }

    /// The newest values.
    pub(crate) fn values(&self) -> &BTreeMap<String, Telemetry> {
        &self.values
    }

    /// Forgets everything, for another machine.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn short(name: &str) -> String {
    text::plain(name).chars().take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_however_they_are_cut_and_nothing_else_is() {
        let mut reader = Reader::default();
        let text = concat!(
            r#"{"battery":[7.4,"V"],"speed":0.3}"#,
            "\nno json\n[1]\n{\"name\":\"car\",\"x\":[1],\"\":1}\n",
            r#"{"battery":[7.2,"V"]}"#,
            "\n"
        );
        for byte in text.as_bytes().chunks(3) {
            reader.read(byte);
        }
        let values: Vec<_> = reader.values().iter().collect();
        assert_eq!(values.len(), 2);
        assert_eq!(reader.values()["battery"], Telemetry(7.2, "V".into()));
        assert_eq!(reader.values()["speed"], Telemetry(0.3, String::new()));
    }

    #[test]
    fn a_machine_that_talks_without_end_takes_no_memory() {
        let mut reader = Reader::default();
        for _ in 0..1000 {
            reader.read(&[b'x'; 1000]);
        }
        assert!(reader.line.capacity() <= 2 * LONGEST_LINE);
        assert!(reader.read(b"\n{\"a\":1}\n"));
        for number in 0..1000 {
            reader.read(format!("{{\"{number}\":{number}}}\n").as_bytes());
        }
        assert_eq!(reader.values().len(), MOST_VALUES);
    }
}

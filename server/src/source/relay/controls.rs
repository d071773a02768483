//! What the origin lets set, and what it has answered. It keeps what is set; here it is handed on, together where it was set together.

use crate::source::Port;
use crate::source::commands::{Orders, Resets};
use pistreamer_client::Subscription;
use pistreamer_protocol::message::{
    Answer, Control, ControlKind, ControlValue, ControlValues, Hello,
};
use std::collections::BTreeMap;

/// A server may name what it likes.
const MOST_REFUSED: usize = 256;

/// The origin's controls: none where this server's key there is for watching alone.
#[derive(Debug, Default)]
pub(super) struct Controls {
    /// `None` until the origin has told them.
    told: Option<Vec<Control>>,
    /// Whether it answers.
    sets: bool,
    /// The last command that it was told, and the last one that it has answered.
    sent: u64,
    answered: u64,
    /// What it has refused of the commands since the one before that was answered to the end.
    refused: BTreeMap<String, String>,
}

impl Controls {
    /// Whether the origin can be told something.
    pub(super) fn are_known(&self) -> bool {
        self.told.is_some()
    }

    /// The origin says hello.
    pub(super) fn greet(&mut self, hello: &Hello, port: &Port) {
        self.sets = hello.sets;
        port.reaches_keeper();
        self.tell(hello.controls.clone(), port);
    }

    /// The origin tells its controls.
    pub(super) fn tell(&mut self, told: Vec<Control>, port: &Port) {
        if self.sets && self.sent != self.answered {
            // The answer follows.
            port.controls_meanwhile(&told);
        } else {
            port.controls(&told);
        }
        self.told = Some(told);
    }

    /// Hands on what was set and reset.
    pub(super) fn send(&mut self, orders: Orders, subscription: &mut Subscription) {
        let Orders { resets, mut values } = orders;
        if self.sets {
            let names = match resets {
                Resets::None => None,
                Resets::All => Some(None),
                Resets::Named(names) => Some(Some(names.into_iter().collect())),
            };
            if let Some(names) = names {
                self.sent = subscription.reset(names);
            }
        } else {
            // It knows of no resets: it gets the values that it tells as the camera's own.
            for control in self.told.iter().flatten() {
                let is_reset = match &resets {
                    Resets::None => false,
                    Resets::All => control.is_kept() && !control.inactive,
                    Resets::Named(names) => names.contains(&control.name),
                };
                if let Some(initial) = control.initial().filter(|_| is_reset) {
                    values.entry(control.name.clone()).or_insert(initial);
                }
            }
        }
        if !values.is_empty() {
            // What has to be confirmed was asked about here, by the bounds that the origin tells.
            self.sent = subscription.set(values, true);
        }
    }

    /// The origin has answered.
    pub(super) fn answer(&mut self, answer: Answer, port: &Port) {
        let Answer {
            id,
            values,
            refused,
            pending,
        } = answer;
        // The state that has them may come behind it.
        for control in self.told.iter_mut().flatten() {
            let value = values.get(&control.name);
            if let Some(value) = value.filter(|value| is_reading(control, value)) {
                control.adopt(value);
            }
        }
        self.answered = id.min(self.sent);
        // A reset is answered before what is set with it.
        let room = MOST_REFUSED.saturating_sub(self.refused.len());
        self.refused.extend(refused.into_iter().take(room));
        if self.answered != self.sent {
            return;
        }
        let refused = std::mem::take(&mut self.refused);
        if !refused.is_empty() {
            let refused: Vec<_> = refused.values().map(String::as_str).collect();
            tracing::info!("the origin refuses: {}", refused.join("; "));
        }
        port.refused(refused);
        // Where it does not know yet what the camera makes of something, a state follows.
        if let Some(told) = self.told.as_ref().filter(|_| pending.is_empty()) {
            port.controls(told);
        }
    }

    /// Those of these values that controls which were told may have.
    pub(super) fn among(&self, mut values: ControlValues) -> ControlValues {
        values.retain(|name, value| {
            let mut told = self.told.iter().flatten();
            told.find(|control| control.name == *name)
                .is_some_and(|control| is_reading(control, value))
        });
        values
    }
}

/// Whether a control may measure, or choose by itself, such a value.
fn is_reading(control: &Control, value: &ControlValue) -> bool {
    match (control.kind, value) {
        (ControlKind::Rect, value) => value.rect().is_some_and(|rect| {
            let is_part = |side: f64| (0.0..=1.0).contains(&side);
            rect.into_iter().all(is_part)
        }),
        (_, value) => value.number().is_some_and(f64::is_finite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_of_the_controls_that_were_told_and_such_as_those_have() {
        let controls = Controls {
            told: Some(vec![
                Control::range("Gain", 1.0..=8.0, 2.0, 1.0),
                Control::part("Zoom", Some([0.0, 0.0, 1.0, 1.0])),
            ]),
            ..Controls::default()
        };
        let rect = |side| ControlValue::Numbers(vec![0.0, 0.0, 1.0, side]);
        for (name, value, is) in [
            ("Gain", 3.0.into(), true),
            ("Gain", f64::INFINITY.into(), false),
            ("Gain", rect(0.5), false),
            ("Gain", ControlValue::Text("much".into()), false),
            ("Zoom", rect(0.5), true),
            ("Zoom", rect(7.0), false),
            ("Zoom", 1.0.into(), false),
            ("Tint", 1.0.into(), false),
        ] {
            let values = ControlValues::from([(name.to_owned(), value)]);
            assert_eq!(controls.among(values.clone()) == values, is, "{values:?}");
        }
    }
}

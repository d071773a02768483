//! What a camera answers to a command: the values that it has then, which need not be those that it was asked for.
//!
//! Checking the command belongs to [`super::control`].

use super::control::why_inactive;
use super::{Camera, CameraState, Phase};
use pistreamer_protocol::message::{Control, ControlValue, ControlValues};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an answer is waited for: a webcam on a busy bus takes a tenth of a second for each control.
const PATIENCE: Duration = Duration::from_millis(1500);

/// What a camera has after a command.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The values that it has now, of the controls that were asked for.
    pub(crate) values: ControlValues,
    /// What it did not take, and why.
    pub(crate) refused: BTreeMap<String, String>,
    /// What it has not taken yet, or has as another value.
    pub(crate) pending: Vec<String>,
}

impl Camera {
    /// Waits a little for these values to hold.
    pub(crate) async fn answer(&self, wanted: &ControlValues) -> Answer {
        let mut news = self.news();
        // A camera without viewers is idle, and applies no values.
        let _awake = self.feed().demand().hold();
        let settled = async {
            loop {
                let state = news.borrow_and_update().clone();
                // One that is not there has no answer.
                if state.phase != Phase::Live || wanted.iter().all(|wanted| holds(&state, wanted)) {
                    return;
                }
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        // Whatever it has by then is what it is.
        let _ = tokio::time::timeout(PATIENCE, settled).await;
        Answer::of(&self.state(), wanted)
    }
}

impl Answer {
    fn of(state: &CameraState, wanted: &ControlValues) -> Self {
        let mut answer = Self::default();
        for (name, value) in wanted {
            let control = state.controls.iter().find(|known| known.name == *name);
            let Some(control) = control else {
                let why = "the camera does not have it any more";
                answer.refused.insert(name.clone(), why.into());
                continue;
            };
            answer.values.insert(name.clone(), control.present());
            if is_it(control, value) {
                continue;
            }
            if control.inactive {
                answer.refused.insert(name.clone(), why_inactive(control));
            } else {
                answer.pending.push(name.clone());
            }
        }
        answer
    }
}

/// Whether a control has what is wanted, or never will while something else decides it.
fn holds(state: &CameraState, (name, value): (&String, &ControlValue)) -> bool {
    let mut controls = state.controls.iter();
    controls.any(|control| control.name == *name && (control.inactive || is_it(control, value)))
}

/// Whether a control has that value, as nearly as single precision and the control's own steps tell.
fn is_it(control: &Control, value: &ControlValue) -> bool {
    let near = |one: f64, other: f64, step: f64| {
        (one - other).abs() <= (step / 2.0).max(other.abs() * 1e-5)
    };
    match (control.present(), value) {
        (ControlValue::Number(one), ControlValue::Number(other)) => {
            near(one, *other, control.step.unwrap_or_default())
        }
        (ControlValue::Numbers(ones), ControlValue::Numbers(others)) => {
            // A part of the picture begins and ends with a pixel.
            const PIXELS: f64 = 0.01;
            let mut pairs = ones.iter().zip(others);
            ones.len() == others.len() && pairs.all(|(one, other)| near(*one, *other, PIXELS))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_camera_has_is_told_and_why_it_is_not_what_was_asked_for() {
        let state = CameraState {
            controls: vec![
                Control::range("Gain", 0.0..=255.0, 64.0, 0.0).in_steps(1.0),
                Control::range("Contrast", 0.0..=4.0, f64::from(1.1_f32), 1.0),
                Control {
                    inactive: true,
                    owner: "Automatic".into(),
                    ..Control::range("Focus", 0.0..=10.0, 3.0, 0.0)
                },
            ],
            ..CameraState::default()
        };
        let wanted = [
            ("Gain", 200.0),
            ("Contrast", 1.1),
            ("Focus", 1.0),
            ("Tint", 1.0),
        ];
        let wanted = wanted.map(|(name, value)| (name.to_owned(), value.into()));
        let answer = Answer::of(&state, &wanted.into());
        assert_eq!(answer.pending, ["Gain"]);
        assert_eq!(answer.values["Gain"], 64.0.into());
        assert_eq!(answer.values["Focus"], 3.0.into());
        let refused: Vec<_> = answer.refused.into_iter().collect();
        assert_eq!(refused[0].0, "Focus");
        assert!(
            refused[0].1.contains("Automatic decides it"),
            "{}",
            refused[0].1
        );
        assert_eq!(refused[1].0, "Tint");
    }
}

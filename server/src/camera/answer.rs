//! What a camera answers to a command: the values that it has then, which need not be those that it was asked for.
//!
//! Checking the command belongs to [`super::control`].

use super::control::{Sent, why_inactive};
use super::{Camera, CameraState, Phase};
use pistreamer_protocol::message::ControlValues;
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
    /// What it has not told yet.
    pub(crate) pending: Vec<String>,
}

impl Camera {
    /// Waits a little until the camera has told what it has made of a command.
    pub(crate) async fn answer(&self, sent: &Sent) -> Answer {
        // Nothing was asked for.
        if sent.number == 0 {
            return Answer::default();
        }
        let mut news = self.news();
        let mut answers = self.0.lifecycle.answers();
        // A camera without viewers is idle, and applies no values.
        let _awake = self.feed().demand().hold();
        let told = async {
            loop {
                // In this order: the state is reported before the number rises.
                let is_answered = *answers.borrow_and_update() >= sent.number;
                let state = news.borrow_and_update().clone();
                let is_there = state.phase == Phase::Live;
                if !is_there || is_answered && !is_any_pending(&state, sent) {
                    return;
                }
                tokio::select! {
                    told = news.changed() => if told.is_err() { return },
                    told = answers.changed() => if told.is_err() { return },
                }
            }
        };
        // Whatever it has by then is what it is.
        let _ = tokio::time::timeout(PATIENCE, told).await;
        let is_answered = *answers.borrow() >= sent.number;
        let mut answer = Answer::of(&self.state(), sent, is_answered);
        // Another server may have other ideas of what is refused.
        for (name, why) in self.0.lifecycle.refusals(sent) {
            if sent.values.contains_key(&name) {
                answer.pending.retain(|pending| *pending != name);
                answer.refused.insert(name, why);
            }
        }
        answer
    }

    /// What is known of a command that is not waited for.
    pub(crate) fn answer_now(&self, sent: &Sent) -> Answer {
        Answer::of(&self.state(), sent, false)
    }
}

fn is_any_pending(state: &CameraState, sent: &Sent) -> bool {
    let mut controls = state.controls.iter();
    controls.any(|control| control.pending && sent.values.contains_key(&control.name))
}

impl Answer {
    fn of(state: &CameraState, sent: &Sent, is_answered: bool) -> Self {
        let mut answer = Self::default();
        for name in sent.values.keys() {
            let control = state.controls.iter().find(|known| known.name == *name);
            let Some(control) = control else {
                let why = "the camera does not have it any more";
                answer.refused.insert(name.clone(), why.into());
                continue;
            };
            answer.values.insert(name.clone(), control.present());
            if !is_answered || control.pending {
                answer.pending.push(name.clone());
            } else if control.inactive && !sent.is_reset {
                // What something automatic decides after a reset is as it should be.
                answer.refused.insert(name.clone(), why_inactive(control));
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pistreamer_protocol::message::Control;

    #[test]
    fn what_the_camera_has_is_told_and_what_it_did_not_take_or_tell() {
        let state = CameraState {
            controls: vec![
                Control {
                    pending: true,
                    ..Control::range("Gain", 0.0..=255.0, 200.0, 0.0)
                },
                // The camera's own idea is no reason to wait.
                Control::range("Contrast", 0.0..=4.0, 1.2, 1.0),
                Control {
                    inactive: true,
                    owner: "Automatic".into(),
                    ..Control::range("Focus", 0.0..=10.0, 3.0, 0.0)
                },
            ],
            ..CameraState::default()
        };
        let names = ["Gain", "Contrast", "Focus", "Tint"];
        let values = names.map(|name| (name.to_owned(), 1.0.into()));
        let mut sent = Sent {
            values: values.into(),
            is_reset: false,
            number: 1,
        };
        let answer = Answer::of(&state, &sent, true);
        assert_eq!(answer.pending, ["Gain"]);
        assert_eq!(answer.values["Contrast"], 1.2.into());
        assert_eq!(answer.values["Focus"], 3.0.into());
        let refused: Vec<_> = answer.refused.into_iter().collect();
        let (name, why) = &refused[0];
        assert!(
            name == "Focus" && why.contains("Automatic decides it"),
            "{why}"
        );
        assert_eq!(refused[1].0, "Tint");
        let answer = Answer::of(&state, &sent, false);
        assert_eq!(answer.pending, ["Contrast", "Focus", "Gain"]);
        sent.is_reset = true;
        let answer = Answer::of(&state, &sent, true);
        assert_eq!(answer.refused.len(), 1);
    }
}

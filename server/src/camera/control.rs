//! Commands to a camera: checked, handed to its source, the newest value of each control winning.
//!
//! Permissions belong to `front`. The source applies a value and reports the one that holds then.

use super::{Camera, CameraState, Settings};
use pistreamer_protocol::message::{Control, ControlKind};

/// A command to a camera.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Sets a control, or presses it where it is a button.
    Set {
        /// Its name, as the camera's state lists it.
        control: String,
        /// The value that it is to have; 1 for a button.
        value: f64,
    },
    /// Takes other settings. Where they concern the source, it is made anew: viewers stay, see that the camera is starting,
    /// and the seqs of its frames go on.
    Reconfigure(Box<Settings>),
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The consumer may only watch.
    #[error("commands to a camera need the role operate: give a key that has it")]
    Forbidden,
    /// The camera has no such control.
    #[error("this camera has no control named {0:?}")]
    Unknown(String),
    /// The control has no such value.
    #[error("{} takes {}, and not {given}", .control.name, values(.control))]
    BadValue {
        /// The control.
        control: Box<Control>,
        /// The value.
        given: f64,
    },
}

impl CommandError {
    /// The error in a word, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Unknown(_) => "unknown-control",
            Self::BadValue { .. } => "bad-value",
        }
    }
}

/// The values that a control takes, in words.
fn values(control: &Control) -> String {
    let Control { min, max, .. } = control;
    match control.kind {
        ControlKind::Bool => "0 (off) or 1 (on)".into(),
        ControlKind::Button => "1, which presses it".into(),
        ControlKind::Choice => {
            let choices = control.choices.iter().enumerate();
            let choices = choices.map(|(number, choice)| format!("{number} ({choice})"));
            choices.collect::<Vec<_>>().join(", ")
        }
        _ => format!("{min} to {max}"),
    }
}

/// A control with the value that it is to have.
#[derive(Debug, PartialEq)]
pub(super) enum Accepted {
    /// It holds from then on.
    Value(f64),
    /// Something is set off, once.
    Press,
}

impl Accepted {
    /// What setting that control means to a camera in that state.
    pub(super) fn of(state: &CameraState, name: &str, given: f64) -> Result<Self, CommandError> {
        let control = state.controls.iter().find(|known| known.name == name);
        let control = control.ok_or_else(|| CommandError::Unknown(name.into()))?;
        match control.taken(given) {
            Some(_) if control.kind == ControlKind::Button => Ok(Self::Press),
            Some(value) => Ok(Self::Value(value)),
            None => Err(CommandError::BadValue {
                control: Box::new(control.clone()),
                given,
            }),
        }
    }
}

/// One consumer's access to a camera's controls.
#[derive(Clone, Debug)]
pub struct Operator {
    camera: Camera,
    may: bool,
}

impl Operator {
    pub(super) fn new(camera: Camera, may: bool) -> Self {
        Self { camera, may }
    }

    /// Sets a control. Doesn't wait for the source: the camera's state tells the value once it holds.
    ///
    /// # Errors
    /// If the consumer may not, or the control has no such value.
    pub fn set(&self, control: String, value: f64) -> Result<(), CommandError> {
        if !self.may {
            return Err(CommandError::Forbidden);
        }
        self.camera.send(Command::Set { control, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_none_of_the_controls_is_refused_with_those_that_are() {
        let state = CameraState {
            controls: vec![
                Control::range("Speed", 0.0..=4.0, 1.0, 1.0).in_steps(0.25),
                Control::switch("Noise", true, true),
                Control::choice("Scene", &["Lake", "Grey"], 0, 0),
                Control::button("Rewind"),
            ],
            ..CameraState::default()
        };
        let of = |name: &str, value| Accepted::of(&state, name, value);
        assert_eq!(of("Speed", 0.3), Ok(Accepted::Value(0.25)));
        assert_eq!(of("Scene", 1.0), Ok(Accepted::Value(1.0)));
        assert_eq!(of("Rewind", 1.0), Ok(Accepted::Press));
        for (name, value, said) in [
            ("Speed", 4.5, "Speed takes 0 to 4, and not 4.5"),
            ("Noise", 0.5, "Noise takes 0 (off) or 1 (on), and not 0.5"),
            ("Scene", 2.0, "Scene takes 0 (Lake), 1 (Grey), and not 2"),
            ("Rewind", 0.0, "Rewind takes 1, which presses it, and not 0"),
            ("Focus", 1.0, "this camera has no control named \"Focus\""),
        ] {
            assert_eq!(of(name, value).unwrap_err().to_string(), said);
        }
    }
}

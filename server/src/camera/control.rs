//! Commands to a camera: checked, handed to its source, the newest value of each control winning.
//!
//! Who may give them belongs to `front`; what a source makes of one to the source, which reports the value that holds then.

use super::{Camera, CameraState};
use pistreamer_protocol::message::Control;

/// What a camera can be told to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Sets a control.
    Set {
        /// Its name, as the camera's state lists it.
        control: String,
        /// The value that it is to have.
        value: f64,
    },
}

/// Why a command does nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The one who gives it may only look.
    #[error("your key is for looking: commands to a camera need one with the role operate")]
    Forbidden,
    /// The camera has no such control.
    #[error("this camera has no control named {0:?}")]
    Unknown(String),
    /// The control has no such value.
    #[error("{} takes {} to {}, and not {given}", .control.name, .control.min, .control.max)]
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

impl Command {
    /// Whether it means something to a camera in that state.
    pub(super) fn check(&self, state: &CameraState) -> Result<(), CommandError> {
        let Self::Set { control, value } = self;
        let known = state.controls.iter().find(|known| known.name == *control);
        let known = known.ok_or_else(|| CommandError::Unknown(control.clone()))?;
        // Not so where it is no number.
        if (known.min..=known.max).contains(value) {
            return Ok(());
        }
        Err(CommandError::BadValue {
            control: Box::new(known.clone()),
            given: *value,
        })
    }
}

/// One consumer's way to give commands.
#[derive(Clone, Debug)]
pub struct Operator {
    camera: Camera,
    may: bool,
}

impl Operator {
    pub(super) fn new(camera: Camera, may: bool) -> Self {
        Self { camera, may }
    }

    /// Gives a command. Doesn't wait for the source: the camera's state tells the value once it holds.
    ///
    /// # Errors
    /// Where the command does nothing.
    pub fn send(&self, command: Command) -> Result<(), CommandError> {
        if !self.may {
            return Err(CommandError::Forbidden);
        }
        self.camera.send(command)
    }
}

//! What people configure: the way to the machine, the limits, and which axes and buttons there are.

use crate::limits::{Limits, MOST_NAMES};
use crate::sink::Spec;
use pistreamer_protocol::message::Operate;

/// How a camera's machine is driven.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The way to the machine.
    pub sink: Spec,
    /// How old things may be.
    pub limits: Limits,
    /// The names of its axes.
    pub axes: Vec<String>,
    /// The names of its buttons.
    pub buttons: Vec<String>,
}

/// Where the sticks are, by the places of the axes and buttons in the plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// From -1 to 1; 0 at rest.
    pub axes: Vec<f64>,
    /// Whether each is held.
    pub buttons: Vec<bool>,
    /// Every axis is at rest, and no button held.
    pub is_rest: bool,
}

/// What is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCommand {
    /// An axis that the plan does not have.
    #[error("there is no axis {0:?}")]
    Axis(String),
    /// A button that the plan does not have.
    #[error("there is no button {0:?}")]
    Button(String),
    /// Not from -1 to 1.
    #[error("axis {0:?} is not from -1 to 1")]
    Range(String),
    /// No beat.
    #[error("it has no beat")]
    Beat,
    /// Too many names.
    #[error("it has more than {MOST_NAMES} axes or buttons")]
    TooMany,
}

/// Why names cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNames {
    /// Not a name.
    #[error("{0:?} is no name: write 1 to 32 of a-z, A-Z, 0-9, - and _")]
    Name(String),
    /// Twice the same.
    #[error("{0:?} is there twice")]
    Twice(String),
    /// Too many.
    #[error("there are more than {MOST_NAMES}")]
    TooMany,
    /// None.
    #[error("a machine has at least one axis")]
    None,
}

/// Checks the names of axes or buttons.
///
/// # Errors
/// Where they cannot be used.
pub fn check(names: &[String]) -> Result<(), BadNames> {
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        (1..=32).contains(&name.len())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if names.len() > MOST_NAMES {
        return Err(BadNames::TooMany);
    }
    for (place, name) in names.iter().enumerate() {
        if !is_name(name) {
            return Err(BadNames::Name(name.clone()));
        }
        if names[..place].contains(name) {
            return Err(BadNames::Twice(name.clone()));
        }
    }
    Ok(())
}

impl Plan {
    /// Where a command has the sticks.
    ///
    /// # Errors
    /// Where it names what there is not, or a value that no stick has.
    pub fn position(&self, command: &Operate) -> Result<Position, BadCommand> {
        if command.axes.len().max(command.buttons.len()) > MOST_NAMES {
            return Err(BadCommand::TooMany);
        }
        let mut position = self.rest();
        for (name, value) in &command.axes {
            let place = self.axes.iter().position(|axis| axis == name);
            let place = place.ok_or_else(|| BadCommand::Axis(shown(name)))?;
            if !(-1.0..=1.0).contains(value) {
                return Err(BadCommand::Range(shown(name)));
            }
            position.axes[place] = *value;
        }
        for name in &command.buttons {
            let place = self.buttons.iter().position(|button| button == name);
            let place = place.ok_or_else(|| BadCommand::Button(shown(name)))?;
            position.buttons[place] = true;
        }
        let is_held = position.buttons.contains(&true);
        position.is_rest = !is_held && position.axes.iter().all(|value| *value == 0.0);
        Ok(position)
    }

    /// Everything at rest.
    pub fn rest(&self) -> Position {
        Position {
            axes: vec![0.0; self.axes.len()],
            buttons: vec![false; self.buttons.len()],
            is_rest: true,
        }
    }
}

fn shown(name: &str) -> String {
    name.chars().take(32).collect()
}

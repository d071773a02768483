//! Commands to a camera: checked, handed to its source, the newest value of each control winning.
//!
//! Permissions belong to `front`. The source applies values and reports those that hold then, which [`super::answer`] waits
//! for.

use super::{Camera, CameraState, Phase};
use pistreamer_protocol::message::{Control, ControlKind, ControlValue, ControlValues};
use pistreamer_protocol::text;
use std::collections::BTreeMap;

/// A command to a camera, the same one from a viewer, the API and the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Sets controls, and presses those that are buttons: all of them, or none where one is refused.
    Set {
        /// The values.
        values: ControlValues,
        /// Whether values are meant that have to be confirmed.
        confirmed: bool,
    },
    /// Resets the controls with these names to what the camera starts with: its defaults, or what is configured.
    Reset(Vec<String>),
    /// Resets all controls so.
    ResetAll,
}

/// A command that a camera has got.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    /// The values that are to hold from then on, as they are taken.
    pub(crate) values: ControlValues,
    /// Whether they are the camera's defaults.
    pub(super) is_reset: bool,
    /// Rises with each command; 0 of one that asks for nothing.
    pub(super) number: u64,
}

/// Why a command was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum CommandError {
    /// The consumer may only watch.
    #[error("commands to a camera need the role operate: give a key that has it")]
    Forbidden,
    /// The camera has no such control.
    #[error("this camera has no control named {0:?}")]
    Unknown(String),
    /// The control has no such value.
    #[error("{} must be {}, got {}", .control.name, values(.control), text::plain(&.given.to_string()))]
    BadValue {
        /// The control.
        control: Box<Control>,
        /// The value.
        given: ControlValue,
    },
    /// It is measured.
    #[error("{0} is what the camera measures, and cannot be set")]
    ReadOnly(String),
    /// Something else decides it.
    #[error("{}", why_inactive(.0))]
    Inactive(Box<Control>),
    /// It takes the picture away for long.
    #[error("{}", why_unconfirmed(.0))]
    Unconfirmed(Box<Control>),
    /// The camera is not there, so that nothing can be set off.
    #[error("{name} needs the camera, which has no picture now{}{why}", if .why.is_empty() { "" } else { ": " })]
    Away {
        /// The control.
        name: String,
        /// Why there is no picture.
        why: String,
    },
}

/// Refused controls by their names.
pub(crate) type Refused = BTreeMap<String, CommandError>;

impl CommandError {
    /// The error in a word, for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden",
            Self::Unknown(_) => "unknown-control",
            Self::BadValue { .. } => "bad-value",
            Self::ReadOnly(_) => "read-only-control",
            Self::Inactive(_) => "inactive-control",
            Self::Unconfirmed(_) => "unconfirmed",
            Self::Away { .. } => "camera-away",
        }
    }
}

/// Why a control cannot be set now, and what to do about it.
pub(super) fn why_inactive(control: &Control) -> String {
    let Control { name, owner, .. } = control;
    if owner.is_empty() {
        format!("{name} cannot be set now: the camera decides it in the mode that it is in")
    } else {
        format!(
            "{name} cannot be set now: {owner} decides it; set {owner} to another value first, or both in one request"
        )
    }
}

fn why_unconfirmed(control: &Control) -> String {
    let Control { name, unit, .. } = control;
    let above = control.confirm_above.unwrap_or(control.max);
    format!(
        "{name} above {above} {unit} leaves the camera without a new picture for as long: confirm it (?confirmed=1 in the API, --yes \
         of pistreamer control)"
    )
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
        ControlKind::Rect => {
            "left, top, width and height of a part of the picture, each 0 to 1".into()
        }
        _ => format!("{min} to {max}"),
    }
}

/// What a command means to a camera in the state that it is in.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Accepted {
    /// Values that hold from then on.
    pub(super) set: ControlValues,
    /// What is set off, once.
    pub(super) once: ControlValues,
}

impl Accepted {
    /// What setting these controls means.
    ///
    /// # Errors
    /// With each that cannot be set.
    pub(super) fn of(
        state: &CameraState,
        given: &ControlValues,
        confirmed: bool,
    ) -> Result<Self, Refused> {
        let (mut accepted, mut refused) = (Self::default(), Refused::new());
        for (name, value) in given {
            match accept(state, name, value, given) {
                Ok((control, value)) if control.asks_to_confirm(&value) && !confirmed => {
                    let error = CommandError::Unconfirmed(Box::new(control.clone()));
                    refused.insert(name.clone(), error);
                }
                Ok((control, value)) if control.is_kept() => {
                    accepted.set.insert(name.clone(), value);
                }
                // A later run of the source does not repeat it.
                Ok(_) if state.phase != Phase::Live => {
                    refused.insert(name.clone(), away(state, name));
                }
                Ok((_, value)) => {
                    accepted.once.insert(name.clone(), value);
                }
                Err(error) => {
                    refused.insert(name.clone(), error);
                }
            }
        }
        if refused.is_empty() {
            Ok(accepted)
        } else {
            Err(refused)
        }
    }
}

fn accept<'a>(
    state: &'a CameraState,
    name: &str,
    given: &ControlValue,
    together: &ControlValues,
) -> Result<(&'a Control, ControlValue), CommandError> {
    let control = find(state, name)?;
    // Where its owner is set at the same time, the camera decides.
    if control.inactive && !together.contains_key(&control.owner) {
        return Err(CommandError::Inactive(Box::new(control.clone())));
    }
    let value = control.taken(given).ok_or_else(|| CommandError::BadValue {
        control: Box::new(control.clone()),
        given: given.clone(),
    })?;
    Ok((control, value))
}

/// The control by that name, unless it is measured.
fn find<'a>(state: &'a CameraState, name: &str) -> Result<&'a Control, CommandError> {
    match state.controls.iter().find(|known| known.name == name) {
        None if state.controls.is_empty() && state.phase != Phase::Live => Err(away(state, name)),
        None => Err(CommandError::Unknown(name.into())),
        Some(control) if control.readonly => Err(CommandError::ReadOnly(name.into())),
        Some(control) => Ok(control),
    }
}

fn away(state: &CameraState, name: &str) -> CommandError {
    CommandError::Away {
        name: name.into(),
        why: state.reason.text.clone(),
    }
}

/// The refusal of everything in a command, where the server that keeps what is set is away.
pub(super) fn all_away(state: &CameraState, command: &Command) -> Refused {
    let names: Vec<_> = match command {
        Command::Set { values, .. } => values.keys().map(String::as_str).collect(),
        Command::Reset(names) => names.iter().map(String::as_str).collect(),
        Command::ResetAll => vec![ALL],
    };
    let refused = names.iter().map(|name| ((*name).into(), away(state, name)));
    refused.collect()
}

/// What stands for the name of a control where all are reset.
const ALL: &str = "resetting all controls";

/// The defaults of the controls with these names.
///
/// # Errors
/// With each that there is not, or that stays as it is.
pub(super) fn initial(state: &CameraState, names: &[String]) -> Result<ControlValues, Refused> {
    let (mut values, mut refused) = (ControlValues::new(), Refused::new());
    for name in names {
        match find(state, name) {
            Ok(control) => values.extend(control.initial().map(|value| (name.clone(), value))),
            Err(error) => {
                refused.insert(name.clone(), error);
            }
        }
    }
    if refused.is_empty() {
        Ok(values)
    } else {
        Err(refused)
    }
}

/// The defaults of all controls that stay set.
///
/// # Errors
/// Where it is not known yet which there are.
pub(super) fn all_initial(state: &CameraState) -> Result<ControlValues, Refused> {
    if state.controls.is_empty() && state.phase != Phase::Live {
        return Err(Refused::from([(ALL.into(), away(state, ALL))]));
    }
    let kept = state.controls.iter().filter(|control| control.is_kept());
    let initial = kept.filter_map(|control| Some((control.name.clone(), control.initial()?)));
    Ok(initial.collect())
}

/// What can be set now and stays set, with its values: what makes the picture that it is.
pub(super) fn present(state: &CameraState) -> ControlValues {
    let controls = state.controls.iter();
    let set = controls.filter(|control| control.is_kept() && !control.inactive);
    set.map(|control| (control.name.clone(), control.present()))
        .collect()
}

/// One consumer's access to a camera's controls.
#[derive(Clone, Debug)]
pub(crate) struct Operator {
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
    pub(crate) fn set(
        &self,
        control: String,
        value: ControlValue,
        confirmed: bool,
    ) -> Result<(), CommandError> {
        if !self.may {
            return Err(CommandError::Forbidden);
        }
        let command = Command::Set {
            values: ControlValues::from([(control, value)]),
            confirmed,
        };
        match self.camera.send(&command) {
            Ok(_) => Ok(()),
            // It is the only one.
            Err(refused) => refused.into_values().next().map_or(Ok(()), Err),
        }
    }

    /// Carries out a command as far as it can. Doesn't wait for the source.
    /// Returns also what was left out, which is everything where the consumer may not.
    pub(crate) fn carry_out(&self, command: Command) -> (Option<Sent>, Refused) {
        if !self.may {
            let names = match command {
                Command::Set { values, .. } => values.into_keys().collect(),
                Command::Reset(names) => names,
                Command::ResetAll => vec![ALL.into()],
            };
            let refused = names
                .into_iter()
                .map(|name| (name, CommandError::Forbidden));
            return (None, refused.collect());
        }
        match command {
            Command::Set { values, confirmed } => {
                let (sent, refused) = self.camera.apply(values, confirmed);
                (Some(sent), refused)
            }
            command => match self.camera.send(&command) {
                Ok(sent) => (Some(sent), Refused::new()),
                Err(refused) => (None, refused),
            },
        }
    }

    /// The camera.
    pub(crate) fn camera(&self) -> &Camera {
        &self.camera
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> CameraState {
        CameraState {
            phase: Phase::Live,
            controls: vec![
                Control::range("Speed", 0.0..=4.0, 1.0, 1.0).in_steps(0.25),
                Control::switch("Noise", true, true),
                Control::choice("Scene", &["Lake", "Grey"], 0, 0),
                Control::button("Rewind"),
                Control::switch("Automatic", true, true),
                Control {
                    inactive: true,
                    owner: "Automatic".into(),
                    ..Control::range("Gain", 1.0..=8.0, 3.0, 1.0)
                },
                Control {
                    readonly: true,
                    ..Control::range("Lux", 0.0..=100_000.0, 312.0, 0.0)
                },
            ],
            ..CameraState::default()
        }
    }

    #[test]
    fn a_value_that_is_none_of_the_controls_is_refused_with_those_that_are() {
        let state = state();
        let of = |name: &str, value: f64| {
            let given = ControlValues::from([(name.to_owned(), value.into())]);
            let accepted = Accepted::of(&state, &given, false);
            accepted.map_err(|refused| refused[name].to_string())
        };
        let one = |name: &str, value: f64| ControlValues::from([(name.to_owned(), value.into())]);
        assert_eq!(of("Speed", 0.3).unwrap().set, one("Speed", 0.25));
        assert_eq!(of("Scene", 1.0).unwrap().set, one("Scene", 1.0));
        assert_eq!(of("Rewind", 1.0).unwrap().once, one("Rewind", 1.0));
        for (name, value, said) in [
            ("Speed", 4.5, "Speed must be 0 to 4, got 4.5"),
            ("Noise", 0.5, "Noise must be 0 (off) or 1 (on), got 0.5"),
            ("Scene", 2.0, "Scene must be 0 (Lake), 1 (Grey), got 2"),
            ("Rewind", 0.0, "Rewind must be 1, which presses it, got 0"),
            ("Focus", 1.0, "this camera has no control named \"Focus\""),
            (
                "Lux",
                1.0,
                "Lux is what the camera measures, and cannot be set",
            ),
            (
                "Gain",
                2.0,
                "Gain cannot be set now: Automatic decides it; set Automatic to another value first, or both in one request",
            ),
        ] {
            assert_eq!(of(name, value).unwrap_err(), said);
        }
    }

    #[test]
    fn what_is_decided_by_another_is_taken_with_that_one_and_of_several_all_or_none() {
        let state = state();
        let given = |values: &[(&str, f64)]| {
            let values = values.iter();
            let values = values.map(|(name, value)| ((*name).to_owned(), (*value).into()));
            values.collect::<ControlValues>()
        };
        let both = given(&[("Automatic", 0.0), ("Gain", 2.0)]);
        assert_eq!(Accepted::of(&state, &both, false).unwrap().set, both);
        let wrong = given(&[("Automatic", 0.0), ("Speed", 9.0), ("Lux", 1.0)]);
        let refused = Accepted::of(&state, &wrong, false).unwrap_err();
        let codes = refused.values().map(CommandError::code);
        assert_eq!(
            codes.collect::<Vec<_>>(),
            ["read-only-control", "bad-value"]
        );
        assert_eq!(
            present(&state),
            given(&[
                ("Automatic", 1.0),
                ("Noise", 1.0),
                ("Scene", 0.0),
                ("Speed", 1.0)
            ])
        );
        let names = ["Gain", "Rewind"].map(str::to_owned);
        assert_eq!(initial(&state, &names), Ok(given(&[("Gain", 1.0)])));
        let names = ["Focus".to_owned()];
        assert!(initial(&state, &names).unwrap_err().contains_key("Focus"));
    }
}

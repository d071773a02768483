//! Controls and their values as lines for people.

use pistreamer_protocol::message::{Control, ControlKind};
use pistreamer_protocol::text::plain;
use std::fmt::Write as _;

/// The controls with these names, or without any all of them, with the presets.
///
/// # Errors
/// Where there is none of a name.
pub(super) fn listed(
    controls: &[Control],
    presets: &[String],
    names: &[&str],
) -> anyhow::Result<String> {
    let mut text = String::new();
    for name in names {
        let Some(control) = controls.iter().find(|control| control.name == *name) else {
            let known: Vec<_> = controls.iter().map(|control| &*control.name).collect();
            anyhow::bail!(
                "the camera has no control {name:?}; it has {}",
                known.join(", ")
            );
        };
        writeln!(text, "{}", line(control))?;
    }
    if names.is_empty() {
        for control in controls {
            writeln!(text, "{}", line(control))?;
        }
        if controls.is_empty() {
            text += "this camera has nothing that can be set\n";
        }
        if !presets.is_empty() {
            let presets: Vec<_> = presets.iter().map(|preset| plain(preset)).collect();
            writeln!(text, "presets: {}", presets.join(", "))?;
        }
    }
    Ok(text)
}

fn line(control: &Control) -> String {
    let mut line = control.name.clone();
    if let Some(value) = value(control) {
        line = line + " = " + &value;
    }
    let mut notes = Vec::new();
    notes.extend(possible(control));
    if control.inactive {
        notes.push(match control.owner.as_str() {
            "" => "not to be set now".into(),
            owner => format!("{owner} decides it"),
        });
    }
    if control.readonly {
        notes.push("measured".into());
    }
    if !notes.is_empty() {
        line = line + " (" + &notes.join("; ") + ")";
    }
    line
}

fn value(control: &Control) -> Option<String> {
    let Control { value, unit, .. } = control;
    Some(match control.kind {
        ControlKind::Button => return None,
        ControlKind::Bool => if *value == 0.0 { "off" } else { "on" }.into(),
        ControlKind::Choice => match control.choices.get(*value as usize) {
            Some(choice) => choice.clone(),
            None => value.to_string(),
        },
        ControlKind::Rect => {
            let rect: Vec<_> = control.rect?.iter().map(f64::to_string).collect();
            rect.join(",")
        }
        _ => format!("{value} {unit}").trim_end().into(),
    })
}

/// The values that it can have, in words.
fn possible(control: &Control) -> Option<String> {
    let Control { min, max, .. } = control;
    if control.readonly {
        return None;
    }
    Some(match control.kind {
        ControlKind::Bool => "on, off".into(),
        ControlKind::Button => format!("{}=press", control.name),
        ControlKind::Choice => control.choices.join(", "),
        ControlKind::Rect => "left,top,width,height, each 0 to 1".into(),
        _ => match control.step {
            Some(step) if step != 1.0 => format!("{min} to {max} in steps of {step}"),
            _ => format!("{min} to {max}"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_a_line_with_what_it_can_have() {
        let controls = [
            Control::range("Speed", 0.0..=4.0, 2.5, 1.0)
                .in_steps(0.25)
                .counted_in("×"),
            Control::switch("Noise", false, true),
            Control::choice("Scene", &["Lake", "Grey"], 1, 0),
            Control::button("Rewind"),
            Control::part("ScalerCrop", Some([0.25, 0.0, 0.5, 0.5])),
            Control {
                inactive: true,
                owner: "AeEnable".into(),
                ..Control::range("Gain", 1.0..=8.0, 2.0, 1.0)
            },
            Control {
                readonly: true,
                ..Control::range("Lux", 0.0..=1e6, 312.4, 0.0).counted_in("lx")
            },
        ];
        let text = listed(&controls, &["day".into()], &[]).unwrap();
        let expected = "\
Speed = 2.5 × (0 to 4 in steps of 0.25)
Noise = off (on, off)
Scene = Grey (Lake, Grey)
Rewind (Rewind=press)
ScalerCrop = 0.25,0,0.5,0.5 (left,top,width,height, each 0 to 1)
Gain = 2 (1 to 8; AeEnable decides it)
Lux = 312.4 lx (measured)
presets: day
";
        assert_eq!(text, expected);
        let text = listed(&controls, &[], &["Noise"]).unwrap();
        assert_eq!(text, "Noise = off (on, off)\n");
        let said = listed(&controls, &[], &["Tint"]).unwrap_err().to_string();
        assert!(
            said.contains("no control \"Tint\"; it has Speed, Noise"),
            "{said}"
        );
    }
}

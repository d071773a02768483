//! What of a camera can be set, as viewers are offered it, and setting it.
//!
//! It has a descriptor and a thread of its own: a USB camera may take its time to answer, and its pictures go on meanwhile.

use super::sys::{Described, Device};
use crate::source::Port;
use pistreamer_protocol::message::{Control, ControlKind};
use pistreamer_protocol::text;
use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;

/// `V4L2_CTRL_TYPE_…`.
const INTEGER: u32 = 1;
const BOOLEAN: u32 = 2;
const MENU: u32 = 3;
const BUTTON: u32 = 4;
const INTEGER_MENU: u32 = 9;
/// `V4L2_CTRL_FLAG_…`: what cannot be set, at all or now.
const DISABLED: u32 = 0x1;
const GRABBED: u32 = 0x2;
const READ_ONLY: u32 = 0x4;
const INACTIVE: u32 = 0x10;
/// Others depend on it, as the exposure time does on whether it is automatic.
const UPDATE: u32 = 0x8;

/// `V4L2_CID_EXPOSURE_ABSOLUTE`, which counts in units of 100 µs.
const EXPOSURE_TIME: u32 = 0x009a_0902;

/// Most controls that are offered.
const MOST: usize = 64;
/// Most items of a menu.
const LONGEST_MENU: i64 = 64;

/// A control, and what its values mean to the driver.
struct Offered {
    id: u32,
    decides: bool,
    control: Control,
    /// What a value of [`Self::control`] is to the driver.
    to_driver: Scale,
}

/// How values that people see become those of a driver.
#[derive(Debug, PartialEq)]
enum Scale {
    /// So many of ours are one of the driver's.
    By(f64),
    /// The driver's numbers of a menu's items, which may have holes.
    Items(Vec<i32>),
}

impl Scale {
    fn to_driver(&self, value: f64) -> Option<i32> {
        match self {
            Self::By(factor) => Some((value / factor).round() as i32),
            Self::Items(items) => items.get(value as usize).copied(),
        }
    }

    fn to_people(&self, value: i32) -> Option<f64> {
        match self {
            Self::By(factor) => Some(f64::from(value) * factor),
            Self::Items(items) => {
                let at = items.iter().position(|item| *item == value)?;
                Some(at as f64)
            }
        }
    }
}

/// Applies the values that viewers set until the sender is dropped, and reports what the camera has after each change.
pub(super) fn attend(device: &Device, wanted: &Receiver<BTreeMap<String, f64>>, port: &Port) {
    let mut offered = offer(device, port);
    report(&offered, port);
    while let Ok(mut values) = wanted.recv() {
        // The newest value of each.
        for newer in wanted.try_iter() {
            values.extend(newer);
        }
        // What others depend on comes first, and alone: with it they become settable.
        for decides in [true, false] {
            let of_them = offered.iter().filter(|one| one.decides == decides);
            for one in of_them {
                let value = values.get(&one.control.name);
                let Some(value) = value.and_then(|value| one.to_driver.to_driver(*value)) else {
                    continue;
                };
                if let Err(error) = device.set_value(one.id, value) {
                    let name = &one.control.name;
                    tracing::warn!("the camera does not take {value} for {name}: {error}");
                }
            }
            offered = offer(device, port);
        }
        report(&offered, port);
    }
}

fn report(offered: &[Offered], port: &Port) {
    let controls: Vec<_> = offered.iter().map(|one| one.control.clone()).collect();
    port.controls(&controls);
}

/// What can be set now.
fn offer(device: &Device, port: &Port) -> Vec<Offered> {
    let mut offered: Vec<Offered> = Vec::new();
    for described in device.controls() {
        // Each question may take a camera seconds.
        if offered.len() == MOST || port.demand().stopping() {
            break;
        }
        let item = |index, is_number| device.menu_item(described.id, index, is_number);
        let value = || device.value(described.id).ok();
        let Some(one) = understood(&described, item, value) else {
            continue;
        };
        // Two of one name could not be told apart.
        if offered
            .iter()
            .all(|other| other.control.name != one.control.name)
        {
            offered.push(one);
        }
    }
    offered
}

/// A control as viewers are offered it, where it is of a kind that they can set, and can be set now.
fn understood(
    described: &Described,
    item: impl Fn(u32, bool) -> Option<String>,
    value: impl Fn() -> Option<i32>,
) -> Option<Offered> {
    let Described {
        kind,
        minimum,
        maximum,
        ..
    } = *described;
    if described.flags & (DISABLED | GRABBED | READ_ONLY | INACTIVE) != 0 || described.elems > 1 {
        return None;
    }
    let mut control = Control {
        name: name(&described.name)?,
        ..Control::default()
    };
    let mut to_driver = Scale::By(1.0);
    match kind {
        INTEGER => {
            if described.id == EXPOSURE_TIME {
                to_driver = Scale::By(100.0);
                control.unit = "µs".into();
            }
            control.step = Some(described.step.max(1) as f64);
        }
        BOOLEAN => control.kind = ControlKind::Bool,
        BUTTON => {
            control.kind = ControlKind::Button;
            [control.min, control.max, control.value, control.default] = [1.0; 4];
        }
        MENU | INTEGER_MENU => {
            control.kind = ControlKind::Choice;
            let least = minimum.max(0);
            let items = least..=maximum.min(least + LONGEST_MENU);
            let items = items.filter_map(|index| {
                let item = item(u32::try_from(index).ok()?, kind == INTEGER_MENU)?;
                Some((i32::try_from(index).ok()?, text::plain(&item)))
            });
            let (numbers, choices): (Vec<_>, Vec<_>) = items.unzip();
            control.choices = choices;
            to_driver = Scale::Items(numbers);
        }
        _ => return None,
    }
    if kind != BUTTON {
        let of_driver = |value: i64| to_driver.to_people(i32::try_from(value).ok()?);
        control.value = to_driver.to_people(value()?)?;
        match control.kind {
            ControlKind::Choice => {
                control.max = control.choices.len() as f64 - 1.0;
                control.default = of_driver(described.default).unwrap_or(control.value);
            }
            _ => {
                (control.min, control.max) = (of_driver(minimum)?, of_driver(maximum)?);
                control.default =
                    of_driver(described.default)?.clamp(control.min, control.max.max(control.min));
                if let (Scale::By(factor), Some(step)) = (&to_driver, &mut control.step) {
                    *step *= factor;
                }
            }
        }
    }
    let can_be_set = control.min <= control.value && control.value <= control.max;
    can_be_set.then_some(Offered {
        id: described.id,
        // uvcvideo does not say so of its automatic modes, which are switches and menus.
        decides: described.flags & UPDATE != 0
            || matches!(control.kind, ControlKind::Bool | ControlKind::Choice),
        control,
        to_driver,
    })
}

/// `White Balance, Automatic` → `WhiteBalanceAutomatic`, as libcamera's controls are written.
fn name(described: &str) -> Option<String> {
    let words = described.split(|c: char| !c.is_ascii_alphanumeric());
    let name: String = words
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(kind: u32, name: &str, [minimum, maximum, default]: [i64; 3]) -> Described {
        Described {
            id: 0x0098_0900,
            kind,
            name: name.into(),
            minimum,
            maximum,
            step: 1,
            default,
            flags: 0,
            elems: 1,
        }
    }

    fn without_items(_: u32, _: bool) -> Option<String> {
        None
    }

    #[test]
    fn names_are_written_as_libcameras_are() {
        assert_eq!(
            name("White Balance, Automatic").unwrap(),
            "WhiteBalanceAutomatic"
        );
        assert_eq!(name("Power Line Frequency").unwrap(), "PowerLineFrequency");
        assert_eq!(name("LED1 mode").unwrap(), "LED1Mode");
        assert_eq!(name("…"), None);
    }

    #[test]
    fn a_menu_with_holes_is_counted_without_them() {
        let menu = described(MENU, "Auto Exposure", [0, 4, 3]);
        let item = |index: u32, is_number: bool| {
            assert!(!is_number);
            [1, 3, 4].contains(&index).then(|| format!("mode {index}"))
        };
        let offered = understood(&menu, item, || Some(4)).unwrap();
        let control = &offered.control;
        assert_eq!(control.choices, ["mode 1", "mode 3", "mode 4"]);
        assert_eq!(
            [control.min, control.max, control.value, control.default],
            [0.0, 2.0, 2.0, 1.0]
        );
        assert_eq!(offered.to_driver.to_driver(1.0), Some(3));
        assert_eq!(offered.to_driver.to_driver(3.0), None);
    }

    #[test]
    fn exposure_is_counted_in_microseconds() {
        let exposure = Described {
            id: EXPOSURE_TIME,
            ..described(INTEGER, "Exposure Time, Absolute", [3, 2047, 250])
        };
        let offered = understood(&exposure, without_items, || Some(156)).unwrap();
        let control = &offered.control;
        assert_eq!(
            [control.min, control.max, control.value],
            [300.0, 204_700.0, 15_600.0]
        );
        assert_eq!((control.step, control.unit.as_str()), (Some(100.0), "µs"));
        assert_eq!(offered.to_driver.to_driver(20_000.0), Some(200));
    }

    #[test]
    fn what_cannot_be_set_or_makes_no_sense_is_not_offered() {
        let usual = described(INTEGER, "Gain", [0, 255, 0]);
        let offered = |described: &Described, value| understood(described, without_items, || value);
        assert!(offered(&usual, Some(7)).is_some());
        for flags in [DISABLED, GRABBED, READ_ONLY, INACTIVE] {
            let unusable = Described {
                flags,
                ..usual.clone()
            };
            assert!(offered(&unusable, Some(7)).is_none(), "{flags:x}");
        }
        assert!(offered(&usual, None).is_none());
        assert!(offered(&usual, Some(-1)).is_none());
        assert!(offered(&described(INTEGER, "Gain", [9, 3, 0]), Some(5)).is_none());
        assert!(offered(&described(INTEGER, "Big", [0, i64::MAX, 0]), Some(5)).is_none());
        assert!(offered(&described(MENU, "Nothing", [0, -1, 0]), Some(0)).is_none());
        for kind in [5, 6, 7, 8, 0x100, 0x107, 9999] {
            assert!(
                offered(&described(kind, "Odd", [0, 1, 0]), Some(0)).is_none(),
                "{kind}"
            );
        }
        let array = Described { elems: 2, ..usual };
        assert!(offered(&array, Some(7)).is_none());
    }
}

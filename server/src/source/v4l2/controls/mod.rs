//! What of a camera can be set, as viewers are offered it, and setting it.
//!
//! It has a descriptor and a thread of its own: a USB camera may take its time to answer, and its pictures go on meanwhile.
//! What is known of a control beyond what its driver says is in [`mod@about`].

mod about;

use super::sys::{Described, Device};
use crate::source::Port;
use crate::util::log_throttle::ConnectionThrottle;
use about::{EXPOSURE_TIME, WHITE_BALANCE_TEMPERATURE, about};
use pistreamer_protocol::message::{Control, ControlKind, ControlValues, Scale};
use pistreamer_protocol::text;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// `V4L2_CTRL_TYPE_…`.
const INTEGER: u32 = 1;
const BOOLEAN: u32 = 2;
const MENU: u32 = 3;
const BUTTON: u32 = 4;
const INTEGER_MENU: u32 = 9;
/// `V4L2_CTRL_FLAG_…`: what is not there at all, what cannot be set now, and what is only read or only written.
const DISABLED: u32 = 0x1;
const GRABBED: u32 = 0x2;
const READ_ONLY: u32 = 0x4;
const INACTIVE: u32 = 0x10;
const WRITE_ONLY: u32 = 0x40;
/// Others depend on it, as the exposure time does on whether it is automatic.
const UPDATE: u32 = 0x8;
/// Its value changes by itself.
const VOLATILE: u32 = 0x80;

/// Most controls that are offered.
const MOST: usize = 64;
/// Most items of a menu.
const LONGEST_MENU: i64 = 64;

/// How often is looked whether another program has set something.
const LOOK: Duration = Duration::from_millis(250);

/// How often values are read that change by themselves. Each may be a transfer over the camera's bus.
const READ: Duration = Duration::from_secs(1);

/// A control, and what its values mean to the driver.
struct Offered {
    id: u32,
    decides: bool,
    /// The number of the control that decides whether it can be set.
    owner: Option<u32>,
    is_volatile: bool,
    control: Control,
    /// What a value of [`Self::control`] is to the driver.
    to_driver: Driver,
}

/// How values that people see become those of a driver.
#[derive(Debug, PartialEq)]
enum Driver {
    /// How many of our units make one of the driver's.
    By(f64),
    /// The driver's numbers of a menu's items, which may have holes.
    Items(Vec<i32>),
}

impl Driver {
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

/// Applies what is wanted of the port when it is woken, until the other end is dropped. After each change, also one by another
/// program, it reports what the camera has.
pub(super) fn attend(device: &Device, woken: &Receiver<()>, port: &Port) {
    let mut offered = offer(device, port);
    let mut is_told = true;
    for one in &offered {
        // Where a driver tells of no changes, those of other programs are not seen.
        is_told &= device.subscribe_control(one.id).is_ok();
    }
    let mut camera = Attended {
        device,
        is_told,
        not_taken: ConnectionThrottle::new(),
    };
    report(&offered, port);
    let (mut read, mut changed) = (Instant::now(), BTreeSet::new());
    loop {
        match woken.recv_timeout(LOOK) {
            Ok(()) => {
                let values = port.commands();
                if !values.is_empty() {
                    camera.apply(&values, &mut offered, port);
                    report(&offered, port);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                changed.extend(device.take_events());
                let wanted = port.demand().wanted();
                // A webcam that adjusts itself tells so all the time.
                let is_only_by_itself = |id: &u32| {
                    let one = offered.iter().find(|one| one.id == *id);
                    one.is_some_and(Offered::moves)
                };
                if !changed.is_empty() && (wanted || !changed.iter().all(is_only_by_itself)) {
                    let before: Vec<_> = offered.iter().map(|one| one.control.clone()).collect();
                    camera.look_again(&std::mem::take(&mut changed), &mut offered, port);
                    match moved(&before, &offered) {
                        Some(values) => port.readings(&values),
                        None => report(&offered, port),
                    }
                }
                // Also beside events that go on and on.
                if wanted && read.elapsed() >= READ {
                    read = Instant::now();
                    port.readings(&changed_by_themselves(&mut offered, device));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A camera whose controls are attended to.
struct Attended<'a> {
    device: &'a Device,
    /// Whether it tells of each change.
    is_told: bool,
    not_taken: ConnectionThrottle,
}

impl Attended<'_> {
    /// Sets these values. What others depend on comes before them, and is looked at again then: with it they become settable.
    fn apply(&mut self, values: &ControlValues, offered: &mut Vec<Offered>, port: &Port) {
        let wanted = |one: &Offered| {
            let value = values.get(&one.control.name)?.number()?;
            Some((one.id, one.to_driver.to_driver(value)?))
        };
        let can_be_set = |one: &&Offered| !one.control.inactive && !one.control.readonly;
        let mut done = BTreeSet::new();
        // Something automatic hides what it decides once it is on: a manual value that is reset with it goes first.
        let hidden = offered.iter().filter(can_be_set).filter(|one| {
            !one.decides && !one.control.owner.is_empty() && values.contains_key(&one.control.owner)
        });
        let hidden: Vec<_> = hidden.filter_map(wanted).collect();
        for (id, value) in hidden {
            self.set(id, value, offered);
        }
        // Each round may free what the one before it could not set.
        for decides in [true, true, false] {
            let of_them = offered.iter().filter(|one| one.decides == decides);
            let values: Vec<_> = of_them
                .filter(can_be_set)
                .filter_map(wanted)
                .filter(|(id, _)| !done.contains(id))
                .collect();
            for (id, value) in &values {
                self.set(*id, *value, offered);
                done.insert(*id);
            }
            if !values.is_empty() {
                let changed = values.iter().map(|(id, _)| *id).collect();
                self.look_again(&changed, offered, port);
            }
        }
        for one in offered.iter() {
            let Control { name, unit, .. } = &one.control;
            let is_kept = one.control.is_kept() && !one.control.inactive && !one.is_volatile;
            let (Some((_, value)), true) = (wanted(one), is_kept) else {
                continue;
            };
            if one.to_driver.to_driver(one.control.value) != Some(value) {
                let asked = one.to_driver.to_people(value).unwrap_or_default();
                let has = one.control.value;
                // A drag sets it dozens of times.
                tracing::debug!("the camera has {has} {unit} for {name}, asked for {asked}");
            }
        }
    }

    fn set(&self, id: u32, value: i32, offered: &[Offered]) {
        if let Err(error) = self.device.set_value(id, value) {
            let one = offered.iter().find(|one| one.id == id);
            let name = one.map_or("", |one| &one.control.name);
            let value = one.and_then(|one| one.to_driver.to_people(value));
            let value = value.unwrap_or_default();
            if let Some(left_out) = self.not_taken.again() {
                let left_out = (left_out > 0).then_some(left_out);
                tracing::warn!(
                    left_out,
                    "the camera does not take {value} for {name}: {error}"
                );
            }
        }
    }

    /// Looks again at controls that have changed, at those that they decide, and at those that the device tells to have changed
    /// with them. Each question may take it a tenth of a second.
    fn look_again(&mut self, changed: &BTreeSet<u32>, offered: &mut Vec<Offered>, port: &Port) {
        let decide = |one: &Offered| one.decides && changed.contains(&one.id);
        if !self.is_told && offered.iter().any(decide) {
            *offered = offer(self.device, port);
            return;
        }
        let mut ids = changed.clone();
        ids.extend(self.device.take_events());
        let owned = offered.iter();
        let owned = owned.filter(|one| one.owner.is_some_and(|owner| changed.contains(&owner)));
        ids.extend(owned.map(|one| one.id));
        for one in offered.iter_mut().filter(|one| ids.contains(&one.id)) {
            if port.demand().stopping() {
                break;
            }
            let now = self.device.control(one.id).ok();
            if let Some(now) = now.and_then(|now| one.again(&now, self.device)) {
                *one = now;
            }
        }
    }
}

impl Offered {
    /// Whether its value may change though nobody sets it.
    fn moves(&self) -> bool {
        self.control.readonly || self.control.inactive || self.is_volatile
    }

    /// The same control as it is now. A menu's items stay.
    fn again(&self, described: &Described, device: &Device) -> Option<Self> {
        let item = |index: u32, _| {
            let Driver::Items(items) = &self.to_driver else {
                return None;
            };
            let index = i32::try_from(index).ok()?;
            let at = items.iter().position(|item| *item == index)?;
            self.control.choices.get(at).cloned()
        };
        let now = understood(described, item, || device.value(self.id).ok())?;
        let owner = self.control.owner.clone();
        Some(Self {
            control: Control {
                owner,
                ..now.control
            },
            ..now
        })
    }
}

/// The values that changed, where nothing has changed but values of controls that change by themselves.
fn moved(before: &[Control], now: &[Offered]) -> Option<ControlValues> {
    if before.len() != now.len() {
        return None;
    }
    let mut changed = ControlValues::new();
    for (before, now) in before.iter().zip(now) {
        let control = &now.control;
        if before == control {
            continue;
        }
        let same = Control {
            value: before.value,
            ..control.clone()
        };
        if !now.moves() || same != *before {
            return None;
        }
        changed.insert(control.name.clone(), control.present());
    }
    Some(changed)
}

/// Reads what changes by itself, and tells what has.
fn changed_by_themselves(offered: &mut [Offered], device: &Device) -> ControlValues {
    let mut changed = ControlValues::new();
    for one in offered.iter_mut().filter(|one| one.is_volatile) {
        let value = device.value(one.id).ok();
        let value = value.and_then(|value| one.to_driver.to_people(value));
        let control = &mut one.control;
        if let Some(value) = value.filter(|value| *value != control.value) {
            control.value = value;
            changed.insert(control.name.clone(), value.into());
        }
    }
    changed
}

fn listed(offered: &[Offered]) -> Vec<Control> {
    offered.iter().map(|one| one.control.clone()).collect()
}

fn report(offered: &[Offered], port: &Port) {
    port.controls(&listed(offered));
}

/// What can be set or read.
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
    let names: Vec<_> = offered
        .iter()
        .map(|one| (one.id, one.control.name.clone()))
        .collect();
    for one in &mut offered {
        let owner = names.iter().find(|(id, _)| Some(*id) == one.owner);
        one.control.owner = owner.map(|(_, name)| name.clone()).unwrap_or_default();
    }
    offered
}

/// A control as viewers are offered it, where it is of a kind that they can set or read.
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
    let has = |flag| described.flags & flag != 0;
    if has(DISABLED) || described.elems > 1 || (has(WRITE_ONLY) && kind != BUTTON) {
        return None;
    }
    let about = about(described.id);
    let mut control = Control {
        name: name(&described.name)?,
        label: text::plain(&described.name),
        group: about.group,
        place: about.place,
        readonly: has(READ_ONLY),
        inactive: !has(READ_ONLY) && has(INACTIVE | GRABBED),
        ..Control::default()
    };
    if control.label == control.name {
        control.label.clear();
    }
    let mut to_driver = Driver::By(1.0);
    match kind {
        INTEGER => {
            if described.id == EXPOSURE_TIME {
                to_driver = Driver::By(100.0);
                control.unit = "µs".into();
                if minimum > 0 {
                    control.scale = Scale::Log;
                }
            }
            if described.id == WHITE_BALANCE_TEMPERATURE {
                control.unit = "K".into();
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
            to_driver = Driver::Items(numbers);
        }
        _ => return None,
    }
    if kind != BUTTON {
        let of_driver = |value: i64| to_driver.to_people(i32::try_from(value).ok()?);
        let is_set = !control.inactive && !control.readonly;
        let now = value().and_then(|value| to_driver.to_people(value));
        // Some have no value while something else decides it.
        control.value = match now.or_else(|| of_driver(described.default)) {
            Some(value) if now.is_some() || !is_set => value,
            _ => return None,
        };
        match control.kind {
            ControlKind::Choice => {
                control.max = control.choices.len() as f64 - 1.0;
                control.default = of_driver(described.default).unwrap_or(control.value);
            }
            _ => {
                (control.min, control.max) = (of_driver(minimum)?, of_driver(maximum)?);
                control.default =
                    of_driver(described.default)?.clamp(control.min, control.max.max(control.min));
                if let (Driver::By(factor), Some(step)) = (&to_driver, &mut control.step) {
                    *step *= factor;
                }
                if described.id == EXPOSURE_TIME {
                    control = control.with_long_exposures();
                }
            }
        }
    }
    if control.min > control.max {
        return None;
    }
    if control.inactive || control.readonly {
        control.value = control.value.clamp(control.min, control.max);
    }
    let makes_sense = (control.min..=control.max).contains(&control.value);
    makes_sense.then_some(Offered {
        id: described.id,
        owner: about.owner,
        is_volatile: has(VOLATILE) && kind != BUTTON,
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
    use pistreamer_protocol::message::{Group, Place};

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
        assert_eq!(control.scale, Scale::Log);
        assert_eq!(offered.to_driver.to_driver(20_000.0), Some(200));
    }

    #[test]
    fn what_cannot_be_set_now_is_shown_and_so_is_what_is_only_read() {
        let usual = described(INTEGER, "Gain", [0, 255, 16]);
        let offered = |flags, value| {
            let described = Described {
                flags,
                ..usual.clone()
            };
            understood(&described, without_items, || value).unwrap()
        };
        for flags in [INACTIVE, GRABBED, INACTIVE | VOLATILE] {
            let control = offered(flags, Some(7)).control;
            assert!(control.inactive && !control.readonly && control.value == 7.0);
            // Neither what is not told nor what is out of range hides it.
            assert_eq!(offered(flags, None).control.value, 16.0);
            assert_eq!(offered(flags, Some(999)).control.value, 255.0);
        }
        let read = offered(READ_ONLY | VOLATILE, Some(7));
        assert!(read.is_volatile && read.control.readonly && !read.control.inactive);
    }

    #[test]
    fn what_changes_by_itself_is_told_apart_from_what_somebody_changed() {
        let offered = |flags, gain| {
            let described = Described {
                flags,
                ..described(INTEGER, "Gain", [0, 255, 16])
            };
            let gain = understood(&described, without_items, || Some(gain));
            let focus = Described {
                id: 0x009a_090a,
                ..self::described(INTEGER, "Focus", [0, 255, 16])
            };
            let focus = understood(&focus, without_items, || Some(3));
            [gain.unwrap(), focus.unwrap()]
        };
        let told = ControlValues::from([("Gain".to_owned(), 9.0.into())]);
        for flags in [READ_ONLY, INACTIVE, VOLATILE] {
            let told = Some(told.clone());
            assert_eq!(moved(&listed(&offered(flags, 7)), &offered(flags, 9)), told);
        }
        assert_eq!(moved(&listed(&offered(0, 7)), &offered(0, 9)), None);
        assert_eq!(moved(&listed(&offered(INACTIVE, 7)), &offered(0, 9)), None);
        assert_eq!(moved(&listed(&offered(0, 7)), &offered(0, 7)[..1]), None);
    }

    #[test]
    fn what_decides_another_control_is_known() {
        let gain = Described {
            id: 0x0098_0913,
            flags: INACTIVE,
            ..described(INTEGER, "Gain", [0, 255, 0])
        };
        let offered = understood(&gain, without_items, || Some(7)).unwrap();
        assert_eq!(offered.owner, Some(0x0098_0912));
        assert_eq!(offered.control.group, Group::Exposure);
        let unknown = described(INTEGER, "LED1 mode", [0, 3, 0]);
        let unknown = Described {
            id: 0x0a04_6d05,
            ..unknown
        };
        let offered = understood(&unknown, without_items, || Some(0)).unwrap();
        assert_eq!(offered.control.place, Place::More);
        assert_eq!(offered.control.label, "LED1 mode");
    }

    #[test]
    fn what_makes_no_sense_is_not_offered() {
        let usual = described(INTEGER, "Gain", [0, 255, 0]);
        let offered = |described: &Described, value| understood(described, without_items, || value);
        assert!(offered(&usual, Some(7)).is_some());
        for flags in [DISABLED, WRITE_ONLY] {
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

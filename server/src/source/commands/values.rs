//! What was set of a camera, and what becomes of it when its source takes it, answers, or starts anew. No locks.

use super::{Orders, Resets};
use pistreamer_protocol::message::{Control, ControlValue, ControlValues};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(super) struct Values {
    /// Which device they are for.
    pub(super) device: String,
    /// Where another server keeps what is set: it is handed on and nothing else.
    pub(super) elsewhere: Option<Elsewhere>,
    /// What the camera's owner has it start with. What is set wins over it.
    pub(super) configured: ControlValues,
    /// Whether this run, or another configuration, has still to be given that.
    pub(super) is_configured_due: bool,
    /// What was said already of a configuration that does not fit.
    pub(super) warned: BTreeSet<String>,
    /// What each control was set to, for a new run. Bounded by the number of controls.
    pub(super) set: ControlValues,
    /// Values that the source has not taken yet.
    pub(super) waiting: ControlValues,
    /// Names of `waiting` that a client has set. The others are repeated.
    pub(super) fresh: BTreeSet<String>,
    /// Names that this run has taken as set by a client.
    pub(super) wished: BTreeSet<String>,
    /// Names that a client has set and that the source has taken, but not confirmed.
    pub(super) taken: BTreeSet<String>,
    /// What was reset since the source took some: the device may have them as they were set.
    pub(super) reset: ControlValues,
    /// Values above are not given once more, by the controls that the source has reported last.
    pub(super) bounds: BTreeMap<String, f64>,
    /// Names of controls that something else has decided, by the same.
    pub(super) decided: BTreeSet<String>,
    /// The number of the last command, and of the last one that the source has taken.
    pub(super) given: u64,
    pub(super) taken_until: u64,
}

/// Another server that keeps what is set.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Whether it can be told.
    pub(super) is_there: bool,
    resets: Resets,
    /// What it refused, and with which command.
    pub(super) refused: BTreeMap<String, (u64, String)>,
}

impl Values {
    /// For another device, of which that was set.
    pub(super) fn replace(&mut self, device: &str, set: ControlValues) {
        *self = Self {
            device: device.into(),
            waiting: set.clone(),
            set,
            given: self.given,
            configured: std::mem::take(&mut self.configured),
            elsewhere: self.elsewhere.as_ref().map(|_| Elsewhere::default()),
            is_configured_due: true,
            ..Self::default()
        };
    }

    /// Notes values that the source is to take. Returns the number of that command, or 0 where there is nothing to wait for.
    pub(super) fn ask(&mut self, new: &ControlValues) -> u64 {
        if new.is_empty() {
            return 0;
        }
        self.waiting.extend(new.clone());
        self.fresh.extend(new.keys().cloned());
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.refused.retain(|name, _| !new.contains_key(name));
        }
        self.given += 1;
        self.given
    }

    /// Notes controls that are to have these values again. Returns the number of that command.
    pub(super) fn ask_reset(&mut self, initial: &ControlValues, all: bool) -> u64 {
        if all {
            self.set.clear();
            self.waiting.clear();
            self.reset.clear();
        }
        self.set.retain(|name, _| !initial.contains_key(name));
        let Some(elsewhere) = &mut self.elsewhere else {
            self.reset.extend(initial.clone());
            return self.ask(initial);
        };
        self.waiting.retain(|name, _| !initial.contains_key(name));
        elsewhere.resets = match (std::mem::take(&mut elsewhere.resets), all) {
            (Resets::All, _) | (_, true) => Resets::All,
            (before, false) => {
                let mut names = match before {
                    Resets::Named(names) => names,
                    _ => BTreeSet::new(),
                };
                names.extend(initial.keys().cloned());
                Resets::Named(names)
            }
        };
        self.given += 1;
        self.given
    }

    /// Whether there is anything for the source to take.
    pub(super) fn are_any_waiting(&self) -> bool {
        let elsewhere = self.elsewhere.as_ref();
        let is_reset = elsewhere.is_some_and(|elsewhere| elsewhere.resets != Resets::None);
        is_reset || !self.waiting.is_empty()
    }

    /// The source takes what is waiting.
    pub(super) fn take(&mut self) -> ControlValues {
        self.reset.clear();
        self.taken_until = self.given;
        let fresh = std::mem::take(&mut self.fresh);
        self.wished.extend(fresh.iter().cloned());
        self.taken.extend(fresh);
        std::mem::take(&mut self.waiting)
    }

    /// The source takes what another server is told.
    pub(super) fn take_orders(&mut self) -> Orders {
        let elsewhere = self.elsewhere.as_mut();
        let resets = elsewhere.map(|elsewhere| std::mem::take(&mut elsewhere.resets));
        Orders {
            resets: resets.unwrap_or_default(),
            values: self.take(),
        }
    }

    /// A new run begins, which is given everything that was set or reset.
    pub(super) fn begin_anew(&mut self) {
        let mut waiting = self.reset.clone();
        waiting.extend(self.set.clone());
        // What is set off is for the device that was there.
        self.fresh.retain(|name| waiting.contains_key(name));
        self.waiting = waiting;
        self.taken.clear();
        self.wished.clear();
        self.is_configured_due = true;
        if let Some(elsewhere) = &mut self.elsewhere {
            elsewhere.is_there = false;
            elsewhere.resets = Resets::None;
        }
    }

    /// Has everything that was set taken once more.
    pub(super) fn repeat(&mut self) {
        for (name, value) in self.set.clone() {
            self.waiting.entry(name).or_insert(value);
        }
    }

    /// Lowers what is given once more to the bound beyond which it has to be confirmed. Returns what was lowered.
    pub(super) fn withhold(&mut self) -> Vec<String> {
        let mut withheld = Vec::new();
        // What the owner has configured is meant so.
        for (name, set) in &mut self.set {
            let (Some(value), Some(bound)) = (self.waiting.get_mut(name), self.bounds.get(name))
            else {
                continue;
            };
            let is_wish = self.fresh.contains(name) || self.wished.contains(name);
            if !is_wish && value.number().is_some_and(|number| number > *bound) {
                *value = ControlValue::Number(*bound);
                set.clone_from(value);
                withheld.push(name.clone());
            }
        }
        withheld
    }

    /// Gives what the camera's owner has it start with, as far as the device has it.
    pub(super) fn configure(&mut self, controls: &[Control]) {
        if controls.is_empty() || !std::mem::take(&mut self.is_configured_due) {
            return;
        }
        if self.elsewhere.is_some() {
            if !self.configured.is_empty() {
                self.warn(
                    "the configuration sets controls of another server's camera, which keeps its own: set them there".into(),
                );
            }
            return;
        }
        let configured = std::mem::take(&mut self.configured);
        for (name, value) in &configured {
            if self.set.contains_key(name) {
                continue;
            }
            let control = controls.iter().find(|control| control.name == *name);
            let control = control.filter(|control| control.is_kept());
            match control.map(|control| (control, control.taken(value))) {
                Some((_, Some(value))) => drop(self.waiting.insert(name.clone(), value)),
                Some((control, None)) => {
                    let (min, max) = (control.min, control.max);
                    self.warn(format!(
                        "the configuration sets {name} to {value}, which it cannot have: it goes from {min} to {max}"
                    ));
                }
                None => {
                    let names = controls.iter().filter(|control| control.is_kept());
                    let names: Vec<_> = names.map(|control| &*control.name).collect();
                    let names = names.join(", ");
                    self.warn(format!(
                        "the configuration sets {name}, which this camera does not have: it has {names}"
                    ));
                }
            }
        }
        self.configured = configured;
    }

    /// Takes another configuration, of which everything is said anew.
    pub(super) fn configured_anew(&mut self, configured: &ControlValues) {
        self.configured.clone_from(configured);
        self.is_configured_due = true;
        self.warned.clear();
    }

    /// Says something once, however often the camera starts.
    fn warn(&mut self, text: String) {
        if !self.warned.contains(&text) {
            tracing::warn!("{text}");
            self.warned.insert(text);
        }
    }

    /// The source has reported its controls, as they are with all values that it has taken. Returns whether what is kept has to
    /// be written.
    pub(super) fn answered(&mut self, controls: &[Control]) -> bool {
        self.bounds = controls
            .iter()
            .filter_map(|control| Some((control.name.clone(), control.confirm_above?)))
            .collect();
        let is_settled = !self.taken.is_empty();
        if is_settled {
            self.settle(controls);
        }
        let decided = controls.iter().filter(|control| control.inactive);
        self.decided = decided.map(|control| control.name.clone()).collect();
        self.configure(controls);
        is_settled
    }

    /// Has what is kept agree with what the device has, now that it has answered.
    fn settle(&mut self, controls: &[Control]) {
        let taken = std::mem::take(&mut self.taken);
        if self.elsewhere.is_some() {
            return;
        }
        for control in controls.iter().filter(|control| control.is_kept()) {
            let name = &control.name;
            let is_owner_set = taken.contains(&control.owner);
            if control.inactive && (is_owner_set || taken.contains(name)) {
                // Something else decides it: it is not to be set later on either.
                self.set.remove(name);
            } else if is_owner_set && !taken.contains(name) && self.was_chosen(control) {
                // What something automatic chose holds from then on, also after a restart.
                self.set.insert(name.clone(), control.present());
            }
        }
    }

    /// Whether the value of a control that can be set from now on was chosen by what decided it until then.
    fn was_chosen(&self, control: &Control) -> bool {
        let present = control.present();
        self.decided.contains(&control.name) && control.initial() != Some(present)
    }
}

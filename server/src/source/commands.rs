//! Values for a camera's controls on their way to its source: the newest of each, until the source takes it; and what the source
//! has answered.
//!
//! Checking them belongs to [`crate::camera`]; applying them, to the source; keeping them beyond the end of the program, to
//! [`crate::kept`].

mod values;

use crate::kept::Memory;
use pistreamer_protocol::message::{Control, ControlValues};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};
use values::{Elsewhere, Values};

/// The pending values. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    memory: Memory,
    /// Checked for every frame, and therefore without the lock.
    waiting: AtomicBool,
    wakes: Notify,
    /// Held while a command is judged, and while another device takes the place of the one that it is judged for.
    judging: Mutex<()>,
    values: Mutex<Values>,
    /// The number of the newest command after which the source has reported its controls.
    answered: watch::Sender<u64>,
}

/// What is handed on to another server, which keeps what is set and knows what a reset is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Orders {
    /// What is reset, before anything is set.
    pub(crate) resets: Resets,
    /// What is set and pressed.
    pub(crate) values: ControlValues,
}

/// Controls that are reset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Resets {
    /// None.
    #[default]
    None,
    /// Those with these names.
    Named(BTreeSet<String>),
    /// All.
    All,
}

impl Commands {
    /// Those of a camera with what is kept of it and what its owner has it start with, whose source is that device until it says
    /// that it is another one.
    pub(crate) fn new(memory: Memory, device: String, configured: ControlValues) -> Self {
        let set = memory.values(&device);
        Self(Arc::new(Shared {
            memory,
            values: Mutex::new(Values {
                device,
                set,
                is_configured_due: true,
                configured,
                ..Values::default()
            }),
            ..Shared::default()
        }))
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        // Nothing panics while it holds this lock, and the maps are valid at every point.
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, values: &Values) {
        let is_waiting = values.are_any_waiting();
        self.0.waiting.store(is_waiting, Ordering::Release);
        if is_waiting {
            self.0.wakes.notify_one();
        }
    }

    /// Notes what the camera's owner has it start with. It is given at once, but for what was set.
    pub(crate) fn configure(&self, configured: &ControlValues, controls: &[Control]) {
        let mut values = self.values();
        values.configured_anew(configured);
        values.configure(controls);
        self.note(&values);
    }

    /// What these controls start with: their defaults, or what the camera's owner has configured.
    pub(crate) fn initial(
        &self,
        mut defaults: ControlValues,
        controls: &[Control],
    ) -> ControlValues {
        let values = self.values();
        if values.elsewhere.is_some() {
            return defaults;
        }
        for control in controls {
            let configured = values.configured.get(&control.name);
            let configured = configured.and_then(|value| control.taken(value));
            if let (Some(default), Some(value)) = (defaults.get_mut(&control.name), configured) {
                *default = value;
            }
        }
        defaults
    }

    fn keep(&self, values: &Values) {
        self.0.memory.keep(&values.device, &values.set);
    }

    /// Sets controls, and presses those that are buttons, which a new run does not repeat. Returns the number of this command.
    pub(crate) fn set(&self, set: &ControlValues, once: &ControlValues) -> u64 {
        let mut values = self.values();
        if values.elsewhere.is_none() {
            values.set.extend(set.clone());
        }
        let number = values.ask(once);
        let number = values.ask(set).max(number);
        self.note(&values);
        self.keep(&values);
        number
    }

    /// Resets these controls to the device's defaults, and forgets what they were set to. Returns the number of this command.
    pub(crate) fn reset(&self, initial: &ControlValues) -> u64 {
        let mut values = self.values();
        let number = values.ask_reset(initial, false);
        self.note(&values);
        self.keep(&values);
        number
    }

    /// Forgets everything that was set, also of controls that the device does not have now. Returns the number of this command.
    pub(crate) fn reset_all(&self, initial: &ControlValues) -> u64 {
        let mut values = self.values();
        let number = values.ask_reset(initial, true);
        self.note(&values);
        self.keep(&values);
        number
    }

    /// Whether there are values that were not taken. Cheap.
    pub(crate) fn are_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Completes once there are some. Cancel-safe.
    pub(crate) async fn wait(&self) {
        while !self.are_waiting() {
            self.0.wakes.notified().await;
        }
    }

    /// Takes the newest value of each control that was set since the last call. The source answers by reporting its controls.
    pub(crate) fn take(&self) -> ControlValues {
        let mut values = self.values();
        self.0.waiting.store(false, Ordering::Release);
        let withheld = values.withhold();
        if !withheld.is_empty() {
            let controls = withheld.join(", ");
            tracing::warn!(
                controls,
                "what was set takes the picture away for long, so the camera starts with less: set it again to have it"
            );
            self.keep(&values);
        }
        values.take()
    }

    /// Takes what another server is told, instead of [`Self::take`].
    pub(crate) fn take_orders(&self) -> Orders {
        let mut values = self.values();
        self.0.waiting.store(false, Ordering::Release);
        values.take_orders()
    }

    /// Notes what another server refused of what it was told last, and why.
    pub(crate) fn refused(&self, refused: BTreeMap<String, String>) {
        let mut values = self.values();
        let number = values.taken_until;
        if let Some(elsewhere) = &mut values.elsewhere {
            let refused = refused.into_iter();
            elsewhere.refused = refused.map(|(name, why)| (name, (number, why))).collect();
        }
    }

    /// What another server has refused of a command with that number, and why.
    pub(crate) fn refusals(&self, number: u64) -> BTreeMap<String, String> {
        let values = self.values();
        let refused = values
            .elsewhere
            .iter()
            .flat_map(|elsewhere| &elsewhere.refused);
        let of_command = refused.filter(|(_, (until, _))| *until >= number);
        of_command
            .map(|(name, (_, why))| (name.clone(), why.clone()))
            .collect()
    }

    /// Notes that the source has reported its controls, as they are with all values that it has taken.
    pub(crate) fn answered(&self, controls: &[Control]) {
        let mut values = self.values();
        if values.answered(controls) {
            self.keep(&values);
        }
        self.note(&values);
        let number = values.taken_until;
        drop(values);
        self.0.answered.send_replace(number);
    }

    /// The number of the newest command that the source has answered, and news of it.
    pub(crate) fn answers(&self) -> watch::Receiver<u64> {
        self.0.answered.subscribe()
    }

    /// Notes whether another server keeps what is set.
    pub(crate) fn are_kept_elsewhere(&self, are: bool) {
        let mut values = self.values();
        values.elsewhere = are.then(Elsewhere::default);
        if are {
            values.set.clear();
        }
    }

    /// Notes whether the other server, which keeps what is set, can be told.
    pub(crate) fn reaches_keeper(&self, reaches: bool) {
        if let Some(elsewhere) = &mut self.values().elsewhere {
            elsewhere.is_there = reaches;
        }
    }

    /// Whether nothing can be set now, because what keeps it is away.
    pub(crate) fn is_keeper_away(&self) -> bool {
        let values = self.values();
        let elsewhere = values.elsewhere.as_ref();
        elsewhere.is_some_and(|elsewhere| !elsewhere.is_there)
    }

    /// While this is held, no other device takes the place of the one that is there.
    pub(crate) fn judging(&self) -> MutexGuard<'_, ()> {
        // Nothing panics while it holds this lock.
        self.0
            .judging
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a new run, which is given everything that was set or reset.
    pub(crate) fn begin_anew(&self) {
        let mut values = self.values();
        values.begin_anew();
        self.note(&values);
    }

    /// Has everything that was set taken once more in this run: some devices forget it while they start.
    pub(crate) fn repeat(&self) {
        let mut values = self.values();
        values.repeat();
        self.note(&values);
    }

    /// Notes which device is open: another one gets what was set on it, and nothing else. Returns true if it is another one.
    pub(crate) fn opened(&self, device: &str) -> bool {
        let mut values = self.values();
        if values.device == device {
            return false;
        }
        let set = self.0.memory.values(device);
        values.replace(device, set);
        self.note(&values);
        true
    }

    /// Which device they are for.
    pub(crate) fn device(&self) -> String {
        self.values().device.clone()
    }

    /// What is kept of the camera.
    pub(crate) fn memory(&self) -> &Memory {
        &self.0.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kept::Kept;
    use pistreamer_protocol::message::ControlValue;

    fn some<const N: usize>(values: [(&str, f64); N]) -> ControlValues {
        let values = values.map(|(name, value)| (name.to_owned(), value.into()));
        ControlValues::from(values)
    }

    #[test]
    fn the_newest_value_of_each_control_is_taken_once_and_again_by_a_new_run() {
        let commands = Commands::default();
        assert!(commands.take().is_empty());
        let nothing = ControlValues::new();
        commands.set(&some([("Speed", 1.0), ("Gain", 2.0)]), &nothing);
        commands.set(&some([("Speed", 3.0)]), &nothing);
        let newest = some([("Gain", 2.0), ("Speed", 3.0)]);
        assert_eq!(commands.take(), newest);
        assert!(commands.take().is_empty());
        for _ in 0..2 {
            commands.set(&nothing, &some([("Rewind", 1.0)]));
        }
        assert_eq!(commands.take(), some([("Rewind", 1.0)]));
        assert!(commands.take().is_empty());
        commands.begin_anew();
        assert_eq!(commands.take(), newest);
        commands.reset(&some([("Gain", 0.5)]));
        assert_eq!(commands.take(), some([("Gain", 0.5)]));
        commands.begin_anew();
        assert_eq!(commands.take(), some([("Speed", 3.0)]));
        // Nothing has taken it.
        commands.reset(&some([("Speed", 1.0)]));
        commands.begin_anew();
        assert_eq!(commands.take(), some([("Speed", 1.0)]));
        commands.begin_anew();
        assert!(commands.take().is_empty());
        commands.reset_all(&ControlValues::new());
        commands.begin_anew();
        assert!(commands.take().is_empty());
    }

    fn decided_by(automatic: bool, gain: f64) -> [Control; 2] {
        [
            Control::switch("Automatic", automatic, true),
            Control {
                inactive: automatic,
                owner: "Automatic".into(),
                ..Control::range("Gain", 0.0..=100.0, gain, 0.0)
            },
        ]
    }

    #[test]
    fn what_something_else_decides_is_kept_no_longer_and_what_it_chose_is_kept_once_it_is_off() {
        let kept = Kept::default();
        let commands = Commands::new(kept.of("door"), "usb:1".into(), ControlValues::new());
        let nothing = ControlValues::new();
        // It was told before that it is automatic, so that the gain is not taken.
        let number = commands.set(&some([("Automatic", 1.0), ("Gain", 70.0)]), &nothing);
        commands.take();
        let answers = commands.answers();
        assert!(*answers.borrow() < number);
        commands.answered(&decided_by(true, 20.0));
        assert_eq!(*answers.borrow(), number);
        let memory = kept.of("door");
        assert_eq!(memory.values("usb:1"), some([("Automatic", 1.0)]));
        // Whatever it has chosen by then.
        commands.set(&some([("Automatic", 0.0)]), &nothing);
        commands.take();
        commands.answered(&decided_by(false, 23.0));
        let both = some([("Automatic", 0.0), ("Gain", 23.0)]);
        assert_eq!(memory.values("usb:1"), both);
        // What is given once more is nobody's wish, and what is not taken then stays.
        commands.begin_anew();
        assert_eq!(commands.take(), both);
        commands.answered(&decided_by(true, 0.0));
        assert_eq!(memory.values("usb:1"), both);
    }

    #[test]
    fn turning_something_automatic_on_keeps_nothing_that_nobody_set() {
        let kept = Kept::default();
        let commands = Commands::new(kept.of("door"), "usb:1".into(), ControlValues::new());
        // A mode of the automatic, which it takes while it is on, and a time that it chooses.
        let controls = |on: bool| {
            [
                Control::switch("Automatic", on, true),
                Control {
                    inactive: !on,
                    owner: "Automatic".into(),
                    ..Control::choice("Mode", &["Day", "Night"], 0, 0)
                },
                Control {
                    owner: "Automatic".into(),
                    ..Control::range("Range", 0.0..=9.0, 3.0, 1.0)
                },
            ]
        };
        commands.answered(&controls(false));
        commands.set(&some([("Automatic", 1.0)]), &ControlValues::new());
        commands.take();
        commands.answered(&controls(true));
        let memory = kept.of("door");
        assert_eq!(memory.values("usb:1"), some([("Automatic", 1.0)]));
    }

    #[test]
    fn another_server_is_told_of_resets_and_nothing_is_kept_for_it_while_it_is_away() {
        let commands = Commands::default();
        let nothing = ControlValues::new();
        commands.are_kept_elsewhere(true);
        assert!(commands.is_keeper_away());
        commands.reaches_keeper(true);
        assert!(!commands.is_keeper_away());
        commands.set(&some([("Gain", 2.0), ("Tint", 1.0)]), &nothing);
        commands.reset(&some([("Gain", 0.0)]));
        assert!(commands.are_waiting());
        let orders = Orders {
            resets: Resets::Named(["Gain".to_owned()].into()),
            values: some([("Tint", 1.0)]),
        };
        assert_eq!(commands.take_orders(), orders);
        assert!(!commands.are_waiting());
        // What is set behind a reset of everything holds.
        let number = commands.reset_all(&some([("Gain", 0.0)]));
        commands.set(&some([("Gain", 3.0)]), &nothing);
        let orders = Orders {
            resets: Resets::All,
            values: some([("Gain", 3.0)]),
        };
        assert_eq!(commands.take_orders(), orders);
        let why = BTreeMap::from([("Gain".to_owned(), "no".to_owned())]);
        commands.refused(why.clone());
        assert_eq!(commands.refusals(number), why);
        // Until it is asked for once more.
        let number = commands.set(&some([("Gain", 4.0)]), &nothing);
        assert!(commands.refusals(number).is_empty());
        commands.begin_anew();
        assert_eq!(commands.take_orders(), Orders::default());
        assert!(commands.is_keeper_away());
    }

    #[test]
    fn what_has_to_be_confirmed_is_not_given_once_more() {
        let kept = Kept::default();
        let commands = Commands::new(kept.of("door"), "usb:1".into(), ControlValues::new());
        let time = |value| {
            let range = Control::range("Time", 1.0..=112e6, value, 1.0);
            [range.with_long_exposures()]
        };
        commands.answered(&time(1.0));
        commands.set(&some([("Time", 112e6)]), &ControlValues::new());
        // Also where the camera was not there when it was set.
        commands.begin_anew();
        assert_eq!(commands.take(), some([("Time", 112e6)]));
        commands.answered(&time(112e6));
        // A device that forgets it while it starts is told what was meant.
        commands.repeat();
        assert_eq!(commands.take(), some([("Time", 112e6)]));
        commands.answered(&time(112e6));
        commands.begin_anew();
        assert_eq!(commands.take(), some([("Time", 1e6)]));
        assert_eq!(kept.of("door").values("usb:1"), some([("Time", 1e6)]));
    }

    #[test]
    fn what_is_configured_is_given_at_the_start_and_after_a_reset_unless_something_else_was_set() {
        let kept = Kept::default();
        kept.of("door").keep("usb:1", &some([("Gain", 5.0)]));
        let mut configured = some([("Gain", 2.0), ("Tint", 1.0)]);
        let grey = ControlValue::Text("grey".into());
        configured.insert("Scene".into(), grey);
        let commands = Commands::new(kept.of("door"), "usb:1".into(), configured.clone());
        let controls = [
            Control::range("Gain", 0.0..=9.0, 0.0, 0.0),
            Control::choice("Scene", &["Lake", "Grey"], 0, 0),
            Control::switch("Noise", false, false),
        ];
        commands.begin_anew();
        commands.answered(&controls);
        assert_eq!(commands.take(), some([("Gain", 5.0), ("Scene", 1.0)]));
        commands.answered(&controls);
        assert!(!commands.are_waiting());
        // It is no wish of somebody's, so that it is not kept.
        assert_eq!(kept.of("door").values("usb:1"), some([("Gain", 5.0)]));
        let defaults = some([("Gain", 0.0), ("Noise", 0.0)]);
        let initial = commands.initial(defaults, &controls);
        assert_eq!(initial, some([("Gain", 2.0), ("Noise", 0.0)]));
        // Another configuration.
        configured.insert("Noise".into(), 1.0.into());
        commands.configure(&configured, &controls);
        assert_eq!(commands.take()["Noise"], 1.0.into());
    }

    #[test]
    fn another_device_gets_what_was_set_on_it_and_nothing_else() {
        let kept = Kept::default();
        let commands = Commands::new(kept.of("door"), "any".into(), ControlValues::new());
        commands.opened("usb:1");
        commands.set(&some([("Gain", 2.0)]), &ControlValues::new());
        commands.opened("usb:2");
        assert!(commands.take().is_empty());
        commands.set(&some([("Gain", 5.0)]), &ControlValues::new());
        commands.opened("usb:1");
        assert_eq!(commands.take(), some([("Gain", 2.0)]));
        commands.opened("usb:1");
        assert!(commands.take().is_empty());
        // After a restart.
        let again = Commands::new(kept.of("door"), "usb:2".into(), ControlValues::new());
        again.begin_anew();
        assert_eq!(again.take(), some([("Gain", 5.0)]));
    }
}

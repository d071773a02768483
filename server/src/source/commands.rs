//! Values for a camera's controls on their way to its source: the newest of each, until the source takes it.
//!
//! Checking them belongs to [`crate::camera`]; applying them, to the source; keeping them beyond the end of the program, to
//! [`crate::kept`].

use crate::kept::Memory;
use pistreamer_protocol::message::ControlValues;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pending values. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    memory: Memory,
    /// Checked for every frame, and therefore without the lock.
    waiting: AtomicBool,
    values: Mutex<Values>,
}

#[derive(Debug, Default)]
struct Values {
    /// Which device they are for.
    device: String,
    /// What each control was set to, for a new run. Bounded by the number of controls.
    set: ControlValues,
    /// Values that the source has not taken yet.
    waiting: ControlValues,
    /// What was reset since it took some: the device may have them as they were set.
    reset: ControlValues,
}

impl Commands {
    /// Those of a camera with what is kept of it, whose source is that device until it says that it is another one.
    pub(crate) fn new(memory: Memory, device: String) -> Self {
        let set = memory.values(&device);
        Self(Arc::new(Shared {
            memory,
            waiting: AtomicBool::default(),
            values: Mutex::new(Values {
                device,
                set,
                ..Values::default()
            }),
        }))
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        // Nothing panics while it holds this lock, and the maps are valid at every point.
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, values: &Values) {
        let is_waiting = !values.waiting.is_empty();
        self.0.waiting.store(is_waiting, Ordering::Release);
    }

    /// Sets controls.
    pub(crate) fn set(&self, new: &ControlValues) {
        let mut values = self.values();
        values.set.extend(new.clone());
        values.waiting.extend(new.clone());
        self.note(&values);
        self.0.memory.keep(&values.device, &values.set);
    }

    /// Presses buttons, or chooses a part of the picture once. A new run does not repeat that.
    pub(crate) fn press(&self, new: &ControlValues) {
        let mut values = self.values();
        values.waiting.extend(new.clone());
        self.note(&values);
    }

    /// Has these controls as the device starts with them, and forgets what they were set to.
    pub(crate) fn reset(&self, initial: &ControlValues) {
        let mut values = self.values();
        values.set.retain(|name, _| !initial.contains_key(name));
        values.waiting.extend(initial.clone());
        values.reset.extend(initial.clone());
        self.note(&values);
        self.0.memory.keep(&values.device, &values.set);
    }

    /// Forgets everything that was set, also of controls that the device does not have now.
    pub(crate) fn reset_all(&self, initial: &ControlValues) {
        let mut values = self.values();
        values.set.clear();
        values.waiting.clone_from(initial);
        values.reset.clone_from(initial);
        self.note(&values);
        self.0.memory.keep(&values.device, &values.set);
    }

    /// Whether there are values that were not taken. Cheap.
    pub(crate) fn are_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Takes the newest value of each control that was set since the last call.
    pub(crate) fn take(&self) -> ControlValues {
        let mut values = self.values();
        self.0.waiting.store(false, Ordering::Release);
        values.reset.clear();
        std::mem::take(&mut values.waiting)
    }

    /// Starts a new run, which is given everything that was set or reset.
    pub(crate) fn begin_anew(&self) {
        let mut values = self.values();
        values.waiting = values.reset.clone();
        let set = values.set.clone();
        values.waiting.extend(set);
        self.note(&values);
    }

    /// Has everything that was set taken once more in this run: some devices forget it while they start.
    pub(crate) fn repeat(&self) {
        let mut values = self.values();
        let set = values.set.clone();
        for (name, value) in set {
            values.waiting.entry(name).or_insert(value);
        }
        self.note(&values);
    }

    /// Notes which device is open: another one gets what was set on it, and nothing else. Returns true if it is another one.
    pub(crate) fn opened(&self, device: &str) -> bool {
        let mut values = self.values();
        if values.device == device {
            return false;
        }
        let set = self.0.memory.values(device);
        *values = Values {
            device: device.into(),
            waiting: set.clone(),
            set,
            ..Values::default()
        };
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

    fn some<const N: usize>(values: [(&str, f64); N]) -> ControlValues {
        let values = values.map(|(name, value)| (name.to_owned(), value.into()));
        ControlValues::from(values)
    }

    #[test]
    fn the_newest_value_of_each_control_is_taken_once_and_again_by_a_new_run() {
        let commands = Commands::default();
        assert!(commands.take().is_empty());
        commands.set(&some([("Speed", 1.0), ("Gain", 2.0)]));
        commands.set(&some([("Speed", 3.0)]));
        let newest = some([("Gain", 2.0), ("Speed", 3.0)]);
        assert_eq!(commands.take(), newest);
        assert!(commands.take().is_empty());
        for _ in 0..2 {
            commands.press(&some([("Rewind", 1.0)]));
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

    #[test]
    fn another_device_gets_what_was_set_on_it_and_nothing_else() {
        let kept = Kept::default();
        let commands = Commands::new(kept.of("door"), "any".into());
        commands.opened("usb:1");
        commands.set(&some([("Gain", 2.0)]));
        commands.opened("usb:2");
        assert!(commands.take().is_empty());
        commands.set(&some([("Gain", 5.0)]));
        commands.opened("usb:1");
        assert_eq!(commands.take(), some([("Gain", 2.0)]));
        commands.opened("usb:1");
        assert!(commands.take().is_empty());
        // After a restart.
        let again = Commands::new(kept.of("door"), "usb:2".into());
        again.begin_anew();
        assert_eq!(again.take(), some([("Gain", 5.0)]));
    }
}

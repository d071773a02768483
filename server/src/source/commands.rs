//! Values for a camera's controls on their way to its source: the newest of each, until the source takes it.
//!
//! Checking them belongs to [`crate::camera`]; applying them, to the source.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The pending values. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Checked for every frame, and therefore without the lock.
    waiting: AtomicBool,
    values: Mutex<Values>,
}

#[derive(Debug, Default)]
struct Values {
    /// What each control was set to, for a new run. Bounded by the number of controls.
    set: BTreeMap<String, f64>,
    /// Values that the source has not taken yet.
    waiting: BTreeMap<String, f64>,
}

impl Commands {
    fn values(&self) -> MutexGuard<'_, Values> {
        // Nothing panics while it holds this lock, and the maps are valid at every point.
        self.0.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a control.
    pub(crate) fn set(&self, control: &str, value: f64) {
        let mut values = self.values();
        values.set.insert(control.into(), value);
        values.waiting.insert(control.into(), value);
        self.0.waiting.store(true, Ordering::Release);
    }

    /// Presses a button. A new run does not repeat that.
    pub(crate) fn press(&self, button: &str) {
        self.values().waiting.insert(button.into(), 1.0);
        self.0.waiting.store(true, Ordering::Release);
    }

    /// Takes the newest value of each control that was set since the last call.
    pub(crate) fn take(&self) -> BTreeMap<String, f64> {
        if !self.0.waiting.load(Ordering::Acquire) {
            return BTreeMap::new();
        }
        let mut values = self.values();
        self.0.waiting.store(false, Ordering::Release);
        std::mem::take(&mut values.waiting)
    }

    /// Starts a new run, which is given everything that was set.
    pub(crate) fn begin_anew(&self) {
        let mut values = self.values();
        values.waiting = values.set.clone();
        let some = !values.waiting.is_empty();
        self.0.waiting.store(some, Ordering::Release);
    }

    /// Forgets everything, for another source.
    pub(crate) fn forget(&self) {
        *self.values() = Values::default();
        self.0.waiting.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_of_each_control_is_taken_once_and_again_by_a_new_run() {
        let commands = Commands::default();
        assert!(commands.take().is_empty());
        for (control, value) in [("Speed", 1.0), ("Gain", 2.0), ("Speed", 3.0)] {
            commands.set(control, value);
        }
        let newest = BTreeMap::from([("Gain".to_owned(), 2.0), ("Speed".to_owned(), 3.0)]);
        assert_eq!(commands.take(), newest);
        assert!(commands.take().is_empty());
        commands.press("Rewind");
        commands.press("Rewind");
        assert_eq!(
            commands.take(),
            BTreeMap::from([("Rewind".to_owned(), 1.0)])
        );
        assert!(commands.take().is_empty());
        commands.begin_anew();
        assert_eq!(commands.take(), newest);
        commands.forget();
        commands.begin_anew();
        assert!(commands.take().is_empty());
    }
}

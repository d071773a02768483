//! The newest frame wins: one frame is being worked on, at most one waits, and a newer one takes the waiting one's place.
//!
//! What the work is belongs to [`crate::feed`].

/// One place to wait in. Its drop policy: the older one goes, and is counted.
#[derive(Debug)]
pub struct Slot<T> {
    busy: bool,
    waiting: Option<T>,
    replaced: u64,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self {
            busy: false,
            waiting: None,
            replaced: 0,
        }
    }
}

impl<T> Slot<T> {
    /// Offers a new item. Returns true if no work is in progress; the caller then works on what [`Self::take_next`] returns,
    /// until that is `None`.
    pub fn offer(&mut self, item: T) -> bool {
        self.replaced += u64::from(self.waiting.replace(item).is_some());
        !std::mem::replace(&mut self.busy, true)
    }

    /// What to work on next.
    pub fn take_next(&mut self) -> Option<T> {
        let next = self.waiting.take();
        self.busy = next.is_some();
        next
    }

    /// Returns true while work is in progress, or about to begin.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Forgets what waits: it belongs to a connection that is gone.
    pub fn clear(&mut self) {
        self.waiting = None;
    }

    /// As [`Self::clear`], and counts anew.
    pub fn reset(&mut self) {
        self.clear();
        self.replaced = 0;
    }

    /// The item at work gives way to a newer one that is on its way.
    pub fn give_way(&mut self) {
        self.replaced += 1;
    }

    /// How many items newer ones have replaced.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_waits_and_the_others_are_counted() {
        let mut slot = Slot::default();
        assert!(slot.offer(1));
        assert_eq!(slot.take_next(), Some(1));
        assert!(!slot.offer(2) && !slot.offer(3) && !slot.offer(4));
        assert_eq!(slot.replaced(), 2);
        assert_eq!(slot.take_next(), Some(4));
        assert!(!slot.offer(5));
        assert_eq!((slot.take_next(), slot.take_next()), (Some(5), None));
        assert!(slot.offer(6));
        assert_eq!(slot.replaced(), 2);
    }

    #[test]
    fn until_the_work_begins_a_newer_one_takes_the_place_of_the_first() {
        let mut slot = Slot::default();
        assert!(slot.offer(1));
        assert!(!slot.offer(2));
        assert_eq!((slot.take_next(), slot.replaced()), (Some(2), 1));
    }

    #[test]
    fn clearing_forgets_what_waits_and_counts_nothing() {
        let mut slot = Slot::default();
        slot.offer(1);
        slot.take_next();
        slot.offer(2);
        slot.clear();
        assert_eq!((slot.take_next(), slot.replaced()), (None, 0));
    }

    #[test]
    fn a_reset_leaves_whoever_is_at_work_there_and_counts_anew() {
        let mut slot = Slot::default();
        slot.offer(1);
        slot.take_next();
        slot.offer(2);
        slot.offer(3);
        slot.reset();
        assert!(!slot.offer(4));
        assert_eq!(slot.replaced(), 0);
        assert_eq!(slot.take_next(), Some(4));
    }
}

//! Events: from the first of some pictures with motion to the last one.
//!
//! What is recorded before and behind that is the caller's to decide.

use std::time::Duration;

/// Motion in 3 of the last 5 pictures begins an event.
const OF: u32 = 5;
const NEEDED: u32 = 3;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something moves.
    Motion,
    /// The camera was covered or turned.
    Tamper,
}

/// Zones by their number in the settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zones(pub(crate) u16);

impl Zones {
    /// The numbers.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..16).filter(move |zone| self.0 >> zone & 1 == 1)
    }
}

/// An event. Times are those that pictures were fed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its cause.
    pub cause: Cause,
    /// Time of the first picture with motion.
    pub start: Duration,
    /// Time of the last one so far.
    pub last: Duration,
    /// Highest score so far.
    pub peak: u8,
    /// Time of the picture that has it.
    pub peak_at: Duration,
    /// In which zones something has moved.
    pub zones: Zones,
}

/// What a picture changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// An event has begun.
    Started(Event),
    /// The event goes on, with a higher peak or in another zone.
    Grew(Event),
    /// It has ended.
    Ended(Event),
}

/// What pictures show, as an event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// Which of the last pictures have motion, the newest in the lowest bit.
    recent: u32,
    /// What the pictures before an event have in common with it.
    before: Option<Event>,
    pub(crate) current: Option<Event>,
}

impl Events {
    /// Takes what a picture shows: a score of 0 is no motion.
    pub(crate) fn take(
        &mut self,
        at: Duration,
        score: u8,
        zones: Zones,
        after: Duration,
    ) -> Option<Change> {
        let is_motion = score > 0;
        self.recent = (self.recent << 1 | u32::from(is_motion)) & ((1 << OF) - 1);
        if let Some(event) = &mut self.current {
            if is_motion {
                let before = *event;
                event.add(at, score, zones);
                let grew = event.peak > before.peak || event.zones != before.zones;
                return grew.then_some(Change::Grew(*event));
            }
            return if at.saturating_sub(event.last) > after {
                self.end()
            } else {
                None
            };
        }
        if is_motion {
            match &mut self.before {
                Some(event) => event.add(at, score, zones),
                None => self.before = Some(Event::at(Cause::Motion, at, score, zones)),
            }
        }
        if self.recent == 0 {
            self.before = None;
        }
        if self.recent.count_ones() < NEEDED {
            return None;
        }
        self.current = self.before.take();
        self.current.map(Change::Started)
    }

    /// The camera was covered or turned. Motion that goes on ends with that: then this is to be told again with the next picture.
    pub(crate) fn tampered(&mut self, at: Duration) -> Option<Change> {
        match &mut self.current {
            Some(event) if event.cause == Cause::Tamper => {
                event.last = at;
                return None;
            }
            Some(_) => return self.end(),
            None => {}
        }
        self.current = Some(Event::at(Cause::Tamper, at, u8::MAX, Zones::default()));
        self.current.map(Change::Started)
    }

    /// Forgets pictures that have not become an event.
    pub(crate) fn forget(&mut self) {
        self.recent = 0;
        self.before = None;
    }

    /// Ends the event, if there is one.
    pub(crate) fn end(&mut self) -> Option<Change> {
        let ended = self.current.take().map(Change::Ended)?;
        self.forget();
        Some(ended)
    }
}

impl Event {
    fn at(cause: Cause, at: Duration, peak: u8, zones: Zones) -> Self {
        Self {
            cause,
            start: at,
            last: at,
            peak,
            peak_at: at,
            zones,
        }
    }

    fn add(&mut self, at: Duration, score: u8, zones: Zones) {
        self.last = at;
        self.zones.0 |= zones.0;
        if score > self.peak {
            (self.peak, self.peak_at) = (score, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(scores: &[u8]) -> Vec<(usize, Change)> {
        let mut events = Events::default();
        let after = Duration::from_secs(1);
        let take = |(at, &score): (usize, &u8)| {
            let time = Duration::from_millis(at as u64 * 200);
            Some((at, events.take(time, score, Zones(1), after)?))
        };
        scores.iter().enumerate().filter_map(take).collect()
    }

    #[test]
    fn three_of_five_pictures_begin_an_event_that_starts_with_the_first() {
        let changes = played(&[0, 4, 0, 9, 9, 0, 9, 0, 0, 0, 0, 0, 0, 0]);
        let [(4, Change::Started(start)), (at, Change::Ended(end))] = changes[..] else {
            panic!("{changes:?}");
        };
        assert_eq!((start.start, start.peak), (Duration::from_millis(200), 9));
        assert_eq!(
            (at, end.last, end.peak_at),
            (12, Duration::from_millis(1200), Duration::from_millis(600))
        );
    }

    #[test]
    fn single_pictures_are_no_event() {
        assert_eq!(played(&[9, 9, 0, 0, 0, 9, 0, 0, 9, 0]), []);
    }
}

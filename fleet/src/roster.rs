//! Which cameras an edge knows, and whether their publishers are there: pure, told the time by the steady clock.
//!
//! Showing them belongs to the server. A camera whose publisher fell silent stays, so that viewers see that it is lost; one
//! whose publisher said that it stops goes after a while, in which it may have started again.

use crate::message::{Instance, State};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a publisher says its camera's state.
pub const REPEAT: Duration = Duration::from_secs(1);

/// Silence after which a publisher is lost.
pub const LOST: Duration = Duration::from_millis(2500);

/// How long a camera stays whose publisher has said that it stops: a program that is started anew takes no longer.
pub const STAYS_LEFT: Duration = Duration::from_secs(20);

/// How long a camera keeps its place in any case, however many others want it: nobody makes cameras come and go without end.
const KEEPS_PLACE: Duration = Duration::from_secs(5);

/// How long a camera stays whose publisher fell silent: somebody is to see that it did.
pub const STAYS_LOST: Duration = Duration::from_secs(24 * 3600);

/// The cameras.
#[derive(Debug)]
pub struct Roster {
    own: Instance,
    most: usize,
    cameras: BTreeMap<String, Known>,
    /// Cameras beyond the limit, at their last message. As many as the limit are counted.
    beyond: BTreeMap<String, Instant>,
}

#[derive(Debug)]
struct Known {
    publisher: Instance,
    heard: Instant,
    presence: Presence,
    /// Until when another publisher counts as one of the same camera.
    contested: Option<Instant>,
}

/// Whether a publisher is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It says its camera's state.
    There,
    /// It has been silent.
    Lost,
    /// It said that it stops.
    Left,
}

/// What a state message means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A new camera.
    New,
    /// A known camera, of the publisher that it had.
    Known,
    /// A known camera, of another publisher than before: its frames are numbered anew.
    Restarted,
    /// Its publisher stops.
    Left,
    /// Another publisher of a camera whose own is there: its frames are not taken. True the first time.
    Contested(bool),
    /// It is a camera of this server.
    Own,
    /// There are too many cameras already.
    Full,
    /// An unknown camera that goes.
    Nothing,
}

/// What the time brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// A camera's publisher is lost.
    Lost(String),
    /// A camera goes.
    Gone(String),
}

impl Roster {
    /// That of an edge, which shows so many cameras at most.
    pub fn new(own: Instance, most: usize) -> Self {
        Self {
            own,
            most,
            cameras: BTreeMap::new(),
            beyond: BTreeMap::new(),
        }
    }

    /// A publisher says its camera's state.
    pub fn hear(&mut self, state: &State, now: Instant) -> Heard {
        if state.publisher == self.own {
            return Heard::Own;
        }
        let count = self.cameras.len();
        let Some(known) = self.cameras.get_mut(&state.camera) else {
            if state.left {
                return Heard::Nothing;
            }
            if count >= self.most && !self.make_room(now) {
                self.beyond
                    .retain(|_, heard| now.saturating_duration_since(*heard) < LOST);
                if self.beyond.len() < self.most {
                    self.beyond.insert(state.camera.clone(), now);
                }
                return Heard::Full;
            }
            self.beyond.remove(&state.camera);
            self.cameras.insert(
                state.camera.clone(),
                Known {
                    publisher: state.publisher,
                    heard: now,
                    presence: Presence::There,
                    contested: None,
                },
            );
            return Heard::New;
        };
        let is_same = known.publisher == state.publisher;
        if !is_same && known.presence == Presence::There {
            if state.left {
                return Heard::Nothing;
            }
            let is_first = known.contested.is_none_or(|until| until <= now);
            known.contested = Some(now + LOST);
            return Heard::Contested(is_first);
        }
        if state.left {
            if !is_same {
                return Heard::Nothing;
            }
            known.presence = Presence::Left;
            known.heard = now;
            return Heard::Left;
        }
        known.publisher = state.publisher;
        known.presence = Presence::There;
        known.heard = now;
        if is_same {
            Heard::Known
        } else {
            Heard::Restarted
        }
    }

    /// Drops the camera that has been gone longest, for another one. Returns false where all are there, or were until just now.
    fn make_room(&mut self, now: Instant) -> bool {
        let gone = self.cameras.iter().filter(|(_, known)| {
            known.presence != Presence::There
                && now.saturating_duration_since(known.heard) >= KEEPS_PLACE
        });
        let Some(oldest) = gone.min_by_key(|(_, known)| known.heard) else {
            return false;
        };
        let oldest = oldest.0.clone();
        self.cameras.remove(&oldest).is_some()
    }

    /// A frame arrived: its publisher is there, also where a slow link holds up what it says beside the frames.
    pub fn moves(&mut self, camera: &str, now: Instant) {
        if let Some(known) = self.cameras.get_mut(camera)
            && known.presence == Presence::There
        {
            known.heard = now;
        }
    }

    /// The broker is back: who was there before it was lost has the time to say so again.
    pub fn resume(&mut self, now: Instant) {
        let there = self
            .cameras
            .values_mut()
            .filter(|known| known.presence == Presence::There);
        there.for_each(|known| known.heard = now);
    }

    /// What has come to pass by now. Only while the broker is there.
    pub fn pass(&mut self, now: Instant) -> Vec<Passed> {
        let mut passed = Vec::new();
        self.cameras.retain(|camera, known| {
            let silent = now.saturating_duration_since(known.heard);
            match known.presence {
                Presence::There if silent >= LOST => {
                    known.presence = Presence::Lost;
                    passed.push(Passed::Lost(camera.clone()));
                }
                Presence::Left if silent >= STAYS_LEFT => passed.push(Passed::Gone(camera.clone())),
                Presence::Lost if silent >= STAYS_LOST => passed.push(Passed::Gone(camera.clone())),
                _ => return true,
            }
            known.presence == Presence::Lost && silent < STAYS_LOST
        });
        passed
    }

    /// Whether a camera is known, and its publisher there.
    pub fn presence(&self, camera: &str) -> Option<Presence> {
        self.cameras.get(camera).map(|known| known.presence)
    }

    /// The publisher whose frames of a camera are taken.
    pub fn publisher(&self, camera: &str) -> Option<Instance> {
        self.cameras.get(camera).map(|known| known.publisher)
    }

    /// Number of cameras that are known, and number of those that are not shown because there are too many.
    pub fn counts(&self) -> (usize, usize) {
        (self.cameras.len(), self.beyond.len())
    }

    /// Whether a camera is one of them.
    pub fn has(&self, camera: &str) -> bool {
        self.cameras.contains_key(camera)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pistreamer_protocol::message::CameraStatus;
    use proptest::prelude::*;

    fn state(camera: &str, publisher: u64, left: bool) -> State {
        State {
            camera: camera.into(),
            publisher: Instance::new(publisher),
            left,
            source: String::new(),
            status: CameraStatus::default(),
        }
    }

    fn roster(most: usize) -> Roster {
        Roster::new(Instance::new(0), most)
    }

    #[test]
    fn a_camera_appears_is_lost_comes_back_and_goes() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut roster = roster(10);
        assert_eq!(roster.hear(&state("door", 1, false), start), Heard::New);
        assert_eq!(
            roster.hear(&state("door", 1, false), at(1000)),
            Heard::Known
        );
        assert_eq!(roster.pass(at(3400)), []);
        assert_eq!(roster.pass(at(3500)), [Passed::Lost("door".into())]);
        assert_eq!(roster.pass(at(3600)), []);
        assert_eq!(roster.presence("door"), Some(Presence::Lost));
        // Its program crashed and was started again.
        assert_eq!(
            roster.hear(&state("door", 2, false), at(5000)),
            Heard::Restarted
        );
        assert_eq!(roster.publisher("door"), Some(Instance::new(2)));
        // The one before is heard late.
        assert_eq!(
            roster.hear(&state("door", 1, true), at(5001)),
            Heard::Nothing
        );
        assert_eq!(roster.hear(&state("door", 2, true), at(6000)), Heard::Left);
        assert_eq!(roster.pass(at(25_000)), []);
        assert_eq!(roster.pass(at(26_000)), [Passed::Gone("door".into())]);
        assert_eq!(roster.counts(), (0, 0));
        assert_eq!(
            roster.hear(&state("door", 2, true), at(26_001)),
            Heard::Nothing
        );
    }

    #[test]
    fn a_broker_that_was_lost_is_not_taken_for_publishers_that_are() {
        let start = Instant::now();
        let mut roster = roster(10);
        roster.hear(&state("door", 1, false), start);
        roster.hear(&state("gone", 2, false), start);
        roster.hear(&state("gone", 2, true), start);
        let back = start + Duration::from_secs(10);
        roster.resume(back);
        assert_eq!(roster.pass(back), []);
        // What was known of the others is true again.
        assert_eq!(roster.presence("door"), Some(Presence::There));
        assert_eq!(roster.presence("gone"), Some(Presence::Left));
        assert_eq!(roster.pass(back + LOST), [Passed::Lost("door".into())]);
        let again = back + LOST * 2;
        roster.resume(again);
        assert_eq!(roster.presence("door"), Some(Presence::Lost));
        assert_eq!(roster.pass(again), []);
    }

    #[test]
    fn of_two_publishers_of_one_name_the_first_is_taken_until_it_goes() {
        let now = Instant::now();
        let mut roster = roster(10);
        roster.hear(&state("camera", 1, false), now);
        assert_eq!(
            roster.hear(&state("camera", 2, false), now),
            Heard::Contested(true)
        );
        assert_eq!(
            roster.hear(&state("camera", 2, false), now),
            Heard::Contested(false)
        );
        assert_eq!(roster.publisher("camera"), Some(Instance::new(1)));
        roster.hear(&state("camera", 1, true), now);
        assert_eq!(
            roster.hear(&state("camera", 2, false), now),
            Heard::Restarted
        );
        assert_eq!(roster.hear(&state("mine", 0, false), now), Heard::Own);
    }

    #[test]
    fn cameras_that_are_there_keep_their_places_and_lost_ones_give_theirs_up() {
        let now = Instant::now();
        let mut roster = roster(2);
        roster.hear(&state("a", 1, false), now);
        roster.hear(&state("b", 2, false), now);
        for n in 0..1000 {
            assert_eq!(
                roster.hear(&state(&format!("c{n}"), 3, false), now),
                Heard::Full
            );
        }
        assert_eq!(roster.counts(), (2, 2));
        roster.hear(&state("a", 1, true), now);
        // Not at once: it would be another camera with each message.
        assert_eq!(roster.hear(&state("c", 3, false), now), Heard::Full);
        let later = now + KEEPS_PLACE;
        assert_eq!(roster.hear(&state("c", 3, false), later), Heard::New);
        assert!(!roster.has("a") && roster.has("b"));
    }

    proptest! {
        #[test]
        fn whatever_is_said_no_more_cameras_are_known_than_may_be(
            said in prop::collection::vec((0..8_u8, 0..4_u64, any::<bool>(), 0..30_000_u64), 1..80)
        ) {
            let start = Instant::now();
            let mut roster = roster(3);
            let mut at = 0;
            for (camera, publisher, left, wait) in said {
                at += wait;
                let now = start + Duration::from_millis(at);
                let camera = camera.to_string();
                let heard = roster.hear(&state(&camera, publisher, left), now);
                if matches!(heard, Heard::New | Heard::Known | Heard::Restarted) {
                    prop_assert_eq!(roster.presence(&camera), Some(Presence::There));
                    prop_assert_eq!(roster.publisher(&camera), Some(Instance::new(publisher)));
                }
                for passed in roster.pass(now) {
                    match passed {
                        Passed::Lost(camera) => prop_assert_eq!(roster.presence(&camera), Some(Presence::Lost)),
                        Passed::Gone(camera) => prop_assert!(!roster.has(&camera)),
                    }
                }
                prop_assert!(roster.counts().0 <= 3 && roster.counts().1 <= 3);
            }
        }
    }
}

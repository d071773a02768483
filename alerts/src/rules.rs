//! Which events become messages: those of the cameras and zones that were chosen, and not too many.
//!
//! Whether events are told at this time belongs to [`crate::arming`].

use crate::Kind;
use std::collections::HashMap;
use std::time::Duration;

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Ids of the cameras whose events are told; empty for all.
    pub cameras: Vec<String>,
    /// Zones in which something has to move; empty for all of the picture.
    pub zones: Vec<String>,
    /// How long nothing is told of a camera's events of one kind behind one that was.
    pub cooldown: Duration,
}

impl Rules {
    /// Whether an event of that camera, in these zones, is to be told at all.
    pub fn want(&self, camera: &str, kind: Kind, zones: &[String]) -> bool {
        let camera_is = self.cameras.is_empty() || self.cameras.iter().any(|id| id == camera);
        // What a program tells, and a covered camera, is in no zone.
        let zone_is = kind != Kind::Motion
            || self.zones.is_empty()
            || zones.iter().any(|zone| self.zones.contains(zone));
        camera_is && zone_is
    }
}

/// Events of programs with different labels that are told of a camera in one cool-down. Some have a number in each label.
const LABELS: usize = 5;

/// When each camera's events of each kind, and by each label, were told last.
#[derive(Debug, Default)]
pub struct Cooldown {
    last: HashMap<(String, Kind, String), Duration>,
    held_back: u64,
}

impl Cooldown {
    /// Whether an event that begins `now`, by a clock that only goes on, is told; if so, it is noted.
    /// `label` is what a program calls it.
    pub fn lets(
        &mut self,
        rules: &Rules,
        camera: &str,
        kind: Kind,
        label: &str,
        now: Duration,
    ) -> bool {
        // Cameras that were removed do not stay.
        self.last.retain(|_, last| now < *last + rules.cooldown);
        let key = (camera.to_owned(), kind, label.to_owned());
        let alike = self
            .last
            .keys()
            .filter(|(of, by, _)| *of == camera && *by == kind);
        let is_let = !self.last.contains_key(&key) && alike.count() < LABELS;
        if is_let {
            self.last.insert(key, now);
        } else {
            self.held_back += 1;
        }
        is_let
    }

    /// Events that were not told because one was a short time before.
    pub fn held_back(&self) -> u64 {
        self.held_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules {
            cameras: vec![],
            zones: vec![],
            cooldown: Duration::from_secs(60),
        }
    }

    #[test]
    fn cameras_and_zones_that_were_chosen_are_told() {
        let garden = ["garden".to_owned()];
        assert!(rules().want("door", Kind::Motion, &[]));
        let chosen = Rules {
            cameras: vec!["door".into()],
            zones: vec!["garden".into(), "gate".into()],
            ..rules()
        };
        assert!(chosen.want("door", Kind::Motion, &garden));
        assert!(!chosen.want("yard", Kind::Motion, &garden));
        assert!(!chosen.want("door", Kind::Motion, &["street".into()]));
        assert!(chosen.want("door", Kind::Tamper, &[]) && chosen.want("door", Kind::Event, &[]));
    }

    #[test]
    fn a_cooldown_is_for_one_camera_and_kind_and_begins_with_what_was_told() {
        let (rules, mut cooldown) = (rules(), Cooldown::default());
        let mut lets =
            |camera, kind, s| cooldown.lets(&rules, camera, kind, "", Duration::from_secs(s));
        assert!(lets("door", Kind::Motion, 100));
        assert!(!lets("door", Kind::Motion, 130));
        assert!(lets("door", Kind::Tamper, 130) && lets("yard", Kind::Motion, 130));
        assert!(
            lets("door", Kind::Motion, 160),
            "what was held back does not make it longer"
        );
        assert!(!lets("door", Kind::Motion, 219));
        assert_eq!(cooldown.held_back(), 2);
    }

    #[test]
    fn a_bell_rings_beside_a_car_and_labels_that_are_always_new_do_not_flood() {
        let (rules, mut cooldown) = (rules(), Cooldown::default());
        let mut lets = |camera, label: &str, s| {
            cooldown.lets(&rules, camera, Kind::Event, label, Duration::from_secs(s))
        };
        assert!(lets("door", "car", 0) && lets("door", "bell", 1) && !lets("door", "car", 2));
        let told = (0..60).filter(|n| lets("door", &format!("person {n} %"), 3));
        assert_eq!(told.count(), LABELS - 2);
        assert!(lets("yard", "bell", 4) && lets("door", "bell", 61));
    }
}

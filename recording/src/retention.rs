//! Which recordings have to go. Pure: who removes them is [`crate::session`].

use crate::catalogue::{Catalogue, Recording};
use crate::disk::{Files, Space};
use crate::name::{Class, Name};

/// How long recordings stay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// How much of the disk recordings may take.
    pub space: Amount,
    /// How much of the disk stays free; `None` is 1 GiB, or a twentieth of a small one.
    pub free: Option<u64>,
    /// Days after which continuous recordings and those of events go.
    pub days: f64,
    /// Days after which sparse recordings go.
    pub sparse_days: f64,
}

/// An amount of a disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// Hundredths of all there are.
    Percent(f64),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            space: Amount::Percent(80.0),
            free: None,
            days: 30.0,
            sparse_days: 365.0,
        }
    }
}

/// Most that stays free if nothing is said.
const USUAL_FREE: u64 = 1 << 30;

/// Bytes that are made room for at a time.
const STEP: u64 = 64 << 20;

/// Files that can still be made.
const FREE_FILES: u64 = 64;

/// Sparse recordings may have this share of the space before they go like all others.
const SPARSE_SHARE: f64 = 0.4;

const DAY_MS: f64 = 24.0 * 3600.0 * 1000.0;

impl Limits {
    /// Most bytes of recordings on a disk of that size.
    pub fn space(&self, disk: Space) -> u64 {
        match self.space {
            Amount::Bytes(bytes) => bytes,
            Amount::Percent(percent) => (disk.total as f64 * percent / 100.0) as u64,
        }
    }

    /// Bytes that stay free on a disk of that size.
    pub fn free(&self, disk: Space) -> u64 {
        self.free.unwrap_or(USUAL_FREE.min(disk.total / 20))
    }

    /// Bytes that there is to be room for before they are written.
    pub fn step(&self, disk: Space) -> u64 {
        STEP.min(self.space(disk) / 16).max(1)
    }

    /// For how many ms recordings of a class stay.
    pub fn keeps_ms(&self, class: Class) -> u64 {
        let days = match class {
            Class::Continuous | Class::Event => self.days,
            Class::Sparse => self.sparse_days,
        };
        (days * DAY_MS) as u64
    }

    /// Whether recordings take too much room on that disk for another [`step`](Self::step).
    pub fn is_full(&self, catalogue: &Catalogue, disk: Space) -> bool {
        let need = self.step(disk);
        catalogue.total() + need > self.space(disk) || self.lacks_room(disk)
    }

    /// Whether the disk itself has too little room for that, whoever uses it.
    pub fn lacks_room(&self, disk: Space) -> bool {
        let lacks_files = |files: Files| files.free < FREE_FILES.min(files.total / 20);
        disk.free < self.step(disk) + self.free(disk) || disk.files.is_some_and(lacks_files)
    }
}

/// The recording that has to go next, where one has to, of those that need not stay.
///
/// `unset` says since when, in Unix time in ms, a recording has its turn whose name does not say when it was made.
///
/// First those that are older than their days, if `ages` says what time it is. Then, while recordings take too much room, what is
/// named after `ahead`, where that is given: a clock that was wrong has named it, and it would stay for ever. Then the
/// oldest one: of the sparse ones where those have more than two fifths of the space, or there are no others, else of the camera
/// that has most of the continuous ones, and once there are none, of events.
pub fn victim(
    catalogue: &Catalogue,
    limits: &Limits,
    disk: Space,
    ages: Option<u64>,
    ahead: Option<u64>,
    stays: impl Fn(&str, Name) -> bool,
    unset: impl Fn(&str, Name) -> Option<u64>,
) -> Option<Recording> {
    let is_right =
        |it: &Recording| !stays(&it.camera, it.name) && unset(&it.camera, it.name).is_none();
    let oldest = |camera: &str, class: Class| {
        let right = catalogue.of(camera, class).find(is_right);
        let late = catalogue.of(camera, class).filter_map(|it| {
            let since_ms = unset(&it.camera, it.name)?;
            (!stays(&it.camera, it.name)).then_some((since_ms, it))
        });
        let late = late.min_by_key(|(since_ms, _)| *since_ms);
        match (right, late) {
            (Some(right), Some((since_ms, late))) if since_ms < right.name.start_ms => Some(late),
            (right, late) => right.or(late.map(|(_, late)| late)),
        }
    };
    // Of a recording without its time nobody knows how old it is.
    for (now_ms, camera) in ages
        .iter()
        .flat_map(|now_ms| catalogue.cameras().map(move |camera| (*now_ms, camera)))
    {
        for class in Class::ALL {
            let keeps_ms = limits.keeps_ms(class);
            let is_over = |it: &Recording| it.name.start_ms.saturating_add(keeps_ms) < now_ms;
            let mut recordings = catalogue.of(camera, class);
            if let Some(old) = recordings.find(is_right).filter(is_over) {
                return Some(old);
            }
        }
    }
    if !limits.is_full(catalogue, disk) {
        return None;
    }
    if let Some(ahead) = ahead {
        let newest = |camera: &str, class: Class| {
            let mut newest = catalogue.of(camera, class).rev();
            newest.find(|it| it.name.start_ms <= ahead || is_right(it))
        };
        let is_ahead = |it: &Recording| it.name.start_ms > ahead;
        let cameras = catalogue.cameras();
        let mut all = cameras.flat_map(|camera| Class::ALL.map(|class| newest(camera, class)));
        if let Some(wrong) = all.find_map(|it| it.filter(is_ahead)) {
            return Some(wrong);
        }
    }
    let largest = |class: Class| {
        let mut cameras: Vec<_> = catalogue.cameras().collect();
        cameras.sort_by_key(|camera| std::cmp::Reverse(catalogue.bytes(camera, class)));
        cameras.into_iter().find_map(|camera| oldest(camera, class))
    };
    let sparse: u64 = catalogue
        .cameras()
        .map(|camera| catalogue.bytes(camera, Class::Sparse))
        .sum();
    let order = if sparse as f64 > limits.space(disk) as f64 * SPARSE_SHARE {
        [Class::Sparse, Class::Continuous, Class::Event]
    } else {
        [Class::Continuous, Class::Event, Class::Sparse]
    };
    order.into_iter().find_map(largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DISK: u64 = 64 << 30;

    /// A disk with that much on it, of which others have `others`.
    fn disk(catalogue: &Catalogue, others: u64) -> Space {
        Space {
            total: DISK,
            free: DISK.saturating_sub(catalogue.total() + others),
            files: None,
        }
    }

    #[test]
    fn the_camera_that_has_most_gives_its_oldest() {
        let mut catalogue = Catalogue::default();
        let name = |start_ms, class| Name { start_ms, class };
        for hour in 0..10 {
            let start = hour * 3_600_000;
            catalogue.set("door", name(start, Class::Continuous), 4 << 30);
            catalogue.set("yard", name(start + 1, Class::Continuous), 1 << 30);
            catalogue.set("door", name(start, Class::Sparse), 1 << 20);
        }
        let limits = Limits {
            space: Amount::Bytes(50 << 30),
            ..Limits::default()
        };
        let is_open = |_: &str, name: Name| name.start_ms == 0 && name.class == Class::Continuous;
        let next = victim(
            &catalogue,
            &limits,
            disk(&catalogue, 0),
            Some(0),
            None,
            is_open,
            |_, _| None,
        )
        .unwrap();
        assert_eq!(next.camera, "door");
        assert_eq!(next.name, name(3_600_000, Class::Continuous));
        // Whatever is too old goes, also where there is room.
        let later = 366 * 24 * 3_600_000;
        let roomy = Limits::default();
        let space = Space {
            total: 1 << 50,
            free: 1 << 49,
            files: None,
        };
        let all = |class| {
            let others = |_: &str, name: Name| name.class != class;
            victim(
                &catalogue,
                &roomy,
                space,
                Some(later),
                None,
                others,
                |_, _| None,
            )
        };
        assert_eq!(
            all(Class::Continuous).unwrap().name,
            name(0, Class::Continuous)
        );
        assert_eq!(all(Class::Sparse).unwrap().name, name(0, Class::Sparse));
        assert_eq!(
            victim(
                &catalogue,
                &roomy,
                space,
                Some(later / 366),
                None,
                |_, _| false,
                |_, _| None
            ),
            None
        );
    }

    #[test]
    fn what_a_wrong_clock_has_named_in_the_future_goes_first_for_room_and_not_otherwise() {
        let mut catalogue = Catalogue::default();
        let class = Class::Continuous;
        for start_ms in [1000, 2000, 99_000_000, 99_001_000] {
            catalogue.set("door", Name { start_ms, class }, 1 << 30);
        }
        let ahead = Some(90_000_000);
        let next = |gib: u64, ahead| {
            let limits = Limits {
                space: Amount::Bytes(gib << 30),
                ..Limits::default()
            };
            let space = disk(&catalogue, 0);
            let next = victim(
                &catalogue,
                &limits,
                space,
                None,
                ahead,
                |_, _| false,
                |_, _| None,
            );
            next.map(|it| it.name.start_ms)
        };
        assert_eq!(next(4, ahead), Some(99_001_000));
        assert_eq!(next(4, None), Some(1000));
        assert_eq!(next(5, ahead), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A year of recordings of random sizes, a step at a time.
        #[test]
        fn a_year_never_takes_more_than_its_space(
            sizes in proptest::collection::vec((0..3_usize, any::<bool>(), 1..64_u64), 3000),
            gib in 1..40_u64,
            others in 0..70_u64,
        ) {
            let limits = Limits { space: Amount::Bytes(gib << 30), ..Limits::default() };
            let others = others << 30;
            let mut catalogue = Catalogue::default();
            let step_ms = 365 * 24 * 3_600_000 / sizes.len() as u64;
            for (n, (camera, sparse, mib)) in sizes.into_iter().enumerate() {
                let now = n as u64 * step_ms;
                let class = if sparse { Class::Sparse } else { Class::Continuous };
                let camera = ["a", "b", "c"][camera];
                let mut before = None;
                loop {
                    let space = disk(&catalogue, others);
                    let Some(gone) = victim(&catalogue, &limits, space, Some(now), None, |_, _| false, |_, _| None) else {
                        break;
                    };
                    let of_class = |at: &Recording| at.camera == gone.camera && at.name.class == gone.name.class;
                    if let Some(before) = before.replace(gone.clone()).filter(of_class) {
                        prop_assert!(before.name.start_ms < gone.name.start_ms);
                    }
                    catalogue.remove(&gone.camera, gone.name);
                }
                let space = disk(&catalogue, others);
                if limits.is_full(&catalogue, space) {
                    // Others have the disk, and nothing of this program is left on it.
                    prop_assert_eq!(catalogue.total(), 0);
                    continue;
                }
                let bytes = (mib << 20).min(limits.step(space));
                catalogue.set(camera, Name { start_ms: now, class }, bytes);
                let space = disk(&catalogue, others);
                prop_assert!(catalogue.total() <= gib << 30);
                prop_assert!(space.free >= limits.free(space));
                let too_old = now.saturating_sub((limits.sparse_days * DAY_MS) as u64);
                prop_assert!(catalogue.first_ms(camera) >= Some(too_old));
            }
        }
    }
}

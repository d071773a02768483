//! Frames of unequal size: where only what changes in a picture is sent, those of a still scene are small, and whole ones come
//! between. What is possible is what a sender gets that knows the link.

use super::*;

/// Bytes of a whole picture, and of what changes in a still one.
const WHOLE: f64 = 180e3;
const STILL: f64 = 1.5e3;

/// A kind of scene: the bytes of each frame by its number, and the most that one has after the first seconds.
#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    bytes: fn(u64) -> f64,
    largest: f64,
}

const SCENES: [Scene; 6] = [
    Scene {
        name: "nothing moves",
        bytes: still,
        largest: 1.6 * STILL,
    },
    Scene {
        name: "nothing moves after the first pictures",
        bytes: |seq| if seq < 3 { WHOLE } else { still(seq) },
        largest: 1.6 * STILL,
    },
    Scene {
        name: "a whole picture each second",
        bytes: |seq| if seq % 30 == 29 { WHOLE } else { still(seq) },
        largest: WHOLE,
    },
    Scene {
        name: "somebody walks",
        bytes: |seq| match seq % 150 {
            149 => WHOLE,
            _ => 30e3 * (0.3 + 1.4 * hashed(seq)),
        },
        largest: WHOLE,
    },
    Scene {
        name: "everything moves, and then nothing",
        bytes: |seq| match seq / 90 % 2 {
            1 => WHOLE * (0.9 + 0.1 * hashed(seq)),
            _ => still(seq),
        },
        largest: WHOLE,
    },
    Scene {
        name: "anything",
        bytes: |seq| 1e3 * 180_f64.powf(hashed(seq)),
        largest: WHOLE,
    },
];

fn still(seq: u64) -> f64 {
    STILL * (0.4 + 1.2 * hashed(seq))
}

/// A number from 0 to 1 that is as good as random.
fn hashed(seq: u64) -> f64 {
    let mixed = (seq + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 40) as f64 / (1_u64 << 24) as f64
}

/// What happens to the link.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    Nothing,
    StandsStill,
    BecomesSlower,
    BecomesFaster,
}

/// A scene over a link.
struct Case {
    scene: Scene,
    event: Event,
    world: World,
    /// Bytes a second in the end, and when that has to be found by.
    rate: f64,
    from: f64,
}

impl Case {
    /// None where a picture takes seconds: that says nothing about small ones.
    fn new(scene: Scene, event: Event, before: f64, world: World) -> Option<Self> {
        let rate = match event {
            Event::BecomesSlower => before / 4.0,
            Event::BecomesFaster => before * 4.0,
            Event::Nothing | Event::StandsStill => before,
        };
        let slowest = before.min(rate);
        let found = if event == Event::Nothing { 5.0 } else { 20.0 };
        let case = Self {
            scene,
            event,
            world: World {
                frame: scene.largest,
                mix: Some(scene.bytes),
                rate: before,
                change: (rate != before).then_some((13.5, rate)),
                standstill: (event == Event::StandsStill).then_some((11.0, 16.0)),
                ..world
            },
            rate,
            from: found + 4.0 * WHOLE / slowest,
        };
        (scene.largest / slowest < 2.0).then_some(case)
    }

    /// As much arrives as this part of what is possible, and nothing older than it may be.
    fn check(&self, least: f64) {
        let (from, end) = (self.from, self.from + 20.0);
        let [got, possible] =
            [Sender::Credit, Sender::Oracle].map(|sender| simulate_as(sender, self.world, end));
        let share =
            |of: fn(&Outcome, f64, f64) -> f64| of(&got, from, end) / of(&possible, from, end);
        // Which frames fit in is luck: more small ones, or fewer large ones.
        let share = share(Outcome::fps).max(share(Outcome::bytes));
        let name = format!("{}, {:?}, {:?}", self.scene.name, self.event, self.world);
        assert!(share > least, "{name}: only {share:.2} of what is possible");
        let rate = self.rate;
        let bound = 1.1 * bound(World { rate, ..self.world }) + 3.0 * self.world.jitter;
        let p99 = got.p99(from, end);
        assert!(p99 < bound, "{name}: {p99:.3} s old, not {bound:.3}");
    }
}

/// Every combination of scenes, links and cameras whose pictures take less than two seconds: 208.
fn check_all(event: Event, jitter: f64, least: f64) {
    for scene in SCENES {
        for rate in [60e3, 250e3, 1e6, 4e6, 16e6] {
            for rtt in [0.001, 0.05, 0.2, 0.4] {
                for fps in [10.0, 30.0] {
                    let world = World {
                        fps,
                        rtt,
                        jitter,
                        ..WORLD
                    };
                    if let Some(case) = Case::new(scene, event, rate, world) {
                        case.check(least);
                    }
                }
            }
        }
    }
}

#[test]
fn frames_of_any_sizes_fill_the_link_and_none_grows_old_before_it() {
    check_all(Event::Nothing, 0.0, 0.9);
}

#[test]
fn with_jitter_small_frames_are_not_taken_for_a_slow_link_either() {
    check_all(Event::Nothing, 0.03, 0.9);
}

#[test]
fn after_a_standstill_frames_of_any_sizes_are_soon_new_again() {
    check_all(Event::StandsStill, 0.0, 0.9);
}

#[test]
fn a_link_that_becomes_slower_while_frames_are_small_is_followed() {
    check_all(Event::BecomesSlower, 0.005, 0.85);
}

#[test]
fn a_link_that_becomes_faster_while_frames_are_small_is_filled() {
    check_all(Event::BecomesFaster, 0.005, 0.9);
}

#[test]
fn frames_do_not_grow_older_for_ten_minutes() {
    for (share, rtt, jitter) in [
        (0.4, 0.05, 0.03),
        (0.4, 0.4, 0.03),
        (0.7, 0.4, 0.0),
        (0.7, 0.4, 0.03),
    ] {
        let world = World {
            rate: share * WORLD.fps * WORLD.frame,
            sizes: 0.3,
            rtt,
            jitter,
            ..WORLD
        };
        let p99 = simulate(world, 600.0).p99(560.0, 600.0);
        let bound = bound(world);
        assert!(p99 < bound, "{world:?}: {p99:.3} s old, not {bound:.3}");
    }
}

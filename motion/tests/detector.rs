//! What settings do, and what a detector makes of a camera that is covered, turned or changed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use pistreamer_motion::{Cause, Change, Detector, Event, Luma, Polygon, Settings, Zone};
use std::time::Duration;

const WIDTH: usize = 80;
const HEIGHT: usize = 60;

/// A scene with edges everywhere.
fn scene(x: usize, y: usize) -> u8 {
    60 + ((x / 5 * 37 + y / 7 * 53) % 90) as u8
}

/// Pictures of the scene, each changed at will.
fn picture(change: impl Fn(usize, usize, u8) -> u8) -> Vec<u8> {
    let at = |at: usize| (at % WIDTH, at / WIDTH);
    (0..WIDTH * HEIGHT)
        .map(at)
        .map(|(x, y)| change(x, y, scene(x, y)))
        .collect()
}

/// Somebody of 5 × 14 samples at that place.
fn somebody(left: usize, top: usize) -> impl Fn(usize, usize, u8) -> u8 {
    move |x, y, behind| {
        let is_in = (left..left + 5).contains(&x) && (top..top + 14).contains(&y);
        if is_in { 230 } else { behind }
    }
}

/// All events of pictures by their number, at 5 a second: the same ones, whatever the time is.
fn events(settings: Settings, frames: usize, picture: impl Fn(usize) -> Vec<u8>) -> Vec<Event> {
    /// Unix time.
    const TODAY: Duration = Duration::from_secs(1_764_000_000);
    let from = |begin: Duration| {
        let (mut detector, mut events) = (Detector::new(settings.clone()), Vec::new());
        for frame in 0..frames {
            let picture = picture(frame);
            let luma = Luma::new(&picture, WIDTH, HEIGHT).unwrap();
            let at = begin + Duration::from_millis(frame as u64 * 200);
            if let Some(Change::Ended(event)) = detector.feed(luma, at).change {
                events.push(event);
            }
        }
        events.extend(detector.end());
        for event in &mut events {
            for at in [&mut event.start, &mut event.last, &mut event.peak_at] {
                *at -= begin;
            }
        }
        events
    };
    let found = from(Duration::ZERO);
    assert_eq!(from(TODAY), found);
    found
}

/// A person walks from left to right, starting at picture 40, with the feet at that line.
fn walk(feet: usize) -> impl Fn(usize) -> Vec<u8> {
    move |frame| match frame {
        40..75 => picture(somebody((frame - 40) * 2, feet - 14)),
        _ => picture(|_, _, behind| behind),
    }
}

fn rectangle(left: f32, top: f32, right: f32, bottom: f32) -> Polygon {
    Polygon::new(vec![
        (left, top),
        (right, top),
        (right, bottom),
        (left, bottom),
    ])
    .unwrap()
}

fn zone(name: &str, polygon: Polygon) -> Zone {
    Zone {
        name: name.into(),
        polygon,
        sensitivity: None,
        min_area: None,
        min_time: Duration::ZERO,
    }
}

#[test]
fn somebody_who_walks_is_one_event_with_begin_end_and_peak() {
    let found = events(Settings::default(), 160, walk(40));
    let [event] = found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(event.cause, Cause::Motion);
    let (start, last) = (event.start.as_secs_f32(), event.last.as_secs_f32());
    assert!(
        (8.0..10.0).contains(&start) && (13.0..15.2).contains(&last),
        "{event:?}"
    );
    // 70 of 4800 samples, on a scale of square roots.
    assert!((20..45).contains(&event.peak), "{event:?}");
    assert!(event.peak_at >= event.start && event.peak_at <= event.last);
}

#[test]
fn motion_counts_in_zones_by_the_feet_and_not_where_nothing_is_looked_at() {
    let settings = |zones: Vec<Zone>, ignore: Vec<Polygon>| Settings {
        zones,
        ignore,
        ..Settings::default()
    };
    let upper = || zone("upper", rectangle(0.0, 0.0, 1.0, 0.6));
    let lower = || zone("lower", rectangle(0.0, 0.6, 1.0, 1.0));
    let found = events(settings(vec![upper(), lower()], vec![]), 160, walk(40));
    let zones: Vec<_> = found.iter().flat_map(|event| event.zones.iter()).collect();
    assert_eq!(zones, [1], "the feet are in the lower one");
    assert_eq!(events(settings(vec![upper()], vec![]), 160, walk(40)), []);
    let ignored = settings(vec![], vec![rectangle(0.0, 0.3, 1.0, 0.8)]);
    assert_eq!(events(ignored, 160, walk(40)), []);
}

#[test]
fn a_zone_has_its_own_area_time_and_sensitivity() {
    let with = |change: fn(&mut Zone)| {
        let mut zone = zone("all", rectangle(0.0, 0.0, 1.0, 1.0));
        change(&mut zone);
        let settings = Settings {
            zones: vec![zone],
            ..Settings::default()
        };
        events(settings, 160, walk(40)).len()
    };
    assert_eq!(with(|_| {}), 1);
    assert_eq!(with(|zone| zone.min_area = Some(0.1)), 0);
    assert_eq!(with(|zone| zone.min_time = Duration::from_secs(30)), 0);
    assert_eq!(with(|zone| zone.min_time = Duration::from_secs(2)), 1);
    assert_eq!(with(|zone| zone.sensitivity = Some(1)), 1);
    let faint = |frame: usize| {
        let seen = walk(40)(frame);
        let behind = picture(|_, _, behind| behind);
        let faint = |(&seen, &behind): (&u8, &u8)| if seen == behind { behind } else { behind + 5 };
        seen.iter().zip(&behind).map(faint).collect()
    };
    let by = |sensitivity| Settings {
        sensitivity,
        ..Settings::default()
    };
    assert_eq!(events(by(50), 160, faint), []);
    assert_eq!(events(by(80), 160, faint).len(), 1);
}

#[test]
fn a_covered_or_turned_camera_is_told_once_and_a_lamp_is_not() {
    let causes = |change: fn(usize, usize, u8) -> u8| -> Vec<_> {
        let found = events(Settings::default(), 200, |frame| {
            picture(|x, y, behind| {
                if frame < 60 {
                    behind
                } else {
                    change(x, y, behind)
                }
            })
        });
        found.iter().map(|event| event.cause).collect()
    };
    let covered = causes(|x, y, _| 40 + (x + y) as u8 / 8);
    assert_eq!(covered, [Cause::Tamper]);
    let turned = causes(|x, y, _| scene(x * 2 + 31, y * 3 + 17).wrapping_mul(2));
    assert_eq!(turned, [Cause::Tamper]);
    assert_eq!(causes(|_, _, behind| behind / 2 + 90), []);
    assert_eq!(causes(|_, _, behind| behind / 4), []);
    assert_eq!(causes(|_, _, _| 3), [], "dark is not covered");
}

#[test]
fn a_camera_that_is_covered_by_somebody_who_was_seen_is_told_too() {
    let covered = |frame: usize| match frame {
        40..60 => walk(40)(frame),
        60.. => picture(|x, y, _| 40 + (x + y) as u8 / 8),
        _ => picture(|_, _, behind| behind),
    };
    let found = events(Settings::default(), 200, covered);
    let causes: Vec<_> = found.iter().map(|event| event.cause).collect();
    assert_eq!(causes, [Cause::Motion, Cause::Tamper]);
    let after = found[1].start.saturating_sub(Duration::from_secs(12));
    assert!((5..6).contains(&after.as_secs()), "{found:?}");
}

#[test]
fn most_of_a_picture_may_be_ignored() {
    let settings = || Settings {
        ignore: vec![rectangle(0.0, 0.0, 1.0, 0.7)],
        ..Settings::default()
    };
    let changed = |change: fn(usize, usize, u8) -> u8| {
        let found = events(settings(), 200, |frame| {
            picture(|x, y, behind| {
                if frame < 60 {
                    behind
                } else {
                    change(x, y, behind)
                }
            })
        });
        found.iter().map(|event| event.cause).collect::<Vec<_>>()
    };
    // The street beside it is dark already.
    let covered = |x: usize, y: usize, behind| {
        if y < 42 {
            behind
        } else {
            40 + (x + y) as u8 / 8
        }
    };
    assert_eq!(changed(covered), [Cause::Tamper]);
    assert_eq!(
        changed(|_, y, behind| if y < 42 { behind } else { behind / 2 + 90 }),
        []
    );
    assert_eq!(
        changed(|_, y, behind| if y < 42 { 255 - behind } else { behind }),
        []
    );
}

/// Brightness with noise of that standard deviation, the same for each seed.
fn noisy(brightness: f32, deviation: f32, seed: usize) -> u8 {
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // Twelve of them have a variance of 1.
    let sum: f32 = (0..12).map(|_| uniform()).sum();
    (brightness + deviation * (sum - 6.0)).round() as u8
}

#[test]
fn somebody_is_seen_before_a_flat_wall_in_noise() {
    for (brightness, deviation) in [(16.0, 1.5), (112.0, 2.5), (112.0, 6.0), (128.0, 0.5)] {
        let pictures = |frame: usize| {
            let is_there = |x: usize, y: usize| {
                (40..75).contains(&frame)
                    && ((frame - 40) * 2..(frame - 40) * 2 + 5).contains(&x)
                    && (26..40).contains(&y)
            };
            picture(|x, y, _| {
                let seed = (frame * HEIGHT + y) * WIDTH + x;
                noisy(
                    if is_there(x, y) { 230.0 } else { brightness },
                    deviation,
                    seed,
                )
            })
        };
        let found = events(Settings::default(), 160, pictures);
        let causes: Vec<_> = found.iter().map(|event| event.cause).collect();
        assert_eq!(causes, [Cause::Motion], "{brightness} ± {deviation}");
    }
}

#[test]
fn pictures_of_any_size_are_looked_at() {
    let samples = vec![90; 40 * 9000];
    for short in 4..40 {
        for long in (300..9000).step_by(397) {
            for (width, height) in [(short, long), (long, short)] {
                let mut detector = Detector::new(Settings::default());
                let luma = Luma::new(&samples[..width * height], width, height).unwrap();
                assert_eq!(detector.feed(luma, Duration::ZERO).score, 0);
            }
        }
    }
}

/// Whether somebody who walks is seen in the 2 s behind a break: pictures of `size` from `ms` on, after 8 s of usual ones.
fn is_seen_behind(size: (usize, usize), ms: u64) -> bool {
    let mut detector = Detector::new(Settings::default());
    for frame in 0..40 {
        let before = picture(|_, _, behind| behind);
        let luma = Luma::new(&before, WIDTH, HEIGHT).unwrap();
        assert_eq!(
            detector
                .feed(luma, Duration::from_millis(frame * 200))
                .score,
            0
        );
    }
    (0..10).any(|frame| {
        let seen = picture(somebody(frame as usize * 2, 26));
        let luma = Luma::new(&seen, size.0, size.1).unwrap();
        let at = Duration::from_millis(ms + frame * 200);
        detector.feed(luma, at).score > 0
    })
}

#[test]
fn pictures_of_another_size_and_times_that_fall_begin_anew() {
    let usual = (WIDTH, HEIGHT);
    assert!(is_seen_behind(usual, 8000), "without a break");
    assert!(is_seen_behind(usual, 16_000), "pictures may be missing");
    assert!(!is_seen_behind(usual, 7000), "times fall");
    assert!(!is_seen_behind(usual, 3_600_000), "an hour is missing");
    assert!(!is_seen_behind((HEIGHT, WIDTH), 8000), "another size");
}

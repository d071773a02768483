//! What is sent of films, and what is seen of them: little of what stands still, all of what moves, and nothing wrong for long.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod film;

use film::{FPS, HEIGHT, Noise, Outcome, Planes, Random, SIZES, WIDTH, play, scenery, still};

/// The longest time for which something may be seen that is not there.
const LONGEST: usize = 10 * FPS + FPS / 2;

fn fine(sigma: f32) -> impl Fn(usize) -> Noise {
    move |_| Noise {
        sigma,
        blotchy: 0.0,
    }
}

/// Nothing that is seen is far from the scene, and none of it for long.
fn check(outcome: &Outcome, ghost: f32) {
    let (largest, longest) = (outcome.ghost(1), outcome.longest);
    assert!(largest <= ghost, "{largest} levels wrong, not {ghost}");
    assert!(longest <= LONGEST, "wrong for {longest} pictures");
}

fn lit(base: &Planes<f32>, by: f32, planes: &mut Planes<f32>) {
    for (sample, base) in planes[0].iter_mut().zip(&base[0]) {
        *sample = base * by;
    }
}

#[test]
fn of_a_still_scene_hardly_anything_is_sent_whatever_its_noise() {
    for sigma in [0.0, 1.0, 2.5, 5.0] {
        let outcome = play(400, true, fine(sigma), |_, _| {});
        let share = outcome.share(100, 400);
        assert!(share < 0.01, "noise of {sigma}: {share}");
        check(&outcome, 1.0 + 0.4 * sigma);
        // Each strip at least once in that time.
        let all: f32 = outcome.shares[60..60 + LONGEST].iter().sum();
        assert!(
            all >= 1.0,
            "noise of {sigma}: only {all} of it was sent anew"
        );
    }
}

#[test]
fn what_stands_still_is_sharper_than_any_picture_of_it_and_without_averaging_it_is_not() {
    let base = still(0.0);
    let [averaged, single] = [true, false].map(|averaging| {
        let outcome = play(90, averaging, fine(4.0), |_, _| {});
        assert!(outcome.share(60, 90) < 0.01);
        let pairs = outcome.seen[0].iter().zip(&base[0]);
        let squares: f32 = pairs
            .map(|(seen, base)| (f32::from(*seen) - base).powi(2))
            .sum();
        (squares / base[0].len() as f32).sqrt()
    });
    assert!(
        averaged < 1.5 && single > 3.0,
        "{averaged} and {single} levels of noise"
    );
}

#[test]
fn without_averaging_each_strip_is_sent_anew_all_the_same() {
    let outcome = play(LONGEST + 60, false, fine(2.5), |_, _| {});
    let all: f32 = outcome.shares[30..].iter().sum();
    assert!((1.0..2.5).contains(&all), "{all}");
}

#[test]
fn blotchy_noise_is_taken_for_noise_after_a_while() {
    let noise = |_| Noise {
        sigma: 2.5,
        blotchy: 0.7,
    };
    let outcome = play(450, true, noise, |_, _| {});
    let share = outcome.share(240, 450);
    assert!(share < 0.1, "{share}");
    check(&outcome, 8.0);
}

#[test]
fn flicker_and_dusk_cost_a_part_and_are_followed() {
    let base = still(0.0);
    let flicker = play(240, true, fine(2.5), |picture, planes| {
        let wave = 0.006 * (picture as f32 * 1.3).sin();
        lit(&base, 1.0 + wave + 0.01 * (picture / 90 % 2) as f32, planes);
    });
    let dusk = play(240, true, fine(2.5), |picture, planes| {
        lit(&base, 0.98_f32.powf(picture as f32 / FPS as f32), planes);
    });
    for outcome in [flicker, dusk] {
        let share = outcome.share(60, 240);
        assert!(share < 0.15, "{share}");
        check(&outcome, 8.0);
    }
}

#[test]
fn after_the_light_has_gone_out_and_noise_has_risen_it_calms_down_within_five_seconds() {
    let base = still(0.0);
    let noise = |picture| Noise {
        sigma: if picture < 30 { 1.0 } else { 5.0 },
        blotchy: 0.0,
    };
    let outcome = play(30 + 6 * FPS, true, noise, |picture, planes| {
        if picture == 30 {
            lit(&base, 0.5, planes);
        }
    });
    assert!(outcome.shares[30] > 0.9, "it was not seen at once");
    let share = outcome.share(30 + 5 * FPS, 30 + 6 * FPS);
    assert!(share < 0.03, "{share}");
    check(&outcome, 8.0);
}

#[test]
fn a_camera_that_turns_is_sent_whole_and_one_that_has_stopped_calms_down() {
    let outcome = play(45 + 3 * FPS, true, fine(2.5), |picture, planes| {
        if picture <= 45 {
            *planes = still(3.0 * picture as f32);
        }
    });
    assert_eq!(outcome.share(0, 45), 1.0);
    let share = outcome.share(45 + 2 * FPS, 45 + 3 * FPS);
    assert!(share < 0.03, "{share}");
    check(&outcome, 8.0);
}

#[test]
fn somebody_who_walks_through_costs_what_they_cover() {
    let base = still(0.0);
    let outcome = play(240, true, fine(2.5), |picture, planes| {
        planes[0].copy_from_slice(&base[0]);
        let left = picture as i32 - 20;
        for y in 60..200 {
            for x in left.max(0)..(left + 30).min(WIDTH as i32) {
                let cloth = 0.3 * scenery((x - left) as f32, y as f32, 0);
                planes[0][y * WIDTH + x as usize] = 60.0 + cloth;
            }
        }
    });
    let share = outcome.share(30, 240);
    assert!((0.05..0.3).contains(&share), "{share}");
    check(&outcome, 8.0);
}

#[test]
fn leaves_cost_the_part_of_the_picture_in_which_they_sway() {
    let outcome = play(120, true, fine(2.5), |picture, planes| {
        let sway = 3.0 * (picture as f32 * 0.2).sin();
        for (place, sample) in planes[0][..HEIGHT * 3 / 10 * WIDTH].iter_mut().enumerate() {
            *sample = scenery((place % WIDTH) as f32 + sway, (place / WIDTH) as f32, 0);
        }
    });
    let share = outcome.share(30, 120);
    assert!((0.15..0.45).contains(&share), "{share}");
    check(&outcome, 8.0);
}

#[test]
fn clipped_highlights_among_noise_are_not_taken_for_change() {
    let mut base = still(0.0);
    for (place, sample) in base[0].iter_mut().enumerate() {
        if (place % WIDTH / 40).is_multiple_of(2) {
            *sample += 160.0;
        }
    }
    let outcome = play(210, true, fine(4.0), |_, planes| planes.clone_from(&base));
    let share = outcome.share(60, 210);
    assert!(share < 0.02, "{share}");
}

#[test]
fn in_a_picture_without_noise_the_smallest_things_are_seen() {
    // Two by two samples that are 15 brighter, and a checkerboard that moves by one sample.
    let outcome = play(40, true, fine(0.0), |picture, planes| {
        planes[0].fill(100.0);
        planes[1].fill(128.0);
        planes[2].fill(128.0);
        if picture >= 20 {
            for place in [0, 1, WIDTH, WIDTH + 1] {
                planes[0][100 * WIDTH + 100 + place] = 115.0;
            }
        }
    });
    assert_eq!(outcome.share(1, 20), 0.0);
    assert_eq!(outcome.seen[0][101 * WIDTH + 101], 115);
    let moved = play(40, true, fine(2.5), |picture, planes| {
        let by = usize::from(picture >= 20);
        for (place, sample) in planes[0].iter_mut().enumerate() {
            let (x, y) = (place % WIDTH + by, place / WIDTH);
            *sample = if (x / 8 + y / 8).is_multiple_of(2) {
                110.0
            } else {
                140.0
            };
        }
    });
    assert_eq!(moved.shares[20], 1.0, "it moved at once, everywhere");
}

#[test]
fn a_lamp_of_three_by_three_samples_is_followed_exactly() {
    let base = still(0.0);
    let is_on = |picture: usize| picture / 15 % 2 == 1;
    let outcome = play(136, true, fine(2.5), |picture, planes| {
        planes[0].copy_from_slice(&base[0]);
        if is_on(picture) {
            for line in 0..3 {
                for sample in &mut planes[0][(90 + line) * WIDTH + 203..][..3] {
                    *sample += 60.0;
                }
            }
        }
    });
    for picture in (45..136).step_by(15) {
        assert!(outcome.shares[picture] > 0.0, "picture {picture}");
    }
    assert!(outcome.share(40, 136) < 0.02);
    let (lamp, dark) = (outcome.seen[0][91 * WIDTH + 204], base[0][91 * WIDTH + 204]);
    assert!(
        is_on(135) && f32::from(lamp) > dark + 45.0,
        "{lamp} over {dark}"
    );
}

#[test]
fn a_thin_line_that_moves_leaves_no_trail() {
    let base = still(0.0);
    let outcome = play(120, true, fine(2.5), |picture, planes| {
        planes[0].copy_from_slice(&base[0]);
        for line in 40..180 {
            planes[0][line * WIDTH + 20 + 2 * picture] += 20.0;
        }
    });
    check(&outcome, 4.0);
}

#[test]
fn whatever_is_shown_nothing_panics_and_it_calms_down() {
    let mut random = Random::new(3);
    let outcome = play(90, true, fine(1.0), |picture, planes| {
        for ((width, _), samples) in SIZES.iter().zip(planes) {
            if picture < 30 {
                let level = (random.next() % 256) as f32;
                let from = random.next() as usize % samples.len();
                let to = samples.len().min(from + 40 * width);
                samples[from..to].fill(level);
            }
        }
    });
    let share = outcome.share(60, 90);
    assert!(share < 0.1, "{share}");
}

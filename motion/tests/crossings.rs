//! What a detector finds in clips that are drawn: nearly all people, and hardly anything else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clips;

use clips::judge::look;
use clips::list;

/// The seed of the clips. The thresholds were chosen on clips of seed 1.
const SEED: u64 = 2;

#[test]
fn nearly_all_people_are_found_and_hardly_anything_else() {
    let (_, seldom) = list::empty(SEED);
    let clips: Vec<_> = list::crossings(SEED).into_iter().chain(seldom).collect();
    let seconds: u32 = clips.iter().map(|clip| clip.seconds).sum();
    let all: Vec<_> = clips.iter().map(look).collect();
    let walkers: usize = all.iter().map(|it| it.walkers).sum();
    let missed: Vec<_> = all.iter().flat_map(|it| &it.missed).collect();
    let wrong: Vec<_> = all.iter().flat_map(|it| &it.false_events).collect();
    println!("{walkers} crossings in {seconds} s missed: {missed:#?}, false: {wrong:#?}");
    assert!(missed.len() * 20 <= walkers, "{missed:#?} of {walkers}");
    assert!(
        wrong.len() as f32 <= 6.0 * seconds as f32 / 3600.0,
        "{wrong:#?} in {seconds} s"
    );
}

#[test]
fn nothing_is_found_in_noise_and_changes_of_light() {
    for clip in list::empty(SEED).0 {
        let found = look(&clip);
        assert!(found.false_events.is_empty(), "{:#?}", found.false_events);
    }
}

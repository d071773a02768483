//! Looks at the clips of a seed: `cargo run --example clips -- SEED`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../tests/clips/mod.rs"]
mod clips;

use clips::judge::look;
use clips::list;

fn main() {
    let seed = std::env::args()
        .nth(1)
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let (never, seldom) = list::empty(seed);
    for clip in list::crossings(seed).iter().chain(&never).chain(&seldom) {
        let begin = std::time::Instant::now();
        let found = look(clip);
        let missed = found.missed.len();
        println!(
            "{:24} {:4} s  found {} of {}, false {}, {:.1} s",
            clip.name,
            clip.seconds,
            found.walkers - missed,
            found.walkers,
            found.false_events.len(),
            begin.elapsed().as_secs_f32(),
        );
        for line in found.missed.iter().chain(&found.false_events) {
            println!("    {line}");
        }
    }
}

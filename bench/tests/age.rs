//! Over a slow or a far link a viewer that acknowledges sees new pictures, and as many as the link can carry.
//!
//! The bounds are those of `docs/performance.md`, made generous for a busy machine. How they are met on every kind of
//! link is tested beside the protocol's credit.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use pistreamer_bench::age::{Arrival, Kind, look};
use pistreamer_bench::picture;
use pistreamer_bench::stats::{median, percentile, sorted};
use pistreamer_bench::throttle::{Link, Throttle};
use std::thread;
use std::time::{Duration, Instant};
use support::{FPS, Server};

const FRAME: usize = 32_000;
const RTT: Duration = Duration::from_millis(100);

/// What simultaneous viewers see, each over its own link, once their windows are found.
fn see<const N: usize>(server: &Server, link: Link, kinds: [Kind; N]) -> [Vec<Arrival>; N] {
    const FOUND: Duration = Duration::from_secs(3);
    let began = Instant::now();
    let looking = kinds.map(|kind| {
        let throttle = Throttle::open(server.address, link).unwrap();
        thread::spawn(move || look(throttle.address(), kind, FOUND * 2).unwrap())
    });
    looking.map(|looking| {
        let mut arrivals = looking.join().unwrap();
        arrivals.retain(|arrival| arrival.at > began + FOUND);
        arrivals
    })
}

fn fps(arrivals: &[Arrival]) -> f64 {
    let (first, last) = (arrivals[0].at, arrivals[arrivals.len() - 1].at);
    (arrivals.len() - 1) as f64 / (last - first).as_secs_f64()
}

fn age(arrivals: &[Arrival], p: f64) -> f64 {
    percentile(&sorted(arrivals.iter().map(|arrival| arrival.age_ms)), p)
}

#[test]
fn over_a_slow_link_the_picture_is_new_and_the_link_full() {
    let server = Server::start(FRAME, &["--no-auth"]);
    let frame = Duration::from_millis(80);
    let link = Link {
        bytes_per_second: FRAME as f64 / frame.as_secs_f64(),
        delay: RTT / 2,
        queue: 10 * FRAME,
    };
    let [acknowledging, silent] = see(&server, link, [Kind::Acknowledging, Kind::Silent]);
    let bound = (RTT + 2 * frame).as_secs_f64() * 1e3;
    let p99 = age(&acknowledging, 0.99);
    assert!(p99 < 2.0 * bound, "{p99:.0} ms old, not {bound:.0}");
    let possible = 1.0 / frame.as_secs_f64();
    let got = fps(&acknowledging);
    assert!(got > 0.75 * possible, "{got:.1} of {possible:.1} fps");
    let [with, without] = [&acknowledging, &silent].map(|arrivals| age(arrivals, 0.5));
    assert!(
        with < 0.75 * without,
        "with acknowledgements {with:.0} ms old, without {without:.0}"
    );
}

#[test]
fn over_a_far_link_every_frame_arrives() {
    let server = Server::start(FRAME, &["--no-auth"]);
    let link = Link {
        bytes_per_second: 4.0 * FPS * FRAME as f64,
        delay: RTT,
        queue: 0,
    };
    let [arrivals] = see(&server, link, [Kind::Acknowledging]);
    let step = median(
        arrivals
            .windows(2)
            .map(|pair| (pair[1].seq - pair[0].seq) as f64),
    );
    assert_eq!(
        step, 1.0,
        "frames are left out on a link with room for them"
    );
    let got = fps(&arrivals);
    assert!(got > 0.75 * FPS, "{got:.1} of {FPS} fps");
}

#[test]
fn over_a_far_link_small_frames_are_not_taken_for_a_slow_one() {
    // A whole picture each second, and between them those in which little has changed.
    let mut sizes = [2_000; FPS as usize];
    sizes[0] = 180_000;
    let server = Server::show(picture::directory_of(&sizes).unwrap(), &["--no-auth"]);
    let link = Link {
        bytes_per_second: 4e6,
        delay: RTT / 2,
        queue: 0,
    };
    let [arrivals] = see(&server, link, [Kind::Acknowledging]);
    let got = fps(&arrivals);
    assert!(got > 0.75 * FPS, "{got:.1} of {FPS} fps");
}

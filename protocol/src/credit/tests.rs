//! Credit over simulated links: none of them has a clock, so that the same thing happens every time.

// Emulated, the simulated hours take a minute, and there is only arithmetic to be seen.
#[cfg(target_arch = "x86_64")]
mod unequal;

use super::*;

/// A camera, a link with an endless queue before it, and a viewer that acknowledges what arrives.
#[derive(Clone, Copy, Debug)]
struct World {
    fps: f64,
    /// Bytes of a frame on average, and how far it may be from that, as a part.
    frame: f64,
    sizes: f64,
    /// Bytes of each frame, by its number, where they are of different kinds.
    mix: Option<fn(u64) -> f64>,
    /// Bytes a second, and from a time on.
    rate: f64,
    change: Option<(f64, f64)>,
    /// Seconds there and back without anything to carry.
    rtt: f64,
    /// Seconds that a frame comes late at most.
    jitter: f64,
    /// From when until when nothing moves.
    standstill: Option<(f64, f64)>,
}

const WORLD: World = World {
    fps: 30.0,
    frame: 128e3,
    sizes: 0.0,
    mix: None,
    rate: 1e6,
    change: None,
    rtt: 0.1,
    jitter: 0.0,
    standstill: None,
};

/// Frames that arrived: when, how old, and of how many bytes.
struct Outcome(Vec<(f64, f64, f64)>);

impl Outcome {
    fn between(&self, from: f64, to: f64) -> Vec<f64> {
        let inside = self.0.iter().filter(|(at, ..)| (from..to).contains(at));
        inside.map(|(_, age, _)| *age).collect()
    }

    fn bytes(&self, from: f64, to: f64) -> f64 {
        let inside = self.0.iter().filter(|(at, ..)| (from..to).contains(at));
        inside.map(|(_, _, bytes)| bytes).sum()
    }

    fn fps(&self, from: f64, to: f64) -> f64 {
        self.between(from, to).len() as f64 / (to - from)
    }

    fn p99(&self, from: f64, to: f64) -> f64 {
        let mut ages = self.between(from, to);
        ages.sort_by(f64::total_cmp);
        ages[(ages.len() * 99).div_ceil(100) - 1]
    }
}

/// The same numbers from 0 to 1 each time.
fn random() -> impl FnMut() -> f64 {
    let mut state = 1_u64;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    }
}

/// What decides when the next frame is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sender {
    Credit,
    /// Knows the link, and sends whenever it has nothing left to carry.
    Oracle,
}

fn simulate(world: World, end: f64) -> Outcome {
    simulate_as(Sender::Credit, world, end)
}

fn simulate_as(sender: Sender, world: World, end: f64) -> Outcome {
    /// What a socket takes before the first acknowledgement comes back.
    const SOCKET: usize = 3;
    let zero = Instant::now();
    let at = |time: f64| zero + Duration::from_secs_f64(time);
    let mut random = random();
    let mut credit = Credit::new(zero);
    let mut acks = VecDeque::new();
    let mut outcome = Outcome(Vec::new());
    let (mut now, mut link_free, mut last_arrival) = (0.0_f64, 0.0_f64, 0.0_f64);
    let mut next_seq = 0;
    let mut answered: Option<f64> = None;
    let mut steps = 0;
    while now < end {
        steps += 1;
        assert!(
            steps < 1_000_000,
            "{world:?}: waits for a time that is over"
        );
        while let Some(&(due, seq)) = acks.front()
            && due <= now
        {
            acks.pop_front();
            credit.acknowledged(seq, at(now));
        }
        let newest = (now * world.fps + 1e-9) as u64;
        if answered.is_some_and(|due| due <= now) {
            answered = None;
            credit.arrived();
        }
        let room = match sender {
            Sender::Credit => credit.room(at(now)),
            Sender::Oracle if link_free <= now => Room::Now,
            Sender::Oracle => Room::At(at(link_free)),
        };
        if room == Room::Unknown && answered.is_none() {
            // A ping goes behind the frames.
            answered = Some(last_arrival.max(now + world.rtt / 2.0) + world.rtt / 2.0);
        }
        let takes = credit.last_ack().is_some() || outcome.0.len() < SOCKET;
        if room == Room::Now && newest >= next_seq && takes {
            let bytes = match world.mix {
                Some(mix) => mix(newest),
                None => world.frame * (1.0 + world.sizes * (2.0 * random() - 1.0)),
            };
            credit.sent(newest, bytes as usize, at(now));
            let begin = link_free.max(now);
            let rate = match world.change {
                Some((since, rate)) if begin >= since => rate,
                _ => world.rate,
            };
            link_free = begin + bytes / rate;
            if let Some((from, to)) = world.standstill
                && link_free > from
                && begin < to
            {
                link_free = to + (link_free - begin.max(from));
            }
            let arrival = link_free + world.rtt / 2.0 + world.jitter * random();
            last_arrival = arrival.max(last_arrival);
            let captured = newest as f64 / world.fps;
            outcome
                .0
                .push((last_arrival, last_arrival - captured, bytes));
            acks.push_back((last_arrival + world.rtt / 2.0, newest));
            next_seq = newest + 1;
            continue;
        }
        let frame = if newest >= next_seq {
            now
        } else {
            next_seq as f64 / world.fps
        };
        let allowed = match room {
            Room::At(until) => (until - zero).as_secs_f64(),
            Room::Now if takes => 0.0,
            Room::Now | Room::Unknown => f64::INFINITY,
        };
        let ack = acks.front().map_or(f64::INFINITY, |(due, _)| *due);
        let heard = ack.min(answered.unwrap_or(f64::INFINITY));
        now = frame.max(allowed).min(heard).max(now + 1e-6);
    }
    outcome
}

/// Every combination of links, cameras and frames.
fn worlds(jitter: f64) -> impl Iterator<Item = World> {
    let shares = [0.1, 0.25, 0.4, 0.7, 0.95, 1.05, 1.5, 5.0];
    let rtts = [0.001, 0.01, 0.05, 0.1, 0.2, 0.4];
    let cameras = [
        (10.0, 0.0),
        (10.0, 0.3),
        (30.0, 0.0),
        (30.0, 0.3),
        (60.0, 0.0),
        (60.0, 0.3),
    ];
    let links = shares
        .into_iter()
        .flat_map(move |share| rtts.map(|rtt| (share, rtt)));
    links.flat_map(move |(share, rtt)| {
        cameras.map(|(fps, sizes)| World {
            fps,
            sizes,
            rate: share * fps * WORLD.frame,
            rtt,
            jitter,
            ..WORLD
        })
    })
}

/// Time to find a window, and the end.
const WARM: f64 = 4.0;
const END: f64 = 40.0;

fn utilisation(world: World, outcome: &Outcome) -> f64 {
    outcome.fps(WARM, END) / world.fps.min(world.rate / world.frame)
}

/// A round trip, two frames on the link, and a camera's interval: the newest frame can be so old when it is sent.
fn bound(world: World) -> f64 {
    let longest = world.frame * (1.0 + world.sizes) / world.rate;
    world.rtt + 2.0 * longest + 1.0 / world.fps
}

#[test]
fn every_steady_link_is_filled_and_nothing_grows_old_before_it() {
    for world in worlds(0.0).chain(worlds(0.005)) {
        let outcome = simulate(world, END);
        let (used, p99) = (utilisation(world, &outcome), outcome.p99(WARM, END));
        assert!(used > 0.9, "{world:?}: only {used:.2} of the link is used");
        let bound = bound(world) + world.jitter;
        assert!(p99 < bound, "{world:?}: {p99:.3} s old, not {bound:.3}");
    }
}

#[test]
fn jitter_costs_no_more_than_it_must() {
    for (jitter, least) in [(0.03, 0.85), (0.1, 0.65)] {
        for world in worlds(jitter) {
            let outcome = simulate(world, END);
            let (used, p99) = (utilisation(world, &outcome), outcome.p99(WARM, END));
            assert!(
                used > least,
                "{world:?}: only {used:.2} of the link is used"
            );
            let bound = bound(world) + 3.0 * jitter;
            assert!(p99 < bound, "{world:?}: {p99:.3} s old, not {bound:.3}");
        }
    }
}

#[test]
fn a_link_that_becomes_slower_is_followed_within_two_seconds() {
    for (share, rtt) in [(0.5, 0.02), (0.5, 0.1), (0.25, 0.1), (0.25, 0.2)] {
        let before = 1.2 * WORLD.fps * WORLD.frame;
        let world = World {
            rate: before,
            change: Some((10.0, before * share)),
            rtt,
            ..WORLD
        };
        let outcome = simulate(world, 20.0);
        let after = World {
            rate: before * share,
            ..world
        };
        let p99 = outcome.p99(12.0, 20.0);
        assert!(p99 < bound(after), "{world:?}: {p99:.3} s old");
    }
}

#[test]
fn a_link_that_becomes_far_slower_is_full_all_the_same() {
    for (before, after, rtt) in [
        (8e6, 2e6, 0.1),
        (8e6, 2e6, 0.2),
        (10e6, 1e6, 0.1),
        (10e6, 1e6, 0.2),
    ] {
        let world = World {
            rate: before,
            change: Some((10.0, after)),
            rtt,
            ..WORLD
        };
        let fps = simulate(world, 20.0).fps(13.0, 20.0);
        let possible = after / world.frame;
        assert!(
            fps > 0.9 * possible,
            "{world:?}: {fps:.1} fps of {possible:.1}"
        );
    }
}

#[test]
fn a_link_that_becomes_faster_is_filled_within_three_seconds() {
    for rtt in [0.02, 0.1, 0.2] {
        let world = World {
            change: Some((10.0, 10e6)),
            rtt,
            ..WORLD
        };
        let fps = simulate(world, 20.0).fps(13.0, 20.0);
        assert!(fps > 27.0, "{world:?}: {fps:.1} fps of 30");
    }
}

#[test]
fn after_a_standstill_the_picture_is_soon_new_and_the_link_full() {
    let world = World {
        standstill: Some((10.0, 15.0)),
        ..WORLD
    };
    let outcome = simulate(world, 30.0);
    let arrived = outcome.0.iter().filter(|(at, ..)| *at > 15.0);
    let old = arrived.filter(|(at, age, _)| at - age < 14.9).count();
    // Those that were under way.
    assert!(old <= 3, "{old} old frames came first");
    let p99 = outcome.p99(17.0, 30.0);
    assert!(p99 < bound(world), "{p99:.3} s old");
    let fps = outcome.fps(17.0, 30.0);
    assert!(fps > 0.9 * world.rate / world.frame, "{fps:.1} fps");
}

#[test]
fn a_longer_way_is_taken_for_what_it_is_after_some_seconds() {
    // The route changes: every trip takes 150 ms more. What is under way is let arrive once, and measured.
    let start = Instant::now();
    let mut credit = Credit::new(start);
    let mut under_way = VecDeque::new();
    let mut sent = Vec::new();
    for ms in 0..40_000_u64 {
        let now = start + Duration::from_millis(ms);
        while let Some(&(due, seq)) = under_way.front()
            && due <= ms
        {
            under_way.pop_front();
            credit.acknowledged(seq, now);
        }
        if ms % 33 == 0 && credit.room(now) == Room::Now {
            credit.sent(ms, 128_000, now);
            under_way.push_back((ms + if ms < 10_000 { 50 } else { 200 }, ms));
            sent.push(ms);
        }
    }
    let late = sent.iter().filter(|ms| **ms >= 25_000).count();
    assert!(late > 430, "{late} of 454 frames");
}

#[test]
fn a_viewer_that_never_acknowledges_is_never_blocked() {
    let now = Instant::now();
    let mut credit = Credit::new(now);
    for seq in 1..1000 {
        assert_eq!(credit.room(now), Room::Now);
        credit.sent(seq, 1000, now);
    }
}

#[test]
fn a_receiver_that_is_known_to_acknowledge_is_bounded_from_the_start() {
    let start = Instant::now();
    let mut credit = Credit::acknowledged_always(start);
    for seq in 0..FIRST_WINDOW as u64 {
        assert_eq!(credit.room(start), Room::Now);
        credit.sent(seq, 1000, start);
    }
    assert_eq!(credit.room(start), Room::At(start + PATIENCE));
    // Both arrived, so the way is free.
    credit.acknowledged(1, start + PATIENCE / 2);
    assert_eq!(credit.room(start + PATIENCE / 2), Room::Now);
}

#[test]
fn a_viewer_that_stops_acknowledging_gets_one_frame_more_and_then_one_a_second() {
    let start = Instant::now();
    let mut credit = Credit::new(start);
    let mut now = start;
    for seq in 1..=10 {
        credit.sent(seq, 1000, now);
        now += Duration::from_millis(5);
        credit.acknowledged(seq, now);
        now += Duration::from_millis(28);
    }
    let mut sent = Vec::new();
    for seq in 11..=200 {
        if credit.room(now) == Room::Unknown {
            // Its socket answers all the same.
            credit.arrived();
        }
        if credit.room(now) == Room::Now {
            credit.sent(seq, 1000, now);
            sent.push(seq);
        }
        now += Duration::from_millis(33);
    }
    assert!(
        (7..=9).contains(&sent.len()),
        "6.3 s after the last ack these were sent: {sent:?}"
    );
}

#[test]
fn an_ack_for_a_frame_that_was_never_sent_gives_no_credit() {
    let now = Instant::now();
    let mut credit = Credit::new(now);
    credit.sent(1, 1000, now);
    credit.sent(2, 1000, now);
    credit.acknowledged(1_000_000, now);
    assert_eq!(credit.room(now), Room::At(now + PATIENCE));
    assert_eq!(credit.last_ack(), None);
}

#[test]
fn frames_that_arrive_and_are_never_drawn_block_for_a_second_each() {
    let start = Instant::now();
    let mut credit = Credit::new(start);
    credit.acknowledged(0, start);
    credit.sent(1, 1000, start);
    credit.sent(2, 1000, start);
    assert_eq!(credit.room(start), Room::At(start + PATIENCE));
    let later = start + PATIENCE;
    assert_eq!(credit.room(later), Room::Unknown);
    credit.arrived();
    assert_eq!(credit.room(later), Room::Now);
    credit.sent(3, 1000, later);
    assert_eq!(credit.room(later), Room::At(later + PATIENCE));
}

#[test]
fn while_nothing_is_known_to_have_arrived_nothing_more_is_sent() {
    let start = Instant::now();
    let mut credit = Credit::acknowledged_always(start);
    credit.sent(1, 1000, start);
    credit.sent(2, 1000, start);
    let late = start + Duration::from_secs(600);
    assert_eq!(credit.room(late), Room::Unknown);
    credit.acknowledged(2, late);
    assert_eq!(credit.room(late), Room::Now);
}

#[test]
fn acks_in_any_order_and_at_any_time_are_survived() {
    let mut random = random();
    let mut now = Instant::now();
    let mut credit = Credit::new(now);
    for seq in 0..10_000 {
        credit.sent(seq, (random() * 2.0) as usize * 1000, now);
        if random() < 0.5 {
            now += Duration::from_secs_f64((random() * 8.0).powi(3) / 100.0);
        }
        credit.acknowledged((seq as f64 * random() * 1.2) as u64, now);
        if let Room::At(until) = credit.room(now) {
            assert!(until > now && until < now + Duration::from_secs(300));
        }
    }
}

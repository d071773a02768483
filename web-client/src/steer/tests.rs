//! The rules against a made-up camera behind a made-up link.

use super::*;

/// A camera of 30 frames a second and 1280 pixels, of 40 kB a frame, behind a link.
struct World {
    steering: Steering,
    now: f64,
    /// How long this device draws a frame of the full size, in ms. It takes the next one when that is done.
    drawing: f64,
    /// When the next frame may come.
    free_at: f64,
    due_at: f64,
    noise: u32,
    changes: Vec<(f64, Want)>,
}

const FPS: f64 = 30.0;
const FULL_BYTES: f64 = 40_000.0;
/// What the whole stream takes, in Mbit/s.
const WHOLE: f64 = FULL_BYTES * 8.0 * FPS / 1e6;

impl World {
    fn new(pixels: f64) -> Self {
        let mut steering = Steering::default();
        steering.place(0.0, 1280, pixels);
        Self {
            steering,
            now: 0.0,
            drawing: 3.0,
            free_at: 0.0,
            due_at: 0.0,
            noise: 1,
            changes: Vec::new(),
        }
    }

    /// Simulates some seconds on a link of that rate in Mbit/s, with that relative jitter.
    fn run(&mut self, seconds: f64, mbit: f64, unsteady: f64) -> &mut Self {
        let end = self.now + seconds * 1000.0;
        while self.now < end {
            let want = self.steering.want();
            let halvings = (1280 / want.max_width.unwrap_or(1280)).ilog2();
            let bytes = FULL_BYTES / 3.0_f64.powi(halvings as i32);
            self.noise = self
                .noise
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let random = f64::from(self.noise >> 8) / f64::from(1 << 24) * 2.0 - 1.0;
            let took = bytes * 8.0 / (mbit * 1000.0 * (1.0 + unsteady * random));
            // The newest frame is sent when the link is free, and the pace allows it.
            if self.now >= self.free_at && self.now >= self.due_at - 1.0 {
                let interval = want.max_fps.map_or(0.0, |fps| 1000.0 / f64::from(fps));
                self.due_at = self.due_at.max(self.now - interval) + interval;
                let drawing = self.drawing / 4.0_f64.powi(halvings as i32);
                self.free_at = self.now + took.max(drawing);
                let seq = (self.now * FPS / 1000.0).round() as u64;
                (self.steering).frame(self.now + took + drawing, seq, bytes, drawing);
            }
            self.now += 1000.0 / FPS;
            self.steering.tick(self.now);
            let now = self.steering.want();
            if now != want {
                self.changes.push((self.now, now));
            }
        }
        self
    }
}

fn want(max_width: Option<u32>, max_fps: Option<u32>) -> Want {
    Want { max_width, max_fps }
}

#[test]
fn a_link_that_carries_all_is_left_alone() {
    let mut world = World::new(2000.0);
    world.run(1800.0, WHOLE * 1.5, 0.2);
    assert_eq!(world.changes, []);
    assert_eq!(world.steering.reason(), Reason::Whole);
}

#[test]
fn the_rate_is_halved_first_and_then_the_size() {
    let mut world = World::new(2000.0);
    world.run(12.0, WHOLE * 0.6, 0.0);
    assert_eq!(world.steering.want(), want(None, Some(15)));
    world.run(12.0, WHOLE * 0.37, 0.0);
    assert_eq!(world.steering.want(), want(Some(640), None));
    assert!(matches!(world.steering.reason(), Reason::Link(mbit) if mbit < WHOLE * 0.4));
}

#[test]
fn a_link_far_too_small_is_fitted_within_seconds() {
    let mut world = World::new(2000.0);
    world.run(30.0, WHOLE * 0.02, 0.0);
    let settled = world.steering.want();
    assert!(settled.max_width == Some(160), "{settled:?}");
}

#[test]
fn on_a_link_that_is_too_small_it_settles_and_tries_ever_more_rarely() {
    for share in [0.07, 0.15, 0.3, 0.45, 0.7] {
        let mut world = World::new(2000.0);
        world.run(3600.0, WHOLE * share, 0.1);
        let times: Vec<f64> = world.changes.iter().map(|(at, _)| at / 1000.0).collect();
        let late = times.iter().filter(|at| **at > 1800.0).count();
        // In the second half hour: a try every five minutes, and back.
        assert!(late <= 14, "{share}: {late} changes, at {times:?}");
        assert!(times.len() < 50, "{share}: {times:?}");
        // Never faster than the room is looked for.
        let tries = world
            .changes
            .windows(3)
            .filter(|three| three[0].1 == three[2].1 && three[2].0 - three[0].0 < FIRST_HOLD / 2.0);
        assert!(tries.count() <= times.len() / 2 + 1, "{share}: {times:?}");
    }
}

#[test]
fn a_device_that_is_too_slow_is_not_called_a_slow_link() {
    let mut world = World::new(2000.0);
    world.drawing = 50.0;
    world.run(12.0, WHOLE * 20.0, 0.0);
    assert_eq!(world.steering.want(), want(None, Some(15)));
    assert_eq!(world.steering.reason(), Reason::Device);
}

#[test]
fn when_the_link_has_room_again_the_picture_comes_back_whole() {
    let mut world = World::new(2000.0);
    world.run(20.0, WHOLE * 0.25, 0.1);
    assert_ne!(world.steering.want(), Want::default());
    world.run(90.0, WHOLE * 2.0, 0.1);
    assert_eq!(world.steering.want(), Want::default());
    assert_eq!(world.steering.reason(), Reason::Whole);
}

#[test]
fn a_short_disturbance_costs_nothing() {
    let mut world = World::new(2000.0);
    world.run(60.0, WHOLE * 2.0, 0.0);
    world.run(1.0, WHOLE * 0.2, 0.0);
    world.run(60.0, WHOLE * 2.0, 0.0);
    assert_eq!(world.changes, []);
}

#[test]
fn while_no_frames_come_nothing_is_decided() {
    let mut world = World::new(2000.0);
    world.run(4.0, WHOLE * 0.6, 0.0);
    assert_eq!(world.steering.want(), Want::default());
    for second in 0..60 {
        world.steering.tick(world.now + f64::from(second) * 1000.0);
    }
    assert_eq!(world.steering.want(), Want::default());
}

#[test]
fn a_small_place_on_the_screen_asks_for_a_small_picture_once_it_lasts() {
    let mut steering = Steering::default();
    steering.place(0.0, 1920, 400.0);
    assert_eq!(steering.want(), want(Some(480), None));
    assert_eq!(steering.reason(), Reason::Screen);
    // While a window is dragged, nothing is asked for.
    for ms in 0..400 {
        steering.place(f64::from(ms), 1920, 1500.0);
    }
    steering.place(401.0, 1920, 700.0);
    assert_eq!(steering.want(), want(Some(480), None));
    steering.place(1000.0, 1920, 700.0);
    assert_eq!(steering.want(), want(Some(960), None));
    // A little stretched is as good.
    steering.place(1500.0, 1920, 1050.0);
    steering.place(2500.0, 1920, 1050.0);
    assert_eq!(steering.want(), want(Some(960), None));
}

#[test]
fn what_is_pinned_stays_whatever_the_link_carries() {
    let mut world = World::new(300.0);
    world.steering.choose(0.0, Size::Half);
    world.run(120.0, WHOLE * 0.05, 0.1);
    assert_eq!(world.steering.want(), want(Some(640), None));
    assert_eq!(world.steering.reason(), Reason::Pinned);
    world.steering.choose(world.now, Size::Full);
    assert_eq!(world.steering.want(), Want::default());
    assert_eq!(Size::Quarter.next(), Size::Auto);
    assert_eq!(Size::from_name("half"), Size::Half);
}

#[test]
fn before_anything_is_known_nothing_is_asked_for() {
    let mut steering = Steering::default();
    steering.place(0.0, 0, 300.0);
    steering.tick(0.0);
    assert_eq!(steering.want(), Want::default());
    steering.choose(0.0, Size::Half);
    assert_eq!(steering.want(), Want::default());
}

#[test]
fn at_first_the_place_on_the_screen_alone_decides() {
    let mut steering = Steering::default();
    assert_eq!(steering.first_want(440.0), want(Some(400), None));
    // In no place yet, and where the picture's shape decides how long its lines are.
    for pixels in [0.0, f64::INFINITY] {
        assert_eq!(steering.first_want(pixels), Want::default());
    }
    steering.choose(0.0, Size::Full);
    assert_eq!(steering.first_want(440.0), Want::default());
}

#[test]
fn where_few_frames_are_of_use_no_more_are_asked_for_and_none_are_missed() {
    let mut world = World::new(2000.0);
    world.steering.cap(0.0, Some(5));
    world.run(120.0, WHOLE * 0.3, 0.1);
    assert_eq!(world.changes, []);
    assert_eq!(world.steering.want(), want(None, Some(5)));
    // Too little for these as well.
    world.run(30.0, WHOLE * 0.05, 0.1);
    assert_eq!(world.steering.want(), want(Some(640), Some(5)));
    world.steering.cap(world.now, None);
    assert_eq!(world.steering.want(), Want::default());
}

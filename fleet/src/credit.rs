//! How many frames of a camera an edge has asked its broker for: pure, told the time.
//!
//! A broker keeps what a slow client has not taken, without a bound on its age. So an edge asks for one frame at a time: whatever
//! stalls, the broker holds no more of a camera than was asked for. Where the way to the broker is long, one at a time would leave
//! it idle, so that more are asked for, up to what fills it; where frames are missing, one more than that. Where frames grow old, it
//! is one at a time again.
//!
//! What publishers may have under way to their broker is `pistreamer_protocol::credit`'s, as for viewers.

use pistreamer_protocol::held_up::HeldUp;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Most frames that are asked for at a time.
pub const MOST: usize = 8;

/// Growth of a frame's age that says that frames wait on their way.
const QUEUEING: f64 = 0.1;

/// How long the least age that was seen counts: clocks run apart, and ways change.
const LEAST_HOLDS: Duration = Duration::from_secs(10);

/// How long one frame at a time is asked for after frames grew old.
const CAREFUL: Duration = Duration::from_secs(10);

/// Frames that may come faster than the camera says that they do, at once and for each one that it takes: timers are not exact.
const BURST: f64 = 8.0;
const SURPLUS: f64 = 2.0;

/// The rate of a camera that says none.
const UNKNOWN_RATE: f64 = 60.0;

/// Longest time after which it is looked again whether a frame may be asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a frame that came is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It is to be shown.
    Shown,
    /// It is older than one that was shown.
    Older,
    /// A stall delayed it, and a newer one is on its way.
    HeldUp,
    /// It was not asked for.
    Unasked,
}

/// A frame that came.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// The subscription that it came for.
    pub sid: u64,
    /// Its number.
    pub seq: u64,
    /// Seconds from its capture, by the publisher's clock, to now, by the edge's.
    pub age: f64,
}

/// The credit of one camera in one rendition.
#[derive(Debug)]
pub struct Credit {
    asked: VecDeque<u64>,
    /// How many are to be asked for at a time.
    window: usize,
    last_seq: Option<u64>,
    arrived: Option<Instant>,
    /// Seconds between frames, on average.
    interval: Option<f64>,
    /// The least age of a frame, and when it was seen.
    least: Option<(f64, Instant)>,
    /// Frames since the window was changed, and those of them before which some were missing.
    since: usize,
    missing: usize,
    /// When frames last grew old.
    grew_old: Option<Instant>,
    held_up: HeldUp,
    /// Frames that may be asked for before their time, and when that was counted.
    surplus: f64,
    counted: Option<Instant>,
    begun: Option<Instant>,
}

impl Default for Credit {
    fn default() -> Self {
        Self {
            asked: VecDeque::new(),
            window: 1,
            last_seq: None,
            arrived: None,
            interval: None,
            least: None,
            since: 0,
            missing: 0,
            grew_old: None,
            held_up: HeldUp::default(),
            surplus: BURST,
            counted: None,
            begun: None,
        }
    }
}

impl Credit {
    /// One frame was asked for.
    pub fn asks(&mut self, sid: u64) {
        self.asked.push_back(sid);
    }

    /// Whether one more frame is to be asked for: at once (`None`), or at that time. `fps` is the rate that the camera announces;
    /// one that sends faster gets no more credit than that.
    pub fn is_due(&mut self, fps: f64, now: Instant) -> Option<Option<Instant>> {
        if self.asked.len() >= self.window {
            return None;
        }
        let rate = if fps > 0.0 { fps } else { UNKNOWN_RATE } * SURPLUS;
        if let Some(counted) = self.counted {
            let passed = now.saturating_duration_since(counted).as_secs_f64();
            self.surplus = (self.surplus + passed * rate).min(BURST);
        }
        self.counted = Some(now);
        if self.surplus >= 1.0 {
            self.surplus -= 1.0;
            return Some(None);
        }
        let wait = Duration::try_from_secs_f64((1.0 - self.surplus) / rate);
        // It may be longer than there is time.
        Some(Some(now + wait.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)))
    }

    /// What came for a subscription is no frame of this camera's publisher, and says nothing about it.
    pub fn is_used_up(&mut self, sid: u64) {
        self.asked.retain(|asked| *asked != sid);
    }

    /// A frame came. `round_trip` is that to the broker.
    pub fn comes(&mut self, frame: &Frame, round_trip: Option<Duration>, now: Instant) -> Came {
        let Some(at) = self.asked.iter().position(|sid| *sid == frame.sid) else {
            return Came::Unasked;
        };
        self.asked.remove(at);
        let begun = *self.begun.get_or_insert(now);
        let ms = now.saturating_duration_since(begun).as_secs_f64() * 1000.0;
        let is_held_up = self.held_up.is_held_up(ms, frame.age * 1000.0);
        self.measure(frame.age, round_trip, now);
        if self.last_seq.is_some_and(|last| frame.seq < last) {
            return Came::Older;
        }
        if self.last_seq.is_some_and(|last| frame.seq - last > 1) {
            self.missing += 1;
        }
        self.last_seq = Some(frame.seq);
        if is_held_up {
            Came::HeldUp
        } else {
            Came::Shown
        }
    }

    fn measure(&mut self, age: f64, round_trip: Option<Duration>, now: Instant) {
        if let Some(arrived) = self.arrived.replace(now) {
            // A pause is none of its intervals.
            let interval = now
                .saturating_duration_since(arrived)
                .as_secs_f64()
                .min(1.0);
            let known = self.interval.unwrap_or(interval);
            self.interval = Some(known + (interval - known) / 8.0);
        }
        self.since += 1;
        let is_least = self
            .least
            .is_none_or(|(least, at)| age <= least || now > at + LEAST_HOLDS);
        if is_least {
            self.least = Some((age, now));
        }
        let (Some(interval), Some((least, _))) = (self.interval, self.least) else {
            return;
        };
        if age > least + QUEUEING.max(2.0 * interval) {
            (self.window, self.since, self.missing) = (1, 0, 0);
            self.grew_old = Some(now);
            return;
        }
        let round_trip = round_trip.unwrap_or_default().as_secs_f64();
        let mut fills = if round_trip < interval / 4.0 {
            1
        } else {
            (round_trip / interval).ceil() as usize + 1
        };
        // What was changed last has to show in what arrives.
        if self.since <= 2 * self.window.max(4) {
            return;
        }
        let is_careful = self.grew_old.is_some_and(|at| now < at + CAREFUL);
        if self.missing * 8 > self.since && !is_careful {
            // Whatever asks is late at times.
            fills = fills.max(2);
        } else {
            // Fewer would be too few again.
            fills = fills.max(self.window.min(2));
        }
        let fills = fills.min(MOST);
        (self.since, self.missing) = (0, 0);
        self.window = match fills {
            fills if fills > self.window => self.window + 1,
            fills if fills < self.window => self.window - 1,
            _ => self.window,
        };
    }

    /// Nothing is asked for any more: nobody looks, or the connection is gone. Returns what was.
    pub fn forget(&mut self) -> impl Iterator<Item = u64> + use<> {
        self.arrived = None;
        std::mem::take(&mut self.asked).into_iter()
    }

    /// Frames are numbered anew: by another publisher, or for viewers that have seen none.
    pub fn begin_anew(&mut self) {
        self.last_seq = None;
        self.least = None;
    }

    /// How many frames are asked for at a time.
    pub fn window(&self) -> usize {
        self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A camera, its broker, and the way from there to an edge.
    struct Way {
        fps: f64,
        /// Seconds in each direction.
        delay: f64,
        /// Seconds that a frame takes through it.
        transfer: f64,
        /// The edge is stopped from and to these seconds.
        stopped: (f64, f64),
        /// The edge takes so many seconds to ask for the next frame each other time.
        late: f64,
    }

    #[derive(Debug)]
    struct Seen {
        fps: f64,
        ages: Vec<f64>,
        most_held: usize,
        held_up: usize,
        window: usize,
    }

    impl Way {
        /// Plays so many seconds, in steps of a millisecond.
        fn play(&self, seconds: f64) -> Seen {
            let start = Instant::now();
            let mut credit = Credit::default();
            let (mut sid, mut seq) = (0, 0);
            // What is under way to the broker, the broker's subscriptions, and what it has sent.
            let mut asking: VecDeque<(f64, u64)> = VecDeque::new();
            let mut waiting: VecDeque<u64> = VecDeque::new();
            let mut coming: VecDeque<(f64, Frame, f64)> = VecDeque::new();
            let (mut free, mut next, mut shown, mut held_up, mut most_held) =
                (0.0_f64, 0.0, 0, 0, 0);
            let mut ages = Vec::new();
            for step in 0..(seconds * 1000.0) as u32 {
                let t = f64::from(step) / 1000.0;
                let now = start + Duration::from_secs_f64(t);
                while asking.front().is_some_and(|(at, _)| *at <= t) {
                    waiting.extend(asking.pop_front().map(|(_, sid)| sid));
                }
                if t >= next {
                    next += 1.0 / self.fps;
                    seq += 1;
                    if let Some(sid) = waiting.pop_front() {
                        free = free.max(t) + self.transfer;
                        let frame = Frame { sid, seq, age: 0.0 };
                        coming.push_back((free + self.delay, frame, t));
                        most_held = most_held.max(coming.len());
                    }
                }
                if t >= self.stopped.0 && t < self.stopped.1 {
                    continue;
                }
                while coming.front().is_some_and(|(at, ..)| *at <= t) {
                    let Some((_, frame, captured)) = coming.pop_front() else {
                        break;
                    };
                    let age = t - captured;
                    // The two clocks are five minutes apart.
                    let frame = Frame {
                        age: age - 300.0,
                        ..frame
                    };
                    let trip = Duration::from_secs_f64(2.0 * self.delay);
                    match credit.comes(&frame, Some(trip), now) {
                        Came::Shown => {
                            shown += 1;
                            ages.push(age);
                        }
                        Came::HeldUp => held_up += 1,
                        other => panic!("{other:?}"),
                    }
                }
                while credit.is_due(self.fps, now) == Some(None) {
                    sid += 1;
                    credit.asks(sid);
                    let late = if sid % 2 == 0 { self.late } else { 0.0 };
                    asking.push_back((t + self.delay + late, sid));
                }
            }
            ages.sort_by(f64::total_cmp);
            Seen {
                fps: f64::from(shown) / seconds,
                ages,
                most_held,
                held_up,
                window: credit.window(),
            }
        }
    }

    const NEVER: (f64, f64) = (f64::INFINITY, f64::INFINITY);

    #[test]
    fn near_a_broker_one_frame_at_a_time_is_every_frame() {
        let way = Way {
            fps: 30.0,
            delay: 0.0005,
            transfer: 0.001,
            stopped: NEVER,
            late: 0.0,
        };
        let seen = way.play(10.0);
        assert!(seen.fps > 29.5 && seen.window == 1, "{seen:?}");
    }

    #[test]
    fn an_edge_that_is_busy_asks_for_one_more_and_gets_every_frame() {
        let way = Way {
            fps: 30.0,
            delay: 0.0005,
            transfer: 0.001,
            stopped: NEVER,
            late: 0.04,
        };
        let seen = way.play(10.0);
        assert!(seen.fps > 29.0 && seen.window == 2, "{seen:?}");
        assert!(seen.ages.iter().all(|age| *age < 0.05), "{seen:?}");
    }

    #[test]
    fn far_away_as_many_are_asked_for_as_fill_the_way() {
        for delay in [0.02, 0.04, 0.08] {
            let way = Way {
                fps: 30.0,
                delay,
                transfer: 0.001,
                stopped: NEVER,
                late: 0.0,
            };
            let seen = way.play(20.0);
            assert!(seen.fps > 26.0 && seen.window <= 7, "{delay}: {seen:?}");
            assert!(
                seen.ages.iter().all(|age| *age < delay + 0.05),
                "{delay}: {seen:?}"
            );
        }
    }

    #[test]
    fn on_a_link_that_holds_less_than_the_camera_takes_frames_stay_young() {
        // 130 kB at 1 MB a second.
        let way = Way {
            fps: 30.0,
            delay: 0.01,
            transfer: 0.13,
            stopped: NEVER,
            late: 0.0,
        };
        let seen = way.play(20.0);
        let middle = seen.ages[seen.ages.len() / 2];
        let oldest = seen.ages[seen.ages.len() - 1];
        assert!(
            seen.fps > 5.5 && middle < 0.3 && oldest < 0.6,
            "{middle} {oldest} {seen:?}"
        );
    }

    #[test]
    fn an_edge_that_stood_still_shows_nothing_old_afterwards() {
        for delay in [0.0005, 0.04] {
            let way = Way {
                fps: 30.0,
                delay,
                transfer: 0.001,
                stopped: (5.0, 13.0),
                late: 0.0,
            };
            let seen = way.play(20.0);
            assert!(seen.most_held <= MOST && seen.held_up >= 1, "{seen:?}");
            assert!(seen.ages.iter().all(|age| *age < 1.0), "{seen:?}");
        }
    }

    #[test]
    fn a_camera_that_floods_gets_no_more_credit_than_its_rate() {
        let way = Way {
            fps: 900.0,
            delay: 0.0001,
            transfer: 0.0,
            stopped: NEVER,
            late: 0.0,
        };
        let start = Instant::now();
        let mut credit = Credit::default();
        let mut asked = 0;
        for step in 0..10_000_u64 {
            let now = start + Duration::from_millis(step);
            if credit.is_due(30.0, now) == Some(None) {
                asked += 1;
                credit.asks(asked);
                let frame = Frame {
                    sid: asked,
                    seq: asked,
                    age: 0.0,
                };
                assert_eq!(credit.comes(&frame, None, now), Came::Shown);
            }
        }
        assert!((590..=620).contains(&asked), "{asked}");
        // And one that says its rate gets all of it.
        assert!(way.play(2.0).fps > 400.0);
    }

    #[test]
    fn frames_that_were_not_asked_for_and_older_ones_are_told_apart() {
        let now = Instant::now();
        let mut credit = Credit::default();
        let frame = |sid, seq| Frame { sid, seq, age: 0.0 };
        for sid in 1..=4 {
            credit.asks(sid);
        }
        assert_eq!(credit.comes(&frame(1, 5), None, now), Came::Shown);
        assert_eq!(credit.comes(&frame(1, 6), None, now), Came::Unasked);
        assert_eq!(credit.comes(&frame(2, 4), None, now), Came::Older);
        // The last one once more: for another edge, or after a pause.
        assert_eq!(credit.comes(&frame(3, 5), None, now), Came::Shown);
        credit.begin_anew();
        assert_eq!(credit.comes(&frame(4, 1), None, now), Came::Shown);
        credit.asks(9);
        assert_eq!(credit.forget().collect::<Vec<_>>(), [9]);
    }

    #[test]
    fn a_frame_of_another_publisher_uses_up_a_request_and_says_nothing_of_the_next_ones() {
        let now = Instant::now();
        let mut credit = Credit::default();
        credit.asks(1);
        credit.is_used_up(1);
        assert_eq!(credit.is_due(30.0, now), Some(None));
        credit.asks(2);
        let frame = |sid, seq| Frame { sid, seq, age: 0.0 };
        assert_eq!(credit.comes(&frame(1, u64::MAX), None, now), Came::Unasked);
        assert_eq!(credit.comes(&frame(2, 1), None, now), Came::Shown);
    }

    #[test]
    fn whatever_rate_a_camera_says_it_is_asked_again_within_a_second() {
        let now = Instant::now();
        for fps in [4e-20, f64::MIN_POSITIVE, 0.1, 1000.0] {
            let mut credit = Credit::default();
            let due = (1..20).find_map(|sid| {
                let due = credit.is_due(fps, now)?;
                credit.asks(sid);
                credit.is_used_up(sid);
                due
            });
            assert!(due.unwrap() <= now + LONGEST_WAIT, "{fps}");
        }
    }
}

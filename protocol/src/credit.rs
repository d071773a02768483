//! How much may be on its way to a receiver: enough to keep the link busy, and no more. Pure bookkeeping, told the time.
//!
//! Servers bound by it what they send to viewers, pushers what they send to servers; sockets and timers belong to them.
//! A viewer that acknowledges what it drew lets two things be measured: how many bytes a second arrive, and how long a
//! frame takes while nothing waits before it. Their product is what the link, the viewer and the way back hold. What is
//! sent beyond it would wait somewhere and grow old, so that only a part of a frame is, by which the link's end is found.
//! A viewer that never acknowledges is bounded by its socket alone.
//!
//! Frames may be of any sizes, from a kilobyte of a still scene to a whole picture. Small ones say how far away the viewer is,
//! and little about the rate of the link, most of which they leave idle: a lower rate than before counts only where the frame
//! was late, because only then the link was busy. (BBR ignores samples that are limited by the application for the same reason.)

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames under way before anything is measured: one being drawn while the next one travels.
pub const FIRST_WINDOW: usize = 2;

/// Most frames under way: half a second of a fast camera. Farther away there are gaps instead.
pub const LARGEST_WINDOW: usize = 32;

/// A viewer that acknowledges nothing for this long is asked whether what it was sent has arrived. Where it has, and was
/// broken or lost in its page, a frame is sent all the same; where the link stands still, it would only grow old in it.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Frames remembered as under way: more than may be.
pub const REMEMBERED: usize = 64;

/// Frames remembered before the first acknowledgement. There may never be one, and a viewer's memory is to stay in the
/// processor's cache; one that begins late is credited for them at once.
const REMEMBERED_AT_FIRST: usize = 8;

/// The part of a frame that waits before the link, so that the link is not idle when a frame comes late.
const HEADROOM: f64 = 0.3;

/// Growth of the window, as a share of it, while nothing queues in front of the link.
const GROWTH: f64 = 0.25;

/// Deviations of a frame's arrival from what was expected that are taken for the link's unsteadiness.
const UNSTEADINESS: f64 = 2.0;

/// How long the shortest round trip is trusted. Then everything in flight may arrive, and it is measured again.
const BASE_HOLDS: Duration = Duration::from_secs(10);

/// Measurements of which the highest is taken for the link's rate: one that is low was more likely held up. None of them
/// goes while the link is not busy.
const RATES: usize = 4;

/// Whether the next frame may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// At once.
    Now,
    /// Not before that time, unless something is acknowledged. Then there may be room, or more to wait for.
    At(Instant),
    /// Once it is known that what is under way has arrived, which an answered ping tells: [`Credit::arrived`].
    Unknown,
}

/// One receiver's credit.
#[derive(Debug)]
pub struct Credit {
    under_way: VecDeque<Sent>,
    /// What is under way has arrived, acknowledged or not.
    arrived: bool,
    /// Bytes of all frames in `under_way`.
    bytes: f64,
    acknowledges: bool,
    last_progress: Instant,
    /// When something was last known to have arrived, or nothing was under way.
    arrived_at: Instant,
    last_ack: Option<(u64, Instant)>,
    /// Apart, because receivers that never acknowledge anything have none.
    trip: Option<Box<Trip>>,
}

/// A frame under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    bytes: f64,
    at: Instant,
    /// Bytes that were under way before it, and since when none of them was known to have arrived.
    before: f64,
    since: Instant,
}

/// From a frame's sending to its acknowledgement, in seconds.
#[derive(Clone, Copy, Debug)]
struct Trip {
    /// The shortest, with nothing waiting before the link, and the bytes of its frame.
    base: f64,
    base_bytes: f64,
    base_at: Instant,
    /// Of the base, what it took when it was measured, and how much longer it would take by now because the link is slower.
    base_took: f64,
    slower: f64,
    /// When a frame counts as lost.
    patience: Duration,
    /// The shortest since then, and the bytes of its frame.
    shortest: f64,
    shortest_bytes: f64,
    /// Bytes a second that arrive: the highest of `rates`.
    rate: f64,
    rates: [f64; RATES],
    /// The last ones, as long as they would have been with the base's bytes.
    recent: [f64; RATES],
    /// How far arrivals are from what was expected, on average.
    deviation: f64,
    /// The base has to be measured anew.
    draining: bool,
    /// The next frame measures it.
    drained: bool,
}

impl Credit {
    /// Full credit, for a viewer that may never acknowledge anything.
    pub fn new(now: Instant) -> Self {
        Self {
            under_way: VecDeque::new(),
            arrived: false,
            bytes: 0.0,
            acknowledges: false,
            last_progress: now,
            arrived_at: now,
            last_ack: None,
            trip: None,
        }
    }

    /// Credit for a receiver that is known to acknowledge: [`FIRST_WINDOW`] frames until it does.
    pub fn acknowledged_always(now: Instant) -> Self {
        Self {
            acknowledges: true,
            ..Self::new(now)
        }
    }

    /// Whether the next frame may be sent.
    pub fn room(&self, now: Instant) -> Room {
        let oldest = self.under_way.front().filter(|_| self.acknowledges);
        let Some(oldest) = oldest else {
            return Room::Now;
        };
        let patience_ends = self.last_progress + self.patience();
        match self.full_until(oldest, patience_ends) {
            Some(until) if until.min(patience_ends) > now => Room::At(until.min(patience_ends)),
            Some(until) if until >= patience_ends && !self.arrived => Room::Unknown,
            _ => Room::Now,
        }
    }

    /// How long the way is full if nothing is acknowledged: for ever is `patience_ends`.
    fn full_until(&self, oldest: &Sent, patience_ends: Instant) -> Option<Instant> {
        let Some(trip) = &self.trip else {
            return (self.under_way.len() >= FIRST_WINDOW).then_some(patience_ends);
        };
        let over = self.bytes - trip.room(oldest.bytes);
        if over <= 0.0 && !trip.draining && self.under_way.len() < LARGEST_WINDOW {
            return None;
        }
        if over > oldest.bytes || trip.draining || self.under_way.len() >= LARGEST_WINDOW {
            return Some(patience_ends);
        }
        // This much of the oldest frame has to arrive first; when it will can be predicted.
        let arrived = self.expected(oldest, trip);
        arrived.checked_sub(seconds((oldest.bytes - over) / trip.rate))
    }

    /// What is under way has arrived: what was sent after it is answered. It may be acknowledged still.
    pub fn arrived(&mut self) {
        self.arrived = true;
    }

    /// Sending starts for a frame of this many bytes.
    pub fn sent(&mut self, seq: u64, bytes: usize, now: Instant) {
        let idle = std::mem::take(&mut self.arrived) || self.under_way.is_empty();
        if idle {
            self.arrived_at = now;
        }
        if idle || now >= self.last_progress + self.patience() {
            // Patience is counted from the first frame that could be acknowledged, and anew for each one sent on it.
            self.last_progress = now;
        }
        let bytes = bytes as f64;
        self.under_way.push_back(Sent {
            seq,
            bytes,
            at: now,
            before: if idle { 0.0 } else { self.bytes },
            since: self.arrived_at,
        });
        self.bytes += bytes;
        let remembered = if self.acknowledges {
            REMEMBERED
        } else {
            REMEMBERED_AT_FIRST
        };
        if self.under_way.len() > remembered {
            self.forget_oldest();
        }
    }

    /// The receiver says that it drew or accepted this frame, and with it all that were sent before. Frames that were never sent
    /// count for nothing. Of several with that `seq`, which recordings may have, it is the one that was sent last.
    pub fn acknowledged(&mut self, seq: u64, now: Instant) {
        self.acknowledges = true;
        let mut under_way = self.under_way.iter();
        let count = match under_way.rposition(|sent| sent.seq == seq) {
            Some(at) => at + 1,
            None if self.under_way.back().is_none_or(|newest| seq > newest.seq) => return,
            None => self
                .under_way
                .iter()
                .take_while(|sent| sent.seq < seq)
                .count(),
        };
        let mut newest = None;
        for _ in 0..count {
            newest = self.forget_oldest();
        }
        let Some(sent) = newest else { return };
        self.measure(&sent, now);
        self.last_progress = now;
        self.arrived_at = now;
        self.last_ack = Some((seq, now));
    }

    /// The frame acknowledged last, and when.
    pub fn last_ack(&self) -> Option<(u64, Instant)> {
        self.last_ack
    }

    fn patience(&self) -> Duration {
        self.trip.as_ref().map_or(PATIENCE, |trip| trip.patience)
    }

    fn forget_oldest(&mut self) -> Option<Sent> {
        let oldest = self.under_way.pop_front()?;
        // Whole numbers, so that nothing is left of them in an empty sum.
        self.bytes -= oldest.bytes;
        Some(oldest)
    }

    /// When the oldest frame under way is acknowledged, if all goes on as before.
    fn expected(&self, oldest: &Sent, trip: &Trip) -> Instant {
        let behind = self.last_progress + seconds(oldest.bytes / trip.rate);
        behind.max(oldest.at + seconds(trip.base + trip.longer(oldest.bytes)))
    }

    /// This frame was acknowledged, and those before it.
    fn measure(&mut self, sent: &Sent, now: Instant) {
        let took = (now - sent.at).as_secs_f64();
        let since = if sent.before > 0.0 {
            (now - sent.since).as_secs_f64()
        } else {
            took
        };
        if since <= 0.0 {
            return;
        }
        let rate = (sent.before + sent.bytes) / since;
        let Some(trip) = &mut self.trip else {
            self.trip = Some(Box::new(Trip::new(sent.bytes, took, rate, now)));
            return;
        };
        // As in `expected`.
        let behind = sent.bytes / trip.rate - (now - self.last_progress).as_secs_f64();
        let missed = behind.max(trip.base + trip.longer(sent.bytes) - took).abs();
        trip.measure(sent.bytes, took, rate, missed);
        trip.settle(sent.bytes, took, now, self.under_way.is_empty());
    }
}

impl Trip {
    fn new(bytes: f64, took: f64, rate: f64, now: Instant) -> Self {
        Self {
            base: took,
            base_bytes: bytes,
            base_at: now,
            base_took: took,
            slower: 0.0,
            patience: patience(took),
            shortest: f64::INFINITY,
            shortest_bytes: 0.0,
            rate,
            rates: [rate; RATES],
            recent: [took; RATES],
            deviation: 0.0,
            draining: false,
            drained: false,
        }
    }

    /// A frame took so long, while bytes arrived at that rate. It was so far from when it was expected.
    fn measure(&mut self, bytes: f64, took: f64, rate: f64, missed: f64) {
        let like = took - self.longer(bytes).max(0.0);
        let late = like > ABOUT * self.base + UNSTEADINESS * self.deviation;
        if late || rate >= self.rate {
            let before = self.rate;
            self.rates = newest_first(rate, self.rates);
            self.rate = self.rates.iter().copied().fold(0.0, f64::max);
            if self.rate > 0.0 {
                // The base's frame takes longer on a slower link; the way beyond that is what it was.
                let longer = self.base_bytes * (1.0 / self.rate - 1.0 / before);
                self.slower = (self.slower + longer).max(0.0);
                self.base = self.base_took + self.slower;
            }
        }
        self.recent = newest_first(like, self.recent);
        // A standstill is not unsteadiness.
        let missed = missed.min(2.0 * self.deviation + self.base);
        self.deviation = smooth(self.deviation, missed);
    }

    /// Whether that trip is the new base, or a new one has to be measured. Nothing may be under way any more.
    fn settle(&mut self, bytes: f64, took: f64, now: Instant, drained: bool) {
        if took < self.shortest {
            (self.shortest, self.shortest_bytes) = (took, bytes);
        }
        // A small frame that took less than a large one may have waited all the same.
        if self.drained || took <= self.base + self.longer(bytes).min(0.0) {
            (self.base, self.base_bytes, self.base_at) = (took, bytes, now);
            (self.base_took, self.slower) = (took, 0.0);
            self.patience = patience(took);
            self.shortest = f64::INFINITY;
            (self.draining, self.drained) = (false, false);
        } else if self.draining {
            // The next frame finds nothing before it.
            (self.draining, self.drained) = (!drained, drained);
        } else if now.duration_since(self.base_at) > BASE_HOLDS {
            // Something may have waited before the link all the time. What is about the same leaves the base as it is, or
            // that would creep up.
            let like = self.shortest - self.longer(self.shortest_bytes);
            self.draining = like > ABOUT * self.base;
            if !self.draining {
                (self.base_at, self.shortest) = (now, f64::INFINITY);
            }
        }
    }

    /// How much longer a frame of so many bytes takes than that of the base. Negative for smaller ones.
    fn longer(&self, bytes: f64) -> f64 {
        (bytes - self.base_bytes) / self.rate
    }

    /// Bytes that may be under way before the next frame is sent, where the oldest of them has so many: those on the way while
    /// the link is busy and nothing waits before it, and some more.
    fn room(&self, oldest: f64) -> f64 {
        let shortest = self.recent.iter().copied().fold(f64::INFINITY, f64::min);
        let way = (self.rate * self.base - self.base_bytes).max(0.0);
        let growth = if shortest < ABOUT * self.base {
            GROWTH * (way + oldest)
        } else {
            0.0
        };
        way + self.rate * UNSTEADINESS * self.deviation + growth.max(HEADROOM * oldest)
    }
}

/// What is as short as the base but for noise.
const ABOUT: f64 = 1.1;

/// How long nothing may be acknowledged, where a trip takes that many seconds at best.
fn patience(base: f64) -> Duration {
    /// Trips that a frame may take before it counts as lost.
    const TRIPS: f64 = 4.0;
    PATIENCE.max(seconds(TRIPS * base))
}

/// The last one goes.
fn newest_first(newest: f64, [first, second, third, _]: [f64; RATES]) -> [f64; RATES] {
    [newest, first, second, third]
}

fn smooth(mean: f64, value: f64) -> f64 {
    mean + (value - mean) / 8.0
}

/// No time that is reckoned with is longer.
const LONGEST: Duration = Duration::from_secs(60);

fn seconds(seconds: f64) -> Duration {
    // Not `clamp`, which keeps what is no number.
    Duration::from_secs_f64(seconds.max(0.0).min(LONGEST.as_secs_f64()))
}

// Under Miri the simulated seconds take minutes, and there is only arithmetic to be seen.
#[cfg(all(test, not(miri)))]
mod tests;

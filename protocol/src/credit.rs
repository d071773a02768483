//! How much may be on its way to a receiver: enough to keep the link busy, and no more. Pure bookkeeping, told the time.
//!
//! Servers bound by it what they send to viewers, pushers what they send to servers; sockets and timers belong to them.
//! A viewer that acknowledges what it drew lets two things be measured: how many bytes a second arrive, and how long a
//! frame takes while nothing waits before it. Their product is what the link, the viewer and the way back hold. What is
//! sent beyond it would wait somewhere and grow old, so that only a part of a frame is, by which the link's end is found.
//! A viewer that never acknowledges is bounded by its socket alone.

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

/// Measurements of which the highest is taken for the link's rate: one that is low was more likely held up.
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
    last_ack: Option<(u64, Instant)>,
    /// Bytes acknowledged so far.
    delivered: f64,
    rates: VecDeque<f64>,
    mean_size: f64,
    trip: Option<Trip>,
}

/// A frame under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    seq: u64,
    bytes: f64,
    at: Instant,
    /// What was delivered when it was sent, and since when nothing more was.
    delivered: f64,
    delivered_at: Instant,
}

/// From a frame's sending to its acknowledgement, in seconds.
#[derive(Clone, Copy, Debug)]
struct Trip {
    /// The shortest, with nothing waiting before the link.
    base: f64,
    base_at: Instant,
    /// The shortest since then.
    shortest: f64,
    /// The last ones.
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
            last_ack: None,
            delivered: 0.0,
            rates: VecDeque::new(),
            mean_size: 0.0,
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
        let patience_ends = self.last_progress + self.patience();
        match self.full_until(patience_ends) {
            Some(until) if until.min(patience_ends) > now => Room::At(until.min(patience_ends)),
            Some(until) if until >= patience_ends && !self.arrived => Room::Unknown,
            _ => Room::Now,
        }
    }

    /// How long the way is full if nothing is acknowledged: for ever is `patience_ends`.
    fn full_until(&self, patience_ends: Instant) -> Option<Instant> {
        let oldest = self.under_way.front().filter(|_| self.acknowledges)?;
        let (Some(trip), Some(rate)) = (self.trip, self.rate()) else {
            return (self.under_way.len() >= FIRST_WINDOW).then_some(patience_ends);
        };
        let room = rate * trip.filled(self.mean_size / rate) - self.mean_size;
        let over = self.bytes - room.max(0.0);
        if over <= 0.0 && !trip.draining && self.under_way.len() < LARGEST_WINDOW {
            return None;
        }
        if over > oldest.bytes || trip.draining || self.under_way.len() >= LARGEST_WINDOW {
            return Some(patience_ends);
        }
        // This much of the oldest frame has to arrive first; when it will can be predicted.
        let arrived = self.expected(oldest, trip, rate);
        arrived.checked_sub(seconds((oldest.bytes - over) / rate))
    }

    /// What is under way has arrived: what was sent after it is answered. It may be acknowledged still.
    pub fn arrived(&mut self) {
        self.arrived = true;
    }

    /// Sending starts for a frame of this many bytes.
    pub fn sent(&mut self, seq: u64, bytes: usize, now: Instant) {
        self.arrived = false;
        let idle = self.under_way.is_empty();
        if idle || now >= self.last_progress + self.patience() {
            // Patience is counted from the first frame that could be acknowledged, and anew for each one sent on it.
            self.last_progress = now;
        }
        let bytes = bytes as f64;
        self.mean_size = if self.mean_size == 0.0 {
            bytes
        } else {
            smooth(self.mean_size, bytes)
        };
        self.under_way.push_back(Sent {
            seq,
            bytes,
            at: now,
            delivered: self.delivered,
            delivered_at: self.last_progress,
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
            self.delivered += newest.map_or(0.0, |sent| sent.bytes);
        }
        let Some(sent) = newest else { return };
        let missed = self
            .trip
            .zip(self.rate())
            .map(|(trip, rate)| distance(self.expected(&sent, trip, rate), now));
        self.last_progress = now;
        self.last_ack = Some((seq, now));
        self.measure(&sent, missed.unwrap_or(0.0), now);
    }

    /// The frame acknowledged last, and when.
    pub fn last_ack(&self) -> Option<(u64, Instant)> {
        self.last_ack
    }

    fn patience(&self) -> Duration {
        /// Trips that a frame may take before it counts as lost.
        const TRIPS: f64 = 4.0;
        self.trip
            .map_or(PATIENCE, |trip| PATIENCE.max(seconds(TRIPS * trip.base)))
    }

    fn forget_oldest(&mut self) -> Option<Sent> {
        let oldest = self.under_way.pop_front()?;
        // Whole numbers, so that nothing is left of them in an empty sum.
        self.bytes -= oldest.bytes;
        Some(oldest)
    }

    /// Bytes a second that arrive.
    fn rate(&self) -> Option<f64> {
        self.rates.iter().copied().reduce(f64::max)
    }

    /// When the oldest frame under way is acknowledged, if all goes on as before.
    fn expected(&self, oldest: &Sent, trip: Trip, rate: f64) -> Instant {
        (self.last_progress + seconds(oldest.bytes / rate)).max(oldest.at + seconds(trip.base))
    }

    fn measure(&mut self, sent: &Sent, missed: f64, now: Instant) {
        let took = (now - sent.at).as_secs_f64();
        let since = (now - sent.delivered_at).as_secs_f64();
        if since > 0.0 {
            self.rates.truncate(RATES - 1);
            self.rates
                .push_front((self.delivered - sent.delivered) / since);
        }
        let drained = self.under_way.is_empty();
        match &mut self.trip {
            None => {
                self.trip = Some(Trip {
                    base: took,
                    base_at: now,
                    shortest: f64::INFINITY,
                    recent: [took; RATES],
                    deviation: 0.0,
                    draining: false,
                    drained: false,
                });
            }
            Some(trip) => {
                // A standstill is not unsteadiness.
                let missed = missed.min(2.0 * trip.deviation + trip.base);
                trip.measure(took, missed, now, drained);
            }
        }
    }
}

impl Trip {
    fn measure(&mut self, took: f64, missed: f64, now: Instant, drained: bool) {
        self.recent.rotate_right(1);
        self.recent[0] = took;
        self.deviation = smooth(self.deviation, missed);
        self.shortest = self.shortest.min(took);
        if took <= self.base || self.drained {
            (self.base, self.base_at, self.shortest) = (took, now, f64::INFINITY);
            (self.draining, self.drained) = (false, false);
        } else if self.draining {
            // The next frame finds nothing before it.
            (self.draining, self.drained) = (!drained, drained);
        } else if now.duration_since(self.base_at) > BASE_HOLDS {
            // Something may have waited before the link all the time.
            self.draining = self.shortest > ABOUT * self.base;
            if !self.draining {
                (self.base, self.base_at, self.shortest) = (self.shortest, now, f64::INFINITY);
            }
        }
    }

    /// How long what is under way may take to arrive, where a frame takes `frame` on the link.
    fn filled(&self, frame: f64) -> f64 {
        let shortest = self.recent.iter().copied().fold(f64::INFINITY, f64::min);
        let growth = if shortest < ABOUT * self.base {
            GROWTH * self.base
        } else {
            0.0
        };
        self.base + UNSTEADINESS * self.deviation + growth.max(HEADROOM * frame)
    }
}

/// What is as short as the base but for noise.
const ABOUT: f64 = 1.1;

fn distance(one: Instant, other: Instant) -> f64 {
    one.max(other).duration_since(one.min(other)).as_secs_f64()
}

fn smooth(mean: f64, value: f64) -> f64 {
    mean + (value - mean) / 8.0
}

/// No time that is reckoned with is longer.
const LONGEST: Duration = Duration::from_secs(60);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST.as_secs_f64()))
}

// Under Miri the simulated seconds take minutes, and there is only arithmetic to be seen.
#[cfg(all(test, not(miri)))]
mod tests;

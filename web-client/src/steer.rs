//! Which size and rate of the picture the viewer asks the server for: by the room on the screen, by what the link
//! carries, or as its user pins it. Pure rules, with the time handed in.
//!
//! The rule of the automatic mode: a shortfall that lasts costs a step, first of the rate, then of the size; room that
//! lasts wins one back. A step up that fails makes the next try wait twice as long, so that nothing flaps. Sending what
//! [`Steering::want`] says belongs to [`crate::shell`].

use crate::text::words;
use std::collections::VecDeque;

/// What the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// By screen and link.
    #[default]
    Auto,
    /// As the camera delivers it.
    Full,
    /// Half the width and height.
    Half,
    /// A quarter.
    Quarter,
}

impl Size {
    /// All of them, in the order in which a key goes through them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Full, Self::Half, Self::Quarter];

    /// The attribute's value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Full => "full",
            Self::Half => "half",
            Self::Quarter => "quarter",
        }
    }

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Auto => words!("Automatic"),
            Self::Full => words!("Full"),
            Self::Half => words!("Half"),
            Self::Quarter => words!("Quarter"),
        }
    }

    /// Reads the attribute's value; anything unknown is [`Self::Auto`].
    pub fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|size| size.name() == name);
        known.unwrap_or_default()
    }

    /// The next one, for a key.
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()]
    }
}

/// What the server is asked for; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Pixels in a line.
    pub max_width: Option<u32>,
    /// Frames a second.
    pub max_fps: Option<u32>,
}

/// Why the picture is as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The user wants it so.
    Pinned,
    /// There is room for all of it.
    Whole,
    /// More would not be seen.
    Screen,
    /// The link carries no more; with its rate in Mbit/s.
    Link(f64),
    /// This device draws no more.
    Device,
}

/// How often the server halves a picture at most, and how narrow it may become.
const MOST_HALVINGS: u8 = 3;
const NARROWEST: u32 = 160;
/// A picture may be stretched by this factor before the next larger one is asked for.
const STRETCH: f64 = 1.1;
/// A new size on the screen has to last for this many ms.
const DEBOUNCE: f64 = 500.0;

/// The longest and the shortest window of frames to measure, in ms.
const WINDOW: f64 = 3000.0;
const LEAST: f64 = 2000.0;
/// Frames that arrive within this many ms after a change still belong to the previous size or rate.
const SETTLE: f64 = 1000.0;
/// Below this part of the wanted rate there is a shortfall, above that one there is room.
const SHORT: f64 = 0.8;
const ROOM: f64 = 0.92;
/// Below this part one step is not enough.
const FAR_SHORT: f64 = 0.4;
/// A shortfall has to last for this many ms before it costs a step.
const PATIENCE: f64 = 3500.0;
/// How long room has to last before a step up is tried, in ms: at first, and at most.
const FIRST_HOLD: f64 = 10_000.0;
const LONGEST_HOLD: f64 = 320_000.0;
/// A step up has failed if a step down follows within this many ms.
const PROBATION: f64 = 20_000.0;
/// Decoding and drawing take this part of the time or more: it is not the link that is slow.
const BUSY: f64 = 0.6;
/// No rate is halved below this many frames a second while the size can be halved instead.
const SMOOTH: f64 = 8.0;

/// A size and a rate, both as how much less: halvings of the size, and what the rate is divided by.
type Rung = (u8, u32);

/// The rules with their memory.
#[derive(Debug)]
pub struct Steering {
    size: Size,
    /// Frames a second that the page has use for.
    cap: Option<u32>,
    /// Width of the camera's picture; 0 while it isn't known.
    full: u32,
    /// Halvings after which the picture still fills its place on the screen.
    screen: Option<u8>,
    pending: Option<(u8, f64)>,
    /// The limit while the link carries no more, with the rate that it divides.
    limit: Option<(Rung, f64)>,
    frames: VecDeque<Frame>,
    /// The newest frame that was looked at: without newer ones nothing new is known.
    looked_at: f64,
    changed_at: f64,
    short_since: Option<f64>,
    room_since: Option<f64>,
    hold: f64,
    stepped_up_at: Option<f64>,
    /// What there was too little of at the last shortfall.
    shortfall: Reason,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    at: f64,
    seq: u64,
    bytes: f64,
    took: f64,
}

/// What the frames of the last seconds tell.
#[derive(Clone, Copy, Debug)]
struct Measure {
    /// Frames a second that the camera produced.
    produced: f64,
    /// Frames a second that came.
    came: f64,
    mbit: f64,
    /// The part of the time in which this device was at work on a frame.
    busy: f64,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            size: Size::Auto,
            cap: None,
            full: 0,
            screen: None,
            pending: None,
            limit: None,
            frames: VecDeque::new(),
            looked_at: f64::NEG_INFINITY,
            changed_at: f64::NEG_INFINITY,
            short_since: None,
            room_since: None,
            hold: FIRST_HOLD,
            stepped_up_at: None,
            shortfall: Reason::Whole,
        }
    }
}

impl Steering {
    /// The user's choice.
    pub fn choose(&mut self, now: f64, size: Size) {
        if self.size != size {
            self.size = size;
            self.limit = None;
            self.hold = FIRST_HOLD;
            self.forget(now);
        }
    }

    /// Sets how many frames a second the page has use for; `None` is all of them.
    pub fn cap(&mut self, now: f64, fps: Option<u32>) {
        if self.cap != fps {
            self.cap = fps;
            self.limit = None;
            self.forget(now);
        }
    }

    /// Sets the width of the camera's picture, and how many device pixels a line of it has on the screen.
    pub fn place(&mut self, now: f64, full: u32, pixels: f64) {
        if self.full != full {
            (self.full, self.screen) = (full, None);
        }
        let fills = |halvings: &u8| {
            let width = full >> halvings;
            width >= NARROWEST && f64::from(width) * STRETCH >= pixels
        };
        let screen = (1..=MOST_HALVINGS).rev().find(fills).unwrap_or(0);
        if full == 0 || self.screen == Some(screen) {
            self.pending = None;
        } else if self.screen.is_none() {
            (self.screen, self.pending) = (Some(screen), None);
        } else {
            match self.pending {
                Some((pending, since)) if pending == screen => {
                    if now - since >= DEBOUNCE {
                        (self.screen, self.pending) = (Some(screen), None);
                        self.forget(now);
                    }
                }
                _ => self.pending = Some((screen, now)),
            }
        }
    }

    /// A frame came, and was drawn after that many ms.
    pub fn frame(&mut self, now: f64, seq: u64, bytes: f64, took: f64) {
        if now - self.changed_at < SETTLE {
            return;
        }
        self.frames.push_back(Frame {
            at: now,
            seq,
            bytes,
            took,
        });
        // One from before the window stays: on a slow link there may be no other.
        while self
            .frames
            .get(1)
            .is_some_and(|next| now - next.at > WINDOW)
        {
            self.frames.pop_front();
        }
    }

    /// Forgets what was measured: after a pause, on another connection.
    pub fn forget(&mut self, now: f64) {
        self.frames.clear();
        self.changed_at = now;
        (self.short_since, self.room_since) = (None, None);
    }

    /// Looks at the last seconds, and steps down or up where it is time.
    pub fn tick(&mut self, now: f64) {
        if self.stepped_up_at.is_some_and(|at| now - at > PROBATION) {
            self.stepped_up_at = None;
            self.hold = (self.hold / 2.0).max(FIRST_HOLD);
        }
        let newest = self.frames.back().map_or(self.looked_at, |frame| frame.at);
        if self.size != Size::Auto || std::mem::replace(&mut self.looked_at, newest) >= newest {
            return;
        }
        let Some(measure) = self.measure() else {
            return;
        };
        let wanted = match self.want().max_fps {
            Some(max_fps) => measure.produced.min(f64::from(max_fps)),
            None => measure.produced,
        };
        let share = measure.came / wanted;
        if share < SHORT {
            self.room_since = None;
            if now - *self.short_since.get_or_insert(now) >= PATIENCE {
                self.shortfall = if measure.busy < BUSY {
                    Reason::Link(measure.mbit)
                } else {
                    Reason::Device
                };
                self.step_down(now, measure.produced, if share < FAR_SHORT { 2 } else { 1 });
            }
        } else {
            self.short_since = None;
            if share < ROOM || self.limit.is_none() {
                self.room_since = None;
            } else if now - *self.room_since.get_or_insert(now) >= self.hold {
                self.step_up(now);
            }
        }
    }

    fn measure(&self) -> Option<Measure> {
        let (first, last) = (self.frames.front()?, self.frames.back()?);
        let ms = last.at - first.at;
        let sum = |f: fn(&Frame) -> f64| -> f64 { self.frames.iter().skip(1).map(f).sum() };
        let produced = last.seq.saturating_sub(first.seq) as f64;
        (ms >= LEAST && produced > 0.0).then(|| Measure {
            produced: produced * 1000.0 / ms,
            came: (self.frames.len() - 1) as f64 * 1000.0 / ms,
            mbit: sum(|frame| frame.bytes) * 8.0 / 1000.0 / ms,
            busy: sum(|frame| frame.took) / ms,
        })
    }

    /// What can be asked for, from the most to the least, for a camera of that rate.
    fn rungs(&self, fps: f64) -> Vec<Rung> {
        let best = self.screen.unwrap_or(0);
        let narrower = |halvings: &u8| *halvings == best || self.full >> halvings >= NARROWEST;
        let mut rungs = Vec::new();
        for halvings in (best..=MOST_HALVINGS).take_while(narrower) {
            rungs.push((halvings, 1));
            if fps / 2.0 >= SMOOTH {
                rungs.push((halvings, 2));
            }
        }
        let smallest = rungs.last().map_or(best, |last| last.0);
        rungs.extend([(smallest, 4), (smallest, 8)]);
        rungs
    }

    /// The position of the limit on these rungs.
    fn position(&self, rungs: &[Rung]) -> usize {
        let limit = self.limit.map_or((0, 1), |(limit, _)| limit);
        let at = rungs.iter().position(|rung| *rung >= limit);
        at.unwrap_or(rungs.len() - 1)
    }

    fn step_down(&mut self, now: f64, produced: f64, steps: usize) {
        let most = self.cap.map_or(f64::INFINITY, f64::from);
        let fps = self.limit.map_or(produced.min(most), |(_, fps)| fps);
        let rungs = self.rungs(fps);
        let at = (self.position(&rungs) + steps).min(rungs.len() - 1);
        self.limit = Some((rungs[at], fps));
        if self.stepped_up_at.take().is_some() {
            self.hold = (self.hold * 2.0).min(LONGEST_HOLD);
        }
        self.forget(now);
    }

    fn step_up(&mut self, now: f64) {
        let Some((_, fps)) = self.limit else { return };
        let rungs = self.rungs(fps);
        self.limit = match self.position(&rungs) {
            0 | 1 => None,
            at => Some((rungs[at - 1], fps)),
        };
        self.stepped_up_at = Some(now);
        self.forget(now);
    }

    /// What to ask for before the size of the camera's picture is known. `pixels` is the longest line on the screen, in
    /// device pixels.
    pub fn first_want(&self, pixels: f64) -> Want {
        let useful = self.size == Size::Auto && pixels.is_finite() && pixels >= 1.0;
        Want {
            max_width: useful.then_some((pixels / STRETCH).ceil() as u32),
            max_fps: self.cap,
        }
    }

    /// What to ask the server for.
    pub fn want(&self) -> Want {
        let pinned = |halvings: u8| Want {
            max_width: self.narrowed(halvings),
            max_fps: self.cap,
        };
        match self.size {
            Size::Full => pinned(0),
            Size::Half => pinned(1),
            Size::Quarter => pinned(2),
            Size::Auto => match self.limit {
                None => pinned(self.screen.unwrap_or(0)),
                Some((_, fps)) => {
                    let rungs = self.rungs(fps);
                    let (halvings, divisor) = rungs[self.position(&rungs)];
                    Want {
                        max_width: self.narrowed(halvings),
                        max_fps: if divisor > 1 {
                            Some(((fps / f64::from(divisor)).round() as u32).max(1))
                        } else {
                            self.cap
                        },
                    }
                }
            },
        }
    }

    fn narrowed(&self, halvings: u8) -> Option<u32> {
        (halvings > 0 && self.full > 0).then_some(self.full >> halvings)
    }

    /// Why it asks for that.
    pub fn reason(&self) -> Reason {
        match (self.size, self.limit) {
            (Size::Full | Size::Half | Size::Quarter, _) => Reason::Pinned,
            (Size::Auto, Some(_)) => self.shortfall,
            (Size::Auto, None) if self.screen > Some(0) => Reason::Screen,
            (Size::Auto, None) => Reason::Whole,
        }
    }
}

#[cfg(test)]
mod tests;

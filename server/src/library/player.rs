//! Plays a camera's recordings to one viewer.
//!
//! Nothing waits in it: whenever the viewer has room, the frame of the present position is read, and one that is not read in time is
//! left out. When there is room belongs to [`crate::session`].

use super::Recordings;
use super::position::Position;
use crate::hub::Frame;
use crate::util::clock;
use futures::future::BoxFuture;
use pistreamer_protocol::message::{FASTEST, Play, Playback, PlaybackState, ServerMessage};
use pistreamer_protocol::{Stamp, jpeg};
use pistreamer_recording::library::{Found, Library, Near};
use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What a viewer that may look at a camera's recordings is played.
#[derive(Clone, Debug)]
pub struct Plays {
    /// Where they are; `None` where none are made.
    pub recordings: Option<Recordings>,
    /// The camera's id.
    pub camera: String,
    /// The key by which it is looked at.
    pub key: Option<String>,
    /// Unix time in µs at which a viewer begins that does not begin with live pictures.
    pub begin_us: Option<u64>,
    /// Where the next frame is further away, nothing was recorded in between.
    pub gap: Duration,
}

/// No two frames are sent sooner after each other, however fast it plays.
const PACE: Duration = Duration::from_millis(16);

/// Most pictures of a step.
const LONGEST_STEP: i32 = 100;

/// Where the last frame is no older than that, live pictures follow on it: what is recorded is written once a second.
const NEARLY_LIVE_MS: u64 = 5000;

/// What playing brings about.
#[derive(Debug)]
pub(crate) enum Played {
    /// The frame of the position.
    Frame(Arc<Frame>),
    /// What the viewer is told.
    Told(Box<ServerMessage>),
    /// It has come to the present, which is told already.
    Live,
}

/// What is read at a time.
#[derive(Debug, Default)]
struct Look {
    /// For which position.
    at_ms: u64,
    /// The frame of that position, if it is of about that time.
    found: Option<Found>,
    /// Time of the next one in the direction of playing.
    next_ms: Option<u64>,
    /// Times of the first frame and of the last one, where they were asked for.
    range: Option<(u64, u64)>,
}

/// What is read next.
#[derive(Clone, Copy, Debug)]
enum Due {
    /// Nothing, until there is another request.
    Never,
    /// The frame of the position then.
    At(Instant),
    /// The one so many frames on from a time.
    Step(u64, i32),
}

/// Recordings that are played.
pub(crate) struct Player {
    plays: Plays,
    recordings: Recordings,
    id: u64,
    position: Position,
    until_ms: Option<u64>,
    skip_gaps: bool,
    /// Time of the frame that was sent last.
    shown_ms: Option<u64>,
    due: Due,
    reading: Option<BoxFuture<'static, io::Result<Look>>>,
    /// What was told last; `None` where a request has not been answered yet.
    told: Option<PlaybackState>,
    /// What is to be sent: one frame at most, and a few messages around it.
    ready: VecDeque<Played>,
    /// There was no room for the frame that is ready.
    is_late: bool,
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player")
            .field("camera", &self.plays.camera)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Player {
    /// Of a camera's recordings, from the present on; `None` where none are made.
    pub(crate) fn new(plays: &Plays) -> Option<Self> {
        Some(Self {
            recordings: plays.recordings.clone()?,
            plays: plays.clone(),
            id: 0,
            position: Position::new(clock::now_us() / 1000, 1.0, Instant::now()),
            until_ms: None,
            skip_gaps: true,
            shown_ms: None,
            due: Due::Never,
            reading: None,
            told: None,
            ready: VecDeque::new(),
            is_late: false,
        })
    }

    /// Plays as is asked for from here on.
    pub(crate) fn play(&mut self, play: &Play) {
        let now = Instant::now();
        let speed = play.speed.unwrap_or(self.position.speed());
        let at_ms = play.at_us.map(|at_us| at_us / 1000);
        let at_ms = at_ms.unwrap_or_else(|| self.position.now(now));
        self.position = Position::new(at_ms, speed.clamp(-FASTEST, FASTEST), now);
        self.until_ms = play.until_us.map(|until_us| until_us / 1000);
        self.skip_gaps = play.skip_gaps.unwrap_or(self.skip_gaps);
        self.begin(play.id, Due::At(now));
    }

    /// Pauses so many pictures on from the one that was sent last, or back.
    pub(crate) fn step(&mut self, id: u64, by: i32) {
        let now = Instant::now();
        let from_ms = self.shown_ms.unwrap_or_else(|| self.position.now(now));
        self.position = Position::new(from_ms, 0.0, now);
        let by = by.clamp(-LONGEST_STEP, LONGEST_STEP);
        self.begin(id, Due::Step(from_ms, by));
    }

    fn begin(&mut self, id: u64, due: Due) {
        (self.id, self.due, self.told, self.shown_ms) = (id, due, None, None);
        // What is being read is of before.
        self.reading = None;
        self.ready.clear();
    }

    /// Waits for what is to be sent: frames only where there is room for one. Cancel-safe.
    pub(crate) async fn next(&mut self, room: bool) -> Played {
        loop {
            match self.ready.front() {
                Some(Played::Frame(_)) if !room => {
                    self.is_late = true;
                    return pending().await;
                }
                Some(Played::Frame(_)) if self.is_late && self.position.speed() != 0.0 => {
                    // By now there is a newer one.
                    self.ready.pop_front();
                    self.due = Due::At(Instant::now());
                }
                Some(_) => {
                    if let Some(ready) = self.ready.pop_front() {
                        return ready;
                    }
                }
                None => {}
            }
            self.is_late = false;
            if self.reading.is_none() {
                // A request is answered at once.
                if !room && self.told.is_some() {
                    return pending().await;
                }
                let (at_ms, by) = match self.due {
                    Due::Never => return pending().await,
                    Due::At(due) => {
                        sleep_until(due).await;
                        (self.position.now(Instant::now()), None)
                    }
                    Due::Step(from_ms, by) => (from_ms, Some(by)),
                };
                self.reading = Some(self.read(at_ms, by));
            }
            if let Some(reading) = &mut self.reading {
                let look = reading.await;
                self.reading = None;
                match look {
                    Ok(look) => self.take(look),
                    Err(error) => self.fail(&error),
                }
            }
        }
    }

    fn read(&self, at_ms: u64, by: Option<i32>) -> BoxFuture<'static, io::Result<Look>> {
        let recordings = self.recordings.clone();
        let Plays {
            camera, key, gap, ..
        } = self.plays.clone();
        let (speed, is_first) = (self.position.speed(), self.told.is_none());
        let gap_ms = gap.as_millis() as u64;
        Box::pin(async move {
            let work = move |library: &Library| {
                let mut look = match by {
                    Some(by) => stepped(library, &camera, at_ms, by)?,
                    None => looked(library, &camera, at_ms, speed, gap_ms)?,
                };
                if is_first {
                    look.range = library.range(&camera)?;
                }
                Ok(look)
            };
            recordings.read(key.as_deref(), work).await
        })
    }

    fn take(&mut self, look: Look) {
        let now = Instant::now();
        let speed = self.position.speed();
        let is_step = matches!(self.due, Due::Step(..));
        self.due = Due::Never;
        if self
            .until_ms
            .is_some_and(|until| speed != 0.0 && (look.at_ms >= until) == (speed > 0.0))
        {
            let until = self.until_ms.unwrap_or(look.at_ms);
            self.position = Position::new(until, 0.0, now);
            return self.tell(PlaybackState::Paused, &look, None);
        }
        let found = look.found.clone();
        if is_step {
            let Some(found) = &found else {
                return self.tell(PlaybackState::End, &look, None);
            };
            self.position = Position::new(found.at_ms, 0.0, now);
        }
        let state = match found {
            None => PlaybackState::Gap,
            Some(_) if speed == 0.0 => PlaybackState::Paused,
            Some(_) => PlaybackState::Playing,
        };
        let shown_ms = found.as_ref().map(|found| found.at_ms);
        let passes_over = state == PlaybackState::Gap && speed != 0.0 && self.skip_gaps;
        if !passes_over || self.told.is_none() {
            self.tell(state, &look, None);
        }
        if let Some(found) = found
            && self.shown_ms != shown_ms
        {
            self.shown_ms = shown_ms;
            self.ready.push_back(Played::Frame(frame(&found)));
        }
        if speed == 0.0 {
            return;
        }
        let from_ms = shown_ms.unwrap_or(look.at_ms);
        let Some(next_ms) = look.next_ms else {
            return self.end(from_ms, &look);
        };
        let mut due = now + PACE;
        if next_ms.abs_diff(from_ms) > self.plays.gap.as_millis() as u64 {
            if self.told != Some(PlaybackState::Gap) || self.skip_gaps {
                self.ready
                    .push_back(Played::Told(Box::new(ServerMessage::Gap {
                        from_us: from_ms * 1000,
                        to_us: next_ms * 1000,
                    })));
            }
            if self.skip_gaps {
                self.position = Position::new(next_ms, speed, due);
            } else {
                // It is told once the picture before it has had its time.
                let gap = self.plays.gap.as_millis() as u64 + 1;
                let over_ms = if speed > 0.0 {
                    from_ms + gap
                } else {
                    from_ms.saturating_sub(1)
                };
                let to_ms = if shown_ms.is_some() { over_ms } else { next_ms };
                due = self.position.when(to_ms).unwrap_or(due).max(due);
            }
        } else {
            // Backwards, a frame is that of the position until just before its own time.
            let to_ms = if speed > 0.0 {
                next_ms
            } else {
                from_ms.saturating_sub(1)
            };
            due = self.position.when(to_ms).unwrap_or(due).max(due);
        }
        let until = self.until_ms.and_then(|until| self.position.when(until));
        self.due = Due::At(until.map_or(due, |until| until.min(due)));
    }

    /// There is nothing more in that direction.
    fn end(&mut self, last_ms: u64, look: &Look) {
        let now = Instant::now();
        let is_live = clock::now_us() / 1000 <= last_ms.saturating_add(NEARLY_LIVE_MS);
        if self.position.speed() > 0.0 && is_live {
            self.tell(PlaybackState::Live, look, None);
            self.ready.push_back(Played::Live);
        } else {
            self.position = Position::new(last_ms, 0.0, now);
            self.tell(PlaybackState::End, look, None);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let now = Instant::now();
        self.position = Position::new(self.position.now(now), 0.0, now);
        self.due = Due::Never;
        let reason = format!("recordings cannot be read: {error}");
        self.tell(PlaybackState::Paused, &Look::default(), Some(reason));
    }

    /// Tells the state, where it is another one than was told. It comes before the frame that it is about.
    fn tell(&mut self, state: PlaybackState, look: &Look, reason: Option<String>) {
        if self.told == Some(state) && reason.is_none() {
            return;
        }
        self.told = Some(state);
        let (from_ms, to_ms) = look.range.unzip();
        let told = Playback {
            id: self.id,
            state,
            at_us: self.position.now(Instant::now()) * 1000,
            speed: self.position.speed(),
            from_us: from_ms.map(|ms| ms * 1000),
            to_us: to_ms.map(|ms| ms * 1000),
            reason,
        };
        let told = Box::new(ServerMessage::Playback(told));
        self.ready.push_back(Played::Told(told));
    }
}

/// The frame of a position, and the time of the one that follows.
fn looked(
    library: &Library,
    camera: &str,
    at_ms: u64,
    speed: f64,
    gap_ms: u64,
) -> io::Result<Look> {
    let last = library.find(camera, at_ms, Near::Before)?;
    let last_ms = last.as_ref().map(|found| found.at_ms);
    let found = last.filter(|found| at_ms - found.at_ms <= gap_ms);
    let time = |found: Option<Found>| found.map(|found| found.at_ms);
    let next_ms = if speed > 0.0 {
        let from_ms = last_ms.map_or(at_ms, |last_ms| last_ms + 1);
        time(library.find(camera, from_ms, Near::After)?)
    } else if speed < 0.0 {
        match &found {
            // Where nothing is there, the last one before is what follows.
            None => last_ms,
            Some(found) => match found.at_ms.checked_sub(1) {
                Some(before_ms) => time(library.find(camera, before_ms, Near::Before)?),
                None => None,
            },
        }
    } else {
        None
    };
    Ok(Look {
        at_ms,
        found,
        next_ms,
        range: None,
    })
}

/// The frame so many on from a time, or back; the last one in that direction where there are fewer.
fn stepped(library: &Library, camera: &str, from_ms: u64, by: i32) -> io::Result<Look> {
    let mut look = Look {
        at_ms: from_ms,
        ..Look::default()
    };
    if by == 0 {
        look.found = library.find(camera, from_ms, Near::Before)?;
    }
    let mut at_ms = from_ms;
    for _ in 0..by.unsigned_abs() {
        let found = if by > 0 {
            library.find(camera, at_ms + 1, Near::After)?
        } else {
            let before_ms = at_ms.checked_sub(1);
            let before = before_ms.map(|at_ms| library.find(camera, at_ms, Near::Before));
            before.transpose()?.flatten()
        };
        let Some(found) = found else { break };
        at_ms = found.at_ms;
        look.found = Some(found);
    }
    Ok(look)
}

/// The frame as it was sent when it was live.
fn frame(found: &Found) -> Arc<Frame> {
    let stamp = Stamp::read(&found.jpeg);
    let size = jpeg::inspect(&found.jpeg)
        .map_or((0, 0), |about| (about.width.into(), about.height.into()));
    let (seq, captured_us) = stamp.map_or((0, found.at_ms * 1000), |stamp| {
        (stamp.seq, stamp.captured_us)
    });
    Arc::new(Frame::new(seq, captured_us, size, found.jpeg.clone()))
}

#[cfg(test)]
mod tests;

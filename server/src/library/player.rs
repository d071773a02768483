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
    /// Where the next frame is further away, nothing was recorded in between.
    pub gap: Duration,
}

/// No two frames are sent sooner after each other: the faster it plays, the more each one costs the disk.
fn pace(speed: f64) -> Duration {
    Duration::from_millis(match speed.abs() {
        ..=4.0 => 16,
        ..=8.0 => 33,
        _ => 100,
    })
}

/// How late a look may be beyond a gap, and still find the picture there.
const WITHIN: Duration = Duration::from_millis(100);

/// Most pictures of a step.
const LONGEST_STEP: i32 = 100;

/// For how long it holds which recordings there are, when there is another request.
const RANGE_HOLDS: Duration = Duration::from_secs(5);

/// Pause after a disk did not answer in time.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// Where the last frame is no older than that, or than the distance of two frames, live pictures follow on it: what is recorded is
/// written once a second.
const NEARLY_LIVE: Duration = Duration::from_secs(5);

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
    /// The newest frame.
    Newest,
    /// The frame that is this many frames after the one sent last, or before it if negative.
    Step(i32),
}

/// Recordings that are played.
pub(crate) struct Player {
    plays: Plays,
    recordings: Recordings,
    /// The last request's.
    id: u64,
    position: Position,
    /// The speed that was asked for last, whatever stands still now.
    speed: f64,
    until_ms: Option<u64>,
    skip_gaps: bool,
    /// Whether nothing was played yet.
    is_new: bool,
    /// Time of the frame that was sent since the place was chosen, from which steps count.
    sent_ms: Option<u64>,
    /// The same of the frame that is to be sent, if steps count from that.
    ready_ms: Option<u64>,
    /// Time of the frame that the viewer has of this request, or is to be sent.
    shown_ms: Option<u64>,
    /// Times of the first frame and of the last one, once that is known.
    range: Option<(u64, u64)>,
    /// When those were read.
    range_at: Option<Instant>,
    /// Those are to be read, and to be told.
    wants_range: bool,
    tells_range: bool,
    due: Due,
    reading: Option<BoxFuture<'static, io::Result<Look>>>,
    /// There was another request since that reading began: what it finds is shown, and playing goes by the request.
    is_outdated: bool,
    /// What was told last.
    told: PlaybackState,
    /// Where the gap ends that was told of last.
    gap_ms: Option<u64>,
    /// What is to be sent: one frame at most, and a few messages around it.
    ready: VecDeque<Played>,
    /// There was no room for the frame that is ready.
    is_late: bool,
    /// The disk did not answer the last time.
    has_failed: bool,
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
    /// Of a camera's recordings; `None` where none are made.
    pub(crate) fn new(plays: &Plays) -> Option<Self> {
        Some(Self {
            recordings: plays.recordings.clone()?,
            plays: plays.clone(),
            id: 0,
            position: Position::new(clock::now_us() / 1000, 0.0, Instant::now()),
            speed: 1.0,
            until_ms: None,
            skip_gaps: true,
            is_new: true,
            sent_ms: None,
            ready_ms: None,
            shown_ms: None,
            range: None,
            range_at: None,
            wants_range: true,
            tells_range: false,
            due: Due::Never,
            reading: None,
            is_outdated: false,
            told: PlaybackState::Paused,
            gap_ms: None,
            ready: VecDeque::new(),
            is_late: false,
            has_failed: false,
        })
    }

    /// Plays as is asked for from here on.
    pub(crate) fn play(&mut self, play: &Play) {
        let now = Instant::now();
        self.speed = play.speed.unwrap_or(self.speed).clamp(-FASTEST, FASTEST);
        self.until_ms = play.until_us.map(|until_us| until_us / 1000);
        self.skip_gaps = play.skip_gaps.unwrap_or(self.skip_gaps);
        let at_ms = play.at_us.map(|at_us| at_us / 1000);
        let due = match at_ms {
            None if self.is_new => Due::Newest,
            _ => Due::At(now),
        };
        if at_ms.is_some() {
            self.sent_ms = None;
        }
        let at_ms = at_ms.unwrap_or_else(|| self.position.now(now));
        self.position = Position::new(at_ms, self.speed, now);
        self.begin(play.id, due);
    }

    /// Pauses at the frame that is `by` frames after the one sent last, or before it if negative.
    pub(crate) fn step(&mut self, id: u64, by: i32) {
        let now = Instant::now();
        if self.position.speed() == 0.0 {
            // Steps over a slow link add up as well: one that was read, and not sent yet, counts.
            self.sent_ms = self.ready_ms.take().or(self.sent_ms);
        }
        let from_ms = self.sent_ms.unwrap_or_else(|| self.position.now(now));
        self.position = Position::new(from_ms, 0.0, now);
        let by = match self.due {
            // Steps add up that come faster than the disk answers.
            Due::Step(before) if self.reading.is_none() || self.is_outdated => {
                by.saturating_add(before)
            }
            _ => by,
        };
        self.begin(id, Due::Step(by.clamp(-LONGEST_STEP, LONGEST_STEP)));
    }

    /// Shows the picture of the position once more: the last one may have been thrown away.
    pub(crate) fn again(&mut self) {
        self.shown_ms = None;
        if matches!(self.due, Due::Never | Due::At(_)) {
            self.due = Due::At(Instant::now());
        }
    }

    /// Answers a request, and has it done. What is being read is read to its end: while somebody looks for a place, requests come faster
    /// than a disk answers, and what it finds is near.
    fn begin(&mut self, id: u64, due: Due) {
        (self.id, self.due, self.gap_ms) = (id, due, None);
        self.is_outdated = self.reading.is_some();
        self.wants_range |= self.range_at.is_none_or(|at| at.elapsed() > RANGE_HOLDS);
        (self.shown_ms, self.has_failed) = (None, false);
        self.clear();
        let state = match self.position.speed() {
            0.0 => PlaybackState::Paused,
            _ => PlaybackState::Playing,
        };
        self.tell(state, None);
    }

    fn clear(&mut self) {
        self.ready.clear();
        self.ready_ms = None;
    }

    fn push(&mut self, found: &Found) {
        self.ready_ms = Some(found.at_ms);
        self.ready.push_back(Played::Frame(frame(found)));
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
                    // By now there may be a newer one.
                    self.ready.pop_front();
                    self.ready_ms = None;
                    (self.shown_ms, self.due) = (None, Due::At(Instant::now()));
                }
                Some(_) => {
                    if let Some(ready) = self.ready.pop_front() {
                        if matches!(ready, Played::Frame(_)) {
                            self.sent_ms = self.ready_ms.take().or(self.sent_ms);
                        }
                        return ready;
                    }
                }
                None => {}
            }
            self.is_late = false;
            if self.reading.is_none() {
                if !room {
                    return pending().await;
                }
                self.reading = Some(match self.due {
                    Due::Never => return pending().await,
                    Due::At(due) => {
                        sleep_until(due).await;
                        self.read(self.position.now(Instant::now()))
                    }
                    Due::Newest | Due::Step(_) => self.read(self.position.now(Instant::now())),
                });
            }
            if let Some(reading) = &mut self.reading {
                let look = reading.await;
                self.reading = None;
                match look {
                    Ok(look) if std::mem::take(&mut self.is_outdated) => {
                        self.learn(look.range);
                        if let Some(found) = &look.found {
                            self.push(found);
                            // Steps go on from it, but one from the place that was chosen since does not.
                            if !matches!(self.due, Due::Step(_)) {
                                self.ready_ms = None;
                            }
                        }
                    }
                    Ok(look) => self.take(look),
                    // The newer request is tried as well.
                    Err(_) if std::mem::take(&mut self.is_outdated) => {}
                    Err(error) => self.fail(&error),
                }
            }
        }
    }

    fn read(&self, at_ms: u64) -> BoxFuture<'static, io::Result<Look>> {
        let (recordings, due) = (self.recordings.clone(), self.due);
        let Plays {
            camera, key, gap, ..
        } = self.plays.clone();
        let (speed, wants_range) = (self.position.speed(), self.wants_range);
        let from_ms = self.sent_ms.unwrap_or(at_ms);
        let gap_ms = gap.as_millis() as u64;
        Box::pin(async move {
            let work = move |library: &Library| {
                let range = match due {
                    Due::Newest => library.range(&camera)?,
                    _ if wants_range => library.range(&camera)?,
                    _ => None,
                };
                let newest = range.filter(|_| matches!(due, Due::Newest));
                let at_ms = newest.map_or(at_ms, |(_, last_ms)| last_ms);
                let look = match due {
                    Due::Step(by) => stepped(library, &camera, from_ms, by)?,
                    _ => looked(library, &camera, at_ms, speed, gap_ms)?,
                };
                Ok(Look { range, ..look })
            };
            recordings.read(key.as_deref(), work).await
        })
    }

    /// What follows from what was read.
    fn take(&mut self, look: Look) {
        let now = Instant::now();
        let due = std::mem::replace(&mut self.due, Due::Never);
        self.is_new = false;
        self.learn(look.range);
        let stands = self.position.speed() == 0.0;
        let mut state = match look.found {
            // No request since: it is shown once more.
            _ if stands && self.told == PlaybackState::End => PlaybackState::End,
            None => PlaybackState::Gap,
            Some(_) if stands => PlaybackState::Paused,
            Some(_) => PlaybackState::Playing,
        };
        match (due, &look.found) {
            (Due::Step(_), None) => state = PlaybackState::End,
            (Due::Step(_), Some(found)) => self.position = Position::new(found.at_ms, 0.0, now),
            (Due::Newest, _) => self.position = Position::new(look.at_ms, self.speed, now),
            _ if self.is_over(look.at_ms) => {
                // What stays is the picture of that very time.
                let until_ms = self.until_ms.take().unwrap_or(look.at_ms);
                self.position = Position::new(until_ms, 0.0, now);
                self.due = Due::At(now);
                return self.tell(PlaybackState::Paused, None);
            }
            _ => {}
        }
        let passes_over =
            state == PlaybackState::Gap && self.position.speed() != 0.0 && self.skip_gaps;
        let is_news = state != self.told && !passes_over;
        let has_failed = std::mem::take(&mut self.has_failed);
        if is_news || self.tells_range || has_failed {
            self.tell(if passes_over { self.told } else { state }, None);
        }
        if let Some(found) = &look.found
            && self.shown_ms != Some(found.at_ms)
        {
            self.shown_ms = Some(found.at_ms);
            self.push(found);
        }
        if self.position.speed() != 0.0 {
            self.go_on(&look, now);
        }
    }

    /// Which recordings there are, once it is known.
    fn learn(&mut self, range: Option<(u64, u64)>) {
        if range.is_some() {
            self.tells_range |= self.range != range;
            (self.range, self.range_at) = (range, Some(Instant::now()));
            self.wants_range = false;
        }
    }

    /// Whether playing has come to where it is to pause.
    fn is_over(&self, at_ms: u64) -> bool {
        let speed = self.position.speed();
        self.until_ms.is_some_and(|until_ms| {
            (speed > 0.0 && at_ms >= until_ms) || (speed < 0.0 && at_ms <= until_ms)
        })
    }

    /// When to look next, or the end.
    fn go_on(&mut self, look: &Look, now: Instant) {
        let speed = self.position.speed();
        let found_ms = look.found.as_ref().map(|found| found.at_ms);
        let from_ms = found_ms.unwrap_or(look.at_ms);
        let Some(next_ms) = look.next_ms else {
            return self.end(found_ms);
        };
        let soonest = now + pace(speed);
        let gap_ms = self.plays.gap.as_millis() as u64;
        let is_gap = next_ms.abs_diff(from_ms) > gap_ms;
        if is_gap && self.gap_ms != Some(next_ms) {
            self.gap_ms = Some(next_ms);
            let gap = ServerMessage::Gap {
                from_us: from_ms * 1000,
                to_us: next_ms * 1000,
            };
            self.ready.push_back(Played::Told(Box::new(gap)));
        }
        if is_gap && self.skip_gaps {
            // Backwards, its picture is that of the time behind it: it is not missed though the next look is late.
            let within_ms = (-speed * WITHIN.as_millis() as f64).max(0.0) as u64;
            self.position = Position::new(next_ms + within_ms.min(gap_ms), speed, soonest);
            self.due = Due::At(soonest);
            return;
        }
        let over_ms = match found_ms {
            // The picture is that of the position for as long as a gap begins, and then it is told.
            Some(found_ms) if is_gap && speed > 0.0 => found_ms + gap_ms + 1,
            // Backwards, a picture is that of the position until just before its own time.
            Some(found_ms) if speed < 0.0 => found_ms.saturating_sub(1),
            _ => next_ms,
        };
        let until = self
            .until_ms
            .and_then(|until_ms| self.position.when(until_ms));
        let due = self.position.when(over_ms).unwrap_or(soonest);
        self.due = Due::At(until.map_or(due, |until| until.min(due)).max(soonest));
    }

    /// There is nothing more in that direction.
    fn end(&mut self, found_ms: Option<u64>) {
        let now = Instant::now();
        let nearly = NEARLY_LIVE.max(self.plays.gap).as_millis() as u64;
        let last_ms = found_ms.or(self.range.map(|(_, last_ms)| last_ms));
        let is_live =
            last_ms.is_some_and(|last_ms| clock::now_us() / 1000 <= last_ms.saturating_add(nearly));
        if self.position.speed() > 0.0 && is_live {
            self.tell(PlaybackState::Live, None);
            self.ready.push_back(Played::Live);
        } else {
            let at_ms = found_ms.unwrap_or_else(|| self.position.now(now));
            self.position = Position::new(at_ms, 0.0, now);
            self.tell(PlaybackState::End, None);
        }
    }

    fn fail(&mut self, error: &io::Error) {
        let now = Instant::now();
        let reason = format!("recordings cannot be read: {error}");
        if error.kind() == io::ErrorKind::TimedOut {
            // A disk that wakes up, or other requests: it goes on by itself.
            if matches!(self.due, Due::At(_)) {
                self.due = Due::At(now + LOOKS_AGAIN);
            }
            if !std::mem::replace(&mut self.has_failed, true) {
                self.tell(self.told, Some(reason));
            }
            return;
        }
        self.position = Position::new(self.position.now(now), 0.0, now);
        self.due = Due::Never;
        self.tell(PlaybackState::Paused, Some(reason));
    }

    /// Tells the state, before the frame that it is about.
    fn tell(&mut self, state: PlaybackState, reason: Option<String>) {
        (self.told, self.tells_range) = (state, false);
        let (from_ms, to_ms) = self.range.unzip();
        let told = Playback {
            id: self.id,
            state,
            at_us: self.position.now(Instant::now()) * 1000,
            speed: self.position.speed(),
            from_us: from_ms.map(|ms| ms * 1000),
            to_us: to_ms.map(|ms| ms * 1000),
            reason,
        };
        self.ready
            .push_back(Played::Told(Box::new(ServerMessage::Playback(told))));
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

/// The frame that is `by` frames after a time, or before it if negative; the last one in that direction if there are fewer.
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

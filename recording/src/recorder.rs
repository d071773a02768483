//! The thread that records, and the way to it. It never holds up a camera: what the disk does not take waits in the ring, or is
//! dropped there.

use crate::disk::System;
use crate::marker::{Marker, MarkerError};
use crate::name::Class;
use crate::progress::{Kept, Progress, Room, Shared, State, Status};
use crate::ring::{Next, Ring};
use crate::session::{Failure, Now, Plan, Policy, Session, Tally};
use crate::track::Frame;
use bytes::Bytes;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where and how recordings are written.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory.
    pub root: PathBuf,
    /// Where it is noted that this directory was recorded to; `None` notes nothing.
    pub state: Option<PathBuf>,
    /// How recordings are written and how long they stay.
    pub policy: Policy,
    /// Most bytes of frames that wait for the disk.
    pub memory: u64,
    /// Whether the machine's clock goes by another one. Before it does, a machine without a clock of its own may be far behind: what is
    /// recorded until then is given its time afterwards.
    pub clock_is_set: fn() -> bool,
}

/// Pause before a directory that is not there is looked for again.
const LOOKS_AGAIN: Duration = Duration::from_secs(5);

/// Pauses before a disk that failed or is full is tried again: what is short, such as one failed write, costs little.
const TRIES_AGAIN: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// After a disk has worked for this long, the pauses start again from the first one.
const DOES: Duration = Duration::from_secs(60);

/// Where removing recordings made no room, none is removed for that again before this is over.
const FUTILE: Duration = Duration::from_secs(600);

/// Recordings are removed by age only if the clock has not been set for this long.
const STEADY: Duration = Duration::from_secs(600);

/// The clock was set where its distance from the steady one changes by more than this.
const STEP_US: i64 = 1_000_000;

/// Interval at which the directory is checked.
const CHECKS: Duration = Duration::from_secs(1);

/// A camera whose newest frame is older than this delivers none.
const SILENT_US: u64 = 15_000_000;

/// The thread that records. Its end closes all files.
#[derive(Debug)]
pub struct Recorder {
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    has_ended: Arc<AtomicBool>,
    /// Whether all that waited was written.
    is_done: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Recorder {
    /// Starts the thread. What is wrong with the directory is told as its state, and tried again.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(config: Config) -> io::Result<Self> {
        let (ring, shared) = (Arc::new(Ring::new(config.memory)), Arc::<Shared>::default());
        let (has_ended, is_done) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let writer = Writer {
            config,
            ring: Arc::clone(&ring),
            shared: Arc::clone(&shared),
            futile: Cell::default(),
            clock: Cell::new((clock_offset_us(), Instant::now())),
        };
        let (ended, done) = (Arc::clone(&has_ended), Arc::clone(&is_done));
        let thread = Builder::new().name("recorder".into()).spawn(move || {
            done.store(writer.run(), Relaxed);
            ended.store(true, Relaxed);
        })?;
        Ok(Self {
            ring,
            shared,
            has_ended,
            is_done,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Records a camera as long as the lane lives.
    pub fn lane(&self, plan: Plan) -> Lane {
        let progress = Arc::<Progress>::default();
        progress.offered_us.store(steady_us(), Relaxed);
        let plan = Arc::new(plan);
        let lane = self.ring.add(Arc::clone(&plan), Arc::clone(&progress));
        Lane {
            ring: Arc::clone(&self.ring),
            shared: Arc::clone(&self.shared),
            lane,
            plan,
            progress,
            pace: Mutex::default(),
        }
    }

    /// Its state.
    pub fn status(&self) -> Status {
        self.shared.status(Now::read())
    }

    /// The disk, and what recordings take of it.
    pub fn room(&self) -> Room {
        self.shared.room()
    }

    /// How often the disk failed.
    pub fn errors(&self) -> u64 {
        self.shared.errors.load(Relaxed)
    }

    /// Writes what waits, closes all files, and ends. Blocks until that is done, at most so long; then what waits is lost.
    /// Returns whether it was done.
    pub fn end(&self, at_most: Duration) -> bool {
        self.ring.end();
        let deadline = Instant::now() + at_most;
        while !self.has_ended.load(Relaxed) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let has_ended = self.has_ended.load(Relaxed);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if has_ended && let Some(thread) = thread.take() {
            // Panics are caught on it.
            let _ = thread.join();
        }
        has_ended && self.is_done.load(Relaxed)
    }
}

/// One camera's way to the recorder. While it lives, the camera is recorded.
#[derive(Debug)]
pub struct Lane {
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    lane: u64,
    plan: Arc<Plan>,
    progress: Arc<Progress>,
    pace: Mutex<Pace>,
}

impl Lane {
    /// Offers a frame: the camera's `number`th, captured that long ago, of that size. It is taken if one is due. Never waits for the
    /// disk.
    pub fn offer(&self, number: u64, age: Duration, (width, height): (u32, u32), jpeg: &Bytes) {
        let now = Now::read();
        self.progress.offered_us.store(now.steady_us, Relaxed);
        let age_us = age.as_micros() as u64;
        let steady_us = now.steady_us.saturating_sub(age_us);
        let interval_us = self.plan.continuous_us.unwrap_or(self.plan.sparse_us);
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(skipped) = pace.take(number, steady_us, interval_us) else {
            return;
        };
        drop(pace);
        self.progress.skipped.fetch_add(skipped, Relaxed);
        let captured_us = now.wall_us.saturating_sub(age_us);
        self.progress.newest_us.store(captured_us, Relaxed);
        let frame = Frame {
            captured_us,
            steady_us,
            width,
            height,
            jpeg: jpeg.clone(),
        };
        if !self.ring.push(self.lane, frame) {
            self.shared.overflowed(now);
        }
    }

    /// What was recorded.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The recordings of a camera.
    pub fn kept(&self, camera: &str) -> Kept {
        self.shared.kept(camera)
    }

    /// Whether frames are recorded.
    pub fn status(&self) -> Status {
        let now = Now::read();
        let status = self.shared.status(now);
        if let (State::Recording | State::Slow, Some(failure)) =
            (status.state, self.progress.failure())
        {
            return failure;
        }
        let silent_us = now
            .steady_us
            .saturating_sub(self.progress.offered_us.load(Relaxed));
        if status.state == State::Recording && silent_us > SILENT_US {
            return Status {
                state: State::NoSignal,
                reason: "the camera delivers no frames".into(),
                since_us: self.progress.newest_us(),
            };
        }
        status
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.ring.remove(self.lane);
    }
}

/// Chooses the frames that are due.
#[derive(Debug, Default)]
struct Pace {
    due_us: u64,
    /// The number of the last frame that was offered, and when one was taken.
    last: Option<(u64, u64)>,
    /// Frames since then that were never offered.
    missed: u64,
}

impl Pace {
    /// `None` where that one is not due; else how many that were due never came.
    fn take(&mut self, number: u64, at_us: u64, interval_us: u64) -> Option<u64> {
        if let Some((last, _)) = self.last {
            self.missed += number.saturating_sub(last + 1);
        }
        let taken_us = self.last.map(|(_, taken_us)| taken_us);
        self.last = Some((number, taken_us.unwrap_or(at_us)));
        // A tenth early is in time.
        let slack_us = interval_us / 10;
        if taken_us.is_some() && at_us + slack_us < self.due_us {
            return None;
        }
        let late_us = at_us.saturating_sub(self.due_us);
        // Kept, rather than begun anew, so that the rate is met on average.
        let begins_anew = taken_us.is_none() || late_us > interval_us;
        self.due_us = if begins_anew { at_us } else { self.due_us } + interval_us;
        self.last = Some((number, at_us));
        let slots = taken_us.map_or(0, |taken_us| {
            let passed_us = at_us.saturating_sub(taken_us);
            ((passed_us + interval_us / 2) / interval_us.max(1)).saturating_sub(1)
        });
        Some(std::mem::take(&mut self.missed).min(slots))
    }
}

/// µs by a clock that is never set; its zero is shortly before its first reading.
fn steady_us() -> u64 {
    static ZERO: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Frames are older than their reading.
    const BEFORE: u64 = 3_600_000_000;
    ZERO.elapsed().as_micros() as u64 + BEFORE
}

/// How far the wall clock is from the steady one.
fn clock_offset_us() -> i64 {
    wall_us() as i64 - steady_us() as i64
}

fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    // A clock before 1970 reads as 1970.
    since.map_or(0, |since| since.as_micros() as u64)
}

/// What runs on the thread.
struct Writer {
    config: Config,
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    /// When removing recordings made no room.
    futile: Cell<Option<Instant>>,
    /// How far the clock is from the steady one, and since when.
    clock: Cell<(i64, Instant)>,
}

/// Why recording ended, and when it is tried again.
struct Pause {
    state: State,
    reason: String,
    /// `None` is the next one of [`TRIES_AGAIN`].
    pause: Option<Duration>,
    is_futile: bool,
}

/// What an error of the disk means, and what an administrator can do about it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only here: it may be failing, so check it with fsck, or the service may \
             not write there: give it ReadWritePaths=- and the path by `systemctl edit pistreamer`"
            .into(),
        io::ErrorKind::PermissionDenied => format!(
            "pistreamer may not write there: {error}; give its directory to the user that it runs as"
        ),
        _ => format!("the disk fails: {error}"),
    }
}

impl From<Failure> for Pause {
    fn from(failure: Failure) -> Self {
        let is_futile = matches!(failure, Failure::Futile(_));
        let (state, reason) = match failure {
            Failure::Full(reason) | Failure::Futile(reason) => (State::DiskFull, reason),
            Failure::Io(error) => (State::Error, reason(&error)),
        };
        Self {
            state,
            reason,
            pause: None,
            is_futile,
        }
    }
}

impl From<MarkerError> for Pause {
    fn from(error: MarkerError) -> Self {
        let state = match error {
            MarkerError::Missing(_) => State::NoDisk,
            _ => State::Error,
        };
        Self {
            state,
            reason: error.to_string(),
            pause: Some(LOOKS_AGAIN),
            is_futile: false,
        }
    }
}

impl Writer {
    /// Returns true if nothing that waited was lost at the end.
    fn run(&self) -> bool {
        let mut pauses = TRIES_AGAIN.iter();
        let mut ends = false;
        loop {
            let begun = Instant::now();
            let recorded = catch_unwind(AssertUnwindSafe(|| self.record()));
            let pause = match recorded {
                Ok(Ok(())) => return true,
                Ok(Err(pause)) => pause,
                Err(_) => Pause {
                    state: State::Error,
                    reason: "a bug in pistreamer, which the log tells".into(),
                    pause: None,
                    is_futile: false,
                },
            };
            if pause.is_futile {
                self.futile.set(Some(Instant::now()));
            }
            self.shared.busy_us.store(0, Relaxed);
            self.shared.errors.fetch_add(1, Relaxed);
            self.shared.turn(pause.state, &pause.reason, wall_us());
            if begun.elapsed() > DOES {
                pauses = TRIES_AGAIN.iter();
            }
            let [.., longest] = TRIES_AGAIN;
            let next = pause.pause.or(pauses.next().copied());
            // Where the end comes within the pause, it is tried once more at once.
            if ends {
                return !self.ring.give_up();
            }
            ends = self.ring.rest(next.unwrap_or(longest));
        }
    }

    /// Records until all is to end.
    fn record(&self) -> Result<(), Pause> {
        let Config {
            root,
            state,
            policy,
            ..
        } = &self.config;
        self.shared.busy_us.store(steady_us(), Relaxed);
        let marker = Marker::hold(root, state.as_deref())?;
        let mut session = Session::open(System, root, *policy)?;
        self.allow(&mut session);
        session.make_room(wall_us() / 1000)?;
        // A disk that failed has to take something before it is believed again.
        if !self.shared.has_failed() {
            self.goes_on();
        }
        let mut progresses = BTreeMap::new();
        let ended = self.write(&mut session, &marker, &mut progresses);
        if ended.is_err() {
            // What can be closed is.
            for (camera, tally) in session.close(steady_us()).unwrap_or_default() {
                self.count(progresses.get(&camera), tally);
            }
        }
        self.note_losses(&mut session, &progresses);
        ended
    }

    /// Lets old recordings go where the clock has been right for a while, and for the room of others where that helps.
    fn allow(&self, session: &mut Session<System>) {
        let (before_us, since) = self.clock.get();
        let offset_us = clock_offset_us();
        let is_set = (offset_us - before_us).abs() > STEP_US;
        let since = if is_set { Instant::now() } else { since };
        self.clock.set((offset_us, since));
        let is_futile = self.futile.get().is_some_and(|at| at.elapsed() < FUTILE);
        session.allow(since.elapsed() > STEADY, !is_futile);
    }

    fn count(&self, progress: Option<&Arc<Progress>>, tally: Tally) {
        if tally.frames > 0 {
            self.goes_on();
        }
        if let Some(progress) = progress {
            progress.frames.fetch_add(tally.frames, Relaxed);
            progress.bytes.fetch_add(tally.bytes, Relaxed);
            if tally.frames > 0 {
                progress.recover();
            }
        }
    }

    /// Tells each camera what of it was lost, and which files fail. Returns why any did.
    fn note_losses(
        &self,
        session: &mut Session<System>,
        progresses: &BTreeMap<String, Arc<Progress>>,
    ) -> Option<io::Error> {
        for (camera, frames) in session.take_lost() {
            if let Some(progress) = progresses.get(&camera) {
                progress.dropped.fetch_add(frames, Relaxed);
            }
        }
        let mut last = None;
        for (camera, error) in session.take_failed() {
            self.shared.errors.fetch_add(1, Relaxed);
            tracing::warn!(camera, %error, "a recording fails; its camera's next one is begun in a while");
            if let Some(progress) = progresses.get(&camera) {
                progress.fail(reason(&error), wall_us());
            }
            last = Some(error);
        }
        last
    }

    fn goes_on(&self) {
        self.shared.turn(State::Recording, "", wall_us());
    }

    /// `progresses` has those of the cameras of which frames were taken.
    fn write(
        &self,
        session: &mut Session<System>,
        marker: &Marker,
        progresses: &mut BTreeMap<String, Arc<Progress>>,
    ) -> Result<(), Pause> {
        let mut checked: Option<Instant> = None;
        let mut is_set = (self.config.clock_is_set)();
        loop {
            if checked.is_none_or(|at| at.elapsed() >= CHECKS) {
                marker.check()?;
                self.allow(session);
                is_set = is_set || (self.config.clock_is_set)();
                let now = Now {
                    is_set,
                    ..Now::read()
                };
                for (camera, tally) in session.set_clock(now)? {
                    self.count(progresses.get(&camera), tally);
                }
                session.make_room(wall_us() / 1000)?;
                self.shared.set_room(self.measure(session)?);
                checked = Some(Instant::now());
            }
            let now_us = steady_us();
            let due = session.due_us().map(|due| due.saturating_sub(now_us));
            let wait = due.map_or(CHECKS, Duration::from_micros).min(CHECKS);
            self.shared.busy_us.store(0, Relaxed);
            let next = self.ring.next(wait);
            self.shared.busy_us.store(steady_us(), Relaxed);
            match next {
                Next::Frame(plan, progress, frame) => {
                    progresses.insert(plan.camera.clone(), Arc::clone(&progress));
                    let now = Now {
                        is_set,
                        ..Now::read()
                    };
                    if session.begins(&plan, &frame, now) {
                        // Not below the disk that was mounted there a moment ago.
                        marker.check()?;
                    }
                    let recorded = session.record(&plan, &frame, now);
                    if recorded.is_err() {
                        progress.dropped.fetch_add(1, Relaxed);
                    }
                    self.count(Some(&progress), recorded?);
                }
                Next::Ended(plan) => {
                    let tally = session.close_camera(&plan.camera, steady_us());
                    self.count(progresses.get(&plan.camera), tally?);
                }
                Next::Nothing => {}
                Next::End => {
                    for (camera, tally) in session.close(steady_us())? {
                        self.count(progresses.get(&camera), tally);
                    }
                    return Ok(());
                }
            }
            for (camera, tally) in session.tick(steady_us())? {
                self.count(progresses.get(&camera), tally);
            }
            if let Some(error) = self.note_losses(session, progresses)
                && !session.writes()
            {
                // It is not one file. Others may do, so that it goes on.
                let reason = reason(&error);
                self.shared.turn(State::Error, &reason, wall_us());
            }
        }
    }

    fn measure(&self, session: &Session<System>) -> Result<Room, Pause> {
        let disk = session.space().map_err(Failure::from)?;
        let catalogue = session.catalogue();
        let (now_ms, day_ms) = (wall_us() / 1000, 24 * 3_600_000);
        let mut per_day = 0.0;
        let mut cameras = BTreeMap::new();
        for camera in catalogue.cameras() {
            let mut kept = Kept {
                first_ms: catalogue.first_ms(camera).unwrap_or(0),
                ..Kept::default()
            };
            for class in Class::ALL {
                let (mut recent, mut oldest_ms) = (0, now_ms);
                let since = catalogue.of(camera, class).rev();
                for recording in since.take_while(|it| it.name.start_ms + day_ms > now_ms) {
                    recent += recording.bytes;
                    oldest_ms = oldest_ms.min(recording.name.start_ms);
                }
                let span_ms = now_ms - oldest_ms;
                // Of less than a minute, nothing follows for a day.
                if span_ms >= 60_000 {
                    per_day += recent as f64 * day_ms as f64 / span_ms as f64;
                }
                kept.bytes.insert(class, catalogue.bytes(camera, class));
            }
            cameras.insert(camera.to_owned(), kept);
        }
        Ok(Room {
            used: catalogue.total(),
            limit: self.config.policy.limits.space(disk),
            free: disk.free,
            per_day,
            cameras,
        })
    }
}

impl Now {
    /// The present.
    fn read() -> Self {
        Self {
            wall_us: wall_us(),
            steady_us: steady_us(),
            is_set: false,
        }
    }
}

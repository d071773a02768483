//! What runs on the recorder's thread: it holds the directory, hands frames from the ring to a session, and tries again after a failure.

use crate::ages::Ages;
use crate::clock::{clock_offset_us, steady_us, wall_us};
use crate::disk::System;
use crate::marker::{Marker, MarkerError};
use crate::name::Class;
use crate::progress::{Kept, Progress, Room, Shared, State};
use crate::ring::{Next, Ring};
use crate::session::{Allowed, Failure, Now, Policy, Session, Tally};
use crate::unset::boot;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

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

/// Nothing is recorded longer than that before its time.
const AHEAD_MS: u64 = 24 * 3_600_000;

/// The clock was set where its distance from the steady one changes by more than this.
const STEP_US: i64 = 1_000_000;

/// Interval at which the directory is checked.
const CHECKS: Duration = Duration::from_secs(1);

/// What runs on the thread.
pub(crate) struct Writer {
    config: Config,
    ring: Arc<Ring>,
    shared: Arc<Shared>,
    /// When removing recordings made no room.
    futile: Cell<Option<Instant>>,
    /// How far the clock is from the steady one, and since when.
    clock: Cell<(i64, Instant)>,
    /// The time by which recordings are too old, once the directory has been looked through.
    ages: RefCell<Option<Ages>>,
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
    pub(crate) fn new(config: Config, ring: Arc<Ring>, shared: Arc<Shared>) -> Self {
        Self {
            config,
            ring,
            shared,
            futile: Cell::default(),
            clock: Cell::new((clock_offset_us(), Instant::now())),
            ages: RefCell::default(),
        }
    }

    /// Returns true if nothing that waited was lost at the end.
    pub(crate) fn run(&self) -> bool {
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
        let mut session = Session::open(System, root, *policy, &boot())?;
        self.allow(&mut session);
        session.make_room()?;
        // A disk that failed has to take something before it is believed again.
        if !self.shared.has_failed() {
            self.goes_on();
        }
        let mut progresses = BTreeMap::new();
        let ended = self.write(&mut session, &marker, &mut progresses);
        if ended.is_err() {
            // What can be closed is.
            let _ = session.close(steady_us());
        }
        self.count(&mut session, &progresses);
        self.note_losses(&mut session, &progresses);
        ended
    }

    /// Lets old recordings go where the clock has been right for a while, and for the room of others where that helps.
    fn allow(&self, session: &mut Session<System>) {
        let (before_us, since) = self.clock.get();
        let offset_us = clock_offset_us();
        let has_jumped = (offset_us - before_us).abs() > STEP_US;
        let since = if has_jumped { Instant::now() } else { since };
        self.clock.set((offset_us, since));
        let is_futile = self.futile.get().is_some_and(|at| at.elapsed() < FUTILE);
        let now_ms = wall_us() / 1000;
        let mut ages = self.ages.borrow_mut();
        let ages = ages.get_or_insert_with(|| Ages::new(session.catalogue(), now_ms, steady_us()));
        let is_set = (self.config.clock_is_set)();
        let age_ms = ages.follow(now_ms, steady_us(), is_set);
        let is_steady = since.elapsed() > STEADY;
        // One that is not set may be far behind, and then the newest recordings look wrong.
        let ahead_ms = (is_steady && is_set).then_some(now_ms.saturating_add(AHEAD_MS));
        let allowed = Allowed {
            ages: is_steady.then_some(age_ms),
            ahead: ahead_ms,
            yields: !is_futile,
        };
        session.allow(
            allowed,
            Now {
                is_set,
                ..Now::read()
            },
        );
    }

    /// Tells each camera what of it was written.
    fn count(&self, session: &mut Session<System>, progresses: &BTreeMap<String, Arc<Progress>>) {
        for (camera, Tally { frames, bytes }) in session.take_written() {
            if frames == 0 {
                continue;
            }
            self.goes_on();
            if let Some(progress) = progresses.get(&camera) {
                progress.wrote(frames, bytes, steady_us());
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
        let mut has_more = true;
        let mut names_at = Instant::now();
        loop {
            if checked.is_none_or(|at| at.elapsed() >= CHECKS) {
                marker.check()?;
                self.allow(session);
                is_set = is_set || (self.config.clock_is_set)();
                session.make_room()?;
                self.shared.set_room(self.measure(session)?);
                checked = Some(Instant::now());
            }
            let begun = Instant::now();
            if begun >= names_at {
                has_more = session.set_clock(Now {
                    is_set,
                    ..Now::read()
                })?;
                // Frames have three quarters of the time.
                names_at = Instant::now() + 3 * begun.elapsed();
            }
            let now_us = steady_us();
            let due = session.due_us().map(|due| due.saturating_sub(now_us));
            let due = due.map_or(CHECKS, Duration::from_micros).min(CHECKS);
            let wait = if has_more {
                due.min(names_at.saturating_duration_since(Instant::now()))
            } else {
                due
            };
            self.shared.busy_us.store(0, Relaxed);
            let next = self.ring.next(wait);
            self.shared.busy_us.store(steady_us(), Relaxed);
            match next {
                Next::Frame(plan, progress, frame, of_event) => {
                    progresses.insert(plan.camera.clone(), Arc::clone(&progress));
                    let now = Now {
                        is_set,
                        ..Now::read()
                    };
                    if session.begins(&plan, &frame, of_event, now) {
                        // Not below the disk that was mounted there a moment ago.
                        marker.check()?;
                    }
                    let recorded = if of_event {
                        session.record_event(&plan, &frame, now)
                    } else {
                        session.record(&plan, &frame, now)
                    };
                    if recorded.is_err() {
                        progress.dropped.fetch_add(1, Relaxed);
                    }
                    recorded?;
                }
                Next::EventEnded(plan) => {
                    session.close_event(&plan.camera, steady_us())?;
                }
                Next::Ended(plan) => {
                    session.close_camera(&plan.camera, steady_us())?;
                }
                Next::Nothing => {}
                Next::End => return Ok(session.close(steady_us())?),
            }
            session.tick(steady_us())?;
            self.count(session, progresses);
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

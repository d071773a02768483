//! A machine's channel: the interlock behind a lock, and the thread that asks it and writes to the sink.
//!
//! The thread is of its own because nothing else may hold it up: it wakes when a command comes and when time is up, and what
//! it writes is decided then. Sessions call the other functions here, which never wait for the machine.

use crate::interlock::{Command, Connection, Interlock, NotGiven, Output, Person, Refused};
use crate::limits::{BEAT, Time};
use crate::line;
use crate::plan::{BadCommand, Plan};
use crate::sink::{self, Sink, Written};
use crate::sys;
use crate::telemetry;
use pistreamer_protocol::message::{
    Motion, Operate, OperateLimits, Operating, Seat, StopReason, Telemetry,
};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line that the machine has not read for this long stops it.
const UNREAD: Duration = Duration::from_millis(100);

/// A program that has not read for this long is ended and started again.
const HUNG: Duration = Duration::from_secs(1);

/// How long a program gets until it reads for the first time: Python on a Pi Zero takes seconds to import GPIO libraries.
const STARTS: Duration = Duration::from_secs(15);

/// How often it is looked whether the machine has read.
const LOOKS: Duration = Duration::from_millis(4);

/// Shortest interval between two lines of the log about one thing.
const LOGS: Duration = Duration::from_secs(1);

/// The steady clock, as in `until_us`: `CLOCK_MONOTONIC`, which is `time.monotonic()` in Python.
pub fn now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// The way from operators to one machine.
pub struct Channel {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    plan: Plan,
    name: String,
    desk: Mutex<Desk>,
    wakes: Condvar,
    changed: Box<dyn Fn() + Send + Sync>,
}

struct Desk {
    interlock: Interlock,
    /// There is something for the thread.
    is_news: bool,
    has_ended: bool,
    telemetry: BTreeMap<String, Telemetry>,
    problem: String,
    told: Told,
}

/// What viewers are told when it changes.
#[derive(Clone, Debug, Default, PartialEq)]
struct Told {
    operator: Option<Connection>,
    asks: Option<Connection>,
    arm: u64,
    is_armed: bool,
    waits: Option<StopReason>,
    telemetry: u64,
    problem: String,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// It is no command for this machine.
    #[error(transparent)]
    Bad(#[from] BadCommand),
    /// It came from the wrong one, or too late.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("plan", &self.shared.plan)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// Opens the way to the machine of that name, which is told to stand still. Each time that there is something new to
    /// tell, `changed` is called, which must not wait.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        plan: Plan,
        name: String,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let sink = sink::open(&plan.sink);
        let shared = Arc::new(Shared {
            name,
            desk: Mutex::new(Desk {
                interlock: Interlock::new(plan.limits),
                is_news: false,
                has_ended: false,
                telemetry: BTreeMap::new(),
                problem: String::new(),
                told: Told::default(),
            }),
            plan,
            wakes: Condvar::new(),
            changed: Box::new(changed),
        });
        let running = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("operate".into())
            .spawn(move || Thread::new(running, sink).run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// What it was configured to.
    pub fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    /// The camera delivers, or does not any more.
    pub fn camera(&self, is_live: bool) {
        self.with(|interlock, now| interlock.camera(is_live, now));
    }

    /// Gives the seat, as [`Interlock::take`].
    ///
    /// # Errors
    /// Where another one has it.
    pub fn take(&self, person: Person, force: bool) -> Result<(), NotGiven> {
        self.with(|interlock, now| interlock.take(person, force, now))
    }

    /// Asks for the seat, as [`Interlock::ask`].
    ///
    /// # Errors
    /// Where somebody asks already.
    pub fn ask(&self, person: Person) -> Result<(), NotGiven> {
        self.with(|interlock, now| interlock.ask(person, now))
    }

    /// What the operator says to whoever asks.
    pub fn answer(&self, connection: Connection, gives: bool) {
        self.with(|interlock, now| interlock.answer(connection, gives, now));
    }

    /// That connection gives up the seat, or its question.
    pub fn leave(&self, connection: Connection) {
        self.with(|interlock, now| interlock.leave(connection, now));
    }

    /// Whether that connection has the seat.
    pub fn is_operated_by(&self, connection: Connection) -> bool {
        let desk = self.shared.desk();
        let operator = desk.interlock.report(now()).operator;
        operator.is_some_and(|person| person.connection == connection)
    }

    /// A frame, or word that it is unchanged, is handed to the socket of that connection.
    pub fn sent_frame(&self, connection: Connection, seq: u64, captured: Instant) {
        let (at, age) = (now(), captured.elapsed());
        let mut desk = self.shared.desk();
        let captured = at.saturating_sub(age);
        desk.interlock.sent_frame(connection, seq, captured, at);
    }

    /// Carries out a command, or a stop.
    ///
    /// # Errors
    /// Where it is refused.
    pub fn operate(&self, connection: Connection, command: &Operate) -> Result<(), NotDone> {
        if let Some(why) = command.stop {
            let why = match why {
                StopReason::Hidden | StopReason::Focus | StopReason::Input => why,
                _ => StopReason::Asked,
            };
            let seq = command.seq;
            self.with(|interlock, now| interlock.stop_asked(connection, seq, why, now))?;
            return Ok(());
        }
        let position = self.shared.plan.position(command)?;
        let command = Command {
            seq: command.seq,
            arm: command.arm,
            beat: command.beat.ok_or(BadCommand::Beat)?,
            n: command.n,
            position,
        };
        Ok(self.with(|interlock, now| interlock.operate(connection, command, now))?)
    }

    /// What that connection is told now. The operator is told a beat, which counts from now: for the moment before it is sent.
    pub fn operating(&self, connection: Connection) -> Operating {
        let Shared { plan, .. } = &*self.shared;
        let mut desk = self.shared.desk();
        let now = now();
        desk.interlock.pass(now);
        let beat = desk.interlock.send_beat(connection, now);
        let report = desk.interlock.report(now);
        let ms = |duration: Duration| duration.as_millis() as u64;
        let own = beat.and(Some(()));
        Operating {
            seat: match report.operator {
                None => Seat::Free,
                Some(_) if beat.is_some() => Seat::You,
                Some(_) => Seat::Other,
            },
            who: report
                .operator
                .map_or_else(String::new, |it| it.name.clone()),
            asks: report.asks.map_or_else(String::new, |it| it.name.clone()),
            state: if report.is_armed {
                Motion::Armed
            } else {
                Motion::Stopped
            },
            why: report.why,
            waits: report.waits,
            arm: report.arm,
            beat,
            seen: report.seen.filter(|_| own.is_some()),
            rest_ms: report.rest.map(ms),
            limits: OperateLimits {
                command_ms: ms(plan.limits.command),
                picture_ms: ms(plan.limits.picture),
            },
            axes: plan.axes.clone(),
            buttons: plan.buttons.clone(),
            command_ms: report.age.map(ms),
            picture_ms: report.picture.map(ms),
            slack_ms: report.slack_ms,
            refused: report.refused,
            problem: desk.problem.clone(),
            telemetry: desk.telemetry.clone(),
            ..Operating::default()
        }
    }

    /// Stops the machine for good, and closes the way to it. May take half a second.
    pub fn end(&self) {
        {
            let mut desk = self.shared.desk();
            desk.interlock.end(now());
            desk.has_ended = true;
            desk.is_news = true;
        }
        self.shared.wakes.notify_all();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that drives a machine had panicked");
        }
    }

    fn with<T>(&self, event: impl FnOnce(&mut Interlock, Time) -> T) -> T {
        let mut desk = self.shared.desk();
        let done = event(&mut desk.interlock, now());
        desk.is_news = true;
        drop(desk);
        self.shared.wakes.notify_all();
        done
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        // The interlock is valid at every point, and a panic in it leaves it stopped or to be stopped by time.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the thread has.
struct Thread {
    shared: Arc<Shared>,
    sink: Box<dyn Sink>,
    telemetry: telemetry::Reader,
    telemetry_count: u64,
    /// Number of the last line.
    seq: u64,
    /// What the machine was told last, and when.
    last: Option<(Output, Time)>,
    /// Which of the sink's openings is in use, since when, and lines that it took.
    opened: u64,
    since: Time,
    taken: u64,
    /// Since when a line waits because the one before was not read.
    unread_since: Option<Time>,
    log: Log,
}

impl Thread {
    fn new(shared: Arc<Shared>, sink: Box<dyn Sink>) -> Self {
        Self {
            shared,
            sink,
            telemetry: telemetry::Reader::default(),
            telemetry_count: 0,
            seq: 0,
            last: None,
            opened: 0,
            since: Time::ZERO,
            taken: 0,
            unread_since: None,
            log: Log::default(),
        }
    }

    fn run(mut self) {
        let (is_urgent, name) = (sys::be_urgent(), self.shared.name.clone());
        tracing::info!(machine = name, sink = %self.shared.plan.sink, is_urgent, "operators may drive");
        let mut heard = Vec::new();
        loop {
            heard.clear();
            self.sink.tend(now(), &mut heard);
            if self.telemetry.read(&heard) {
                self.telemetry_count += 1;
            }
            let has_ended = self.step();
            if has_ended {
                break;
            }
            self.wait();
        }
        self.seq += 1;
        let stop = Output::Stop(StopReason::Stopping);
        let line = line::write(&self.shared.plan, self.seq, &stop, now());
        self.sink.close(&line);
        (self.shared.changed)();
    }

    /// Tells the machine what it has to do. Returns true at the end.
    fn step(&mut self) -> bool {
        let now = now();
        let is_new = self.sink.opened() != self.opened;
        if is_new {
            (self.opened, self.since, self.taken) = (self.sink.opened(), now, 0);
            (self.last, self.unread_since) = (None, None);
            self.telemetry.clear();
            self.telemetry_count += 1;
        }
        let (output, has_ended, is_told) = {
            let shared = Arc::clone(&self.shared);
            let mut desk = shared.desk();
            desk.is_news = false;
            if is_new {
                // What is new is told STOP first, and reads it, before it is told anything else.
                desk.interlock.sink(false, now);
            }
            desk.interlock.pass(now);
            let is_told = self.tell(&mut desk, now);
            (desk.interlock.output(now), desk.has_ended, is_told)
        };
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(before, at)| *before != output || now >= *at + BEAT);
        if is_due && !has_ended {
            self.write(output, now);
        }
        // Behind the machine, which comes first, and without the lock, which whoever is called may want.
        if is_told {
            (self.shared.changed)();
        }
        has_ended
    }

    fn write(&mut self, output: Output, now: Time) {
        let line = line::write(&self.shared.plan, self.seq + 1, &output, now);
        let written = self.sink.write(&line);
        let was_read = match written {
            Written::Yes => {
                self.seq += 1;
                self.taken += 1;
                (self.last, self.unread_since) = (Some((output, now)), None);
                // All but this one have been read.
                Some(self.taken >= 2).filter(|was_read| *was_read)
            }
            Written::Unread => {
                let since = *self.unread_since.get_or_insert(now);
                let has_started = self.taken >= 2;
                let (stops, ends) = if has_started {
                    (UNREAD, HUNG)
                } else {
                    (STARTS, STARTS)
                };
                if now >= since + ends {
                    self.sink.give_up(now);
                }
                (now >= since + stops).then_some(false)
            }
            Written::Nobody => {
                self.taken = 0;
                // Not at full speed.
                self.last = Some((output, now));
                Some(false)
            }
        };
        if let Some(was_read) = was_read {
            let mut desk = self.shared.desk();
            desk.interlock.sink(was_read, now);
        }
    }

    /// Notes what has changed for viewers, and logs it. Returns true if something has.
    fn tell(&mut self, desk: &mut Desk, now: Time) -> bool {
        let report = desk.interlock.report(now);
        let told = Told {
            operator: report.operator.map(|person| person.connection),
            asks: report.asks.map(|person| person.connection),
            arm: report.arm,
            is_armed: report.is_armed,
            waits: report.waits,
            telemetry: self.telemetry_count,
            problem: self.sink.problem().to_owned(),
        };
        if told == desk.told {
            return false;
        }
        let (machine, why) = (&*self.shared.name, report.why.word());
        let operator = report.operator.map(|person| &*person.name);
        let before = &desk.told;
        if told.operator != before.operator {
            match operator {
                Some(operator) => tracing::info!(machine, operator, "the operator's seat is taken"),
                None => tracing::info!(machine, "the operator's seat is free"),
            }
        }
        if told.is_armed != before.is_armed || told.arm != before.arm {
            let left_out = self.log.again(now);
            match (left_out, told.is_armed) {
                (Some(left_out), true) => tracing::info!(machine, operator, left_out, "driving"),
                (Some(left_out), false) => {
                    let (age, picture) = (report.age, report.picture);
                    tracing::info!(machine, operator, why, ?age, ?picture, left_out, "stopped");
                }
                (None, _) => tracing::debug!(machine, operator, why, "stopped or driving"),
            }
        }
        if told.problem != before.problem {
            match &*told.problem {
                "" => tracing::info!(machine, "the machine can be reached"),
                problem => tracing::warn!(machine, problem, "the machine cannot be driven"),
            }
        }
        desk.telemetry.clone_from(self.telemetry.values());
        desk.problem.clone_from(&told.problem);
        desk.told = told;
        true
    }

    /// Waits until there is something to do.
    fn wait(&self) {
        let mut desk = self.shared.desk();
        let beat = self.last.as_ref().map_or(BEAT, |(_, at)| *at + BEAT);
        let mut until = beat;
        if let Some(deadline) = desk.interlock.deadline() {
            until = until.min(deadline);
        }
        let now = now();
        if self.unread_since.is_some() || self.last.is_none() {
            until = until.min(now + LOOKS).max(now + LOOKS / 4);
        }
        let mut left = until.saturating_sub(now).min(BEAT);
        let begun = Instant::now();
        while !desk.is_news && !left.is_zero() {
            let waited = self.shared.wakes.wait_timeout(desk, left);
            (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
            left = until
                .saturating_sub(now)
                .min(BEAT)
                .saturating_sub(begun.elapsed());
        }
    }
}

/// Few lines of many.
#[derive(Debug, Default)]
struct Log {
    last: Option<Time>,
    left_out: u64,
}

impl Log {
    /// Something happened. If that is to be logged, how many since the last one were not.
    fn again(&mut self, now: Time) -> Option<u64> {
        if self.last.is_some_and(|last| now < last + LOGS) {
            self.left_out += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

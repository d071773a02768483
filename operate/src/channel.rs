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
use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A line that the machine has not read for this long stops it.
const UNREAD: Duration = Duration::from_millis(100);

/// A program that has not read for this long is ended and started again.
const HUNG: Duration = Duration::from_secs(1);

/// How often it is looked whether the machine has read, once it has done so.
const LOOKS: Duration = Duration::from_millis(4);

/// Shortest interval between two changes of telemetry that viewers are told.
const TELEMETRY: Duration = Duration::from_millis(250);

/// Most lines of the machine's that wait for the log.
const MOST_SAID: usize = 64;

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
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    plan: Plan,
    name: String,
    desk: Mutex<Desk>,
    /// The one that writes, once it runs, and the one that tells viewers and the log.
    writer: OnceLock<std::thread::Thread>,
    teller: OnceLock<std::thread::Thread>,
    /// The one that writes has ended.
    is_over: AtomicBool,
    changed: Box<dyn Fn() + Send + Sync>,
}

struct Desk {
    interlock: Interlock,
    has_ended: bool,
    telemetry: BTreeMap<String, Telemetry>,
    problem: String,
    told: Told,
    /// Lines of the machine's for the log.
    said: Vec<String>,
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
        Self::start_with(plan, name, sink, changed)
    }

    fn start_with(
        plan: Plan,
        name: String,
        sink: Box<dyn Sink>,
        changed: impl Fn() + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            name,
            desk: Mutex::new(Desk {
                interlock: Interlock::new(plan.limits),
                has_ended: false,
                telemetry: BTreeMap::new(),
                problem: String::new(),
                told: Told::default(),
                said: Vec::new(),
            }),
            plan,
            writer: OnceLock::new(),
            teller: OnceLock::new(),
            is_over: AtomicBool::new(false),
            changed: Box::new(changed),
        });
        let telling = Teller {
            shared: Arc::clone(&shared),
            before: Told::default(),
            logs: Default::default(),
        };
        let teller = std::thread::Builder::new()
            .name("operate-tell".into())
            .spawn(move || telling.run())?;
        let _ = shared.teller.set(teller.thread().clone());
        let running = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("operate".into())
            .spawn(move || {
                let shared = Arc::clone(&running);
                let run = AssertUnwindSafe(|| Thread::new(running, sink).run());
                if catch_unwind(run).is_err() {
                    // The machine stops by itself, and whoever drives it is told.
                    let mut desk = shared.desk();
                    desk.interlock.end(now());
                    desk.problem = "its thread has panicked: start the server again".into();
                    desk.told.problem = desk.problem.clone();
                    drop(desk);
                    shared.tell();
                }
            });
        let writer = match writer {
            Ok(writer) => writer,
            Err(error) => {
                shared.is_over.store(true, Ordering::Release);
                shared.tell();
                return Err(error);
            }
        };
        Ok(Self {
            shared,
            threads: Mutex::new(vec![writer, teller]),
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
            self.with_some(|interlock, now| interlock.stop_asked(connection, seq, why, now))?;
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
        Ok(self.with_some(|interlock, now| interlock.operate(connection, command, now))?)
    }

    /// Stops the machine that this connection drives. Does nothing if another one drives.
    pub fn stop(&self, connection: Connection, why: StopReason) {
        // A refusal says that it does not drive.
        let _ = self.with_some(|interlock, now| interlock.stop_asked(connection, 0, why, now));
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
        }
        self.shared.wake();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that writes first: the other one tells of its end.
        for thread in threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread that drives a machine had panicked");
            }
            self.shared.is_over.store(true, Ordering::Release);
            self.shared.tell();
        }
    }

    fn with<T>(&self, event: impl FnOnce(&mut Interlock, Time) -> T) -> T {
        let done = self.with_some(|interlock, now| Ok::<_, Infallible>(event(interlock, now)));
        let Ok(done) = done;
        done
    }

    /// The same where a refusal is nothing that the thread has to know of: anybody could cause many.
    fn with_some<T, E>(
        &self,
        event: impl FnOnce(&mut Interlock, Time) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut desk = self.shared.desk();
        let done = event(&mut desk.interlock, now());
        drop(desk);
        if done.is_ok() {
            self.shared.wake();
        }
        done
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// There is something for the thread that tells.
    fn tell(&self) {
        if let Some(teller) = self.teller.get() {
            teller.unpark();
        }
    }

    /// There is something for the thread that writes.
    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

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
    /// Changes of it that viewers were told, when the last one was, and whether there is another one.
    telemetry_count: u64,
    telemetry_told: Time,
    is_telemetry_new: bool,
    /// Tells the lines of this thread from those of others.
    run: u64,
    /// Number of the last line.
    seq: u64,
    /// When the machine stops if nothing comes.
    deadline: Option<Time>,
    /// What the machine was told last, and when.
    last: Option<(Output, Time)>,
    /// Which of the sink's openings is in use, since when, and lines that it took.
    opened: u64,
    since: Time,
    taken: u64,
    /// Since when a line waits because the one before was not read.
    unread_since: Option<Time>,
}

impl Thread {
    fn new(shared: Arc<Shared>, sink: Box<dyn Sink>) -> Self {
        Self {
            shared,
            sink,
            telemetry: telemetry::Reader::default(),
            telemetry_count: 0,
            telemetry_told: Time::ZERO,
            is_telemetry_new: false,
            // 53 bits, which are exact in every JSON.
            run: RandomState::new().hash_one(std::process::id()) >> 11,
            seq: 0,
            deadline: None,
            last: None,
            opened: 0,
            since: Time::ZERO,
            taken: 0,
            unread_since: None,
        }
    }

    fn run(mut self) {
        // What came before is looked at first.
        let _ = self.shared.writer.set(std::thread::current());
        let (is_urgent, name) = (sys::be_urgent(), self.shared.name.clone());
        tracing::info!(machine = name, sink = %self.shared.plan.sink, is_urgent, "operators may drive");
        let mut heard = Vec::new();
        loop {
            heard.clear();
            self.sink.tend(now(), &mut heard);
            self.is_telemetry_new |= self.telemetry.read(&heard);
            let has_ended = self.step();
            if has_ended {
                break;
            }
            self.wait();
        }
        self.seq += 1;
        let stop = Output::Stop(StopReason::Stopping);
        let line = line::write(&self.shared.plan, (self.run, self.seq), &stop, now());
        self.sink.close(&line);
    }

    /// Tells the machine what it has to do. Returns true at the end.
    fn step(&mut self) -> bool {
        let shared = Arc::clone(&self.shared);
        let Some(mut desk) = self.desk(&shared) else {
            // Somebody holds the lock for longer than the machine may move.
            self.deadline = None;
            self.write(Output::Stop(StopReason::Command), now());
            return false;
        };
        // What is decided holds for this moment, and not for one before the lock was free.
        let now = now();
        let is_new = self.sink.opened() != self.opened;
        if is_new {
            (self.opened, self.since, self.taken) = (self.sink.opened(), now, 0);
            (self.last, self.unread_since) = (None, None);
            self.telemetry.clear();
            self.is_telemetry_new = true;
            // What is new is told STOP first, and reads it, before it is told anything else.
            desk.interlock.sink(false, now);
        }
        if self.is_telemetry_new && now >= self.telemetry_told + TELEMETRY {
            (self.is_telemetry_new, self.telemetry_told) = (false, now);
            self.telemetry_count += 1;
        }
        desk.interlock.pass(now);
        let is_told = self.note(&mut desk, now);
        let (output, has_ended) = (desk.interlock.output(now), desk.has_ended);
        self.deadline = desk.interlock.deadline();
        drop(desk);
        let is_due = self
            .last
            .as_ref()
            .is_none_or(|(before, at)| *before != output || now >= *at + BEAT);
        let was_read = if is_due && !has_ended {
            self.write(output, now)
        } else {
            None
        };
        if let Some(was_read) = was_read
            && let Some(mut desk) = self.desk(&shared)
        {
            desk.interlock.sink(was_read, now);
        }
        // Behind the machine, which comes first.
        if is_told {
            self.shared.tell();
        }
        has_ended
    }

    /// The interlock, as soon as it is free; `None` where it is not before the end of what the machine was told last. Threads
    /// that hold it are ordinary ones, and may have to wait for others.
    fn desk<'a>(&self, shared: &'a Shared) -> Option<MutexGuard<'a, Desk>> {
        let Some((Output::Drive { until, .. }, _)) = &self.last else {
            return Some(shared.desk());
        };
        loop {
            match shared.desk.try_lock() {
                Ok(desk) => return Some(desk),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if now() >= *until => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOKS / 4),
            }
        }
    }

    /// Writes that, if the machine has read what it was told before. Returns whether it reads, where that is known.
    fn write(&mut self, output: Output, decided: Time) -> Option<bool> {
        let now = now().max(decided);
        let output = match output {
            // Decided in time, and too late to be written.
            Output::Drive { until, .. } if until <= now => Output::Stop(StopReason::Command),
            output => output,
        };
        let line = line::write(&self.shared.plan, (self.run, self.seq + 1), &output, now);
        match self.sink.write(&line) {
            Written::Yes => {
                self.seq += 1;
                self.taken += 1;
                (self.last, self.unread_since) = (Some((output, now)), None);
                // All but this one have been read.
                Some(self.taken >= 2).filter(|was_read| *was_read)
            }
            Written::Unread => {
                let before = self.last.as_ref().map_or(now, |(_, at)| *at);
                let since = *self.unread_since.get_or_insert(before);
                let has_started = self.taken >= 2;
                let (stops, ends) = if has_started {
                    (UNREAD, HUNG)
                } else {
                    let patience = self.sink.patience();
                    (patience, patience)
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
        }
    }

    /// Notes what has changed for viewers and the log. Returns true if something has.
    fn note(&mut self, desk: &mut Desk, now: Time) -> bool {
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
        let room = MOST_SAID.saturating_sub(desk.said.len());
        let said = self.sink.said();
        let is_said = !said.is_empty();
        desk.said.extend(said.into_iter().take(room));
        if told == desk.told {
            return is_said;
        }
        if told.telemetry != desk.told.telemetry {
            desk.telemetry.clone_from(self.telemetry.values());
        }
        desk.problem.clone_from(&told.problem);
        desk.told = told;
        true
    }

    /// Waits until there is something to do. Takes no lock, which others may hold for longer than the machine may move.
    fn wait(&self) {
        let beat = self.last.as_ref().map_or(BEAT, |(_, at)| *at + BEAT);
        let mut until = self.deadline.map_or(beat, |deadline| beat.min(deadline));
        let now = now();
        if self.unread_since.is_some() || self.last.is_none() {
            // A program that is only starting needs its processor itself.
            until = now + if self.taken >= 2 { LOOKS } else { BEAT };
        }
        let left = until.saturating_sub(now).min(BEAT);
        if !left.is_zero() {
            std::thread::park_timeout(left);
        }
    }
}

/// Tells viewers and the log, on a thread of its own: what they wait for must not hold up the machine's.
struct Teller {
    shared: Arc<Shared>,
    /// What was told last.
    before: Told,
    /// Of starts and stops, of the seat, and of problems.
    logs: [Log; 3],
}

impl Teller {
    fn run(mut self) {
        loop {
            let is_over = self.shared.is_over.load(Ordering::Acquire);
            if self.log() || is_over {
                (self.shared.changed)();
            }
            if is_over {
                return;
            }
            std::thread::park();
        }
    }

    /// Logs what has changed. Returns true if something has.
    fn log(&mut self) -> bool {
        let now = now();
        let shared = Arc::clone(&self.shared);
        let machine = &*shared.name;
        let (told, said, operator, why, age, picture) = {
            let mut desk = shared.desk();
            let said = std::mem::take(&mut desk.said);
            let report = desk.interlock.report(now);
            let operator = report.operator.map(|person| person.name.clone());
            let (why, age, picture) = (report.why.word(), report.age, report.picture);
            (desk.told.clone(), said, operator, why, age, picture)
        };
        let operator = operator.as_deref();
        for says in said {
            tracing::info!(
                machine,
                says,
                "a machine's program wrote to its standard error"
            );
        }
        let before = std::mem::replace(&mut self.before, told.clone());
        if told == before {
            return false;
        }
        if told.operator != before.operator {
            match (self.logs[1].again(now), operator) {
                (Some(left_out), Some(operator)) => {
                    tracing::info!(machine, operator, left_out, "the operator's seat is taken");
                }
                (Some(left_out), None) => {
                    tracing::info!(machine, left_out, "the operator's seat is free");
                }
                (None, _) => tracing::debug!(machine, operator, "the operator's seat has changed"),
            }
        }
        if told.is_armed != before.is_armed || told.arm != before.arm {
            let left_out = self.logs[0].again(now);
            match (left_out, told.is_armed) {
                (Some(left_out), true) => tracing::info!(machine, operator, left_out, "driving"),
                (Some(left_out), false) => {
                    tracing::info!(machine, operator, why, ?age, ?picture, left_out, "stopped");
                }
                (None, _) => tracing::debug!(machine, operator, why, "stopped or driving"),
            }
        }
        if told.problem != before.problem {
            match (self.logs[2].again(now), &*told.problem) {
                (Some(left_out), "") => {
                    tracing::info!(machine, left_out, "the machine can be reached");
                }
                (Some(left_out), problem) => {
                    tracing::warn!(machine, problem, left_out, "the machine cannot be driven");
                }
                (None, problem) => tracing::debug!(machine, problem, "the machine's way changed"),
            }
        }
        true
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::sink::Spec;
    use serde_json::Value;

    const OPERATOR: Connection = 1;

    /// Keeps what it is told last.
    #[derive(Clone, Debug, Default)]
    struct Memory(Arc<Mutex<Value>>);

    impl Memory {
        fn last(&self) -> Value {
            self.0.lock().unwrap().clone()
        }
    }

    impl Sink for Memory {
        fn tend(&mut self, _: Time, _: &mut Vec<u8>) {}

        fn write(&mut self, line: &[u8]) -> Written {
            *self.0.lock().unwrap() = serde_json::from_slice(line).unwrap();
            Written::Yes
        }

        fn give_up(&mut self, _: Time) {}

        fn close(&mut self, line: &[u8]) {
            self.write(line);
        }

        fn said(&mut self) -> Vec<String> {
            Vec::new()
        }

        fn patience(&self) -> Time {
            Time::ZERO
        }

        fn problem(&self) -> &str {
            ""
        }

        fn opened(&self) -> u64 {
            1
        }
    }

    fn wait(what: &str, such: impl Fn() -> bool) {
        let begun = Instant::now();
        while !such() {
            assert!(begun.elapsed() < Duration::from_secs(30), "not {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Says once where the stick is, with a picture of this moment.
    fn say(channel: &Channel, seq: u64, throttle: f64) {
        let told = channel.operating(OPERATOR);
        channel.sent_frame(OPERATOR, seq, Instant::now());
        let command = Operate {
            seq,
            arm: told.arm,
            beat: told.beat,
            n: Some(seq),
            axes: BTreeMap::from([("throttle".into(), throttle)]),
            ..Operate::default()
        };
        // Where it stops, that is told.
        let _ = channel.operate(OPERATOR, &command);
    }

    #[test]
    fn a_machine_is_told_stop_in_time_whatever_lock_others_hold() {
        let memory = Memory::default();
        let plan = Plan {
            sink: Spec::Exec(vec![]),
            limits: Limits {
                command: Duration::from_secs(2),
                picture: Duration::from_secs(2),
            },
            axes: vec!["throttle".into()],
            buttons: vec![],
        };
        let sink = Box::new(memory.clone());
        // Whoever is told of changes may wait as well.
        let busy = Arc::new(Mutex::new(()));
        let waits = Arc::clone(&busy);
        let changed = move || drop(waits.lock());
        let channel = Channel::start_with(plan, "car".into(), sink, changed).unwrap();
        channel.camera(true);
        let person = Person {
            connection: OPERATOR,
            name: "operator".into(),
        };
        channel.take(person, false).unwrap();
        let seq = std::cell::Cell::new(0);
        wait("driven", || {
            seq.set(seq.get() + 1);
            let is_armed = channel.operating(OPERATOR).state == Motion::Armed;
            say(&channel, seq.get(), if is_armed { 0.5 } else { 0.0 });
            memory.last()["axes"]["throttle"] == 0.5
        });
        let held = channel.shared.desk();
        wait("stopped", || memory.last()["drive"] == false);
        drop(held);
        wait("driven again", || {
            seq.set(seq.get() + 1);
            let is_armed = channel.operating(OPERATOR).state == Motion::Armed;
            say(&channel, seq.get(), if is_armed { 0.5 } else { 0.0 });
            memory.last()["axes"]["throttle"] == 0.5
        });
        let held = busy.lock().unwrap();
        wait("stopped", || memory.last()["drive"] == false);
        drop(held);
        wait("told", || {
            channel.operating(OPERATOR).state == Motion::Stopped
        });
        channel.end();
        assert_eq!(memory.last()["why"], "stopping");
    }
}

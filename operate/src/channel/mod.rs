//! A machine's channel: the interlock behind a lock, and the thread that asks it and writes to the sink.
//!
//! The thread is of its own because nothing else may hold it up: it wakes when a command comes and when time is up, and what
//! it writes is decided then. Sessions call the other functions here, which never wait for the machine.

mod desk;
mod teller;
#[cfg(test)]
mod tests;
mod writer;

use crate::interlock::{Command, Connection, Interlock, NotGiven, Person, Refused};
use crate::limits::Time;
use crate::plan::{BadCommand, Plan};
use crate::sink::{self, Sink};
use desk::{Desk, Shared, Told};
use pistreamer_protocol::message::{Motion, Operate, OperateLimits, Operating, Seat, StopReason};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use teller::Teller;
use writer::Writer;

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
                stops: Vec::new(),
                said: Vec::new(),
            }),
            plan,
            writer: OnceLock::new(),
            teller: OnceLock::new(),
            is_over: AtomicBool::new(false),
            changed: Box::new(changed),
        });
        let telling = Teller::new(Arc::clone(&shared));
        let teller = std::thread::Builder::new()
            .name("operate-tell".into())
            .spawn(move || telling.run())?;
        let _ = shared.teller.set(teller.thread().clone());
        let running = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("operate".into())
            .spawn(move || {
                let shared = Arc::clone(&running);
                let run = AssertUnwindSafe(|| Writer::new(running, sink).run());
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
        self.with_any(|interlock, now| {
            interlock.camera(is_live, now);
            true
        });
    }

    /// Gives the seat, as [`Interlock::take`].
    ///
    /// # Errors
    /// Where another one has it.
    pub fn take(&self, person: Person, force: bool) -> Result<(), NotGiven> {
        self.with_some(|interlock, now| interlock.take(person, force, now))
    }

    /// Asks for the seat, as [`Interlock::ask`].
    ///
    /// # Errors
    /// Where somebody asks already.
    pub fn ask(&self, person: Person) -> Result<(), NotGiven> {
        self.with_some(|interlock, now| interlock.ask(person, now))
    }

    /// What the operator says to whoever asks.
    pub fn answer(&self, connection: Connection, gives: bool) {
        self.with_any(|interlock, now| interlock.answer(connection, gives, now));
    }

    /// That connection gives up the seat, or its question.
    pub fn leave(&self, connection: Connection) {
        self.with_any(|interlock, now| interlock.leave(connection, now));
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

    /// Tells the interlock of something that may change nothing, and says so.
    fn with_any(&self, event: impl FnOnce(&mut Interlock, Time) -> bool) {
        let _ = self.with_some(|interlock, now| event(interlock, now).then_some(()).ok_or(()));
    }

    /// The same for what may be refused. Of a refusal the thread need not know: anybody could cause many.
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

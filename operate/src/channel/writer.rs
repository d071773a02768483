//! The thread that asks the interlock and writes to the sink.

use super::desk::{Desk, Shared, Stop, Told};
use super::now;
use crate::interlock::Output;
use crate::limits::{BEAT, Time};
use crate::line;
use crate::sink::{Sink, Written};
use crate::sys;
use crate::telemetry;
use pistreamer_protocol::message::StopReason;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, MutexGuard, TryLockError};
use std::time::Duration;

/// A line that the machine has not read for this long stops it.
const UNREAD: Duration = Duration::from_millis(100);

/// A program that has not read for this long is ended and started again.
const HUNG: Duration = Duration::from_secs(1);

/// How often it is looked whether the machine has read, once it has done so.
const LOOKS: Duration = Duration::from_millis(4);

/// Shortest interval between two changes of telemetry that viewers are told.
const TELEMETRY: Duration = Duration::from_millis(250);

/// Most stops that wait for the log.
const MOST_STOPS: usize = 16;

/// Most lines of the machine's that wait for the log.
const MOST_SAID: usize = 64;

pub(super) struct Writer {
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

impl Writer {
    pub(super) fn new(shared: Arc<Shared>, sink: Box<dyn Sink>) -> Self {
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

    pub(super) fn run(mut self) {
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
        let (stopped, age, picture) = (report.why, report.age, report.picture);
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
        if told.arm != desk.told.arm && desk.stops.len() < MOST_STOPS {
            desk.stops.push(Stop {
                why: stopped,
                age,
                picture,
            });
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

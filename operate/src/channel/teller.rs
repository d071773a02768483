//! The thread that tells viewers and the log: what these wait for must not hold up the machine's.

use super::desk::{Shared, Stop, Told};
use super::now;
use crate::limits::Time;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Shortest interval between two lines of the log about one thing.
const LOGS: Duration = Duration::from_secs(1);

pub(super) struct Teller {
    shared: Arc<Shared>,
    /// What was told last.
    before: Told,
    /// Of stops, of starts, of the seat, and of problems.
    logs: [Log; 4],
}

impl Teller {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            before: Told::default(),
            logs: Default::default(),
        }
    }

    pub(super) fn run(mut self) {
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
        let (told, said, stops, operator) = {
            let mut desk = shared.desk();
            let said = std::mem::take(&mut desk.said);
            let report = desk.interlock.report(now);
            let operator = report.operator.map(|person| person.name.clone());
            let stops = std::mem::take(&mut desk.stops);
            (desk.told.clone(), said, stops, operator)
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
            match (self.logs[2].again(now), operator) {
                (Some(left_out), Some(operator)) => {
                    tracing::info!(machine, operator, left_out, "the operator's seat is taken");
                }
                (Some(left_out), None) => {
                    tracing::info!(machine, left_out, "the operator's seat is free");
                }
                (None, _) => tracing::debug!(machine, operator, "the operator's seat has changed"),
            }
        }
        for Stop { why, age, picture } in stops {
            let why = why.word();
            match self.logs[0].again(now) {
                Some(left_out) => {
                    tracing::info!(machine, operator, why, ?age, ?picture, left_out, "stopped");
                }
                None => tracing::debug!(machine, operator, why, "stopped"),
            }
        }
        if told.is_armed && (!before.is_armed || told.arm != before.arm) {
            match self.logs[1].again(now) {
                Some(left_out) => tracing::info!(machine, operator, left_out, "driving"),
                None => tracing::debug!(machine, operator, "driving"),
            }
        }
        if told.problem != before.problem {
            match (self.logs[3].again(now), &*told.problem) {
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

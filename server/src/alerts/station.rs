//! One receiver: what waits for it, and how telling it goes.
//!
//! The messages themselves are at the [`super::desk`]; telling it belongs to [`super::deliver`].

use crate::util::clock;
use pistreamer_alerts::outbox::Picture;
use pistreamer_alerts::queue::{Next, Queue, Sent};
use pistreamer_alerts::{Outcome, Receiver};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How telling a receiver goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Progress {
    /// Messages that it has.
    pub sent: u64,
    /// Messages that it does not get: it refused them, or they became too old or too many.
    pub given_up: u64,
    /// Messages that wait.
    pub waiting: usize,
    /// Unix time in µs of the last one that it took; 0 without.
    pub last_sent_us: u64,
    /// Why the last attempt failed; empty where it did not.
    pub reason: String,
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// This message is to be sent.
    Send(u64),
    /// These were given up.
    GivenUp(Vec<u64>),
}

/// One receiver.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) id: String,
    pub(super) receiver: Receiver,
    queue: Mutex<Queue>,
    progress: Mutex<Progress>,
    news: Notify,
    begun: Instant,
    /// An attempt is under way.
    is_busy: AtomicBool,
    /// No further one is begun.
    rests: CancellationToken,
    pub(super) stop: CancellationToken,
}

impl Station {
    pub(super) fn new(id: String, receiver: Receiver) -> Self {
        Self {
            id,
            receiver,
            queue: Mutex::default(),
            progress: Mutex::default(),
            news: Notify::new(),
            begun: Instant::now(),
            is_busy: AtomicBool::default(),
            rests: CancellationToken::new(),
            stop: CancellationToken::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it goes.
    pub(super) fn progress(&self) -> Progress {
        let waiting = self.queue().len();
        Progress {
            waiting,
            ..self.note().clone()
        }
    }

    /// Adds a message of that age about that subject; returns the one that is given up for it, if any.
    pub(super) fn add(&self, number: u64, subject: Option<String>, age: Duration) -> Option<u64> {
        let now = self.begun.elapsed();
        let dropped = self.queue().add(number, subject, age, now);
        if dropped.is_some() {
            self.give_up("more messages wait for it than are kept");
        }
        self.news.notify_one();
        dropped
    }

    fn give_up(&self, reason: &str) {
        let mut progress = self.note();
        progress.given_up += 1;
        progress.reason = reason.into();
        tracing::error!(
            receiver = self.receiver.name(),
            reason,
            "a message was given up"
        );
    }

    /// It is tried at once.
    pub(super) fn hurry(&self) {
        self.queue().hurry();
        self.news.notify_one();
    }

    /// Begins no further attempt.
    pub(super) fn rest(&self) {
        self.rests.cancel();
    }

    /// Whether an attempt is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Relaxed)
    }

    /// What is to be done next, once there is something.
    pub(super) async fn next(&self) -> Step {
        let step = self.rests.run_until_cancelled(self.find_next()).await;
        match step {
            Some(step) => step,
            None => std::future::pending().await,
        }
    }

    async fn find_next(&self) -> Step {
        loop {
            let now = self.begun.elapsed();
            let expired = self.queue().expired(now);
            if !expired.is_empty() {
                let give_up = |_: &u64| self.give_up("it could not be told within a day");
                expired.iter().for_each(give_up);
                return Step::GivenUp(expired);
            }
            let next = self.queue().next(now);
            match next {
                Next::Send(number) => {
                    self.is_busy.store(true, Relaxed);
                    return Step::Send(number);
                }
                Next::Nothing => self.news.notified().await,
                Next::Wait(until) => tokio::select! {
                    () = sleep(until.saturating_sub(now)) => {}
                    () = self.news.notified() => {}
                },
            }
        }
    }

    /// The picture with which a message is to be sent, and what that is called where it was taken.
    pub(super) fn choose(&self, number: u64, picture: Option<Picture>) -> (Option<Picture>, Sent) {
        let leaves_out = self.queue().leaves_out(number, self.begun.elapsed());
        match picture {
            None => (None, Sent::Text),
            Some(_) if leaves_out => (None, Sent::Plain),
            picture => (picture, Sent::Whole),
        }
    }

    /// A message is not there any more.
    pub(super) fn forget(&self, number: u64) {
        self.queue().remove(number);
        self.is_busy.store(false, Relaxed);
    }

    /// Notes what came of an attempt. Returns true where the message need not be kept any more.
    pub(super) fn came(&self, number: u64, outcome: Outcome, sent: Sent) -> bool {
        self.is_busy.store(false, Relaxed);
        match outcome {
            Outcome::Delivered => {
                self.queue().delivered(number, sent, self.begun.elapsed());
                let mut progress = self.note();
                progress.sent += 1;
                progress.last_sent_us = clock::now_us();
                drop(progress);
                self.works();
                true
            }
            Outcome::Never(reason) => {
                self.queue().remove(number);
                self.give_up(&reason);
                true
            }
            Outcome::Later {
                reason,
                answered,
                after,
            } => {
                let now = self.begun.elapsed();
                self.queue()
                    .failed(number, answered, after, now, fastrand::f64());
                self.fails(&reason);
                false
            }
        }
    }

    /// It cannot be told anything now.
    pub(super) fn fails(&self, reason: &str) {
        let mut progress = self.note();
        if progress.reason != reason {
            tracing::warn!(
                receiver = self.receiver.name(),
                reason,
                "messages wait for a receiver"
            );
            progress.reason = reason.into();
        }
    }

    /// It can be told.
    pub(super) fn works(&self) {
        if !std::mem::take(&mut self.note().reason).is_empty() {
            tracing::info!(receiver = self.receiver.name(), "a receiver is told again");
        }
    }
}

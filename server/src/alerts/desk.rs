//! The outbox with its receivers: takes messages, hands them out, and has a thread of its own at the disk.

use super::station::{Progress, Station};
use crate::util::clock;
use pistreamer_alerts::outbox::{Lost, Outbox, Picture, Work, age};
use pistreamer_alerts::{Alert, Plan, Receiver};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Interval at which what could not be written is tried again.
const TRIES: Duration = Duration::from_secs(10);

/// Interval at which the end looks whether attempts are under way.
const POLL: Duration = Duration::from_millis(10);

/// All messages that wait, and all receivers. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Desk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    outbox: Mutex<Outbox>,
    stations: Mutex<Vec<Arc<Station>>>,
    /// There is work at the disk.
    work: Notify,
    /// It is not done.
    is_busy: AtomicBool,
}

impl Desk {
    /// Takes over what an earlier run left in the directory. Blocks.
    pub(super) fn open(directory: Option<&Path>) -> Self {
        Self(Arc::new(Inner {
            // By the time, so that pictures that programs copy keep apart.
            outbox: Mutex::new(Outbox::open(directory, clock::now_us() / 1000)),
            stations: Mutex::default(),
            work: Notify::new(),
            is_busy: AtomicBool::default(),
        }))
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // Nothing panics while it holds this lock.
        self.0.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stations(&self) -> MutexGuard<'_, Vec<Arc<Station>>> {
        self.0
            .stations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Has these receivers, and returns the new ones; those that stay are not disturbed.
    pub(super) fn follow(&self, plan: &Plan) -> Vec<Arc<Station>> {
        let mut added = Vec::new();
        let mut stations = self.stations();
        let wanted = |station: &Arc<Station>| {
            let mut receivers = plan.receivers.iter();
            receivers.any(|(id, receiver)| *id == station.id && *receiver == station.receiver)
        };
        stations.retain(|station| {
            let stays = wanted(station);
            if !stays {
                station.stop.cancel();
            }
            stays
        });
        let ids = plan
            .receivers
            .iter()
            .map(|(id, _)| id)
            .chain(&plan.incomplete);
        let gone = self.outbox().retain(&ids.cloned().collect::<Vec<_>>());
        if gone > 0 {
            tracing::warn!(
                messages = gone,
                "messages waited for receivers that are not there any more"
            );
        }
        for (id, receiver) in &plan.receivers {
            if stations.iter().any(|station| station.id == *id) {
                continue;
            }
            let station = Arc::new(Station::new(id.clone(), receiver.clone()));
            let now_us = clock::now_us();
            let outbox = self.outbox();
            let waiting: Vec<_> = outbox
                .waiting(id)
                .map(|(number, alert)| (number, alert.subject(), age(alert, now_us)))
                .collect();
            drop(outbox);
            if !waiting.is_empty() {
                let (receiver, messages) = (receiver.name(), waiting.len());
                tracing::info!(receiver, messages, "messages wait from before");
            }
            for (number, subject, age) in waiting {
                if let Some(dropped) = station.add(number, subject, age) {
                    self.outbox().done(dropped, id);
                }
            }
            stations.push(Arc::clone(&station));
            added.push(station);
        }
        self.0.work.notify_one();
        added
    }

    /// Has no receivers any more; what waits for them stays.
    pub(super) fn leave(&self) {
        for station in self.stations().drain(..) {
            station.stop.cancel();
        }
    }

    /// Tells all receivers for which it is.
    pub(super) fn tell(&self, alert: Alert, picture: Option<Arc<[u8]>>) {
        let stations = self.stations();
        let is_for =
            |station: &&Arc<Station>| alert.is_for_people() || station.receiver.is_program();
        let told: Vec<_> = stations.iter().filter(is_for).collect();
        if told.is_empty() {
            return;
        }
        let to: Vec<_> = told.iter().map(|station| station.id.clone()).collect();
        let subject = alert.subject();
        let mut outbox = self.outbox();
        let number = outbox.add(alert, &to, picture);
        self.0.is_busy.store(true, Relaxed);
        drop(outbox);
        // No receiver is replaced before it has the message.
        for station in told {
            if let Some(dropped) = station.add(number, subject.clone(), Duration::ZERO) {
                self.outbox().done(dropped, &station.id);
            }
        }
        drop(stations);
        self.0.work.notify_one();
    }

    /// All receivers are tried at once.
    pub(super) fn hurry(&self) {
        self.stations().iter().for_each(|station| station.hurry());
    }

    /// Begins no further attempts, and waits for those that are under way.
    pub(super) async fn rest(&self) {
        self.stations().iter().for_each(|station| station.rest());
        while self.stations().iter().any(|station| station.is_busy()) {
            sleep(POLL).await;
        }
    }

    pub(super) fn get(&self, number: u64) -> Option<(Arc<Alert>, Option<Picture>)> {
        self.outbox().get(number)
    }

    /// A receiver has these messages, or is not to have them.
    pub(super) fn all_done(&self, numbers: &[u64], receiver: &str) {
        let mut outbox = self.outbox();
        numbers
            .iter()
            .for_each(|number| outbox.done(*number, receiver));
        drop(outbox);
        self.0.work.notify_one();
    }

    /// Does what is to be done at the disk until `until`, and then the rest. A disk that hangs holds up nothing else.
    pub(super) async fn keep(self, until: CancellationToken) {
        let mut problem = String::new();
        loop {
            let work = async {
                tokio::select! {
                    () = self.0.work.notified() => {}
                    () = sleep(TRIES) => self.outbox().retry(),
                }
            };
            let is_last = until.run_until_cancelled(work).await.is_none();
            self.settle().await;
            if is_last {
                return;
            }
            let now = self.outbox().problem().to_owned();
            if now != problem && !now.is_empty() {
                tracing::error!(
                    reason = now,
                    "a message was not written down, and is sent all the same"
                );
            }
            problem = now;
        }
    }

    /// Does what is to be done at the disk now.
    async fn settle(&self) {
        let desk = self.clone();
        let settled = spawn_blocking(move || {
            loop {
                // The lock is not held while the disk is waited for.
                let work = desk.next_work();
                match work {
                    Some(Work::Write(writing)) => {
                        let result = writing.run();
                        desk.outbox().written(&writing, result);
                    }
                    Some(Work::Remove(path)) => {
                        let _ = std::fs::remove_file(path);
                    }
                    None => break,
                }
            }
        });
        let _ = settled.await;
    }

    fn next_work(&self) -> Option<Work> {
        let mut outbox = self.outbox();
        let work = outbox.work();
        // While nothing can be added.
        self.0.is_busy.store(work.is_some(), Relaxed);
        work
    }

    /// Whether all that was told is at the disk, as far as it can be.
    pub(super) fn is_settled(&self) -> bool {
        !self.0.is_busy.load(Relaxed)
    }

    /// Each receiver, and how telling it goes.
    pub(super) fn progress(&self) -> Vec<(Receiver, Progress)> {
        let stations = self.stations();
        stations
            .iter()
            .map(|it| (it.receiver.clone(), it.progress()))
            .collect()
    }

    /// What was lost, and why messages do not survive a restart.
    pub(super) fn lost(&self) -> (Lost, String) {
        let outbox = self.outbox();
        (outbox.lost(), outbox.problem().to_owned())
    }
}

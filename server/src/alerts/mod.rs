//! Tells people what happens before the cameras, and what is wrong: a consumer of each camera's events.
//!
//! What is told, and when, is decided in `pistreamer_alerts`; this ties it to cameras, the network, programs and the clock.

mod deliver;
mod desk;
mod events;
mod exec;
mod memory;
mod mqtt;
mod picture;
mod send;
mod station;
mod troubles;
mod words;

pub(crate) use send::send;
pub(crate) use words::test;

use crate::camera::{Camera, Registry};
use crate::util::clock;
use crate::util::clock_sync;
use crate::util::host;
use crate::util::local_time::LocalTime;
use desk::Desk;
use memory::{Before, Memory};
use pistreamer_alerts::arming::{self, Armed, BadUntil};
use pistreamer_alerts::health::{self, Change, Health};
use pistreamer_alerts::outbox::Lost;
use pistreamer_alerts::rules::Cooldown;
use pistreamer_alerts::schedule::Local;
use pistreamer_alerts::{Alert, Kind, Plan, Stage};
use pistreamer_protocol::message::Happening;
use pistreamer_recording::Recorder;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio::task::{self, JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

/// Where messages wait, in the state directory.
const DIRECTORY: &str = "alerts";

/// Interval at which it is looked for troubles.
const LOOKS: Duration = Duration::from_secs(1);

/// How long a start waits until it is written down that it was told, and the end for attempts that are under way.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who is told what. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Alerts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    plan: watch::Sender<Plan>,
    directory: Option<PathBuf>,
    /// Nothing before there is somebody to be told.
    desk: OnceLock<Desk>,
    known: Mutex<Known>,
    /// What is remembered has changed.
    changed: Notify,
    begun: Instant,
}

#[derive(Debug, Default)]
struct Known {
    memory: Memory,
    health: Health,
    cooldown: Cooldown,
    /// Events since the last daily message.
    events: u64,
    /// Cameras and zones of the rules that there are not.
    unknown: Vec<String>,
}

/// Local time, as the schedule needs it.
fn local(us: u64) -> Local {
    let LocalTime { day, second } = LocalTime::at(us);
    Local {
        day,
        minute: (second / 60) as u16,
    }
}

/// Unix time in µs, and whether the clock is set, as far as anything tells.
fn clock_now() -> (u64, bool) {
    let now_us = clock::now_us();
    let is_set = !clock::is_evidently_behind(now_us) && !clock_sync::is_known_to_run_free();
    (now_us, is_set)
}

impl Alerts {
    /// Tells nothing until [`Self::follow`] runs.
    pub(crate) fn new(plan: Plan, state_dir: Option<&Path>) -> Self {
        Self(Arc::new(Inner {
            plan: watch::Sender::new(plan),
            directory: state_dir.map(|directory| directory.join(DIRECTORY)),
            desk: OnceLock::new(),
            known: Mutex::default(),
            changed: Notify::new(),
            begun: Instant::now(),
        }))
    }

    /// Goes by another plan from now on.
    pub(crate) fn configure(&self, plan: &Plan) {
        self.0.plan.send_if_modified(|known| {
            let is_new = known != plan;
            known.clone_from(plan);
            is_new
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing panics while it holds this lock.
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether events are told now.
    pub(crate) fn armed(&self) -> Armed {
        let said = self.known().memory.said;
        arming::armed(&self.0.plan.borrow().schedule, said, clock::now_us(), local)
    }

    /// Somebody says whether events are told, until that Unix time in µs, or until the schedule changes next.
    ///
    /// # Errors
    /// Where that time is over.
    pub(crate) fn arm(&self, armed: bool, until_us: Option<u64>) -> Result<(), BadUntil> {
        let schedule = self.0.plan.borrow().schedule.clone();
        let said = arming::say(&schedule, armed, until_us, clock_now(), local)?;
        self.known().memory.said = Some(said);
        self.0.changed.notify_one();
        tracing::info!(armed, "whether events are told was said by hand");
        Ok(())
    }

    /// Whether an event is told, which is noted; `None` where it may be later, when it reaches a zone or alerts are armed.
    fn lets(&self, camera: &str, kind: Kind, event: &Happening) -> Option<bool> {
        let is_armed = self.armed().armed;
        let plan = self.0.plan.borrow();
        if !is_armed || !plan.rules.want(camera, kind, &event.zones) {
            return None;
        }
        let mut known = self.known();
        let now = self.0.begun.elapsed();
        let label = &event.label;
        let lets = known.cooldown.lets(&plan.rules, camera, kind, label, now);
        known.events += u64::from(lets);
        Some(lets)
    }

    /// Tells everybody for whom it is, with a link to the camera.
    fn tell(&self, mut alert: Alert, picture: Option<Arc<[u8]>>) {
        alert.link = self.page().map(|page| match &alert.camera {
            Some(id) => format!("{page}?camera={}", encoded(id)),
            None => page,
        });
        tracing::info!(
            kind = alert.kind.name(),
            camera = alert.camera,
            title = alert.title,
            "telling"
        );
        if let Some(desk) = self.0.desk.get() {
            desk.tell(alert, picture);
        }
    }

    /// Watches the cameras and tells what is to be told, until `until` is cancelled.
    pub(crate) async fn follow(
        self,
        cameras: Registry,
        recorder: Option<Arc<Recorder>>,
        until: CancellationToken,
    ) {
        let mut plans = self.0.plan.subscribe();
        let is_wanted = |plan: &Plan| !plan.receivers.is_empty() || !plan.incomplete.is_empty();
        let wanted = async { plans.wait_for(is_wanted).await.is_ok() };
        if until.run_until_cancelled(wanted).await != Some(true) {
            return;
        }
        let since_us = clock::now_us();
        let before = self.open().await;
        let desk = self.0.desk.get().expect("it was opened").clone();
        let mut tasks = JoinSet::new();
        let keeps = CancellationToken::new();
        let keeping = tokio::spawn(desk.clone().keep(keeps.clone()));
        let watching = tokio::spawn(self.clone().watch(cameras.clone(), since_us, until.clone()));
        let plan = plans.borrow_and_update().clone();
        self.deliver(&desk, &plan, &cameras, &mut tasks);
        self.count_restart(before);
        let restarts = self.due_restarts();
        // Written before it is told: a server that crashes at once would tell it at each start.
        let mut first = self.write(Some(memory::boot()));
        let is_late = timeout(PATIENCE, &mut first).await.is_err();
        let mut writing = is_late.then_some(first);
        for text in restarts {
            self.tell_restart(&text);
        }
        self.0.changed.notify_one();
        let mut looks = interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = until.cancelled() => break,
                changed = plans.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    let plan = plans.borrow_and_update().clone();
                    self.deliver(&desk, &plan, &cameras, &mut tasks);
                }
                Some(ended) = tasks.join_next() => if let Err(error) = ended && error.is_panic() {
                    // The log tells of the panic. All are told anew what waits.
                    desk.leave();
                    let plan = plans.borrow().clone();
                    self.deliver(&desk, &plan, &cameras, &mut tasks);
                },
                _ = looks.tick() => self.look(&cameras.list(), recorder.as_deref()),
                () = self.0.changed.notified() => {
                    // One after the other; a disk that hangs holds up one of them. What says that something was told is not
                    // written before that.
                    if desk.is_settled() && writing.as_ref().is_none_or(JoinHandle::is_finished) {
                        writing = Some(self.write(Some(memory::boot())));
                    } else {
                        self.0.changed.notify_one();
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        }
        // What is answered by now is not sent again by the next start.
        let _ = timeout(PATIENCE, desk.rest()).await;
        tasks.shutdown().await;
        let _ = watching.await;
        keeps.cancel();
        let _ = keeping.await;
        if let Some(writing) = writing {
            let _ = writing.await;
        }
        // The end is in order, and nothing is written behind it.
        let _ = self.write(None).await;
    }

    /// Tells the receivers of a plan, and no others.
    fn deliver(&self, desk: &Desk, plan: &Plan, cameras: &Registry, tasks: &mut JoinSet<()>) {
        for station in desk.follow(plan) {
            let (desk, alerts, cameras) = (desk.clone(), self.clone(), cameras.clone());
            tasks.spawn(deliver::run(station, desk, alerts, cameras));
        }
    }

    /// What tells this server from others, of machines with the same name.
    fn server_id(&self) -> String {
        let machine = host::tag(0).unwrap_or_default();
        let known = format!("pistreamer {machine} {:?}", self.0.directory);
        let hash = digest(&SHA256, known.as_bytes());
        hash.as_ref()[..4]
            .iter()
            .fold(String::new(), |id, byte| format!("{id}{byte:02x}"))
    }

    /// URL of the viewer, where it is known.
    fn page(&self) -> Option<String> {
        self.0.plan.borrow().page.clone()
    }

    /// Opens the outbox and reads what is remembered; returns how the run before ended.
    async fn open(&self) -> Before {
        let directory = self.0.directory.clone();
        let opened = spawn_blocking(move || {
            let desk = Desk::open(directory.as_deref());
            let memory = directory.as_deref().map(Memory::read).unwrap_or_default();
            (desk, memory)
        });
        let (desk, memory) = opened
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let (lost, _) = desk.lost();
        if lost.corrupt > 0 {
            tracing::error!(
                files = lost.corrupt,
                "messages or pictures that waited cannot be read, and are lost"
            );
        }
        let before = memory.before();
        let mut known = self.known();
        known.health = Health::restored(
            memory.troubles.clone(),
            self.0.begun.elapsed(),
            clock::now_us(),
        );
        // Somebody may have armed it meanwhile.
        let said = known.memory.said.take();
        known.memory = memory;
        known.memory.said = said.or(known.memory.said.take());
        drop(known);
        let _ = self.0.desk.set(desk);
        before
    }

    /// Notes how the run before ended.
    fn count_restart(&self, before: Before) {
        let memory = &mut self.known().memory;
        match before {
            Before::Ended => {}
            Before::Killed => memory.killed.count(),
            Before::MachineWentDown => memory.machine_went_down.count(),
        }
    }

    /// What is to be told of restarts now, which is noted.
    fn due_restarts(&self) -> Vec<String> {
        let now_us = clock::now_us();
        let mut known = self.known();
        let mut texts = Vec::new();
        for (what, restarts) in known.memory.restarts() {
            match restarts.due(now_us) {
                None => {}
                Some(1) => texts.push(format!("{what}, and runs again")),
                Some(count) => texts.push(format!(
                    "{what} {count} times since that was told last, and runs again"
                )),
            }
        }
        texts
    }

    fn tell_restart(&self, text: &str) {
        let alert = words::about_machine(Kind::Restarted, Stage::Once, "restarted", text);
        self.tell(alert, None);
    }

    /// Writes what is remembered, on a thread that may wait.
    fn write(&self, runs_in: Option<String>) -> JoinHandle<()> {
        let directory = self.0.directory.clone();
        let memory = {
            let mut known = self.known();
            let troubles = known.health.told(self.0.begun.elapsed(), clock::now_us());
            known.memory.troubles = troubles;
            known.memory.runs_in = runs_in;
            known.memory.clone()
        };
        spawn_blocking(move || {
            let Some(directory) = directory else { return };
            if let Err(error) = memory.write(&directory) {
                tracing::error!(%error, "what alerts remember was not written");
            }
        })
    }

    /// Watches each camera's events from that Unix time in µs on.
    async fn watch(self, cameras: Registry, mut since_us: u64, until: CancellationToken) {
        let mut changes = cameras.changes();
        let mut watched: Vec<(Camera, CancellationToken, task::Id)> = Vec::new();
        let mut tasks = JoinSet::new();
        while !until.is_cancelled() {
            changes.mark_unchanged();
            let list = cameras.list();
            watched.retain(|(camera, stop, _)| {
                let stays = list.iter().any(|other| other.is(camera));
                if !stays {
                    stop.cancel();
                }
                stays
            });
            for camera in list.iter() {
                if watched.iter().any(|(other, ..)| other.is(camera)) {
                    continue;
                }
                let stop = until.child_token();
                let alerts = self.clone();
                let task = tasks.spawn(events::watch(
                    alerts,
                    camera.clone(),
                    since_us,
                    stop.clone(),
                ));
                watched.push((camera.clone(), stop, task.id()));
            }
            tokio::select! {
                () = until.cancelled() => {}
                changed = changes.changed() => if changed.is_err() { break },
                Some(ended) = tasks.join_next() => if let Err(error) = ended {
                    // After a panic, which the log tells, that camera is watched anew, from then on.
                    since_us = clock::now_us();
                    watched.retain(|(.., task)| *task != error.id());
                },
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Looks for troubles, and whether the daily message is due.
    fn look(&self, cameras: &[Camera], recorder: Option<&Recorder>) {
        let plan = self.0.plan.borrow().clone();
        let seen = troubles::seen(&plan, cameras, recorder);
        let unseen = |trouble: &health::Trouble| troubles::unseen(trouble, cameras, recorder);
        let now = self.0.begun.elapsed();
        let changes = self.known().health.look(seen, unseen, now);
        let name_of = |id: &str| {
            let camera = cameras.iter().find(|camera| **camera.id() == *id);
            camera.map_or_else(|| id.to_owned(), |camera| camera.state().name)
        };
        let is_changed = !changes.is_empty();
        for change in changes {
            let (trouble, reason, lasted) = match change {
                Change::Began(seen) => (seen.trouble, seen.reason, None),
                Change::Ended(trouble, lasted) => (trouble, String::new(), Some(lasted)),
            };
            let name = trouble.camera.as_deref().map(name_of);
            let camera = trouble.camera.as_deref().zip(name.as_deref());
            self.tell(
                match lasted {
                    None => words::trouble(trouble.kind, camera, &reason),
                    Some(lasted) => words::over(trouble.kind, camera, lasted),
                },
                None,
            );
        }
        let is_daily = self.tell_daily(&plan, cameras);
        let restarts = self.due_restarts();
        restarts.iter().for_each(|text| self.tell_restart(text));
        self.look_at_rules(&plan, cameras);
        if is_changed || is_daily || !restarts.is_empty() || self.settle_arming(&plan) {
            self.0.changed.notify_one();
        }
    }

    /// Has what somebody said before the clock was set expire by the clock. Returns true where that has changed.
    fn settle_arming(&self, plan: &Plan) -> bool {
        let mut known = self.known();
        let Some(said) = known.memory.said.filter(|said| said.is_open) else {
            return false;
        };
        let settled = arming::settled(&plan.schedule, said, clock_now(), local);
        known.memory.said = Some(settled);
        settled != said
    }

    /// Notes cameras and zones of the rules that there are not: nothing would ever be told of them.
    fn look_at_rules(&self, plan: &Plan, cameras: &[Camera]) {
        let unknown = troubles::unknown(plan, cameras);
        let mut known = self.known();
        if known.unknown != unknown {
            for name in &unknown {
                tracing::warn!("there is no {name}: nothing is told of it");
            }
            known.unknown = unknown;
        }
    }

    /// Returns true where what is remembered has changed.
    fn tell_daily(&self, plan: &Plan, cameras: &[Camera]) -> bool {
        let now_us = clock::now_us();
        let Some(at) = plan.daily.filter(|_| !clock::is_evidently_behind(now_us)) else {
            return false;
        };
        let now = local(now_us);
        let mut known = self.known();
        let Some(last) = known.memory.daily else {
            known.memory.daily = Some(health::first_daily(at, now));
            return true;
        };
        if !health::is_daily_due(at, Some(last), now) {
            return false;
        }
        known.memory.daily = Some(now.day);
        let events = std::mem::take(&mut known.events);
        let troubles = known.health.active().map(described).collect::<Vec<_>>();
        drop(known);
        self.tell(words::alive(events, cameras.len(), &troubles), None);
        true
    }

    /// Sends a message to everybody, as a test.
    pub(crate) fn tell_test(&self) {
        if let Some(desk) = self.0.desk.get() {
            desk.hurry();
        }
        self.tell(test(), None);
    }

    /// Whether events are told, as JSON.
    pub(crate) fn told_armed(&self) -> Value {
        let Armed { armed, by_hand } = self.armed();
        let until_us = by_hand.and_then(|said| said.until_us);
        json!({ "armed": armed, "by": if by_hand.is_some() { "hand" } else { "schedule" }, "until_us": until_us })
    }

    /// How all of it goes, as JSON.
    pub(crate) fn told(&self) -> Value {
        let desk = self.0.desk.get();
        let receivers: Vec<_> = desk.map(Desk::progress).unwrap_or_default();
        let receivers = receivers.iter().map(|(receiver, progress)| {
            let state = match (progress.waiting, progress.reason.is_empty()) {
                (_, false) => "failing",
                (0, true) => "ready",
                (_, true) => "sending",
            };
            json!({
                "name": receiver.name(),
                "state": state,
                "reason": progress.reason,
                "waiting": progress.waiting,
                "sent": progress.sent,
                "given_up": progress.given_up,
                "last_sent_us": progress.last_sent_us,
            })
        });
        let (lost, problem) = desk.map(Desk::lost).unwrap_or_default();
        let known = self.known();
        let troubles: Vec<_> = known.health.active().map(described).collect();
        let held_back = known.cooldown.held_back();
        let unknown = known.unknown.clone();
        drop(known);
        let Lost {
            corrupt,
            pictures,
            messages,
            unwritten,
        } = lost;
        json!({
            "armed": self.told_armed(),
            "receivers": receivers.collect::<Vec<_>>(),
            "troubles": troubles,
            "held_back": held_back,
            "unknown": unknown,
            "local_time": LocalTime::at(clock::now_us()).clock(),
            "lost": { "corrupt": corrupt, "pictures": pictures, "messages": messages, "unwritten": unwritten },
            "reason": problem,
        })
    }

    /// Messages that were sent, given up, and that wait.
    pub(crate) fn totals(&self) -> [u64; 3] {
        let progress = self.0.desk.get().map(Desk::progress).unwrap_or_default();
        progress
            .iter()
            .fold([0; 3], |[sent, given_up, waiting], (_, it)| {
                [
                    sent + it.sent,
                    given_up + it.given_up,
                    waiting + it.waiting as u64,
                ]
            })
    }
}

/// A trouble in a word, and the camera's id.
fn described(trouble: &health::Trouble) -> String {
    match &trouble.camera {
        Some(camera) => format!("{}: {}", camera, trouble.kind.name()),
        None => trouble.kind.name().into(),
    }
}

fn encoded(id: &str) -> String {
    percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).to_string()
}

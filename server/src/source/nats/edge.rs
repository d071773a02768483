//! The connection of an edge to its broker: it hears which cameras there are, and brings their frames.
//!
//! Which cameras count is decided by `pistreamer_fleet::roster`. It is made again whenever it breaks, and the cameras say so
//! meanwhile.

use super::camera::{Ports, Published};
use super::shown::Shown;
use crate::broker::{self, Broker, Heard, Link, Servers};
use crate::source::appearing::{Appeared, Appearing};
use crate::source::remote::Intake;
use crate::source::{SourceError, Spec};
use crate::util::log_throttle::{ConnectionThrottle, EventThrottle};
use crate::via::Via;
use pistreamer_fleet::message::{Instance, State};
use pistreamer_fleet::roster::{self, Passed, Presence, Roster};
use pistreamer_fleet::subject::Subject;
use pistreamer_fleet::wire::Message;
use pistreamer_protocol::Backoff;
use pistreamer_protocol::message::Cause;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::{sleep, sleep_until};

/// Subscriptions. Those of frames have numbers above them.
const STATES: u64 = 1;
const INBOX: u64 = 2;
const FRAMES: u64 = 10;

/// Interval at which the cameras are looked through.
const LOOKS: Duration = Duration::from_millis(250);

/// Number of cameras that have appeared so far. One that appears again is not the one that went, whose source has ended.
static APPEARED: AtomicU64 = AtomicU64::new(0);

/// A connection that lasted for that long worked.
const LASTED: Duration = Duration::from_secs(5);

/// An edge.
pub(super) struct Edge<'a> {
    broker: &'a Broker,
    appearing: &'a Appearing<Spec>,
    via: &'a Via,
    /// Of the connection's own camera.
    intake: Intake,
    roster: Roster,
    cameras: BTreeMap<String, Shown>,
    /// Which camera each frame that was asked for is of.
    asked: HashMap<u64, String>,
    next_sid: u64,
    /// The group of its subscriptions: nobody else knows it.
    group: String,
    changed: Arc<Notify>,
    bad: EventThrottle,
    full: EventThrottle,
    refusals: EventThrottle,
    published: ConnectionThrottle,
    has_asked: bool,
}

impl<'a> Edge<'a> {
    pub(super) fn new(
        broker: &'a Broker,
        appearing: &'a Appearing<Spec>,
        via: &'a Via,
        intake: Intake,
    ) -> Self {
        let own = Instance::parse(via.own()).unwrap_or(Instance::new(0));
        Self {
            broker,
            appearing,
            via,
            intake,
            roster: Roster::new(own, broker.most),
            cameras: BTreeMap::new(),
            asked: HashMap::new(),
            next_sid: FRAMES,
            group: format!("{:016x}", fastrand::u64(..)),
            changed: Arc::default(),
            bad: EventThrottle::new(),
            full: EventThrottle::new(),
            refusals: EventThrottle::new(),
            published: ConnectionThrottle::new(),
            has_asked: false,
        }
    }

    /// Connects, and again whenever the connection ends. Never ends by itself.
    pub(super) async fn follow(&mut self) -> SourceError {
        let mut servers = Servers::default();
        let mut backoff = Backoff::new(broker::FIRST_PAUSE, broker::LONGEST_PAUSE);
        let mut last = String::new();
        loop {
            let began = Instant::now();
            let problem = match Link::connect(self.broker, &mut servers, "pistreamer edge").await {
                Ok(link) => {
                    tracing::info!(broker = %self.broker, "connected");
                    self.serve(link).await
                }
                Err(problem) => problem,
            };
            if problem == last {
                tracing::debug!(broker = %self.broker, problem, "still not connected");
            } else {
                tracing::warn!(broker = %self.broker, problem, "not connected; retrying");
            }
            let cause = Cause::BrokerLost {
                broker: self.broker.to_string(),
                problem: problem.clone(),
            };
            last = problem;
            self.intake.lost(cause.clone());
            for camera in self.cameras.values_mut() {
                camera.disconnects();
                camera.loses(cause.clone());
            }
            self.asked.clear();
            if began.elapsed() >= LASTED {
                backoff.reset();
                last.clear();
            }
            let pause = backoff.pause(fastrand::f64());
            let until = Instant::now() + pause;
            while Instant::now() < until {
                self.look();
                sleep(LOOKS.min(pause)).await;
            }
        }
    }

    /// One connection. Returns why it ended.
    async fn serve(&mut self, mut link: Link) -> String {
        let inbox = self.broker.inbox.clone().unwrap_or_else(|| "_INBOX".into());
        let inbox = format!("{inbox}.{:016x}", fastrand::u64(..));
        link.subscribe(&Subject::all_states(), STATES);
        link.subscribe(&inbox, INBOX);
        link.publish(
            &Subject::Hello.to_string(),
            Some(&inbox),
            bytes::Bytes::new(),
        );
        self.resume();
        let began = Instant::now();
        let mut looks_at = began;
        loop {
            let now = Instant::now();
            if now >= looks_at {
                looks_at = now + LOOKS;
                self.look();
                self.pass(link.heard());
                self.tell(now >= began + LOOKS * 2);
            }
            let mut until = looks_at;
            let ids: Vec<_> = self.due(now);
            for id in ids {
                self.ask(&id, &mut link);
            }
            for camera in self.cameras.values() {
                let dues = [camera.asks_at, camera.repeats_at()];
                until = dues.into_iter().flatten().fold(until, Instant::min);
            }
            tokio::select! {
                heard = link.next() => match heard {
                    Ok(Heard::Message(message)) => self.hear(message, &mut link),
                    Ok(Heard::Refused(error)) => self.refused(&error),
                    Ok(Heard::Echo(_) | Heard::Clear) => {}
                    Err(problem) => return problem,
                },
                () = self.changed.notified() => {
                    let ids: Vec<_> = self.cameras.keys().cloned().collect();
                    for id in ids {
                        self.ask(&id, &mut link);
                    }
                }
                () = sleep_until(until.into()) => {}
            }
        }
    }

    /// The broker is back: what was known of publishers that were not there is true again.
    fn resume(&mut self) {
        self.roster.resume(Instant::now());
        for (id, camera) in &mut self.cameras {
            match self.roster.presence(id) {
                Some(Presence::Lost) => camera.loses(Cause::PublisherLost),
                Some(Presence::Left) => camera.loses(Cause::PublisherLeft),
                Some(Presence::There) | None => {}
            }
        }
    }

    /// The cameras of which something is due.
    fn due(&self, now: Instant) -> Vec<String> {
        let is_due = |camera: &Shown| {
            let dues = [camera.asks_at, camera.repeats_at()];
            dues.into_iter().flatten().any(|due| due <= now)
        };
        let due = self.cameras.iter().filter(|(_, camera)| is_due(camera));
        due.map(|(id, _)| id.clone()).collect()
    }

    /// Takes over what sources have begun meanwhile.
    fn look(&mut self) {
        for camera in self.cameras.values_mut() {
            if camera.begins(&self.changed) {
                self.changed.notify_one();
            }
        }
    }

    fn pass(&mut self, now: Instant) {
        for passed in self.roster.pass(now) {
            match passed {
                Passed::Lost(id) => {
                    tracing::warn!(camera = id, "its publisher is silent");
                    self.lose(&id, Cause::PublisherLost);
                }
                Passed::Gone(id) => tracing::info!(camera = id, "it is not published any more"),
            }
        }
        let before = self.cameras.len();
        self.cameras.retain(|id, _| self.roster.has(id));
        if self.cameras.len() != before {
            self.appearing.retain(|id| self.roster.has(id));
        }
    }

    fn lose(&mut self, id: &str, cause: Cause) {
        if let Some(camera) = self.cameras.get_mut(id) {
            camera.loses(cause);
        }
    }

    /// Says of the connection's own camera that there are none, once there was time to hear of some.
    fn tell(&mut self, is_time: bool) {
        if self.cameras.is_empty() && is_time {
            if !self.has_asked {
                self.has_asked = true;
                let broker = self.broker.to_string();
                self.intake.lost(Cause::BrokerNoCameras { broker });
            }
        } else {
            self.has_asked = false;
        }
    }

    fn ask(&mut self, id: &str, link: &mut Link) {
        if let Some(camera) = self.cameras.get_mut(id) {
            let asked = camera.asks(link, self.via, &self.group, &mut self.next_sid);
            self.asked
                .extend(asked.into_iter().map(|sid| (sid, id.to_owned())));
        }
    }

    fn hear(&mut self, message: Message, link: &mut Link) {
        if message.sid == STATES || message.sid == INBOX {
            return self.hear_state(&message, link);
        }
        let Some(id) = self.asked.remove(&message.sid) else {
            return;
        };
        if let Some(camera) = self.cameras.get_mut(&id)
            && camera.takes(message, link)
        {
            self.roster.moves(&id, Instant::now());
        }
        // The next one, while this one is being shown.
        self.ask(&id, link);
    }

    fn hear_state(&mut self, message: &Message, link: &mut Link) {
        let state = match State::read(&message.payload) {
            Ok(state) => state,
            Err(error) => return self.bad(&error.to_string()),
        };
        let subject = Subject::State(state.camera.clone());
        if message.sid == STATES && Subject::parse(&message.subject) != Some(subject) {
            return self.bad("a camera's state under another one's name");
        }
        let id = state.camera.clone();
        match self.roster.hear(&state, Instant::now()) {
            roster::Heard::New => self.appear(&id, state),
            roster::Heard::Known | roster::Heard::Restarted => {
                if let Some(camera) = self.cameras.get_mut(&id) {
                    camera.hears(state);
                }
            }
            roster::Heard::Left => self.lose(&id, Cause::PublisherLeft),
            roster::Heard::Contested(true) => tracing::warn!(
                camera = id,
                "two machines publish a camera under this id, and the first one is shown: give one of them another id"
            ),
            roster::Heard::Full => {
                if let Some(times) = self.full.again() {
                    let most = self.broker.most;
                    tracing::warn!(
                        times,
                        "{most} cameras are shown, and the broker has more: add ?cameras=NUMBER to its URL for those, too"
                    );
                }
            }
            roster::Heard::Contested(false) | roster::Heard::Own | roster::Heard::Nothing => {}
        }
        self.ask(&id, link);
    }

    fn appear(&mut self, id: &str, state: State) {
        // Another one may have given up its place.
        self.cameras.retain(|id, _| self.roster.has(id));
        self.appearing.retain(|id| self.roster.has(id));
        let ports = Ports::default();
        let mut shown = Shown::new(id.into(), state.publisher, ports.clone(), self.broker.fps);
        shown.hears(state);
        self.cameras.insert(id.into(), shown);
        let broker = self.broker.to_string();
        let number = APPEARED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{broker}?camera={id}&number={number}");
        let kind = Arc::new(Published {
            broker,
            id: id.into(),
            ports,
        });
        if let Some(left_out) = self.published.again() {
            tracing::info!(camera = id, left_out, "it is published");
        }
        self.appearing.add(Appeared {
            id: id.into(),
            source: Spec::of(&name, kind),
        });
    }

    fn refused(&mut self, error: &str) {
        let cause = Cause::BrokerRefuses {
            broker: self.broker.to_string(),
            problem: error.into(),
        };
        if let Some(times) = self.refusals.again() {
            tracing::warn!(reason = %cause, times, "not shown");
        }
        let subject = error.split('"').find_map(Subject::parse);
        match subject {
            Some(Subject::Frames(id, _) | Subject::Demand(id)) => self.lose(&id, cause),
            _ => {
                self.has_asked = true;
                self.intake.lost(cause);
            }
        }
    }

    fn bad(&self, problem: &str) {
        if let Some(times) = self.bad.again() {
            tracing::warn!(
                problem,
                times,
                "the broker brings something that is no camera's state"
            );
        }
    }
}

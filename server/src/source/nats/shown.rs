//! One camera of a broker, as an edge shows it: what it asks for, and what becomes of what comes.

use super::camera::Ports;
use crate::broker::Link;
use crate::demand::Demand as Consumers;
use crate::source::remote::{self, End, Intake};
use crate::util::clock;
use crate::via::Via;
use pistreamer_fleet::audience::REPEAT;
use pistreamer_fleet::credit::{Came, Credit, Frame};
use pistreamer_fleet::message::{Demand, Instance, State, Want};
use pistreamer_fleet::subject::{Rendition, Subject};
use pistreamer_fleet::wire::Message;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::message::Cause;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;
use tracing::Span;

/// A camera.
pub(super) struct Shown {
    id: String,
    publisher: Instance,
    ports: Ports,
    /// `None` until its source runs.
    run: Option<Run>,
    /// What its publisher said last; `None` while it, or the broker, is lost.
    state: Option<State>,
    /// Why not.
    lost: Option<Cause>,
    credit: Credit,
    /// When demand was last said, and whether anything was wanted then.
    said: Option<(Instant, bool)>,
    /// When the next frame may be asked for, where that is later.
    pub(super) asks_at: Option<Instant>,
    left_out: u64,
    /// Most frames a second that are wanted; `None` is all.
    fps: Option<f64>,
    span: Span,
}

/// A run of its source.
struct Run {
    intake: Intake,
    consumers: Consumers,
    wanted: Arc<AtomicBool>,
    /// Whether a picture is needed before anybody looks, because its size is not known otherwise.
    awaits_picture: bool,
    _watch: AbortOnDropHandle<()>,
}

impl Shown {
    pub(super) fn new(id: String, publisher: Instance, ports: Ports, fps: Option<f64>) -> Self {
        Self {
            span: tracing::info_span!("shown", camera = id),
            id,
            publisher,
            ports,
            run: None,
            state: None,
            lost: None,
            credit: Credit::default(),
            said: None,
            asks_at: None,
            fps,
            left_out: 0,
        }
    }

    /// Takes over a run of its source that has just begun. Returns true where there is one.
    pub(super) fn begins(&mut self, changed: &Arc<Notify>) -> bool {
        if self
            .run
            .as_ref()
            .is_some_and(|run| run.consumers.stopping())
        {
            self.run = None;
        }
        let Some((intake, consumers)) = self.ports.take() else {
            return false;
        };
        let wanted = Arc::new(AtomicBool::new(consumers.wanted()));
        let watch = tokio::spawn(watch(
            consumers.clone(),
            Arc::clone(&wanted),
            Arc::clone(changed),
        ));
        self.run = Some(Run {
            intake,
            consumers,
            wanted,
            awaits_picture: false,
            _watch: AbortOnDropHandle::new(watch),
        });
        self.apply();
        true
    }

    /// Its publisher says its state. Where that is another one than before, its frames are numbered anew.
    pub(super) fn hears(&mut self, state: State) {
        if self.publisher != state.publisher {
            self.publisher = state.publisher;
            self.credit.begin_anew();
            self.said = None;
        }
        self.lost = None;
        if self.state.as_ref() != Some(&state) {
            self.state = Some(state);
            self.apply();
        }
    }

    /// It is lost, for that reason.
    pub(super) fn loses(&mut self, cause: Cause) {
        self.state = None;
        self.said = None;
        if self.lost.as_ref() != Some(&cause) {
            self.lost = Some(cause);
            self.apply();
        }
    }

    fn apply(&mut self) {
        let Some(run) = &mut self.run else { return };
        let _entered = self.span.enter();
        match (&self.state, &self.lost) {
            (Some(state), _) => {
                run.intake
                    .named(state.status.name.as_deref().unwrap_or_default());
                run.awaits_picture = run.intake.follow(&state.status, End::Origin);
            }
            (None, Some(cause)) => run.intake.lost(cause.clone()),
            (None, None) => {}
        }
    }

    fn is_wanted(&self) -> bool {
        self.state.is_some()
            && self
                .run
                .as_ref()
                .is_some_and(|run| run.awaits_picture || run.wanted.load(Ordering::Relaxed))
    }

    /// Says what is wanted where that is due, and asks for the next frame. Subscriptions get rising numbers.
    pub(super) fn asks(
        &mut self,
        link: &mut Link,
        via: &Via,
        group: &str,
        next_sid: &mut u64,
    ) -> Vec<u64> {
        let (now, is_wanted) = (Instant::now(), self.is_wanted());
        let was_wanted = self.said.is_some_and(|(_, wanted)| wanted);
        if is_wanted && !was_wanted {
            self.credit.begin_anew();
            if let Some(run) = &mut self.run {
                run.intake.resumed();
            }
        }
        let is_due = is_wanted && self.said.is_none_or(|(at, _)| now >= at + REPEAT);
        if is_wanted != was_wanted || is_due {
            self.said = Some((now, is_wanted));
            let subject = Subject::Demand(self.id.clone()).to_string();
            link.publish(&subject, None, self.demand(via, is_wanted).written().into());
        }
        self.asks_at = None;
        let mut asked = Vec::new();
        if !is_wanted {
            self.credit.forget().for_each(|sid| link.unsubscribe(sid));
            return asked;
        }
        let fps = self
            .state
            .as_ref()
            .and_then(|state| state.status.mode)
            .map_or(0.0, |mode| mode.fps);
        while let Some(due) = self.credit.is_due(fps, now) {
            if due.is_some() {
                self.asks_at = due;
                break;
            }
            *next_sid += 1;
            self.credit.asks(*next_sid);
            asked.push(*next_sid);
            let subject = Subject::Frames(self.id.clone(), Rendition::FULL).to_string();
            link.subscribe_once(&subject, group, *next_sid);
        }
        asked
    }

    fn demand(&self, via: &Via, is_wanted: bool) -> Demand {
        let servers = via.tell(&self.id);
        let servers = servers.split('.').filter_map(Instance::parse);
        let want = Want {
            rendition: Rendition::FULL,
            fps: self.fps,
        };
        Demand {
            edge: Instance::parse(via.own()).unwrap_or(Instance::new(0)),
            publisher: self.publisher,
            via: servers.collect(),
            want: is_wanted.then_some(want).into_iter().collect(),
        }
    }

    /// When demand is to be said again.
    pub(super) fn repeats_at(&self) -> Option<Instant> {
        let (at, wanted) = self.said?;
        wanted.then_some(at + REPEAT)
    }

    /// A frame came. Returns false where another one than its publisher sent it.
    pub(super) fn takes(&mut self, message: Message, link: &Link) -> bool {
        let sender = message.reply.as_deref().and_then(Instance::parse);
        if sender != Some(self.publisher) {
            // Whatever it says of itself, it says nothing of this camera.
            self.credit.is_used_up(message.sid);
            self.left_out += 1;
            let (camera, times) = (&self.id, self.left_out);
            tracing::debug!(camera, ?sender, times, "a frame was left out");
            return false;
        }
        let stamp = Stamp::read(&message.payload);
        let (seq, captured_us) = stamp.map_or((0, 0), |stamp| (stamp.seq, stamp.captured_us));
        let frame = Frame {
            sid: message.sid,
            seq,
            age: (clock::now_us() as f64 - captured_us as f64) / 1e6,
        };
        let came = self.credit.comes(&frame, link.round_trip(), Instant::now());
        let Some(run) = &mut self.run else {
            return true;
        };
        let _entered = self.span.enter();
        if captured_us == 0 {
            run.intake
                .left_out(End::Origin, "its messages hold no frame with a stamp");
        } else if came != Came::Shown {
            self.left_out += 1;
            tracing::debug!(
                camera = self.id,
                seq,
                ?came,
                times = self.left_out,
                "a frame was left out"
            );
        } else {
            match run.intake.picture(message.payload) {
                Ok(_) => run.awaits_picture = false,
                Err(error) => run.intake.left_out(End::Origin, &error.to_string()),
            }
        }
        true
    }

    /// The connection is gone, and with it what was asked for.
    pub(super) fn disconnects(&mut self) {
        drop(self.credit.forget());
        self.said = None;
    }
}

/// Notes whether anybody looks, and says when that changes.
async fn watch(consumers: Consumers, wanted: Arc<AtomicBool>, changed: Arc<Notify>) {
    loop {
        consumers.until(Consumers::wanted).await;
        wanted.store(true, Ordering::Relaxed);
        changed.notify_one();
        remote::unwanted_for(&consumers, STAYS).await;
        wanted.store(false, Ordering::Relaxed);
        changed.notify_one();
    }
}

/// How long frames are taken after the last viewer has left: a page that is loaded anew shows a picture at once.
const STAYS: std::time::Duration = std::time::Duration::from_secs(2);

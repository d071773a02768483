//! Events of one camera that become messages, each with the best picture.

use super::Alerts;
use super::words;
use crate::camera::{Camera, Phase, Subscription};
use crate::hub::{Frame, Limits};
use pistreamer_alerts::{Kind, Stage};
use pistreamer_protocol::message::{Happening, ServerMessage, Stage as Part};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// How long behind its begin an event is told: most of whoever comes is in the picture by then.
const LOOKS: Duration = Duration::from_secs(2);

/// How long behind the first picture motion is not told: the detector does not know the scene yet.
const SETTLES: Duration = Duration::from_secs(30);

/// Behind so long without pictures it is another scene, for all that is known.
const FORGETS: Duration = Duration::from_secs(60);

/// Interval at which what is open is decided anew: alerts may be armed by now, or the scene be known.
const DECIDES: Duration = Duration::from_secs(1);

/// An event that goes on.
struct Going {
    kind: Kind,
    event: Happening,
    /// Whether it is told; `None` while that is open.
    is_told: Option<bool>,
    /// When, where it is not yet.
    due: Option<Instant>,
    /// How much moved in the best picture, and the picture.
    best: Option<(u8, Arc<Frame>)>,
}

/// Watches a camera from that Unix time in µs on until `stop`.
pub(super) async fn watch(alerts: Alerts, camera: Camera, since_us: u64, stop: CancellationToken) {
    let mut news = camera.events_news();
    let mut states = camera.news();
    let mut watched = Watched::new(alerts, camera, since_us);
    watched.take_recent();
    let mut pictures: Option<Subscription> = None;
    loop {
        watched.note_phase();
        // No pictures are made for events that are not told.
        match (&pictures, watched.is_any_told()) {
            (None, true) => pictures = Some(watched.camera.subscribe(Limits::default())),
            (Some(_), false) => pictures = None,
            _ => {}
        }
        let due = watched.due();
        let is_due = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            message = news.recv() => match message.as_deref() {
                Ok(ServerMessage::Event { event, state }) => watched.take(event, *state),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => {
                    // What is still there is among those that are remembered.
                    news = watched.camera.events_news();
                    watched.take_recent();
                }
                Err(RecvError::Closed) => break,
            },
            changed = states.changed() => if changed.is_err() { break },
            () = is_due => watched.tell_due(),
            frame = newest(&mut pictures) => watched.look_at(&frame),
        }
    }
    // What came before the end, too.
    while let Ok(message) = news.try_recv() {
        if let ServerMessage::Event { event, state } = &*message {
            watched.take(event, *state);
        }
    }
    watched.end();
}

async fn newest(pictures: &mut Option<Subscription>) -> Arc<Frame> {
    match pictures {
        Some(pictures) => pictures.newest().await,
        None => std::future::pending().await,
    }
}

/// How long a camera has delivered, by a clock that nobody sets.
#[derive(Debug, Default)]
struct Scene {
    /// Since when, but for short losses.
    live_since: Option<Instant>,
    /// Since when it does not.
    lost_since: Option<Instant>,
}

impl Scene {
    /// Notes whether it delivers. Short losses begin nothing anew: whoever can cause them would have no motion told.
    fn note(&mut self, is_live: bool, now: Instant) {
        if !is_live {
            self.lost_since.get_or_insert(now);
            return;
        }
        let lost = self.lost_since.take();
        if lost.is_some_and(|lost| now >= lost + FORGETS) {
            self.live_since = None;
        }
        self.live_since.get_or_insert(now);
    }

    /// Whether the detector knows it.
    fn is_known(&self, now: Instant) -> bool {
        self.live_since.is_some_and(|since| now >= since + SETTLES)
    }
}

/// A camera and what goes on before it.
struct Watched {
    alerts: Alerts,
    camera: Camera,
    going: Vec<Going>,
    scene: Scene,
    /// When what is open was decided last.
    decided: Instant,
    /// Unix time in µs of the begin of the newest event that was seen.
    seen_us: u64,
}

impl Watched {
    fn new(alerts: Alerts, camera: Camera, since_us: u64) -> Self {
        Self {
            alerts,
            camera,
            going: Vec::new(),
            scene: Scene::default(),
            decided: Instant::now(),
            seen_us: since_us,
        }
    }

    fn note_phase(&mut self) {
        let is_live = self.camera.state().phase == Phase::Live;
        self.scene.note(is_live, Instant::now());
    }

    /// The server ends, or the camera is removed: what was decided is told, and is over for programs.
    fn end(&mut self) {
        for mut it in std::mem::take(&mut self.going) {
            if it.due.take().is_some() {
                self.tell(&it, Stage::Start);
            }
            if it.is_told == Some(true) {
                self.tell(&it, Stage::End);
            }
        }
    }

    fn is_any_told(&self) -> bool {
        self.going.iter().any(|it| it.is_told == Some(true))
    }

    /// Takes what is remembered: what began before, and what was missed.
    fn take_recent(&mut self) {
        let recent = self.camera.recent_events();
        let seen_us = self.seen_us;
        for event in &recent {
            // One that began and ended meanwhile has both to be told.
            if event.end_us.is_none() || event.start_us > seen_us {
                self.take(event, Part::Update);
            }
            if event.end_us.is_some() {
                self.take(event, Part::End);
            }
        }
        self.going
            .retain(|it| recent.iter().any(|event| event.id == it.event.id));
    }

    fn take(&mut self, event: &Happening, part: Part) {
        self.seen_us = self.seen_us.max(event.start_us);
        let position = self.going.iter().position(|it| it.event.id == event.id);
        if part == Part::End {
            let Some(mut it) = position.map(|at| self.going.swap_remove(at)) else {
                return;
            };
            it.event = event.clone();
            if it.due.take().is_some() {
                self.tell(&it, Stage::Start);
            }
            if it.is_told == Some(true) {
                self.tell(&it, Stage::End);
            }
            return;
        }
        let at = position.unwrap_or_else(|| {
            self.going.push(Going {
                kind: match event.source.as_str() {
                    "motion" => Kind::Motion,
                    "tamper" => Kind::Tamper,
                    _ => Kind::Event,
                },
                event: event.clone(),
                is_told: None,
                due: None,
                best: None,
            });
            self.going.len() - 1
        });
        self.going[at].event = event.clone();
        self.decide(at);
    }

    /// Decides whether an event is told, where that is open.
    fn decide(&mut self, at: usize) {
        let now = Instant::now();
        let knows_scene = self.scene.is_known(now);
        let it = &mut self.going[at];
        if it.is_told.is_none() && (it.kind != Kind::Motion || knows_scene) {
            it.is_told = self.alerts.lets(self.camera.id(), it.kind, &it.event);
            let is_new = it.is_told == Some(true);
            it.due = is_new.then(|| now + LOOKS);
        }
    }

    /// When something is to be told or decided next.
    fn due(&self) -> Option<Instant> {
        let is_any_open = self.going.iter().any(|it| it.is_told.is_none());
        let decides = is_any_open.then(|| self.decided + DECIDES);
        self.going
            .iter()
            .filter_map(|it| it.due)
            .chain(decides)
            .min()
    }

    fn tell_due(&mut self) {
        let now = Instant::now();
        self.decided = now;
        for at in 0..self.going.len() {
            self.decide(at);
            if self.going[at].due.is_some_and(|due| due <= now) {
                self.going[at].due = None;
                self.tell(&self.going[at], Stage::Start);
            }
        }
    }

    fn look_at(&mut self, frame: &Arc<Frame>) {
        let score = self.camera.motion_score();
        for it in &mut self.going {
            if it.best.as_ref().is_none_or(|(best, _)| score > *best) {
                it.best = Some((score, Arc::clone(frame)));
            }
        }
    }

    fn tell(&self, it: &Going, stage: Stage) {
        let name = self.camera.state().name;
        let camera = (&**self.camera.id(), &*name);
        let alert = words::of_event(it.kind, stage, camera, &it.event);
        let picture = it.best.as_ref().map(|(_, frame)| frame.jpeg()[..].into());
        self.alerts.tell(alert, picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_losses_begin_nothing_anew_and_long_ones_do() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut scene = Scene::default();
        // 11 s away and 25 s there, over and over.
        for second in 0..36 * 3 {
            scene.note(second % 36 >= 11, at(second));
        }
        assert!(!scene.is_known(at(40)) && scene.is_known(at(41)));
        scene.note(false, at(110));
        scene.note(true, at(110) + FORGETS);
        assert!(!scene.is_known(at(110) + FORGETS));
        assert!(scene.is_known(at(110) + FORGETS + SETTLES));
    }
}

//! Events of one camera that become messages, each with the best picture.

use super::Alerts;
use super::words;
use crate::camera::{Camera, Phase, Subscription};
use crate::hub::{Frame, Limits};
use crate::util::clock;
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
const SETTLES_US: u64 = 30_000_000;

/// An event that goes on.
struct Going {
    kind: Kind,
    event: Happening,
    /// Whether it is told.
    is_told: bool,
    /// When, where it is not yet.
    due: Option<Instant>,
    /// How much moved in the best picture, and the picture.
    best: Option<(u8, Arc<Frame>)>,
}

/// Watches a camera until `stop`.
pub(super) async fn watch(alerts: Alerts, camera: Camera, stop: CancellationToken) {
    let mut news = camera.events_news();
    let mut going: Vec<Going> = Vec::new();
    let mut pictures: Option<Subscription> = None;
    // What began before anybody was told anything.
    let begun = camera.recent_events();
    for event in begun.iter().filter(|event| event.end_us.is_none()) {
        take(&alerts, &camera, &mut going, event, Part::Start);
    }
    loop {
        // No pictures are made for events that are not told.
        match (&pictures, going.iter().any(|it| it.is_told)) {
            (None, true) => pictures = Some(camera.subscribe(Limits::default())),
            (Some(_), false) => pictures = None,
            _ => {}
        }
        let due = going.iter().filter_map(|it| it.due).min();
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
                Ok(ServerMessage::Event { event, state }) => {
                    take(&alerts, &camera, &mut going, event, *state);
                }
                Ok(_) => {}
                // The end of one that was missed would be waited for.
                Err(RecvError::Lagged(_)) => going.clear(),
                Err(RecvError::Closed) => break,
            },
            () = is_due => {
                let now = Instant::now();
                for it in going.iter_mut().filter(|it| it.due.is_some_and(|due| due <= now)) {
                    it.due = None;
                    tell(&alerts, &camera, it, Stage::Start);
                }
            }
            frame = newest(&mut pictures) => {
                let score = camera.motion_score();
                for it in &mut going {
                    if it.best.as_ref().is_none_or(|(best, _)| score > *best) {
                        it.best = Some((score, Arc::clone(&frame)));
                    }
                }
            }
        }
    }
}

async fn newest(pictures: &mut Option<Subscription>) -> Arc<Frame> {
    match pictures {
        Some(pictures) => pictures.newest().await,
        None => std::future::pending().await,
    }
}

fn take(alerts: &Alerts, camera: &Camera, going: &mut Vec<Going>, event: &Happening, part: Part) {
    let kind = match event.source.as_str() {
        "motion" => Kind::Motion,
        "tamper" => Kind::Tamper,
        _ => Kind::Event,
    };
    let position = going.iter().position(|it| it.event.id == event.id);
    if part == Part::End {
        let Some(mut it) = position.map(|at| going.swap_remove(at)) else {
            return;
        };
        it.event = event.clone();
        if it.due.take().is_some() {
            tell(alerts, camera, &it, Stage::Start);
        }
        if it.is_told {
            tell(alerts, camera, &it, Stage::End);
        }
        return;
    }
    let it = match position {
        Some(at) => &mut going[at],
        None if part == Part::Start && knows_scene(camera, kind) => {
            going.push(Going {
                kind,
                event: event.clone(),
                is_told: false,
                due: None,
                best: None,
            });
            going.last_mut().expect("it was pushed")
        }
        None => return,
    };
    it.event = event.clone();
    // It may reach a zone that is told later.
    if !it.is_told && alerts.lets(camera.id(), kind, &event.zones) {
        it.is_told = true;
        it.due = Some(Instant::now() + LOOKS);
    }
}

fn knows_scene(camera: &Camera, kind: Kind) -> bool {
    let state = camera.state();
    let since_us = clock::now_us().saturating_sub(state.since_us);
    kind == Kind::Event || state.phase == Phase::Live && since_us >= SETTLES_US
}

fn tell(alerts: &Alerts, camera: &Camera, it: &Going, stage: Stage) {
    let name = camera.state().name;
    let alert = words::of_event(it.kind, stage, (camera.id(), &name), &it.event);
    let picture = it.best.as_ref().map(|(_, frame)| frame.jpeg()[..].into());
    alerts.tell(alert, picture);
}

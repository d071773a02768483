//! What the [`Machine`] knows → the state that is told.

use super::super::shown::Kind;
use super::machine::{Link, Machine};
use crate::text::words;
use pistreamer_protocol::message::CameraState;

/// The picture is stale after this many ms without a new frame, or after two frame intervals if that is longer.
const STALE: f64 = 2000.0;

/// The state at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct State<'a> {
    /// Which.
    pub kind: Kind,
    /// Why, for people; empty where there is nothing to explain.
    pub reason: &'a str,
    /// Since when, by the clock that was handed in.
    pub since: f64,
    /// When the next try to connect is due; infinite where there is none before something changes.
    pub retry_at: Option<f64>,
}

impl Machine {
    /// What to say right now.
    pub(crate) fn state(&self, now: f64) -> State<'_> {
        let (kind, reason, since) = self.describe(now);
        State {
            kind,
            reason,
            since,
            retry_at: match self.link {
                Link::Down { retry_at } => retry_at,
                _ => None,
            },
        }
    }

    /// When the picture will be stale if no new frame comes; `None` where it isn't waited for.
    pub(crate) fn stale_at(&self, now: f64) -> Option<f64> {
        let (kind, _, since) = self.describe(now);
        let begun = self.link == Link::Up && self.camera.1.state != CameraState::Starting;
        let since = match kind {
            Kind::Live => since,
            Kind::Connecting | Kind::Starting if begun => self.waiting_since,
            _ => return None,
        };
        let at = since + self.stale_after();
        (at >= now).then_some(at)
    }

    fn stale_after(&self) -> f64 {
        self.stale_after
            .unwrap_or_else(|| STALE.max(2.0 * self.frame_interval))
    }

    fn describe(&self, now: f64) -> (Kind, &str, f64) {
        let lost = self
            .lost
            .as_ref()
            .map(|(since, why)| (*since, why.as_str()));
        if let Some(since) = self.hidden {
            return (Kind::Hidden, "", since);
        }
        if let Some(since) = self.paused {
            let reason = match lost {
                Some(_) if self.refused => words!("the server refuses"),
                Some(_) => words!("the server is lost"),
                None => "",
            };
            return (Kind::Paused, reason, since);
        }
        if self.link != Link::Up {
            return match lost {
                Some((since, why)) if self.refused => (Kind::Refused, why, since),
                Some((since, why)) => (Kind::Lost, why, since),
                None => (Kind::Connecting, "", self.waiting_since),
            };
        }
        let (camera_since, camera) = &self.camera;
        if camera.state == CameraState::NoSignal {
            return (Kind::NoSignal, &camera.reason.text, *camera_since);
        }
        let stale_after = self.stale_after();
        match self.drawn.filter(|drawn| drawn.at >= self.waiting_since) {
            Some(drawn) if now - drawn.at > stale_after => {
                (Kind::Stale, words!("no new picture comes"), drawn.at)
            }
            Some(drawn) if drawn.age.is_some_and(|age| age > stale_after) => (
                Kind::Stale,
                words!("the pictures arrive too late"),
                drawn.at,
            ),
            Some(drawn) => (Kind::Live, "", drawn.at),
            None if camera.state == CameraState::Starting => {
                (Kind::Starting, &camera.reason.text, *camera_since)
            }
            None if now - self.waiting_since > stale_after => (
                Kind::Stale,
                words!("no picture has come yet"),
                self.waiting_since,
            ),
            None if self.starts => (Kind::Starting, &camera.reason.text, *camera_since),
            None => (Kind::Connecting, "", self.waiting_since),
        }
    }
}

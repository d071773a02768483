//! A viewer that drives the machine below its camera, or watches who does: commands go to the camera's channel, and what there is to
//! tell comes from there.
//!
//! When the machine moves is decided in [`pistreamer_operate`].

use super::Entry;
use crate::camera::Camera;
use crate::hub::{Frame, Rendition};
use crate::util::watched::Watched;
use pistreamer_operate::Channel;
use pistreamer_operate::channel::NotDone;
use pistreamer_operate::interlock::{NotGiven, Person, Refused};
use pistreamer_operate::limits::BEAT;
use pistreamer_protocol::message::{
    Motion, Operate, Seat, SeatRequest, ServerMessage, StopReason, Values,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Shortest interval at which those that do not drive are told.
const WATCHED: Duration = Duration::from_millis(500);

/// Shortest interval between two messages that say why a command was refused.
const REFUSALS: Duration = Duration::from_secs(1);

/// Refusals of the seat that are told in that time.
const SEAT_REFUSALS: u32 = 10;

/// What a viewer may do to the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rights {
    /// Drive it.
    pub drive: bool,
    /// Take the seat from another one.
    pub force: bool,
}

/// A viewer's part in driving. Dropping it gives up the seat.
#[derive(Debug)]
pub(super) struct Operation {
    person: Person,
    rights: Rights,
    news: Watched<Option<Arc<Channel>>>,
    channel: Option<Arc<Channel>>,
    /// Whether it had the seat when it was told last.
    is_operator: bool,
    told_at: Option<Instant>,
    due: Option<Instant>,
    refusal_due: Option<Instant>,
    /// Since when refusals of the seat are counted, and how many there were.
    seat_refused: Option<(Instant, u32)>,
    /// The picture that was sent last, and when it was captured first: the same one again is no news of what is before the camera.
    shown: Option<((Rendition, u64), std::time::Instant)>,
}

impl Operation {
    pub(super) fn new(viewer: &Entry, camera: &Camera, rights: Rights) -> Self {
        let mut news = camera.channels();
        news.mark_changed();
        let address = viewer.address.ip().to_canonical();
        Self {
            person: Person {
                connection: viewer.id,
                name: viewer.key.clone().unwrap_or_else(|| address.to_string()),
            },
            rights,
            news: Watched::new(news),
            channel: None,
            is_operator: false,
            told_at: None,
            due: None,
            refusal_due: None,
            seat_refused: None,
            shown: None,
        }
    }

    /// Waits for something new to tell. Cancel-safe.
    pub(super) async fn changed(&mut self) {
        self.news.changed().await;
    }

    /// The same without waiting.
    pub(super) fn look(&mut self) {
        if self.news.has_changed() {
            self.schedule(Instant::now());
        }
    }

    /// Has it told as soon as it may be.
    pub(super) fn schedule(&mut self, now: Instant) {
        let channel = self.news.borrow().clone();
        let is_same = match (&channel, &self.channel) {
            (Some(channel), Some(before)) => Arc::ptr_eq(channel, before),
            (channel, before) => channel.is_none() && before.is_none(),
        };
        if !is_same {
            self.leave();
            self.channel = channel;
            self.told_at = None;
        } else if self.channel.is_none() {
            return;
        }
        let is_operator = self
            .channel
            .as_ref()
            .is_some_and(|channel| channel.is_operated_by(self.person.connection));
        let waits = self.told_at.filter(|_| !is_operator && !self.is_operator);
        self.due = Some(waits.map_or(now, |at| now.max(at + WATCHED)));
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// What there is to tell now.
    pub(super) fn report(&mut self, now: Instant) -> Option<ServerMessage> {
        self.due.filter(|due| *due <= now)?;
        self.due = None;
        self.told_at = Some(now);
        let Some(channel) = &self.channel else {
            // It was there, and is not any more.
            self.is_operator = false;
            return Some(gone());
        };
        let mut operating = channel.operating(self.person.connection);
        (operating.may, operating.force) = (self.rights.drive, self.rights.force);
        if !operating.may {
            // It may name what is on the server's disk.
            operating.problem.clear();
        }
        self.is_operator = operating.seat == Seat::You;
        if self.is_operator {
            self.due = Some(now + BEAT);
        }
        Some(ServerMessage::Operating(Box::new(operating)))
    }

    /// A frame, or word of it, is on its way.
    pub(super) fn sent(&mut self, frame: &Frame) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.rights.drive) else {
            return;
        };
        // A webcam that hangs may deliver its last picture for ever.
        let captured = match self.shown {
            Some((content, captured)) if content == frame.content => captured,
            _ => frame.captured_at(),
        };
        self.shown = Some((frame.content, captured));
        channel.sent_frame(self.person.connection, frame.seq, captured);
    }

    /// What the viewer wants of the seat; returns why it does not get that, as often as a person can ask.
    pub(super) fn seat(&mut self, want: SeatRequest, now: Instant) -> Option<ServerMessage> {
        let refusal = self.want_seat(want)?;
        let (since, count) = self.seat_refused.unwrap_or((now, 0));
        let (since, count) = if now >= since + REFUSALS {
            (now, 0)
        } else {
            (since, count)
        };
        self.seat_refused = Some((since, count + 1));
        (count < SEAT_REFUSALS).then_some(refusal)
    }

    fn want_seat(&self, want: SeatRequest) -> Option<ServerMessage> {
        let may = match want {
            SeatRequest::Force => self.rights.force,
            _ => self.rights.drive,
        };
        if !may {
            return Some(forbidden());
        }
        let Some(channel) = &self.channel else {
            return Some(refused("there is no machine to drive below this camera"));
        };
        let (person, connection) = (self.person.clone(), self.person.connection);
        let given: Result<(), NotGiven> = match want {
            SeatRequest::Take => channel.take(person, false),
            SeatRequest::Force => channel.take(person, true),
            SeatRequest::Ask => channel.ask(person),
            SeatRequest::Give => {
                channel.leave(connection);
                Ok(())
            }
            SeatRequest::Yes | SeatRequest::No => {
                channel.answer(connection, want == SeatRequest::Yes);
                Ok(())
            }
            _ => Ok(()),
        };
        given.err().map(|error| refused(&error.to_string()))
    }

    /// Carries out a command; returns why it is not, where the viewer can do something about that.
    pub(super) fn operate(&mut self, command: &Operate, now: Instant) -> Option<ServerMessage> {
        let refusal = if !self.rights.drive {
            forbidden()
        } else if let Some(channel) = &self.channel {
            match channel.operate(self.person.connection, command) {
                Ok(()) => return None,
                Err(NotDone::Refused(error)) if error != Refused::NotSeated => {
                    tracing::debug!(%error, "a command was refused");
                    return None;
                }
                Err(error) => refused(&error.to_string()),
            }
        } else {
            refused("there is no machine to drive below this camera")
        };
        // As many as there are commands would be too many.
        if self.refusal_due.is_some_and(|due| now < due) {
            return None;
        }
        self.refusal_due = Some(now + REFUSALS);
        Some(refusal)
    }

    /// The viewer sees other pictures than the camera's: whoever drives by them stops.
    pub(super) fn look_away(&mut self) {
        if let Some(channel) = self.channel.as_ref().filter(|_| self.is_operator) {
            channel.stop(self.person.connection, StopReason::Picture);
        }
    }

    fn leave(&mut self) {
        if let Some(channel) = self.channel.take() {
            channel.leave(self.person.connection);
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.leave();
    }
}

fn gone() -> ServerMessage {
    ServerMessage::Operating(Box::new(pistreamer_protocol::message::Operating {
        state: Motion::Stopped,
        why: StopReason::Stopping,
        ..Default::default()
    }))
}

fn forbidden() -> ServerMessage {
    error(
        "forbidden",
        "the key that you showed is for looking: to drive, use one with the role operate or admin",
    )
}

fn refused(message: &str) -> ServerMessage {
    error("seat", message)
}

fn error(code: &str, message: &str) -> ServerMessage {
    ServerMessage::Error {
        code: code.into(),
        message: message.into(),
        values: Values::default(),
    }
}

//! One viewer: the newest frame goes out when there is room for it, and what the viewer says is heard at any time.
//!
//! Both directions share a task and neither waits for the other: what the socket doesn't take is left with [`link`], and a
//! viewer that says `pause` is heard while a frame is stuck. A viewer that reads slowly gets the newest frame when there is
//! room for it and is told what it missed. It holds up no other: frames are shared, and nothing is queued for it.
//! The upgrade of the connection belongs to `front`.

mod commands;
mod end;
mod inbound;
mod link;
mod operate;
mod outbound;
mod pace;
mod playback;
mod roster;
mod skips;

pub(crate) use end::{End, Stop};
pub use link::Link;
pub use operate::Rights;
pub(crate) use pace::Pace;
pub use roster::Roster;
pub(crate) use roster::{Entry, Totals, Viewer};

use crate::camera::{CameraState, Event, Subscription};
use crate::form::Kept;
use crate::hub::{self, Frame};
use crate::library::{Played, Player, Plays};
use crate::util::log_throttle::ConnectionThrottle;
use crate::util::watched::Watched;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use operate::Operation;
use outbound::Probe;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::credit::{Credit, Room};
use pistreamer_protocol::message::{Answer, ControlValues, PictureSize, Play, ServerMessage};
use skips::Skips;
use std::future::{poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message;

/// How sessions behave.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A viewer whose socket takes nothing for this long is disconnected.
    pub send_timeout: Duration,
    /// The connection is pinged when the viewer has been silent for this long.
    pub ping_interval: Duration,
}

/// After this many frames, other tasks get their turn, however fast a camera is.
const IN_A_ROW: u32 = 16;

/// What a viewer gets besides live pictures.
#[derive(Debug, Default)]
pub struct Allowed {
    /// What is wrong with the server's configuration; `None` for those who may not know it.
    pub problem: Option<watch::Receiver<Option<String>>>,
    /// The camera's recordings; `None` for those who see live pictures alone.
    pub plays: Option<Plays>,
    /// Unix time in µs of the recordings that it begins with, rather than with live pictures: the subscription is paused then.
    pub begin_us: Option<u64>,
    /// What it may do to the machine below the camera.
    pub rights: Rights,
    /// It keeps strips, and has asked for what changed alone.
    pub tiles: bool,
}

/// Serves one viewer until it leaves, stalls, misbehaves, or has to `stop`.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    link: Link<S>,
    mut subscription: Subscription,
    wire: WireFormat,
    viewer: Entry,
    config: Config,
    allowed: Allowed,
    stop: impl Future<Output = Stop>,
) -> End {
    let Allowed {
        problem,
        plays,
        begin_us,
        rights,
        tiles,
    } = allowed;
    let now = Instant::now();
    let operation = Operation::new(&viewer, subscription.camera(), rights);
    let mut session = Session {
        link,
        wire,
        viewer,
        config,
        credit: Credit::new(now.into_std()),
        pace: Pace::default(),
        paused: false,
        told_size: PictureSize::default(),
        sent_size: PictureSize::default(),
        accepts_unchanged: false,
        content: None,
        kept: Kept::default(),
        skips: Skips::new(now),
        ping_due: now + config.ping_interval,
        probe: None,
        probes: 0,
        commanded: ConnectionThrottle::new(),
        answers: FuturesUnordered::new(),
        problem: problem.map(Watched::new),
        plays,
        player: None,
        operation,
    };
    session.keeps_strips(tiles);
    let end = match session.serve(&mut subscription, begin_us, pin!(stop)).await {
        Ok(end) | Err(end) => end,
    };
    // The goodbye takes a while, and the viewer has ceased to look.
    drop(subscription);
    let Session {
        mut link,
        viewer,
        operation,
        ..
    } = session;
    drop((viewer, operation));
    end::say_goodbye(&mut link, &end).await;
    end
}

struct Session<S> {
    link: Link<S>,
    wire: WireFormat,
    viewer: Entry,
    config: Config,
    credit: Credit,
    pace: Pace,
    paused: bool,
    /// The picture size last reported to the viewer, and that of the last frame sent.
    told_size: PictureSize,
    sent_size: PictureSize,
    /// True if the viewer accepts an `unchanged` message in place of an identical frame.
    accepts_unchanged: bool,
    /// What the last frame sent shows.
    content: Option<(hub::Rendition, u64)>,
    /// What it keeps of frames that were sent.
    kept: Kept,
    skips: Skips,
    ping_due: Instant,
    probe: Option<Probe>,
    probes: u64,
    /// Lines about controls that are set.
    commanded: ConnectionThrottle,
    /// Answers that the camera has still to give.
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    problem: Option<Watched<Option<String>>>,
    plays: Option<Plays>,
    /// While recordings are looked at.
    player: Option<Player>,
    operation: Operation,
}

/// What a session wakes up for.
enum Wake {
    Frame(Arc<Frame>),
    Played(Played),
    State(CameraState),
    /// Controls that have changed by themselves.
    Readings(ControlValues),
    /// Something happens before the camera, or moves in its picture.
    Told(Arc<ServerMessage>),
    /// What the camera has made of a command.
    Answer(Answer),
    /// What is wrong with the server's configuration.
    Problem(Option<String>),
    /// There is something new to tell of the machine below the camera.
    Operating,
    Heard(Message),
    /// What waited for the socket is sent.
    Sent,
    Alarm,
    /// Something else than frames has had its turn.
    Turn,
    End(End),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(
        &mut self,
        subscription: &mut Subscription,
        begin_us: Option<u64>,
        mut stop: Pin<&mut impl Future<Output = Stop>>,
    ) -> Result<End, End> {
        self.say_hello(subscription)?;
        let problem = self.problem.as_mut().and_then(newest);
        if problem.is_some() {
            self.say(ServerMessage::Configuration { problem })?;
        }
        if begin_us.is_some() {
            let play = Play {
                at_us: begin_us,
                ..Play::default()
            };
            self.play(subscription, 0, |player| player.play(&play))?;
        }
        let mut alarm = pin!(sleep_until(self.ping_due));
        let mut in_a_row = 0;
        loop {
            if self.link.is_sending() {
                let attempt = poll_fn(|cx| match self.poll_send(cx, subscription) {
                    Poll::Pending => Poll::Ready(Ok(())),
                    sent => sent,
                });
                attempt.await?;
            }
            let now = Instant::now();
            let held_until = self.held_until(now)?;
            let wake = self.wake(now, held_until);
            // One that rings early does no harm, and setting it anew costs more than all else here.
            if wake < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake);
            }
            let wake = if self.link.is_sending() {
                self.sending(subscription, stop.as_mut(), alarm.as_mut())
                    .await
            } else if self.player.is_some() {
                let room = !self.paused && held_until.is_none() && in_a_row < IN_A_ROW;
                let wake = self.playing(subscription, room, stop.as_mut(), alarm.as_mut());
                tokio::select! {
                    biased;
                    wake = wake => wake,
                    () = ready(()), if in_a_row == IN_A_ROW => Wake::Turn,
                }
            } else {
                let frames = !self.paused && held_until.is_none() && in_a_row < IN_A_ROW;
                tokio::select! {
                    // What wakes a session is a frame almost always: that is looked at first, and the rest only where it is not.
                    biased;
                    event = subscription.next(frames) => event.into(),
                    stop = &mut stop => Wake::End(stop.into()),
                    heard = poll_fn(|cx| self.link.poll_hear(cx)) => heard.into(),
                    problem = changed(&mut self.problem) => Wake::Problem(problem),
                    () = self.operation.changed() => Wake::Operating,
                    Some(answer) = self.answers.next(), if !self.answers.is_empty() => Wake::Answer(answer),
                    () = &mut alarm => Wake::Alarm,
                    () = ready(()), if in_a_row == IN_A_ROW => Wake::Turn,
                }
            };
            match wake {
                Wake::Frame(frame) => {
                    in_a_row += 1;
                    self.send(frame)?;
                }
                Wake::Played(played) => {
                    in_a_row += 1;
                    self.played(played, subscription)?;
                }
                Wake::State(state) => {
                    let state = subscription.told(state);
                    self.say(ServerMessage::State(state.message()))?;
                }
                Wake::Readings(values) => self.say(ServerMessage::Controls { values })?,
                Wake::Told(message) => self.say(ServerMessage::clone(&message))?,
                Wake::Answer(answer) => self.say(ServerMessage::Answer(answer))?,
                Wake::Problem(problem) => self.say(ServerMessage::Configuration { problem })?,
                Wake::Operating => self.operation.schedule(Instant::now()),
                Wake::Heard(message) => self.hear(message, subscription)?,
                Wake::Sent => {}
                Wake::Alarm => self.tick()?,
                Wake::Turn => in_a_row = 0,
                Wake::End(end) => return Ok(end),
            }
        }
    }

    /// While something waits for the socket, everything but the camera is heard: its newest frame and state are looked at when
    /// there is room for them.
    async fn sending(
        &mut self,
        subscription: &mut Subscription,
        mut stop: Pin<&mut impl Future<Output = Stop>>,
        mut alarm: Pin<&mut Sleep>,
    ) -> Wake {
        poll_fn(|cx| {
            if let Poll::Ready(sent) = self.poll_send(cx, subscription) {
                return Poll::Ready(sent.map_or_else(Wake::End, |()| Wake::Sent));
            }
            if let Poll::Ready(stop) = stop.as_mut().poll(cx) {
                return Poll::Ready(Wake::End(stop.into()));
            }
            if let Poll::Ready(heard) = self.link.poll_hear(cx) {
                return Poll::Ready(heard.into());
            }
            alarm.as_mut().poll(cx).map(|()| Wake::Alarm)
        })
        .await
    }

    /// How long no frame may be sent.
    fn held_until(&mut self, now: Instant) -> Result<Option<Instant>, End> {
        if self.link.is_sending() {
            return Ok(None);
        }
        let room = match self.credit.room(now.into_std()) {
            Room::Now => None,
            Room::At(until) => Some(Instant::from_std(until)),
            Room::Unknown => Some(self.ask_what_arrived(now)?),
        };
        Ok(room.max(self.pace.blocked_until(now)))
    }

    /// When something is due.
    fn wake(&self, now: Instant, held_until: Option<Instant>) -> Instant {
        let deaf_until = self.link.deaf_until();
        if self.link.is_sending() {
            let stalled = self.link.stuck_since().unwrap_or(now) + self.config.send_timeout;
            return deaf_until.map_or(stalled, |until| until.min(stalled));
        }
        let answer_due = self.probe.as_ref().and_then(|probe| probe.due);
        let operating_due = self.operation.due();
        [
            held_until,
            self.skips.report_due(),
            answer_due,
            deaf_until,
            operating_due,
        ]
        .into_iter()
        .flatten()
        .fold(self.ping_due, Instant::min)
    }

    fn tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.link.listen(now);
        let stalled = Err(End::Stalled(self.config.send_timeout));
        if self.link.is_sending() {
            let since = self.link.stuck_since();
            let is_stalled = since.is_some_and(|since| now >= since + self.config.send_timeout);
            return if is_stalled { stalled } else { Ok(()) };
        }
        self.report_skips(now)?;
        self.report_operation(now)?;
        let answer_due = self.probe.as_ref().and_then(|probe| probe.due);
        if answer_due.is_some_and(|due| now >= due) {
            return stalled;
        }
        if now >= self.ping_due {
            self.ping_due = now + self.config.ping_interval;
            if self.probe.is_none() {
                self.ping()?;
            }
        }
        Ok(())
    }

    fn say_hello(&mut self, subscription: &Subscription) -> Result<(), End> {
        let camera = subscription.camera();
        let state = subscription.told(camera.state());
        let mut hello = state.hello(camera.id(), self.wire);
        let plays = self.plays.as_ref();
        hello.tiles = camera.feed().has_tiles();
        hello.plays = plays.is_some_and(|plays| plays.recordings.is_some());
        self.told_size = PictureSize {
            width: hello.width,
            height: hello.height,
            full_width: hello.width,
            full_height: hello.height,
        };
        self.sent_size = self.told_size;
        self.say(ServerMessage::Hello(hello))
    }

    fn say(&mut self, message: ServerMessage) -> Result<(), End> {
        Ok(self.link.say(Message::text(message.to_json()))?)
    }
}

fn newest(problem: &mut Watched<Option<String>>) -> Option<String> {
    problem.borrow().clone()
}

/// Waits for another problem, or for there to be none any more. Cancel-safe.
async fn changed(problem: &mut Option<Watched<Option<String>>>) -> Option<String> {
    match problem {
        Some(problem) => {
            problem.changed().await;
            newest(problem)
        }
        // This viewer may not know of it.
        None => std::future::pending().await,
    }
}

impl From<Event> for Wake {
    fn from(event: Event) -> Self {
        match event {
            Event::Frame(frame) => Self::Frame(frame),
            Event::State(state) => Self::State(state),
            Event::Readings(values) => Self::Readings(values),
            Event::Told(message) => Self::Told(message),
        }
    }
}

impl From<Option<Result<Message, tokio_tungstenite::tungstenite::Error>>> for Wake {
    fn from(heard: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>) -> Self {
        match heard {
            Some(Ok(message)) => Self::Heard(message),
            Some(Err(error)) => Self::End(error.into()),
            None => Self::End(End::Left),
        }
    }
}

#[cfg(test)]
mod tests;

//! One viewer: a loop that waits for the newest frame, sends it, and listens to what the viewer says.
//!
//! A viewer that reads slowly gets the newest frame when there is room for it and is told what it missed. It holds up
//! nobody else: the frames are shared, and nothing is queued for it. The upgrade of the connection belongs to `front`.

mod delivery;
mod link;
mod pace;
mod roster;

pub use link::Link;
pub use pace::Pace;
pub use roster::{Entry, Roster, Totals, Viewer};

use crate::camera::{Command, Event, Subscription};
use crate::hub::{self, Limits};
use crate::util::clock;
use pistreamer_client::violation;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::credit::{Credit, Room};
use pistreamer_protocol::message::{
    self, CLOSE_BAD_MESSAGE, CLOSE_CAMERA_REMOVED, CLOSE_SIGNED_OUT, Rendition, ServerMessage,
    ViewerMessage,
};
use std::future::ready;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{Error, Message};

/// How sessions behave.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// A viewer whose socket takes nothing for so long is gone.
    pub send_timeout: Duration,
    /// The connection is pinged when the viewer has been silent for so long.
    pub ping_interval: Duration,
}

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The viewer left, or its connection broke.
    #[error("the viewer left")]
    Left,
    /// The viewer broke the WebSocket protocol.
    #[error("the viewer broke the WebSocket protocol: {0}")]
    Violation(Error),
    /// The viewer's socket took nothing for the send timeout, or the viewer answered nothing.
    #[error("the viewer took nothing for {0:?}")]
    Stalled(Duration),
    /// The viewer said something that is not a message.
    #[error("{0}")]
    BadMessage(#[from] message::MessageError),
    /// The server stops.
    #[error("the server stops")]
    Shutdown,
    /// The viewer may not look any longer.
    #[error("the viewer's key was changed, or its ticket is over")]
    SignedOut,
    /// Another viewer has its place.
    #[error("all places are taken, and another viewer got this one")]
    Evicted,
    /// Its camera was removed.
    #[error("the camera was removed")]
    Removed,
}

/// Why a session has to end that could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The server stops.
    Shutdown,
    /// The viewer may not look any longer.
    SignedOut,
    /// Another connection got its place.
    Evicted,
    /// Its camera was removed.
    Removed,
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Shutdown => Self::Shutdown,
            Stop::SignedOut => Self::SignedOut,
            Stop::Evicted => Self::Evicted,
            Stop::Removed => Self::Removed,
        }
    }
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        match violation::close_code(&error) {
            Some(_) => Self::Violation(error),
            None => Self::Left,
        }
    }
}

/// After so many frames everything else has its turn, however fast a camera is.
const IN_A_ROW: u32 = 16;

/// A viewer that doesn't listen any more must not hold up the server's end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Close code of a server that stops, RFC 6455 §7.4.1.
const CLOSE_GOING_AWAY: u16 = 1001;

/// Close code of a server that has too many viewers, in the registry of RFC 6455 §11.7.
const CLOSE_TRY_AGAIN_LATER: u16 = 1013;

/// Serves one viewer until it leaves, stalls, misbehaves, or has to `stop`.
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    link: Link<S>,
    subscription: Subscription,
    wire: WireFormat,
    viewer: Entry,
    config: Config,
    stop: impl Future<Output = Stop>,
) -> End {
    let now = Instant::now();
    let mut session = Session {
        link,
        wire,
        viewer,
        config,
        credit: Credit::new(now.into_std()),
        pace: Pace::default(),
        paused: false,
        last: None,
        rendition: Rendition::default(),
        beats: false,
        shown: None,
        skipped: Skips {
            unreported: 0,
            total: 0,
            report_due: now,
        },
        ping_due: now + config.ping_interval,
        probe: None,
        probes: 0,
    };
    let end = match session.serve(subscription, pin!(stop)).await {
        Ok(end) => end,
        Err(end) => end,
    };
    session.say_goodbye(&end).await;
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
    /// The number of the last frame that was sent or counted; `None` before the first one and after a pause, when nothing
    /// was missed.
    last: Option<u64>,
    /// What the viewer was told about the size.
    rendition: Rendition,
    /// Whether a frame that shows what the viewer has already may be told rather than sent.
    beats: bool,
    /// What the last frame sent shows, as [`hub::Frame::shows`].
    shown: Option<(hub::Rendition, u64)>,
    skipped: Skips,
    ping_due: Instant,
    /// The ping whose answer tells that the last frame has arrived, and that the viewer is there.
    probe: Option<Probe>,
    probes: u64,
}

struct Probe {
    id: u64,
    /// The viewer has stalled if it is not answered by then.
    due: Instant,
}

struct Skips {
    unreported: u64,
    total: u64,
    report_due: Instant,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn serve(
        &mut self,
        mut subscription: Subscription,
        mut stop: Pin<&mut impl Future<Output = Stop>>,
    ) -> Result<End, End> {
        let camera = subscription.camera();
        let hello = camera.state().hello(camera.id(), self.wire);
        self.rendition = Rendition {
            width: hello.width,
            height: hello.height,
            full_width: hello.width,
            full_height: hello.height,
        };
        self.say(ServerMessage::Hello(hello)).await?;
        let mut alarm = pin!(sleep_until(self.ping_due));
        let mut in_a_row = 0;
        loop {
            let now = Instant::now();
            let held_until = match self.credit.room(now.into_std()) {
                Room::Now => None,
                Room::At(until) => Some(Instant::from_std(until)),
                Room::Unknown => Some(self.ask_what_arrived(now).await?),
            }
            .max(self.pace.blocked_until(now));
            let report_due = (self.skipped.unreported > 0).then_some(self.skipped.report_due);
            let answer_due = self.probe.as_ref().map(|probe| probe.due);
            let wake = [held_until, report_due, answer_due]
                .into_iter()
                .flatten()
                .fold(self.ping_due, Instant::min);
            // One that rings early does no harm, and setting it anew costs more than all else here.
            if wake < alarm.deadline() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake);
            }
            let frames = !self.paused && held_until.is_none() && in_a_row < IN_A_ROW;
            tokio::select! {
                // What wakes a session is a frame almost always: that is looked at first, and the rest only where it is not.
                biased;
                event = subscription.next(frames) => match event {
                    Event::Frame(frame) => {
                        in_a_row += 1;
                        self.send(frame, &mut subscription).await?;
                    }
                    Event::State(state) => self.say(ServerMessage::State(state.message())).await?,
                },
                stop = &mut stop => return Ok(stop.into()),
                message = self.link.next() => match message {
                    Some(message) => self.hear(message?, &mut subscription).await?,
                    None => return Ok(End::Left),
                },
                () = &mut alarm => self.tick().await?,
                () = ready(()), if in_a_row == IN_A_ROW => in_a_row = 0,
            }
        }
    }

    async fn tick(&mut self) -> Result<(), End> {
        let now = Instant::now();
        self.report_skips(now).await?;
        if self.probe.as_ref().is_some_and(|probe| now >= probe.due) {
            return Err(End::Stalled(self.config.send_timeout));
        }
        if now >= self.ping_due {
            self.ping_due = now + self.config.ping_interval;
            if self.probe.is_none() {
                self.probe().await?;
            }
        }
        Ok(())
    }

    async fn hear(&mut self, message: Message, subscription: &mut Subscription) -> Result<(), End> {
        self.ping_due = Instant::now() + self.config.ping_interval;
        if self.paused {
            // Whatever it says, it is there.
            self.probe = None;
        }
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(End::Left),
            Message::Pong(payload) => {
                let asked = self.probe.as_ref().map(|probe| probe.id.to_be_bytes());
                if asked.is_some_and(|asked| payload == asked[..]) {
                    self.probe = None;
                    self.credit.arrived();
                }
                return Ok(());
            }
            // Viewers have nothing binary to say; tungstenite answers pings by itself.
            _ => return Ok(()),
        };
        match ViewerMessage::from_json(&text)? {
            ViewerMessage::Ack { seq } => {
                let before = self.credit.last_ack();
                delivery::acknowledged(&mut self.credit, &self.viewer, seq);
                if self.credit.last_ack() != before {
                    self.probe = None;
                }
            }
            ViewerMessage::Ping { id } => {
                self.say(ServerMessage::Pong {
                    id,
                    time_us: clock::now_us(),
                })
                .await?;
            }
            ViewerMessage::Want(want) => {
                self.settle(subscription);
                self.pace.limit(want.max_fps);
                self.beats = want.unchanged;
                subscription.limit(Limits {
                    max_width: want.max_width,
                    quality: want.quality,
                });
            }
            ViewerMessage::Pause => {
                self.set_paused(true);
                self.probe = None;
                // Whatever arrives during the pause may be thrown away.
                self.shown = None;
                self.last = None;
                subscription.pause();
            }
            ViewerMessage::Resume => {
                self.set_paused(false);
                self.probe = None;
                // Or thrown away.
                self.credit.arrived();
                subscription.resume();
            }
            ViewerMessage::Control { name, value } => {
                let command = Command::Set {
                    control: name,
                    value,
                };
                if let Err(error) = subscription.operator().send(command) {
                    self.say(ServerMessage::Error {
                        code: error.code().into(),
                        message: error.to_string(),
                    })
                    .await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.viewer.paused.store(paused, Ordering::Relaxed);
    }

    async fn say(&mut self, message: ServerMessage) -> Result<(), End> {
        self.speak(Message::text(message.to_json())).await
    }

    async fn speak(&mut self, message: Message) -> Result<(), End> {
        match timeout(self.config.send_timeout, self.link.say(message)).await {
            Ok(said) => Ok(said?),
            Err(_) => Err(End::Stalled(self.config.send_timeout)),
        }
    }

    /// Says what ends the connection; whether the viewer still takes it.
    async fn say_error(&mut self, code: &str, message: String) -> bool {
        let error = ServerMessage::Error {
            code: code.into(),
            message,
        };
        matches!(timeout(PATIENCE, self.say(error)).await, Ok(Ok(())))
    }

    /// Ends the connection in good order where there is somebody to hear it.
    async fn say_goodbye(&mut self, end: &End) {
        let (code, reason) = match end {
            End::Left => {
                // Gone already, where it left without a word.
                drop(timeout(PATIENCE, self.link.answer_close()).await);
                return;
            }
            End::Stalled(_) => return,
            End::Violation(error) => return self.link.reproach(error).await,
            End::Shutdown => (CLOSE_GOING_AWAY, "the server stops"),
            End::SignedOut => (CLOSE_SIGNED_OUT, "signed out"),
            End::Evicted => (CLOSE_TRY_AGAIN_LATER, "another viewer got this place"),
            End::BadMessage(error) => {
                if !self.say_error("bad-message", error.to_string()).await {
                    return;
                }
                (CLOSE_BAD_MESSAGE, "malformed message")
            }
            End::Removed => {
                if !self.say_error("camera-removed", end.to_string()).await {
                    return;
                }
                (CLOSE_CAMERA_REMOVED, "the camera was removed")
            }
        };
        if !matches!(
            timeout(PATIENCE, self.link.close(code, reason)).await,
            Ok(Ok(()))
        ) {
            tracing::debug!("the viewer was gone before goodbye");
        }
    }
}

#[cfg(test)]
mod tests;

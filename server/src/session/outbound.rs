//! What a viewer is sent: the newest frame that it has none of yet, and word of those that were left out.
//!
//! When there is room for it is decided in [`super`]; how it gets onto the wire in [`super::link`]; what the viewer says in
//! [`super::inbound`].

use super::link::Sent;
use super::{End, Session};
use crate::camera::Subscription;
use crate::form::Kept;
use crate::hub::Frame;
use pistreamer_protocol::message::{PictureSize, ServerMessage};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

/// No answer is missed before.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// The ping whose pong shows that the last frame has arrived, and that the viewer is still there.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) id: u64,
    /// The viewer has stalled if it is not answered by then. `None` while it is not on its way, which may take long.
    pub(super) due: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Sends a frame, or word of it where the viewer has its picture already.
    pub(super) fn send(&mut self, frame: Arc<Frame>) -> Result<(), End> {
        let is_known = match (self.kept, frame.strips()) {
            (Kept::Strips(_), Some(_)) => self.kept.has(&frame),
            _ => self.accepts_unchanged && self.content == Some(frame.content),
        };
        if is_known {
            return self.tell_unchanged(&frame);
        }
        self.link.send_frame(frame, self.wire, self.kept);
        Ok(())
    }

    /// Hands to the socket what it takes; ready when nothing is left.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        subscription: &mut Subscription,
    ) -> Poll<Result<(), End>> {
        loop {
            match ready!(self.link.poll_send(cx, || subscription.newer()))? {
                Sent::Begun(frame, bytes) => self.begun(&frame, bytes),
                Sent::Frame(frame, bytes) => self.sent(&frame, bytes),
                Sent::All if self.tell_news()? => {}
                Sent::All => break,
            }
        }
        if let Some(probe) = &mut self.probe {
            let patience = self.config.send_timeout.max(SHORTEST_PATIENCE);
            probe.due.get_or_insert_with(|| Instant::now() + patience);
        }
        Poll::Ready(Ok(()))
    }

    /// From here on a frame can't be called back.
    fn begun(&mut self, frame: &Frame, bytes: usize) {
        let now = Instant::now();
        self.credit.sent(frame.seq, bytes, now.into_std());
        self.pace.sent(now);
        self.probe = None;
        self.kept = self.kept.after(frame);
        if self.player.is_none() {
            self.content = Some(frame.content);
            self.operation.sent(frame);
            self.count_missed(frame);
        }
    }

    fn sent(&mut self, frame: &Frame, bytes: usize) {
        self.viewer.count_sent(bytes);
        self.sent_size = PictureSize {
            width: frame.width,
            height: frame.height,
            full_width: frame.full.0,
            full_height: frame.full.1,
        };
    }

    /// Sends the messages that the last frame gave rise to. Returns true if there were any.
    fn tell_news(&mut self) -> Result<bool, End> {
        let mut told = false;
        if self.sent_size != self.told_size {
            self.told_size = self.sent_size;
            self.say(ServerMessage::Rendition(self.told_size))?;
            told = true;
        }
        if self.skips.report_due().is_some() {
            told |= self.report_skips(Instant::now())?;
        }
        // On a slow link one frame follows the other, and an operator's beats go between them.
        self.operation.look();
        if self.operation.due().is_some() {
            told |= self.report_operation(Instant::now())?;
        }
        Ok(told)
    }

    /// Pings a viewer that acknowledges nothing any more, once; returns when the answer is due.
    pub(super) fn ask_what_arrived(&mut self, now: Instant) -> Result<Instant, End> {
        if self.paused {
            return Ok(self.ping_due);
        }
        match &self.probe {
            Some(Probe { due: Some(due), .. }) if now >= *due => {
                return Err(End::Stalled(self.config.send_timeout));
            }
            Some(_) => {}
            None => self.ping()?,
        }
        let due = self.probe.as_ref().and_then(|probe| probe.due);
        Ok(due.unwrap_or(self.ping_due))
    }

    /// Pings a viewer that has to answer.
    pub(super) fn ping(&mut self) -> Result<(), End> {
        let id = self.probes;
        self.probes += 1;
        self.probe = Some(Probe { id, due: None });
        let payload = id.to_be_bytes().to_vec();
        Ok(self.link.say(Message::Ping(payload.into()))?)
    }

    fn tell_unchanged(&mut self, frame: &Frame) -> Result<(), End> {
        self.kept = self.kept.after(frame);
        self.count_missed(frame);
        self.operation.sent(frame);
        self.pace.sent(Instant::now());
        self.viewer.count_unchanged();
        self.say(ServerMessage::Unchanged {
            seq: frame.seq,
            captured_us: frame.captured_us,
        })
    }

    fn count_missed(&mut self, frame: &Frame) {
        let missed = self.skips.sent(frame.number);
        if missed > 0 {
            self.count_left_out(missed);
        }
    }

    pub(super) fn count_left_out(&mut self, missed: u64) {
        if self.pace.is_limited() {
            self.viewer.count_thinned(missed);
        } else {
            self.viewer.count_skipped(missed);
            self.skips.count(missed);
        }
    }

    /// Tells what is new of the machine below the camera if that is due. Returns true if it was.
    pub(super) fn report_operation(&mut self, now: Instant) -> Result<bool, End> {
        let report = self.operation.report(now);
        let is_due = report.is_some();
        report.map_or(Ok(()), |operating| self.say(operating))?;
        Ok(is_due)
    }

    /// Reports the number of skipped frames if that is due. Returns true if it was.
    pub(super) fn report_skips(&mut self, now: Instant) -> Result<bool, End> {
        let report = self.skips.report(now);
        let is_due = report.is_some();
        report.map_or(Ok(()), |skips| self.say(skips))?;
        Ok(is_due)
    }
}

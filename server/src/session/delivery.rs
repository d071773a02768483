//! What a viewer is sent: the newest frame that it has none of yet, and word of those that were left out.
//!
//! When there is room for it is decided in [`super`]; how it gets onto the wire in [`super::link`].

use super::link::Meanwhile;
use super::{End, Probe, Session, Viewer};
use crate::camera::Subscription;
use crate::hub::Frame;
use pistreamer_protocol::credit::Credit;
use pistreamer_protocol::message::{Rendition, ServerMessage, ViewerMessage};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message};

/// No answer is missed before.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// Skips are reported together, at most so often.
const SKIP_REPORT_INTERVAL: Duration = Duration::from_millis(500);

/// What goes on while a frame is sent.
struct Sending<'a> {
    subscription: &'a mut Subscription,
    credit: &'a mut Credit,
    viewer: &'a Viewer,
}

impl Meanwhile for Sending<'_> {
    fn newer(&mut self) -> Option<Arc<Frame>> {
        self.subscription.newer()
    }

    fn begun(&mut self, seq: u64, bytes: usize) {
        self.credit.sent(seq, bytes, Instant::now().into_std());
    }

    fn hear(&mut self, text: &str) -> bool {
        match ViewerMessage::from_json(text) {
            // Heard late, an ack would make the link look slow.
            Ok(ViewerMessage::Ack { seq }) => {
                acknowledged(self.credit, self.viewer, seq);
                true
            }
            _ => false,
        }
    }
}

/// The viewer drew this frame.
pub(super) fn acknowledged(credit: &mut Credit, viewer: &Viewer, seq: u64) {
    credit.acknowledged(seq, Instant::now().into_std());
    if credit.last_ack().is_some_and(|(last, _)| last == seq) {
        viewer.acked.mark();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn send(
        &mut self,
        frame: Arc<Frame>,
        subscription: &mut Subscription,
    ) -> Result<(), End> {
        if self.beats && self.shown == Some(frame.shows) {
            return self.tell_unchanged(&frame).await;
        }
        let mut meanwhile = Sending {
            subscription,
            credit: &mut self.credit,
            viewer: &self.viewer,
        };
        let patience = self.config.send_timeout;
        let sending = self
            .link
            .send_frame(frame, self.wire, patience, &mut meanwhile);
        let frame = match sending.await {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
                return Err(End::Stalled(patience));
            }
            sent => sent?,
        };
        self.probe = None;
        self.shown = Some(frame.shows);
        self.count_missed(&frame);
        let now = Instant::now();
        self.pace.sent(now);
        self.viewer
            .count_sent(frame.payload(self.wire).body().len());
        self.tell_rendition(&frame).await?;
        self.report_skips(now).await
    }

    /// Pings a viewer that acknowledges nothing any more, once; returns when the answer is due.
    pub(super) async fn ask_what_arrived(&mut self, now: Instant) -> Result<Instant, End> {
        if self.paused {
            return Ok(self.ping_due);
        }
        if let Some(probe) = &self.probe {
            return if now < probe.due {
                Ok(probe.due)
            } else {
                Err(End::Stalled(self.config.send_timeout))
            };
        }
        self.probe().await
    }

    /// Pings a viewer that has to answer; returns until when.
    pub(super) async fn probe(&mut self) -> Result<Instant, End> {
        let id = self.probes;
        self.probes += 1;
        let payload = id.to_be_bytes().to_vec();
        self.speak(Message::Ping(payload.into())).await?;
        // On its way only now, and perhaps a long one.
        let due = Instant::now() + self.config.send_timeout.max(SHORTEST_PATIENCE);
        self.probe = Some(Probe { id, due });
        Ok(due)
    }

    async fn tell_unchanged(&mut self, frame: &Frame) -> Result<(), End> {
        self.count_missed(frame);
        self.pace.sent(Instant::now());
        self.viewer.count_unchanged();
        self.say(ServerMessage::Unchanged {
            seq: frame.seq,
            captured_us: frame.captured_us,
        })
        .await
    }

    fn count_missed(&mut self, frame: &Frame) {
        let last = self.last.replace(frame.number);
        self.count_left_out(last.map_or(0, |last| frame.number.saturating_sub(last + 1)));
    }

    /// Counts what was left out so far, before what the viewer wants changes. The newest frame may still be sent.
    pub(super) fn settle(&mut self, subscription: &Subscription) {
        if let Some(last) = &mut self.last {
            let settled = subscription.newest_number().saturating_sub(1);
            let missed = settled.saturating_sub(*last);
            *last += missed;
            self.count_left_out(missed);
        }
    }

    fn count_left_out(&mut self, missed: u64) {
        if self.pace.is_limited() {
            self.viewer.count_thinned(missed);
        } else {
            self.viewer.count_skipped(missed);
            self.skipped.unreported += missed;
            self.skipped.total += missed;
        }
    }

    async fn tell_rendition(&mut self, frame: &Frame) -> Result<(), End> {
        let rendition = Rendition {
            width: frame.width,
            height: frame.height,
            full_width: frame.full.0,
            full_height: frame.full.1,
        };
        if rendition != self.rendition {
            self.rendition = rendition;
            self.say(ServerMessage::Rendition(rendition)).await?;
        }
        Ok(())
    }

    pub(super) async fn report_skips(&mut self, now: Instant) -> Result<(), End> {
        if self.skipped.unreported > 0 && now >= self.skipped.report_due {
            let count = std::mem::take(&mut self.skipped.unreported);
            self.skipped.report_due = now + SKIP_REPORT_INTERVAL;
            self.say(ServerMessage::Skipped {
                count,
                total: self.skipped.total,
            })
            .await?;
        }
        Ok(())
    }
}

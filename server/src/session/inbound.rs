//! What a viewer says, and what follows from it at once, whatever is on its way to the viewer.
//!
//! Sending belongs to [`super::outbound`]; reading from the socket to [`super::link`].

use super::{End, Session};
use crate::camera::{Command, Subscription};
use crate::form::Kept;
use crate::hub::Limits;
use crate::util::clock;
use pistreamer_protocol::message::{ServerMessage, Values, ViewerMessage};
use std::sync::atomic::Ordering;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn hear(
        &mut self,
        message: Message,
        subscription: &mut Subscription,
    ) -> Result<(), End> {
        let now = Instant::now();
        self.ping_due = now + self.config.ping_interval;
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
            ViewerMessage::Ack { seq } => self.acknowledged(seq, now),
            ViewerMessage::Ping { id } => self.say(ServerMessage::Pong {
                id,
                time_us: clock::now_us(),
            })?,
            ViewerMessage::Want(want) => {
                let missed = self.skips.settle(subscription.newest_number());
                self.count_left_out(missed);
                self.pace.limit(want.max_fps);
                self.accepts_unchanged = want.unchanged;
                self.keeps_strips(want.tiles);
                subscription.read(want.readings);
                subscription.watch_motion(want.motion);
                subscription.limit(Limits {
                    max_width: want.max_width,
                    quality: want.quality,
                    tiles: want.tiles,
                });
            }
            ViewerMessage::Refresh => {
                self.content = None;
                self.forget_kept();
            }
            ViewerMessage::Pause => {
                self.set_paused(true);
                // Whatever arrives during the pause may be thrown away.
                self.content = None;
                self.forget_kept();
                self.skips.pause();
                self.link.withdraw_frame();
                subscription.pause();
            }
            ViewerMessage::Resume => {
                self.set_paused(false);
                // Or thrown away.
                self.credit.arrived();
                match &mut self.player {
                    Some(player) => player.again(),
                    None => subscription.resume(),
                }
            }
            ViewerMessage::Control {
                name,
                value,
                confirmed,
            } => {
                let operator = subscription.operator();
                match operator.set(name.clone(), value.clone(), confirmed) {
                    // A drag of a slider sends dozens.
                    Ok(()) => match self.commanded.again() {
                        Some(left_out) => {
                            let left_out = (left_out > 0).then_some(left_out);
                            tracing::info!(control = name, %value, left_out, "viewer set a control");
                        }
                        None => tracing::debug!(control = name, %value, "viewer set a control"),
                    },
                    Err(error) => self.say(ServerMessage::Error {
                        code: error.code().into(),
                        message: error.to_string(),
                        values: Values::default(),
                    })?,
                }
            }
            ViewerMessage::Set {
                values,
                confirmed,
                id,
            } => {
                let command = Command::Set { values, confirmed };
                self.command(command, id, &subscription.operator())?;
            }
            ViewerMessage::Reset { names, id } => {
                let command = names.map_or(Command::ResetAll, Command::Reset);
                self.command(command, id, &subscription.operator())?;
            }
            ViewerMessage::Play(play) => {
                self.play(subscription, play.id, |player| player.play(&play))?
            }
            ViewerMessage::Step { id, by } => {
                self.play(subscription, id, |player| player.step(id, by))?;
            }
            ViewerMessage::Live { id } => self.leave(id, subscription)?,
            ViewerMessage::Seat { want } => {
                // One that asks at once is heard before anything is told.
                self.operation.look();
                let refused = self.operation.seat(want, now);
                self.operation.schedule(now);
                refused.map_or(Ok(()), |refused| self.say(refused))?;
            }
            ViewerMessage::Operate(command) => {
                if let Some(refused) = self.operation.operate(&command, now) {
                    self.say(refused)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The viewer drew this frame.
    fn acknowledged(&mut self, seq: u64, now: Instant) {
        let before = self.credit.last_ack();
        self.credit.acknowledged(seq, now.into_std());
        let last = self.credit.last_ack();
        if last.is_some_and(|(last, _)| last == seq) {
            self.viewer.acked.mark();
        }
        if last != before {
            self.probe = None;
        }
    }

    /// Whether the viewer keeps strips. It keeps those that it has.
    pub(super) fn keeps_strips(&mut self, keeps: bool) {
        self.accepts_unchanged |= keeps;
        self.kept = match self.kept {
            Kept::Strips(kept) if keeps => Kept::Strips(kept),
            _ if keeps => Kept::Strips(None),
            _ => Kept::Nothing,
        };
        self.link.keeps(self.kept);
    }

    /// The viewer may have thrown away what it was sent.
    pub(super) fn forget_kept(&mut self) {
        if self.kept != Kept::Nothing {
            self.kept = Kept::Strips(None);
        }
        self.link.keeps(self.kept);
    }

    fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.viewer.paused.store(paused, Ordering::Relaxed);
        self.probe = None;
    }
}

//! A viewer that looks at recordings in the place of the camera's live pictures, over the same connection.
//!
//! What is played when belongs to [`crate::library`].

use super::{End, Session, Stop, Wake, changed};
use crate::camera::Subscription;
use crate::form::Kept;
use crate::library::{Played, Player};
use crate::util::clock;
use futures::StreamExt;
use pistreamer_protocol::message::{Playback, PlaybackState, ServerMessage, Values};
use std::future::{pending, poll_fn};
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Waits for what there is while recordings are looked at: for their frames only where there is room for one.
    pub(super) async fn playing(
        &mut self,
        subscription: &mut Subscription,
        room: bool,
        stop: Pin<&mut impl Future<Output = Stop>>,
        alarm: Pin<&mut Sleep>,
    ) -> Wake {
        let player = &mut self.player;
        let played = async {
            match player {
                Some(player) => player.next(room).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            played = played => Wake::Played(played),
            event = subscription.next(false) => event.into(),
            stop = stop => Wake::End(stop.into()),
            heard = poll_fn(|cx| self.link.poll_hear(cx)) => heard.into(),
            problem = changed(&mut self.problem) => Wake::Problem(problem),
            () = self.operation.changed() => Wake::Operating,
            Some(answer) = self.answers.next(), if !self.answers.is_empty() => Wake::Answer(answer),
            () = alarm => Wake::Alarm,
        }
    }

    /// Passes a request on to the player; no live frames are sent meanwhile.
    pub(super) fn play(
        &mut self,
        subscription: &mut Subscription,
        id: u64,
        request: impl FnOnce(&mut Player),
    ) -> Result<(), End> {
        let Some(plays) = &self.plays else {
            return self.refuse_to_play(
                id,
                "forbidden",
                "recordings need a key with the role view: this viewer sees live pictures alone",
            );
        };
        let mut player = match self.player.take() {
            Some(player) => player,
            None => {
                let Some(player) = Player::new(plays) else {
                    return self.refuse_to_play(id, "no-recordings", "this server records nothing");
                };
                tracing::debug!("viewer plays recordings");
                self.skips.pause();
                subscription.pause();
                self.operation.look_away();
                player
            }
        };
        // What is on its way to the viewer may be thrown away.
        self.content = None;
        self.forget_kept();
        self.link.withdraw_frame();
        request(&mut player);
        self.player = Some(player);
        Ok(())
    }

    /// By an error, and by what it does instead: a viewer waits for an answer with its id before it takes frames again.
    fn refuse_to_play(&mut self, id: u64, code: &str, message: &str) -> Result<(), End> {
        self.say(ServerMessage::Error {
            code: code.into(),
            message: message.into(),
            values: Values::default(),
        })?;
        self.tell_live(id, Some(message.into()))
    }

    fn tell_live(&mut self, id: u64, reason: Option<String>) -> Result<(), End> {
        // Until it has this answer, the viewer throws frames away.
        self.content = None;
        self.forget_kept();
        self.say(ServerMessage::Playback(Playback {
            id,
            state: PlaybackState::Live,
            at_us: clock::now_us(),
            speed: 1.0,
            reason,
            ..Playback::default()
        }))
    }

    /// Ends playing, where it plays, at the viewer's request.
    pub(super) fn leave(&mut self, id: u64, subscription: &mut Subscription) -> Result<(), End> {
        self.go_live(subscription);
        self.tell_live(id, None)
    }

    fn go_live(&mut self, subscription: &mut Subscription) {
        if self.player.take().is_some() {
            self.content = None;
            self.link.withdraw_frame();
            // What it saw last is a picture of before.
            subscription.begin_anew();
            if !self.paused {
                subscription.resume();
            }
        }
    }

    /// What playing brings about.
    pub(super) fn played(
        &mut self,
        played: Played,
        subscription: &mut Subscription,
    ) -> Result<(), End> {
        match played {
            Played::Frame(frame) => {
                self.link.send_frame(frame, self.wire, Kept::Nothing);
                Ok(())
            }
            Played::Told(message) => self.say(*message),
            Played::Live => {
                self.go_live(subscription);
                Ok(())
            }
        }
    }
}

//! Commands of a viewer that are carried out together, and answered once the camera has.
//!
//! What they mean to the camera is its own business; one value alone is [`super::inbound`]'s.

use super::{End, Session};
use crate::camera::{Answer, Command, Operator, Refused};
use futures::FutureExt;
use pistreamer_protocol::message::{self, ServerMessage, Values};
use tokio::io::{AsyncRead, AsyncWrite};

/// Most answers that a viewer waits for. What it asks beyond that is answered at once, as pending.
const MOST_ANSWERS: usize = 16;

/// Most controls that are told of by their names: no camera has as many.
const MOST_TOLD: usize = 64;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Carries out a command, and answers it where the viewer gave it an id.
    pub(super) fn command(
        &mut self,
        command: Command,
        id: Option<u64>,
        operator: &Operator,
    ) -> Result<(), End> {
        let (sent, refused) = operator.carry_out(command);
        if let Some(sent) = &sent {
            let values = sent.values.iter().take(MOST_TOLD);
            let values = values.map(|(name, value)| format!("{name}={value}"));
            let what = values.collect::<Vec<_>>().join(" ");
            match self.commanded.again() {
                Some(left_out) => {
                    let left_out = (left_out > 0).then_some(left_out);
                    tracing::info!(what, left_out, "viewer set controls");
                }
                None => tracing::debug!(what, "viewer set controls"),
            }
        }
        let Some(id) = id else {
            return self.refuse(refused);
        };
        let camera = operator.camera().clone();
        // What waits for nothing goes to the link, which holds no more than it has room for.
        let now = match sent {
            None => Answer::default(),
            Some(sent) if self.answers.len() < MOST_ANSWERS => {
                let answer = async move { told(id, camera.answer(&sent).await, refused) };
                self.answers.push(answer.boxed());
                return Ok(());
            }
            Some(sent) => camera.answer_now(&sent),
        };
        self.say(ServerMessage::Answer(told(id, now, refused)))
    }

    /// Tells what was refused, by an `error` each.
    fn refuse(&mut self, refused: Refused) -> Result<(), End> {
        for error in refused.into_values().take(MOST_TOLD) {
            self.say(ServerMessage::Error {
                code: error.code().into(),
                message: error.to_string(),
                values: Values::default(),
            })?;
        }
        Ok(())
    }
}

fn told(id: u64, answer: Answer, left_out: Refused) -> message::Answer {
    let Answer {
        values,
        mut refused,
        pending,
    } = answer;
    let left_out = left_out.into_iter().take(MOST_TOLD);
    refused.extend(left_out.map(|(name, error)| (name, error.to_string())));
    message::Answer {
        id,
        values,
        refused,
        pending,
    }
}

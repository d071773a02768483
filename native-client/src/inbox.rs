//! What has arrived and was not taken yet: at most one event of each kind, a newer one in place of the older.
//!
//! Shared by the task that reads the socket and the caller that takes.

use crate::error::Error;
use crate::event::{Event, Stats};
use futures::task::AtomicWaker;
use pistreamer_protocol::message::ControlValues;
use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::Notify;

/// Most commands that wait to be sent. A newer one that only sets takes the place of an older one's values.
const MOST_COMMANDS: usize = 16;

/// What the caller has the server do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Sets controls.
    Set {
        values: ControlValues,
        confirmed: bool,
    },
    /// Resets those with these names, or all.
    Reset { names: Option<Vec<String>> },
}

/// The meeting point of reader and caller.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    filled: AtomicWaker,
    /// Told when the caller took a frame.
    pub taken: Notify,
    /// Told when the caller pauses or resumes, or sets a control.
    pub turned: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first, one of a kind, so at most eight.
    waiting: Vec<Event>,
    end: Option<Option<Error>>,
    /// The seq of a frame that was taken and is not acknowledged yet.
    ack: Option<u64>,
    /// The caller has no use for frames.
    paused: bool,
    /// Commands that are not sent, each with its id.
    commands: VecDeque<(u64, Command)>,
    /// The id of the last one.
    commanded: u64,
    /// Seq and capture time of the last frame that was left for the caller. A new connection begins with it where no newer
    /// one was made.
    last: Option<(u64, u64)>,
    stats: Stats,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock, and the state is valid at every point.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves an event for the caller.
    pub(crate) fn put(&self, event: Event) {
        let mut state = self.state();
        let kind = discriminant(&event);
        let before = state.waiting.len();
        if let Event::Frame(frame) = &event {
            let this = Some((frame.stamp.seq, frame.stamp.captured_us));
            let again = state.last == this;
            if again || state.paused {
                // The caller has it, or wants none: it was under way. The server need not wait for it to be drawn.
                state.stats.received += u64::from(!again);
                state.ack = Some(frame.stamp.seq);
                self.taken.notify_one();
                return;
            }
            state.last = this;
        }
        let mut event = event;
        let (same, others) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|waiting| discriminant(waiting) == kind);
        state.waiting = others;
        event.follow(same);
        if matches!(event, Event::Frame(_)) {
            state.stats.received += 1;
            state.stats.overtaken += (before - state.waiting.len()) as u64;
        }
        state.waiting.push(event);
        drop(state);
        self.filled.wake();
    }

    /// Whether the caller has use for frames. One that waits is let go at a pause, so that none is old after it.
    pub(crate) fn pause(&self, paused: bool) {
        let mut state = self.state();
        state.paused = paused;
        let before = state.waiting.len();
        if paused {
            state
                .waiting
                .retain(|waiting| !matches!(waiting, Event::Frame(_)));
        }
        if state.waiting.len() < before {
            // The caller never had it, and may want it after all.
            state.last = None;
        }
        self.turned.notify_one();
    }

    /// The caller has the server do something. Returns its id, which a later command may take over.
    pub(crate) fn command(&self, command: Command) -> u64 {
        let mut state = self.state();
        state.commanded += 1;
        let id = state.commanded;
        match (state.commands.back_mut(), command) {
            (
                Some((last, Command::Set { values, confirmed })),
                Command::Set {
                    values: newer,
                    confirmed: is_meant,
                },
            ) if *confirmed == is_meant => {
                values.extend(newer);
                *last = id;
            }
            (_, command) => {
                // They are sent at once, unless the server takes nothing.
                if state.commands.len() == MOST_COMMANDS {
                    state.commands.pop_front();
                }
                state.commands.push_back((id, command));
            }
        }
        self.turned.notify_one();
        id
    }

    /// The commands that are to be sent.
    pub(crate) fn take_commands(&self) -> VecDeque<(u64, Command)> {
        std::mem::take(&mut self.state().commands)
    }

    /// Whether the caller pauses.
    pub(crate) fn is_paused(&self) -> bool {
        self.state().paused
    }

    /// Nothing more will come, and why.
    pub(crate) fn end(&self, error: Option<Error>) {
        self.state().end = Some(error);
        self.filled.wake();
    }

    /// Counts something.
    pub(crate) fn count(&self, count: impl FnOnce(&mut Stats)) {
        count(&mut self.state().stats);
    }

    /// What was counted so far.
    pub(crate) fn stats(&self) -> Stats {
        self.state().stats
    }

    /// The seq to acknowledge, if the caller took a frame since the last call.
    pub(crate) fn take_ack(&self) -> Option<u64> {
        self.state().ack.take()
    }

    /// The oldest event that waits and is wanted; others are let go.
    pub(crate) fn poll_take(
        &self,
        cx: &mut Context<'_>,
        wanted: impl Fn(&Event) -> bool,
    ) -> Poll<Option<Result<Event, Error>>> {
        self.filled.register(cx.waker());
        let mut state = self.state();
        state.waiting.retain(wanted);
        if state.waiting.is_empty() {
            return match &mut state.end {
                Some(error) => Poll::Ready(error.take().map(Err)),
                None => Poll::Pending,
            };
        }
        let event = state.waiting.remove(0);
        if let Event::Frame(frame) = &event {
            state.ack = Some(frame.stamp.seq);
            self.taken.notify_one();
        }
        Poll::Ready(Some(Ok(event)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Frame;
    use bytes::Bytes;
    use futures::future::{FutureExt, poll_fn};
    use pistreamer_protocol::message::CameraStatus;
    use pistreamer_protocol::{Stamp, WireFormat};

    fn frame(seq: u64) -> Event {
        Event::Frame(Frame {
            stamp: Stamp {
                seq,
                ..Stamp::default()
            },
            jpeg: Bytes::new(),
            wire: WireFormat::Jpeg,
        })
    }

    fn take(inbox: &Inbox) -> Option<Event> {
        let event = poll_fn(|cx| inbox.poll_take(cx, |_| true)).now_or_never()?;
        Some(event.unwrap().unwrap())
    }

    #[test]
    fn one_frame_waits_and_it_is_the_newest() {
        let inbox = Inbox::default();
        for seq in 1..=5 {
            inbox.put(frame(seq));
        }
        assert!(matches!(take(&inbox), Some(Event::Frame(frame)) if frame.stamp.seq == 5));
        assert!(take(&inbox).is_none());
        assert_eq!((inbox.stats().received, inbox.stats().overtaken), (5, 4));
    }

    #[test]
    fn a_frame_that_comes_again_is_acknowledged_and_not_seen_again() {
        let inbox = Inbox::default();
        inbox.put(frame(1));
        take(&inbox);
        inbox.take_ack();
        inbox.put(frame(1));
        assert!(take(&inbox).is_none());
        assert_eq!(inbox.take_ack(), Some(1));
        // Let go at a pause, it was not seen at all.
        inbox.put(frame(2));
        inbox.pause(true);
        inbox.pause(false);
        inbox.put(frame(2));
        assert!(matches!(take(&inbox), Some(Event::Frame(frame)) if frame.stamp.seq == 2));
    }

    #[test]
    fn only_what_was_taken_is_acknowledged() {
        let inbox = Inbox::default();
        inbox.put(frame(1));
        assert_eq!(inbox.take_ack(), None);
        take(&inbox);
        inbox.put(frame(2));
        assert_eq!(inbox.take_ack(), Some(1));
        assert_eq!(inbox.take_ack(), None);
    }

    #[test]
    fn what_came_before_or_in_a_pause_is_not_seen_after_it() {
        let inbox = Inbox::default();
        inbox.put(frame(1));
        inbox.pause(true);
        inbox.put(frame(2));
        assert_eq!(inbox.take_ack(), Some(2));
        inbox.pause(false);
        assert!(take(&inbox).is_none());
        inbox.put(frame(3));
        assert!(matches!(take(&inbox), Some(Event::Frame(frame)) if frame.stamp.seq == 3));
    }

    #[test]
    fn a_state_after_a_frame_stays_after_it() {
        let inbox = Inbox::default();
        inbox.put(Event::Status(CameraStatus::default()));
        inbox.put(frame(1));
        inbox.put(Event::Status(CameraStatus::default()));
        inbox.end(None);
        assert!(matches!(take(&inbox), Some(Event::Frame(_))));
        assert!(matches!(take(&inbox), Some(Event::Status(_))));
        assert!(
            poll_fn(|cx| inbox.poll_take(cx, |_| true))
                .now_or_never()
                .unwrap()
                .is_none()
        );
    }
}

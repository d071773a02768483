//! What a subscription tells: frames, and what happens to the connection and the camera.
//!
//! Reading the socket belongs to [`crate::link`].

use crate::error::Error;
use bytes::Bytes;
use pistreamer_protocol::message::{Answer, CameraStatus, ControlValues, Hello};
use pistreamer_protocol::{Stamp, WireFormat};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One picture.
#[derive(Clone)]
#[non_exhaustive]
pub struct Frame {
    /// Number, capture time and camera, as the camera's server stamped them.
    pub stamp: Stamp,
    /// The JPEG, stamp included.
    pub jpeg: Bytes,
    /// The wire format that it came in.
    pub wire: WireFormat,
}

impl Frame {
    /// When it was captured, by the clock of the machine that stamped it.
    pub fn captured_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.stamp.captured_us)
    }

    /// How old it is, where that clock and this machine's agree; zero where it seems to come from the future.
    pub fn age(&self) -> Duration {
        self.captured_at().elapsed().unwrap_or_default()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("stamp", &self.stamp)
            .field("jpeg", &format_args!("{} bytes", self.jpeg.len()))
            .field("wire", &self.wire)
            .finish()
    }
}

/// What a subscription can tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The newest frame.
    Frame(Frame),
    /// A connection begins. Its camera, size and state.
    Hello(Box<Hello>),
    /// The camera's state changed.
    Status(CameraStatus),
    /// Controls have changed by themselves, each to this value. Only a server that lets set them tells it, where
    /// [`crate::Config::readings`] asks for it.
    Readings(ControlValues),
    /// What the camera has made of the newest command that the server has answered.
    Answer(Answer),
    /// The server refuses something that it was told, in a word for programs and in a sentence.
    Refused {
        /// Such as `forbidden`.
        code: String,
        /// In English.
        message: String,
    },
    /// A message held no whole, stamped JPEG within the limit. How many did is in [`Stats::corrupt`].
    Corrupt,
    /// A connection could not be made, or ended. The next attempt follows by itself.
    Lost {
        /// Why.
        error: Error,
        /// The pause before the next attempt.
        retry_in: Duration,
    },
}

impl Event {
    /// Takes over what nothing newer has replaced of events of its kind that came before and were not taken.
    pub(crate) fn follow(&mut self, before: Vec<Self>) {
        for before in before {
            match (&mut *self, before) {
                (Self::Readings(values), Self::Readings(older)) => {
                    // A server may name what it likes.
                    for (name, value) in older.into_iter().take(256) {
                        values.entry(name).or_insert(value);
                    }
                }
                (Self::Answer(answer), Self::Answer(older)) => {
                    // Until it is asked for once more, it is still refused, or still on its way.
                    for (name, why) in older.refused.into_iter().take(256) {
                        if !answer.values.contains_key(&name) {
                            answer.refused.entry(name).or_insert(why);
                        }
                    }
                    let pending = older.pending.into_iter().take(256);
                    let is_open = |name: &String| {
                        !answer.values.contains_key(name) && !answer.refused.contains_key(name)
                    };
                    let pending: Vec<_> = pending.filter(is_open).collect();
                    for name in pending {
                        if !answer.pending.contains(&name) {
                            answer.pending.push(name);
                        }
                    }
                    for (name, value) in older.values.into_iter().take(256) {
                        answer.values.entry(name).or_insert(value);
                    }
                }
                (Self::Status(status), Self::Status(older)) => {
                    status.controls = status.controls.take().or(older.controls);
                }
                _ => {}
            }
        }
    }
}

/// Sums since the subscription began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Whole frames that arrived.
    pub received: u64,
    /// Messages that were no whole, stamped JPEG within the limit.
    pub corrupt: u64,
    /// Frames that a newer one overtook here, before the caller took them.
    pub overtaken: u64,
    /// Frames that the server says it left out.
    pub skipped: u64,
    /// Connections that came about.
    pub connections: u64,
}

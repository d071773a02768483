//! One connection: its socket, and what pings tell about the server's clock.
//!
//! What comes through it belongs to [`super`].

use crate::clock::Clock;
use crate::js::{self, Interval, Timeout, Turn};
use crate::message;
use crate::socket::Socket;
use js_sys::ArrayBuffer;
use pistreamer_protocol::{HeldUp, Stamp};
use std::cell::Cell;
use std::collections::VecDeque;

/// ms from one ping to the next.
const PING_INTERVAL: i32 = 2000;
/// A socket that is not open after this many ms, such as one to a server that is gone, lets others begin.
const PATIENCE: i32 = 1000;
/// Pings whose pong is awaited; older ones are forgotten.
const PINGS_KEPT: usize = 4;

/// A connection. Dropping it closes the socket.
pub(super) struct Connection {
    pub(super) number: u32,
    pub(super) socket: Socket,
    /// The id of the camera that is asked for.
    pub(super) asked: Option<String>,
    /// While no frame is drawn, as in a pause: the newest message that came all the same.
    pub(super) held: Option<Option<ArrayBuffer>>,
    clock: Clock,
    held_up: HeldUp,
    pings: VecDeque<(u64, f64)>,
    next_ping: u64,
    timer: Option<Interval>,
    /// As long as the socket is being opened.
    opening: Option<Timeout>,
}

impl Connection {
    /// With a socket that is being opened.
    pub(super) fn new(number: u32, socket: Socket, asked: Option<String>, turn: Turn) -> Self {
        let turn = Cell::new(Some(turn));
        Self {
            number,
            socket,
            asked,
            held: None,
            clock: Clock::default(),
            held_up: HeldUp::default(),
            pings: VecDeque::new(),
            next_ping: 0,
            timer: None,
            opening: Some(Timeout::new(PATIENCE, move || drop(turn.take()))),
        }
    }

    /// The socket is open: calls `ping` from time to time from now on.
    pub(super) fn opened(&mut self, ping: impl FnMut() + 'static) {
        self.opening = None;
        self.timer = Some(Interval::new(PING_INTERVAL, ping));
    }

    /// Asks for the server's time.
    pub(super) fn ping(&mut self) {
        let id = self.next_ping;
        self.next_ping += 1;
        self.pings.push_back((id, js::unix_us()));
        if self.pings.len() > PINGS_KEPT {
            self.pings.pop_front();
        }
        self.socket.send(&message::ping(id));
    }

    /// The server told its time. Gives the shortest round trip lately, in ms.
    pub(super) fn pong(&mut self, id: Option<u64>, time_us: u64) -> Option<f64> {
        let received = js::unix_us();
        let asked = self.pings.iter().position(|(sent, _)| Some(*sent) == id);
        if let Some(at) = asked {
            let (_, sent) = self.pings.drain(..=at).next_back()?;
            self.clock.pong(sent, received, time_us as f64);
        }
        self.clock.round_trip_ms()
    }

    /// Age in ms, at `now_us` by our clock, of what was captured then by the server's; `None` before the first pong.
    pub(super) fn age_ms(&self, now_us: f64, captured_us: u64) -> Option<f64> {
        self.clock.age_ms(now_us, captured_us as f64)
    }

    /// Whether a frame that arrived then, by the steady clock, was held up by a standstill.
    pub(super) fn is_held_up(&mut self, arrived: f64, stamp: &Stamp) -> bool {
        let arrived_us = js::unix_us() - (js::now() - arrived) * 1000.0;
        let age = self.age_ms(arrived_us, stamp.captured_us);
        age.is_some_and(|age| self.held_up.is_held_up(arrived, age))
    }

    /// Frames come again; a pause is no standstill. Gives the newest message that came meanwhile.
    pub(super) fn resume(&mut self) -> Option<ArrayBuffer> {
        self.held_up = HeldUp::default();
        self.socket.send(message::RESUME);
        self.held.take().flatten()
    }
}

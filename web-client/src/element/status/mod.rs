//! The connection and what is said about the picture: the state, its words, the camera's name.
//!
//! When which state holds is decided in [`machine`]; drawing the words belongs to [`crate::chrome`].

mod describe;
mod machine;

use super::effect::{Effect, Effects, Order, Tell};
use super::shown::{Kind, Shown};
use crate::text::{self, words};
use machine::Machine;
use pistreamer_protocol::message::Hello;

pub(super) use machine::Action;

/// The shortest time in ms for which an age is shown.
const AGE: f64 = 1000.0;
/// The longest delay of a check for staleness, in ms.
const LONGEST_WAIT: f64 = 60_000.0;

/// What [`Shown`] follows from, but for the reason.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Face {
    kind: Kind,
    seconds: u64,
    wait: Option<u64>,
    never: bool,
    test_pattern: bool,
    has_picture: bool,
}

/// The part of an element that tracks the connection and the state.
#[derive(Debug)]
pub struct Status {
    pub(super) machine: Machine,
    told: Option<Kind>,
    reason: String,
    face: Option<Face>,
    awaits_stale: bool,
    /// Number of the newest connection.
    connection: u32,
    /// Whether the server has let this connection in.
    greeted: bool,
    /// The age that is shown, and since when.
    age: (String, f64),
    name: String,
}

impl Status {
    pub(super) fn new(now: f64, stale_after: Option<f64>, paused: bool) -> Self {
        let mut machine = Machine::new(now);
        machine.set_stale_after(stale_after);
        if paused {
            machine.pause(now);
        }
        Self {
            machine,
            told: None,
            reason: String::new(),
            face: None,
            awaits_stale: false,
            connection: 0,
            greeted: false,
            age: (String::new(), now),
            name: String::new(),
        }
    }

    /// The state, as it was told last.
    pub fn kind(&self, now: f64) -> Kind {
        self.told.unwrap_or_else(|| self.machine.state(now).kind)
    }

    /// Why, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether the page or its user has paused.
    pub fn paused(&self) -> bool {
        self.machine.paused()
    }

    pub(super) fn is_live(&self) -> bool {
        self.told == Some(Kind::Live)
    }

    /// Whether this connection is the newest, and not given up: what an older one still says is no news.
    pub(super) fn is_current(&self, connection: u32) -> bool {
        self.connection == connection && !self.machine.is_down()
    }

    /// Whether the server has let this connection in.
    pub fn is_greeted(&self) -> bool {
        self.greeted
    }

    /// The number of the connection that is opened now.
    pub(super) fn next_connection(&mut self) -> u32 {
        self.connection += 1;
        self.greeted = false;
        self.connection
    }

    pub(super) fn pause(&mut self, now: f64, paused: bool) {
        if paused {
            self.machine.pause(now);
        } else {
            self.machine.play(now);
        }
    }

    pub(super) fn set_stale_after(&mut self, ms: Option<f64>) {
        self.machine.set_stale_after(ms);
        self.awaits_stale = false;
    }

    pub(super) fn stale_due(&mut self) {
        self.awaits_stale = false;
    }

    pub(super) fn hello(&mut self, now: f64, hello: &Hello) {
        self.machine.hello(now, hello);
        self.greeted = true;
    }

    /// The server answers that it does not let the element in.
    pub(super) fn refused(&mut self, now: f64, reason: &str, random: f64, out: &mut Effects) {
        // Each further try is answered like the one before.
        if self.told.is_none() || self.reason != reason {
            out.push(Effect::Tell(Tell::Error(reason.to_owned())));
        }
        self.machine.closed(now, reason, random);
        self.machine.refused();
    }

    /// The camera is called so; empty while that isn't known.
    pub(super) fn named(&mut self, name: &str, out: &mut Effects) {
        out.push(Effect::Name(name.to_owned()));
        if self.name != name {
            name.clone_into(&mut self.name);
            out.push(Effect::Data("name", name.to_owned()));
            out.push(Effect::Tell(Tell::Name(name.to_owned())));
        }
    }

    /// Shows how old a live picture is, in ms, where that is known and makes sense. Its number changes once a second.
    pub(super) fn show_age(&mut self, now: f64, age: Option<f64>, out: &mut Effects) {
        let known = age.filter(|age| self.is_live() && *age >= 0.0);
        let words = known.map_or_else(String::new, text::age);
        let (shown, since) = &self.age;
        let is_due = words.is_empty() || shown.is_empty() || now - since >= AGE;
        if is_due && *shown != words {
            out.push(Effect::Age(words.clone()));
            self.age = (words, now);
        }
    }

    /// Shows the state where it has changed, and tells it where that is news.
    pub(super) fn show(&mut self, now: f64, has_picture: bool, out: &mut Effects) {
        let state = self.machine.state(now);
        let lasts = now - state.since;
        let live = state.kind == Kind::Live;
        let never = state.retry_at == Some(f64::INFINITY);
        let wait = state.retry_at.filter(|_| !never);
        let face = Face {
            kind: state.kind,
            seconds: if live { 0 } else { (lasts / 1000.0) as u64 },
            wait: wait.map(|at| ((at - now) / 1000.0).ceil().max(0.0) as u64),
            never,
            test_pattern: self.machine.test_pattern(),
            has_picture,
        };
        let is_new = self.told != Some(state.kind) || self.reason != state.reason;
        if is_new || self.face != Some(face) {
            out.push(Effect::Show(Shown {
                kind: state.kind,
                reason: state.reason.to_owned(),
                lasts: (!live).then_some(lasts),
                test_pattern: face.test_pattern,
                notice: face.notice(state.reason),
                retry: face.is_lost() && !never,
                is_new,
            }));
            self.face = Some(face);
        }
        if is_new {
            let reason = state.reason.to_owned();
            out.push(Effect::Tell(Tell::State(state.kind.name(), reason.clone())));
            (self.told, self.reason) = (Some(face.kind), reason);
        }
        if !live {
            self.show_age(now, None, out);
        }
        if !self.awaits_stale
            && let Some(at) = self.machine.stale_at(now)
        {
            self.awaits_stale = true;
            out.push(Effect::AwaitStale(
                (at - now).clamp(0.0, LONGEST_WAIT) + 1.0,
            ));
        }
    }
}

impl Face {
    fn is_lost(&self) -> bool {
        matches!(self.kind, Kind::Lost | Kind::Refused)
    }

    fn notice(&self, reason: &str) -> Option<String> {
        match self.kind {
            Kind::Live | Kind::Hidden => return None,
            Kind::Stale | Kind::Connecting if self.has_picture => return None,
            _ => {}
        }
        let next = if let Some(seconds) = self.wait {
            words!("next try in {number} s", number = seconds)
        } else if self.is_lost() && !self.never {
            words!("trying now").to_owned()
        } else {
            String::new()
        };
        Some(if reason.is_empty() || next.is_empty() {
            format!("{reason}{next}")
        } else {
            words!("{text} · {text2}", text = reason, text2 = next)
        })
    }
}

impl Action {
    /// What the pipeline is told; nothing for a new connection, which needs its address.
    pub(super) const fn order(self) -> Option<Order> {
        match self {
            Self::Connect => None,
            Self::Close => Some(Order::Close),
            Self::Pause => Some(Order::Pause),
            Self::Resume => Some(Order::Resume),
        }
    }
}

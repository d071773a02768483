//! What the viewer says about the picture, and when it connects: a state machine without browser, with the time handed in.
//!
//! The rule: only a new frame makes the picture live, and nothing but new frames keeps it so. An open socket proves
//! nothing. Carrying out the [`Action`]s belongs to [`crate::shell`].

use crate::backoff::Backoff;
use crate::text::words;
use pistreamer_protocol::message::{CameraState, CameraStatus, Hello};

/// The shortest `stale-after` that a page can set, in ms.
const LEAST_STALE: f64 = 100.0;
/// Timeout of a connection attempt, in ms.
const OPENING: f64 = 10_000.0;
/// A server that stays silent for this many ms is lost: it is pinged every two seconds.
const SILENT: f64 = 8000.0;
/// Time in ms for the server to answer after the page may have been frozen.
const PROBE: f64 = 2500.0;
/// A hidden page closes its paused connection after this many ms.
const HIDDEN: f64 = 30_000.0;

/// What the machine wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Close any connection and open a new one.
    Connect,
    /// Close the connection.
    Close,
    /// Tell the server to send no frames.
    Pause,
    /// Tell the server to send frames again.
    Resume,
}

/// The connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    /// None, and when the next try is due.
    Down { retry_at: Option<f64> },
    /// Asked for.
    Opening { since: f64 },
    /// The server has spoken.
    Up,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) at: f64,
    pub(super) age: Option<f64>,
}

/// The machine. Every method takes the time in ms by any steady clock.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) link: Link,
    backoff: Backoff,
    actions: Vec<Action>,
    /// Since when and why there is no server, until one speaks again.
    pub(super) lost: Option<(f64, String)>,
    /// Whether the server answered the last try, with a refusal.
    pub(super) refused: bool,
    pub(super) camera: (f64, CameraStatus),
    /// Whether the camera was started on this connection, and no frame shows yet that it has.
    pub(super) starts: bool,
    pub(super) frame_interval: f64,
    pub(super) stale_after: Option<f64>,
    test_pattern: bool,
    pub(super) paused: Option<f64>,
    pub(super) hidden: Option<f64>,
    /// What the server on this connection was told last.
    told_to_pause: bool,
    /// From when on a frame proves anything.
    pub(super) waiting_since: f64,
    last_seq: Option<u64>,
    pub(super) drawn: Option<Drawn>,
    heard_at: f64,
    probe_at: Option<f64>,
    /// Since when the page is seen again, with a connection from before.
    shown_at: Option<f64>,
}

impl Machine {
    /// Starts, and asks for the first connection.
    pub(crate) fn new(now: f64) -> Self {
        Self {
            link: Link::Opening { since: now },
            backoff: Backoff::default(),
            actions: vec![Action::Connect],
            lost: None,
            refused: false,
            camera: (now, CameraStatus::default()),
            starts: false,
            frame_interval: 0.0,
            stale_after: None,
            test_pattern: false,
            paused: None,
            hidden: None,
            told_to_pause: false,
            waiting_since: now,
            last_seq: None,
            drawn: None,
            heard_at: now,
            probe_at: None,
            shown_at: None,
        }
    }

    /// What there is to do, once.
    pub(crate) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    /// Whether the server calls the picture made up.
    pub(crate) fn test_pattern(&self) -> bool {
        self.test_pattern
    }

    /// Whether there is no connection, nor one on its way.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.link, Link::Down { .. })
    }

    /// Whether the user has paused.
    pub(crate) fn paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Sets after how many ms without a new frame the picture is stale; `None` derives it from the frame rate.
    pub(crate) fn set_stale_after(&mut self, ms: Option<f64>) {
        self.stale_after = ms.map(|ms| ms.max(LEAST_STALE));
    }

    /// The server introduced itself.
    pub(crate) fn hello(&mut self, now: f64, hello: &Hello) {
        // Said again, or after a frame, it makes no old frame a new one.
        if self.link == Link::Up {
            self.heard(now);
        } else {
            self.came_up(now);
        }
        let ago = hello.time_us.saturating_sub(hello.status.since_us) as f64 / 1000.0;
        let known = hello.status.since_us > 0;
        self.camera = (if known { now - ago } else { now }, hello.status.clone());
        self.starts = hello.status.state == CameraState::Starting;
        self.frame_interval = if hello.fps > 0.0 {
            1000.0 / hello.fps
        } else {
            0.0
        };
        self.test_pattern = (hello.status.test_pattern).unwrap_or(hello.camera.test_pattern);
    }

    /// The server told the camera's state.
    pub(crate) fn camera(&mut self, now: f64, status: &CameraStatus) {
        self.heard(now);
        self.test_pattern = status.test_pattern.unwrap_or(self.test_pattern);
        // A camera that starts anew, or delivers again, shows none of the pictures from before.
        let before = self.camera.1.state;
        let waits = status.state == CameraState::Starting
            || before != CameraState::Live && status.state == CameraState::Live;
        if waits && before != status.state {
            self.waiting_since = now;
        }
        let goes_on = self.starts && status.state == CameraState::Live;
        self.starts = goes_on || status.state == CameraState::Starting;
        if goes_on {
            // Until its first frame is there, the same is told as before.
            self.camera.1.state = status.state;
        } else if before == status.state {
            self.camera.1 = status.clone();
        } else {
            self.camera = (now, status.clone());
        }
    }

    /// Something arrived: the server is there.
    pub(crate) fn heard(&mut self, now: f64) {
        self.heard_at = now;
        self.probe_at = None;
    }

    /// A frame was drawn. Returns whether it is new: a frame that repeats the last `seq`, or that a dead connection left
    /// behind, proves nothing.
    pub(crate) fn frame(&mut self, now: f64, seq: Option<u64>, age: Option<f64>) -> bool {
        match self.link {
            Link::Down { .. } => return false,
            Link::Opening { .. } => self.came_up(now),
            Link::Up => self.heard(now),
        }
        let new = seq.is_none() || seq != self.last_seq;
        if new {
            self.last_seq = seq;
            self.starts &= self.camera.1.state == CameraState::Starting;
            self.drawn = Some(Drawn { at: now, age });
        }
        new
    }

    /// The connection ended, or never came to be. `random` is between 0 and 1.
    pub(crate) fn closed(&mut self, now: f64, reason: &str, random: f64) {
        if self.is_down() {
            return;
        }
        // A page that was put away, as for the button back, finds its connection closed: that is no news of the server.
        let shown_at = self.shown_at.take();
        if self.link == Link::Up && shown_at.is_some_and(|at| now - at < PROBE) {
            return self.connect(now);
        }
        let pause = self.backoff.pause(random);
        self.link = Link::Down {
            retry_at: self.hidden.is_none().then_some(now + pause),
        };
        self.probe_at = None;
        self.refused = false;
        match &mut self.lost {
            Some((_, why)) if !reason.is_empty() => *why = reason.to_owned(),
            Some(_) => {}
            None => self.lost = Some((now, reason.to_owned())),
        }
    }

    /// The connection never came to be because the server refused it; said after [`Self::closed`].
    pub(crate) fn refused(&mut self) {
        self.refused = true;
    }

    /// The address that was to be connected to leads nowhere, however often it is tried.
    pub(crate) fn unusable(&mut self, now: f64, reason: &str) {
        self.closed(now, reason, 0.0);
        self.refused = true;
        self.link = Link::Down {
            retry_at: Some(f64::INFINITY),
        };
    }

    /// The user wants no more frames.
    pub(crate) fn pause(&mut self, now: f64) {
        self.paused.get_or_insert(now);
        self.tell_server();
    }

    /// The user wants frames again.
    pub(crate) fn play(&mut self, now: f64) {
        if self.paused.take().is_some() {
            self.waiting_since = now;
            self.tell_server();
        }
    }

    /// The page can or cannot be seen.
    pub(crate) fn set_hidden(&mut self, now: f64, hidden: bool) {
        if hidden {
            self.hidden.get_or_insert(now);
            if let Link::Down { retry_at } = &mut self.link
                && *retry_at != Some(f64::INFINITY)
            {
                *retry_at = None;
            }
            self.tell_server();
        } else if self.hidden.take().is_some() {
            self.waiting_since = now;
            match self.link {
                Link::Down { .. } => self.retry(now),
                Link::Opening { .. } => {}
                Link::Up => {
                    self.shown_at = Some(now);
                    self.probe_at = Some(now + PROBE);
                    self.tell_server();
                }
            }
        }
    }

    /// Tries to connect at once: on request, or because the network is back.
    pub(crate) fn retry(&mut self, now: f64) {
        if let Link::Down { retry_at } = self.link
            && retry_at != Some(f64::INFINITY)
            && self.hidden.is_none()
        {
            self.connect(now);
        }
    }

    /// Reconnects with other parameters; this does not count as a failure.
    pub(crate) fn reconnect(&mut self, now: f64) {
        self.waiting_since = now;
        self.drawn = None;
        self.connect(now);
    }

    /// Connects to another camera, for which nothing holds that is known of the one before.
    pub(crate) fn another_camera(&mut self, now: f64) {
        *self = Self {
            paused: self.paused,
            hidden: self.hidden,
            stale_after: self.stale_after,
            ..Self::new(now)
        };
    }

    /// Time passes. Call it a few times a second.
    pub(crate) fn tick(&mut self, now: f64, random: f64) {
        match self.link {
            Link::Down { retry_at } if retry_at.is_some_and(|at| now >= at) => self.connect(now),
            Link::Opening { .. } | Link::Up
                if self.hidden.is_some_and(|since| now - since > HIDDEN) =>
            {
                self.actions.push(Action::Close);
                self.link = Link::Down { retry_at: None };
            }
            Link::Opening { since } if now - since > OPENING => {
                self.give_up(now, words!("no answer within 10 seconds"), random);
            }
            Link::Up if self.probe_at.is_some_and(|at| now >= at) => {
                self.actions.push(Action::Close);
                self.connect(now);
            }
            Link::Up if now - self.heard_at > SILENT => {
                self.give_up(now, words!("the server has fallen silent"), random);
            }
            _ => {}
        }
    }

    fn connect(&mut self, now: f64) {
        self.link = Link::Opening { since: now };
        self.actions.push(Action::Connect);
        self.probe_at = None;
    }

    fn give_up(&mut self, now: f64, reason: &str, random: f64) {
        self.actions.push(Action::Close);
        self.closed(now, reason, random);
    }

    fn came_up(&mut self, now: f64) {
        self.heard(now);
        self.link = Link::Up;
        self.lost = None;
        self.refused = false;
        self.backoff.reset();
        self.waiting_since = now;
        self.drawn = None;
        self.last_seq = None;
        self.told_to_pause = false;
        self.tell_server();
    }

    fn tell_server(&mut self) {
        let pause = self.paused.is_some() || self.hidden.is_some();
        if self.link == Link::Up && pause != self.told_to_pause {
            self.told_to_pause = pause;
            self.actions
                .push(if pause { Action::Pause } else { Action::Resume });
        }
    }
}

#[cfg(test)]
mod tests;

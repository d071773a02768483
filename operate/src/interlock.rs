//! Whether the machine moves: a pure function of time, of what the operator said, and of what was sent to it.
//!
//! All times are the server's steady clock. No clock of a browser is used, and none is compared: the server numbers what it
//! sends the operator (*beats*), a command echoes the newest one, and its age is at most the time since that was sent. So a
//! command is a lease, which ends by itself.
//!
//! Threads, sinks and messages belong elsewhere; the caller passes the time.

use crate::limits::{
    ABANDONED, ASKED, BEAT, Limits, MOST_ASKS, MOST_COMMANDS, RELOADED, REMEMBERED, REST, Time,
};
use crate::plan::Position;
use pistreamer_protocol::message::StopReason;
use std::collections::VecDeque;
use std::time::Duration;

/// A connection, as long as the server runs.
pub type Connection = u64;

/// A connection that has the seat, or asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The connection.
    pub connection: Connection,
    /// Its name for people, which several connections of one person share.
    pub name: String,
}

/// A command as it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Rises with each command of a connection.
    pub seq: u64,
    /// The count of stops that the operator knew of.
    pub arm: u64,
    /// The newest beat that the operator had.
    pub beat: u64,
    /// `seq` of the frame that the operator saw.
    pub n: Option<u64>,
    /// Where the sticks are.
    pub position: Position,
}

/// What the machine has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Stand still.
    Stop(StopReason),
    /// Do this, and stop at `until` unless something newer was said.
    Drive {
        /// The command's number.
        seq: u64,
        /// The frame that its operator saw.
        n: u64,
        /// When it ends.
        until: Time,
        /// What to do.
        position: Position,
    },
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The sender does not have the seat.
    #[error("another connection has the seat, or none has")]
    NotSeated,
    /// Its number was used before.
    #[error("its number is not higher than the last one")]
    Replayed,
    /// There are too many.
    #[error("more than {MOST_COMMANDS} commands in a second")]
    TooMany,
    /// It echoes a beat that was never sent, or long ago.
    #[error("it echoes no beat of the last seconds")]
    UnknownBeat,
    /// It names a frame that was never sent, or one before the last one.
    #[error("it names a frame that was not sent, or an older one than before")]
    UnknownFrame,
    /// It is older than the limit.
    #[error("it is older than the limit")]
    TooOld,
}

/// Why the seat was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    /// Somebody has it.
    #[error("another operator has the seat: ask for it")]
    Held,
    /// The same one asks for it already.
    #[error("you ask for the seat already, in another window")]
    AskedAlready,
    /// Too many ask for it.
    #[error("{MOST_ASKS} others ask for the seat already")]
    TooMany,
    /// The server is stopping.
    #[error("the way to the machine is being closed")]
    Ended,
}

/// One operator's seat and one machine.
#[derive(Debug)]
pub struct Interlock {
    limits: Limits,
    /// The camera delivers.
    is_live: bool,
    /// The sink takes commands.
    is_read: bool,
    has_ended: bool,
    arm: u64,
    beat: u64,
    seat: Option<Seat>,
    state: State,
    /// Who asks for the seat, one of a name, in the order in which they came. The first one is shown, since that time.
    asks: VecDeque<(Person, Time)>,
    #[cfg(test)]
    without: Option<Rule>,
}

#[derive(Debug)]
struct Seat {
    person: Person,
    /// When a stick was not at rest last.
    moved: Time,
    /// When each of the last beats was sent; the newest has the number [`Interlock::beat`].
    beats: VecDeque<Time>,
    /// The last frames sent: `seq`, and when each was captured.
    frames: VecDeque<(u64, Time)>,
    seq: Option<u64>,
    /// The newest frame that the operator saw.
    drawn: Option<(u64, Time)>,
    lease: Option<Lease>,
    /// How old the newest command was when it arrived, at most.
    age: Option<Duration>,
    /// Commands in a row that were too old when they arrived.
    late: u32,
    refused: u64,
    /// The second that is counted: its begin, and commands in it.
    counted: (Time, u32),
}

#[derive(Debug)]
struct Lease {
    seq: u64,
    until: Time,
    position: Position,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Stopped {
        why: StopReason,
        since: Time,
        /// Since when the sticks are told to be at rest, without a gap.
        resting: Option<Time>,
    },
    Armed,
}

/// The rules that make it safe. Tests take each of them out to see that it is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// A command's age counts from the beat that it echoes, and not from its arrival.
    Echo,
    /// A command from before the last stop moves nothing.
    Arm,
    /// Numbers rise.
    Sequence,
    /// Only who has the seat commands.
    Seat,
    /// A picture's age counts from its capture.
    Capture,
    /// A start begins at rest.
    Rest,
    /// Time passes before anything that comes is looked at.
    TimeFirst,
}

/// More commands than that in a row were too old: it is the link.
const SLOW_LINK: u32 = 10;

impl Interlock {
    /// A machine at rest, and nobody at the sticks.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            is_live: false,
            is_read: false,
            has_ended: false,
            arm: 1,
            beat: 0,
            seat: None,
            state: State::Stopped {
                why: StopReason::Free,
                since: Time::ZERO,
                resting: None,
            },
            asks: VecDeque::new(),
            #[cfg(test)]
            without: None,
        }
    }

    #[cfg(test)]
    fn holds(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    #[cfg(not(test))]
    fn holds(&self, _: Rule) -> bool {
        true
    }

    /// Lets time pass. Whatever the time did by then is done before anything else is looked at.
    pub fn pass(&mut self, now: Time) {
        if let Some(why) = self.obstacle(now) {
            if matches!(self.state, State::Armed) {
                self.stop(why, now);
            } else if let State::Stopped { resting, .. } = &mut self.state {
                *resting = None;
            }
        }
        if let Some((_, since)) = self.asks.front() {
            let moved = self.seat.as_ref().map_or(Time::ZERO, |seat| seat.moved);
            // Who has it has the time to see the question.
            let idle = now.saturating_sub(moved.max(*since));
            if idle >= ABANDONED || self.stopped_for(now) >= Some(ABANDONED) {
                self.hand_over(now);
            } else if now >= *since + ASKED {
                self.next_asks(now);
            }
        }
    }

    /// The first question is over, and the next one is shown from now on.
    fn next_asks(&mut self, now: Time) {
        self.asks.pop_front();
        if let Some((_, since)) = self.asks.front_mut() {
            *since = now;
        }
    }

    /// That connection does not ask any more.
    fn asks_not(&mut self, connection: Connection, now: Time) {
        let is_first = |(asks, _): &(Person, Time)| asks.connection == connection;
        if self.asks.front().is_some_and(is_first) {
            self.next_asks(now);
        } else {
            self.asks.retain(|asks| !is_first(asks));
        }
    }

    /// What the machine has to do.
    pub fn output(&self, now: Time) -> Output {
        match (self.state, &self.seat) {
            (State::Armed, Some(seat)) => {
                if let Some(why) = self.obstacle(now) {
                    return Output::Stop(why);
                }
                match (&seat.lease, self.until(seat)) {
                    (Some(lease), Some(until)) => Output::Drive {
                        seq: lease.seq,
                        n: seat.drawn.map_or(0, |(n, _)| n),
                        until,
                        position: lease.position.clone(),
                    },
                    _ => Output::Stop(StopReason::Command),
                }
            }
            (State::Stopped { why, .. }, _) => Output::Stop(why),
            (State::Armed, None) => Output::Stop(StopReason::Free),
        }
    }

    /// When the machine stops if nothing comes.
    pub fn deadline(&self) -> Option<Time> {
        match self.state {
            State::Armed => self.until(self.seat.as_ref()?),
            State::Stopped { .. } => None,
        }
    }

    fn until(&self, seat: &Seat) -> Option<Time> {
        let (_, captured) = seat.drawn?;
        let command = seat.lease.as_ref()?.until;
        Some(command.min(captured + self.limits.picture))
    }

    /// What keeps the machine from moving, but for the stick.
    fn obstacle(&self, now: Time) -> Option<StopReason> {
        let Some(seat) = &self.seat else {
            return Some(StopReason::Free);
        };
        if self.has_ended {
            Some(StopReason::Stopping)
        } else if !self.is_read {
            Some(StopReason::Sink)
        } else if !self.is_live {
            Some(StopReason::Camera)
        } else if seat.lease.as_ref().is_none_or(|lease| now >= lease.until) {
            let is_link = seat.late >= SLOW_LINK;
            Some(if is_link {
                StopReason::SlowLink
            } else {
                StopReason::Command
            })
        } else if seat
            .drawn
            .is_none_or(|(_, at)| now >= at + self.limits.picture)
        {
            Some(StopReason::Picture)
        } else {
            None
        }
    }

    fn stop(&mut self, why: StopReason, now: Time) {
        let since = match self.state {
            State::Stopped { since, .. } => since,
            State::Armed => now,
        };
        self.arm += 1;
        self.state = State::Stopped {
            why,
            since,
            resting: None,
        };
        if let Some(seat) = &mut self.seat {
            seat.lease = None;
        }
    }

    fn stopped_for(&self, now: Time) -> Option<Duration> {
        match self.state {
            State::Stopped { since, .. } => Some(now.saturating_sub(since)),
            State::Armed => None,
        }
    }

    /// The camera delivers, or does not any more.
    pub fn camera(&mut self, is_live: bool, now: Time) {
        self.pass(now);
        self.is_live = is_live;
        self.pass(now);
    }

    /// The sink takes commands, or does not any more.
    pub fn sink(&mut self, is_read: bool, now: Time) {
        self.pass(now);
        self.is_read = is_read;
        self.pass(now);
    }

    /// Stops for good.
    pub fn end(&mut self, now: Time) {
        self.pass(now);
        self.has_ended = true;
        self.stop(StopReason::Stopping, now);
    }

    /// A beat is about to be sent to the operator; returns its number. `None` for a connection that does not have the seat.
    pub fn send_beat(&mut self, connection: Connection, now: Time) -> Option<u64> {
        let seat = self
            .seat
            .as_mut()
            .filter(|seat| seat.person.connection == connection)?;
        self.beat += 1;
        remember(&mut seat.beats, now);
        Some(self.beat)
    }

    /// A frame, or word that it is unchanged, is sent to this connection.
    pub fn sent_frame(&mut self, connection: Connection, seq: u64, captured: Time, now: Time) {
        let counts_from = if self.holds(Rule::Capture) {
            captured
        } else {
            now
        };
        if let Some(seat) = &mut self.seat
            && seat.person.connection == connection
        {
            remember(&mut seat.frames, (seq, counts_from));
        }
    }

    /// Gives the seat to that person, if it is free, abandoned, or has to be given (`force`).
    ///
    /// # Errors
    /// Where another one has it.
    pub fn take(&mut self, person: Person, force: bool, now: Time) -> Result<(), NotGiven> {
        self.pass(now);
        if self.has_ended {
            return Err(NotGiven::Ended);
        }
        let is_free = self.seat.as_ref().is_none_or(|seat| {
            let is_reloaded =
                seat.person.name == person.name && self.stopped_for(now) >= Some(RELOADED);
            seat.person.connection == person.connection || is_reloaded
        });
        if self.holds_seat(person.connection) {
            return Ok(());
        }
        if !is_free && !force {
            return Err(NotGiven::Held);
        }
        self.give_to(Some(person), StopReason::Taken, now);
        Ok(())
    }

    /// Asks whoever has the seat for it, or takes it where that needs no asking.
    ///
    /// # Errors
    /// Where somebody asks already.
    pub fn ask(&mut self, person: Person, now: Time) -> Result<(), NotGiven> {
        match self.take(person.clone(), false, now) {
            Err(NotGiven::Held) => {}
            taken => return taken,
        }
        if let Some((asks, _)) = self.asks.iter().find(|(asks, _)| asks.name == person.name) {
            return if asks.connection == person.connection {
                Ok(())
            } else {
                Err(NotGiven::AskedAlready)
            };
        }
        if self.asks.len() >= MOST_ASKS {
            return Err(NotGiven::TooMany);
        }
        self.asks.push_back((person, now));
        self.pass(now);
        Ok(())
    }

    /// What the holder says to whoever asks. Returns whether that changes anything.
    pub fn answer(&mut self, connection: Connection, gives: bool, now: Time) -> bool {
        self.pass(now);
        if !self.holds_seat(connection) || self.asks.is_empty() {
            return false;
        }
        if gives {
            self.hand_over(now);
        } else {
            self.next_asks(now);
        }
        true
    }

    /// That connection wants the seat no more, and does not ask for it. Returns whether that changes anything.
    pub fn leave(&mut self, connection: Connection, now: Time) -> bool {
        self.pass(now);
        let asked = self.asks.len();
        self.asks_not(connection, now);
        if !self.holds_seat(connection) {
            return self.asks.len() < asked;
        }
        match self.asks.is_empty() {
            true => self.give_to(None, StopReason::Left, now),
            false => self.hand_over(now),
        }
        true
    }

    /// Gives the seat to whoever asked first.
    fn hand_over(&mut self, now: Time) {
        if let Some((person, _)) = self.asks.front().cloned() {
            self.give_to(Some(person), StopReason::Taken, now);
        }
    }

    /// Each change of the seat stops the machine first.
    fn give_to(&mut self, person: Option<Person>, why: StopReason, now: Time) {
        self.stop(why, now);
        self.state = State::Stopped {
            why,
            since: now,
            resting: None,
        };
        if let Some(person) = &person {
            self.asks_not(person.connection, now);
        }
        self.seat = person.map(|person| Seat {
            person,
            moved: now,
            beats: VecDeque::new(),
            frames: VecDeque::new(),
            seq: None,
            drawn: None,
            lease: None,
            age: None,
            late: 0,
            refused: 0,
            counted: (now, 0),
        });
    }

    fn holds_seat(&self, connection: Connection) -> bool {
        self.seat
            .as_ref()
            .is_some_and(|seat| seat.person.connection == connection)
    }

    /// The operator says stop. Never too old, and wins over everything.
    ///
    /// # Errors
    /// Where another one is the operator.
    pub fn stop_asked(
        &mut self,
        connection: Connection,
        seq: u64,
        why: StopReason,
        now: Time,
    ) -> Result<(), Refused> {
        self.pass(now);
        if !self.holds_seat(connection) {
            return Err(Refused::NotSeated);
        }
        if let Some(seat) = &mut self.seat {
            seat.seq = seat.seq.max(Some(seq));
        }
        self.stop(why, now);
        Ok(())
    }

    /// A command came. It is carried out if the machine is armed; at rest, and often enough, it arms it.
    ///
    /// # Errors
    /// Where it is refused. That is counted.
    pub fn operate(
        &mut self,
        connection: Connection,
        command: Command,
        now: Time,
    ) -> Result<(), Refused> {
        if self.holds(Rule::TimeFirst) {
            self.pass(now);
        }
        if self.holds(Rule::Seat) && !self.holds_seat(connection) {
            return Err(Refused::NotSeated);
        }
        let taken = self.examine(command, now);
        if taken.is_err()
            && let Some(seat) = &mut self.seat
        {
            seat.refused += 1;
        }
        self.pass(now);
        taken
    }

    fn examine(&mut self, command: Command, now: Time) -> Result<(), Refused> {
        let (echo, sequence) = (self.holds(Rule::Echo), self.holds(Rule::Sequence));
        let (arm, rest) = (self.holds(Rule::Arm), self.holds(Rule::Rest));
        let Some(seat) = &mut self.seat else {
            return Err(Refused::NotSeated);
        };
        if now >= seat.counted.0 + Duration::from_secs(1) {
            seat.counted = (now, 0);
        }
        seat.counted.1 += 1;
        if seat.counted.1 > MOST_COMMANDS {
            return Err(Refused::TooMany);
        }
        if sequence && seat.seq.is_some_and(|seq| command.seq <= seq) {
            return Err(Refused::Replayed);
        }
        seat.seq = seat.seq.max(Some(command.seq));
        let back = self
            .beat
            .checked_sub(command.beat)
            .ok_or(Refused::UnknownBeat)?;
        let sent = usize::try_from(back)
            .ok()
            .and_then(|back| seat.beats.len().checked_sub(back + 1))
            .and_then(|place| seat.beats.get(place).copied());
        let sent = sent.ok_or(Refused::UnknownBeat)?;
        let sent = if echo { sent } else { now };
        if let Some(n) = command.n
            && seat.drawn.is_none_or(|(drawn, _)| n != drawn)
        {
            let is_older = seat.drawn.is_some_and(|(drawn, _)| n < drawn);
            let frame = seat.frames.iter().find(|(seq, _)| *seq == n);
            seat.drawn = Some(*frame.filter(|_| !is_older).ok_or(Refused::UnknownFrame)?);
        }
        let until = sent + self.limits.command;
        seat.age = Some(now.saturating_sub(sent));
        if now >= until {
            seat.late = seat.late.saturating_add(1);
            return Err(Refused::TooOld);
        }
        seat.late = 0;
        if arm && command.arm != self.arm {
            // A sign of life of somebody who does not know of the stop yet.
            return Ok(());
        }
        let is_rest = command.position.is_rest;
        if !is_rest {
            seat.moved = now;
        }
        seat.lease = Some(Lease {
            seq: command.seq,
            until,
            position: command.position,
        });
        let obstacle = self.obstacle(now);
        if let State::Stopped { resting, .. } = &mut self.state {
            if obstacle.is_some() || (rest && !is_rest) {
                *resting = None;
            } else if now >= *resting.get_or_insert(now) + REST {
                self.state = State::Armed;
            }
        }
        Ok(())
    }

    /// Everything that there is to tell.
    pub fn report(&self, now: Time) -> Report<'_> {
        let seat = self.seat.as_ref();
        let obstacle = self.obstacle(now);
        let (why, waits, resting) = match self.state {
            State::Armed => (None, None, None),
            State::Stopped { why, resting, .. } => (
                Some(why),
                Some(obstacle.unwrap_or(StopReason::Rest)),
                resting,
            ),
        };
        let slack = |age: Duration| {
            let ms = |duration: Duration| duration.as_millis().min(1 << 40) as i64;
            ms(self.limits.command) - ms(age) - ms(BEAT)
        };
        Report {
            operator: seat.map(|seat| &seat.person),
            asks: self.asks.front().map(|(person, _)| person),
            is_armed: why.is_none(),
            why: why.unwrap_or_default(),
            waits,
            arm: self.arm,
            seen: seat.and_then(|seat| seat.seq),
            rest: resting.map(|since| (since + REST).saturating_sub(now)),
            age: seat.and_then(|seat| seat.age),
            picture: seat.and_then(|seat| Some(now.saturating_sub(seat.drawn?.1))),
            slack_ms: seat.and_then(|seat| seat.age).map(slack),
            refused: seat.map_or(0, |seat| seat.refused),
        }
    }
}

/// What [`Interlock::report`] tells.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// Who has the seat.
    pub operator: Option<&'a Person>,
    /// Who asks for it.
    pub asks: Option<&'a Person>,
    /// Whether commands are carried out.
    pub is_armed: bool,
    /// Why the machine stopped last.
    pub why: StopReason,
    /// What keeps it from starting now.
    pub waits: Option<StopReason>,
    /// Counts stops and changes of the seat.
    pub arm: u64,
    /// The highest number of a command.
    pub seen: Option<u64>,
    /// For how long the stick still has to be at rest, where it is.
    pub rest: Option<Duration>,
    /// At most so old was the newest command when it arrived.
    pub age: Option<Duration>,
    /// So old is the picture that the operator sees.
    pub picture: Option<Duration>,
    /// By how much commands arrive sooner than necessary, with the longest wait for a beat taken off.
    pub slack_ms: Option<i64>,
    /// Commands of the operator that were refused.
    pub refused: u64,
}

fn remember<T>(last: &mut VecDeque<T>, newest: T) {
    if last.len() == REMEMBERED {
        last.pop_front();
    }
    last.push_back(newest);
}

#[cfg(test)]
mod tests;

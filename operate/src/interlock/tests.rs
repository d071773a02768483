//! Each rule alone, and all of them together in random worlds: links that stall, pages and servers that freeze, replayed and
//! forged commands. What may never be is checked by what truly happened, which the interlock does not see.

use super::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

const MS: Duration = Duration::from_millis(1);

fn ms(count: u64) -> Time {
    MS * u32::try_from(count).unwrap()
}

fn person(connection: Connection) -> Person {
    Person {
        connection,
        name: format!("person {connection}"),
    }
}

fn position(value: f64) -> Position {
    Position {
        axes: vec![value],
        buttons: Vec::new(),
        is_rest: value == 0.0,
    }
}

/// A machine with a camera and a sink, and the first person in the seat.
fn seated() -> Interlock {
    let mut interlock = Interlock::new(Limits::default());
    interlock.camera(true, ms(0));
    interlock.sink(true, ms(0));
    interlock.take(person(1), false, ms(0)).unwrap();
    interlock
}

struct Operator {
    seq: u64,
    connection: Connection,
}

impl Operator {
    /// Says where the stick is, with the newest of everything.
    fn says(&mut self, interlock: &mut Interlock, value: f64, now: Time) -> Result<(), Refused> {
        let beat = interlock.send_beat(self.connection, now).unwrap_or(0);
        self.seq += 1;
        interlock.sent_frame(self.connection, self.seq, now, now);
        let command = Command {
            seq: self.seq,
            arm: interlock.arm,
            beat,
            n: Some(self.seq),
            position: position(value),
        };
        interlock.operate(self.connection, command, now)
    }

    /// Holds the stick there from `from` to `to`, in ms.
    fn holds(&mut self, interlock: &mut Interlock, value: f64, from: u64, to: u64) {
        for now in (from..=to).step_by(10) {
            self.says(interlock, value, ms(now)).unwrap();
        }
    }
}

/// The first person, driving at 1 s.
fn driving() -> (Interlock, Operator) {
    let (mut interlock, mut operator) = (
        seated(),
        Operator {
            seq: 0,
            connection: 1,
        },
    );
    operator.holds(&mut interlock, 0.0, 800, 950);
    operator.holds(&mut interlock, 0.5, 960, 1000);
    assert!(is_driving(&interlock, ms(1000)));
    (interlock, operator)
}

fn is_driving(interlock: &Interlock, now: Time) -> bool {
    matches!(interlock.output(now), Output::Drive { .. })
}

#[test]
fn the_machine_starts_once_the_stick_was_at_rest_and_stops_when_the_command_is_too_old() {
    let mut interlock = seated();
    let mut operator = Operator {
        seq: 0,
        connection: 1,
    };
    operator.holds(&mut interlock, 0.5, 0, 500);
    assert!(!is_driving(&interlock, ms(500)));
    assert_eq!(interlock.report(ms(500)).waits, Some(StopReason::Rest));
    operator.holds(&mut interlock, 0.0, 510, 650);
    assert!(!is_driving(&interlock, ms(650)));
    operator.says(&mut interlock, 0.0, ms(660)).unwrap();
    assert!(is_driving(&interlock, ms(660)));
    operator.says(&mut interlock, 0.5, ms(670)).unwrap();
    assert_eq!(interlock.deadline(), Some(ms(920)));
    assert!(is_driving(&interlock, ms(919)));
    let stop = Output::Stop(StopReason::Command);
    assert_eq!(interlock.output(ms(920)), stop);
    interlock.pass(ms(920));
    assert_eq!(interlock.output(ms(920)), stop);
    operator.says(&mut interlock, 0.5, ms(930)).unwrap();
    assert_eq!(interlock.output(ms(930)), stop);
}

#[test]
fn each_thing_that_goes_stops_the_machine_and_says_so() {
    type Event = fn(&mut Interlock, Time);
    let events: [(StopReason, Event); 7] = [
        (StopReason::Camera, |it, now| it.camera(false, now)),
        (StopReason::Sink, |it, now| it.sink(false, now)),
        (StopReason::Stopping, Interlock::end),
        (StopReason::Left, |it, now| {
            it.leave(1, now);
        }),
        (StopReason::Taken, |it, now| {
            it.take(person(2), true, now).unwrap()
        }),
        (StopReason::Hidden, |it, now| {
            it.stop_asked(1, 0, StopReason::Hidden, now).unwrap();
        }),
        (StopReason::Command, |it, now| it.pass(now + ms(300))),
    ];
    for (why, happen) in events {
        let (mut interlock, _) = driving();
        let arm = interlock.arm;
        happen(&mut interlock, ms(1001));
        assert_eq!(interlock.output(ms(1301)), Output::Stop(why));
        assert!(interlock.arm > arm, "{why:?}");
    }
}

#[test]
fn an_old_picture_stops_the_machine_however_new_the_command_is() {
    let (mut interlock, operator) = driving();
    for (now, drives) in [(1100, true), (1200, true), (1399, true), (1400, false)] {
        let command = Command {
            seq: operator.seq + now,
            arm: interlock.arm,
            beat: interlock.send_beat(1, ms(now)).unwrap(),
            n: Some(operator.seq),
            position: position(0.5),
        };
        interlock.operate(1, command, ms(now)).unwrap();
        assert_eq!(is_driving(&interlock, ms(now)), drives, "at {now} ms");
    }
    let stop = Output::Stop(StopReason::Picture);
    assert_eq!(interlock.output(ms(1400)), stop);
}

#[test]
fn the_seat_is_asked_for_given_kept_taken_back_and_forced() {
    let (mut interlock, _) = driving();
    assert_eq!(
        interlock.take(person(2), false, ms(1000)),
        Err(NotGiven::Held)
    );
    interlock.ask(person(2), ms(1000)).unwrap();
    let again = Person {
        connection: 9,
        name: person(2).name,
    };
    assert_eq!(interlock.ask(again, ms(1000)), Err(NotGiven::AskedAlready));
    interlock.answer(1, false, ms(1001));
    assert!(interlock.holds_seat(1));
    interlock.ask(person(2), ms(1002)).unwrap();
    // Whoever does not have it has nothing to say.
    interlock.answer(3, true, ms(1003));
    interlock.answer(1, true, ms(1003));
    assert!(interlock.holds_seat(2));
    // Stopped for ten seconds, it goes to whoever asks.
    interlock.ask(person(3), ms(5000)).unwrap();
    assert!(interlock.holds_seat(2));
    interlock.pass(ms(11_003));
    assert!(interlock.holds_seat(3));
    interlock.take(person(1), true, ms(11_004)).unwrap();
    assert!(interlock.holds_seat(1));
    interlock.ask(person(2), ms(11_005)).unwrap();
    interlock.leave(1, ms(11_006));
    assert!(interlock.holds_seat(2));
    interlock.leave(2, ms(11_007));
    assert!(interlock.seat.is_none());
}

#[test]
fn a_page_that_is_loaded_anew_has_its_seat_back_once_the_machine_stood_for_two_seconds() {
    let mut interlock = seated();
    let again = Person {
        connection: 9,
        name: person(1).name,
    };
    assert_eq!(
        interlock.take(again.clone(), false, ms(1999)),
        Err(NotGiven::Held)
    );
    interlock.take(again, false, ms(2000)).unwrap();
    assert!(interlock.holds_seat(9));
}

#[test]
fn a_question_that_nobody_answers_is_withdrawn() {
    let (mut interlock, mut operator) = driving();
    interlock.ask(person(2), ms(1000)).unwrap();
    operator.holds(&mut interlock, 0.5, 1000, 20_990);
    assert!(!interlock.asks.is_empty());
    operator.holds(&mut interlock, 0.5, 21_000, 21_000);
    assert!(interlock.asks.is_empty() && interlock.holds_seat(1));
}

#[test]
fn a_seat_whose_operator_only_sits_there_goes_to_whoever_asks() {
    let (mut interlock, mut operator) = driving();
    operator.holds(&mut interlock, 0.5, 1000, 2000);
    // At rest, and armed: the page says so sixty times a second.
    operator.holds(&mut interlock, 0.0, 2010, 30_000);
    assert!(matches!(interlock.state, State::Armed));
    interlock.ask(person(2), ms(30_000)).unwrap();
    operator.holds(&mut interlock, 0.0, 30_010, 39_990);
    assert!(interlock.holds_seat(1), "no time to see the question");
    interlock.pass(ms(40_000));
    assert!(interlock.holds_seat(2));
}

#[test]
fn nobody_who_asks_again_and_again_keeps_others_from_asking() {
    let (mut interlock, mut operator) = driving();
    let first = |interlock: &Interlock| interlock.asks.front().map(|(asks, _)| asks.connection);
    interlock.ask(person(2), ms(1000)).unwrap();
    interlock.ask(person(3), ms(1000)).unwrap();
    assert_eq!(first(&interlock), Some(2));
    interlock.answer(1, false, ms(1001));
    interlock.ask(person(2), ms(1001)).unwrap();
    assert_eq!(first(&interlock), Some(3));
    // The next one has as long as the first.
    operator.holds(&mut interlock, 0.5, 1010, 20_990);
    assert_eq!(first(&interlock), Some(3));
    operator.holds(&mut interlock, 0.5, 21_010, 21_010);
    assert_eq!(first(&interlock), Some(2));
    interlock.ask(person(3), ms(21_010)).unwrap();
    interlock.leave(2, ms(21_011));
    assert_eq!(first(&interlock), Some(3));
    for connection in 4..4 + MOST_ASKS as u64 - 1 {
        interlock.ask(person(connection), ms(21_012)).unwrap();
    }
    let more = interlock.ask(person(99), ms(21_012));
    assert_eq!(more, Err(NotGiven::TooMany));
    interlock.leave(1, ms(21_013));
    assert!(interlock.holds_seat(3));
}

#[test]
fn floods_and_forgeries_are_refused_and_counted() {
    let (mut interlock, mut operator) = driving();
    let forged = |interlock: &Interlock, seq, beat, n| Command {
        seq,
        arm: interlock.arm,
        beat,
        n: Some(n),
        position: position(1.0),
    };
    let (seq, beat) = (operator.seq, interlock.beat);
    for (command, refused) in [
        (forged(&interlock, seq, beat, seq), Refused::Replayed),
        (
            forged(&interlock, seq + 1, beat + 1, seq),
            Refused::UnknownBeat,
        ),
        (forged(&interlock, seq + 2, 0, seq), Refused::UnknownBeat),
        (
            forged(&interlock, seq + 3, beat, seq + 1),
            Refused::UnknownFrame,
        ),
        (
            forged(&interlock, seq + 4, beat, seq - 1),
            Refused::UnknownFrame,
        ),
    ] {
        assert_eq!(interlock.operate(1, command, ms(1001)), Err(refused));
    }
    assert_eq!(
        interlock.operate(2, forged(&interlock, 900, beat, seq), ms(1001)),
        Err(Refused::NotSeated)
    );
    assert_eq!(interlock.report(ms(1001)).refused, 5);
    operator.seq += 100;
    let taken = (0..500).filter(|_| operator.says(&mut interlock, 0.1, ms(1002)).is_ok());
    assert!(taken.count() <= MOST_COMMANDS as usize);
}

// ---- Random worlds.

/// What happens at a time. The number keeps the order of what happens at the same one.
#[derive(Debug)]
enum Event {
    /// The server tells the operator.
    Tell,
    /// A frame that was captured then leaves the server.
    Frame {
        captured: Time,
    },
    /// A client learns of a beat, or draws a frame.
    Told {
        client: usize,
        beat: u64,
        arm: u64,
        seen: Option<u64>,
    },
    Drawn {
        client: usize,
        n: u64,
    },
    /// A client says where its stick is.
    Tick {
        client: usize,
    },
    Heard {
        client: usize,
        message: Message,
    },
    Camera(bool),
    Sink(bool),
    Seat {
        client: usize,
        force: bool,
    },
    Leave {
        client: usize,
    },
    /// The thread looks whether time is up.
    Watch,
    Freeze(Duration),
}

#[derive(Clone, Debug)]
enum Message {
    Operate(Command),
    Stop(u64),
}

/// One direction of a connection.
#[derive(Debug, Default)]
struct Link {
    delay: Duration,
    jitter: Duration,
    stalled_until: Time,
    last: Time,
}

impl Link {
    fn arrives(&mut self, random: &mut fastrand::Rng, now: Time) -> Time {
        let jitter = self.jitter.mul_f64(random.f64());
        let at = (now + self.delay + jitter).max(self.stalled_until);
        self.last = self.last.max(at);
        self.last
    }
}

#[derive(Debug, Default)]
struct Client {
    down: Link,
    up: Link,
    frozen_until: Time,
    beat: u64,
    arm: u64,
    seen: u64,
    n: u64,
    seq: u64,
    /// Where its stick is, and until when.
    value: f64,
    until: Time,
    keeps_credit: bool,
    sent: Vec<Message>,
}

/// What is known of a command of which the interlock sees no more than its numbers.
#[derive(Clone, Copy, Debug)]
struct Made {
    at: Time,
    is_rest: bool,
}

struct World {
    random: fastrand::Rng,
    interlock: Interlock,
    limits: Limits,
    clients: Vec<Client>,
    queue: BinaryHeap<Reverse<(Time, u64)>>,
    events: BTreeMap<u64, Event>,
    next: u64,
    /// Nothing happens in the server before.
    frozen_until: Time,
    // The truth.
    made: BTreeMap<(usize, u64), Made>,
    captured: BTreeMap<u64, Time>,
    holder: Option<usize>,
    driving: Option<(u64, Time)>,
    stopped_at: Time,
    starts: u64,
    stops: u64,
}

impl World {
    fn new(seed: u64, without: Option<Rule>) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = Limits {
            command: ms(random.u64(120..600)),
            picture: ms(random.u64(200..800)),
        };
        let mut interlock = Interlock::new(limits);
        interlock.without = without;
        let mut clients = Vec::new();
        for _ in 0..3 {
            let slow = random.u8(0..10) == 0;
            let mut link = || Link {
                delay: ms(random.u64(1..if slow { 300 } else { 60 })),
                jitter: ms(random.u64(0..30)),
                ..Link::default()
            };
            let (down, up) = (link(), link());
            clients.push(Client {
                down,
                up,
                keeps_credit: random.bool(),
                ..Client::default()
            });
        }
        // The last one only watches, and commands all the same, with numbers that are high enough.
        clients[2].seq = 1_000_000;
        let mut world = Self {
            random,
            interlock,
            limits,
            clients,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            frozen_until: Time::ZERO,
            made: BTreeMap::new(),
            captured: BTreeMap::new(),
            holder: None,
            driving: None,
            stopped_at: Time::ZERO,
            starts: 0,
            stops: 0,
        };
        world.plan();
        world
    }

    fn at(&mut self, time: Time, event: Event) {
        self.queue.push(Reverse((time, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    fn plan(&mut self) {
        let end = 2000 + self.random.u64(0..2000);
        self.at(ms(0), Event::Camera(true));
        self.at(ms(0), Event::Sink(true));
        self.at(
            ms(1),
            Event::Seat {
                client: 0,
                force: false,
            },
        );
        for now in (5..end).step_by(50) {
            self.at(ms(now), Event::Tell);
        }
        let interval = self.random.usize(20..90);
        for now in (0..end).step_by(interval) {
            let late = self.random.u64(0..80);
            self.at(ms(now + late), Event::Frame { captured: ms(now) });
        }
        for client in 0..3 {
            let interval = self.random.usize(16..50);
            for now in (client as u64..end).step_by(interval) {
                self.at(ms(now), Event::Tick { client });
            }
        }
        for now in (0..end).step_by(10) {
            self.at(ms(now), Event::Watch);
        }
        for _ in 0..self.random.usize(0..6) {
            let now = ms(self.random.u64(0..end));
            let long = ms(self.random.u64(20..1500));
            let client = self.random.usize(0..2);
            match self.random.u8(0..8) {
                0 => {
                    self.at(now, Event::Camera(false));
                    self.at(now + long / 8, Event::Camera(true));
                }
                1 => {
                    self.at(now, Event::Sink(false));
                    self.at(now + long / 8, Event::Sink(true));
                }
                2 => self.at(
                    now,
                    Event::Seat {
                        client,
                        force: true,
                    },
                ),
                3 => self.at(now, Event::Leave { client }),
                4 => self.at(now, Event::Freeze(long)),
                5 => self.clients[client].up.stalled_until = now + long,
                6 => self.clients[client].down.stalled_until = now + long,
                _ => self.clients[client].frozen_until = now + long,
            }
        }
    }

    /// Runs it to its end.
    fn run(mut self) -> Result<(u64, u64), String> {
        while let Some(Reverse((time, number))) = self.queue.pop() {
            let Some(event) = self.events.remove(&number) else {
                continue;
            };
            let is_clients = matches!(
                event,
                Event::Tick { .. } | Event::Told { .. } | Event::Drawn { .. }
            );
            if is_clients {
                self.client(event, time);
                continue;
            }
            if time < self.frozen_until {
                let until = self.frozen_until;
                self.at(until, event);
                continue;
            }
            self.server(event, time);
            self.check(time)?;
        }
        Ok((self.starts, self.stops))
    }

    fn client(&mut self, event: Event, now: Time) {
        let random = &mut self.random;
        match event {
            Event::Told {
                client,
                beat,
                arm,
                seen,
            } => {
                let client = &mut self.clients[client];
                (client.beat, client.arm) = (beat, arm);
                client.seen = seen.unwrap_or(client.seen);
            }
            Event::Drawn { client, n } => self.clients[client].n = n,
            Event::Tick { client: id } => {
                let client = &mut self.clients[id];
                if now < client.frozen_until {
                    return;
                }
                if now >= client.until {
                    let drives = client.value == 0.0 && random.u8(0..4) > 0;
                    client.value = if drives { random.f64() } else { 0.0 };
                    client.until = now + ms(random.u64(100..600));
                }
                let is_waiting = client.keeps_credit && client.seq > client.seen + 8 && id < 2;
                let message = match random.u8(0..120) {
                    0 => {
                        client.seq += 1;
                        client.value = 0.0;
                        Message::Stop(client.seq)
                    }
                    // Somebody plays old messages back.
                    1..4 if !client.sent.is_empty() => {
                        let old = random.usize(0..client.sent.len());
                        client.sent[old].clone()
                    }
                    _ if is_waiting => return,
                    lie => {
                        client.seq += 1;
                        let made = Made {
                            at: now,
                            is_rest: client.value == 0.0,
                        };
                        self.made.insert((id, client.seq), made);
                        Message::Operate(Command {
                            seq: client.seq,
                            arm: client.arm,
                            beat: client.beat,
                            n: Some(match lie {
                                4 => client.n.saturating_sub(3),
                                5 => client.n + 3,
                                _ => client.n,
                            }),
                            position: position(client.value),
                        })
                    }
                };
                client.sent.push(message.clone());
                let at = client.up.arrives(random, now);
                self.at(
                    at,
                    Event::Heard {
                        client: id,
                        message,
                    },
                );
            }
            _ => {}
        }
    }

    fn server(&mut self, event: Event, now: Time) {
        let connection = |client: usize| client as Connection;
        match event {
            Event::Tell => {
                let report = self.interlock.report(now);
                let (arm, seen) = (report.arm, report.seen);
                if let Some(holder) = self.holder
                    && let Some(beat) = self.interlock.send_beat(connection(holder), now)
                {
                    let at = self.clients[holder].down.arrives(&mut self.random, now);
                    let told = |client| Event::Told {
                        client,
                        beat,
                        arm,
                        seen,
                    };
                    self.at(at, told(holder));
                    // Who only watches knows all that there is to know.
                    self.at(at, told(2));
                }
            }
            Event::Frame { captured } => {
                let n = captured.as_millis() as u64 + 1;
                self.captured.insert(n, captured);
                for client in 0..3 {
                    self.interlock
                        .sent_frame(connection(client), n, captured, now);
                    let at = self.clients[client].down.arrives(&mut self.random, now);
                    self.at(at, Event::Drawn { client, n });
                }
            }
            Event::Heard { client, message } => {
                let heard = match message {
                    Message::Operate(command) => {
                        self.interlock.operate(connection(client), command, now)
                    }
                    Message::Stop(seq) => {
                        let why = StopReason::Asked;
                        if self.holder == Some(client) {
                            self.stopped_at = now;
                        }
                        self.interlock.stop_asked(connection(client), seq, why, now)
                    }
                };
                // What is refused is the world's business, and not the test's.
                let _ = heard;
            }
            Event::Camera(is_live) => self.interlock.camera(is_live, now),
            Event::Sink(is_read) => self.interlock.sink(is_read, now),
            Event::Seat { client, force } => {
                let person = person(connection(client));
                if self.interlock.take(person, force, now).is_ok() && self.holder != Some(client) {
                    self.holder = Some(client);
                    self.driving = None;
                    self.stopped_at = now;
                }
            }
            Event::Leave { client } => {
                self.interlock.leave(connection(client), now);
                if self.holder == Some(client) {
                    self.holder = None;
                    self.driving = None;
                    self.stopped_at = now;
                    let again = Event::Seat {
                        client,
                        force: false,
                    };
                    self.at(now + ms(50), again);
                }
            }
            Event::Freeze(long) => self.frozen_until = now + long,
            _ => self.interlock.pass(now),
        }
    }

    /// What the machine is told now may only be what has to be.
    fn check(&mut self, now: Time) -> Result<(), String> {
        // It stops by itself at the end of what it was told last.
        if let Some((_, until)) = self.driving
            && now >= until
        {
            self.driving = None;
            self.stopped_at = until;
        }
        let Output::Drive {
            seq,
            n,
            until,
            position,
        } = self.interlock.output(now)
        else {
            if self.driving.take().is_some() {
                self.stops += 1;
                self.stopped_at = now;
            }
            return Ok(());
        };
        let holder = self.holder.ok_or("it moves without an operator")?;
        let made = self.made.get(&(holder, seq));
        let made = made.ok_or("a command of another one is carried out")?;
        let captured = self.captured.get(&n).ok_or("no such frame was sent")?;
        let fails = if now >= made.at + self.limits.command {
            "the command is older than its limit"
        } else if until > made.at + self.limits.command {
            "the command would be carried out for longer than its limit"
        } else if until > *captured + self.limits.picture || now >= until {
            "the picture is older than its limit"
        } else if made.is_rest != position.is_rest {
            "that was not the command"
        } else {
            ""
        };
        if !fails.is_empty() {
            return Err(format!("{fails} at {now:?}: {seq}, {n}, {made:?}"));
        }
        match self.driving {
            Some((before, _)) if seq < before => return Err("an older command came again".into()),
            Some(_) => {}
            None if !made.is_rest => return Err("it started without rest".into()),
            None if made.at < self.stopped_at => {
                return Err("it started by a command from before the stop".into());
            }
            None => self.starts += 1,
        }
        self.driving = Some((seq, until));
        Ok(())
    }
}

/// Seconds that the test of random worlds takes where nothing else is said, and the variable that says how many worlds.
const WORLDS: &str = "PISTREAMER_OPERATE_WORLDS";

#[test]
fn no_random_world_makes_the_machine_do_what_it_must_not() {
    let worlds = std::env::var(WORLDS).ok();
    let worlds: u64 = worlds.map_or(8_000, |worlds| worlds.parse().unwrap());
    let (mut starts, mut stops) = (0, 0);
    for seed in 0..worlds {
        let done = World::new(seed, None).run();
        let (started, stopped) = done.unwrap_or_else(|error| panic!("world {seed}: {error}"));
        starts += started;
        stops += stopped;
    }
    println!("{worlds} worlds: {starts} starts, {stops} stops");
    // Worlds in which nothing moves would show nothing.
    assert!(
        starts > worlds / 4 && stops > worlds / 8,
        "{starts} starts, {stops} stops"
    );
}

#[test]
fn each_rule_that_is_taken_out_is_missed() {
    for rule in [
        Rule::Echo,
        Rule::Arm,
        Rule::Sequence,
        Rule::Seat,
        Rule::Capture,
        Rule::Rest,
        Rule::TimeFirst,
    ] {
        let caught = (0..40_000).find_map(|seed| World::new(seed, Some(rule)).run().err());
        println!("{rule:?}: {caught:?}");
        assert!(caught.is_some(), "nothing needs {rule:?}");
    }
}

//! Driving while things go wrong: a vehicle with a wall ahead, an operator behind a link that stalls, and everything that can
//! hang or end. Judged by the vehicle's own clock: no command is carried out that is older than its limit, and what was
//! driving when the fault began ends within the limits.
//!
//! `PISTREAMER_FAULTS` says how many faults; docs/driving.md has the table that is printed.

use crate::operated::{Operator, Vehicle};
use crate::process::pistreamer;
use crate::support::{PATIENCE, Running, TestServer, TestViewer, chance};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::message::{
    Motion, Operate, Operating, SeatRequest, ServerMessage, StopReason, ViewerMessage,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

/// How a link treats what passes it.
#[derive(Clone, Copy, Debug, Default)]
struct Weather {
    delay: Duration,
    stalls_up: bool,
    stalls_down: bool,
    is_cut: bool,
}

/// A link to a server, with weather.
struct Link {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
}

impl Link {
    async fn to(server: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = watch::Sender::new(Weather {
            delay,
            ..Weather::default()
        });
        let news = weather.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(server).await else {
                    continue;
                };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (up, down) = (news.clone(), news.clone());
                tokio::spawn(pass(from_client, to_server, up, |now| now.stalls_up));
                tokio::spawn(pass(from_server, to_client, down, |now| now.stalls_down));
            }
        });
        Self { address, weather }
    }

    fn set(&self, change: impl FnOnce(&mut Weather)) {
        self.weather.send_modify(change);
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin + Send + 'static,
    mut to: impl AsyncWriteExt + Unpin + Send + 'static,
    mut weather: watch::Receiver<Weather>,
    stalls: fn(&Weather) -> bool,
) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(64);
    let mut cut = weather.clone();
    let delays = weather.clone();
    let reads = async move {
        let mut bytes = vec![0; 16 << 10];
        while let Ok(count) = from.read(&mut bytes).await {
            let at = Instant::now() + delays.borrow().delay;
            if count == 0 || sender.send((at, bytes[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let writes = async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if weather.wait_for(|now| !stalls(now)).await.is_err()
                || to.write_all(&bytes).await.is_err()
            {
                break;
            }
        }
    };
    tokio::select! {
        _ = async { tokio::join!(reads, writes) } => {}
        _ = cut.wait_for(|now| now.is_cut) => {}
    }
}

/// The clock by which the vehicle judges.
fn now_us() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// A command as it was truly made.
#[derive(Clone, Copy, Debug)]
struct Made {
    at_us: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    LinkStalls,
    CommandsStall,
    PicturesStall,
    ConnectionIsCut,
    PageFreezes,
    PageIsHidden,
    VehicleHangs,
    ServerHangs,
    AnotherTakesTheSeat,
}

const FAULTS: [Fault; 9] = [
    Fault::LinkStalls,
    Fault::CommandsStall,
    Fault::PicturesStall,
    Fault::ConnectionIsCut,
    Fault::PageFreezes,
    Fault::PageIsHidden,
    Fault::VehicleHangs,
    Fault::ServerHangs,
    Fault::AnotherTakesTheSeat,
];

const COMMAND_US: u64 = 250_000;
const PICTURE_US: u64 = 400_000;

/// A page that drives: it draws what comes, and says where its stick is with each tick.
struct Page {
    viewer: TestViewer,
    told: Operating,
    n: Option<u64>,
    seq: u64,
    made: BTreeMap<u64, Made>,
    /// When each frame was captured, by the vehicle's clock.
    captured: BTreeMap<u64, u64>,
}

/// Commands are told apart by their throttle: half, and a millionth for each.
fn throttle_of(seq: u64) -> f64 {
    0.5 + seq as f64 / 1e6
}

impl Page {
    async fn open(address: SocketAddr) -> Self {
        let viewer = TestViewer::connect_with(address, "/ws?wire=jpeg", &[]);
        Self {
            viewer: viewer.await.unwrap(),
            told: Operating::default(),
            n: None,
            seq: 0,
            made: BTreeMap::new(),
            captured: BTreeMap::new(),
        }
    }

    async fn hear(&mut self, message: Option<Message>) -> bool {
        match message {
            Some(Message::Text(text)) => {
                if let Ok(ServerMessage::Operating(told)) = ServerMessage::from_json(&text) {
                    self.told = *told;
                }
            }
            Some(Message::Binary(jpeg)) => {
                let stamp = Stamp::read(&jpeg).unwrap();
                let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                let age_us = wall.unwrap().as_micros() as u64 - stamp.captured_us;
                self.captured.insert(stamp.seq, now_us() - age_us);
                self.n = self.told.beat.map(|_| stamp.seq);
                let ack = ViewerMessage::Ack { seq: stamp.seq }.to_json();
                return self.say(ack).await;
            }
            Some(_) => {}
            None => return false,
        }
        true
    }

    async fn say(&mut self, text: String) -> bool {
        use futures::SinkExt;
        self.viewer.socket.send(Message::text(text)).await.is_ok()
    }

    /// Says where the stick is. Returns false once the connection is gone.
    async fn tick(&mut self, throttle: bool) -> bool {
        if self.told.beat.is_none() || self.seq >= self.told.seen.unwrap_or(0) + 8 {
            return true;
        }
        self.seq += 1;
        let value = if throttle { throttle_of(self.seq) } else { 0.0 };
        self.made.insert(self.seq, Made { at_us: now_us() });
        let command = Operate {
            seq: self.seq,
            arm: self.told.arm,
            beat: self.told.beat,
            n: self.n,
            axes: BTreeMap::from([("throttle".into(), value)]),
            ..Operate::default()
        };
        self.say(ViewerMessage::Operate(command).to_json()).await
    }

    /// A server that has only just started opens the way to the machine meanwhile.
    async fn sees_machine(&mut self) {
        let known = |told: &Operating| !told.axes.is_empty();
        assert!(self.run(false, true, PATIENCE, known).await);
    }

    /// Goes on for that long, or until it is so. Returns whether it is.
    async fn run(
        &mut self,
        throttle: bool,
        ticks: bool,
        long: Duration,
        such: impl Fn(&Operating) -> bool,
    ) -> bool {
        use futures::StreamExt;
        let until = Instant::now() + long;
        let mut tick = tokio::time::interval(Duration::from_millis(17));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if such(&self.told) {
                return true;
            }
            let goes_on = tokio::select! {
                () = sleep_until(until) => return false,
                // A page that hangs does neither.
                message = self.viewer.socket.next(), if ticks => {
                    self.hear(message.and_then(Result::ok)).await
                }
                _ = tick.tick(), if ticks => self.tick(throttle).await,
            };
            if !goes_on {
                sleep_until(until).await;
                return false;
            }
        }
    }
}

/// A server as a process, with a vehicle.
struct Driven {
    vehicle: Vehicle,
    server: Running,
    address: SocketAddr,
}

impl Driven {
    fn start() -> Self {
        let vehicle = Vehicle::new();
        let sink = vehicle.sink();
        let mut command = pistreamer(&[
            "--source",
            "pattern",
            "--size",
            "320x240",
            "--listen",
            "127.0.0.1:0",
            "--no-auth",
            "--operate",
            &sink,
        ]);
        command.stderr(std::process::Stdio::null());
        let mut server = Running(command.spawn().unwrap());
        let mut lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                let (_, rest) = line.split_once("http://")?;
                rest.split(['/', ' ']).next()?.parse().ok()
            })
            .expect("it does not say where it is");
        // It goes on printing.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            vehicle,
            server,
            address,
        }
    }

    fn server_pid(&self) -> Pid {
        Pid::from_child(&self.server.0)
    }

    fn vehicle_pid(&self) -> Pid {
        let did = self.vehicle.did();
        let mut pids = did.iter().filter_map(|did| did["pid"].as_i64());
        Pid::from_raw(pids.next_back().unwrap() as i32).unwrap()
    }

    /// Drives, has that happen, and judges. Returns after how many µs the last command ended.
    async fn suffer(&self, fault: Fault, random: &mut fastrand::Rng) -> u64 {
        let delay = Duration::from_millis(random.u64(0..30));
        let link = Link::to(self.address, delay).await;
        let mut page = Page::open(link.address).await;
        let take = |want| ViewerMessage::Seat { want }.to_json();
        page.sees_machine().await;
        page.say(take(SeatRequest::Force)).await;
        // On a machine that is too busy to drive it stops again and again, which is right.
        let begins = self.vehicle.did().len();
        let driving = async {
            loop {
                let armed = |told: &Operating| told.state == Motion::Armed;
                page.run(false, true, PATIENCE, armed).await;
                let long = Duration::from_millis(random.u64(200..400));
                let stopped = |told: &Operating| told.state == Motion::Stopped;
                if !page.run(true, true, long, stopped).await {
                    break;
                }
            }
        };
        timeout(PATIENCE, driving).await.expect("it does not drive");
        let long = Duration::from_millis(random.u64(300..900));
        let never = |_: &Operating| false;
        let began = now_us();
        match fault {
            Fault::LinkStalls | Fault::CommandsStall | Fault::PicturesStall => {
                link.set(|now| {
                    now.stalls_up = fault != Fault::PicturesStall;
                    now.stalls_down = fault != Fault::CommandsStall;
                });
                page.run(true, true, long, never).await;
                link.set(|now| (now.stalls_up, now.stalls_down) = (false, false));
            }
            Fault::ConnectionIsCut => {
                link.set(|now| now.is_cut = true);
                page.run(true, true, long, never).await;
            }
            Fault::PageFreezes => {
                page.run(true, false, long, never).await;
            }
            Fault::PageIsHidden => {
                let stop = Operate {
                    seq: page.seq + 1,
                    stop: Some(StopReason::Hidden),
                    ..Operate::default()
                };
                page.seq += 1;
                page.say(ViewerMessage::Operate(stop).to_json()).await;
                page.run(true, true, long, never).await;
            }
            Fault::VehicleHangs | Fault::ServerHangs => {
                let pid = match fault {
                    Fault::VehicleHangs => self.vehicle_pid(),
                    _ => self.server_pid(),
                };
                kill_process(pid, Signal::STOP).unwrap();
                page.run(true, true, long, never).await;
                // Where it hung for a second, it was ended.
                let _ = kill_process(pid, Signal::CONT);
            }
            Fault::AnotherTakesTheSeat => {
                let mut other = Page::open(self.address).await;
                other.sees_machine().await;
                other.say(take(SeatRequest::Force)).await;
                page.run(true, true, long, never).await;
                drop(other);
            }
        }
        // The stick stays where it is: what was stopped does not start again.
        page.run(true, true, Duration::from_millis(300), never)
            .await;
        let did = self.vehicle.did().split_off(begins);
        judge(fault, &page, began, &did)
    }
}

fn judge(fault: Fault, page: &Page, began: u64, did: &[Value]) -> u64 {
    let mut last_end = began;
    // How far the vehicle came after the fault, at two metres a second for the whole throttle.
    let mut metres = 0.0;
    let drives: Vec<_> = did.iter().filter(|did| did["drive"].is_number()).collect();
    for (place, drive) in drives.iter().enumerate() {
        let (at, until) = (
            drive["at_us"].as_u64().unwrap(),
            drive["until_us"].as_u64().unwrap(),
        );
        let (throttle, n) = (
            drive["drive"].as_f64().unwrap(),
            drive["n"].as_u64().unwrap(),
        );
        assert!(
            at < until,
            "{fault:?}: an ended command was carried out: {drive}"
        );
        let seq = ((throttle - 0.5) * 1e6).round();
        if throttle == 0.0 {
            continue;
        }
        let Some(made) = page.made.get(&(seq as u64)) else {
            panic!("{fault:?}: nobody said so: {drive}");
        };
        assert!(
            until <= made.at_us + COMMAND_US,
            "{fault:?}: a command holds for longer than its limit: {drive}, {made:?}"
        );
        let captured = page.captured[&n];
        // The wall clock, by which frames are stamped, and this one are read one after the other.
        assert!(
            until <= captured + PICTURE_US + 10_000,
            "{fault:?}: the picture is older than its limit: {drive}, captured at {captured}"
        );
        let stop = did
            .iter()
            .find(|did| did["stop"].is_string() && did["at_us"].as_u64() > Some(at));
        let stop = stop
            .and_then(|stop| stop["at_us"].as_u64())
            .unwrap_or(until);
        last_end = last_end.max(until.min(stop));
        let next = drives
            .get(place + 1)
            .map_or(until, |next| next["at_us"].as_u64().unwrap());
        let moves = next.min(until).saturating_sub(at.max(began));
        metres += 2.0 * throttle * moves as f64 / 1e6;
    }
    assert!(!drives.is_empty(), "{fault:?}: it never drove");
    let took = last_end - began;
    // The wall stands where whoever keeps to the limits does not come.
    let wall = 2.0 * 0.51 * (PICTURE_US as f64 + 20_000.0) / 1e6;
    assert!(
        metres < wall,
        "{fault:?}: it hit the wall after {metres} m: {did:?}"
    );
    took
}

fn count() -> usize {
    std::env::var("PISTREAMER_FAULTS").map_or(FAULTS.len(), |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vehicle_stops_before_the_wall_whatever_goes_wrong() {
    let mut random = chance();
    let faults: Arc<Vec<(Fault, u64)>> = Arc::new(
        (0..count())
            .map(|number| (FAULTS[number % FAULTS.len()], random.u64(..)))
            .collect(),
    );
    let mut roads = tokio::task::JoinSet::new();
    const ROADS: usize = 2;
    for road in 0..ROADS {
        let faults = Arc::clone(&faults);
        roads.spawn(async move {
            let driven = tokio::task::spawn_blocking(Driven::start).await.unwrap();
            let mut took = Vec::new();
            for (fault, seed) in faults.iter().skip(road).step_by(ROADS) {
                let mut random = fastrand::Rng::with_seed(*seed);
                took.push((*fault, driven.suffer(*fault, &mut random).await));
            }
            took
        });
    }
    let mut took: BTreeMap<Fault, Vec<u64>> = BTreeMap::new();
    for (fault, us) in roads.join_all().await.into_iter().flatten() {
        took.entry(fault).or_default().push(us / 1000);
    }
    println!(
        "| fault | times | ms until the last command ended: median | most |\n|---|--:|--:|--:|"
    );
    for (fault, mut all) in took {
        all.sort_unstable();
        let (middle, most) = (all[all.len() / 2], all[all.len() - 1]);
        println!("| {fault:?} | {} | {middle} | {most} |", all.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vehicle_stops_when_the_server_is_killed() {
    let mut driven = Driven::start();
    let link = Link::to(driven.address, Duration::ZERO).await;
    let mut page = Page::open(link.address).await;
    let want = SeatRequest::Take;
    page.sees_machine().await;
    page.say(ViewerMessage::Seat { want }.to_json()).await;
    let armed = |told: &Operating| told.state == Motion::Armed;
    assert!(page.run(false, true, PATIENCE, armed).await);
    driven.server.0.kill().unwrap();
    driven.server.0.wait().unwrap();
    let ends = async {
        while driven
            .vehicle
            .did()
            .last()
            .is_none_or(|did| did["end"] != true)
        {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ends).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_too_slow_stops_and_drives_with_limits_that_fit() {
    for (limits, drives) in [
        ("", false),
        ("command_timeout = 0.9\npicture_limit = 1.2", true),
    ] {
        let vehicle = Vehicle::new();
        let server = TestServer::configured(&format!(
            "[[camera]]\nsource = \"pattern\"\nsize = \"320x240\"\n[camera.operate]\nsink = {:?}\n{limits}",
            vehicle.sink()
        ));
        let link = Link::to(server.address, Duration::from_millis(150)).await;
        let viewer = TestViewer::connect(link.address).await;
        let mut operator = Operator::of(viewer);
        operator.watches(|told| !told.axes.is_empty()).await;
        operator.wants(SeatRequest::Take).await;
        if drives {
            operator
                .until(0.0, |told| told.state == Motion::Armed)
                .await;
        } else {
            let slow = |told: &Operating| told.waits == Some(StopReason::SlowLink);
            operator.until(0.0, slow).await;
            assert!(operator.told.slack_ms.is_some_and(|slack| slack < 0));
        }
        server.stop().await;
    }
}

//! Driving a machine: from an operator's messages over the server to a program that moves it, and what watchers are told.

use crate::python::python;
use crate::support::{PATIENCE, TestServer, TestViewer};
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_protocol::message::{
    Motion, Operate, Operating, Seat, SeatRequest, ServerMessage, StopReason, ViewerMessage,
};
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// A vehicle in a directory of its own, and where it says what it does.
pub(crate) struct Vehicle {
    directory: TempDir,
    /// What it did up to here was waited for.
    seen: AtomicUsize,
}

impl Vehicle {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            seen: AtomicUsize::new(0),
        }
    }

    /// The way to it, as in the configuration.
    pub(crate) fn sink(&self) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/vehicle.py");
        assert!(Path::new(script).exists(), "there is no {script}");
        format!("exec:python3 {script} {}", self.log().display())
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// What it did so far.
    pub(crate) fn did(&self) -> Vec<Value> {
        did(&self.log())
    }

    /// Whether it has done that, after what was waited for before.
    fn has_done(&self, such: impl Fn(&Value) -> bool) -> bool {
        let seen = self.seen.load(Ordering::Relaxed);
        let at = self.did().iter().skip(seen).position(such);
        if let Some(at) = at {
            self.seen.store(seen + at + 1, Ordering::Relaxed);
        }
        at.is_some()
    }

    /// Waits until its program has ended.
    async fn ended(&self) {
        let did = self.did();
        let mut pids = did.iter().filter_map(|did| did["pid"].as_i64());
        let pid = Pid::from_raw(pids.next_back().unwrap() as i32).unwrap();
        let wait = async {
            while test_kill_process(pid).is_ok() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.expect("it still runs");
    }

    /// Waits until it has.
    async fn until(&self, such: impl Fn(&Value) -> bool) {
        let wait = async {
            while !self.has_done(&such) {
                sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            let did = self.did();
            panic!("{:?}", &did[did.len().saturating_sub(10)..]);
        }
    }
}

fn did(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    // The last line may not be whole yet.
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A viewer that drives, or watches who does.
pub(crate) struct Operator {
    pub(crate) viewer: TestViewer,
    pub(crate) told: Operating,
    seq: u64,
    /// The last one before it had the seat.
    base: u64,
    n: Option<u64>,
    /// Whether it acknowledges frames.
    acks: bool,
    /// What was refused, by its code.
    refused: Vec<String>,
}

impl Operator {
    pub(crate) async fn connect(server: &TestServer, path: &str) -> Self {
        Self::of(TestViewer::connect_with(server, path, &[]).await.unwrap())
    }

    pub(crate) fn of(viewer: TestViewer) -> Self {
        Self {
            viewer,
            told: Operating::default(),
            seq: 0,
            base: 0,
            n: None,
            acks: true,
            refused: Vec::new(),
        }
    }

    pub(crate) async fn wants(&mut self, want: SeatRequest) {
        self.viewer.say(ViewerMessage::Seat { want }).await;
    }

    /// Hears what comes next.
    async fn hear(&mut self) {
        match self.viewer.heard().await {
            Ok(ServerMessage::Operating(told)) => {
                if self.told.seat != told.seat {
                    (self.base, self.n) = (self.seq, None);
                }
                self.told = *told;
                let problem = &self.told.problem;
                assert!(!problem.contains(" ended "), "{problem}");
            }
            Ok(ServerMessage::Error { code, .. }) => self.refused.push(code),
            Ok(_) => {}
            Err(frame) => {
                let seq = frame.stamp.seq;
                if self.acks {
                    self.viewer.say(ViewerMessage::Ack { seq }).await;
                }
                self.n = self.told.beat.map(|_| seq);
            }
        }
    }

    /// Holds the stick there, until it is told that.
    pub(crate) async fn until(&mut self, throttle: f64, such: impl Fn(&Operating) -> bool) {
        let wait = async {
            loop {
                self.hear().await;
                if such(&self.told) {
                    break;
                }
                self.drive(throttle).await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.told));
    }

    /// The same, with the stick at rest while it stands: on a machine that is too busy it stops, which is right, and starts
    /// again.
    async fn holds(&mut self, throttle: f64, such: impl Fn(&Operating) -> bool) {
        let wait = async {
            while !such(&self.told) {
                let is_armed = self.told.state == Motion::Armed;
                self.drive(if is_armed { throttle } else { 0.0 }).await;
                self.hear().await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.told));
    }

    /// Says where the stick is, where the server has kept up.
    pub(crate) async fn drive(&mut self, throttle: f64) {
        if self.told.seat != Seat::You || self.seq >= self.base.max(self.told.seen.unwrap_or(0)) + 8
        {
            return;
        }
        self.command(throttle).await;
    }

    async fn command(&mut self, throttle: f64) {
        self.seq += 1;
        let command = Operate {
            seq: self.seq,
            arm: self.told.arm,
            beat: self.told.beat,
            n: self.n,
            axes: BTreeMap::from([("throttle".into(), throttle)]),
            ..Operate::default()
        };
        self.viewer.say(ViewerMessage::Operate(command)).await;
    }

    /// Drives until the vehicle does so. On a machine that is too busy it stops, which is right, and starts again.
    async fn drives(&mut self, vehicle: &Vehicle, throttle: f64) {
        let wait = async {
            while !vehicle.has_done(|did| did["drive"] == throttle) {
                self.hear().await;
                let is_armed = self.told.state == Motion::Armed;
                self.drive(if is_armed { throttle } else { 0.0 }).await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.told));
    }

    pub(crate) async fn stop(&mut self, why: StopReason) {
        self.seq += 1;
        let command = Operate {
            seq: self.seq,
            stop: Some(why),
            ..Operate::default()
        };
        self.viewer.say(ViewerMessage::Operate(command)).await;
    }

    /// Takes the seat, and starts.
    pub(crate) async fn start(&mut self) {
        // A server that has only just started opens the way to the machine meanwhile.
        self.watches(|told| told.may && !told.axes.is_empty()).await;
        self.wants(SeatRequest::Take).await;
        self.until(0.0, |told| told.state == Motion::Armed).await;
    }

    /// Hears until it is told that, and says nothing.
    pub(crate) async fn watches(&mut self, such: impl Fn(&Operating) -> bool) {
        let wait = async {
            while !such(&self.told) {
                self.hear().await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.told));
    }

    /// Hears until something is refused, and returns its code.
    async fn refused(&mut self) -> String {
        let wait = async {
            while self.refused.is_empty() {
                self.hear().await;
            }
        };
        let waited = timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{:?}", self.told));
        self.refused.remove(0)
    }
}

/// The watcher sees that the other one drives. It is told twice a second, so that the other one has to go on.
async fn watches_driving(watcher: &mut Operator, driver: &mut Operator) {
    tokio::select! {
        () = watcher.watches(|told| told.state == Motion::Armed) => {}
        () = driver.until(0.0, |_| false) => unreachable!(),
    }
}

/// A key of each role, by the role's name: the addresses that it opens.
fn keys<const COUNT: usize>(directory: &Path, roles: [Role; COUNT]) -> [String; COUNT] {
    let store = Store::new(directory.into());
    drop(store.open().unwrap());
    roles.map(|role| {
        let key = Key::random().unwrap();
        let entry = Entry::new(role.name().parse().unwrap(), role, Secret::Key(key.clone()));
        store.change(|keys| keys.keys.push(entry.clone())).unwrap();
        format!("/ws?key={}", key.as_str())
    })
}

/// A server with those keys.
fn locked(vehicle: &Vehicle, directory: &Path) -> TestServer {
    TestServer::start(|typed| {
        typed.operate = Some(vehicle.sink());
        typed.no_auth = false;
        typed.state_dir = Some(directory.into());
    })
}

fn driven(sink: &str) -> TestServer {
    TestServer::start(|typed| typed.operate = Some(sink.into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_drives_and_each_way_to_stop_reaches_the_machine_with_its_reason() {
    let vehicle = Vehicle::new();
    let server = driven(&vehicle.sink());
    let mut operator = Operator::connect(&server, "/ws").await;
    operator
        .watches(|told| told.may && told.axes == ["steer", "throttle"])
        .await;
    for why in [StopReason::Hidden, StopReason::Focus, StopReason::Asked] {
        operator.start().await;
        operator.drives(&vehicle, 0.5).await;
        operator.stop(why).await;
        vehicle.until(|did| did["stop"] == why.word()).await;
        // The stick is not at rest.
        operator
            .until(0.5, |told| told.waits == Some(StopReason::Rest))
            .await;
        assert_eq!(
            (operator.told.state, operator.told.why),
            (Motion::Stopped, why)
        );
    }
    assert_eq!(operator.told.telemetry["battery"].1, "V");
    let camera = server.camera().await;
    assert_eq!(camera["operating"]["operator"], "127.0.0.1", "{camera}");
    operator.start().await;
    operator.drives(&vehicle, 0.5).await;
    drop(operator);
    vehicle.until(|did| did["stop"] == "left").await;
    server.stop().await;
    vehicle.ended().await;
    let did = vehicle.did();
    assert!(!did.last().unwrap()["drive"].is_number(), "{did:?}");
    assert!(
        did[1]["stop"].is_string(),
        "it was not told STOP first: {did:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_car_does_what_the_operator_says_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let (script, log) = (directory.path().join("car"), directory.path().join("log"));
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/car.py");
    // What it would have the motors do is on its standard error.
    let python = python("gpiozero").await;
    let text = format!(
        "exec env PISTREAMER_MOCK=1 {python} {example} 2>{}",
        log.display()
    );
    std::fs::write(&script, text).unwrap();
    let server = driven(&format!("exec:sh {}", script.display()));
    let mut operator = Operator::connect(&server, "/ws").await;
    operator.start().await;
    let said = |words: &str| std::fs::read_to_string(&log).is_ok_and(|log| log.contains(words));
    operator.holds(0.5, |_| said("motors +0.50 +0.50")).await;
    drop(operator);
    let stands = async {
        while !std::fs::read_to_string(&log)
            .unwrap()
            .trim_end()
            .ends_with("motors +0.00 +0.00 servo +0")
        {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, stands).await.expect("it goes on");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_heard_while_the_operator_takes_no_pictures() {
    let vehicle = Vehicle::new();
    // So long that nothing else stops it.
    let server = TestServer::configured(&format!(
        "[[camera]]\nsource = \"pattern\"\nsize = \"1280x720\"\nquality = 95\n[camera.operate]\nsink = {:?}\n\
         command_timeout = 5\npicture_limit = 5",
        vehicle.sink()
    ));
    let mut operator = Operator::connect(&server, "/ws?wire=jpeg").await;
    operator.acks = false;
    operator.start().await;
    operator.drives(&vehicle, 0.5).await;
    // It reads nothing, until frames are stuck on their way to it.
    sleep(Duration::from_secs(2)).await;
    operator.stop(StopReason::Hidden).await;
    vehicle.until(|did| did["stop"] == "hidden").await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_drives_at_a_time_and_the_others_see_who_and_ask() {
    let (vehicle, directory) = (Vehicle::new(), tempfile::tempdir().unwrap());
    let keys = keys(directory.path(), [Role::Admin, Role::Operate]);
    let server = locked(&vehicle, directory.path());
    let mut first = Operator::connect(&server, &keys[0]).await;
    first.start().await;
    let mut second = Operator::connect(&server, &keys[1]).await;
    watches_driving(&mut second, &mut first).await;
    assert_eq!(second.told.seat, Seat::Other);
    assert_eq!(
        (second.told.who.as_str(), second.told.beat),
        ("admin", None)
    );
    second.wants(SeatRequest::Take).await;
    assert_eq!(second.refused().await, "seat");
    // Who does not have it commands nothing, whatever it knows.
    second.told.beat = first.told.beat;
    second.seq = 1_000_000;
    second.command(1.0).await;
    assert_eq!(second.refused().await, "seat");
    second.wants(SeatRequest::Ask).await;
    first.until(0.0, |told| !told.asks.is_empty()).await;
    first.wants(SeatRequest::No).await;
    first.until(0.0, |told| told.asks.is_empty()).await;
    second.wants(SeatRequest::Ask).await;
    first.until(0.0, |told| !told.asks.is_empty()).await;
    first.wants(SeatRequest::Yes).await;
    second.told = Operating::default();
    second.seq = 0;
    second
        .until(0.0, |told| {
            told.seat == Seat::You && told.state == Motion::Armed
        })
        .await;
    first.wants(SeatRequest::Force).await;
    second
        .watches(|told| told.seat == Seat::Other && told.why == StopReason::Taken)
        .await;
    assert!(vehicle.did().iter().all(|did| did["drive"] != 1.0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_look_cannot_drive() {
    let (vehicle, directory) = (Vehicle::new(), tempfile::tempdir().unwrap());
    let keys = keys(directory.path(), [Role::View, Role::Operate]);
    let server = locked(&vehicle, directory.path());
    let mut watcher = Operator::connect(&server, &keys[0]).await;
    for want in [SeatRequest::Take, SeatRequest::Ask, SeatRequest::Force] {
        watcher.wants(want).await;
        assert_eq!(watcher.refused().await, "forbidden");
    }
    watcher.command(1.0).await;
    assert_eq!(watcher.refused().await, "forbidden");
    let mut driver = Operator::connect(&server, &keys[1]).await;
    driver.start().await;
    watches_driving(&mut watcher, &mut driver).await;
    let told = &watcher.told;
    assert_eq!(
        (told.who.as_str(), told.may, told.force),
        ("operate", false, false)
    );
    driver.wants(SeatRequest::Force).await;
    assert_eq!(driver.refused().await, "forbidden");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_forgeries_move_nothing_and_hold_up_nobody() {
    let vehicle = Vehicle::new();
    let server = driven(&vehicle.sink());
    let mut operator = Operator::connect(&server, "/ws").await;
    operator.start().await;
    for (axis, value) in [("throttle", 2.0), ("wings", 0.0)] {
        let command = Operate {
            seq: operator.seq + 1,
            arm: operator.told.arm,
            beat: operator.told.beat,
            axes: BTreeMap::from([(axis.into(), value)]),
            ..Operate::default()
        };
        operator.viewer.say(ViewerMessage::Operate(command)).await;
        assert_eq!(operator.refused().await, "seat");
        sleep(Duration::from_millis(1100)).await;
    }
    let mut flood = Operator::connect(&server, "/ws").await;
    let begun = Instant::now();
    for _ in 0..1000 {
        flood.command(1.0).await;
    }
    operator.start().await;
    operator.drives(&vehicle, 0.25).await;
    assert!(begun.elapsed() < PATIENCE);
    assert!(vehicle.did().iter().all(|did| did["drive"] != 1.0));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_and_other_limits_take_effect_at_once_and_the_one_before_is_stopped() {
    let (first, second) = (Vehicle::new(), Vehicle::new());
    let camera = |vehicle: &Vehicle, more: &str| {
        format!(
            "[[camera]]\nsource = \"pattern\"\nsize = \"320x240\"\n[camera.operate]\nsink = {:?}\n{more}",
            vehicle.sink()
        )
    };
    let server = TestServer::configured(&camera(&first, ""));
    let mut operator = Operator::connect(&server, "/ws").await;
    operator.start().await;
    server
        .configure(&camera(&second, "picture_limit = 0.6"))
        .await;
    first.ended().await;
    let did = first.did();
    assert!(!did.last().unwrap()["drive"].is_number(), "{did:?}");
    operator.watches(|told| told.limits.picture_ms == 600).await;
    operator.start().await;
    operator.drives(&second, 0.5).await;
    server
        .configure("[[camera]]\nsource = \"pattern\"\nsize = \"320x240\"")
        .await;
    second.ended().await;
    operator.watches(|told| told.axes.is_empty()).await;
    operator.wants(SeatRequest::Take).await;
    assert_eq!(operator.refused().await, "seat");
    server.stop().await;
}

//! A channel to real programs and sockets: what they are told, and what becomes of those that hang, end or are not there.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use pistreamer_operate::interlock::Person;
use pistreamer_operate::sink::Spec;
use pistreamer_operate::{Channel, Limits, Plan};
use pistreamer_protocol::message::{Motion, Operate, Operating, StopReason};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const OPERATOR: u64 = 1;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says its process id and writes each line that it reads to a file, with the time at which it read it.
const RECORDER: &str = r#"
import json, os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
log = open(sys.argv[1], "a", buffering=1)
log.write(json.dumps({"pid": os.getpid()}) + "\n")
print(json.dumps({"battery": [7.4, "V"]}), flush=True)
for line in iter(sys.stdin.readline, ""):
    log.write(json.dumps({"at_us": time.monotonic_ns() // 1000, **json.loads(line)}) + "\n")
log.write(json.dumps({"end": True}) + "\n")
"#;

struct Machine {
    directory: TempDir,
    channel: Channel,
    seq: u64,
}

impl Machine {
    /// With limits that a busy machine keeps.
    fn start(sink: impl FnOnce(&Path) -> Spec) -> Self {
        let limits = Limits {
            command: Duration::from_secs(5),
            picture: Duration::from_secs(5),
        };
        Self::start_with(limits, sink)
    }

    fn start_with(limits: Limits, sink: impl FnOnce(&Path) -> Spec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan {
            sink: sink(directory.path()),
            limits,
            axes: vec!["throttle".into()],
            buttons: vec![],
        };
        let channel = Channel::start(plan, "car".into(), || {}).unwrap();
        channel.camera(true);
        let person = Person {
            connection: OPERATOR,
            name: "operator".into(),
        };
        channel.take(person, false).unwrap();
        Self {
            directory,
            channel,
            seq: 0,
        }
    }

    /// With the recorder, or another program in Python.
    fn python(program: &str) -> Self {
        Self::start(|directory| python(directory, program))
    }

    /// Says where the stick is, with a picture of this moment.
    fn say(&mut self, throttle: f64) -> Operating {
        let told = self.channel.operating(OPERATOR);
        self.seq += 1;
        self.channel.sent_frame(OPERATOR, self.seq, Instant::now());
        let command = Operate {
            seq: self.seq,
            arm: told.arm,
            beat: told.beat,
            n: Some(self.seq),
            axes: BTreeMap::from([("throttle".into(), throttle)]),
            ..Operate::default()
        };
        // Where it stops, that is told.
        let _ = self.channel.operate(OPERATOR, &command);
        told
    }

    /// Holds the stick there until what is told is that.
    fn until(&mut self, throttle: f64, is_it: impl Fn(&Operating) -> bool) -> Operating {
        let begun = Instant::now();
        loop {
            let told = self.say(throttle);
            if is_it(&told) {
                return told;
            }
            assert!(begun.elapsed() < PATIENCE, "{told:?}");
            sleep(Duration::from_millis(10));
        }
    }

    fn drive(&mut self) {
        // On a machine that is too busy it stops, which is right, and starts again.
        let begun = Instant::now();
        loop {
            self.until(0.0, |told| told.state == Motion::Armed);
            for _ in 0..20 {
                self.say(0.5);
                sleep(Duration::from_millis(10));
            }
            if self.say(0.5).state == Motion::Armed {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not drive");
        }
    }

    fn lines(&self) -> Vec<Value> {
        read(&log_in(self.directory.path()))
    }

    fn pid(&self) -> Pid {
        let lines = self.lines();
        let mut pids = lines.iter().filter_map(|line| line["pid"].as_i64());
        Pid::from_raw(i32::try_from(pids.next_back().unwrap()).unwrap()).unwrap()
    }
}

fn python(directory: &Path, program: &str) -> Spec {
    let path = directory.join("program.py");
    fs::write(&path, program).unwrap();
    let log = log_in(directory);
    let words = ["python3".as_ref(), path.as_os_str(), log.as_os_str()];
    Spec::Exec(words.map(|word| word.to_str().unwrap().to_owned()).into())
}

fn log_in(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The last one may not be whole yet.
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

/// Whether each run of the program was told STOP first, before anything else.
fn each_begins_with_stop(lines: &[Value]) -> bool {
    let mut begins = lines.windows(2).filter(|pair| pair[0]["pid"].is_number());
    begins.all(|pair| pair[1]["drive"] == false || pair[1]["pid"].is_number())
}

#[test]
fn a_program_is_told_stop_first_and_last_and_no_command_for_longer_than_it_holds() {
    let limits = Limits::default();
    let mut machine = Machine::start_with(limits, |directory| python(directory, RECORDER));
    let begun = Instant::now();
    loop {
        machine.drive();
        let told = machine.channel.operating(OPERATOR);
        assert_eq!(told.telemetry["battery"].0, 7.4);
        // It says nothing any more.
        while machine.channel.operating(OPERATOR).state == Motion::Armed {
            assert!(begun.elapsed() < PATIENCE);
            sleep(Duration::from_millis(5));
        }
        let why = machine.channel.operating(OPERATOR).why;
        if why == StopReason::Command {
            break;
        }
        // A busy machine has not let the program read.
        assert_eq!(why, StopReason::Sink);
        assert!(begun.elapsed() < PATIENCE);
    }
    machine.channel.end();
    let lines = machine.lines();
    assert!(each_begins_with_stop(&lines), "{lines:?}");
    // That this is `stopping` is for one to read that is not ended before.
    let last = lines.iter().rfind(|line| line["drive"].is_boolean());
    assert_eq!(last.unwrap()["drive"], false);
    let number = |line: &Value, name: &str| line[name].as_u64().unwrap_or(0);
    let drives: Vec<_> = lines.iter().filter(|line| line["drive"] == true).collect();
    assert!(drives.iter().any(|line| line["axes"]["throttle"] == 0.5));
    for line in &drives {
        // No command holds for longer than the limit from when it was read.
        assert!(
            number(line, "until_us") < number(line, "at_us") + 250_000,
            "{line}"
        );
    }
    let seqs = lines.iter().filter_map(|line| line["seq"].as_u64());
    assert!(seqs.is_sorted_by(|a, b| a < b), "{lines:?}");
}

#[test]
fn a_program_that_hangs_stops_the_machine_and_is_started_again() {
    let mut machine = Machine::python(RECORDER);
    machine.drive();
    let hung = machine.pid();
    kill_process(hung, Signal::STOP).unwrap();
    let told = machine.until(0.5, |told| told.state == Motion::Stopped);
    assert_eq!(told.why, StopReason::Sink);
    let told = machine.until(0.5, |told| !told.problem.is_empty());
    assert!(told.problem.contains("does not read"), "{}", told.problem);
    machine.drive();
    assert_ne!(machine.pid(), hung);
    assert!(
        rustix::process::test_kill_process(hung).is_err(),
        "it still runs"
    );
    assert!(each_begins_with_stop(&machine.lines()));
}

#[test]
fn a_program_that_ends_is_started_again_and_one_that_is_missing_is_named() {
    let mut machine = Machine::python(RECORDER);
    machine.drive();
    kill_process(machine.pid(), Signal::KILL).unwrap();
    let told = machine.until(0.5, |told| told.state == Motion::Stopped);
    assert_eq!(told.why, StopReason::Sink);
    let told = machine.until(0.5, |told| !told.problem.is_empty());
    assert!(told.problem.contains("by signal 9"), "{}", told.problem);
    machine.drive();
    assert_eq!(machine.channel.operating(OPERATOR).problem, "");
    drop(machine);
    let missing = |_: &Path| Spec::parse("exec:/nowhere/car.py").unwrap();
    let mut machine = Machine::start(missing);
    let told = machine.until(0.0, |told| !told.problem.is_empty());
    assert!(told.problem.contains("/nowhere/car.py"), "{}", told.problem);
    assert_eq!(
        (told.state, told.waits),
        (Motion::Stopped, Some(StopReason::Sink))
    );
}

#[test]
fn what_a_program_said_last_is_told_for_as_long_as_none_reads() {
    let mut machine = Machine::python("import sys; sys.exit('there is no motor')");
    for _ in 0..3 {
        let told = machine.until(0.0, |told| !told.problem.is_empty());
        let says = "ended with status 1 (there is no motor)";
        assert!(told.problem.contains(says), "{}", told.problem);
        // Also while the next one starts.
        sleep(Duration::from_millis(200));
        assert_ne!(machine.channel.operating(OPERATOR).problem, "");
    }
}

#[test]
fn a_program_that_closes_its_input_and_lives_is_started_again() {
    let program = r#"
import os, sys, time
open(sys.argv[1], "a").write('{"pid": %d}\n' % os.getpid())
os.close(0)
time.sleep(1000)
"#;
    let mut machine = Machine::python(program);
    let told = machine.until(0.0, |told| !told.problem.is_empty());
    let says = "closed its standard input";
    assert!(told.problem.contains(says), "{}", told.problem);
    let log = log_in(machine.directory.path());
    machine.until(0.0, |_| read(&log).len() >= 2);
}

#[test]
fn a_program_that_will_not_end_is_killed_with_all_that_it_started() {
    let stubborn = r#"
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "1000"])
open(sys.argv[1], "w").write('{"pid": %d}\n' % child.pid)
while True:
    sys.stdin.readline() or time.sleep(1)
"#;
    let mut machine = Machine::python(stubborn);
    machine.drive();
    let child = machine.pid();
    machine.channel.end();
    let begun = Instant::now();
    let stat = PathBuf::from(format!("/proc/{}/stat", child.as_raw_nonzero()));
    // Whoever inherits it may not have waited for it yet.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(begun.elapsed() < PATIENCE, "it still runs");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_unix_socket_is_connected_to_whenever_somebody_listens() {
    let mut machine = Machine::start(|directory| Spec::Unix(directory.join("socket")));
    let told = machine.until(0.0, |told| !told.problem.is_empty());
    assert!(
        told.problem.contains("start the program"),
        "{}",
        told.problem
    );
    let listener = UnixListener::bind(machine.directory.path().join("socket")).unwrap();
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"{\"speed\": [1.5, \"m/s\"]}\n").unwrap();
        let lines = BufReader::new(stream).lines();
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect::<Vec<Value>>()
    });
    machine.drive();
    let telemetry = machine
        .until(0.0, |told| !told.telemetry.is_empty())
        .telemetry;
    assert_eq!(telemetry["speed"].1, "m/s");
    machine.channel.end();
    let lines = reader.join().unwrap();
    assert_eq!(
        (&lines[0]["drive"], &lines.last().unwrap()["why"]),
        (&false.into(), &"stopping".into())
    );
    assert!(lines.iter().any(|line| line["axes"]["throttle"] == 0.5));
}

#[test]
fn a_listener_that_takes_no_connections_holds_up_nothing() {
    let mut machine = Machine::start(|directory| Spec::Unix(directory.join("socket")));
    let address = SocketAddrUnix::new(machine.directory.path().join("socket")).unwrap();
    let flags = SocketFlags::CLOEXEC;
    let listener = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
    bind(&listener, &address).unwrap();
    listen(&listener, 0).unwrap();
    // The first connection waits to be taken, and nothing is read of it: it is given up, and the next one finds no place.
    let says = "takes no connections";
    machine.until(0.0, |told| told.problem.contains(says));
    machine.channel.end();
}

#[test]
fn datagrams_come_while_somebody_listens() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    let mut machine = Machine::start(|_| Spec::Udp(address));
    let mut datagram = [0; 2048];
    let (length, from) = socket.recv_from(&mut datagram).unwrap();
    let first: Value = serde_json::from_slice(&datagram[..length]).unwrap();
    assert_eq!(first["drive"], false);
    socket.send_to(b"{\"battery\": 7}", from).unwrap();
    machine.drive();
    machine.until(0.0, |told| told.telemetry.contains_key("battery"));
    drop(socket);
    let told = machine.until(0.5, |told| told.state == Motion::Stopped);
    assert_eq!(told.why, StopReason::Sink);
    let told = machine.until(0.5, |told| !told.problem.is_empty());
    assert!(told.problem.contains("nothing listens"), "{}", told.problem);
}

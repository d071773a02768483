//! Servers that find each other: in networks of their own, joined by a wire, beside a real avahi-daemon and without one.

use crate::process::terminate;
use crate::support::{PATIENCE, Running, memory};
use pistreamer::access::Store;
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use tempfile::TempDir;

/// A machine: a network of its own, which ends with this.
pub(crate) struct Machine(pub(crate) Running);

impl Machine {
    /// `None` where this is not root's machine: only root makes networks.
    pub(crate) fn new() -> Option<Self> {
        let mut holder = Command::new("unshare");
        holder.args([
            "--net",
            "sh",
            "-c",
            "ip link set lo up && echo up && exec cat",
        ]);
        let holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = Running(holder.stderr(Stdio::null()).spawn().ok()?);
        let mut up = String::new();
        let said = holder.0.stdout.as_mut().unwrap();
        BufReader::new(said).read_line(&mut up).unwrap();
        (up == "up\n").then_some(Self(holder))
    }

    /// Two of them with a wire between, on which they are 10.77.0.1 and 10.77.0.2.
    pub(crate) fn two() -> Option<[Self; 2]> {
        let two = [Self::new()?, Self::new()?];
        Self::join(two.each_ref());
        Some(two)
    }

    /// Plugs the wire in.
    pub(crate) fn join(two: [&Self; 2]) {
        let [one, other] = two.map(|machine| machine.0.0.id().to_string());
        let wire = ["link", "add", "wire", "netns", &one, "type", "veth"];
        let far = ["peer", "name", "wire", "netns", &other];
        let made = Command::new("ip").args(wire).args(far).status().unwrap();
        assert!(made.success());
        for (machine, address) in two.iter().zip(["10.77.0.1/24", "10.77.0.2/24"]) {
            machine.run(&["ip", "addr", "add", address, "dev", "wire"]);
            machine.run(&["ip", "link", "set", "wire", "up"]);
        }
    }

    /// A command on it, without a system bus unless one is given.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.0.0.id()))
            .arg(program)
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env_remove("STATE_DIRECTORY")
            .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, command: &[&str]) {
        let status = self.command(command[0]).args(&command[1..]).status();
        assert!(status.unwrap().success(), "{command:?}");
    }

    /// A server that announces itself, with what it logs, line by line.
    pub(crate) fn serve(&self, bus: Option<&Path>, flags: &[&str]) -> (Running, Receiver<String>) {
        let mut command = self.command(env!("CARGO_BIN_EXE_pistreamer"));
        command.args(["--source", "pattern", "--no-auth", "--announce"]);
        if let Some(bus) = bus {
            command.env(BUS, format!("unix:path={}", bus.display()));
        }
        let child = command
            .args(flags)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = child.spawn().unwrap();
        let log = log_of(&mut child);
        (Running(child), log)
    }

    /// What `pistreamer find` lists here, once it lists as many as that.
    pub(crate) fn find(&self, count: usize) -> Vec<Value> {
        let asked = Instant::now();
        loop {
            let mut find = self.command(env!("CARGO_BIN_EXE_pistreamer"));
            let output = find.args(["find", "--json", "--seconds", "1.5"]).output();
            let output = output.unwrap();
            let found = serde_json::from_slice::<Vec<Value>>(&output.stdout);
            let found = found.unwrap_or_else(|_| panic!("{output:?}"));
            if found.len() == count {
                return found;
            }
            assert!(asked.elapsed() < PATIENCE, "{found:?} are not {count}");
        }
    }
}

pub(crate) const BUS: &str = "DBUS_SYSTEM_BUS_ADDRESS";

fn log_of(child: &mut Child) -> Receiver<String> {
    let (send, lines) = channel();
    let log = BufReader::new(child.stderr.take().unwrap());
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// The line of a log that has this in it.
pub(crate) fn until(log: &Receiver<String>, said: &str) -> String {
    let mut lines = Vec::new();
    loop {
        let line = log.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("{said:?} is not in {lines:#?}"));
        if line.contains(said) {
            return line;
        }
        lines.push(line);
    }
}

#[test]
fn two_servers_find_each_other_and_not_one_that_its_own_machine_alone_reaches() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let tls = ["--listen", "8443", "--tls", "self-signed"];
    let cameras = ["--source", "files:/nonexistent/door"];
    let (plain, log) = one.serve(
        None,
        &[&["--listen", "10.77.0.1:8000"][..], &cameras].concat(),
    );
    until(&log, "announced on the local network, as pistreamer-");
    let (_encrypted, log) = other.serve(None, &tls);
    until(&log, "announced on the local network, as pistreamer-");
    let (_hidden, log) = other.serve(None, &["--listen", "127.0.0.1:8001"]);
    until(
        &log,
        "not announced on the local network: this machine alone reaches it",
    );
    for machine in [&one, &other] {
        let found = machine.find(2);
        assert_eq!(found[0]["url"], "http://10.77.0.1:8000/", "{found:?}");
        assert_eq!(found[0]["tls"], false);
        assert_eq!(found[0]["cameras"].as_array().unwrap().len(), 2);
        assert_eq!(found[1]["url"], "https://10.77.0.2:8443/");
        assert_eq!(found[1]["tls"], true);
        assert_eq!(found[1]["cameras"], serde_json::json!(["pattern"]));
        assert_eq!(found[1]["name"], "Test pattern");
        assert_eq!(found[1]["version"], env!("CARGO_PKG_VERSION"));
    }
    drop(plain);
    assert_eq!(other.find(1)[0]["tls"], true);
}

#[test]
fn a_server_tells_its_pages_of_the_others_on_the_network() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (_one, log) = one.serve(None, &["--listen", "10.77.0.1:8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let (_other, log) = other.serve(None, &["--listen", "10.77.0.2:8001"]);
    until(&log, "announced on the local network, as pistreamer-");
    for (machine, own, url) in [
        (&one, "http://10.77.0.1:8000", "http://10.77.0.2:8001/"),
        (&other, "http://10.77.0.2:8001", "http://10.77.0.1:8000/"),
    ] {
        let asked = Instant::now();
        loop {
            let mut curl = machine.command("curl");
            let output = curl
                .args(["-s", &format!("{own}/api/v1/servers")])
                .output()
                .unwrap();
            let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
            let urls: Vec<_> = answer["servers"].as_array().unwrap().iter().collect();
            // Not of itself.
            if urls.len() == 1 {
                assert_eq!(urls[0]["url"], url, "{answer}");
                assert_eq!(urls[0]["name"], "Test pattern", "{answer}");
                break;
            }
            assert!(urls.is_empty(), "{answer}");
            assert!(asked.elapsed() < PATIENCE, "{answer}");
        }
    }
}

#[test]
fn a_port_that_another_program_has_keeps_a_server_from_nothing_but_being_announced() {
    let Some([machine, _other]) = Machine::two() else {
        return;
    };
    let (_first, log) = machine.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let (mut second, log) = machine.serve(None, &["--listen", "8001"]);
    let said = until(&log, "not announced on the local network");
    assert!(said.contains("another program has port 5353"), "{said}");
    assert!(
        said.contains("avahi-daemon cannot be asked: D-Bus: "),
        "{said}"
    );
    let mut grab = machine.command(env!("CARGO_BIN_EXE_pistreamer"));
    let grabbed = grab
        .args(["grab", "ws://127.0.0.1:8001", "--count", "1"])
        .output();
    assert!(grabbed.unwrap().status.success());
    assert!(terminate(&mut second.0).success());
}

/// Asks as any program can, and prints the answer.
const ASK: &str = r"
import socket
asks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asks.settimeout(1)
name = b'\x0b_pistreamer\x04_tcp\x05local\x00'
while True:
    asks.sendto(b'\x00\x07\x00\x00\x00\x01' + bytes(6) + name + b'\x00\x0c\x00\x01', ('224.0.0.251', 5353))
    try:
        print(asks.recv(9000).decode('latin-1'))
        break
    except TimeoutError:
        pass
";

/// Says that there are servers and addresses without end, and asks for some.
const FLOOD: &str = r"
import socket, struct
floods = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
floods.bind(('10.77.0.2', 5353))
name = lambda number: b'\x3f' + (b'%063d' % number) + b'\x05local\x00'
head = b'\x00\x00\x84\x00\x00\x00' + struct.pack('>H', 17) + bytes(4)
for number in range(20000):
    records = (name(17 * number + one) + b'\x00\x01\x00\x01\x00\x01\x00\x00\x00\x04\x0a\x4d\x00\x09' for one in range(17))
    floods.sendto(head + b''.join(records), ('224.0.0.251', 5353))
";

impl Machine {
    fn python(&self, script: &str) -> String {
        self.run(&["ip", "route", "replace", "224.0.0.0/4", "dev", "wire"]);
        let output = self
            .command("python3")
            .args(["-c", script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn nothing_that_is_announced_is_a_key() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().to_str().unwrap();
    let mut command = one.command(env!("CARGO_BIN_EXE_pistreamer"));
    command.args([
        "--source",
        "pattern",
        "--announce",
        "--listen",
        "8000",
        "--state-dir",
        state,
    ]);
    let mut server = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = log_of(&mut server);
    let _server = Running(server);
    until(&log, "announced on the local network, as pistreamer-");
    let keys = Store::new(directory.path().into()).open().unwrap();
    let key = keys.owners().unwrap();
    let answer = other.python(ASK);
    assert!(answer.contains("id=pattern"), "{answer:?}");
    assert!(
        !answer.contains(key.as_str()) && !answer.contains("code"),
        "{answer:?}"
    );
}

#[test]
fn a_flood_of_questions_is_not_remembered_and_does_not_stop_the_pictures() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    other.find(1);
    let before = memory(server.0.id(), "VmRSS:");
    other.python(FLOOD);
    let grown = memory(server.0.id(), "VmRSS:").saturating_sub(before);
    assert!(grown < 10 << 20, "{grown} bytes of 28 MB stay");
    let mut grab = one.command(env!("CARGO_BIN_EXE_pistreamer"));
    let grabbed = grab
        .args(["grab", "ws://127.0.0.1:8000", "--count", "1"])
        .output();
    assert!(grabbed.unwrap().status.success());
    other.find(1);
}

/// The system's bus of a machine, and its avahi-daemon.
pub(crate) struct Avahi {
    pub(crate) directory: TempDir,
    pub(crate) daemon: Running,
    _bus: Running,
}

impl Avahi {
    pub(crate) fn start(machine: &Machine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display();
        let bus = format!(
            "<busconfig><type>system</type><listen>unix:path={path}/bus</listen><auth>EXTERNAL</auth><policy context=\"default\">\
             <allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>"
        );
        fs::write(directory.path().join("bus.conf"), bus).unwrap();
        fs::write(directory.path().join("avahi.conf"), "[server]\n").unwrap();
        let mut bus = Command::new("dbus-daemon");
        bus.arg(format!("--config-file={path}/bus.conf"));
        bus.args(["--nofork", "--nopidfile", "--print-address"]);
        let mut bus = Running(
            bus.stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let mut address = String::new();
        let said = bus.0.stdout.as_mut().unwrap();
        BufReader::new(said).read_line(&mut address).unwrap();
        let daemon = Self::daemon(machine, directory.path());
        Self {
            directory,
            daemon,
            _bus: bus,
        }
    }

    /// The daemon, once it has looked at its networks. Its files are its own.
    pub(crate) fn daemon(machine: &Machine, directory: &Path) -> Running {
        let own =
            "mount -t tmpfs none /run && mount -t tmpfs none /etc/avahi/services && exec \"$@\"";
        let mut daemon = machine.command("unshare");
        daemon.arg("--mount");
        // In a chroot, whose root is no mount, that cannot be made private.
        let private = Command::new("unshare").args(["--mount", "true"]).output();
        if !private.unwrap().status.success() {
            daemon.args(["--propagation", "unchanged"]);
        }
        daemon.args(["sh", "-c", own, "sh", "/usr/sbin/avahi-daemon"]);
        daemon.args(["--no-drop-root", "--no-chroot", "--no-rlimits", "--file"]);
        daemon.arg(directory.join("avahi.conf"));
        daemon.env(BUS, format!("unix:path={}/bus", directory.display()));
        let mut daemon = daemon
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        until(&log_of(&mut daemon), "Server startup complete");
        Running(daemon)
    }

    pub(crate) fn bus(&self) -> PathBuf {
        self.directory.path().join("bus")
    }

    /// What avahi itself finds, once it finds something.
    fn browse(&self, machine: &Machine) -> String {
        let asked = Instant::now();
        loop {
            let mut browse = machine.command("avahi-browse");
            browse.env(BUS, format!("unix:path={}", self.bus().display()));
            browse.args(["--resolve", "--parsable", "--terminate", "_pistreamer._tcp"]);
            let output = browse.output().unwrap();
            let found = String::from_utf8(output.stdout).unwrap();
            if found.lines().any(|line| line.starts_with('=')) {
                return found;
            }
            assert!(asked.elapsed() < PATIENCE, "it finds nothing");
        }
    }
}

#[test]
fn avahi_announces_a_server_where_it_runs_and_the_server_itself_where_it_does_not() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let mut avahi = Avahi::start(&one);
    let (server, log) = one.serve(Some(&avahi.bus()), &["--listen", "8000"]);
    let said = until(&log, "announced on the local network, by avahi-daemon");
    let found = other.find(1).remove(0);
    assert_eq!(found["url"], "http://10.77.0.1:8000/");
    assert_eq!(found["name"], "Test pattern");
    assert!(said.contains(found["server"].as_str().unwrap()), "{said}");
    // It has another name than the first one of its machine.
    let (mut second, log_of_second) = one.serve(Some(&avahi.bus()), &["--listen", "8001"]);
    until(&log_of_second, "by avahi-daemon");
    let found = other.find(2);
    assert_eq!(found[1]["url"], "http://10.77.0.1:8001/");
    assert!(
        found[1]["server"].as_str().unwrap().ends_with(" #2"),
        "{found:?}"
    );
    assert!(terminate(&mut second.0).success());
    assert_eq!(other.find(1)[0]["url"], "http://10.77.0.1:8000/");
    assert!(terminate(&mut avahi.daemon.0).success());
    until(&log, "announced on the local network, as pistreamer-");
    other.find(1);
    avahi.daemon = Avahi::daemon(&one, avahi.directory.path());
    until(&log, "announced on the local network, by avahi-daemon");
    drop(server);
}

#[test]
fn what_a_server_answers_by_itself_is_understood_by_avahi() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let avahi = Avahi::start(&other);
    let (mut server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let found = avahi.browse(&other);
    let found = found.lines().find(|line| line.starts_with('=')).unwrap();
    assert!(found.contains(";10.77.0.1;8000;"), "{found}");
    for text in [
        "id=pattern",
        "name=Test pattern",
        "path=/",
        "tls=0",
        "version=",
    ] {
        assert!(found.contains(&format!("\"{text}")), "{found}");
    }
    // It says goodbye.
    assert!(terminate(&mut server.0).success());
    let ended = Instant::now();
    let mut browse = other.command("avahi-browse");
    browse.env(BUS, format!("unix:path={}", avahi.bus().display()));
    browse.args(["--parsable", "--terminate", "--cache", "_pistreamer._tcp"]);
    while !browse.output().unwrap().stdout.is_empty() {
        assert!(ended.elapsed() < PATIENCE, "it is still listed");
    }
}

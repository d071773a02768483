//! Servers that are found on networks that are busy, come and go, or have several addresses.

use crate::announced::{Avahi, BUS, Machine, until};
use crate::process::send;
use crate::support::{PATIENCE, Running};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Answers as a network of many phones has them: more than a socket holds, and a few hundred a second from then on.
const BUSY: &str = r"
import socket, time
tells = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
tells.bind(('10.77.0.2', 5353))
tells.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton('10.77.0.2'))
answer = b'\0\0\x84\0\0\0\0\1\0\0\0\0\x04host\x05local\0\0\1\0\1\0\0\0\x78\0\4\x0a\x4d\0\2'
def tell(count):
    for _ in range(count):
        tells.sendto(answer, ('224.0.0.251', 5353))
tell(5000)
print('told', flush=True)
while True:
    tell(20)
    time.sleep(0.05)
";

#[test]
fn what_other_machines_tell_each_other_is_not_in_the_way_of_what_a_server_is_asked() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (_server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let mut busy = other.command("python3");
    let busy = busy.args(["-c", BUSY]).stdout(Stdio::piped());
    let mut busy = Running(busy.spawn().unwrap());
    let mut told = [0; 4];
    let said = busy.0.stdout.as_mut().unwrap();
    said.read_exact(&mut told).unwrap();
    other.find(1);
}

#[test]
fn each_network_of_a_wire_is_served_and_asked() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (_server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let second = ["ip", "addr", "add", "10.99.0.1/24", "dev", "wire"];
    one.run(&second);
    for command in [
        ["ip", "addr", "del", "10.77.0.2/24", "dev", "wire"],
        ["ip", "addr", "add", "10.99.0.2/24", "dev", "wire"],
    ] {
        other.run(&command);
    }
    assert_eq!(other.find(1)[0]["url"], "http://10.99.0.1:8000/");
    one.run(&second.map(|word| if word == "add" { "del" } else { word }));
    other.run(&["ip", "addr", "add", "10.77.0.2/24", "dev", "wire"]);
    assert_eq!(other.find(1)[0]["url"], "http://10.77.0.1:8000/");
}

#[test]
fn networks_that_come_and_go_leave_room_for_others() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (_server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    let names: Vec<_> = (0..20).map(|number| format!("some{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let peer = format!("peer{number}");
        let link = ["ip", "link", "add", name, "type", "veth", "peer", "name"];
        one.run(&[&link[..], &[&peer]].concat());
        let address = format!("10.78.{number}.1/24");
        one.run(&["ip", "addr", "add", &address, "dev", name]);
        one.run(&["ip", "link", "set", name, "up"]);
    }
    until(&log, "queries of some networks are not heard");
    for name in &names {
        one.run(&["ip", "link", "del", name]);
    }
    // The wire is pulled, and plugged in anew.
    one.run(&["ip", "link", "del", "wire"]);
    Machine::join([&one, &other]);
    other.find(1);
}

#[test]
fn a_machine_without_ipv4_says_that_it_is_not_announced_until_it_has_it() {
    let Some([one, _other]) = Machine::two() else {
        return;
    };
    one.run(&["ip", "addr", "del", "10.77.0.1/24", "dev", "wire"]);
    one.run(&["ip", "addr", "add", "fd00::1/64", "dev", "wire"]);
    let (_server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "there is none with an IPv4 address");
    one.run(&["ip", "addr", "add", "10.77.0.1/24", "dev", "wire"]);
    until(&log, "announced on the local network, as pistreamer-");
}

#[test]
fn a_search_that_is_told_to_end_prints_what_it_has_found() {
    let Some([one, other]) = Machine::two() else {
        return;
    };
    let (_server, log) = one.serve(None, &["--listen", "8000"]);
    until(&log, "announced on the local network, as pistreamer-");
    other.find(1);
    let (begun, mut time) = (Instant::now(), Duration::from_millis(200));
    loop {
        let mut find = other.command(env!("CARGO_BIN_EXE_pistreamer"));
        find.args(["find", "--seconds", "60", "--json"]);
        let find = find.stdout(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(time);
        send("-INT", &find);
        let output = find.wait_with_output().unwrap();
        let found = String::from_utf8(output.stdout).unwrap();
        if output.status.success() && found.contains("http://10.77.0.1:8000/") {
            return;
        }
        // It may not have had the time.
        assert!(begun.elapsed() < PATIENCE, "{found:?}");
        time *= 2;
    }
}

#[test]
fn a_server_is_announced_again_where_another_program_has_its_place_at_avahi_daemon() {
    let Some([one, _other]) = Machine::two() else {
        return;
    };
    let mut avahi = Avahi::start(&one);
    let (_server, log) = one.serve(Some(&avahi.bus()), &["--listen", "8000"]);
    until(&log, "by avahi-daemon");
    avahi.daemon.0.kill().unwrap();
    avahi.daemon.0.wait().unwrap();
    avahi.daemon = Avahi::daemon(&one, avahi.directory.path());
    let mut publish: Command = one.command("avahi-publish");
    publish.env(BUS, format!("unix:path={}", avahi.bus().display()));
    publish.args(["--service", "another", "_ipp._tcp", "631"]);
    let _publish = Running(publish.stderr(Stdio::null()).spawn().unwrap());
    until(&log, "by avahi-daemon");
}

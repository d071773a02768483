//! What becomes of the log and of standard output, by the program itself: neither stops it, and floods are few lines.

use crate::process::{pistreamer, started_with, terminate};
use crate::support::{PATIENCE, Running, TestViewer};
use pistreamer::access::Store;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

const SERVE: [&str; 5] = [
    "--source",
    "pattern",
    "--listen",
    "127.0.0.1:0",
    "--no-auth",
];

fn full() -> Stdio {
    File::options()
        .write(true)
        .open("/dev/full")
        .unwrap()
        .into()
}

/// A pipe whose reader has gone.
fn broken() -> Stdio {
    std::io::pipe().unwrap().1.into()
}

/// A stream that is full, and the end that nobody reads yet.
fn unread(blocks: bool) -> (Stdio, UnixStream) {
    let (mut log, reader) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    let filled = loop {
        if let Err(error) = log.write_all(b"#") {
            break error;
        }
    };
    assert_eq!(filled.kind(), ErrorKind::WouldBlock);
    log.set_nonblocking(!blocks).unwrap();
    (OwnedFd::from(log).into(), reader)
}

fn host(url: &str) -> SocketAddr {
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    host.parse().unwrap()
}

pub(crate) fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks until the server is well, as it is once its camera is open.
fn becomes_healthy(address: SocketAddr) {
    let asked = Instant::now();
    while !ask(address, "GET /healthz HTTP/1.0\r\n\r\n").contains(" 200 OK") {
        assert!(asked.elapsed() < PATIENCE, "it ails");
    }
}

/// What the program itself said, rather than libcamera.
fn said(stderr: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(stderr).unwrap();
    let own = text.lines().filter(|line| !line.starts_with("libcamera: "));
    own.map(str::to_owned).collect()
}

#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let (stuck, _reader) = unread(true);
    let as_large_as_it_may_be = tempfile::tempfile().unwrap();
    for log in [full(), broken(), stuck, as_large_as_it_may_be.into()] {
        let program = pistreamer(&SERVE);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""]);
        limited.arg(program.get_program()).args(program.get_args());
        limited.stdout(Stdio::piped());
        let (server, url) = started_with(limited, log);
        let mut server = Running(server);
        let address = host(&url);
        // Worth a line of the log, for anybody.
        let answer = ask(address, "GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n");
        assert!(answer.contains(" 421 "), "{answer}");
        becomes_healthy(address);
        assert!(terminate(&mut server.0).success());
    }
}

#[test]
fn a_standard_output_that_cannot_be_written_stops_no_server_and_fails_what_only_prints() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    Store::new(state.into()).open().unwrap();
    for arguments in [
        &["cameras"][..],
        &["key", "--state-dir", state],
        &["--help"],
        &["--version"],
    ] {
        let Output { status, stderr, .. } = pistreamer(arguments).stdout(full()).output().unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
        let told = said(stderr);
        assert!(
            told.len() == 1 && told[0].contains("standard output: No space left"),
            "{arguments:?}: {told:?}"
        );
        let Output { status, stderr, .. } =
            pistreamer(arguments).stdout(broken()).output().unwrap();
        assert_eq!(status.code(), Some(1), "{arguments:?}");
        assert_eq!(said(stderr), [""; 0], "{arguments:?}");
    }
    let (stuck, _reader) = unread(true);
    for stdout in [full(), broken(), stuck] {
        let mut command = pistreamer(&[&SERVE[..4], &["--state-dir", state]].concat());
        let (mut log, stderr) = UnixStream::pair().unwrap();
        command.stdout(stdout).stderr(OwnedFd::from(stderr));
        let _ = std::fs::remove_file(format!("{state}/addresses.json"));
        let mut server = Running(command.spawn().unwrap());
        drop(command);
        // It serves once its camera is open.
        let mut lines = String::new();
        while !lines.contains("camera opened") {
            let mut more = [0; 1024];
            let count = log.read(&mut more).unwrap();
            assert!(count > 0, "it ended: {lines}");
            lines += std::str::from_utf8(&more[..count]).unwrap();
        }
        let (store, asked) = (Store::new(state.into()), Instant::now());
        // The camera may be open before they are noted.
        let urls = loop {
            if let Some(urls) = store.addresses() {
                break urls;
            }
            assert!(asked.elapsed() < PATIENCE, "it notes no address");
        };
        becomes_healthy(host(&urls[0]));
        assert!(terminate(&mut server.0).success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_up_nobody_and_tells_what_it_lost() {
    const LINES: usize = 2000;
    for blocks in [true, false] {
        let (log, mut reader) = unread(blocks);
        let command = pistreamer(&[&SERVE[..], &["--log", "debug", "--log-json"]].concat());
        let (server, url) = started_with(command, log);
        let mut server = Running(server);
        let address = host(&url);
        let mut viewer = TestViewer::connect(address).await;
        viewer.frame().await;
        // Each is worth a line at that level.
        for _ in 0..LINES {
            assert!(ask(address, "garbage\r\n\r\n").contains(" 400 "));
        }
        becomes_healthy(address);
        viewer.frame().await;
        // Somebody reads again.
        let (told, lost) = sync_channel(1);
        let reading = std::thread::spawn(move || {
            let mut text = Vec::new();
            let mut more = [0; 4096];
            loop {
                let count = reader.read(&mut more).unwrap();
                text.extend_from_slice(&more[..count]);
                let line = text
                    .split(|byte| *byte == b'\n')
                    .filter_map(|line| serde_json::from_slice::<serde_json::Value>(line).ok())
                    .find_map(|line| line["fields"]["lost"].as_u64());
                if let Some(lost) = line {
                    told.send((lost, String::from_utf8(text).unwrap())).unwrap();
                    return;
                }
                assert!(count > 0, "it ended");
            }
        });
        let (lost, text) = lost.recv_timeout(PATIENCE).expect("no loss is told");
        reading.join().unwrap();
        let kept = text.matches("a connection broke").count();
        assert!(kept > 0 && lost > 0, "{kept} kept, {lost} lost");
        assert!(kept + lost as usize >= LINES, "{kept} kept, {lost} lost");
        assert!(terminate(&mut server.0).success());
    }
}

#[test]
fn a_link_by_a_cameras_place_in_the_order_is_told_with_the_link_that_stays() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let (server, url) = started_with(pistreamer(&SERVE), log.reopen().unwrap().into());
    let mut server = Running(server);
    becomes_healthy(host(&url));
    let answer = ask(
        host(&url),
        "GET /api/v1/cameras/0/controls HTTP/1.0\r\nHost: localhost\r\n\r\n",
    );
    assert!(answer.contains(" 200 "), "{answer}");
    assert!(terminate(&mut server.0).success());
    let text = std::fs::read_to_string(log.path()).unwrap();
    assert!(text.contains("camera 0 was asked for by its place in the order"));
    assert!(text.contains("?camera=pattern stays the same"), "{text}");
}

#[test]
fn a_flood_of_wrong_keys_from_many_addresses_is_few_lines() {
    let state = tempfile::tempdir().unwrap();
    Store::new(state.path().into()).open().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let command = pistreamer(
        &[
            &SERVE[..4],
            &["--state-dir", state.path().to_str().unwrap()],
        ]
        .concat(),
    );
    let (server, url) = started_with(command, log.reopen().unwrap().into());
    let mut server = Running(server);
    let address = host(&url);
    for number in 0..1000_u32 {
        let from = IpAddr::from(Ipv4Addr::from(0x7f01_0000 + number));
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let wrong = "GET /snapshot.jpg HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Y2FtZXJhOndyb25n\r\n";
        write!(
            stream,
            "{wrong}\r\n{wrong}\r\n{wrong}Connection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer.matches("HTTP/1.1 4").count(), 3, "{answer}");
    }
    assert!(terminate(&mut server.0).success());
    let text = std::fs::read_to_string(log.path()).unwrap();
    assert!(text.contains("a wrong access key"), "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

#[test]
fn a_flood_of_sign_ins_and_sign_outs_is_few_lines() {
    let state = tempfile::tempdir().unwrap();
    let keys = Store::new(state.path().into()).open().unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let directory = ["--state-dir", state.path().to_str().unwrap()];
    let command = pistreamer(&[&SERVE[..4], &directory].concat());
    let (server, url) = started_with(command, log.reopen().unwrap().into());
    let mut server = Running(server);
    let ask = |request: String| {
        let mut stream = TcpStream::connect(host(&url)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.contains(" 204 "), "{answer}");
        answer
    };
    let body = format!(r#"{{"key":"{}"}}"#, keys.owners().unwrap().as_str());
    let path = "/api/v1/session HTTP/1.0\r\nHost: localhost\r\n";
    for _ in 0..150 {
        let length = body.len();
        let answer = ask(format!("POST {path}Content-Length: {length}\r\n\r\n{body}"));
        let cookie = answer.split_once("set-cookie: ").unwrap().1;
        let cookie = cookie.split_once(';').unwrap().0;
        ask(format!("DELETE {path}Cookie: {cookie}\r\n\r\n"));
    }
    assert!(terminate(&mut server.0).success());
    let text = std::fs::read_to_string(log.path()).unwrap();
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    for what in ["signed in", "signed out"] {
        assert!((30..140).contains(&lines(what)), "{what}: {text}");
    }
}

#[test]
fn grab_shows_what_a_server_says_in_one_line_and_without_what_acts_on_a_terminal() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let grab = pistreamer(&["grab", &url, "--out", directory.path().to_str().unwrap()])
        .spawn()
        .unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 1024];
    let _ = stream.read(&mut request).unwrap();
    let body = format!(
        "\u{1b}]0;owned\u{7}\u{1b}[2J\r\nfake: line\u{202e}{}",
        "x".repeat(5000)
    );
    let length = body.len();
    // In one write: grab closes as soon as it has read enough.
    let answer = format!("HTTP/1.1 500 \u{1b}[31mNo\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).unwrap();
    let Output { status, stderr, .. } = grab.wait_with_output().unwrap();
    assert!(!status.success());
    let said = String::from_utf8(stderr).unwrap();
    let line = said.strip_suffix('\n').unwrap();
    assert!(
        !line.contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{line:?}"
    );
    assert!(line.chars().count() < 500, "{line}");
}

//! The program: what it prints, what it refuses and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

/// The program, with nothing to read and its output in pipes.
pub fn pistreamer(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pistreamer"));
    command
        .args(arguments)
        // Not among the keys of whoever runs the tests.
        .env_remove("STATE_DIRECTORY")
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .stdin(Stdio::null());
    command
}

fn serve(arguments: &[&str]) -> (Child, String) {
    started(pistreamer(arguments))
}

/// A running server and the first URL that it printed.
pub fn started(command: Command) -> (Child, String) {
    started_with(command, Stdio::null())
}

/// The same, with its log somewhere.
pub fn started_with(mut command: Command, log: Stdio) -> (Child, String) {
    let mut child = command.stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line
        .split_whitespace()
        .last()
        .expect("it printed no URL")
        .to_owned();
    (child, url)
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = pistreamer(arguments).output().unwrap();
    assert!(!status.success(), "{arguments:?} were taken");
    let text = String::from_utf8(stderr).unwrap();
    let said: Vec<_> = text
        .lines()
        .filter(|line| line.contains("pistreamer: ") || line.starts_with("error"))
        .collect();
    assert_eq!(said.len(), 1, "not one clear line: {text}");
    said[0].to_owned()
}

#[test]
fn what_is_wrong_is_said_in_one_line_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(
        refused(&["--source", "pattern", "--listen", &address])
            .contains("taken by another program")
    );
    assert!(refused(&["--source", "webcam"]).contains("use auto, libcamera"));
    assert!(
        refused(&["--source", "files:/no/such/directory"])
            .contains("there is nothing at /no/such/directory")
    );
    assert!(refused(&["--size", "12"]).contains("such as 1280x720"));
    assert!(refused(&["--fps", "0"]).contains("from 0.1 to 240"));
    assert!(refused(&["--quality", "101"]).contains("from 1 to 100"));
    assert!(refused(&["--rotate", "45"]).contains("choose 0, 90, 180 or 270"));
    assert!(refused(&["--log", "shout=loud=er"]).contains("try --log debug"));
    assert!(
        refused(&["--listen", "203.0.113.7:8000", "--source", "pattern"])
            .contains("no address 203.0.113.7")
    );
}

#[test]
fn it_listens_on_several_addresses_and_prints_each() {
    let mut child = pistreamer(&[
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "[::1]:0",
    ])
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let lines: Vec<_> = BufReader::new(child.stdout.as_mut().unwrap())
        .lines()
        .take(2)
        .map(Result::unwrap)
        .collect();
    assert!(
        lines[0].contains("http://127.0.0.1:") && lines[1].contains("http://[::1]:"),
        "{lines:?}"
    );
    terminate(&mut child);
}

#[test]
fn sigterm_and_sigint_end_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let (mut child, url) = serve(&["--source", "pattern", "--listen", "127.0.0.1:0"]);
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        send(signal, &child);
        assert!(
            child.wait().unwrap().success(),
            "{signal} ended it with an error"
        );
    }
}

#[test]
fn cameras_says_what_there_is() {
    let Output { status, stdout, .. } = pistreamer(&["cameras"]).output().unwrap();
    assert!(status.success());
    assert!(!stdout.is_empty());
}

#[test]
fn the_log_can_be_json() {
    let arguments = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--log-json",
    ];
    let mut child = pistreamer(&arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    send("-TERM", &child);
    let mut log = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    child.wait().unwrap();
    for line in log.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(log.contains("Test pattern"), "{log}");
}

fn send(signal: &str, child: &Child) {
    assert!(
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

fn terminate(child: &mut Child) {
    send("-TERM", child);
    child.wait().unwrap();
}

//! The program: what it prints, what it refuses and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

/// The program, with nothing to read and its output in pipes.
pub(crate) fn pistreamer(arguments: &[&str]) -> Command {
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

/// Whether a command succeeds, and all that it prints.
pub(crate) fn said(mut command: Command) -> (bool, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.success(), text)
}

/// A library to be preloaded into the program, made in that directory from the C source of that name.
pub(crate) fn shim(name: &str, directory: &Path) -> PathBuf {
    let shim = directory.join(format!("{name}.so"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/server/{name}.c"));
    let compiled = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"])
        .arg(source)
        .args(["-ldl", "-o"])
        .arg(&shim)
        .status();
    assert!(compiled.unwrap().success());
    shim
}

fn serve(arguments: &[&str]) -> (Child, String) {
    started(pistreamer(arguments))
}

/// A running server and the first URL that it printed.
pub(crate) fn started(command: Command) -> (Child, String) {
    started_with(command, Stdio::null())
}

/// The same, with its log somewhere.
pub(crate) fn started_with(mut command: Command, log: Stdio) -> (Child, String) {
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

/// The one line in which it refuses these arguments.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = pistreamer(arguments).output().unwrap();
    assert!(!status.success(), "{arguments:?} were taken");
    let text = String::from_utf8(stderr).unwrap();
    let said: Vec<_> = text
        .lines()
        .filter(|line| {
            // What is wrong in a file begins with its place.
            line.contains("pistreamer: ") || line.contains(".toml:") || line.starts_with("error")
        })
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
    assert!(refused(&["--log", "shout=loud=er"]).contains("use error, warn, info"));
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

pub(crate) fn send(signal: &str, child: &Child) {
    assert!(
        Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// Ends it as systemd does, and returns how it ended.
pub(crate) fn terminate(child: &mut Child) -> ExitStatus {
    send("-TERM", child);
    child.wait().unwrap()
}

#[test]
fn two_servers_with_the_same_keys_are_each_shown_with_their_own_address() {
    let state = tempfile::tempdir().unwrap();
    let state = state.path().to_str().unwrap();
    let arguments = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        state,
    ];
    let (mut first, one) = serve(&arguments);
    let (mut second, other) = serve(&arguments);
    let shown = || {
        let output = pistreamer(&["key", "--state-dir", state]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = shown();
    for url in [&one, &other] {
        assert!(text.contains(&format!("open {url}#code=")), "{url}: {text}");
    }
    terminate(&mut second);
    let text = shown();
    assert!(text.contains(&one) && !text.contains(&other), "{text}");
    terminate(&mut first);
}

#[test]
fn the_state_directory_is_its_owners_alone_and_so_are_the_keys() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    let typed = state.to_str().unwrap();
    let arguments = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        typed,
    ];
    let encrypted = [&arguments[..], &["--no-auth", "--tls", "self-signed"]].concat();
    let (mut child, _) = serve(&encrypted);
    terminate(&mut child);
    assert_eq!(std::fs::metadata(&state).unwrap().mode() & 0o777, 0o700);
    // Whatever lies in the place of a file is not written through.
    let victim = parent.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    for name in ["addresses.json", "codes.json", "sessions.json"] {
        symlink(&victim, state.join(name)).unwrap();
    }
    let (mut child, _) = serve(&arguments);
    assert!(
        pistreamer(&["key", "--state-dir", typed])
            .status()
            .unwrap()
            .success()
    );
    terminate(&mut child);
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    // Only root can give a file away.
    if chown(state.join("keys.json"), Some(65534), None).is_ok() {
        let said = refused(&arguments);
        assert!(
            said.contains("belongs to the user with the id 65534"),
            "{said}"
        );
        chown(state.join("keys.json"), Some(0), None).unwrap();
    }
    for mode in [0o777, 0o1777, 0o770] {
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(mode)).unwrap();
        for arguments in [&arguments[..], &encrypted] {
            let said = refused(arguments);
            assert!(said.contains("chmod 700"), "{mode:o}: {said}");
        }
    }
}

#[test]
fn secrets_come_from_the_environment_and_from_files() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, b"hunter2/#\n").unwrap();
    let from_file = format!("http://me:${{file:{}}}@", file.path().display());
    for arguments in [
        vec!["--source", "http://me:${NO_SUCH_PASSWORD}@cam/"],
        vec!["push", "ws://me:${NO_SUCH_PASSWORD}@cam/"],
        vec![
            "grab",
            "http://me:${NO_SUCH_PASSWORD}@cam/",
            "--out",
            "/tmp",
        ],
    ] {
        let said = refused(&arguments);
        assert!(said.contains("${NO_SUCH_PASSWORD}"), "{said}");
    }
    // Nothing is shown of one that is there.
    for arguments in [
        vec!["--source", &from_file],
        vec!["push", &from_file],
        vec!["grab", &from_file, "--out", "/tmp"],
    ] {
        let said = refused(&arguments);
        assert!(
            said.contains("not the URL") && !said.contains("hunter2"),
            "{said}"
        );
    }
}

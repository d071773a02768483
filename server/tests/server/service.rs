//! The server as the service that the packages install: under a user of its own, with root looking after its keys.

use crate::logged::ask;
use crate::process::{pistreamer, started_with, terminate};
use crate::support::{PATIENCE, Running};
use pistreamer::access::Store;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// `nobody`, in place of the service's own user.
const USER: u32 = 65_534;

/// A copy of the program that every user can start, and a state directory of the service's user.
struct Service {
    directory: tempfile::TempDir,
}

impl Service {
    /// `None` where this is not root's machine: only root has other users to act for, and mounts.
    fn install() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let service = Self { directory };
        let state = service.state();
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_pistreamer"), service.program()).unwrap();
        chown(&state, Some(USER), Some(USER)).ok()?;
        let mounts = Command::new("unshare").args(["--mount", "true"]).status();
        mounts
            .is_ok_and(|status| status.success())
            .then_some(service)
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn program(&self) -> PathBuf {
        self.directory.path().join("pistreamer")
    }

    /// A command that finds the state directory where the package has it.
    fn installed(&self, command: &[impl AsRef<OsStr>]) -> Command {
        let mut unshared = Command::new("unshare");
        let mounted = r#"mount -t tmpfs none /var/lib && mkdir /var/lib/pistreamer &&
            mount --bind "$0" /var/lib/pistreamer && exec "$@""#;
        unshared
            .args(["--mount", "sh", "-c", mounted])
            .arg(self.state())
            .args(command)
            .env_remove("STATE_DIRECTORY")
            .env_remove("XDG_STATE_HOME")
            .env("HOME", self.directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        unshared
    }

    /// The running server, and where it is reached.
    fn start(&self) -> (Running, SocketAddr) {
        let program = self.program();
        let id = USER.to_string();
        let user = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"].map(OsStr::new);
        let serve = ["--source", "pattern", "--listen", "127.0.0.1:0"].map(OsStr::new);
        let mut command = self.installed(&[&user[..], &[program.as_os_str()], &serve].concat());
        command.env("STATE_DIRECTORY", "/var/lib/pistreamer");
        let (child, url) = started_with(command, Stdio::null());
        let host = url.strip_prefix("http://").expect("no address");
        (Running(child), host.trim_end_matches('/').parse().unwrap())
    }

    /// What root is told by `pistreamer key` with these arguments: output, then errors.
    fn key(&self, arguments: &[&str]) -> (String, String) {
        let program = self.program();
        let mut command = vec![program.as_os_str(), OsStr::new("key")];
        command.extend(arguments.iter().map(OsStr::new));
        let output = self.installed(&command).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (said, errors) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{arguments:?}: {errors}");
        (said, errors)
    }

    /// The files in the state directory that are not the service's.
    fn foreign(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.state()).unwrap();
        let files = files.map(|file| file.unwrap());
        let foreign = files.filter(|file| file.metadata().unwrap().uid() != USER);
        foreign.map(|file| file.path()).collect()
    }
}

fn lets_in(address: SocketAddr, key: &str) -> bool {
    let request = format!("GET /api/v1/status?key={key} HTTP/1.0\r\n\r\n");
    ask(address, &request).contains(" 200 OK")
}

fn until_let_in(address: SocketAddr, key: &str) {
    let asked = Instant::now();
    while !lets_in(address, key) {
        assert!(asked.elapsed() < PATIENCE, "the key is not taken");
    }
}

/// The secret at the end of a line such as `owner: SECRET`.
fn secret(line: &str) -> String {
    line.trim().rsplit(' ').next().unwrap().into()
}

#[test]
fn root_changes_the_keys_of_the_service_which_reads_them_and_starts_again() {
    let Some(service) = Service::install() else {
        return;
    };
    let (mut server, address) = service.start();
    let (said, errors) = service.key(&[]);
    assert!(
        errors.contains("the service, in /var/lib/pistreamer"),
        "{errors}"
    );
    assert!(said.contains(&format!("{address}/#code=")), "{said}");
    let old = said.lines().next().unwrap();
    let old = old.split_whitespace().nth(2).unwrap().to_owned();
    assert!(lets_in(address, &old));
    let new = secret(&service.key(&["rotate"]).0);
    until_let_in(address, &new);
    assert!(!lets_in(address, &old), "the old key is still good");
    let added = secret(&service.key(&["add", "door", "--role", "admin"]).0);
    until_let_in(address, &added);
    service.key(&["remove", "door"]);
    // Of a device that signed in, root ends the session.
    let body = format!(r#"{{"key":"{new}"}}"#);
    let length = body.len();
    let answer = ask(
        address,
        &format!("POST /api/v1/session HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{body}"),
    );
    assert!(answer.contains(" 204 "), "{answer}");
    let asked = Instant::now();
    let device = loop {
        let listed = service.key(&[]).0;
        if let Some((_, devices)) = listed.split_once("signs one out:\n") {
            assert!(listed.contains("sudo "), "{listed}");
            break devices.split_whitespace().next().unwrap().to_owned();
        }
        assert!(asked.elapsed() < PATIENCE, "no device is listed: {listed}");
    };
    service.key(&["end", &device]);
    assert_eq!(service.foreign(), [""; 0].map(PathBuf::from));
    assert!(terminate(&mut server.0).success());
    let (_again, address) = service.start();
    assert!(lets_in(address, &new));
    assert!(!lets_in(address, &added), "the removed key is good again");
}

#[test]
fn the_service_and_other_users_say_how_root_sees_the_keys() {
    let Some(service) = Service::install() else {
        return;
    };
    let program = service.program();
    let id = (USER - 1).to_string();
    let other = ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups"].map(OsStr::new);
    let command = [&other[..], &[program.as_os_str(), OsStr::new("key")]].concat();
    let output = service.installed(&command).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{errors}");
    assert!(
        errors.contains("sudo ") && errors.contains("the service"),
        "{errors}"
    );
    let (server, address) = service.start();
    let refused = ask(address, "GET /api/v1/status HTTP/1.0\r\n\r\n");
    assert!(refused.contains("`sudo pistreamer key`"), "{refused}");
    drop(server);
}

#[test]
fn what_the_services_user_links_to_leads_root_nowhere() {
    let Some(service) = Service::install() else {
        return;
    };
    let roots = service.directory.path().join("roots.json");
    Store::new(service.directory.path().join("roots"))
        .open()
        .unwrap();
    std::fs::rename(service.directory.path().join("roots/keys.json"), &roots).unwrap();
    let link = service.state().join("keys.json");
    std::os::unix::fs::symlink(&roots, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(USER), Some(USER)).unwrap();
    // Nor what root's group may read, where the directory was given to the user alone.
    for (mode, group) in [(0o600, USER), (0o640, 0)] {
        std::fs::set_permissions(&roots, PermissionsExt::from_mode(mode)).unwrap();
        chown(service.state(), Some(USER), Some(group)).unwrap();
        let output = key_of(&service.state());
        assert!(output.contains("Permission denied"), "{output}");
    }
}

#[test]
fn root_sees_and_changes_keys_that_lie_where_only_root_comes() {
    let Some(service) = Service::install() else {
        return;
    };
    chown(service.state(), Some(0), Some(0)).unwrap();
    let keys = Store::new(service.state()).open().unwrap();
    chown(service.state(), Some(USER), Some(USER)).unwrap();
    let owners = keys.owners().unwrap().as_str();
    for file in std::fs::read_dir(service.state()).unwrap() {
        chown(file.unwrap().path(), Some(USER), Some(USER)).unwrap();
    }
    std::fs::set_permissions(service.directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    let output = key_of(&service.state());
    assert!(output.contains(owners), "{output}");
    assert!(output.contains("/#code="), "{output}");
    let state = service.state();
    let rotated = pistreamer(&["key", "--state-dir", state.to_str().unwrap(), "rotate"]).output();
    let rotated = rotated.unwrap();
    assert!(rotated.status.success(), "{rotated:?}");
    assert_eq!(service.foreign(), [""; 0].map(PathBuf::from));
}

/// The next news that systemd would be told, each with its datagram's lines.
fn news(socket: &UnixDatagram) -> String {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).expect("no news come");
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

/// Skips news until one says that.
fn until_told(socket: &UnixDatagram, wanted: &str) -> String {
    loop {
        let news = news(socket);
        if news.lines().any(|line| line.contains(wanted)) {
            return news;
        }
    }
}

#[test]
fn systemd_is_told_when_the_server_serves_reloads_is_well_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let file = directory.path().join("cameras.toml");
    std::fs::write(&file, "[[camera]]\nid = \"door\"\nsource = \"pattern\"\n").unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--no-auth"];
    let mut command = pistreamer(&[&["--config", file.to_str().unwrap()], &listen[..]].concat());
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "300000")
        .env_remove("WATCHDOG_PID");
    let (server, url) = started_with(command, Stdio::null());
    let mut server = Running(server);
    let ready = news(&socket);
    assert!(ready.starts_with("READY=1\nSTATUS=door "), "{ready}");
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    assert!(ask(host.parse().unwrap(), "GET / HTTP/1.0\r\n\r\n").contains(" 200 "));
    until_told(&socket, "STATUS=door live");
    until_told(&socket, "WATCHDOG=1");
    let hangup = Command::new("kill")
        .args(["-HUP", &server.0.id().to_string()])
        .status();
    assert!(hangup.unwrap().success());
    let reloading = until_told(&socket, "RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until_told(&socket, "READY=1");
    // What the camera lost is told, and does not keep the watchdog hungry.
    let gone = directory.path().join("gone");
    std::fs::write(
        &file,
        format!(
            "[[camera]]\nid = \"door\"\nsource = \"files:{}\"\n",
            gone.display()
        ),
    )
    .unwrap();
    until_told(&socket, "STATUS=door no signal: ");
    until_told(&socket, "WATCHDOG=1");
    assert!(terminate(&mut server.0).success());
    until_told(&socket, "STOPPING=1");
}

#[test]
fn the_journal_gets_no_second_time_with_each_line() {
    let directory = tempfile::tempdir().unwrap();
    for journal in [true, false] {
        let path = directory.path().join(format!("log-{journal}"));
        let log = std::fs::File::create(&path).unwrap();
        let is = log.metadata().unwrap();
        let number = is.ino() + u64::from(!journal);
        let mut command = pistreamer(&[
            "--source",
            "pattern",
            "--listen",
            "127.0.0.1:0",
            "--no-auth",
        ]);
        command.env("JOURNAL_STREAM", format!("{}:{number}", is.dev()));
        let (server, _) = started_with(command, log.into());
        let mut server = Running(server);
        assert!(terminate(&mut server.0).success());
        let log = std::fs::read_to_string(&path).unwrap();
        let line = log
            .lines()
            .find(|line| line.contains(" INFO "))
            .expect("nothing was logged");
        assert_eq!(line.starts_with(" INFO "), journal, "{line}");
    }
}

/// All that `pistreamer key --state-dir` says.
fn key_of(state: &Path) -> String {
    let output = pistreamer(&["key", "--state-dir", state.to_str().unwrap()])
        .output()
        .unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

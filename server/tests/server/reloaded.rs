//! A configuration file that changes while the server runs: what its cameras do, and what people are told.

use crate::process::{pistreamer, started_with};
use crate::support::{PATIENCE, Running, TestViewer, picture};
use futures::future::join_all;
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_protocol::message::{ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, Unpacker, jpeg};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// The program with a file of its own.
pub(crate) struct Server {
    pub directory: TempDir,
    pub child: Running,
    pub address: SocketAddr,
    /// Its lines.
    log: Receiver<String>,
}

pub(crate) const HEAD: &str = "[server]\nlisten = \"127.0.0.1:0\"\n[access]\nno_auth = true\n";

pub(crate) fn camera(id: &str, rest: &str) -> String {
    format!("[[camera]]\nid = \"{id}\"\nfps = 20\n{rest}\n")
}

impl Server {
    pub(crate) fn start(cameras: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pistreamer.toml");
        std::fs::write(&path, HEAD.to_owned() + cameras).unwrap();
        Self::start_in(directory, &path)
    }

    pub(crate) fn start_in(directory: TempDir, path: &Path) -> Self {
        Self::run(directory, pistreamer(&["--config", path.to_str().unwrap()]))
    }

    pub(crate) fn run(directory: TempDir, command: Command) -> Self {
        let (mut child, url) = started_with(command, Stdio::piped());
        let address = url.trim_end_matches('/').split_once("://").unwrap().1;
        Self {
            directory,
            address: address.parse().unwrap(),
            log: lines(child.stderr.take().unwrap()),
            child: Running(child),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("pistreamer.toml")
    }

    /// Replaces the file in one step, as careful programs do.
    pub(crate) fn replace(&self, text: &str) {
        let next = self.directory.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, self.path()).unwrap();
    }

    /// Asks for the file to be read now.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.0.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &pid]).status().unwrap();
        assert!(sent.success());
    }

    /// The log's next line with that text.
    pub(crate) fn log(&mut self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = std::iter::from_fn(|| self.log.recv_timeout(until - Instant::now()).ok());
        let line = lines.find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("the log never says {text:?}"))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.get_by("GET", path).await
    }

    async fn get_by(&self, method: &str, path: &str) -> Value {
        self.send(method, path, "").await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("http://{}{path}", self.address);
        let answer = tokio::process::Command::new("curl")
            .args(["-sS", "-X", method, "--data", body, &url])
            .output();
        serde_json::from_slice(&answer.await.unwrap().stdout).unwrap()
    }

    pub(crate) async fn viewers(&self, camera: &str, count: usize) -> Vec<TestViewer> {
        let mut viewers = Vec::new();
        for _ in 0..count {
            let path = format!("/ws?camera={camera}");
            let viewer = TestViewer::connect_with(self.address, &path, &[]).await;
            viewers.push(viewer.unwrap());
        }
        viewers
    }
}

/// The lines, as they come.
fn lines(log: ChildStderr) -> Receiver<String> {
    let (line, lines) = channel();
    std::thread::spawn(move || {
        let mut all = BufReader::new(log).lines().map(Result::unwrap);
        while all.next().is_some_and(|text| line.send(text).is_ok()) {}
    });
    lines
}

/// Waits until the viewer gets frames of that width and was told that name, where there is one.
async fn sees(viewer: &mut TestViewer, width: u16, mut name: Option<&str>, last_seq: &mut u64) {
    loop {
        match viewer.next().await.expect("the viewer was dropped") {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap();
                name = name.filter(|name| message["name"] != *name);
            }
            Message::Binary(message) => {
                let picture = Unpacker::default().unpack(&message).unwrap().to_vec();
                let seq = Stamp::read(&picture).unwrap().seq;
                assert!(seq > *last_seq, "{seq} came after {last_seq}");
                *last_seq = seq;
                if name.is_none() && jpeg::inspect(&picture).unwrap().width == width {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// All of them, at the same time: who doesn't read is dropped after a while.
pub(crate) async fn all_see(viewers: &mut [(TestViewer, u64)], width: u16, name: Option<&str>) {
    join_all(
        viewers
            .iter_mut()
            .map(|(viewer, seq)| sees(viewer, width, name, seq)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_cameras_with_eight_viewers_one_changes_and_none_is_dropped() {
    let yard = camera("yard", "source = \"pattern\"\nsize = \"160x120\"");
    let door = |rest: &str| camera("door", rest);
    let before = door("name = \"Door\"\nsource = \"pattern\"\nsize = \"320x240\"");
    let mut server = Server::start(&(before + &yard));
    let numbered =
        |viewers: Vec<TestViewer>| viewers.into_iter().map(|viewer| (viewer, 0)).collect();
    let mut at_door: Vec<_> = numbered(server.viewers("door", 4).await);
    let mut at_yard: Vec<_> = numbered(server.viewers("yard", 4).await);
    for (viewer, _) in &mut at_yard {
        assert_eq!(viewer.hello().await.camera.id, "yard");
    }
    all_see(&mut at_yard, 160, None).await;
    let changes = async {
        all_see(&mut at_door, 320, None).await;
        // Size and name, in a file that takes the old one's place.
        let larger = door("name = \"Front door\"\nsource = \"pattern\"\nsize = \"640x480\"");
        server.replace(&(HEAD.to_owned() + &larger + &yard));
        all_see(&mut at_door, 640, Some("Front door")).await;
        // Source, in a file that is written in place.
        let pictures = server.directory.path().join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        std::fs::write(pictures.join("1.jpg"), picture((96, 64), 100)).unwrap();
        let other = door("name = \"Front door\"\nsource = \"files:pictures\"");
        std::fs::write(server.path(), HEAD.to_owned() + &other + &yard).unwrap();
        all_see(&mut at_door, 96, None).await;
    };
    // The other camera's viewers see nothing of it.
    let unmoved = at_yard.iter_mut().map(async |(viewer, seq)| {
        loop {
            let message = viewer.next().await.expect("the viewer was dropped");
            if let Message::Text(text) = &message {
                let message: Value = serde_json::from_str(text).unwrap();
                assert_ne!(message["type"], "state", "{text}");
            } else if let Message::Binary(picture) = message {
                let picture = Unpacker::default().unpack(&picture).unwrap().to_vec();
                assert_eq!(jpeg::inspect(&picture).unwrap().width, 160);
                *seq += 1;
            }
        }
    });
    tokio::select! {
        () = changes => {}
        _ = join_all(unmoved) => unreachable!("it has no end"),
    }
    assert!(at_yard.iter().all(|(_, frames)| *frames > 0));
    let status = server.get("/api/v1/status").await;
    assert_eq!(status["viewers"].as_array().unwrap().len(), 8, "{status}");
    assert_eq!(status["viewers_total"], 8, "{status}");
    server.log("configuration reloaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_with_an_error_changes_nothing_and_is_told_until_it_is_right() {
    let good = camera("door", "source = \"pattern\"\nsize = \"320x240\"");
    let mut server = Server::start(&good);
    let mut viewer = server.viewers("door", 1).await.remove(0);
    server.replace(&(HEAD.to_owned() + &good + "qualty = 3\n[[camera]]\nsource = \"pattern\"\n"));
    server.hang_up();
    let line = server.log("did you mean quality?");
    assert!(line.contains("pistreamer.toml:10:1"), "{line}");
    let status = server.get("/api/v1/status").await;
    let problem = status["configuration"]["problems"][0].as_str().unwrap();
    assert!(problem.contains("did you mean quality?"), "{status}");
    assert_eq!(status["cameras"].as_array().unwrap().len(), 1, "{status}");
    sees(&mut viewer, 320, None, &mut 0).await;
    server.replace(&(HEAD.to_owned() + &good));
    server.hang_up();
    server.log("configuration reloaded");
    let status = server.get("/api/v1/status").await;
    assert_eq!(
        status["configuration"]["problems"],
        serde_json::json!([]),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_the_file_is_told_to_administrators_who_watch_and_to_no_other_viewer() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().join("state"));
    store.open().unwrap();
    let mut keys = Vec::new();
    for role in Role::ALL {
        let key = Key::random().unwrap();
        keys.push(key.as_str().to_owned());
        let entry = Entry::new(role.name().parse().unwrap(), role, Secret::Key(key));
        store.change(|keys| keys.keys.push(entry)).unwrap();
    }
    let admin = keys.pop().unwrap();
    let camera = camera("door", "source = \"pattern\"\nsize = \"320x240\"");
    let right = format!("[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n{camera}");
    let path = directory.path().join("pistreamer.toml");
    std::fs::write(&path, &right).unwrap();
    let server = Server::start_in(directory, &path);
    let tickets = format!("/api/v1/tickets?key={admin}");
    let ticket = server.get_by("POST", &tickets).await;
    let ticket = ticket["ticket"].as_str().unwrap();
    let shown = keys.iter().map(|key| format!("key={key}"));
    let mut others = Vec::new();
    for shown in shown.chain([format!("ticket={ticket}")]) {
        let path = format!("/ws?{shown}");
        let viewer = TestViewer::connect_with(server.address, &path, &[]).await;
        others.push((shown, viewer.unwrap()));
    }
    let path = format!("/ws?key={admin}");
    let mut before = TestViewer::connect_with(server.address, &path, &[])
        .await
        .unwrap();
    server.replace(&format!("{right}qualty = 3\nsizee = 4\n"));
    server.hang_up();
    let problem = configuration(&mut before).await.expect("nothing is wrong");
    assert!(problem.starts_with("1 of 2: "), "{problem}");
    assert!(
        problem.contains("pistreamer.toml:") && problem.contains("did you mean quality?"),
        "{problem}"
    );
    let mut after = TestViewer::connect_with(server.address, &path, &[])
        .await
        .unwrap();
    after.hello().await;
    let told = after.told().await;
    let problem = Some(problem);
    assert_eq!(told, ServerMessage::Configuration { problem });
    // What is wrong may be very long, and what is told is not.
    let long = format!("[[camera]]\nsource = \"{}\"", "x".repeat(2000));
    server.replace(&(HEAD.to_owned() + &long));
    server.hang_up();
    let problem = configuration(&mut before).await.expect("nothing is wrong");
    assert_eq!(problem.chars().count(), 300, "{problem}");
    server.replace(&right);
    server.hang_up();
    assert_eq!(configuration(&mut before).await, None);
    while configuration(&mut after).await.is_some() {}
    for (shown, viewer) in &mut others {
        viewer.say(ViewerMessage::Ping { id: Some(1) }).await;
        loop {
            match viewer.told().await {
                ServerMessage::Pong { .. } => break,
                ServerMessage::Configuration { problem } => panic!("{shown} was told {problem:?}"),
                _ => {}
            }
        }
    }
}

/// What a viewer is told next of the server's configuration.
async fn configuration(viewer: &mut TestViewer) -> Option<String> {
    loop {
        if let ServerMessage::Configuration { problem } = viewer.told().await {
            return problem;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_starts_with_the_controls_of_its_configuration_and_follows_them() {
    let with = |speed: f64| {
        let controls = format!(
            "[camera.controls]\nScene = \"grey\"\nNoise = false\nSpeed = {speed}\nTint = 1"
        );
        camera("one", "source = \"pattern\"") + &controls
    };
    // What another run has set would be kept.
    let state = tempfile::tempdir().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pistreamer.toml");
    std::fs::write(&file, HEAD.to_owned() + &with(2.0)).unwrap();
    let mut command = pistreamer(&["--config", file.to_str().unwrap()]);
    command.arg("--state-dir").arg(state.path());
    let mut server = Server::run(directory, command);
    let path = "/api/v1/cameras/one/controls";
    let has = async |server: &Server, wanted: [f64; 3]| {
        let has = async {
            loop {
                let list = server.get(path).await;
                let controls = list["controls"].as_array().unwrap();
                let value = |name: &str| {
                    let control = controls.iter().find(|control| control["name"] == name);
                    control.and_then(|control| control["value"].as_f64())
                };
                if ["Scene", "Noise", "Speed"].map(value) == wanted.map(Some) {
                    return;
                }
            }
        };
        let is_so = timeout(PATIENCE, has).await;
        assert!(is_so.is_ok(), "{}", server.get(path).await);
    };
    // Nothing is set on a camera that nobody looks at.
    let _viewers = server.viewers("one", 1).await;
    has(&server, [2.0, 0.0, 2.0]).await;
    let line = server.log("the configuration sets Tint");
    assert!(line.contains("it has Speed, Noise, Scene"), "{line}");
    server.replace(&(HEAD.to_owned() + &with(3.0)));
    server.hang_up();
    has(&server, [2.0, 0.0, 3.0]).await;
    // What is reset is as configured again.
    let set = server.send("PUT", &format!("{path}/Speed"), "1").await;
    assert_eq!(set["values"]["Speed"], 1.0);
    let reset = server.get_by("DELETE", path).await;
    assert_eq!(reset["values"]["Speed"], 3.0, "{reset}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_named() {
    let mut server = Server::start(&camera("door", "source = \"pattern\""));
    let text = std::fs::read_to_string(server.path()).unwrap();
    let other = text.replace(
        "[server]",
        "[limits]\nviewers = 3\n[server]\nhost = [\"cam.example.org\"]",
    );
    server.replace(&other);
    server.hang_up();
    let line = server.log("take effect at the next start");
    assert!(line.contains("server.host, limits.viewers"), "{line}");
    let status = server.get("/api/v1/status").await;
    assert_eq!(
        status["configuration"]["restart"],
        serde_json::json!(["server.host", "limits.viewers"]),
        "{status}"
    );
    server.replace(&text);
    server.hang_up();
    server.log("configuration reloaded");
    let status = server.get("/api/v1/status").await;
    assert_eq!(
        status["configuration"]["restart"],
        serde_json::json!([]),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_comes_and_another_one_goes_when_a_link_is_turned_to_another_file() {
    let directory = tempfile::tempdir().unwrap();
    // As Kubernetes mounts a ConfigMap: a link to a directory that is a link.
    for (name, id) in [("one", "door"), ("two", "yard")] {
        let camera = camera(id, "source = \"pattern\"\nsize = \"160x120\"");
        std::fs::create_dir(directory.path().join(name)).unwrap();
        let file = directory.path().join(name).join("pistreamer.toml");
        std::fs::write(file, HEAD.to_owned() + &camera).unwrap();
    }
    let link = |from: &str, to: &str| {
        std::os::unix::fs::symlink(to, directory.path().join(from)).unwrap();
    };
    link("data", "one");
    link("pistreamer.toml", "data/pistreamer.toml");
    link("next", "two");
    let path = directory.path().join("pistreamer.toml");
    let mut server = Server::start_in(directory, &path);
    let mut viewer = server.viewers("door", 1).await.remove(0);
    sees(&mut viewer, 160, None, &mut 0).await;
    let inside = server.directory.path();
    std::fs::rename(inside.join("next"), inside.join("data")).unwrap();
    let end = async { while viewer.next().await.is_some() {} };
    timeout(PATIENCE, end).await.expect("its camera is gone");
    server.log("configuration reloaded");
    let cameras = server.get("/api/v1/cameras").await;
    let cameras = cameras["cameras"].as_array().unwrap();
    let ids: Vec<_> = cameras.iter().map(|camera| &camera["id"]).collect();
    assert_eq!(ids, ["yard"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_in_its_file_is_used() {
    let camera = camera(
        "far",
        "source = \"http://me@127.0.0.1:9/\"\nkey_file = \"key\"",
    );
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "old\n").unwrap();
    let path = directory.path().join("pistreamer.toml");
    std::fs::write(&path, HEAD.to_owned() + &camera).unwrap();
    let mut server = Server::start_in(directory, &path);
    std::fs::write(&key, "new\n").unwrap();
    let line = server.log("camera settings changed");
    assert!(line.contains("far"), "{line}");
}

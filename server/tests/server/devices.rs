//! Devices that are signed in, and keys for some cameras and for some time.

use crate::access::Locked;
use crate::process::{pistreamer, started_with};
use crate::software::run;
use crate::support::{Running, TestViewer};
use futures::StreamExt;
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_client::{Config, Publisher, Subscription};
use pistreamer_protocol::message::CLOSE_SIGNED_OUT;
use serde_json::Value;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;

/// What the program says to `pistreamer key …`.
fn key(locked: &Locked, arguments: &[&str]) -> (bool, String) {
    let state = locked.state().to_str().unwrap();
    let arguments = [&["key"], arguments, &["--state-dir", state]].concat();
    let output = pistreamer(&arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The cookie of a device that calls itself so.
async fn sign_in(locked: &Locked, key: &str, agent: &str) -> String {
    let headers = format!("User-Agent: {agent}\r\n");
    let body = format!(r#"{{"key":"{key}"}}"#);
    let answer = locked.post("/api/v1/session", &headers, &body).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let cookie = answer.header("set-cookie");
    cookie.split(';').next().unwrap().into()
}

async fn devices(locked: &Locked, cookie: &str) -> Vec<Value> {
    let cookie = format!("Cookie: {cookie}\r\n");
    let answer = locked.get("/api/v1/sessions", &cookie).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mut listed: Value = serde_json::from_str(&answer.body).unwrap();
    serde_json::from_value(listed["sessions"].take()).unwrap()
}

async fn until_signed_out(mut viewer: TestViewer) {
    loop {
        if let Message::Close(Some(close)) = viewer.next().await.expect("closed without a word") {
            assert_eq!(u16::from(close.code), CLOSE_SIGNED_OUT);
            return;
        }
    }
}

const PHONE: &str =
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36";
const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_ended_is_signed_out_at_once_and_no_other_is() {
    let locked = Locked::start();
    let owner = locked.key();
    let phone = sign_in(&locked, &owner, PHONE).await;
    let laptop = sign_in(&locked, &owner, LAPTOP).await;
    let listed = devices(&locked, &laptop).await;
    let device = |name: &str| {
        listed
            .iter()
            .find(|device| device["device"] == name)
            .unwrap()
    };
    let (android, linux) = (device("Chrome on Android"), device("Firefox on Linux"));
    assert_eq!(
        (&android["key"], &android["address"]),
        (&"owner".into(), &"127.0.0.1".into())
    );
    assert_eq!(
        (&android["own"], &linux["own"]),
        (&false.into(), &true.into())
    );
    let look = async |cookie: &str| {
        TestViewer::connect_with(&locked.server, "/ws", &[("cookie", cookie)]).await
    };
    let looks = look(&phone).await.unwrap();
    let mut stays = look(&laptop).await.unwrap();
    let path = format!("/api/v1/sessions/{}", android["id"].as_str().unwrap());
    let cookie = format!("Cookie: {laptop}\r\n");
    assert_eq!(locked.ask("DELETE", &path, &cookie).await.status, 204);
    until_signed_out(looks).await;
    assert!(look(&phone).await.is_err());
    let seq = stays.frame().await.stamp.seq;
    while stays.frame().await.stamp.seq < seq + 5 {}
    assert_eq!(locked.ask("DELETE", &path, &cookie).await.status, 404);
    // It stays so when the server starts again, which signs nobody else out.
    let locked = locked.restart().await;
    let status = async |cookie: &str| {
        let cookie = format!("Cookie: {cookie}\r\n");
        locked.get("/api/v1/session", &cookie).await.status
    };
    assert_eq!((status(&phone).await, status(&laptop).await), (401, 200));
    // A browser that signs out ends its own session, whatever else it shows.
    let cookie = format!("Cookie: {laptop}\r\n");
    let path = format!("/api/v1/session?key={owner}");
    assert_eq!(locked.ask("DELETE", &path, &cookie).await.status, 204);
    assert_eq!(status(&laptop).await, 401);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_and_ended_by_the_program() {
    let locked = Locked::start();
    let phone = sign_in(&locked, &locked.key(), PHONE).await;
    let id = devices(&locked, &phone).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let viewer = TestViewer::connect_with(&locked.server, "/ws", &[("cookie", &phone)])
        .await
        .unwrap();
    // The server writes within a second or two.
    loop {
        let (_, shown) = key(&locked, &[]);
        if let Some(line) = shown.lines().find(|line| line.starts_with(&id)) {
            assert!(
                line.contains("Chrome on Android") && line.contains("owner"),
                "{line}"
            );
            break;
        }
    }
    let (ended, said) = key(&locked, &["end", "nothing"]);
    assert!(!ended && said.contains("no device nothing"), "{said}");
    let (ended, said) = key(&locked, &["end", &id]);
    assert!(ended, "{said}");
    until_signed_out(viewer).await;
    assert!(!key(&locked, &[]).1.contains(&id));
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_the_owners_business() {
    let locked = Locked::start();
    let door = locked.add("door", Role::View);
    locked
        .until(&format!("/api/v1/cameras?key={door}"), "", 200)
        .await;
    let guest = sign_in(&locked, &door, PHONE).await;
    let owner = sign_in(&locked, &locked.key(), LAPTOP).await;
    let owners = devices(&locked, &owner).await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/sessions/{owners}");
    for headers in [String::new(), format!("Cookie: {guest}\r\n")] {
        for (method, path) in [("GET", "/api/v1/sessions"), ("DELETE", path.as_str())] {
            let answer = locked.ask(method, path, &headers).await;
            assert!(
                matches!(answer.status, 401 | 403),
                "{method}: {}",
                answer.status
            );
        }
    }
    // However often somebody signs in, the owner's device stays in the list.
    for _ in 0..210 {
        sign_in(&locked, &door, PHONE).await;
    }
    let listed = devices(&locked, &owner).await;
    assert_eq!(listed.len(), 200);
    assert!(listed.iter().any(|device| device["id"] == owners.as_str()));
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_one_camera_opens_no_other_on_any_path() {
    let locked = Locked::start();
    let add = |name: &str, role: &str, camera: &str| {
        let (added, said) = key(&locked, &["add", name, "--role", role, "--camera", camera]);
        assert!(added, "{said}");
        let keys = locked.store.read().unwrap();
        match &keys.get(&name.parse().unwrap()).unwrap().secret {
            Secret::Key(key) => key.as_str().to_owned(),
            Secret::Argon2(_) => panic!("a password"),
        }
    };
    let (looks, pushes) = (
        add("door", "view", "ingest"),
        add("shed", "control", "pattern"),
    );
    locked
        .until(&format!("/api/v1/cameras?key={pushes}"), "", 200)
        .await;
    let get = async |path: &str, key: &str| {
        let headers = format!("Authorization: Bearer {key}\r\n");
        locked.get(path, &headers).await
    };
    for path in ["/snapshot.jpg", "/stream.mjpg", "/ws", "/?action=snapshot"] {
        let separator = if path.contains('?') { '&' } else { '?' };
        for other in ["pattern", "0"] {
            let answer = get(&format!("{path}{separator}camera={other}"), &looks).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        }
        let answer = get(&format!("{path}{separator}camera=7"), &looks).await;
        assert_eq!(answer.status, 403, "{path} tells which cameras there are");
    }
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let headers = format!("Authorization: Bearer {pushes}\r\n{upgrade}");
    assert_eq!(
        locked.get("/ingest?camera=ingest", &headers).await.status,
        403
    );
    let none = locked.get("/ingest", &headers).await;
    assert_eq!(none.status, 404, "{}", none.body);
    for path in ["/api/v1/status", "/api/v1/cameras"] {
        let answer: Value = serde_json::from_str(&get(path, &looks).await.body).unwrap();
        let ids: Vec<_> = answer["cameras"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| &c["id"])
            .collect();
        assert_eq!(ids, ["ingest"], "{path}");
    }
    let metrics = get("/metrics", &looks).await.body;
    assert!(
        metrics.contains("camera=\"ingest\"") && !metrics.contains("camera=\"pattern\""),
        "{metrics}"
    );
    let bearer = format!("Authorization: Bearer {looks}\r\n");
    let other = locked
        .post("/api/v1/tickets", &bearer, r#"{"camera":"pattern"}"#)
        .await;
    assert_eq!(other.status, 403, "{}", other.body);
    let ticket = locked.post("/api/v1/tickets", &bearer, "").await;
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap();
    let by_ticket = locked
        .get(&format!("/snapshot.jpg?camera=pattern&ticket={ticket}"), "")
        .await;
    assert_eq!(by_ticket.status, 403);
    // Without an id it is the first one that the key is for.
    let own = get("/snapshot.jpg", &pushes).await;
    assert_eq!(own.status, 200, "{}", own.body);
    for (role, camera, why) in [
        ("admin", "pattern", "every camera"),
        ("view", "1", "no camera's id"),
    ] {
        let (added, said) = key(
            &locked,
            &["add", "anna", "--role", role, "--camera", camera],
        );
        assert!(!added && said.contains(why), "{said}");
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_time_and_so_does_who_looks_by_it() {
    let locked = Locked::start();
    let secret = Key::random().unwrap();
    let now_us = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros() as u64;
    locked
        .store
        .change(|keys| {
            let key = Secret::Key(secret.clone());
            keys.keys.push(Entry {
                expires_us: Some(now_us + Duration::from_secs(4).as_micros() as u64),
                ..Entry::new("guest".parse().unwrap(), Role::View, key)
            });
        })
        .unwrap();
    let path = format!("/api/v1/cameras?key={}", secret.as_str());
    locked.until(&path, "", 200).await;
    let cookie = sign_in(&locked, secret.as_str(), PHONE).await;
    let viewer = TestViewer::connect_with(&locked.server, "/ws", &[("cookie", &cookie)])
        .await
        .unwrap();
    until_signed_out(viewer).await;
    assert_eq!(locked.get(&path, "").await.status, 401);
    let cookie = format!("Cookie: {cookie}\r\n");
    assert_eq!(locked.get("/snapshot.jpg", &cookie).await.status, 401);
    assert!(key(&locked, &[]).1.contains("expired"));
    let (added, said) = key(&locked, &["add", "anna", "--expires", "7d"]);
    assert!(added, "{said}");
    assert!(key(&locked, &[]).1.contains(", until "));
    let (added, said) = key(&locked, &["add", "bert", "--expires", "soon"]);
    assert!(!added && said.contains("30m, 12h, 7d"), "{said}");
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_the_key_that_let_someone_in_and_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let store = Store::new(state.clone());
    store.open().unwrap();
    let secret = Key::random().unwrap();
    let door = Entry::new(
        "door".parse().unwrap(),
        Role::Publish,
        Secret::Key(secret.clone()),
    );
    store.change(|keys| keys.keys.push(door)).unwrap();
    let log = directory.path().join("log");
    let arguments = [
        "--source",
        "pattern",
        "--source",
        "ingest",
        "--listen",
        "127.0.0.1:0",
    ];
    let arguments = [&arguments[..], &["--state-dir", state.to_str().unwrap()]].concat();
    let written = std::fs::File::create(&log).unwrap();
    let (server, url) = started_with(pistreamer(&arguments), written.into());
    let _server = Running(server);
    let shows = url.replace("//", &format!("//camera:{}@", secret.as_str()));
    let mut frames = Subscription::start(Config::new(&shows).unwrap());
    frames.next().await.unwrap().unwrap();
    let pushes = Config::ingest(&shows).unwrap();
    Publisher::connect(&pushes).await.unwrap().close().await;
    let body = format!(r#"{{"key":"{}"}}"#, secret.as_str());
    let session = format!("{url}api/v1/session");
    run("curl", "curl", &["-sf", "-A", PHONE, "-d", &body, &session]).await;
    let stream = format!("{shows}stream.mjpg");
    let head = [
        "-s",
        "-o",
        "/dev/null",
        "--max-filesize",
        "1",
        "-m",
        "1",
        &stream,
    ];
    std::process::Command::new("curl")
        .args(head)
        .status()
        .unwrap();
    let told = |text: &str, kind: &str| {
        let mut lines = text.lines();
        lines.any(|line| line.contains(kind) && line.contains("door"))
    };
    loop {
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(!text.contains(secret.as_str()), "{text}");
        if ["viewer", "pusher", "mjpeg", "Chrome on Android"]
            .iter()
            .all(|kind| told(&text, kind))
        {
            break;
        }
    }
}

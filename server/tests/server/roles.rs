//! What each role may do, by the table in `docs/security.md`, and how keys of older versions are read.

use crate::access::Locked;
use crate::process::pistreamer;
use crate::support::{PATIENCE, TestServer, TestViewer};
use pistreamer::access::{Clip, Entry, Key, Role, Secret, Store};
use pistreamer_protocol::message::{ServerMessage, ViewerMessage};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const OLD_KEYS: &str = r#"{"version":1,"id":"old","keys":[
    {"name":"owner","role":"admin","secret":{"key":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"name":"shed","role":"control","secret":{"key":"bbbbbbbbbbbbbbbbbbbbbbbbbi"}},
    {"name":"door","role":"view","secret":{"key":"cccccccccccccccccccccccccq"},"cameras":["1"]}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_older_version_open_what_they_opened_and_are_written_as_this_one_has_them() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("keys.json"), OLD_KEYS).unwrap();
    let server = TestServer::start(|typed| {
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
        typed.source = vec!["ingest".into(), "pattern".into()];
    });
    let shed = "key=bbbbbbbbbbbbbbbbbbbbbbbbbi";
    let pushes = TestViewer::connect_with(&server, &format!("/ingest?{shed}"), &[]).await;
    pushes.expect("who could push cannot any more");
    let cameras = server.get(&format!("/api/v1/cameras?{shed}")).await;
    assert!(cameras.starts_with("HTTP/1.1 200 "), "{cameras}");
    // The camera that was at position 1, and no other.
    let mut door = TestViewer::connect_with(&server, "/ws?key=cccccccccccccccccccccccccq", &[])
        .await
        .unwrap();
    assert_eq!(door.hello().await.camera.source, "pattern");
    let written = std::fs::read_to_string(directory.path().join("keys.json")).unwrap();
    assert!(written.contains("\"publish\"") && !written.contains("control"));
    Store::new(directory.path().into()).read().unwrap();
    server.stop().await;
}

#[test]
fn a_key_that_is_added_by_the_old_name_of_its_role_gets_the_new_one_and_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    Store::new(directory.path().into()).open().unwrap();
    let state = directory.path().to_str().unwrap();
    let key = |arguments: &[&str]| {
        let output = pistreamer(&[&["key"], arguments, &["--state-dir", state]].concat()).output();
        let output = output.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = key(&["add", "shed", "--role", "control"]);
    assert!(said.starts_with("shed (publish): "), "{said}");
    assert!(said.contains("control is called publish now"), "{said}");
    let said = key(&["add", "car", "--role", "operate"]);
    assert!(said.starts_with("car (operate): ") && !said.contains("control"));
    let said = key(&["add", "boss", "--role", "god"]);
    assert!(said.contains("view, operate, publish or admin"), "{said}");
    let listed = key(&[]);
    assert!(listed.contains("shed             publish "), "{listed}");
}

/// A row of the table: what is asked for, and which credentials are enough, by the table's columns.
struct Row {
    method: String,
    path: String,
    enough: [bool; 7],
}

/// The columns besides the roles.
const TICKET: usize = 4;
const LINK: usize = 5;
const NOTHING: usize = 6;

/// The rows below this head: the first cell, and which credentials are enough.
fn table(head: &str) -> Vec<(&'static str, [bool; 7])> {
    let text = include_str!("../../../docs/security.md");
    let lines = text.lines().skip_while(|line| !line.starts_with(head));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let first = cells.next().unwrap();
        (
            first,
            std::array::from_fn(|_| cells.next().unwrap() == "yes"),
        )
    });
    cells.collect()
}

impl Row {
    fn all() -> Vec<Self> {
        let mut rows: Vec<_> = table("| request |")
            .into_iter()
            .map(|(request, enough)| {
                let (method, path) = request.trim_matches('`').split_once(' ').unwrap();
                let (method, path) = (
                    method.into(),
                    path.replace("sessions/ID", "sessions/aaaaaaaa"),
                );
                Self {
                    method,
                    path,
                    enough,
                }
            })
            .collect();
        assert!(rows.len() > 20, "the table is not found");
        // By other names, as the protocol has them.
        for (alias, path) in [
            ("/?action=stream", "/stream"),
            ("/?action=snapshot", "/snapshot"),
        ] {
            let enough = rows.iter().find(|row| row.path == path).unwrap().enough;
            // Before the one that ends the session.
            rows.insert(
                0,
                Self {
                    method: "GET".into(),
                    path: alias.into(),
                    enough,
                },
            );
        }
        rows
    }

    /// Whether it is about one camera.
    fn has_camera(&self) -> bool {
        let of_a_camera = [
            "stream",
            "snapshot",
            "video",
            "/ws",
            "/ingest",
            "/controls",
            "/presets",
            "/settings",
            "/restart",
            "/recordings/",
        ];
        // What happens is told in a body.
        let is_listed = self.method == "GET" && self.path == "/api/v1/events";
        is_listed || of_a_camera.iter().any(|part| self.path.contains(part))
    }

    /// The status for a request that is let in. Nothing is upgraded.
    fn answered(&self, page: u16) -> u16 {
        match (self.method.as_str(), self.path.as_str()) {
            ("GET", "/" | "/embed" | "/clip") => page,
            // A span is to be said.
            ("POST", "/api/v1/recordings/links") => 400,
            ("GET", "/api/v1/recordings/links") => 200,
            ("GET", "/ws" | "/api/v1/ws" | "/ingest") => 426,
            ("POST", "/api/v1/session" | "/api/v1/keys" | "/api/v1/events")
            | ("PUT", "/api/v1/wall" | "/api/v1/alerts/armed") => 400,
            ("POST", path) if path.ends_with("/links") => 404,
            ("POST", path) if path.ends_with("/restart") => 202,
            // Nothing is recorded.
            ("GET", path) if path.starts_with("/api/v1/recordings") => 404,
            ("DELETE", "/api/v1/session") => 204,
            ("DELETE", path) if path.contains("/presets/") => 204,
            // There is no control of that name, and nothing that it is to have.
            ("DELETE", path) if path.ends_with("/controls") => 200,
            ("DELETE", path) if path.contains("/controls/") => 422,
            ("PUT", path) if path.contains("/controls") => 400,
            ("GET", path) if path.ends_with("NAME") => 404,
            ("DELETE", _) => 404,
            // Nothing is set, and this server follows no configuration.
            ("PATCH", _) => 400,
            ("GET", path) if path.ends_with("/settings") => 409,
            // Nothing is pushed to the second camera.
            ("GET", "/healthz") => 503,
            _ => 200,
        }
    }
}

/// What a request shows.
struct Shown {
    what: String,
    headers: String,
    query: String,
    /// The column of the table.
    column: usize,
    /// Whether it is for the camera that is asked for.
    for_camera: bool,
}

impl Shown {
    fn key(what: &str, key: &str, column: usize) -> Self {
        Self {
            what: what.into(),
            headers: format!("Authorization: Bearer {key}\r\n"),
            query: String::new(),
            column,
            for_camera: true,
        }
    }
}

/// The status of an answer, of which nothing else is read.
async fn status(server: SocketAddr, method: &str, path: &str, headers: &str) -> u16 {
    let mut stream = BufReader::new(TcpStream::connect(server).await.unwrap());
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = String::new();
    let reading = timeout(PATIENCE, stream.read_line(&mut line)).await;
    reading.expect("no answer").unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A key with limits.
fn add(store: &Store, name: &str, limited: impl FnOnce(&mut Entry)) -> String {
    let key = Key::random().unwrap();
    let mut entry = Entry::new(name.parse().unwrap(), Role::View, Secret::Key(key.clone()));
    limited(&mut entry);
    store.change(|keys| keys.keys.push(entry)).unwrap();
    key.as_str().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_each_role_and_credential_as_the_table_says() {
    let locked = Locked::start();
    let server = locked.server.address;
    let owner = format!("Authorization: Bearer {}\r\n", locked.key());
    let cameras = locked.get("/api/v1/cameras", &owner).await;
    let cameras: Value = serde_json::from_str(&cameras.body).unwrap();
    let id = |number: usize| {
        cameras["cameras"][number]["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (looked_at, pushed_to) = (id(0), id(1));

    let mut all = Vec::new();
    for (column, role) in Role::ALL.into_iter().enumerate() {
        all.push(Shown::key(
            role.name(),
            &locked.add(role.name(), role),
            column,
        ));
    }
    let past = add(&locked.store, "past", |entry| entry.expires_us = Some(1));
    all.push(Shown::key("an expired key", &past, NOTHING));
    // For the one that is pushed to, who looks; and for the one that is looked at, who pushes.
    let elsewhere = [
        ("looks", Role::View, &pushed_to),
        ("pushes", Role::Publish, &looked_at),
    ];
    for (name, role, camera) in elsewhere {
        let key = add(&locked.store, name, |entry| {
            entry.role = role;
            entry.cameras = Some(vec![camera.clone()]);
        });
        let column = if role == Role::View { 0 } else { 2 };
        let mut shown = Shown::key(&format!("{name} elsewhere"), &key, column);
        shown.for_camera = false;
        locked.until("/api/v1/cameras", &shown.headers, 200).await;
        all.push(shown);
    }
    for role in Role::ALL {
        let key = all.iter().find(|shown| shown.what == role.name()).unwrap();
        let key = key.headers.trim().rsplit(' ').next().unwrap();
        let mut shown = Shown::key(&format!("a session of {role}"), "", all[0].column);
        shown.headers = format!("Cookie: {}\r\n", locked.session(key).await);
        shown.column = Role::ALL.iter().position(|other| *other == role).unwrap();
        all.push(shown);
    }
    for (what, camera) in [("a ticket", &looked_at), ("a ticket elsewhere", &pushed_to)] {
        let body = format!(r#"{{"camera":"{camera}"}}"#);
        let ticket = locked.post("/api/v1/tickets", &owner, &body).await;
        let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
        all.push(Shown {
            what: what.into(),
            headers: String::new(),
            query: format!("ticket={}", ticket["ticket"].as_str().unwrap()),
            column: TICKET,
            for_camera: *camera == looked_at,
        });
    }
    for (what, camera) in [("a link", &looked_at), ("a link elsewhere", &pushed_to)] {
        let clip = Clip {
            from_us: 0,
            to_us: 1_000_000,
            by: "owner".parse().unwrap(),
        };
        let key = add(&locked.store, &what.replace(' ', "-"), |entry| {
            entry.cameras = Some(vec![camera.clone()]);
            entry.clip = Some(clip);
        });
        let mut shown = Shown::key(what, &key, LINK);
        shown.for_camera = *camera == looked_at;
        locked
            .until("/api/v1/recordings", &shown.headers, 404)
            .await;
        all.push(shown);
    }
    all.push(Shown::key(
        "a wrong key",
        "aaaaaaaaaaaaaaaaaaaaaaaaaa",
        NOTHING,
    ));
    let mut nothing = Shown::key("nothing", "", NOTHING);
    nothing.headers.clear();
    all.push(nothing);

    let page = status(server, "GET", "/", &owner).await;
    assert!(
        matches!(page, 200 | 503),
        "{page}: the viewer may not be built"
    );
    let rows = Row::all();
    for shown in &all {
        for row in &rows {
            let camera = if row.path == "/ingest" {
                &pushed_to
            } else {
                &looked_at
            };
            let separator = if row.path.contains('?') { '&' } else { '?' };
            let path = row.path.replace("/ID/", &format!("/{camera}/"));
            let path = format!("{path}{separator}camera={camera}&{}", shown.query);
            // Who pushes elsewhere may look there all the same, and who looks elsewhere pushes nowhere.
            let for_camera = shown.for_camera
                || !row.has_camera()
                || (shown.what == "pushes elsewhere" && row.path != "/ingest");
            let expected = match (row.enough[shown.column], for_camera) {
                (true, true) => row.answered(page),
                (false, _) if shown.column == NOTHING => 401,
                // A person may have another key to show there.
                (false, _) if shown.column == LINK && matches!(&*row.path, "/" | "/embed") => 401,
                _ => 403,
            };
            let got = status(server, &row.method, &path, &shown.headers).await;
            assert_eq!(got, expected, "{} {path} with {}", row.method, shown.what);
        }
    }
    locked.server.stop().await;
}

/// The code with which a command is answered.
async fn commanded(server: &TestServer, path: &str, headers: &[(&'static str, &str)]) -> String {
    let viewer = TestViewer::connect_with(server, path, headers).await;
    let mut viewer = viewer.unwrap();
    // Which controls there are is known once the camera is live.
    viewer.frame().await;
    let (name, value) = ("no such".to_owned(), 1.0.into());
    let values = [(name.clone(), value)].into();
    let commands = [
        ViewerMessage::Reset {
            names: Some(vec![name.clone()]),
            id: None,
        },
        ViewerMessage::Set {
            values,
            confirmed: false,
            id: None,
        },
        ViewerMessage::Control {
            name,
            value: 1.0.into(),
            confirmed: false,
        },
    ];
    let mut codes = Vec::new();
    for command in commands {
        viewer.say(command).await;
        codes.push(loop {
            if let ServerMessage::Error { code, .. } = viewer.told().await {
                break code;
            }
        });
    }
    codes.dedup();
    assert_eq!(codes.len(), 1, "{codes:?}");
    codes.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_only_looks_with_the_session_of_its_visitor() {
    let dashboard = "http://dash.example";
    let locked = Locked::start_with(|typed| typed.allow_origin = vec![dashboard.into()]);
    let key = locked.key();
    let cookie = locked.session(&key).await;
    let own = format!("http://{}", locked.server.address);
    let with_key = format!("/ws?key={key}");
    for (path, cookie, origin, expected) in [
        ("/ws", &*cookie, &*own, "unknown-control"),
        ("/ws", &cookie, dashboard, "forbidden"),
        (&with_key, "", dashboard, "unknown-control"),
    ] {
        let headers = [("Cookie", cookie), ("Origin", origin)];
        let code = commanded(&locked.server, path, &headers).await;
        assert_eq!(code, expected, "{path} from {origin}");
    }
    for (method, path) in [
        ("GET", "/api/v1/sessions"),
        ("DELETE", "/api/v1/sessions/aaaaaaaa"),
        ("GET", "/ingest"),
    ] {
        let ask = async |origin: &str| {
            let headers = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\n");
            status(locked.server.address, method, path, &headers).await
        };
        assert_eq!(ask(dashboard).await, 403, "{method} {path}");
        assert_ne!(ask(&own).await, 403, "{method} {path}");
    }
    locked.server.stop().await;

    let open = TestServer::start(|typed| typed.allow_origin = vec![dashboard.into()]);
    let own = format!("http://{}", open.address);
    for (origin, expected) in [(&*own, "unknown-control"), (dashboard, "forbidden")] {
        let code = commanded(&open, "/ws", &[("Origin", origin)]).await;
        assert_eq!(code, expected, "{origin}");
    }
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_needs_the_role_for_it() {
    let locked = Locked::start();
    let mut ways: Vec<_> = Role::ALL
        .into_iter()
        .map(|role| {
            let path = format!("/ws?key={}", locked.add(role.name(), role));
            (path, role.includes(Role::Operate))
        })
        .collect();
    let (last, _) = ways.last().unwrap();
    let last = last.replace("/ws", "/api/v1/cameras");
    locked.until(&last, "", 200).await;
    let owner = format!("Authorization: Bearer {}\r\n", locked.key());
    let ticket = locked.post("/api/v1/tickets", &owner, "").await;
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap();
    ways.push((format!("/ws?ticket={ticket}"), false));
    for (path, may) in ways {
        let mut viewer = TestViewer::connect_with(&locked.server, &path, &[])
            .await
            .unwrap();
        let hello = viewer.hello().await;
        assert!(may || hello.controls.is_empty(), "{path}: {hello:?}");
        viewer
            .say(ViewerMessage::Control {
                name: "ExposureValue".into(),
                value: 1.0.into(),
                confirmed: false,
            })
            .await;
        let (code, message) = loop {
            if let ServerMessage::Error { code, message, .. } = viewer.told().await {
                break (code, message);
            }
        };
        if may {
            assert_eq!(code, "unknown-control");
        } else {
            assert_eq!(code, "forbidden");
            assert!(message.contains("role operate"), "{message}");
        }
        // It looks on.
        let seq = viewer.frame().await.stamp.seq;
        assert!(viewer.frame().await.stamp.seq > seq);
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_taken_from_each_role_and_credential_as_the_table_says() {
    let locked = Locked::start();
    let mut ways: Vec<_> = Role::ALL
        .into_iter()
        .map(|role| format!("/ws?key={}", locked.add(role.name(), role)))
        .collect();
    let last = ways.last().unwrap().replace("/ws", "/api/v1/cameras");
    locked.until(&last, "", 200).await;
    let owner = format!("Authorization: Bearer {}\r\n", locked.key());
    let ticket = locked.post("/api/v1/tickets", &owner, "").await;
    let ticket: Value = serde_json::from_str(&ticket.body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap();
    ways.push(format!("/ws?ticket={ticket}"));
    let messages: Vec<_> = table("| message |")
        .into_iter()
        .filter_map(|(cell, enough)| Some((cell.strip_suffix(" at `/ws`")?, enough)))
        .collect();
    assert!(messages.len() >= 6, "the table is not found");
    for (column, way) in ways.iter().enumerate() {
        let viewer = TestViewer::connect_with(&locked.server, way, &[]).await;
        let mut viewer = viewer.unwrap();
        viewer.frame().await;
        for (message, enough) in &messages {
            let kind = message.trim_matches('`');
            let mut said = json!({"type": kind, "seq": 0, "name": "no such", "value": 1.0, "values": {"no such": 1.0}, "want": "take"});
            // What is answered otherwise than by an error has no id.
            if ["play", "step", "live"].contains(&kind) {
                said["id"] = 1.into();
                said["by"] = 1.into();
            }
            viewer.say_raw(Message::text(said.to_string())).await;
            viewer.say(ViewerMessage::Ping { id: Some(77) }).await;
            let mut forbidden = false;
            loop {
                match viewer.told().await {
                    ServerMessage::Error { code, .. } => forbidden |= code == "forbidden",
                    ServerMessage::Pong { id: Some(77), .. } => break,
                    _ => {}
                }
            }
            assert_eq!(forbidden, !enough[column], "{kind} from {way}");
        }
    }
    for way in ["/ws", "/ws?key=wrong"] {
        let refused = TestViewer::connect_with(&locked.server, way, &[]).await;
        assert!(refused.is_err() && messages.iter().all(|(_, enough)| !enough[NOTHING]));
    }
    locked.server.stop().await;
}

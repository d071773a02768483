//! Who is let in, asked as programs, browsers and attackers ask.

use crate::support::{Flags, TestServer, TestViewer};
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use serde_json::Value;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

/// A server that lets nobody in without a key, and the store of its keys.
pub(crate) struct Locked {
    pub server: TestServer,
    pub store: Store,
    directory: TempDir,
}

impl Locked {
    pub(crate) fn start() -> Self {
        Self::start_with(|_| ())
    }

    pub(crate) fn start_with(change: impl FnOnce(&mut Flags)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), change)
    }

    fn start_in(directory: TempDir, change: impl FnOnce(&mut Flags)) -> Self {
        let store = Store::new(directory.path().join("state"));
        let server = TestServer::start(|typed| {
            typed.no_auth = false;
            typed.state_dir = Some(directory.path().join("state"));
            typed.source = vec!["pattern".into(), "ingest".into()];
            typed.trusted_proxy = vec!["127.0.0.1".parse().unwrap()];
            change(typed);
        });
        Self {
            server,
            store,
            directory,
        }
    }

    /// The same server again, on another port.
    pub(crate) async fn restart(self) -> Self {
        let Self {
            server, directory, ..
        } = self;
        server.stop().await;
        Self::start_in(directory, |_| ())
    }

    /// Where the server keeps its keys.
    pub(crate) fn state(&self) -> &Path {
        self.store.directory()
    }

    pub(crate) fn key(&self) -> String {
        self.store.read().unwrap().owners().unwrap().as_str().into()
    }

    /// A further key.
    pub(crate) fn add(&self, name: &str, role: Role) -> String {
        let key = Key::random().unwrap();
        let secret = Secret::Key(key.clone());
        let entry = Entry::new(name.parse().unwrap(), role, secret);
        self.store.change(|keys| keys.keys.push(entry)).unwrap();
        key.as_str().into()
    }

    pub(crate) fn remove(&self, name: &str) {
        self.store
            .change(|keys| keys.keys.retain(|entry| entry.name.as_str() != name))
            .unwrap();
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let bytes = self.server.request(method, path, headers).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Answer {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.into(),
            body: body.into(),
        }
    }

    pub(crate) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers).await
    }

    /// Asks until the server has noticed a change of its keys.
    pub(crate) async fn until(&self, path: &str, headers: &str, status: u16) -> Answer {
        loop {
            let answer = self.get(path, headers).await;
            if answer.status == status {
                return answer;
            }
        }
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = format!("{headers}Content-Length: {}\r\n\r\n{body}", body.len());
        // What the helper puts behind it as the end of the headers comes after the body, where nobody reads it.
        self.ask("POST", path, &length).await
    }

    /// The cookie for a key.
    pub(crate) async fn session(&self, key: &str) -> String {
        let body = format!(r#"{{"key":"{key}"}}"#);
        let answer = self.post("/api/v1/session", "", &body).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
        let cookie = answer.header("set-cookie");
        assert!(
            cookie.contains("; HttpOnly") && cookie.contains("; SameSite=Lax"),
            "{cookie}"
        );
        cookie.split(';').next().unwrap().into()
    }
}

pub(crate) struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
            .next()
            .unwrap_or_default()
    }
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Authorization: Basic {text}\r\n")
}

/// Every path on which there is something to see or do, and whether a browser asks for a password there.
const GUARDED: [(&str, bool); 12] = [
    ("/stream.mjpg", true),
    ("/stream", true),
    ("/video.mjpg", true),
    ("/?action=stream", true),
    ("/?action=snapshot", true),
    ("/snapshot.jpg", true),
    ("/snapshot", true),
    ("/api/v1/status", true),
    // The page asks every few seconds: the browser would open a window of its own where a session ends.
    ("/api/v1/cameras", false),
    ("/metrics", true),
    ("/ws", false),
    ("/ingest", false),
];

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_there_is_nothing_to_see() {
    let locked = Locked::start();
    for (path, asks) in GUARDED {
        for headers in ["", "Cookie: pistreamer-open=session.owner.9.x\r\n"] {
            let answer = locked.get(path, headers).await;
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(
                answer.header("www-authenticate").starts_with("Basic"),
                asks,
                "{path}"
            );
            let head = locked.ask("HEAD", path, headers).await;
            assert_eq!(head.status, 401, "HEAD {path}");
        }
    }
    for path in ["/", "/embed"] {
        let answer = locked.get(path, "").await;
        assert_eq!(answer.status, 401);
        assert!(answer.body.contains("Access key"), "{}", answer.body);
        assert!(
            answer
                .header("content-security-policy")
                .contains("frame-ancestors 'self'")
        );
    }
    for path in ["//", "/index.html"] {
        assert_eq!(locked.get(path, "").await.status, 404, "{path}");
    }
    // Asked before anybody shows anything.
    assert_eq!(locked.ask("OPTIONS", "/stream.mjpg", "").await.status, 204);
    let health = locked.get("/healthz", "").await;
    assert!(!health.body.contains("push"), "{}", health.body);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_show_the_key_in_the_way_that_they_can() {
    let locked = Locked::start();
    let key = locked.key();
    for (path, headers) in [
        ("/snapshot.jpg".to_owned(), basic("camera", &key)),
        ("/snapshot.jpg".to_owned(), basic("owner", &key)),
        ("/?action=snapshot".to_owned(), basic("camera", &key)),
        (
            "/snapshot.jpg".to_owned(),
            format!("Authorization: Bearer {key}\r\n"),
        ),
        (format!("/snapshot.jpg?key={key}"), String::new()),
        (format!("/metrics?key={key}"), String::new()),
    ] {
        let answer = locked.get(&path, &headers).await;
        assert_eq!(answer.status, 200, "{path} {headers}");
    }
    let mut viewer = TestViewer::connect_with(&locked.server, &format!("/ws?key={key}"), &[])
        .await
        .unwrap();
    viewer.frame().await;
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_good_for_what_it_says() {
    let locked = Locked::start();
    let owner = locked.key();
    let viewer = locked.add("door", Role::View);
    let pusher = locked.add("shed", Role::Publish);
    locked
        .until(&format!("/api/v1/cameras?key={viewer}"), "", 200)
        .await;
    let _looking = TestViewer::connect_with(&locked.server, &format!("/ws?key={viewer}"), &[])
        .await
        .unwrap();
    for (key, ingests, sees_addresses) in [
        (&viewer, false, false),
        (&pusher, true, false),
        (&owner, true, true),
    ] {
        let headers = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        let ingest = locked.get(&format!("/ingest?key={key}"), headers).await;
        assert_eq!(ingest.status, if ingests { 426 } else { 403 });
        let status = locked.get(&format!("/api/v1/status?key={key}"), "").await;
        let status: Value = serde_json::from_str(&status.body).unwrap();
        assert_eq!(status["viewers"][0]["address"].is_string(), sees_addresses);
    }
    locked.server.stop().await;
}

#[tokio::test]
async fn a_frame_of_a_page_that_may_not_show_the_camera_says_so() {
    let open = TestServer::start(|typed| typed.allow_origin = vec!["http://dash.example".into()]);
    let own = format!("http://{}/", open.address);
    let evil = "http://evil.example/a/b";
    let by_another = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: ";
    for (path, referer, site_and, dest, refused) in [
        ("/embed", evil, "", "", true),
        ("/embed?camera=0", evil, "", "", true),
        ("/", evil, by_another, "iframe\r\n", true),
        ("/embed", evil, by_another, "object\r\n", true),
        // A link.
        ("/embed", evil, by_another, "document\r\n", false),
        ("/", evil, "", "", false),
        // They may.
        (
            "/embed",
            "http://dash.example/",
            by_another,
            "iframe\r\n",
            false,
        ),
        ("/embed", own.as_str(), "", "", false),
        // The browser has to judge, and knows more than a proxy may have told.
        ("/embed", "", by_another, "iframe\r\n", false),
        (
            "/embed",
            evil,
            "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: ",
            "iframe\r\n",
            false,
        ),
    ] {
        let headers = format!("Referer: {referer}\r\n{site_and}{dest}");
        let answer = open.request("GET", path, &headers).await;
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        let is_refused = answer.starts_with("http/1.1 403");
        assert_eq!(is_refused, refused, "{path} {headers}: {answer}");
        if refused {
            assert!(
                answer.contains("--allow-origin http://evil.example "),
                "{answer}"
            );
            assert!(
                answer.contains("text/plain") && !answer.contains("frame-ancestors"),
                "{answer}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_is_slowed_down_by_address_and_the_owner_is_not() {
    let locked = Locked::start();
    let guess = |from: &str| {
        format!(
            "X-Forwarded-For: 198.51.100.1, {from}\r\n{}",
            basic("camera", "guess")
        )
    };
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(
            locked
                .get("/snapshot.jpg", &guess("192.0.2.1"))
                .await
                .status,
        );
    }
    assert_eq!(statuses, [401, 401, 401, 401, 429, 429]);
    let answer = locked.get("/snapshot.jpg", &guess("192.0.2.1")).await;
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(
        locked
            .get("/snapshot.jpg", &guess("192.0.2.2"))
            .await
            .status,
        401
    );
    let right = format!(
        "X-Forwarded-For: 192.0.2.1\r\n{}",
        basic("camera", &locked.key())
    );
    assert_eq!(locked.get("/snapshot.jpg", &right).await.status, 200);
    let metrics = locked.get("/metrics", &right).await.body;
    assert!(
        metrics.contains("pistreamer_refused_total{reason=\"wrong-key\"} 5\n"),
        "{metrics}"
    );
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_ours_gets_nothing_even_without_keys() {
    let server = TestServer::start(|typed| typed.host = vec!["cam.example.org".into()]);
    let status = async |host: &str| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        let request =
            format!("GET /api/v1/cameras HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split(' ').nth(1).unwrap().parse::<u16>().unwrap()
    };
    assert_eq!(status("rebound.evil.example:8000").await, 421);
    for host in ["cam.example.org", "192.168.1.5:8000", "pi.local:8000", "pi"] {
        assert_eq!(status(host).await, 200, "{host}");
    }
    server.stop().await;
}

#[test]
fn keys_are_shown_rotated_added_and_removed_by_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str], typed: &str| {
        use std::io::Write;
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_pistreamer"))
            .arg("key")
            .args(arguments)
            .args(["--state-dir", directory.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may not want to read it.
        let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    };
    let store = Store::new(directory.path().into());
    let (shown, said) = run(&[], "");
    assert!(!shown && said.contains("--state-dir"), "{said}");
    assert!(store.read().is_err(), "it made a key that no server has");
    store.open().unwrap();
    let (_, shown) = run(&[], "");
    let key = store.read().unwrap().owners().unwrap().as_str().to_owned();
    assert!(shown.contains("http://localhost:8000/#code="), "{shown}");
    assert!(!shown.contains("#key="), "{shown}");
    store.note_addresses(&["https://192.0.2.5:8443/".into()]);
    let (_, shown) = run(&["show"], "");
    assert!(shown.contains("https://192.0.2.5:8443/#code="), "{shown}");
    let (_, rotated) = run(&["rotate"], "");
    assert!(rotated.starts_with("owner: ") && !rotated.contains(&key));
    assert!(run(&["add", "door"], "").1.starts_with("door (view): "));
    assert!(!run(&["add", "door"], "").0);
    let (short, said) = run(&["add", "anna", "--role", "admin", "--password"], "1234\n");
    assert!(!short && said.contains("too short"), "{said}");
    let (added, said) = run(
        &["add", "anna", "--role", "admin", "--password"],
        "correct horse\n",
    );
    assert!(added && !said.contains("horse"), "{said}");
    let kept = std::fs::read_to_string(store.path()).unwrap();
    assert!(!kept.contains("horse") && kept.contains("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(run(&["remove", "owner"], "").0);
    assert!(!run(&["remove", "bert"], "").0);
    assert!(!run(&["add", "Bad Name"], "").0);
    assert!(run(&["remove", "door"], "").0);
    let (last, said) = run(&["remove", "anna"], "");
    assert!(!last && said.contains("only key"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_no_guess() {
    let locked = Locked::start();
    // ":", as some programs send it where nobody gave them user and password.
    for _ in 0..20 {
        let answer = locked
            .get("/snapshot.jpg", "Authorization: Basic Og==\r\n")
            .await;
        assert_eq!(answer.status, 401, "{}", answer.body);
    }
    locked.server.stop().await;
}

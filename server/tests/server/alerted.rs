//! Alerts: what receivers of each kind get, when they fail, and when the server does.

use crate::process::{pistreamer, refused, said, started, started_with, terminate};
use crate::support::Running;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Debug)]
struct Came {
    /// The first line and the headers.
    head: String,
    body: Vec<u8>,
    at: Instant,
}

impl Came {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// What an HTTP server answers.
type Answers = Arc<Mutex<Vec<&'static str>>>;

/// No answer, ever.
const HANG: &str = "";

/// An HTTP server that answers these to the first requests, and success to the others.
struct Server {
    url: String,
    came: Receiver<Came>,
}

impl Server {
    fn start(answers: &[&'static str]) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answers)
    }

    fn on(listener: TcpListener, answers: &[&'static str]) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Answers = Arc::new(Mutex::new(answers.iter().rev().copied().collect()));
        let (tell, came) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, tell) = (Arc::clone(&answers), tell.clone());
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(came) = read(&mut stream) else {
                        return;
                    };
                    let answer = answers.lock().unwrap().pop();
                    // The test may be over.
                    let _ = tell.send(came);
                    match answer {
                        Some(HANG) => thread::sleep(Duration::from_secs(3600)),
                        Some(answer) => write!(stream, "HTTP/1.1 {answer}\r\n\r\n").unwrap(),
                        None => {
                            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap()
                        }
                    }
                });
            }
        });
        Self { url, came }
    }

    fn next(&self) -> Came {
        self.came.recv_timeout(PATIENCE).expect("no request came")
    }
}

/// A whole request, with its body.
fn read(stream: &mut TcpStream) -> Option<Came> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut some = [0; 4096];
        let count = stream.read(&mut some).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&some[..count]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut body = bytes[end..].to_vec();
    let length: usize = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .unwrap()
        .parse()
        .unwrap();
    let read = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[read..]).ok()?;
    let at = Instant::now();
    Some(Came { head, body, at })
}

/// A server with the test pattern, without keys, and what its state is in.
struct Watched {
    child: Running,
    url: String,
}

impl Watched {
    fn start(state: &Path, arguments: &[&str]) -> Self {
        let (child, url) = started(Self::command(state, arguments));
        Self {
            child: Running(child),
            url,
        }
    }

    fn command(state: &Path, arguments: &[&str]) -> Command {
        let usual = [
            "--listen",
            "127.0.0.1:0",
            "--no-auth",
            "--source",
            "pattern",
            "--size",
            "320x240",
            "--fps",
            "10",
        ];
        let mut command = pistreamer(&usual);
        command.args(arguments).arg("--state-dir").arg(state);
        command
    }

    /// Asks it by HTTP.
    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let address = self.url.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn json(&self, method: &str, path: &str, body: &str) -> Value {
        let answer = self.ask(method, path, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// A program tells of an event that lasts half a second.
    fn ring(&self, label: &str) {
        self.ring_for(label, 0.5);
    }

    fn ring_for(&self, label: &str, seconds: f64) {
        let told = json!({"label": label, "seconds": seconds});
        self.json("POST", "/api/v1/events", &told.to_string());
    }

    /// What is told of alerts, once it is like that.
    fn told(&self, is: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let told = self.json("GET", "/api/v1/alerts", "");
            if is(&told) {
                return told;
            }
            assert!(since.elapsed() < PATIENCE, "{told}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A program that writes down what it is told, and copies the picture.
fn program(directory: &Path) -> PathBuf {
    let path = directory.join("bell.sh");
    let text = "#!/bin/sh\ncd \"${0%/*}\"\nenv > environment\ncat > new\npicture=$(sed 's/.*\"picture\":\"\\([^\"]*\\)\".*/\\1/' new)\n\
        [ -f \"$picture\" ] && cp \"$picture\" picture.jpg\ncat new >> told\n";
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn waiting(state: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state.join("alerts")) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with('0') && !name.ends_with(".new"))
        .collect()
}

fn until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn each_kind_of_receiver_is_told_an_event_with_its_picture_and_programs_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let [ntfy, hook, telegram] = [(); 3].map(|()| Server::start(&[]));
    let program = program(directory.path());
    let server = Watched::start(
        &directory.path().join("state"),
        &[
            "--alert",
            &format!("ntfy:{}/topic", ntfy.url),
            "--alert",
            &format!("{}/hook?picture=1", hook.url),
            "--alert",
            &format!("telegram:{}/1:A@42", telegram.url),
            "--alert",
            &format!("exec:{}", program.display()),
            "--public-url",
            "https://home.example/cam",
        ],
    );
    server.ring("bell");
    let came = ntfy.next();
    assert!(
        came.head.starts_with("PUT /topic HTTP/1.1\r\n"),
        "{}",
        came.head
    );
    assert!(
        came.header("Title").unwrap().ends_with(": bell"),
        "{}",
        came.head
    );
    assert!(
        came.header("Message").unwrap().starts_with("bell at "),
        "{}",
        came.head
    );
    assert_eq!(
        came.header("Click"),
        Some("https://home.example/cam/?camera=pattern")
    );
    let picture = jpeg_decoder::Decoder::new(&*came.body).decode();
    assert_eq!(picture.unwrap().len(), 320 * 240 * 3);
    let came = telegram.next();
    assert!(
        came.head.starts_with("POST /bot1:A/sendPhoto HTTP/1.1\r\n"),
        "{}",
        came.head
    );
    let kind = came.header("Content-Type").unwrap();
    assert!(kind.starts_with("multipart/form-data; boundary="), "{kind}");
    let came = hook.next();
    let text = String::from_utf8_lossy(&came.body).into_owned();
    assert!(
        text.contains(r#""kind":"event","state":"start""#) && text.contains("JFIF"),
        "{text}"
    );
    assert!(String::from_utf8_lossy(&hook.next().body).contains(r#""state":"end""#));
    let told = || fs::read_to_string(directory.path().join("told")).unwrap_or_default();
    until("the program is not told twice", || {
        told().lines().count() == 2
    });
    let told = told();
    let told: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (&told[0]["state"], &told[1]["state"]),
        (&json!("start"), &json!("end"))
    );
    assert_eq!(
        (&told[0]["label"], &told[0]["camera"]),
        (&json!("bell"), &json!("pattern"))
    );
    // Of the server's, cargo's variables are there, too.
    let environment = fs::read_to_string(directory.path().join("environment")).unwrap();
    assert!(
        environment.contains("PATH=") && !environment.contains("CARGO"),
        "{environment}"
    );
    assert!(
        fs::read(directory.path().join("picture.jpg"))
            .unwrap()
            .starts_with(b"\xff\xd8")
    );
    let told = server.told(|told| {
        told["receivers"]
            .as_array()
            .unwrap()
            .iter()
            .all(|it| it["waiting"] == 0)
    });
    let sent: Vec<_> = told["receivers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["sent"].as_u64().unwrap())
        .collect();
    assert_eq!(sent, [1, 2, 1, 2], "{told}");
    until("what was told stays on the disk", || {
        waiting(&directory.path().join("state")).is_empty()
    });
    assert!(
        server
            .ask("GET", "/metrics", "")
            .contains("\npistreamer_alerts_sent_total 6\n")
    );
}

#[test]
fn a_receiver_that_hangs_holds_up_no_other_and_one_that_says_when_is_asked_then() {
    let state = tempfile::tempdir().unwrap();
    let hangs = Server::start(&[HANG]);
    let late = Server::start(&["429 Too Many Requests\r\nRetry-After: 2"]);
    let refuses =
        Server::start(&["422 Unprocessable Content\r\nContent-Length: 8\r\n\r\nno topic"]);
    // As a proxy says while what is behind it starts.
    let away = Server::start(&[
        "404 Not Found\r\nContent-Length: 24\r\n\r\nCannot POST /hook/s3cret",
        HANG,
    ]);
    // Its head says that it has the message.
    let sloppy = Server::start(&["200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno length"]);
    let picky = Server::start(&["413 Content Too Large"]);
    let quick = Server::start(&[]);
    let mut arguments = Vec::new();
    let urls: Vec<_> = [&hangs, &late, &refuses, &quick]
        .map(|it| it.url.clone())
        .into();
    let picky_url = format!("ntfy:{}/topic", picky.url);
    let away_url = format!("{}/hook/s3cret", away.url);
    for url in urls.iter().chain([&picky_url, &away_url, &sloppy.url]) {
        arguments.extend(["--alert", url]);
    }
    let server = Watched::start(state.path(), &arguments);
    server.ring("bell");
    assert_eq!(quick.next().json()["state"], "start");
    assert_eq!(quick.next().json()["state"], "end");
    let (first, second) = (late.next(), late.next());
    assert_eq!(first.body, second.body);
    assert!(
        second.at - first.at >= Duration::from_secs(2),
        "{:?}",
        second.at - first.at
    );
    // Without its picture it is taken.
    assert!(picky.next().body.starts_with(b"\xff\xd8"));
    assert!(picky.next().body.starts_with(b"bell at "));
    hangs.next();
    assert_eq!(sloppy.next().json()["state"], "start");
    assert_eq!(sloppy.next().json()["state"], "end", "it was told again");
    // What is not the message's fault is tried again, and shows no secret.
    let (first, second) = (away.next(), away.next());
    assert_eq!(first.body, second.body);
    let told = server
        .told(|told| told["receivers"][2]["given_up"] == 1 && told["receivers"][1]["sent"] == 2);
    let away = &told["receivers"][5];
    assert_eq!(
        (&away["waiting"], &away["reason"]),
        (&json!(2), &json!("it answered 404: Cannot POST /***/***"))
    );
    assert_eq!(told["receivers"][0]["waiting"], 2, "{told}");
    assert_eq!(told["receivers"][2]["sent"], 1, "{told}");
    assert_eq!(told["receivers"][4]["sent"], 1, "{told}");
}

#[test]
fn what_was_not_delivered_when_the_server_was_killed_is_delivered_by_the_next_one() {
    let state = tempfile::tempdir().unwrap();
    // Nobody accepts, and connections end.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}");
    let mut server = Watched::start(state.path(), &["--alert", &url]);
    server.ring("bell");
    // The message with its picture, and its end.
    until("the message is not on the disk", || {
        waiting(state.path()).len() == 4
    });
    server.child.0.kill().unwrap();
    server.child.0.wait().unwrap();
    let receiver = Server::on(TcpListener::bind(address).unwrap(), &[]);
    let server = Watched::start(state.path(), &["--alert", &url]);
    let came = [(); 3].map(|()| receiver.next().json());
    let told = came.map(|it| (it["kind"].clone(), it["state"].clone()));
    let expected = [("event", "start"), ("event", "end"), ("restarted", "once")];
    assert_eq!(
        told,
        expected.map(|(kind, state)| (json!(kind), json!(state)))
    );
    until("what was told stays on the disk", || {
        waiting(state.path()).is_empty()
    });
    drop(server);
}

#[test]
fn what_was_decided_when_the_server_ends_is_told_with_its_end() {
    let state = tempfile::tempdir().unwrap();
    let receiver = Server::start(&[]);
    let arguments = ["--alert", &receiver.url];
    let mut server = Watched::start(state.path(), &arguments);
    // From then on it looks.
    server.told(|told| told["receivers"][0].is_object());
    server.ring_for("bell", 60.0);
    assert!(terminate(&mut server.child.0).success());
    let server = Watched::start(state.path(), &arguments);
    for stage in ["start", "end"] {
        let came = receiver.next().json();
        assert_eq!(
            (&came["label"], &came["state"]),
            (&json!("bell"), &json!(stage))
        );
    }
    // It ended in order.
    server.ring("last");
    assert_eq!(receiver.next().json()["label"], "last");
}

#[test]
fn a_full_disk_keeps_no_message_from_being_told_and_is_told_itself() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let receiver = Server::start(&[]);
    // No file can have a byte.
    let command = Watched::command(&state, &["--alert", &receiver.url]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -f 0; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    limited.env_remove("STATE_DIRECTORY").stdout(Stdio::piped());
    let (child, url) = started_with(limited, Stdio::null());
    let server = Watched {
        child: Running(child),
        url,
    };
    server.ring("bell");
    assert_eq!(receiver.next().json()["state"], "start");
    let told = server.told(|told| told["lost"]["unwritten"].as_u64() >= Some(1));
    let reason = told["reason"].as_str().unwrap();
    assert!(
        reason.contains("do not survive a restart: File too large"),
        "{reason}"
    );
    assert_eq!(waiting(&state), [""; 0]);
}

#[test]
fn a_camera_without_pictures_is_told_when_it_has_lasted_and_at_any_time() {
    let state = tempfile::tempdir().unwrap();
    let receiver = Server::start(&[]);
    let arguments = [
        "--alert",
        &receiver.url,
        "--alert-no-signal",
        "1",
        "--alert-armed",
        "never",
    ];
    let mut command = pistreamer(&["--listen", "127.0.0.1:0", "--no-auth", "--source", "ingest"]);
    command.args(arguments).arg("--state-dir").arg(state.path());
    let (child, url) = started(command);
    let server = Watched {
        child: Running(child),
        url,
    };
    let came = receiver.next().json();
    assert_eq!(
        (&came["kind"], &came["state"]),
        (&json!("no-signal"), &json!("start")),
        "{came}"
    );
    assert_eq!(came["camera"], "ingest");
    let told = server.told(|told| told["receivers"][0]["sent"] == 1);
    assert_eq!(told["troubles"], json!(["ingest: no-signal"]), "{told}");
}

#[test]
fn nothing_is_told_of_events_while_that_is_switched_off() {
    let state = tempfile::tempdir().unwrap();
    let receiver = Server::start(&[]);
    let arguments = [
        "--alert",
        &receiver.url,
        "--alert-cooldown",
        "0",
        "--alert-armed",
        "never",
    ];
    let mut server = Watched::start(state.path(), &arguments);
    // From then on it looks.
    server.told(|told| told["receivers"][0].is_object());
    let armed = |server: &Watched| server.json("GET", "/api/v1/alerts/armed", "");
    assert_eq!(
        armed(&server),
        json!({"armed": false, "by": "schedule", "until_us": null})
    );
    server.ring("unheard");
    let is_over = || {
        let told = server.json("GET", "/api/v1/events", "");
        told["events"][0]["end_us"].is_u64()
    };
    until("what a program told is not over", is_over);
    // It goes on when alerts are armed.
    server.ring_for("heard", 60.0);
    let wrong = server.ask(
        "PUT",
        "/api/v1/alerts/armed",
        r#"{"armed": true, "until_us": 1795874592}"#,
    );
    assert!(
        wrong.starts_with("HTTP/1.1 400") && wrong.contains("µs since 1970"),
        "{wrong}"
    );
    let answer = server.json("PUT", "/api/v1/alerts/armed", r#"{"armed": true}"#);
    assert_eq!(
        answer,
        json!({"armed": true, "by": "hand", "until_us": null})
    );
    let wrong = server.ask("PUT", "/api/v1/alerts/armed", "yes");
    assert!(
        wrong.starts_with("HTTP/1.1 400") && wrong.contains(r#"{"armed": false}"#),
        "{wrong}"
    );
    assert_eq!(receiver.next().json()["label"], "heard");
    // What was said is remembered.
    let state_file = state.path().join("alerts/state.json");
    let remembers =
        || fs::read_to_string(&state_file).is_ok_and(|text| text.contains(r#""armed":true"#));
    until("it is not written down", remembers);
    server.child.0.kill().unwrap();
    server.child.0.wait().unwrap();
    let server = Watched::start(state.path(), &arguments);
    until("it is forgotten", || armed(&server)["armed"] == true);
}

#[test]
fn receivers_are_changed_while_the_server_runs_and_no_secret_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| Server::start(&[]));
    let file = directory.path().join("pistreamer.toml");
    let configure = |to: &str| {
        let state = directory.path().join("state");
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nstate_dir = {state:?}\n[access]\nno_auth = true\n[log]\nlevel = \"debug\"\n\
             [alerts]\nto = {to}\ncooldown = 0\nonly_zones = [\"gardn\"]\n[[camera]]\nsource = \"pattern\"\nsize = \"320x240\"\n"
        );
        let text = text.replace("[log]\nlevel = \"debug\"\n", "");
        fs::write(&file, text).unwrap();
    };
    fs::write(
        directory.path().join("hook"),
        format!("{}/s3cret", second.url),
    )
    .unwrap();
    configure(&format!("[\"ntfy:{}/s3cret\"]", first.url));
    let log = fs::File::create(directory.path().join("log")).unwrap();
    let arguments = ["--config", file.to_str().unwrap(), "--log", "debug"];
    let (child, url) = started_with(pistreamer(&arguments), log.into());
    let server = Watched {
        child: Running(child),
        url,
    };
    server.ring("one");
    assert!(first.next().head.starts_with("PUT /s3cret "));
    let told = server.told(|told| told["unknown"][0].is_string());
    assert_eq!(told["unknown"], json!(["zone gardn"]));
    configure("[\"${file:hook}\"]");
    let at_second = |told: &Value| {
        told["receivers"][0]["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("webhook at 127.0.0.1"))
    };
    server.told(at_second);
    server.ring("two");
    assert_eq!(second.next().json()["label"], "two");
    let shown = said(pistreamer(&[
        "config",
        "show",
        "--config",
        file.to_str().unwrap(),
    ]));
    assert!(
        shown.0 && shown.1.contains("to = [\"${file:"),
        "{}",
        shown.1
    );
    configure(&format!("[\"ntfy:{}/s3cret\"]", first.url));
    let shown = said(pistreamer(&[
        "config",
        "show",
        "--config",
        file.to_str().unwrap(),
    ]));
    let hidden = format!("to = [\"ntfy:{}/***\"]", first.url);
    assert!(
        shown.1.contains(&hidden) && !shown.1.contains("s3cret"),
        "{}",
        shown.1
    );
    // What is wrong changes nothing, and is told.
    configure("[\"ntfy:s3cret\"]");
    let problem =
        || server.json("GET", "/api/v1/status", "")["configuration"]["problems"].to_string();
    until("what is wrong is not told", || {
        problem().contains("ntfy:https://ntfy.sh/TOPIC")
    });
    server.ring("three");
    let log = || fs::read_to_string(directory.path().join("log")).unwrap();
    until("the log does not say that it is told", || {
        log().contains("three")
    });
    assert!(!log().contains("s3cret"), "{}", log());
}

#[test]
fn the_command_tests_each_way_and_says_what_came_back() {
    let [good, bad] = [
        Server::start(&[]),
        Server::start(&["403 Forbidden\r\nContent-Length: 8\r\n\r\nno entry"]),
    ];
    let typed = |urls: &[&str]| {
        let mut command = pistreamer(&["alert", "test"]);
        for url in urls {
            command.args(["--alert", url]);
        }
        said(command)
    };
    let (is_good, text) = typed(&[&good.url]);
    assert!(is_good && text.ends_with(": told\n"), "{text}");
    assert_eq!(good.next().json()["kind"], "test");
    let (is_good, text) = typed(&[&good.url, &bad.url, "exec:/no/such/program"]);
    assert!(
        !is_good && text.contains("not told: it answered 403: no entry"),
        "{text}"
    );
    assert!(
        text.contains("it cannot be started") && text.contains("2 of 3 were not told"),
        "{text}"
    );
    let (is_good, text) = typed(&[]);
    assert!(!is_good && text.contains("give --alert"), "{text}");
}

#[test]
fn what_is_wrong_with_alerts_is_said_with_what_to_write() {
    for (flag, value, says) in [
        ("--alert", "mailto:me", "ntfy:https://ntfy.sh/TOPIC"),
        ("--alert", "telegram:s3cret", "123456:ABC-DEF@987654321"),
        ("--alert-armed", "at night", "22:00-06:30"),
        ("--alert-daily", "8", "08:00"),
        ("--alert-cooldown", "-1", "choose 0 to 86400"),
        ("--public-url", "home", "http://"),
    ] {
        let said = refused(&["--source", "pattern", &format!("{flag}={value}")]);
        assert!(said.contains(says) && !said.contains("s3cret"), "{said}");
    }
}

/// A mosquitto, and what listens and speaks to it.
struct Broker {
    child: Running,
    port: String,
    directory: tempfile::TempDir,
}

impl Broker {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port().to_string();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let passwords = directory.path().join("passwords");
        fs::write(&passwords, "").unwrap();
        let made = Command::new("mosquitto_passwd")
            .arg("-b")
            .arg(&passwords)
            .args(["me", "pa ss"])
            .status();
        assert!(made.unwrap().success());
        let broker = Self {
            child: Running(Self::mosquitto(&port, directory.path())),
            port,
            directory,
        };
        until("mosquitto does not listen", || {
            TcpStream::connect(format!("127.0.0.1:{}", broker.port)).is_ok()
        });
        broker
    }

    fn mosquitto(port: &str, directory: &Path) -> std::process::Child {
        let file = directory.join("mosquitto.conf");
        // It reads its password file as another user.
        let passwords = directory.join("passwords");
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).unwrap();
        let text = format!(
            "listener {port} 127.0.0.1\npassword_file {}\n",
            passwords.display()
        );
        fs::write(&file, text).unwrap();
        let mut mosquitto = Command::new("mosquitto");
        mosquitto
            .arg("-c")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn restart(&mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        self.child = Running(Self::mosquitto(&self.port, self.directory.path()));
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port,
            "-u",
            "me",
            "-P",
            "pa ss",
        ]);
        command
    }

    /// The next message under a topic, or the retained one.
    fn next(&self, topic: &str) -> Vec<u8> {
        let output = self
            .command("mosquitto_sub")
            .args(["-C", "1", "-N", "-W", "30", "-t", topic])
            .output()
            .unwrap();
        assert!(output.status.success(), "nothing under {topic}: {output:?}");
        output.stdout
    }

    /// Waits until that is retained under a topic.
    fn has(&self, topic: &str, payload: &str) {
        until(&format!("{topic} is not {payload}"), || {
            self.next(topic) == payload.as_bytes()
        });
    }

    fn say(&self, topic: &str, payload: &str) {
        self.publish(&["-t", topic, "-m", payload]);
    }

    /// Has it kept for those who come later.
    fn keep(&self, topic: &str, payload: &str) {
        self.publish(&["-r", "-t", topic, "-m", payload]);
    }

    fn publish(&self, arguments: &[&str]) {
        let mut published = self.command("mosquitto_pub");
        assert!(published.args(arguments).status().unwrap().success());
    }

    /// Whether something is retained under a topic.
    fn is_kept(&self, topic: &str) -> bool {
        let mut sub = self.command("mosquitto_sub");
        sub.args(["-C", "1", "--retained-only", "-W", "1", "-t", topic]);
        sub.output().unwrap().status.success()
    }
}

#[test]
fn a_broker_has_states_messages_and_pictures_and_switches_alerts() {
    let state = tempfile::tempdir().unwrap();
    let mut broker = Broker::start();
    let url = format!("mqtt://me:pa%20ss@127.0.0.1:{}", broker.port);
    let mut server = Watched::start(state.path(), &["--alert", &url, "--alert-cooldown", "0"]);
    let node = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let node = node.trim().split('.').next().unwrap();
    let node: String = node
        .chars()
        .map(|it| {
            if it.is_ascii_alphanumeric() || it == '-' {
                it
            } else {
                '_'
            }
        })
        .collect();
    let node = if node == "localhost" {
        "pistreamer".into()
    } else {
        node
    };
    let topic = |name: &str| format!("pistreamer/{node}/{name}");
    broker.has(&topic("online"), "online");
    broker.has(&topic("armed"), "ON");
    broker.has(&topic("pattern/signal"), "ON");
    let found = broker.next(&format!(
        "homeassistant/image/pistreamer_{node}/pattern_picture/config"
    ));
    let found: Value = serde_json::from_slice(&found).unwrap();
    assert_eq!(found["image_topic"], topic("pattern/picture"));
    thread::scope(|scope| {
        let messages = scope.spawn(|| {
            let topic = topic("alert");
            broker
                .command("mosquitto_sub")
                .args(["-C", "2", "-W", "30", "-t", &topic])
                .output()
                .unwrap()
        });
        // It is not retained: who is not there yet does not get it.
        until("nobody is told", || {
            if messages.is_finished() {
                return true;
            }
            server.ring("bell");
            thread::sleep(Duration::from_millis(200));
            false
        });
        let messages = String::from_utf8(messages.join().unwrap().stdout).unwrap();
        assert!(
            messages
                .lines()
                .all(|line| line.contains(r#""label":"bell""#)),
            "{messages}"
        );
    });
    assert!(
        broker
            .next(&topic("pattern/picture"))
            .starts_with(b"\xff\xd8")
    );
    broker.say(&topic("armed/set"), "OFF");
    broker.has(&topic("armed"), "OFF");
    assert_eq!(
        server.json("GET", "/api/v1/alerts/armed", "")["armed"],
        false
    );
    broker.say(&topic("armed/set"), "ON");
    broker.has(&topic("armed"), "ON");
    // What was retained is gone, and comes again.
    broker.restart();
    until("the broker is not told again", || {
        let mut sub = broker.command("mosquitto_sub");
        let output = sub
            .args(["-C", "1", "-N", "-W", "1", "-t", &topic("online")])
            .output()
            .unwrap();
        output.stdout == b"online"
    });
    server.told(|told| told["receivers"][0]["state"] == "ready");
    server.child.0.kill().unwrap();
    server.child.0.wait().unwrap();
    broker.has(&topic("online"), "offline");
    // A camera that was removed meanwhile disappears, and another machine's does not.
    let config =
        |camera: &str| format!("homeassistant/image/pistreamer_{node}/{camera}_picture/config");
    for (camera, id) in [("gone", &found["server_id"]), ("others", &json!("other"))] {
        let picture = topic(&format!("{camera}/picture"));
        broker.keep(&picture, "jpeg");
        let text = json!({"server_id": id, "image_topic": picture});
        broker.keep(&config(camera), &text.to_string());
    }
    let _server = Watched::start(state.path(), &["--alert", &url]);
    for gone in [config("gone"), topic("gone/picture")] {
        until("what was removed stays", || !broker.is_kept(&gone));
    }
    broker.has(&topic("online"), "online");
    assert!(broker.is_kept(&config("others")) && broker.is_kept(&topic("others/picture")));
}

/// A broker's part of a connection, as far as a test needs it: says what comes, and acknowledges messages.
fn broker_that(subscribes: u8) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (tell, came) = channel();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let byte = |stream: &mut TcpStream| {
            let mut byte = [0];
            stream.read_exact(&mut byte).map(|()| byte[0])
        };
        while let Ok(kind) = byte(&mut stream) {
            let (mut length, mut shift) = (0, 0);
            loop {
                let part = byte(&mut stream).unwrap();
                length |= usize::from(part & 0x7f) << shift;
                shift += 7;
                if part & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = match kind >> 4 {
                1 => vec![0x20, 2, 0, 0],
                8 => vec![
                    0x90, 5, body[0], body[1], subscribes, subscribes, subscribes,
                ],
                3 => {
                    let topic = 2 + usize::from(body[1]);
                    let _ = tell.send(String::from_utf8_lossy(&body[2..]).into_owned());
                    vec![0x40, 2, body[topic], body[topic + 1]]
                }
                _ => continue,
            };
            stream.write_all(&answer).unwrap();
        }
    });
    (url, came)
}

#[test]
fn a_broker_that_tells_no_commands_is_told_all_the_same_without_a_switch() {
    let state = tempfile::tempdir().unwrap();
    let (url, came) = broker_that(0x80);
    let server = Watched::start(state.path(), &["--alert", &url]);
    let next = |what: &str| {
        let is = |text: &String| text.contains(what);
        let mut texts = std::iter::from_fn(|| came.recv_timeout(PATIENCE).ok());
        texts.find(is).unwrap_or_else(|| panic!("no {what} came"))
    };
    next("/signal");
    server.ring("bell");
    let text = next(r#""label":"bell""#);
    assert!(text.contains(r#""kind":"event""#), "{text}");
    let told = server.told(|told| told["receivers"][0]["state"] == "ready");
    assert!(told["receivers"][0]["sent"].as_u64() >= Some(1), "{told}");
}

#[test]
fn what_answers_without_end_and_is_no_broker_is_left() {
    let state = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mqtt://{}", listener.local_addr().unwrap());
    let (tell, left) = channel();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        // The answer to a ping, and then more and more.
        let mut bytes: &[u8] = &[0xd0, 0];
        while stream.write_all(bytes).is_ok() {
            bytes = &[0; 4096];
        }
        let _ = tell.send(());
        // The connections behind it are not taken.
        let _listener = listener;
        thread::sleep(Duration::from_secs(3600));
    });
    let server = Watched::start(state.path(), &["--alert", &url]);
    left.recv_timeout(PATIENCE).expect("it reads on and on");
    let told = server.told(|told| told["receivers"][0]["state"] == "failing");
    let reason = told["receivers"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("no MQTT broker"), "{reason}");
}

#[test]
fn a_broker_that_refuses_the_password_is_told_with_what_to_write() {
    let state = tempfile::tempdir().unwrap();
    let broker = Broker::start();
    let server = Watched::start(
        state.path(),
        &["--alert", &format!("mqtt://127.0.0.1:{}", broker.port)],
    );
    let told = server.told(|told| told["receivers"][0]["state"] == "failing");
    let typed = |login: &str| {
        let url = format!("mqtt://{login}127.0.0.1:{}", broker.port);
        said(pistreamer(&["alert", "test", "--alert", &url]))
    };
    let (is_good, text) = typed("me:pa%20ss@");
    assert!(is_good && text.ends_with(": told\n"), "{text}");
    let (is_good, text) = typed("me:wrong@");
    assert!(
        !is_good && text.contains("mqtt://USER:PASSWORD@HOST") && !text.contains("wrong"),
        "{text}"
    );
    let reason = told["receivers"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("mqtt://USER:PASSWORD@HOST"), "{reason}");
}

//! Several machines and a real broker: cameras that appear where they are looked at, what is told when something between is gone,
//! and a broker that brings rubbish.

use crate::relayed::{showing, stop};
use crate::support::{PATIENCE, Running, TestServer, TestViewer, picture};
use pistreamer_protocol::Stamp;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;

/// A nats-server.
struct Broker {
    child: Running,
    port: u16,
    directory: tempfile::TempDir,
}

impl Broker {
    fn start(settings: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let directory = tempfile::tempdir().unwrap();
        let text = format!("listen: \"127.0.0.1:{port}\"\n{settings}\n");
        std::fs::write(directory.path().join("nats.conf"), text).unwrap();
        let child = Running(Self::run(directory.path()));
        let broker = Self {
            child,
            port,
            directory,
        };
        broker.wait();
        broker
    }

    fn run(directory: &Path) -> Child {
        let mut path = std::env::var("PATH").unwrap();
        // Where Debian has it, which is not in everybody's path.
        path.push_str(":/usr/sbin");
        Command::new("nats-server")
            .env("PATH", path)
            .arg("-c")
            .arg(directory.join("nats.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn wait(&self) {
        let began = std::time::Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(&mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    fn start_again(&mut self) {
        self.child = Running(Self::run(self.directory.path()));
        self.wait();
    }

    fn url(&self, login: &str, options: &str) -> String {
        format!("nats://{login}127.0.0.1:{}{options}", self.port)
    }
}

fn publishing(target: String) -> TestServer {
    TestServer::start(|typed| typed.push = vec![target])
}

async fn cameras(server: &TestServer) -> Vec<Value> {
    let all = server.json("/api/v1/cameras").await["cameras"].take();
    all.as_array().unwrap().clone()
}

/// Waits until the cameras are such: each with its id, its state, and the cause of that.
async fn are(server: &TestServer, wanted: &[(&str, &str, &str)]) {
    let seen = async || {
        let cameras = cameras(server).await;
        let text =
            |camera: &Value, name: &str| camera[name].as_str().unwrap_or_default().to_owned();
        let one = |camera| ["id", "state", "cause"].map(|name| text(camera, name));
        cameras.iter().map(one).collect::<Vec<_>>()
    };
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(id, state, cause)| [*id, *state, *cause])
        .collect();
    let wait = async { while seen().await != wanted {} };
    if timeout(PATIENCE, wait).await.is_err() {
        panic!("{:?} do not become {wanted:?}", seen().await);
    }
}

async fn push(server: &TestServer) -> Value {
    // There is none until the camera has started.
    let camera = server.camera().await;
    camera["pushes"]
        .get(0)
        .cloned()
        .unwrap_or_else(|| json!({"state": "", "reason": ""}))
}

async fn push_is(server: &TestServer, such: impl Fn(&Value) -> bool) {
    let wait = async { while !such(&push(server).await) {} };
    if timeout(PATIENCE, wait).await.is_err() {
        panic!("the push does not become so: {}", push(server).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_appear_at_an_edge_are_sent_while_somebody_looks_and_each_loss_is_told_apart() {
    let mut broker = Broker::start("");
    let edge = showing(broker.url("", ""));
    let own = edge.camera().await["id"].as_str().unwrap().to_owned();
    are(&edge, &[(&own, "no-signal", "broker-no-cameras")]).await;
    let door = publishing(broker.url("", "?camera=door"));
    let garage = publishing(broker.url("", "?camera=garage"));
    are(&edge, &[("door", "live", ""), ("garage", "live", "")]).await;
    push_is(&door, |push| push["state"] == "connected").await;
    assert_eq!(push(&door).await["delivered"], 0, "nobody looks");
    let mut viewer = TestViewer::connect_with(&edge, "/ws?camera=door", &[])
        .await
        .unwrap();
    let hello = viewer.hello().await;
    assert!(hello.camera.test_pattern && hello.width > 0, "{hello:?}");
    let frame = viewer.frame().await;
    let next = viewer.frame().await;
    assert!(next.stamp.seq > frame.stamp.seq);
    assert_eq!(
        push(&garage).await["delivered"],
        0,
        "nobody looks at that one"
    );
    push_is(&door, |push| push["delivered"].as_u64() > Some(1)).await;
    let wanted = async |wanted: bool| {
        let is = |camera: &Value| camera["renditions"].as_array().unwrap().is_empty() != wanted;
        door.camera_is(is).await;
    };
    wanted(true).await;
    drop(viewer);
    wanted(false).await;
    door.stop().await;
    are(
        &edge,
        &[
            ("door", "no-signal", "publisher-left"),
            ("garage", "live", ""),
        ],
    )
    .await;
    broker.stop();
    are(
        &edge,
        &[
            ("door", "no-signal", "broker-lost"),
            ("garage", "no-signal", "broker-lost"),
        ],
    )
    .await;
    push_is(&garage, |push| push["state"] == "failing").await;
    broker.start_again();
    // Another program, whose frames begin with the first.
    let again = publishing(broker.url("", "?camera=door"));
    are(&edge, &[("door", "live", ""), ("garage", "live", "")]).await;
    let mut viewer = TestViewer::connect_with(&edge, "/ws?camera=door", &[])
        .await
        .unwrap();
    viewer.frame().await;
    stop([edge, garage, again]).await;
}

/// A key pair of NATS's documentation, and what a user of that key may do.
const SEED: &str = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY";
const USERS: &str = "
    max_payload: 2048
    authorization { users: [
        { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4, permissions {
            publish: [\"pistreamer.v1.frames.door.*\", \"pistreamer.v1.state.door\"]
            subscribe: [\"pistreamer.v1.demand.door\", \"pistreamer.v1.hello\"]
            allow_responses: { max: 1, expires: \"2s\" } } }
        { user: edge, password: \"p@ss\", permissions {
            publish: [\"pistreamer.v1.demand.*\", \"pistreamer.v1.hello\"]
            subscribe: [\"pistreamer.v1.frames.*.*\", \"pistreamer.v1.state.*\", \"_INBOX_edge.>\"] } }
    ] }";

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_lets_in_whom_it_knows_and_pictures_that_it_does_not_take_are_told() {
    let broker = Broker::start(USERS);
    let seed = broker.directory.path().join("door.nk");
    std::fs::write(&seed, SEED).unwrap();
    let key = format!("&nkey={}", seed.display());
    let refused = publishing(broker.url("me:wrong@", "?camera=door"));
    push_is(&refused, |push| {
        let reason = push["reason"].as_str().unwrap();
        push["state"] == "failing" && reason.contains("does not let this program in")
    })
    .await;
    let edge = showing(broker.url("edge:p%40ss@", "?inbox=_INBOX_edge"));
    let door = publishing(broker.url("", &format!("?camera=door{key}")));
    let other = publishing(broker.url("", &format!("?camera=garage{key}")));
    push_is(&other, |push| {
        push["reason"]
            .as_str()
            .unwrap()
            .contains("Permissions Violation")
    })
    .await;
    are(&edge, &[("door", "live", "")]).await;
    let viewer = TestViewer::connect_with(&edge, "/ws", &[]).await.unwrap();
    push_is(&door, |push| {
        push["reason"].as_str().unwrap().contains("max_payload")
    })
    .await;
    are(&edge, &[("door", "no-signal", "frame-too-large")]).await;
    drop(viewer);
    stop([edge, door, other, refused]).await;
}

/// Whatever a client of the broker may send.
struct Stranger(TcpStream);

impl Stranger {
    fn connect(broker: &Broker) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", broker.port)).unwrap();
        stream
            .write_all(b"CONNECT {\"verbose\":false}\r\n")
            .unwrap();
        Self(stream)
    }

    fn say(&mut self, subject: &str, payload: &[u8]) {
        let head = format!("PUB {subject} 0000000000000007 {}\r\n", payload.len());
        self.0
            .write_all(&[head.as_bytes(), payload, b"\r\n"].concat())
            .unwrap();
    }

    /// Waits until the broker has handed everything on.
    fn flush(&mut self) {
        self.0.write_all(b"PING\r\n").unwrap();
        let mut came = Vec::new();
        while !came.ends_with(b"PONG\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            came.push(byte[0]);
        }
    }
}

fn state(camera: &str) -> String {
    format!(
        r#"{{"camera":"{camera}","publisher":"0000000000000007","state":"live","mode":{{"width":64,"height":48,"fps":30.0}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_from_the_broker_makes_no_camera_and_no_picture() {
    let broker = Broker::start("");
    let edge = showing(broker.url("", "?cameras=2"));
    let own = edge.camera().await["id"].as_str().unwrap().to_owned();
    are(&edge, &[(&own, "no-signal", "broker-no-cameras")]).await;
    let mut stranger = Stranger::connect(&broker);
    for (subject, payload) in [
        ("good", state("good")),
        ("a..b", state("a..b")),
        ("*", state("*")),
        ("1", state("1")),
        ("=2E", state(".")),
        ("another", state("good2")),
        ("none", "{}".into()),
        ("none", "x".repeat(100_000)),
        ("deep", "[".repeat(5000)),
        ("good", state("good").replace("30.0", "-1.0")),
    ] {
        stranger.say(
            &format!("pistreamer.v1.state.{subject}"),
            payload.as_bytes(),
        );
    }
    stranger.flush();
    are(&edge, &[("good", "live", "")]).await;
    for n in 0..50 {
        let id = format!("more{n}");
        stranger.say(&format!("pistreamer.v1.state.{id}"), state(&id).as_bytes());
    }
    stranger.flush();
    let mut viewer = TestViewer::connect_with(&edge, "/ws?camera=good", &[])
        .await
        .unwrap();
    let stamp = Stamp {
        seq: 1,
        captured_us: 1,
        camera: "good".into(),
    };
    let whole = stamp.write(&picture((64, 48), 90)).unwrap();
    let sent = async {
        // Each frame that was asked for may be used up by rubbish.
        for seq in 1.. {
            let stamp = Stamp {
                seq,
                ..stamp.clone()
            };
            let good = stamp.write(&picture((64, 48), 90)).unwrap();
            for frame in [b"no JPEG", &whole[..whole.len() / 2], &good] {
                stranger.say("pistreamer.v1.frames.good.full", frame);
            }
            stranger.say("pistreamer.v1.state.good", state("good").as_bytes());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        frame = viewer.frame() => assert_eq!(frame.stamp.camera, "good"),
        () = sent => {}
    }
    assert!(cameras(&edge).await.len() <= 2);
    stop([edge]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_appear_at_a_hub_for_clients_that_push_under_ids_of_their_own_up_to_a_limit() {
    let hub = showing("ingest:2");
    let target = format!("ws://{}/ingest", hub.address);
    let own = hub.camera().await["id"].as_str().unwrap().to_owned();
    are(&hub, &[(&own, "no-signal", "nothing-pushed")]).await;
    let file = |id: &str| {
        format!(
            "[[camera]]\nid = \"{id}\"\nname = \"The {id}\"\nsource = \"pattern\"\nsize = \"320x240\"\npush = [\"{target}\"]\n"
        )
    };
    let pushing = |id: &str| TestServer::configured(&file(id));
    let door = pushing("door");
    are(&hub, &[("door", "live", "")]).await;
    assert_eq!(cameras(&hub).await[0]["name"], "The door");
    let garage = pushing("garage");
    are(&hub, &[("door", "live", ""), ("garage", "live", "")]).await;
    let late = pushing("late");
    push_is(&late, |push| {
        push["reason"]
            .as_str()
            .unwrap()
            .contains("there may be no more")
    })
    .await;
    let same = pushing("door");
    push_is(&same, |push| {
        push["reason"].as_str().unwrap().contains("pushes already")
    })
    .await;
    same.stop().await;
    let mut viewer = TestViewer::connect_with(&hub, "/ws?camera=garage", &[])
        .await
        .unwrap();
    assert_eq!(viewer.frame().await.stamp.camera, "garage");
    // The place of one that has left goes to the next one that comes.
    door.stop().await;
    are(&hub, &[("garage", "live", ""), ("late", "live", "")]).await;
    stop([hub, garage, late]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pusher_that_is_called_like_a_camera_of_the_hub_gets_no_other_ones_place() {
    let hub = TestServer::configured(
        "[[camera]]\nid = \"hub\"\nsource = \"ingest:2\"\n[[camera]]\nid = \"yard\"\nsource = \"pattern\"\nsize = \"320x240\"\n",
    );
    let yard = TestServer::configured(&format!(
        "[[camera]]\nid = \"yard\"\nsource = \"pattern\"\nsize = \"320x240\"\npush = [\"ws://{}/ingest\"]\n",
        hub.address
    ));
    push_is(&yard, |push| {
        let reason = push["reason"].as_str().unwrap();
        reason.contains("there is a camera yard here")
    })
    .await;
    stop([hub, yard]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_settings_keeps_the_cameras_that_have_appeared() {
    let broker = Broker::start("");
    let file = |quality: u8| {
        let url = broker.url("", "");
        format!("[[camera]]\nid = \"fleet\"\nsource = \"{url}\"\nquality = {quality}\n")
    };
    let edge = TestServer::configured(&file(80));
    let door = publishing(broker.url("", "?camera=door"));
    are(&edge, &[("door", "live", "")]).await;
    let mut viewer = TestViewer::connect_with(&edge, "/ws?camera=door", &[])
        .await
        .unwrap();
    viewer.frame().await;
    edge.configure(&file(60)).await;
    let garage = publishing(broker.url("", "?camera=garage"));
    are(&edge, &[("door", "live", ""), ("garage", "live", "")]).await;
    viewer.frame().await;
    stop([edge, door, garage]).await;
}

/// A broker that lets everybody in, and says nothing from then on. Returns its port.
fn silent(reads: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream
                .write_all(b"INFO {\"max_payload\":1000000}\r\n")
                .unwrap();
            let mut came = Vec::new();
            while !came.ends_with(b"PING\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                came.push(byte[0]);
            }
            stream.write_all(b"PONG\r\n").unwrap();
            if reads {
                std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
            } else {
                open.push(stream);
            }
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_silent_is_lost_although_its_machine_takes_what_is_said() {
    let noticed = async |reads| {
        let door = publishing(format!("nats://127.0.0.1:{}?camera=door", silent(reads)));
        push_is(&door, |push| {
            let reason = push["reason"].as_str().unwrap();
            push["state"] == "failing" && reason.contains("it is silent")
        })
        .await;
        door.stop().await;
    };
    tokio::join!(noticed(true), noticed(false));
}

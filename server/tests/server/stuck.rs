//! A viewer whose link stands still in the middle of a frame is heard all the same: in both wire formats, and over TLS.

use crate::support::{PATIENCE, TestServer};
use futures::{SinkExt, StreamExt};
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::{ServerMessage, ViewerMessage, Want};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection for S {}

type Viewer = WebSocketStream<Box<dyn Connection>>;

/// A server that gives no viewer up for an hour, with an owner and a key that may look and give commands.
struct House {
    server: TestServer,
    tls: Option<TlsConnector>,
    store: Store,
    owner: String,
    door: String,
    wire: WireFormat,
    _directory: TempDir,
}

impl House {
    /// One for each way that frames go.
    fn all() -> impl Iterator<Item = Self> {
        let [packed, raw] = WireFormat::ALL;
        let ways = [(packed, false), (raw, false), (packed, true)];
        ways.into_iter().map(|(wire, tls)| Self::new(wire, tls))
    }

    fn new(wire: WireFormat, tls: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::new(directory.path().into());
        let owner = store.open().unwrap().owners().unwrap().as_str().to_owned();
        let door = Key::random().unwrap();
        let entry = Entry::new(
            "door".parse().unwrap(),
            Role::Operate,
            Secret::Key(door.clone()),
        );
        store.change(|keys| keys.keys.push(entry)).unwrap();
        let server = TestServer::start(|typed| {
            typed.no_auth = false;
            typed.state_dir = Some(directory.path().into());
            typed.tls = tls.then(|| "self-signed".into());
            typed.send_timeout = Some(3600.0);
            // More than sockets hold.
            typed.capture.size = Some("1920x1080".into());
            typed.capture.fps = Some(10.0);
        });
        let tls = tls.then(|| {
            let mut roots = rustls::RootCertStore::empty();
            let file = directory.path().join("tls-cert.pem");
            let certificate = CertificateDer::from_pem_file(file).unwrap();
            roots.add(certificate).unwrap();
            let config = rustls::ClientConfig::builder()
                .with_root_certificates(roots)
                .with_no_client_auth();
            Arc::new(config).into()
        });
        Self {
            server,
            tls,
            store,
            owner,
            door: door.as_str().into(),
            wire,
            _directory: directory,
        }
    }

    /// A connection whose receiving end holds little.
    async fn connect(&self) -> Box<dyn Connection> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let stream = socket.connect(self.server.address).await.unwrap();
        match &self.tls {
            Some(tls) => {
                let name = ServerName::from(self.server.address.ip());
                Box::new(tls.connect(name, stream).await.unwrap())
            }
            None => Box::new(stream),
        }
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!(
            "GET {path}?key={} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.owner, self.server.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.into()
    }

    async fn status(&self) -> Value {
        serde_json::from_str(&self.get("/api/v1/status").await).unwrap()
    }

    /// Asks until it is such.
    async fn until(&self, what: &str, such: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let status = self.status().await;
                if such(&status) {
                    return status;
                }
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(status) => status,
            Err(_) => panic!("{what} was not heard: {}", self.status().await),
        }
    }

    /// The first control's value, as a viewer that comes is told it.
    async fn first_control(&self) -> f64 {
        let url = format!("ws://{}/ws?key={}", self.server.address, self.owner);
        let stream = self.connect().await;
        let (mut viewer, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let hello = next(&mut viewer).await.unwrap().unwrap();
        match ServerMessage::from_json(hello.to_text().unwrap()).unwrap() {
            ServerMessage::Hello(hello) => hello.controls[0].value,
            other => panic!("{other:?} came before hello"),
        }
    }

    /// A viewer in the middle of a frame, of which it takes nothing more.
    async fn stuck(&self) -> Viewer {
        let url = format!(
            "ws://{}/ws?key={}&wire={}",
            self.server.address,
            self.door,
            self.wire.name()
        );
        let stream = self.connect().await;
        let (mut viewer, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        assert!(viewer.next().await.unwrap().unwrap().is_text());
        let (sent, encoded) = ("/viewers/0/sent", "/cameras/0/encoded");
        let number = |status: &Value, what| status.pointer(what).unwrap().as_u64().unwrap();
        let mut before = self
            .until("the viewer", |status| status.pointer(sent).is_some())
            .await;
        loop {
            let later = number(&before, encoded) + 5;
            let after = self
                .until("the camera", |status| number(status, encoded) >= later)
                .await;
            if number(&after, sent) == number(&before, sent) {
                return viewer;
            }
            before = after;
        }
    }
}

async fn say(viewer: &mut Viewer, message: ViewerMessage) {
    let said = viewer.send(Message::text(message.to_json())).await;
    said.unwrap();
}

async fn next(viewer: &mut Viewer) -> Option<Result<Message, Error>> {
    timeout(PATIENCE, viewer.next())
        .await
        .expect("nothing came")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_heard_while_a_frame_is_stuck_and_nothing_follows_the_frame() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        say(&mut viewer, ViewerMessage::Pause).await;
        let status = house
            .until("pause", |status| status["viewers"][0]["paused"] == true)
            .await;
        assert_eq!(status["cameras"][0]["consumers"], 0);
        // The answer comes behind whatever was sent before.
        say(&mut viewer, ViewerMessage::Ping { id: Some(7) }).await;
        let mut frames = 0;
        loop {
            match next(&mut viewer).await.unwrap().unwrap() {
                Message::Binary(frame) => {
                    assert_eq!(WireFormat::of(&frame), house.wire);
                    frames += 1;
                }
                Message::Text(text) => {
                    let told = ServerMessage::from_json(&text).unwrap();
                    if matches!(told, ServerMessage::Pong { id: Some(7), .. }) {
                        break;
                    }
                }
                _ => {}
            }
        }
        let sent = status["viewers"][0]["sent"].as_u64().unwrap();
        assert_eq!(frames, sent + 1, "not just the frame that was stuck");
        say(&mut viewer, ViewerMessage::Resume).await;
        while !next(&mut viewer).await.unwrap().unwrap().is_binary() {}
        drop(viewer);
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_heard_while_a_frame_is_stuck_takes_effect_within_a_tenth_of_a_second() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        let mut fastest = Duration::MAX;
        // Other programs may hold up one of them, but not all.
        for paused in [true, false].into_iter().cycle().take(10) {
            let message = match paused {
                true => ViewerMessage::Pause,
                false => ViewerMessage::Resume,
            };
            let begun = Instant::now();
            say(&mut viewer, message).await;
            let heard = |status: &Value| status["viewers"][0]["paused"] == paused;
            house.until("pause or resume", heard).await;
            fastest = fastest.min(begun.elapsed());
        }
        let way = (house.wire.name(), house.tls.is_some());
        assert!(fastest < Duration::from_millis(100), "{fastest:?}, {way:?}");
        drop(viewer);
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_is_heard_while_a_frame_is_stuck() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        let want = Want {
            max_width: Some(480),
            ..Want::default()
        };
        say(&mut viewer, ViewerMessage::Want(want)).await;
        let scale = "/cameras/0/renditions/0/scale";
        house
            .until("want", |status| status.pointer(scale) == Some(&0.25.into()))
            .await;
        drop(viewer);
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reaches_the_camera_while_a_frame_is_stuck() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        let stop = ViewerMessage::Control {
            name: "Speed".into(),
            value: 0.0.into(),
            confirmed: false,
        };
        say(&mut viewer, stop).await;
        let holds = async { while house.first_control().await != 0.0 {} };
        timeout(PATIENCE, holds).await.expect("it was not heard");
        drop(viewer);
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goodbye_is_heard_while_a_frame_is_stuck() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        viewer.close(None).await.unwrap();
        let status = house
            .until("the goodbye", |status| {
                status.pointer("/viewers/0").is_none()
            })
            .await;
        assert_eq!(status["cameras"][0]["consumers"], 0);
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_signed_out_while_a_frame_is_stuck_is_cut_off_in_the_middle_of_it() {
    for house in House::all() {
        let mut viewer = house.stuck().await;
        let status = house.status().await;
        let sent = status["viewers"][0]["sent"].as_u64().unwrap();
        let without = |entry: &Entry| entry.name.as_str() != "door";
        house
            .store
            .change(|keys| keys.keys.retain(without))
            .unwrap();
        // Until there are no more connections than the one that asks.
        let alone = async {
            while !house
                .get("/metrics")
                .await
                .contains("\npistreamer_connections 1\n")
            {}
        };
        timeout(PATIENCE, alone).await.expect("the viewer stays");
        let mut frames = 0;
        while let Some(Ok(message)) = next(&mut viewer).await {
            frames += u64::from(message.is_binary());
        }
        assert_eq!(frames, sent, "the frame that was stuck came whole");
        house.server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stops_while_a_frame_is_stuck() {
    for house in House::all() {
        let _viewer = house.stuck().await;
        house.server.stop().await;
    }
}

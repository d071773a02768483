//! A server in this process and a viewer that speaks to it.

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use pistreamer::app::App;
use pistreamer::config::{Config, Loaded};
use pistreamer::source::{Layout, Plane, Source, Yuv};
use pistreamer::stages::encode::JpegEncoder;
use pistreamer_protocol::message::{Hello, ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, Unpacker, WireFormat};
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

#[path = "flags.rs"]
mod flags;

pub(crate) use flags::Flags;

/// Whatever takes so long in a test is a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. `stop` ends it in good order.
pub struct TestServer {
    pub address: SocketAddr,
    file: Option<ConfigFile>,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

/// A configuration file that a server follows.
struct ConfigFile {
    directory: TempDir,
    /// Has it read now.
    asked: Arc<Notify>,
}

impl ConfigFile {
    /// Serves everyone on a free port of the loopback interface. What follows may begin with further settings of the server.
    const HEAD: &str =
        "server.listen = \"127.0.0.1:0\"\naccess.no_auth = true\nlimits.retry_pause = 0.01\n";

    fn new(rest: &str) -> Self {
        let file = Self {
            directory: tempfile::tempdir().unwrap(),
            asked: Arc::default(),
        };
        file.write(rest);
        file
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("pistreamer.toml")
    }

    /// Replaces it in one step.
    fn write(&self, rest: &str) {
        let next = self.directory.path().join("next");
        let state = self.directory.path().join("state");
        let state = format!("server.state_dir = {:?}\n", state.to_str().unwrap());
        std::fs::write(&next, Self::HEAD.to_owned() + &state + rest).unwrap();
        std::fs::rename(next, self.path()).unwrap();
    }
}

impl TestServer {
    /// Serves a small test pattern at 30 fps on a free port of the loopback interface, unless `change` says otherwise.
    pub fn start(change: impl FnOnce(&mut Flags)) -> Self {
        Self::run(App::start(&configured(change)).unwrap(), None)
    }

    /// Serves the cameras of a configuration file, to everyone and on a free port of the loopback interface, and follows the
    /// file, as the program does.
    pub fn configured(cameras: &str) -> Self {
        let file = ConfigFile::new(cameras);
        let loaded = Loaded::from_flags(["--config".into(), file.path()]).unwrap();
        let app = App::start(&loaded.config).unwrap();
        Self::run(app, Some((file, loaded)))
    }

    /// Serves the test's own cameras instead.
    pub fn start_with(sources: Vec<Box<dyn Source>>, change: impl FnOnce(&mut Flags)) -> Self {
        Self::run(App::start_with(&configured(change), sources).unwrap(), None)
    }

    fn run(app: App, configured: Option<(ConfigFile, Loaded)>) -> Self {
        let url = app.urls().remove(0);
        let (_, address) = url.trim_end_matches('/').split_once("://").unwrap();
        let address = address.parse().unwrap();
        let file = configured.map(|(file, loaded)| {
            tokio::spawn(app.follow(loaded, Arc::clone(&file.asked)));
            file
        });
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        Self {
            address,
            file,
            stop,
            ended,
        }
    }

    /// Rewrites the configuration file, and waits until the server has taken it over.
    pub async fn configure(&self, cameras: &str) {
        let configuration = async || {
            let status = self.json("/api/v1/status").await;
            let problems = &status["configuration"]["problems"];
            assert_eq!(*problems, serde_json::json!([]), "it is not taken");
            status["configuration"]["read_us"].clone()
        };
        let before = configuration().await;
        let file = self.file.as_ref().expect("it has no file");
        file.write(cameras);
        file.asked.notify_one();
        let read = async { while configuration().await == before {} };
        timeout(PATIENCE, read).await.expect("it is not read");
    }

    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.ended)
            .await
            .expect("the server hangs at its end")
            .unwrap();
    }

    pub async fn get(&self, path: &str) -> String {
        String::from_utf8_lossy(&self.request("GET", path, "").await).into_owned()
    }

    /// What there is as JSON.
    pub async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// A whole answer, headers and body, to a request on a connection of its own.
    pub async fn request(&self, method: &str, path: &str, headers: &str) -> Vec<u8> {
        self.send(method, path, headers, "").await
    }

    /// The same for a request with a body.
    pub async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n{body}",
            self.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .expect("no whole answer")
            .unwrap();
        answer
    }
}

impl From<&TestServer> for SocketAddr {
    fn from(server: &TestServer) -> Self {
        server.address
    }
}

fn configured(change: impl FnOnce(&mut Flags)) -> Config {
    let mut flags = Flags::usual();
    change(&mut flags);
    flags.configured()
}

/// What chance decides in a test: the same each time, so that a test that fails does so because of what changed, and
/// something else for each `PISTREAMER_SEED`.
pub(crate) fn chance() -> fastrand::Rng {
    let given = std::env::var("PISTREAMER_SEED");
    fastrand::Rng::with_seed(given.map_or(1, |seed| seed.parse().unwrap()))
}

/// A frame as a viewer receives it.
#[derive(Debug)]
pub(crate) struct Received {
    pub stamp: Stamp,
    pub message_len: usize,
    pub jpeg: Vec<u8>,
}

/// A viewer's end of a WebSocket.
pub(crate) struct TestViewer {
    pub socket: WebSocketStream<TcpStream>,
    unpacker: Unpacker,
    /// Skips told so far.
    pub skipped: u64,
}

impl TestViewer {
    pub(crate) async fn connect(server: impl Into<SocketAddr>) -> Self {
        Self::connect_with(server, "/ws", &[]).await.unwrap()
    }

    /// Connects with a path and headers of the caller's.
    pub(crate) async fn connect_with(
        server: impl Into<SocketAddr>,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let address = server.into();
        let stream = TcpStream::connect(address).await.unwrap();
        Self::connect_over(stream, address, path, headers).await
    }

    pub(crate) async fn connect_over(
        stream: TcpStream,
        server: impl Into<SocketAddr>,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{}{path}", server.into())
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(*name, HeaderValue::from_str(value).unwrap());
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Self {
            socket,
            unpacker: Unpacker::default(),
            skipped: 0,
        })
    }

    /// The next message of any kind.
    pub(crate) async fn next(&mut self) -> Option<Message> {
        let message = timeout(PATIENCE, self.socket.next())
            .await
            .expect("nothing came");
        message.map(|message| message.unwrap())
    }

    /// The next binary message.
    pub(crate) async fn message(&mut self) -> Bytes {
        let binary = async {
            loop {
                if let Message::Binary(message) = self.next().await.expect("the server went") {
                    return message;
                }
            }
        };
        // The pings in between go on for ever.
        timeout(PATIENCE, binary).await.expect("no frame came")
    }

    /// The next text message.
    pub(crate) async fn told(&mut self) -> ServerMessage {
        let text = async {
            loop {
                if let Message::Text(text) = self.next().await.expect("the server went") {
                    return ServerMessage::from_json(&text).unwrap();
                }
            }
        };
        timeout(PATIENCE, text).await.expect("nothing was told")
    }

    pub(crate) async fn hello(&mut self) -> Hello {
        match self.next().await {
            Some(Message::Text(text)) => match ServerMessage::from_json(&text).unwrap() {
                ServerMessage::Hello(hello) => hello,
                other => panic!("{other:?} came before hello"),
            },
            other => panic!("{other:?} came before hello"),
        }
    }

    /// What comes next: a message, or else a frame.
    pub(crate) async fn heard(&mut self) -> Result<ServerMessage, Received> {
        loop {
            match self.next().await.expect("the server went") {
                Message::Binary(message) => {
                    let jpeg = match WireFormat::of(&message) {
                        WireFormat::Jpeg => message.to_vec(),
                        WireFormat::GzipBase64 => self.unpacker.unpack(&message).unwrap().to_vec(),
                    };
                    let stamp = Stamp::read(&jpeg).expect("a frame without a stamp");
                    return Err(Received {
                        stamp,
                        message_len: message.len(),
                        jpeg,
                    });
                }
                Message::Text(text) => return Ok(ServerMessage::from_json(&text).unwrap()),
                _ => {}
            }
        }
    }

    /// The next frame. What is told before it is skipped over, and skips are added up.
    pub(crate) async fn frame(&mut self) -> Received {
        let frame = async {
            loop {
                match self.heard().await {
                    Ok(ServerMessage::Skipped { count, .. }) => self.skipped += count,
                    Ok(_) => {}
                    Err(frame) => return frame,
                }
            }
        };
        timeout(PATIENCE, frame).await.expect("no frame came")
    }

    pub(crate) async fn say(&mut self, message: ViewerMessage) {
        self.say_raw(Message::text(message.to_json())).await;
    }

    pub(crate) async fn say_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }
}

impl TestServer {
    /// What `/api/v1/cameras` says about the first camera.
    pub async fn camera(&self) -> serde_json::Value {
        self.json("/api/v1/cameras").await["cameras"][0].take()
    }

    /// Asks until the first camera is such.
    pub async fn camera_is(&self, such: impl Fn(&serde_json::Value) -> bool) {
        let wait = async { while !such(&self.camera().await) {} };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("the camera does not become so: {}", self.camera().await);
        }
    }
}

/// A JPEG of one grey.
pub(crate) fn picture(size: (u32, u32), brightness: u8) -> Vec<u8> {
    let (width, height) = (size.0 as usize, size.1 as usize);
    let y = vec![brightness; width * height];
    let chroma = vec![128; width / 2 * height.div_ceil(2)];
    let plane = |data, stride| Plane { data, stride };
    let yuv = Yuv {
        width: size.0,
        height: size.1,
        layout: Layout::I420([
            plane(y.as_slice(), width),
            plane(chroma.as_slice(), width / 2),
            plane(chroma.as_slice(), width / 2),
        ]),
    };
    let mut encoder = JpegEncoder::new().unwrap();
    encoder.encode(&yuv, 80).unwrap().to_vec()
}

/// A JPEG of at least so many bytes: beside a picture of one grey, there are segments that decoders leave out.
pub(crate) fn heavy_picture(size: (u32, u32), number: u8, bytes: usize) -> Vec<u8> {
    let mut jpeg = picture(size, 40 * number);
    // Not one value throughout, which the pack would make small.
    let mut state = u32::from(number) + 1;
    while jpeg.len() < bytes {
        let mut segment = vec![0xFF, 0xEB, 0xFF, 0xFF];
        segment.extend((2..0xFFFF_u32).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // No byte of 0xFF: it would look like a marker.
            (state >> 24).min(0xFE) as u8
        }));
        jpeg.splice(2..2, segment);
    }
    jpeg
}

/// A script of `tests/python/`, run by a Python that has Pillow.
pub(crate) fn python(script: &str) -> Command {
    let has_pillow = |python: &str| {
        let check = Command::new(python).args(["-c", "import PIL"]).output();
        check.is_ok_and(|check| check.status.success())
    };
    // Debian's modules belong to Debian's Python, which need not be the first one on PATH.
    let python = ["python3", "/usr/bin/python3"]
        .into_iter()
        .find(|python| has_pillow(python));
    let mut command = Command::new(python.expect("no Python has Pillow: install python3-pil"));
    command.arg(format!(
        "{}/tests/python/{script}",
        env!("CARGO_MANIFEST_DIR")
    ));
    command
}

/// A child process that ends with the test.
pub(crate) struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Memory of a process in bytes, or of this one, which is `self`: `VmRSS:` is what it has now, `VmHWM:` the most that it
/// ever had (proc(5)).
pub(crate) fn memory(process: impl std::fmt::Display, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.unwrap().split_whitespace().next().unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

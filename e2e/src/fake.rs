//! A server in the test's hands: it hands out the built viewer, and sends it what no real server does.
//!
//! The real one is [`crate::server`].

use crate::PATIENCE;
use anyhow::{Context as _, Result, bail, ensure};
use futures::{SinkExt as _, StreamExt as _};
use pistreamer_protocol::message::{
    CameraState, CameraStatus, Hello, ServerMessage, ViewerMessage,
};
use pistreamer_protocol::{Stamp, WireFormat, message};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// Viewers that wait for the test to accept them; further ones wait in the handshake.
const WAITING: usize = 64;

/// A listening server.
#[derive(Debug)]
pub struct FakeServer {
    port: u16,
    viewers: mpsc::Receiver<Viewer>,
    task: JoinHandle<()>,
}

/// The server's end of one viewer's WebSocket.
#[derive(Debug)]
pub struct Viewer {
    socket: WebSocketStream<TcpStream>,
    /// How this viewer wants its frames.
    pub wire: WireFormat,
    /// What it asked for: path and query.
    pub target: String,
}

impl FakeServer {
    /// Listens on a free port of this machine.
    ///
    /// # Errors
    /// Where it cannot.
    pub async fn start() -> Result<Self> {
        Self::silent_at("").await
    }

    /// The same, which never answers at that path.
    ///
    /// # Errors
    /// Where it cannot listen.
    pub async fn silent_at(path: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (sender, viewers) = mpsc::channel(WAITING);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                // A connection that breaks, or is refused, concerns only the browser, which reports it.
                tokio::spawn(async move { drop(serve(stream, sender, path).await) });
            }
        });
        Ok(Self {
            port,
            viewers,
            task,
        })
    }

    /// The address of the viewer.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// The next viewer that connects.
    ///
    /// # Errors
    /// Where none does in time.
    pub async fn viewer(&mut self) -> Result<Viewer> {
        let viewer = timeout(PATIENCE, self.viewers.recv()).await;
        viewer
            .context("no viewer connects")?
            .context("the fake server has ended")
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Viewer {
    /// Greets the viewer as a server with a live camera does.
    ///
    /// # Errors
    /// Where the viewer is gone.
    pub async fn hello(&mut self) -> Result<()> {
        let hello = ServerMessage::Hello(Hello {
            protocol: pistreamer_protocol::VERSION,
            server: "fake".into(),
            time_us: 0,
            camera: message::Camera {
                id: "0".into(),
                name: "Fake".into(),
                source: "fake".into(),
                test_pattern: false,
            },
            width: WIDTH as u32,
            height: HEIGHT as u32,
            fps: 30.0,
            status: CameraStatus {
                state: CameraState::Live,
                ..CameraStatus::default()
            },
            wire: self.wire.subprotocol().into(),
            controls: Vec::new(),
            sets: false,
            plays: false,
            tiles: false,
        });
        self.text(&hello.to_json()).await
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// Where the viewer is gone.
    pub async fn text(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Sends a frame as the viewer wants it.
    ///
    /// # Errors
    /// Where the viewer is gone.
    pub async fn frame(&mut self, jpeg: &[u8]) -> Result<()> {
        let message = self.message(jpeg);
        self.binary(message).await
    }

    /// The binary message that holds this frame.
    pub fn message(&self, jpeg: &[u8]) -> Vec<u8> {
        match self.wire {
            WireFormat::GzipBase64 => pistreamer_protocol::pack(jpeg),
            WireFormat::Jpeg => jpeg.to_vec(),
        }
    }

    /// Sends any bytes as a binary message.
    ///
    /// # Errors
    /// Where the viewer is gone.
    pub async fn binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        Ok(self.socket.send(Message::binary(bytes)).await?)
    }

    /// The next message that the viewer sends, pings apart, which are answered; `None` where it closes or is gone.
    ///
    /// # Errors
    /// Where the viewer says nothing, or nothing that can be understood.
    pub async fn next(&mut self) -> Result<Option<ViewerMessage>> {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await;
            match message.context("the viewer says nothing")? {
                Some(Ok(Message::Text(text))) => match ViewerMessage::from_json(&text)? {
                    ViewerMessage::Ping { id } => {
                        let time_us = now_us();
                        let pong = ServerMessage::Pong { id, time_us };
                        self.text(&pong.to_json()).await?;
                    }
                    message => return Ok(Some(message)),
                },
                Some(Ok(Message::Binary(_))) => bail!("viewers send no binary messages"),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(None),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Reads the viewer's messages up to the first one for which this holds.
    ///
    /// # Errors
    /// Where the viewer leaves before.
    pub async fn until(&mut self, found: impl Fn(&ViewerMessage) -> bool) -> Result<ViewerMessage> {
        loop {
            let message = self.next().await?.context("the viewer left")?;
            if found(&message) {
                return Ok(message);
            }
        }
    }

    /// Reads the viewer's messages until it has drawn that frame or a newer one.
    ///
    /// # Errors
    /// Where the viewer leaves before.
    pub async fn drawn(&mut self, wanted: u64) -> Result<()> {
        self.until(|message| matches!(message, ViewerMessage::Ack { seq } if *seq >= wanted))
            .await?;
        Ok(())
    }
}

/// Pixels in a line of the frames made here.
pub const WIDTH: usize = 160;
/// Lines of the frames made here.
pub const HEIGHT: usize = 120;

/// A frame in one grey, captured now.
///
/// # Errors
/// Where it cannot be encoded.
pub fn frame(seq: u64, grey: u8) -> Result<Vec<u8>> {
    frame_captured(seq, grey, now_us())
}

/// A frame in one grey.
///
/// # Errors
/// Where it cannot be encoded.
pub fn frame_captured(seq: u64, grey: u8, captured_us: u64) -> Result<Vec<u8>> {
    let jpeg = picture((WIDTH, HEIGHT), grey)?;
    let stamp = Stamp {
        seq,
        captured_us,
        camera: "0".into(),
    };
    Ok(stamp.write(&jpeg)?)
}

/// The fake camera's clock: Unix time in µs.
pub fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

/// A picture in one grey, without a stamp.
///
/// # Errors
/// Where it cannot be encoded.
pub fn picture((width, height): (usize, usize), grey: u8) -> Result<Vec<u8>> {
    let pixels = vec![grey; width * height];
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width,
        height,
        format: turbojpeg::PixelFormat::GRAY,
    };
    let jpeg = turbojpeg::compress(image, 80, turbojpeg::Subsamp::Gray)?;
    Ok(jpeg.to_vec())
}

/// How many tasks that hold a connection are still running.
#[derive(Clone, Debug, Default)]
pub struct Open(Arc<AtomicUsize>);

impl Open {
    /// Their number now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Reads a viewer's messages until it leaves, in a task of its own.
    pub fn hold(&self, mut viewer: Viewer) {
        let open = Arc::clone(&self.0);
        open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            while let Ok(Some(_)) = viewer.next().await {}
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// Longest request that a browser sends here.
const REQUEST_LIMIT: usize = 16 << 10;

async fn serve(
    mut stream: TcpStream,
    viewers: mpsc::Sender<Viewer>,
    silent_at: &str,
) -> Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        ensure!(request.len() < REQUEST_LIMIT, "the request is too long");
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request);
    let target = request.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    if let Some(key) = header(&request, "sec-websocket-key") {
        let mut pairs = target.split(['?', '&']);
        let asked = pairs.find_map(|pair| WireFormat::from_name(pair.strip_prefix("wire=")?));
        let wire = asked.unwrap_or(WireFormat::ALL[0]);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes()),
        );
        stream.write_all(answer.as_bytes()).await?;
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let target = target.to_owned();
        let viewer = Viewer {
            socket,
            wire,
            target,
        };
        return Ok(viewers.send(viewer).await?);
    }
    if path == silent_at {
        std::future::pending::<()>().await;
    }
    let (head, body) = match built_file(path) {
        Some(file) => (
            format!("200 OK\r\nContent-Type: {}", media_type(&file)),
            std::fs::read(&file)?,
        ),
        // The viewer asks whether there are several.
        None if path == "/api/v1/cameras" => (
            "200 OK\r\nContent-Type: application/json".into(),
            br#"{"cameras":[]}"#.to_vec(),
        ),
        // No arrangement is stored.
        None if path == "/api/v1/wall" => ("204 No Content".into(), Vec::new()),
        // And whether an administrator looks.
        None if path == "/api/v1/session" => (
            "200 OK\r\nContent-Type: application/json".into(),
            br#"{"role":"operate"}"#.to_vec(),
        ),
        None => ("404 Not Found".into(), Vec::new()),
    };
    let head = format!(
        "HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&body).await?;
    Ok(stream.shutdown().await?)
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = request.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.trim())
}

/// The file of the built viewer that a request's path names.
fn built_file(path: &str) -> Option<PathBuf> {
    let path = match path.trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let inside = |part| matches!(part, Component::Normal(_));
    let file = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../dist")).join(path);
    (Path::new(path).components().all(inside) && file.is_file()).then_some(file)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

//! Viewers that behave, and keep an account of what they get and of what they are told they don't.
//!
//! Those that misbehave are the business of [`super::rogue`].

use super::census::lost;
use super::{Crowd, connect};
use crate::PATIENCE;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures::{SinkExt as _, StreamExt as _};
use pistreamer_protocol::message::{ServerMessage, ViewerMessage, Want};
use pistreamer_protocol::{Stamp, Unpacker, WireFormat, jpeg};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

/// How one viewer behaves.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// The camera.
    pub camera: u8,
    /// The wire format that it asks for.
    pub wire: WireFormat,
    /// Whether it says what it has drawn.
    pub acks: bool,
    /// Whether it now and then wants the picture smaller or less often, or rests.
    pub choosy: bool,
    /// Whether it now and then reads nothing for a moment.
    pub slow: bool,
}

/// What viewers saw in all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Lives of honest viewers.
    pub viewers: u64,
    /// Of these, accounts that came out even.
    pub accounts: u64,
    /// Frames.
    pub frames: u64,
    /// Frames that the server said it left out.
    pub skipped: u64,
}

/// A viewer's end of a WebSocket.
pub struct Viewer {
    pub(super) socket: WebSocketStream<TcpStream>,
    wire: WireFormat,
    unpacker: Unpacker,
    first: Option<u64>,
    last: u64,
    frames: u64,
    skipped: u64,
    ponged: u64,
}

impl Viewer {
    /// Connects and hears the greeting.
    ///
    /// # Errors
    /// Where the server doesn't let it in.
    pub async fn connect(crowd: &Crowd, address: [u8; 4], manner: Manner) -> Result<Self> {
        let url = format!("ws://{}/ws?camera={}", crowd.server, manner.camera);
        let mut request = url.into_client_request()?;
        let wire = manner.wire.subprotocol().parse()?;
        request.headers_mut().insert("sec-websocket-protocol", wire);
        let connecting = async {
            let stream = connect(address, crowd.server).await?;
            Ok::<_, anyhow::Error>(tokio_tungstenite::client_async(request, stream).await?)
        };
        let connected = timeout(PATIENCE, connecting).await;
        let (socket, _) = connected.map_err(|_| anyhow!("it is not let in"))??;
        Ok(Self {
            socket,
            wire: manner.wire,
            unpacker: Unpacker::default(),
            first: None,
            last: 0,
            frames: 0,
            skipped: 0,
            ponged: 0,
        })
    }

    /// Hears the next message; tells whether one came in time.
    ///
    /// # Errors
    /// Whatever the server does wrong.
    pub async fn hear(&mut self, patience: Duration, acks: bool) -> Result<bool> {
        let Ok(message) = timeout(patience, self.socket.next()).await else {
            return Ok(false);
        };
        match message.context("the server hung up")?? {
            Message::Binary(message) => {
                let jpeg = match self.wire {
                    WireFormat::Jpeg => message.to_vec(),
                    WireFormat::GzipBase64 => self.unpacker.unpack(&message)?.to_vec(),
                };
                jpeg::inspect(&jpeg)?;
                let seq = Stamp::read(&jpeg).context("a frame has no stamp")?.seq;
                ensure!(seq > self.last, "frame {seq} came after {}", self.last);
                self.first.get_or_insert(seq);
                self.last = seq;
                self.frames += 1;
                if acks {
                    self.say(ViewerMessage::Ack { seq }).await?;
                }
            }
            Message::Text(text) => match ServerMessage::from_json(&text)? {
                ServerMessage::Skipped { total, .. } => self.skipped = total,
                ServerMessage::Pong { id, .. } => self.ponged = id.unwrap_or_default(),
                ServerMessage::Error { message, .. } => bail!("it is told: {message}"),
                _ => {}
            },
            Message::Close(frame) => bail!("the server says goodbye: {frame:?}"),
            _ => {}
        }
        Ok(true)
    }

    async fn say(&mut self, message: ViewerMessage) -> Result<()> {
        let saying = self.socket.send(Message::text(message.to_json()));
        timeout(PATIENCE, saying)
            .await
            .map_err(|_| anyhow!("the server listens no more"))??;
        Ok(())
    }

    /// Frames that should have come between the first and the last, and neither came nor were told to be left out.
    fn missing(&self) -> i64 {
        let produced = self.first.map_or(0, |first| self.last - first + 1);
        produced as i64 - (self.frames + self.skipped) as i64
    }

    /// Hears all that is under way, and what was left out besides.
    async fn settle(&mut self, lost: i64) -> Result<i64> {
        self.say(ViewerMessage::Pause).await?;
        self.say(ViewerMessage::Ping { id: Some(1) }).await?;
        while self.ponged < 1 {
            ensure!(self.hear(PATIENCE, false).await?, "a ping is not answered");
        }
        // What is left out is told some time after.
        let deadline = Instant::now() + PATIENCE;
        while self.missing() > lost && Instant::now() < deadline {
            self.hear(PATIENCE / 20, false).await?;
        }
        Ok(self.missing())
    }
}

/// One viewer's session of this length.
///
/// # Errors
/// Whatever the server does wrong.
pub async fn look(
    crowd: &Crowd,
    address: [u8; 4],
    manner: Manner,
    mut chance: fastrand::Rng,
    life: Duration,
) -> Result<()> {
    let lost_before = lost(crowd.server).await?;
    let mut viewer = Viewer::connect(crowd, address, manner).await?;
    let end = Instant::now() + life;
    let mut heard = Instant::now();
    while Instant::now() < end {
        if viewer.hear(PATIENCE / 20, manner.acks).await? {
            heard = Instant::now();
        } else {
            // The other camera may have nothing to show.
            let silent = manner.camera == 0 && heard.elapsed() > PATIENCE;
            ensure!(!silent, "nothing comes any more");
        }
        if manner.slow && chance.u8(..20) == 0 {
            tokio::time::sleep(Duration::from_millis(chance.u64(..400))).await;
        }
        if manner.choosy && chance.u8(..20) == 0 {
            let message = match chance.u8(..4) {
                0 => ViewerMessage::Pause,
                1 => ViewerMessage::Resume,
                _ => ViewerMessage::Want(Want {
                    max_fps: chance.bool().then(|| chance.f64() * 40.0),
                    max_width: chance.bool().then(|| chance.u32(1..2000)),
                    quality: chance.bool().then(|| chance.u8(1..=100)),
                    ..Want::default()
                }),
            };
            viewer.say(message).await?;
        }
    }
    let accountable = manner.camera == 0 && !manner.choosy;
    if accountable {
        // What the camera itself lost was meant for no viewer.
        let lost = lost(crowd.server).await? - lost_before;
        let missing = viewer.settle(lost).await?;
        let lost = self::lost(crowd.server).await? - lost_before;
        ensure!(
            (0..=lost).contains(&missing),
            "of frames {} to {} {} came and {} were told to be left out; the camera lost {lost}",
            viewer.first.unwrap_or_default(),
            viewer.last,
            viewer.frames,
            viewer.skipped,
        );
    }
    if chance.bool() {
        drop(timeout(PATIENCE, viewer.socket.close(None)).await);
    }
    let mut seen = crowd.seen();
    seen.viewers += 1;
    seen.accounts += u64::from(accountable);
    seen.frames += viewer.frames;
    seen.skipped += viewer.skipped;
    Ok(())
}

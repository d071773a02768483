//! Frames for a server to show: the other end of `/ingest`.
//!
//! The caller decides what to do when the connection ends.

use crate::dial::Stream;
use crate::link::{connect, say};
use crate::readable::readable;
use crate::{Config, Error, violation};
use bytes::Bytes;
use futures::future::poll_fn;
use futures::{SinkExt, StreamExt};
use pistreamer_protocol::credit::{REMEMBERED, Room};
use pistreamer_protocol::message::{CameraStatus, LONGEST_MESSAGE, ServerMessage, ViewerMessage};
use pistreamer_protocol::{Credit, Stamp, WireFormat, pack};
use std::collections::VecDeque;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// One connection to a server's `/ingest`.
///
/// ```no_run
/// # async fn frames() -> Vec<u8> { Vec::new() }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pistreamer_client::{Config, Publisher};
///
/// let mut publisher = Publisher::connect(&Config::ingest("http://server.local:8000")?).await?;
/// loop {
///     publisher.ready().await?;
///     // Captured now, and not while there was no room for it.
///     let jpeg = frames().await;
///     publisher.send(&jpeg).await?;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Publisher {
    socket: WebSocketStream<Stream>,
    config: Config,
    credit: Credit,
    /// The `seq` of each frame that is sent and not acknowledged. The newest one is number `sent` of this connection.
    under_way: VecDeque<u64>,
    sent: u64,
    /// What was `sent` when the server was last asked whether that has arrived.
    asked: Option<u64>,
    heard: Instant,
    pinged: bool,
    paused: bool,
    accepted: u64,
    next_seq: u64,
}

/// For last words, whether they are heard or not.
const PATIENCE: Duration = Duration::from_secs(1);

impl Publisher {
    /// Connects. Of the configuration endpoint, wire format and times count.
    ///
    /// # Errors
    /// Where the server cannot be reached or refuses: it has no camera that takes pictures, or another client pushes
    /// already.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let offer = [config.wire];
        let socket = connect(
            &config.endpoint,
            &offer,
            LONGEST_MESSAGE,
            config.connect_timeout,
        )
        .await?;
        let now = Instant::now();
        Ok(Self {
            socket,
            config: config.clone(),
            credit: Credit::acknowledged_always(now.into_std()),
            under_way: VecDeque::new(),
            sent: 0,
            asked: None,
            heard: now,
            pinged: false,
            paused: false,
            accepted: 0,
            next_seq: 1,
        })
    }

    /// Frames that the server accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Returns true if the server wants frames. While it does not, [`Self::ready`] waits.
    pub fn is_wanted(&self) -> bool {
        !self.paused
    }

    /// Whether a frame would be sent on its way at once.
    pub fn is_ready(&self) -> bool {
        !self.paused && self.room() == Room::Now
    }

    fn room(&self) -> Room {
        self.credit.room(Instant::now().into_std())
    }

    /// Waits until there is room for a frame. Cancel-safe.
    ///
    /// # Errors
    /// Where the connection ends.
    pub async fn ready(&mut self) -> Result<(), Error> {
        while !self.is_ready() {
            self.listen().await?;
        }
        Ok(())
    }

    /// Hears one thing that the server says, or waits for a moment at which something is due. Keeps the connection alive,
    /// so it is to be called while there is nothing to send. Cancel-safe but for pings, which may break the connection
    /// when a server takes nothing.
    ///
    /// # Errors
    /// Where the connection ends.
    pub async fn listen(&mut self) -> Result<(), Error> {
        let silence = self.config.silence;
        let deadline = self.heard + if self.pinged { silence } else { silence / 2 };
        let wake = match self.room() {
            Room::At(until) => deadline.min(Instant::from_std(until)),
            // Refused frames are not acknowledged.
            Room::Unknown if !self.paused && self.asked != Some(self.sent) => {
                let payload = self.sent.to_be_bytes().to_vec();
                say(
                    &mut self.socket,
                    &self.config,
                    Message::Ping(payload.into()),
                )
                .await?;
                self.asked = Some(self.sent);
                return Ok(());
            }
            Room::Unknown | Room::Now => deadline,
        };
        tokio::select! {
            message = self.socket.next() => {
                let heard = self.hear(message);
                self.reproach(heard).await
            }
            () = sleep_until(wake) => {
                if Instant::now() < deadline {
                    return Ok(());
                }
                if self.pinged {
                    return Err(Error::silent(&self.config.endpoint, silence));
                }
                self.pinged = true;
                say(&mut self.socket, &self.config, Message::Ping(Bytes::new())).await
            }
        }
    }

    fn hear(
        &mut self,
        message: Option<Result<Message, tokio_tungstenite::tungstenite::Error>>,
    ) -> Result<(), Error> {
        let endpoint = &self.config.endpoint;
        let message = message
            .ok_or_else(|| Error::closed(endpoint, "it went without a word".into()))?
            .map_err(|error| Error::broken(endpoint, error))?;
        (self.heard, self.pinged) = (Instant::now(), false);
        match message {
            Message::Text(text) => match ViewerMessage::from_json(&text) {
                Ok(ViewerMessage::Ack { seq }) => self.acknowledged(seq),
                Ok(ViewerMessage::Pause) => self.paused = true,
                Ok(ViewerMessage::Resume) => self.paused = false,
                _ => {}
            },
            Message::Pong(payload) if payload == self.sent.to_be_bytes()[..] => {
                self.credit.arrived();
            }
            Message::Close(frame) => {
                let reason = frame.map_or("no reason given".into(), |frame| frame.to_string());
                let reason = readable(reason.as_bytes());
                return Err(Error::closed(endpoint, reason));
            }
            _ => {}
        }
        Ok(())
    }

    fn acknowledged(&mut self, seq: u64) {
        if let Some(at) = self.under_way.iter().position(|sent| *sent == seq) {
            self.accepted += 1;
            self.under_way.drain(..=at);
            // Stamps may begin anew; numbers of a connection don't.
            let number = self.sent - self.under_way.len() as u64;
            self.credit.acknowledged(number, Instant::now().into_std());
        }
    }

    /// Sends a JPEG. Its stamp is kept; one that has none is stamped with a number and the time. Not cancel-safe.
    ///
    /// # Errors
    /// Where the connection ends, or the bytes are no JPEG.
    pub async fn send(&mut self, jpeg: &[u8]) -> Result<(), Error> {
        let (seq, stamped);
        let jpeg = match Stamp::read(jpeg) {
            Some(stamp) => {
                seq = stamp.seq;
                jpeg
            }
            None => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let stamp = Stamp {
                    seq: self.next_seq,
                    captured_us: now.map_or(0, |now| now.as_micros() as u64),
                    camera: String::new(),
                };
                seq = stamp.seq;
                stamped = stamp.write(jpeg).map_err(Error::NotJpeg)?;
                &stamped
            }
        };
        self.next_seq = seq.wrapping_add(1);
        let body = match self.config.wire {
            WireFormat::GzipBase64 => pack(jpeg).into(),
            WireFormat::Jpeg => Bytes::copy_from_slice(jpeg),
        };
        self.sent += 1;
        self.credit
            .sent(self.sent, body.len(), Instant::now().into_std());
        self.under_way.push_back(seq);
        if self.under_way.len() > REMEMBERED {
            // Given up long ago.
            self.under_way.pop_front();
        }
        let silence = self.config.silence;
        match timeout(silence, self.write(Message::Binary(body))).await {
            Ok(written) => written,
            Err(_) => Err(Error::silent(&self.config.endpoint, silence)),
        }
    }

    /// Writes a message and hears what the server says meanwhile: heard late, an ack would make the way look slow.
    async fn write(&mut self, message: Message) -> Result<(), Error> {
        let fed = self.socket.feed(message).await;
        fed.map_err(|error| Error::broken(&self.config.endpoint, error))?;
        let written = poll_fn(|cx| {
            while let Poll::Ready(message) = self.socket.poll_next_unpin(cx) {
                self.hear(message)?;
            }
            let flushed = ready!(self.socket.poll_flush_unpin(cx));
            Poll::Ready(flushed.map_err(|error| Error::broken(&self.config.endpoint, error)))
        })
        .await;
        self.reproach(written).await
    }

    /// Tells the server what it did wrong, where that broke the connection.
    async fn reproach(&mut self, outcome: Result<(), Error>) -> Result<(), Error> {
        if let Some(cause) = outcome.as_ref().err().and_then(Error::broke) {
            violation::close(&mut self.socket, cause).await;
        }
        outcome
    }

    /// Tells the camera's state, so that viewers over there learn why there is no picture.
    ///
    /// # Errors
    /// Where the connection ends.
    pub async fn status(&mut self, status: CameraStatus) -> Result<(), Error> {
        let message = Message::text(ServerMessage::State(status).to_json());
        say(&mut self.socket, &self.config, message).await
    }

    /// Says goodbye, after the frames under way have been accepted or a second has passed.
    pub async fn close(mut self) -> u64 {
        let last_words = async {
            while !self.under_way.is_empty() {
                self.listen().await?;
            }
            Ok::<_, Error>(())
        };
        // Whether it was heard makes no difference any more.
        let _ = timeout(PATIENCE, last_words).await;
        let _ = timeout(PATIENCE, self.socket.close(None)).await;
        self.accepted
    }
}

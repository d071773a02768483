//! A WebSocket on which frames are written without a copy: tungstenite reads and speaks, frames go straight to the
//! socket between its messages.
//!
//! What is said, and when, belongs to [`super`].

use crate::hub::{Frame, Payload};
use crate::util::token_bucket::Allowance;
use futures::{SinkExt, StreamExt, TryFutureExt};
use pistreamer_client::violation;
use pistreamer_protocol::WireFormat;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Largest message that a viewer may send: control messages are some dozens of bytes.
const INBOUND_LIMIT: usize = 64 << 10;

/// Bytes read at once: several control messages. The library fills as many with zeros each time that it looks whether a
/// viewer said something, which is twice for each frame; with 4 KiB, that was half of a session's instructions. Near its end,
/// which few messages reach, a read is cut short and needs another one.
const READ_AT_ONCE: usize = 1 << 10;

/// Most bytes of control messages that wait for a slow viewer before it counts as gone.
const OUTBOUND_LIMIT: usize = 64 << 10;

/// One viewer's WebSocket.
#[derive(Debug)]
pub struct Link<S> {
    socket: WebSocketStream<S>,
    /// What the viewer said while a frame was sent, for after it.
    heard: Option<Message>,
    /// Whether a part of a frame is sent and the rest is not.
    within_frame: bool,
    /// How much the viewer may say. What it says beyond that waits where it is, in the viewer's own socket.
    allowance: Allowance,
}

/// Messages a second: an ack for each of 240 frames, pings, and as much again.
const RATE: u32 = 500;

/// Messages at once.
const BURST: u32 = 200;

/// What can happen while a frame is sent to a viewer whose link is slow.
pub trait Meanwhile {
    /// The frame has waited and nothing of it is sent yet: the one to send instead, where there is a newer one.
    fn newer(&mut self) -> Option<Arc<Frame>>;

    /// The first bytes of this frame are sent, and how many they are in all.
    fn begun(&mut self, seq: u64, bytes: usize);

    /// The viewer said something; `false` leaves it for after the frame.
    fn hear(&mut self, text: &str) -> bool;
}

/// What came in time; else an I/O error that says that it didn't.
async fn within<T>(
    patience: Duration,
    coming: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(patience, coming)
        .await
        .unwrap_or_else(|_| Err(Error::Io(io::ErrorKind::TimedOut.into())))
}

/// What came of an attempt to send.
enum Step {
    Wrote(usize),
    Newer(Arc<Frame>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// Takes over an upgraded connection, with what was read beyond the upgrade.
    pub async fn new(stream: S, read: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_AT_ONCE)
            .write_buffer_size(0)
            .max_write_buffer_size(OUTBOUND_LIMIT)
            .max_message_size(Some(INBOUND_LIMIT))
            .max_frame_size(Some(INBOUND_LIMIT));
        Self {
            socket: WebSocketStream::from_partially_read(stream, read, Role::Server, Some(config))
                .await,
            heard: None,
            within_frame: false,
            allowance: Allowance::new(RATE, BURST),
        }
    }

    /// The viewer's next message; `None` once it is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        match self.heard.take() {
            Some(heard) => Some(Ok(heard)),
            None => {
                self.allowance.renewed().await;
                let message = self.socket.next().await;
                self.allowance.spend(Instant::now());
                message
            }
        }
    }

    /// Sends a message that is not a frame.
    pub async fn say(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message).await
    }

    /// Sends a frame, piece by piece as the socket takes it, each within `patience`; or the newest one where it has to wait before its first byte; returns the one that was sent. Listens
    /// meanwhile. Not cancel-safe: the link is of no use after a send that did not end.
    pub async fn send_frame(
        &mut self,
        mut frame: Arc<Frame>,
        wire: WireFormat,
        patience: Duration,
        meanwhile: &mut impl Meanwhile,
    ) -> Result<Arc<Frame>, Error> {
        // After a flush tungstenite holds nothing back, so its messages and our frames cannot mix.
        within(patience, self.socket.flush()).await?;
        let mut sent = 0;
        let mut waited = false;
        loop {
            let payload = frame.payload(wire);
            let len = payload.header().len() + payload.body().len();
            if sent == len {
                break;
            }
            let step = poll_fn(|cx| {
                if waited
                    && sent == 0
                    && let Some(newer) = meanwhile.newer()
                {
                    return Poll::Ready(Ok(Step::Newer(newer)));
                }
                let step = self.poll_send(cx, payload, sent, meanwhile);
                waited |= step.is_pending();
                step
            });
            match within(patience, step).await? {
                Step::Wrote(0) => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
                Step::Wrote(bytes) => {
                    if sent == 0 {
                        meanwhile.begun(frame.seq, len);
                    }
                    sent += bytes;
                    self.within_frame = true;
                }
                Step::Newer(newer) => frame = newer,
            }
        }
        let flush = poll_fn(|cx| Pin::new(self.socket.get_mut()).poll_flush(cx));
        within(patience, flush.map_err(Error::Io)).await?;
        self.within_frame = false;
        Ok(frame)
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        payload: &Payload,
        sent: usize,
        meanwhile: &mut impl Meanwhile,
    ) -> Poll<Result<Step, Error>> {
        let (header, body) = (payload.header(), payload.body());
        let head = IoSlice::new(header.get(sent..).unwrap_or_default());
        let tail = IoSlice::new(&body[sent.saturating_sub(header.len())..]);
        let socket = Pin::new(self.socket.get_mut());
        if let Poll::Ready(written) = socket.poll_write_vectored(cx, &[head, tail]) {
            return Poll::Ready(Ok(Step::Wrote(written?)));
        }
        self.listen(cx, meanwhile)?;
        Poll::Pending
    }

    /// Hears what there is. Stops at the first message that has to wait: tungstenite answers some of them, and would do so
    /// in the middle of a frame when it is asked for the next one.
    fn listen(
        &mut self,
        cx: &mut Context<'_>,
        meanwhile: &mut impl Meanwhile,
    ) -> Result<(), Error> {
        // What comes beyond the allowance is heard after the frame.
        while self.heard.is_none() && !self.allowance.is_spent(Instant::now()) {
            match self.socket.poll_next_unpin(cx) {
                Poll::Pending => break,
                Poll::Ready(None) => return Err(Error::ConnectionClosed),
                Poll::Ready(Some(message)) => {
                    self.allowance.spend(Instant::now());
                    match message? {
                        Message::Text(text) if meanwhile.hear(&text) => {}
                        other => self.heard = Some(other),
                    }
                }
            }
        }
        Ok(())
    }

    /// Says goodbye to a viewer that said so first (RFC 6455 §5.5.1). For the caller to bound in time.
    pub async fn answer_close(&mut self) -> Result<(), Error> {
        self.socket.flush().await
    }

    /// Tells a viewer that broke the WebSocket protocol what it did wrong, unless it would take that for a part of a frame.
    pub async fn reproach(&mut self, error: &Error) {
        if !self.within_frame {
            violation::close(&mut self.socket, error).await;
        }
    }

    /// Says goodbye and waits until the viewer has said so too: a socket closed before all of its input is read would
    /// take the goodbye back. For the caller to bound in time.
    pub async fn close(&mut self, code: u16, reason: &'static str) -> Result<(), Error> {
        self.socket
            .close(Some(CloseFrame {
                code: CloseCode::from(code),
                reason: reason.into(),
            }))
            .await?;
        while let Some(message) = self.socket.next().await {
            message?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::cell::RefCell;
    use std::rc::Rc;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    const PATIENCE: Duration = Duration::from_secs(10);

    /// What the pipe between a link and its viewer holds.
    const PIPE: usize = 1000;

    /// Has newer frames, and takes note.
    #[derive(Default)]
    struct Notes {
        newer: Rc<RefCell<Option<Arc<Frame>>>>,
        begun: Vec<u64>,
        heard: Vec<String>,
    }

    impl Meanwhile for Notes {
        fn newer(&mut self) -> Option<Arc<Frame>> {
            self.newer.borrow_mut().take()
        }

        fn begun(&mut self, seq: u64, _bytes: usize) {
            self.begun.push(seq);
        }

        fn hear(&mut self, text: &str) -> bool {
            self.heard.push(text.into());
            true
        }
    }

    async fn pair() -> (Link<DuplexStream>, DuplexStream) {
        let (ours, theirs) = duplex(PIPE);
        (Link::new(ours, Vec::new()).await, theirs)
    }

    fn frame(seq: u64, bytes: usize) -> Arc<Frame> {
        let jpeg = Bytes::from(vec![seq as u8; bytes]);
        Arc::new(Frame::new(seq, seq, (2, 2), jpeg))
    }

    /// A frame's message whole: header and body.
    fn message(frame: &Frame) -> Vec<u8> {
        let payload = frame.payload(WireFormat::Jpeg);
        [payload.header(), payload.body()].concat()
    }

    #[tokio::test]
    async fn a_frame_of_which_nothing_is_sent_gives_way_to_a_newer_one() {
        let (mut link, mut viewer) = pair().await;
        let full = vec![0; PIPE];
        link.socket.get_mut().write_all(&full).await.unwrap();
        let newest = frame(2, 10);
        let mut notes = Notes::default();
        let newer = Rc::clone(&notes.newer);
        {
            let sending = link.send_frame(frame(1, 5000), WireFormat::Jpeg, PATIENCE, &mut notes);
            tokio::pin!(sending);
            assert!(futures::poll!(sending.as_mut()).is_pending());
            *newer.borrow_mut() = Some(Arc::clone(&newest));
            viewer.read_exact(&mut vec![0; PIPE]).await.unwrap();
            assert_eq!(sending.await.unwrap().seq, 2);
        }
        assert_eq!(notes.begun, [2]);
        let mut came = vec![0; message(&newest).len()];
        viewer.read_exact(&mut came).await.unwrap();
        assert_eq!(came, message(&newest));
    }

    #[tokio::test]
    async fn a_viewer_is_heard_in_the_middle_of_a_frame_and_answered_after_it() {
        let (mut link, mut viewer) = pair().await;
        let large = frame(1, 5000);
        let mut notes = Notes::default();
        let mut came = vec![0; message(&large).len()];
        {
            let sending =
                link.send_frame(Arc::clone(&large), WireFormat::Jpeg, PATIENCE, &mut notes);
            tokio::pin!(sending);
            assert!(futures::poll!(sending.as_mut()).is_pending());
            // A text "ack", a ping, and a text "late", masked with zeros.
            viewer.write_all(b"\x81\x83\0\0\0\0ack").await.unwrap();
            viewer.write_all(b"\x89\x80\0\0\0\0").await.unwrap();
            viewer.write_all(b"\x81\x84\0\0\0\0late").await.unwrap();
            let receiving = viewer.read_exact(&mut came);
            let (sent, received) = futures::future::join(sending, receiving).await;
            sent.unwrap();
            received.unwrap();
        }
        assert_eq!(
            came,
            message(&large),
            "something is in the middle of the frame"
        );
        assert_eq!(notes.heard, ["ack"]);
        assert!(link.next().await.unwrap().unwrap().is_ping());
        assert_eq!(link.next().await.unwrap().unwrap(), Message::text("late"));
        let mut pong = [0; 2];
        viewer.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, [0x8a, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_takes_a_little_all_the_time_gets_the_frame_and_one_that_stops_does_not()
    {
        let (mut link, mut viewer) = pair().await;
        let large = frame(1, 20 * PIPE);
        let len = message(&large).len();
        let mut notes = Notes::default();
        let began = Instant::now();
        let reading = async {
            for _ in 0..len / 500 + 1 {
                tokio::time::sleep(PATIENCE / 2).await;
                let mut piece = [0; 500];
                assert!(viewer.read(&mut piece).await.unwrap() > 0);
            }
        };
        let sending = link.send_frame(Arc::clone(&large), WireFormat::Jpeg, PATIENCE, &mut notes);
        let (sent, ()) = futures::future::join(sending, reading).await;
        sent.unwrap();
        assert!(began.elapsed() > 10 * PATIENCE);
        let error = link.send_frame(large, WireFormat::Jpeg, PATIENCE, &mut notes);
        assert!(
            matches!(error.await, Err(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_messages_is_heard_at_the_rate_and_waits_with_the_viewer() {
        const FLOOD: u32 = 2 * RATE + BURST;
        let (mut link, mut viewer) = pair().await;
        let flooding = tokio::spawn(async move {
            for _ in 0..FLOOD {
                viewer.write_all(b"\x81\x83\0\0\0\0ack").await.unwrap();
            }
            viewer
        });
        let began = Instant::now();
        for _ in 0..FLOOD {
            link.next().await.unwrap().unwrap();
        }
        let took = began.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&took), "it took {took} s");
        flooding.await.unwrap();
    }
}

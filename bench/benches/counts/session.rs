//! A viewer's whole session over a connection that takes everything at once and costs nothing.

use bytes::Bytes;
use pistreamer::stages::Camera;
use pistreamer::stages::hub::{Config, Frame, Limits, Rendition};
use pistreamer::stages::session::{self, Link, Roster};
use pistreamer_bench::crowd::ack;
use pistreamer_bench::picture;
use pistreamer_protocol::WireFormat;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The server's end of a connection.
#[derive(Default)]
struct Connection {
    acknowledges: bool,
    /// The frame that was taken last.
    seq: u64,
    /// What the viewer said that was not read.
    said: Vec<u8>,
    reading: Option<Waker>,
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.said.is_empty() {
            self.reading = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let read = self.said.len().min(buffer.remaining());
        buffer.put_slice(&self.said[..read]);
        self.said.drain(..read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.seq += 1;
        if self.acknowledges {
            let ack = ack(self.seq);
            self.said.extend(ack);
            if let Some(waker) = self.reading.take() {
                waker.wake();
            }
        }
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Publishes this many frames, and has one viewer take them.
pub(crate) fn send(acknowledges: bool, times: usize) {
    let wire = WireFormat::Jpeg;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime of one thread needs nothing");
    runtime.block_on(async {
        let config = Config {
            most: 1,
            quality: 80,
            tiles: None,
        };
        let camera = Camera::idle("c0", config).expect("it is an id");
        let roster = Roster::default();
        let address = ([127, 0, 0, 1], 1).into();
        let entry = roster.enter(roster.viewer(address, "0", wire.subprotocol(), None));
        let connection = Connection {
            acknowledges,
            ..Connection::default()
        };
        let link = Link::new(connection, Vec::new()).await;
        let config = session::Config {
            send_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_secs(10),
        };
        tokio::spawn(session::run(
            link,
            camera.subscribe(Limits::default()),
            wire,
            entry,
            config,
            session::Allowed::default(),
            std::future::pending(),
        ));
        let jpeg = Bytes::from(picture::jpeg(1000, 1));
        for seq in 1..=times as u64 {
            camera.feed().publish(
                Rendition::FULL,
                Frame::new(seq, seq, (1280, 720), jpeg.clone()),
            );
            // The session sends the frame, hears the acknowledgement, and waits for the next.
            for _ in 0..2 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(roster.totals().sent.load(Ordering::Relaxed), times as u64);
    });
}

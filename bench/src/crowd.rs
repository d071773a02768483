//! Many viewers on one thread. What they take is dropped inside the kernel, so that measuring costs little.
//!
//! The arithmetic over what they saw belongs to [`crate::load`].

use crate::framing::{Framing, HEAD, Seen, TEXT, from_viewer};
use crate::head::Stamps;
use crate::url::{Url, Wire};
use anyhow::{Context, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Most bytes dropped in one call.
const DROPPED_AT_ONCE: usize = 1 << 20;

/// Time to read between two viewers that connect.
const BETWEEN_TWO: Duration = Duration::from_millis(1);

/// The viewers.
pub struct Crowd {
    poll: Poll,
    viewers: Vec<Viewer>,
    /// Connections that are never read from.
    _stalled: Vec<std::net::TcpStream>,
    stamps: Stamps,
    nothing: Box<[MaybeUninit<u8>]>,
}

struct Viewer {
    stream: TcpStream,
    framing: Framing,
    acknowledges: bool,
    frames: u64,
    bytes: u64,
}

/// What a crowd saw in a time.
#[derive(Debug, Default)]
pub struct Sight {
    /// How long it was.
    pub seconds: f64,
    /// Frames of each viewer.
    pub frames: Vec<u64>,
    /// Bytes of frames, of all viewers together.
    pub bytes: u64,
    /// Age of each frame at its last byte's arrival, in ms: now − `captured-us`, or `X-Timestamp` of frames that have no
    /// stamp. Empty where they have neither.
    pub ages_ms: Vec<f64>,
    /// The first and the last frame that any viewer saw, by their stamps.
    pub seqs: Option<(u64, u64)>,
}

impl Sight {
    fn aged(&mut self, captured_us: Option<u64>) {
        let age_us = captured_us.map(|captured_us| now_us().saturating_sub(captured_us));
        self.ages_ms
            .extend(age_us.map(|age_us| age_us as f64 / 1e3));
    }

    fn saw(&mut self, seq: u64) {
        let (first, last) = self.seqs.unwrap_or((seq, seq));
        self.seqs = Some((first.min(seq), last.max(seq)));
    }

    /// Share of the camera's frames received by the viewer that received the fewest.
    pub fn least_kept(&self) -> f64 {
        let published = self.seqs.map_or(0, |(first, last)| last - first + 1);
        let fewest = self.frames.iter().min().copied().unwrap_or(0);
        fewest as f64 / published.max(1) as f64
    }
}

/// Unix time in µs.
pub fn now_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}

/// A viewer's acknowledgement.
pub fn ack(seq: u64) -> Vec<u8> {
    from_viewer(TEXT, format!(r#"{{"type":"ack","seq":{seq}}}"#).as_bytes())
}

impl Crowd {
    /// Connects viewers, and others that never read. Those with a WebSocket acknowledge if told to.
    ///
    /// # Errors
    /// Where a connection cannot be made.
    pub fn connect(
        url: &Url,
        viewers: usize,
        stalled: usize,
        acknowledge: bool,
    ) -> anyhow::Result<Self> {
        let stalled = (0..stalled)
            .map(|_| Ok(url.open()?.0))
            .collect::<anyhow::Result<_>>()?;
        let mut crowd = Self {
            poll: Poll::new()?,
            viewers: Vec::with_capacity(viewers),
            _stalled: stalled,
            stamps: Stamps::default(),
            nothing: Box::new_uninit_slice(DROPPED_AT_ONCE),
        };
        for number in 0..viewers {
            let viewer = crowd
                .welcome(url, number, acknowledge)
                .with_context(|| format!("viewer {number}"))?;
            crowd.viewers.push(viewer);
            // A server that waits for each of its viewers would not answer the next one.
            crowd.look(BETWEEN_TWO)?;
        }
        Ok(crowd)
    }

    fn welcome(&self, url: &Url, number: usize, acknowledge: bool) -> anyhow::Result<Viewer> {
        let (stream, mut framing, came) = url.open()?;
        framing.feed(&came, |_| ());
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        self.poll
            .registry()
            .register(&mut stream, Token(number), Interest::READABLE)?;
        Ok(Viewer {
            stream,
            framing,
            acknowledges: acknowledge && url.wire != Wire::Mjpeg,
            frames: 0,
            bytes: 0,
        })
    }

    /// Watches for this long, and forgets what it saw before.
    ///
    /// # Errors
    /// Where the server ends a connection.
    pub fn look(&mut self, time: Duration) -> anyhow::Result<Sight> {
        let mut sight = Sight::default();
        for viewer in &mut self.viewers {
            (viewer.frames, viewer.bytes) = (0, 0);
        }
        let mut events = Events::with_capacity(256);
        let began = Instant::now();
        while let Some(left) = time.checked_sub(began.elapsed()) {
            if let Err(error) = self.poll.poll(&mut events, Some(left)) {
                ensure!(error.kind() == ErrorKind::Interrupted, error);
            }
            for event in &events {
                let viewer = &mut self.viewers[event.token().0];
                viewer
                    .take(&mut self.stamps, &mut self.nothing, &mut sight)
                    .with_context(|| format!("viewer {}", event.token().0))?;
            }
        }
        sight.seconds = began.elapsed().as_secs_f64();
        sight.frames = self.viewers.iter().map(|viewer| viewer.frames).collect();
        sight.bytes = self.viewers.iter().map(|viewer| viewer.bytes).sum();
        Ok(sight)
    }
}

impl Viewer {
    /// Takes all that is there.
    fn take(
        &mut self,
        stamps: &mut Stamps,
        nothing: &mut [MaybeUninit<u8>],
        sight: &mut Sight,
    ) -> io::Result<()> {
        loop {
            let mut seen = Vec::new();
            let droppable = self.framing.droppable().min(nothing.len());
            let mut some = [0; HEAD + 10];
            let (wanted, came) = if droppable > 0 {
                // Linux takes the bytes from the queue and copies none: tcp(7), MSG_TRUNC.
                let socket = SockRef::from(&self.stream);
                (
                    droppable,
                    socket.recv_with_flags(&mut nothing[..droppable], libc::MSG_TRUNC),
                )
            } else {
                (some.len(), self.stream.read(&mut some))
            };
            let came = match came {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(came) => came,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            if droppable > 0 {
                self.framing.dropped(came, |frame| seen.push(frame));
            } else {
                self.framing.feed(&some[..came], |frame| seen.push(frame));
            }
            for Seen {
                len,
                head,
                timestamp_us,
            } in seen
            {
                self.frames += 1;
                self.bytes += len as u64;
                let stamp = stamps.read(&head);
                sight.aged(stamp.map(|stamp| stamp.captured_us).or(timestamp_us));
                if let Some(stamp) = stamp {
                    sight.saw(stamp.seq);
                    if self.acknowledges {
                        self.stream.write_all(&ack(stamp.seq))?;
                    }
                }
            }
            if let Some(pong) = self.framing.pong() {
                self.stream.write_all(&pong)?;
            }
            if came < wanted {
                // The queue was empty. More bytes make a new event.
                return Ok(());
            }
        }
    }
}

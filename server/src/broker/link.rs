//! A connection to a broker. It never waits for a write: what the socket does not take is kept, and whoever publishes frames sees
//! that before it adds another one.

use super::Broker;
use bytes::{Buf, Bytes, BytesMut};
use pistreamer_client::dial;
use pistreamer_fleet::pulse::{Pulse, Step};
use pistreamer_fleet::wire::{self, Info, Message, Said};
use socket2::SockRef;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};
use tokio_util::either::Either;

/// Time for a broker to be reached and to let this program in. One that is stopped still takes connections.
const PATIENCE: Duration = Duration::from_secs(3);

/// Unsent bytes that the kernel keeps: few, so that the newest frame is chosen late.
const UNSENT_LOW_WATER: u32 = 64 << 10;

/// Bytes that are read at a time.
const READ: usize = 64 << 10;

/// Pieces that are written at a time.
const PIECES: usize = 8;

/// Most pieces that wait to be written: a broker that asks without end, and reads nothing, gets no more answers.
const MOST_WAITING: usize = 64 << 10;

/// The brokers of a cluster, in the order in which they are tried. A broker names the others.
#[derive(Debug, Default)]
pub(crate) struct Servers {
    named: Vec<(String, u16)>,
    next: usize,
}

impl Servers {
    /// The one to be tried now; another one each time.
    fn next(&mut self, broker: &Broker) -> (String, u16) {
        let first = (broker.endpoint.host.clone(), broker.endpoint.port);
        let at = self.next % (self.named.len() + 1);
        self.next = at + 1;
        match at.checked_sub(1) {
            None => first,
            Some(at) => self.named[at].clone(),
        }
    }

    /// The last one works: it is tried first the next time.
    fn works(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    fn learn(&mut self, info: &Info, broker: &Broker) {
        if info.connect_urls.is_empty() {
            return;
        }
        let named = info.connect_urls.iter().filter_map(|url| {
            let (host, port) = url.rsplit_once(':')?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            Some((host.to_owned(), port.parse().ok()?))
        });
        let first = (broker.endpoint.host.clone(), broker.endpoint.port);
        self.named = named.filter(|one| *one != first).collect();
    }
}

/// Something that a broker says.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message.
    Message(Message),
    /// The broker has handed on the frame with that number, and all before it.
    Echo(u64),
    /// The broker refuses something.
    Refused(String),
    /// Everything was handed to the socket: there is room for a frame.
    Clear,
}

/// A connection.
pub(crate) struct Link {
    stream: dial::Stream,
    came: BytesMut,
    read: Box<[u8]>,
    out: VecDeque<Bytes>,
    /// Whether the socket did not take everything the last time.
    waits: bool,
    pulse: Pulse,
    info: Info,
    complaint: Option<String>,
    heard: Instant,
}

impl Link {
    /// Connects to one of the brokers, under that name.
    ///
    /// # Errors
    /// Where it is not there, or does not let this program in.
    pub(crate) async fn connect(
        broker: &Broker,
        servers: &mut Servers,
        name: &str,
    ) -> Result<Self, String> {
        let (host, port) = servers.next(broker);
        let opened = timeout(PATIENCE, Self::open(broker, &host, port, name)).await;
        let link = opened.unwrap_or_else(|_| Err("it does not answer".into()));
        let at = if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        };
        let link = link.map_err(|error| format!("{at}: {error}"))?;
        servers.works();
        servers.learn(&link.info, broker);
        Ok(link)
    }

    async fn open(broker: &Broker, host: &str, port: u16, name: &str) -> Result<Self, String> {
        let of_files = broker.clone();
        let read =
            tokio::task::spawn_blocking(move || Ok((of_files.login()?, of_files.trusted()?)));
        let read: Result<_, String> = read.await.map_err(|error| error.to_string())?;
        let (login, trusted) = read?;
        let tcp = TcpStream::connect((host, port)).await.map_err(plain)?;
        tcp.set_nodelay(true).map_err(plain)?;
        // Frames wait here rather than in the kernel.
        let _ = SockRef::from(&tcp).set_tcp_notsent_lowat(UNSENT_LOW_WATER);
        let mut link = Self {
            stream: Either::Left(tcp),
            came: BytesMut::new(),
            read: vec![0; READ].into(),
            out: VecDeque::new(),
            waits: false,
            pulse: Pulse::new(Instant::now()),
            info: Info::default(),
            complaint: None,
            heard: Instant::now(),
        };
        let info = loop {
            match link.said()? {
                Some(Said::Info(info)) => break *info,
                Some(_) => {}
                None => {
                    let read = link.stream.read_buf(&mut link.came).await.map_err(plain)?;
                    if read == 0 {
                        return Err("it closed the connection".into());
                    }
                }
            }
        };
        if broker.endpoint.tls || info.tls_required {
            let Either::Left(tcp) = link.stream else {
                return Err("it begins TLS twice".into());
            };
            // A cluster's other brokers have certificates for the name that they share. What they are called was said in plain
            // text: anybody on the way may name a host of their own, for which the system's authorities vouch, too.
            let name = match (host.parse::<IpAddr>(), &trusted) {
                (Err(_), Some(_)) => host,
                _ => &broker.endpoint.host,
            };
            let stream = dial::encrypt(tcp, name, trusted.as_deref()).await;
            link.stream = stream.map_err(plain)?;
            // Whatever came in plain text counts for nothing.
            link.came.clear();
        }
        let connect = login.connect(&info, name, env!("CARGO_PKG_VERSION"));
        link.send(connect.map_err(|error| error.to_string())?.into());
        link.info = info;
        link.ask(None);
        // The first answer is that to the login.
        loop {
            match link.said()? {
                Some(Said::Pong) => {
                    link.pulse.answered(Instant::now());
                    return Ok(link);
                }
                Some(Said::Error(error)) => return Err(refused(&error)),
                Some(Said::Info(info)) => link.info = *info,
                Some(_) => {}
                None => link.moves().await?,
            }
        }
    }

    /// What the broker says about itself now.
    pub(crate) fn info(&self) -> &Info {
        &self.info
    }

    /// How long the way to the broker and back takes.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.pulse.round_trip()
    }

    /// When the broker last said something: what others say through it is not missing before that.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    /// Whether everything was handed to the socket.
    pub(crate) fn is_clear(&self) -> bool {
        self.out.is_empty()
    }

    fn send(&mut self, bytes: Bytes) {
        self.out.push_back(bytes);
    }

    fn ask(&mut self, behind: Option<u64>) {
        self.pulse.asks(behind, Instant::now());
        self.send(Bytes::from_static(wire::PING));
    }

    /// Publishes a message.
    pub(crate) fn publish(&mut self, subject: &str, reply: Option<&str>, payload: Bytes) {
        self.send(wire::publish(subject, reply, payload.len()).into());
        if !payload.is_empty() {
            self.send(payload);
        }
        self.send(Bytes::from_static(wire::END));
    }

    /// Publishes a frame. [`Heard::Echo`] has its number when the broker has handed it on.
    pub(crate) fn publish_frame(
        &mut self,
        subject: &str,
        publisher: &str,
        jpeg: Bytes,
        number: u64,
    ) {
        self.publish(subject, Some(publisher), jpeg);
        self.ask(Some(number));
    }

    /// Asks for everything with that subject.
    pub(crate) fn subscribe(&mut self, subject: &str, sid: u64) {
        self.send(wire::subscribe(subject, sid).into());
    }

    /// Asks for one message with that subject.
    pub(crate) fn subscribe_once(&mut self, subject: &str, group: &str, sid: u64) {
        self.send(wire::subscribe_once(subject, group, sid).into());
    }

    /// Ends a subscription.
    pub(crate) fn unsubscribe(&mut self, sid: u64) {
        self.send(wire::unsubscribe(sid).into());
    }

    fn said(&mut self) -> Result<Option<Said>, String> {
        wire::read(&mut self.came).map_err(|error| error.to_string())
    }

    /// Waits for something that the broker says, and writes meanwhile. Cancel-safe.
    ///
    /// # Errors
    /// Where the connection broke, or the broker is silent.
    pub(crate) async fn next(&mut self) -> Result<Heard, String> {
        loop {
            if self.out.len() > MOST_WAITING {
                return Err("it takes nothing".into());
            }
            match self.said()? {
                Some(Said::Message(message)) => return Ok(Heard::Message(message)),
                Some(Said::Error(error)) => {
                    self.complaint = Some(error.clone());
                    return Ok(Heard::Refused(error));
                }
                Some(Said::Pong) => {
                    if let Some(number) = self.pulse.answered(Instant::now()) {
                        return Ok(Heard::Echo(number));
                    }
                }
                Some(Said::Ping) => self.send(Bytes::from_static(wire::PONG)),
                Some(Said::Info(info)) => self.info = *info,
                Some(Said::Ok) => {}
                None => match self.pulse.step(Instant::now()) {
                    Step::Ping => self.ask(None),
                    Step::Lost => return Err("it is silent".into()),
                    Step::Wait(until) => {
                        let was_clear = self.is_clear();
                        tokio::select! {
                            moved = self.moves() => moved?,
                            () = sleep_until(until.into()) => {}
                        }
                        if self.is_clear() && !was_clear {
                            return Ok(Heard::Clear);
                        }
                    }
                },
            }
        }
    }

    /// Writes everything, in that time.
    pub(crate) async fn drain(&mut self, patience: Duration) {
        let drained = async { while !self.out.is_empty() && self.moves().await.is_ok() {} };
        // What was not said by then is not heard.
        let _ = timeout(patience, drained).await;
    }

    /// Waits until something was read or written. Cancel-safe.
    async fn moves(&mut self) -> Result<(), String> {
        let moved = poll_fn(|cx| self.poll_moves(cx)).await;
        moved.map_err(|error| match &self.complaint {
            Some(complaint) => refused(complaint),
            None => plain(error),
        })
    }

    fn poll_moves(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let waited = self.waits;
        let wrote = self.poll_write(cx)?;
        self.waits = !self.out.is_empty();
        let now = Instant::now();
        let mut buffer = ReadBuf::new(&mut self.read);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer)? {
            Poll::Ready(()) if buffer.filled().is_empty() => {
                return Poll::Ready(Err(io::Error::other("it closed the connection")));
            }
            Poll::Ready(()) => {
                self.came.extend_from_slice(buffer.filled());
                self.heard = now;
                self.pulse.moves(now);
            }
            // What the kernel keeps says nothing of the broker, unless it had no room for it before.
            Poll::Pending if wrote && waited => self.pulse.moves(now),
            Poll::Pending if wrote => {}
            Poll::Pending => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }

    /// Writes as much as the socket takes. Returns true where it took something.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut wrote = false;
        while !self.out.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES];
            for (piece, bytes) in pieces.iter_mut().zip(&self.out) {
                *piece = IoSlice::new(bytes);
            }
            let Poll::Ready(written) =
                Pin::new(&mut self.stream).poll_write_vectored(cx, &pieces)?
            else {
                break;
            };
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            wrote = true;
            let mut left = written;
            while let Some(front) = self.out.front_mut() {
                let taken = left.min(front.len());
                front.advance(taken);
                left -= taken;
                if !front.is_empty() {
                    break;
                }
                self.out.pop_front();
            }
        }
        if let Poll::Ready(flushed) = Pin::new(&mut self.stream).poll_flush(cx) {
            flushed?;
        }
        Ok(wrote)
    }
}

fn plain(error: io::Error) -> String {
    pistreamer_protocol::message::Reason::from(error.to_string()).text
}

/// What a broker refuses, with what to do about it where that is known.
fn refused(error: &str) -> String {
    if error.eq_ignore_ascii_case("authorization violation") {
        "it does not let this program in: the user, password, token, NKEY or credentials of its URL are none that it knows".into()
    } else {
        format!("it refuses: {error}")
    }
}

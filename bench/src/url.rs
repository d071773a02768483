//! Where a viewer connects, and the request it opens with.

use crate::framing::Framing;
use anyhow::{Context, bail, ensure};
use pistreamer_protocol::WireFormat;
use socket2::{Domain, SockFilter, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::thread;
use std::time::{Duration, Instant};

/// How frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A WebSocket with frames of this format.
    WebSocket(WireFormat),
    /// Multipart MJPEG over HTTP.
    Mjpeg,
}

/// A stream of frames.
#[derive(Clone, Debug)]
pub struct Url {
    /// Where to connect.
    pub address: SocketAddr,
    /// Path and query.
    pub path: String,
    /// How frames come.
    pub wire: Wire,
    /// The address to come from, such as another one of the loopback network.
    pub from: Option<Ipv4Addr>,
    /// Whom a proxy speaks for.
    pub forwarded: Option<Ipv4Addr>,
}

impl FromStr for Url {
    type Err = anyhow::Error;

    /// `ws://…` is a WebSocket of packed frames, `http://…` is MJPEG.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (scheme, rest) = text.split_once("://").context("a URL has a scheme")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let wire = match scheme {
            "ws" => Wire::WebSocket(WireFormat::GzipBase64),
            "http" => Wire::Mjpeg,
            _ => bail!("{text}: a stream is at ws:// or http://"),
        };
        let address = host
            .to_socket_addrs()
            .with_context(|| format!("{text}: needs a host and a port"))?
            .next()
            .context("the host has no address")?;
        Ok(Self {
            address,
            path: format!("/{path}"),
            wire,
            from: None,
            forwarded: None,
        })
    }
}

impl Url {
    /// Connects, and asks for nothing yet.
    ///
    /// # Errors
    /// Where nothing listens.
    pub fn connect(&self) -> anyhow::Result<TcpStream> {
        const PATIENCE: Duration = Duration::from_secs(20);
        let socket = self.socket()?;
        socket.connect(&self.address.into())?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Begins to connect and never hears the answer: the connection stays half-open as long as the socket is.
    ///
    /// # Errors
    /// Where the system has no more sockets.
    pub fn connect_half(&self) -> io::Result<Socket> {
        let socket = self.socket()?;
        deafen(SockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&self.address.into()) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(socket),
        }
    }

    fn socket(&self) -> io::Result<Socket> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, None)?;
        if let Some(from) = self.from {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        Ok(socket)
    }

    /// Waits until the stream is there.
    ///
    /// # Errors
    /// Where it is not there for long.
    pub fn wait_until_open(&self) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let began = Instant::now();
        loop {
            match self.open() {
                Ok(_) => return Ok(()),
                Err(error) if began.elapsed() > PATIENCE => return Err(error),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Connects and requests the stream. Bytes received with the response's headers are already in the framing.
    ///
    /// # Errors
    /// Where nothing listens, or the answer is not a stream.
    pub fn open(&self) -> anyhow::Result<(TcpStream, Framing, Vec<u8>)> {
        self.open_on(self.connect()?)
    }

    /// The same on a connection that is there already.
    ///
    /// # Errors
    /// Where the answer is not a stream.
    pub fn open_on(&self, mut stream: TcpStream) -> anyhow::Result<(TcpStream, Framing, Vec<u8>)> {
        stream.write_all(self.request().as_bytes())?;
        let mut answer = Vec::new();
        let end = loop {
            let mut some = [0; 1024];
            let read = stream.read(&mut some)?;
            if read == 0 {
                bail!("the server closed the connection");
            }
            answer.extend_from_slice(&some[..read]);
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let rest = answer.split_off(end);
        let status = String::from_utf8_lossy(&answer);
        let status = status.lines().next().unwrap_or_default();
        let framing = match self.wire {
            Wire::WebSocket(_) if status.contains(" 101 ") => Framing::web_socket(),
            Wire::Mjpeg if status.contains(" 200 ") => Framing::multipart(),
            _ => bail!("the server answered {status:?}"),
        };
        Ok((stream, framing, rest))
    }

    /// How long it takes from connecting to the last byte of the first frame.
    ///
    /// # Errors
    /// Where nothing listens, the answer is not a stream, or it ends before.
    pub fn first_frame(&self) -> anyhow::Result<Duration> {
        let began = Instant::now();
        let (mut stream, mut framing, came) = self.open()?;
        let mut frames = 0;
        framing.feed(&came, |_| frames += 1);
        let mut some = [0; 16 << 10];
        while frames == 0 {
            let read = stream.read(&mut some)?;
            ensure!(read > 0, "the server closed the connection");
            framing.feed(&some[..read], |_| frames += 1);
        }
        Ok(began.elapsed())
    }

    fn request(&self) -> String {
        let Self {
            address,
            path,
            wire,
            ..
        } = self;
        let forwarded = self
            .forwarded
            .map(|from| format!("X-Forwarded-For: {from}\r\n"));
        let forwarded = forwarded.unwrap_or_default();
        match wire {
            Wire::WebSocket(format) => format!(
                "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: cGlzdHJlYW1lci1iZW5jaA==\r\n\
                 Sec-WebSocket-Protocol: {}\r\n{forwarded}\r\n",
                format.subprotocol()
            ),
            // HTTP/1.0, so that the parts are not cut into chunks.
            Wire::Mjpeg => format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{forwarded}\r\n"),
        }
    }
}

/// From now on the socket's system hears nothing and so answers nothing, as if it had been carried away.
///
/// # Errors
/// Where the system has no socket filters.
pub fn deafen(socket: SockRef<'_>) -> io::Result<()> {
    /// "Return, of the packet, so many bytes", and none are meant: linux/bpf_common.h.
    const BPF_RET: u16 = 6;
    socket.attach_filter(&[SockFilter::new(BPF_RET, 0, 0, 0)])
}

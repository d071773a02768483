//! Sockets that programs listen on: a Unix stream, and UDP.

use super::{Retry, Sink, Written};
use crate::limits::Time;
use crate::sys;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Reads of what the machine says, at a time.
const HEARD_AT_ONCE: usize = 16;

/// How long a program that listens gets until it reads for the first time.
const LISTENS: Time = Time::from_secs(5);

/// Times that the last datagram is sent: one alone may get lost.
const GOODBYES: usize = 3;

#[derive(Debug)]
pub(super) struct Unix {
    path: PathBuf,
    stream: Option<UnixStream>,
    /// The connection cannot be used any more, and why.
    broken: Option<&'static str>,
    retry: Retry,
    problem: String,
    opened: u64,
}

impl Unix {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            stream: None,
            broken: None,
            retry: Retry::default(),
            problem: String::new(),
            opened: 0,
        }
    }

    fn lose(&mut self, now: Time, problem: String) {
        self.stream = None;
        self.problem = problem;
        self.retry.failed(now);
    }
}

/// Connects without waiting: a program that hangs takes no connection, and `connect` would wait for it.
fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

impl Sink for Unix {
    fn tend(&mut self, now: Time, heard: &mut Vec<u8>) {
        if let Some(what) = self.broken.take() {
            let problem = format!("the program that listens on {} {what}", self.path.display());
            self.lose(now, problem);
        }
        if self.stream.is_none() && self.retry.is_due(now) {
            match connect(&self.path) {
                Ok(stream) => {
                    self.stream = Some(stream);
                    self.opened += 1;
                    self.problem.clear();
                    self.retry.succeeded();
                }
                Err(error) => {
                    let path = self.path.display();
                    let problem = match error.kind() {
                        ErrorKind::WouldBlock => {
                            format!("the program that listens on {path} takes no connections")
                        }
                        _ => format!(
                            "{path} cannot be connected to ({error}): start the program that listens there"
                        ),
                    };
                    self.lose(now, problem);
                }
            }
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let mut bytes = [0; 1024];
        for _ in 0..HEARD_AT_ONCE {
            let problem = match stream.read(&mut bytes) {
                Ok(0) => format!("the program that listens on {} closed", self.path.display()),
                Ok(count) => {
                    heard.extend_from_slice(&bytes[..count]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    format!("the connection to {} broke: {error}", self.path.display())
                }
            };
            return self.lose(now, problem);
        }
    }

    fn write(&mut self, line: &[u8]) -> Written {
        let Some(stream) = &mut self.stream else {
            return Written::Nobody;
        };
        // What cannot be known was not read.
        if sys::unread(stream.as_fd()).is_none_or(|bytes| bytes > 0) {
            return Written::Unread;
        }
        self.broken = match stream.write(line) {
            Ok(count) if count == line.len() => return Written::Yes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Written::Unread,
            // A part of a line is worse than none, and another one must not follow it.
            Ok(_) => Some("took a part of a line"),
            Err(_) => Some("does not read any more"),
        };
        Written::Nobody
    }

    fn give_up(&mut self, now: Time) {
        let problem = format!(
            "the program that listens on {} does not read",
            self.path.display()
        );
        self.lose(now, problem);
    }

    fn close(&mut self, line: &[u8]) {
        if let Some(mut stream) = self.stream.take() {
            // One that does not take it sees the end of the connection.
            let _ = stream.write(line);
        }
    }

    fn said(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn patience(&self) -> Time {
        LISTENS
    }

    fn problem(&self) -> &str {
        &self.problem
    }

    fn opened(&self) -> u64 {
        self.opened
    }
}

#[derive(Debug)]
pub(super) struct Udp {
    address: SocketAddr,
    socket: Option<UdpSocket>,
    retry: Retry,
    problem: String,
    opened: u64,
    /// The system said that nothing listens there, of the last datagram.
    is_refused: bool,
    /// Datagrams in a row of which it did not.
    sent: u32,
}

impl Udp {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            socket: None,
            retry: Retry::default(),
            problem: String::new(),
            opened: 0,
            is_refused: false,
            sent: 0,
        }
    }

    fn connect(&self) -> std::io::Result<UdpSocket> {
        let any: SocketAddr = match self.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(self.address)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

impl Sink for Udp {
    fn tend(&mut self, now: Time, heard: &mut Vec<u8>) {
        if self.socket.is_none() && self.retry.is_due(now) {
            match self.connect() {
                Ok(socket) => {
                    self.socket = Some(socket);
                    self.opened += 1;
                }
                Err(error) => {
                    self.problem = format!("{} cannot be sent to: {error}", self.address);
                    self.retry.failed(now);
                }
            }
        }
        let Some(socket) = &self.socket else { return };
        let mut bytes = [0; 2048];
        for _ in 0..HEARD_AT_ONCE {
            match socket.recv(&mut bytes) {
                Ok(count) => {
                    heard.extend_from_slice(&bytes[..count]);
                    heard.push(b'\n');
                }
                Err(error) => {
                    self.is_refused |= error.kind() == ErrorKind::ConnectionRefused;
                    break;
                }
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> Written {
        let Some(socket) = &self.socket else {
            return Written::Nobody;
        };
        let sent = match std::mem::take(&mut self.is_refused) {
            true => Err(ErrorKind::ConnectionRefused.into()),
            false => socket.send(line),
        };
        match sent {
            Ok(_) => {
                self.sent = self.sent.saturating_add(1);
                // The answer to the one before would be here.
                if self.sent >= 2 {
                    self.problem.clear();
                }
                Written::Yes
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Unread,
            Err(error) => {
                self.sent = 0;
                self.problem = match error.kind() {
                    ErrorKind::ConnectionRefused => {
                        format!(
                            "nothing listens on {}: start the program there",
                            self.address
                        )
                    }
                    _ => format!("{} cannot be sent to: {error}", self.address),
                };
                Written::Nobody
            }
        }
    }

    fn give_up(&mut self, now: Time) {
        self.socket = None;
        self.retry.failed(now);
    }

    fn close(&mut self, line: &[u8]) {
        if let Some(socket) = self.socket.take() {
            for _ in 0..GOODBYES {
                let _ = socket.send(line);
            }
        }
    }

    fn said(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn patience(&self) -> Time {
        LISTENS
    }

    fn problem(&self) -> &str {
        &self.problem
    }

    fn opened(&self) -> u64 {
        self.opened
    }
}

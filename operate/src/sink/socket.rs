//! Sockets that programs listen on: a Unix stream, and UDP.

use super::{Retry, Sink, Written};
use crate::limits::Time;
use crate::sys;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

/// Bytes of the machine's that are taken at a time.
const HEARD_AT_ONCE: usize = 16 << 10;

#[derive(Debug)]
pub(super) struct Unix {
    path: PathBuf,
    stream: Option<UnixStream>,
    retry: Retry,
    problem: String,
    opened: u64,
}

impl Unix {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            stream: None,
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

impl Sink for Unix {
    fn tend(&mut self, now: Time, heard: &mut Vec<u8>) {
        let path = self.path.display().to_string();
        if self.stream.is_none() && self.retry.is_due(now) {
            let stream = UnixStream::connect(&self.path);
            let stream = stream.and_then(|stream| stream.set_nonblocking(true).map(|()| stream));
            match stream {
                Ok(stream) => {
                    self.stream = Some(stream);
                    self.opened += 1;
                    self.problem.clear();
                    self.retry.succeeded();
                }
                Err(error) => {
                    let problem = format!(
                        "{path} cannot be connected to ({error}): start the program that listens there"
                    );
                    self.lose(now, problem);
                }
            }
        }
        let Some(stream) = &mut self.stream else {
            return;
        };
        let (mut bytes, mut taken) = ([0; 1024], 0);
        while taken < HEARD_AT_ONCE {
            match stream.read(&mut bytes) {
                Ok(0) => {
                    return self.lose(now, format!("the program that listens on {path} closed"));
                }
                Ok(count) => {
                    heard.extend_from_slice(&bytes[..count]);
                    taken += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    return self.lose(now, format!("the connection to {path} broke: {error}"));
                }
            }
        }
    }

    fn write(&mut self, line: &[u8]) -> Written {
        let Some(stream) = &mut self.stream else {
            return Written::Nobody;
        };
        if sys::unread(stream.as_fd()).unwrap_or(0) > 0 {
            return Written::Unread;
        }
        match stream.write(line) {
            Ok(count) if count == line.len() => Written::Yes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Written::Unread,
            // A part of a line is worse than none.
            _ => Written::Nobody,
        }
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
        let (mut bytes, mut taken) = ([0; 2048], 0);
        while taken < HEARD_AT_ONCE {
            match socket.recv(&mut bytes) {
                Ok(count) => {
                    heard.extend_from_slice(&bytes[..count]);
                    heard.push(b'\n');
                    taken += count + 1;
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
            let _ = socket.send(line);
        }
    }

    fn problem(&self) -> &str {
        &self.problem
    }

    fn opened(&self) -> u64 {
        self.opened
    }
}

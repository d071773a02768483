//! Attacks by clients that have no key.

use super::{Attack, Until, Victim};
use crate::picture;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that are opened and closed at once, 2,000 a second, from four addresses.
pub(super) const CONNECTS: Attack = Attack {
    name: "2,000 connections a second",
    run: |victim, until| {
        const A_SECOND: u64 = 2000;
        let began = Instant::now();
        let mut opened = 0;
        while until.more() {
            let due = (began.elapsed().as_secs_f64() * A_SECOND as f64) as u64;
            while opened < due && until.more() {
                // One that is refused is an attempt, too.
                let _ = victim
                    .attacked("/", 2 + (opened % 4) as u8, false)
                    .connect();
                opened += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
        opened
    },
};

/// A thousand connections that are begun and never completed, from four addresses.
pub(super) const HALF_OPEN: Attack = Attack {
    name: "1,000 half-open connections",
    run: |victim, until| {
        let begun: Vec<_> = (0..1000_u16)
            .map_while(|number| {
                victim
                    .attacked("/", 2 + (number % 4) as u8, false)
                    .connect_half()
                    .ok()
            })
            .collect();
        thread::sleep(until.left());
        begun.len() as u64
    },
};

/// A thousand sockets that say nothing, from four addresses. One that the server closes is opened again.
pub(super) const IDLE: Attack = Attack {
    name: "1,000 idle sockets",
    run: |victim, until| held(victim, until, 1000, |_| Ok(()), |_| Ok(())),
};

/// Two hundred requests whose headers come a byte at a time: slowloris.
pub(super) const SLOW_HEADERS: Attack = Attack {
    name: "200 headers, a byte at a time",
    run: |victim, until| {
        held(
            victim,
            until,
            200,
            |_| Ok(()),
            |stream| stream.write_all(b"G"),
        )
    },
};

/// JPEGs of some hundred bytes that claim 8192x8192, over TCP, which asks for no key. Each ends its connection.
pub(super) const VAST_PICTURES: Attack = Attack {
    name: "small pictures that claim 8192x8192, over TCP",
    run: |victim, until| {
        let picture = picture::vast();
        let length = (picture.len() as u32).to_le_bytes();
        let sent = [&length[..], &picture].concat();
        let mut pushed = 0;
        while until.more() {
            let push = || -> std::io::Result<()> {
                let mut stream = TcpStream::connect(victim.pictures)?;
                stream.set_read_timeout(Some(until.left().max(Duration::from_millis(1))))?;
                stream.write_all(&sent)?;
                stream.read_to_end(&mut Vec::new()).map(drop)
            };
            // One that is reset was read, too.
            let _ = push();
            pushed += 1;
        }
        pushed
    },
};

/// A header of ten million bytes, one after the other.
pub(super) const ENDLESS_HEADERS: Attack = Attack {
    name: "headers of 10 MB",
    run: |victim, until| {
        let some = [b'a'; 64 << 10];
        let mut sent = 0;
        while until.more() {
            let Ok(mut stream) = victim.attacked("/", 2, false).connect() else {
                continue;
            };
            let began = stream.write_all(b"GET / HTTP/1.1\r\nX-Endless: ");
            let mut left = 10_000_000_usize;
            while began.is_ok() && until.more() && left > 0 {
                if stream.write_all(&some).is_err() {
                    break;
                }
                left = left.saturating_sub(some.len());
            }
            sent += 1;
        }
        sent
    },
};

/// Wrong keys, on new connections, as fast as they are refused.
pub(super) const WRONG_KEYS: Attack = Attack {
    name: "wrong keys",
    run: |victim, until| {
        let mut guesses = 0;
        while until.more() {
            let url = victim.attacked(
                &format!("/ws?key={guesses:032x}"),
                2 + (guesses % 4) as u8,
                false,
            );
            // The answer is read: that it is a refusal is tested elsewhere.
            let _ = url.open();
            guesses += 1;
        }
        guesses
    },
};

/// Holds this many connections from four addresses, and does something on each once a second. One that the server closes is
/// opened again. Counts connections.
pub(super) fn held(
    victim: &Victim,
    until: Until,
    number: usize,
    begin: impl Fn(&mut TcpStream) -> std::io::Result<()>,
    deed: impl Fn(&mut TcpStream) -> std::io::Result<()>,
) -> u64 {
    let mut opened = 0;
    let mut held: Vec<TcpStream> = Vec::new();
    while until.more() {
        let round = Instant::now() + Duration::from_secs(1);
        held.retain_mut(|stream| is_open(stream) && deed(stream).is_ok());
        while held.len() < number && until.more() {
            let Ok(mut stream) = victim
                .attacked("/", 2 + (opened % 4) as u8, false)
                .connect()
            else {
                break;
            };
            opened += 1;
            if begin(&mut stream).is_ok() && stream.set_nonblocking(true).is_ok() {
                held.push(stream);
            }
        }
        let rest = round.saturating_duration_since(Instant::now());
        thread::sleep(rest.min(until.left()));
    }
    opened
}

/// Whether a connection that does not block is open still. Takes what has come.
pub(super) fn is_open(stream: &mut TcpStream) -> bool {
    loop {
        match stream.read(&mut [0; 64 << 10]) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == ErrorKind::WouldBlock,
        }
    }
}

//! Attacks by clients that have a ticket but no key, or that guess passwords, and honest clients that all act at once.

use super::strangers::{held, is_open};
use super::{Attack, Until, Victim};
use crate::framing::{TEXT, from_viewer};
use crate::url::Url;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More requests than there are places, from four addresses, whose bodies never come.
pub(super) const BODIES: Attack = Attack {
    name: "540 bodies that never come",
    run: |victim, until| {
        let request = format!(
            "POST /api/v1/tickets?ticket={} HTTP/1.1\r\nHost: pi\r\nContent-Length: 4000\r\n\r\n",
            victim.ticket
        );
        let begin = |stream: &mut TcpStream| stream.write_all(request.as_bytes());
        held(victim, until, 540, begin, |_| Ok(()))
    },
};

/// More viewers than there may be, from five addresses, that want no frames.
pub(super) const PAUSED: Attack = Attack {
    name: "300 paused viewers with a ticket",
    run: |victim, until| paused(until, |number| victim.visitor(2 + (number % 5) as u8)),
};

/// The same through a proxy, from one address.
pub(super) const PROXIED: Attack = Attack {
    name: "300 through a trusted proxy",
    run: |victim, until| {
        paused(until, |_| Url {
            forwarded: Some(Ipv4Addr::new(203, 0, 113, 9)),
            ..victim.visitor(Victim::PROXY)
        })
    },
};

/// A hundred honest viewers from one address once a second, all of them connected before any asks. Counts those that got
/// in.
pub(super) const BURST: Attack = Attack {
    name: "100 honest viewers at once",
    run: |victim, until| {
        let url = victim.visitor(2);
        let mut seen = 0;
        while until.more() {
            let round = Instant::now() + Duration::from_secs(1);
            let connected: Vec<_> = (0..100).filter_map(|_| url.connect().ok()).collect();
            let viewers: Vec<_> = connected
                .into_iter()
                .filter_map(|stream| url.open_on(stream).ok())
                .collect();
            seen += viewers.len() as u64;
            let rest = round.saturating_duration_since(Instant::now());
            thread::sleep(rest.min(until.left()));
        }
        seen
    },
};

/// Passwords from 120 addresses, eight at a time, of which each tenth is the right one.
pub(super) const LOGINS: Attack = Attack {
    name: "wrong and right passwords",
    run: |victim, until| {
        let tries = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while until.more() {
                        let number = tries.fetch_add(1, Ordering::Relaxed);
                        let right = number.is_multiple_of(10);
                        let password = if right {
                            Victim::PASSWORD
                        } else {
                            "a wrong password"
                        };
                        // Refused or not, it is an attempt.
                        let _ = victim.log_in(10 + (number % 120) as u8, password);
                    }
                });
            }
        });
        tries.into_inner()
    },
};

/// Holds three hundred paused viewers, and connects again for those that the server ends. Counts connections.
fn paused(until: Until, url: impl Fn(u64) -> Url) -> u64 {
    let mut opened = 0;
    let mut held: Vec<TcpStream> = Vec::new();
    while until.more() {
        let round = Instant::now() + Duration::from_secs(1);
        held.retain_mut(is_open);
        for _ in held.len()..300 {
            if !until.more() {
                break;
            }
            opened += 1;
            let Ok((mut stream, ..)) = url(opened).open() else {
                continue;
            };
            let pause = from_viewer(TEXT, br#"{"type":"pause"}"#);
            if stream.write_all(&pause).is_ok() && stream.set_nonblocking(true).is_ok() {
                held.push(stream);
            }
        }
        let rest = round.saturating_duration_since(Instant::now());
        thread::sleep(rest.min(until.left()));
    }
    opened
}

impl Victim {
    /// A viewer with a ticket, from an address of the loopback network.
    fn visitor(&self, from: u8) -> Url {
        self.attacked(&format!("/ws?ticket={}", self.ticket), from, false)
    }

    /// Tries a password, and reads the answer.
    fn log_in(&self, from: u8, password: &str) -> anyhow::Result<()> {
        let body = format!(r#"{{"name":"{}","key":"{password}"}}"#, Self::PERSON);
        let mut stream = self.attacked("/", from, false).connect()?;
        write!(
            stream,
            "POST /api/v1/session HTTP/1.1\r\nHost: pi\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    }
}

//! Attacks by clients that have a key: viewers and pushers that misbehave on their open WebSockets.

use super::{Attack, Until, Victim};
use crate::framing::{TEXT, from_viewer};
use crate::picture;
use crate::url::deafen;
use flate2::Compression;
use flate2::write::GzEncoder;
use socket2::SockRef;
use std::io::{self, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

/// First byte of a whole binary message, of a ping, and of fragments of a text.
const BINARY: u8 = 0x82;
const PING: u8 = 0x89;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;

/// Viewers that never read.
pub(super) const STALLED: Attack = Attack {
    name: "40 stalled viewers",
    run: |victim, until| {
        let stalled: Vec<_> = (0..40)
            .filter_map(|_| victim.attacked("/ws", 2, true).open().ok())
            .collect();
        thread::sleep(until.left());
        stalled.len() as u64
    },
};

/// Viewers that go without a word, as a phone that leaves the Wi-Fi.
pub(super) const VANISHED: Attack = Attack {
    name: "40 viewers that vanish",
    run: |victim, until| {
        let mut vanished = 0;
        for _ in 0..40 {
            let Ok((stream, ..)) = victim.attacked("/ws", 2, true).open() else {
                continue;
            };
            if deafen(SockRef::from(&stream)).is_ok() {
                vanished += 1;
            }
            // Closed, they would say goodbye in the end.
            mem::forget(stream);
        }
        thread::sleep(until.left());
        vanished
    },
};

/// Bytes that are no message.
pub(super) const GARBAGE: Attack = Attack {
    name: "a viewer sends garbage",
    run: |victim, until| {
        flood(victim, "/ws", until, |number| {
            from_viewer(TEXT, &[number as u8 | 0x80; 1000])
        })
    },
};

/// A message in fragments, whose end never comes.
pub(super) const FRAGMENTS: Attack = Attack {
    name: "a message in endless fragments",
    run: |victim, until| {
        flood(victim, "/ws", until, |number| {
            let first = if number == 0 { TEXT_BEGINS } else { CONTINUES };
            from_viewer(first, &[b'a'; 1000])
        })
    },
};

/// Pings.
pub(super) const PINGS: Attack = Attack {
    name: "a flood of pings",
    run: |victim, until| flood(victim, "/ws", until, |_| from_viewer(PING, &[0; 125])),
};

/// Acknowledgements of a frame that was never sent.
pub(super) const ACKS: Attack = Attack {
    name: "acks of what was never sent",
    run: |victim, until| {
        flood(victim, "/ws", until, |_| {
            from_viewer(TEXT, br#"{"type":"ack","seq":1125899906842624}"#)
        })
    },
};

/// A viewer that wants another width all the time.
pub(super) const WANTS: Attack = Attack {
    name: "another width with each message",
    run: |victim, until| {
        flood(victim, "/ws", until, |number| {
            let width = 1 + number * 97 % 2000;
            let text = format!(
                r#"{{"type":"want","max_width":{width},"quality":{}}}"#,
                1 + number % 100
            );
            from_viewer(TEXT, text.as_bytes())
        })
    },
};

/// Packed messages of a megabyte that hold 256.
pub(super) const BOMBS: Attack = Attack {
    name: "decompression bombs are pushed",
    run: |victim, until| {
        let message = from_viewer(BINARY, &bomb());
        flood(victim, "/ingest?camera=1", until, |_| message.clone())
    },
};

/// JPEGs that claim 65535x65535.
pub(super) const HUGE_PICTURES: Attack = Attack {
    name: "pictures of 65535x65535 are pushed",
    run: |victim, until| {
        let mut jpeg = picture::jpeg(100_000, 1);
        let size = jpeg.windows(2).position(|two| two == [0xff, 0xc0]);
        let size = size.expect("a JPEG has a frame header") + 5;
        jpeg[size..size + 4].fill(0xff);
        let message = from_viewer(BINARY, &jpeg);
        flood(victim, "/ingest?camera=1", until, |_| message.clone())
    },
};

/// JPEGs of some hundred bytes that claim 8192x8192.
pub(super) const VAST_PICTURES: Attack = Attack {
    name: "small pictures that claim 8192x8192 are pushed",
    run: |victim, until| {
        let message = from_viewer(BINARY, &picture::vast());
        flood(victim, "/ingest?camera=1", until, |_| message.clone())
    },
};

fn bomb() -> Vec<u8> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    let some = [b'A'; 1 << 20];
    for _ in 0..256 {
        packing.write_all(&some).expect("memory takes it");
    }
    packing.finish().expect("memory takes it")
}

/// Sends message after message, as fast as they are taken, while another thread reads what comes. Connects again where the
/// server has enough. Counts messages.
fn flood(victim: &Victim, path: &str, until: Until, message: impl Fn(u64) -> Vec<u8>) -> u64 {
    const BEFORE_THE_NEXT: Duration = Duration::from_millis(10);
    let mut sent = 0;
    while until.more() {
        let Ok((stream, ..)) = victim.attacked(path, 2, true).open() else {
            thread::sleep(BEFORE_THE_NEXT);
            continue;
        };
        sent += on_one(&stream, until, &message).unwrap_or(0);
    }
    sent
}

fn on_one(
    mut stream: &TcpStream,
    until: Until,
    message: impl Fn(u64) -> Vec<u8>,
) -> io::Result<u64> {
    // So that a server which takes nothing more does not hold up the end.
    stream.set_write_timeout(Some(until.left().max(Duration::from_millis(1))))?;
    let mut taken = stream.try_clone()?;
    thread::scope(|scope| {
        scope.spawn(move || {
            // It ends with the connection, in whatever way.
            let _ = io::copy(&mut taken, &mut io::sink());
        });
        let mut sent = 0;
        while until.more() && stream.write_all(&message(sent)).is_ok() {
            sent += 1;
        }
        // The server may have closed it already.
        let _ = stream.shutdown(Shutdown::Both);
        Ok(sent)
    })
}

//! Whoever sends pictures over a network, or leaves them on the disk, and does it wrongly in every way: the server takes
//! the next good one, and keeps nothing of the others.
//!
//! The server is a process of its own, so that what it keeps can be measured. Faults of a camera's own driver are the
//! business of `faults`.

mod files;
mod http;
mod tcp;
mod websocket;

use crate::process::{pistreamer, started_with};
use crate::support::{PATIENCE, Running, chance, picture};
use futures::TryStreamExt;
use futures::future::join_all;
use pistreamer_client::{Config, Subscription};
use pistreamer_protocol::jpeg;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Faults of each peer before the server is measured for the first time, and all of them.
const WARM: usize = 150;
const FAULTS: usize = 1000;

/// What the server may grow by meanwhile: 6 KiB for each fault.
const GROWTH: u64 = 32 << 20;

/// Whatever stalls has to be given up by the server, which takes no longer than this.
const STALL: Duration = Duration::from_secs(30);

/// What one peer is about to do wrong.
pub(crate) struct Faults {
    left: AtomicUsize,
    /// Whether the last one is a peer that says nothing any more.
    stalls: AtomicUsize,
    phase: AtomicUsize,
    chance: Mutex<fastrand::Rng>,
}

/// What comes next.
pub(crate) enum Next {
    /// A fault, by this chance.
    Fault(fastrand::Rng),
    /// Silence, until the server gives up.
    Stall,
    /// Good pictures, as long as [`Faults::heal`] gives any.
    Good,
}

impl Faults {
    fn new(chance: &mut fastrand::Rng) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(0),
            stalls: AtomicUsize::new(0),
            phase: AtomicUsize::new(0),
            chance: Mutex::new(chance.fork()),
        })
    }

    fn next(&self) -> Next {
        let take = |left: usize| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            Next::Fault(self.chance.lock().unwrap().fork())
        } else if self
            .stalls
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            Next::Stall
        } else {
            Next::Good
        }
    }

    /// A good picture, while no fault is due. Its size tells after which faults it came.
    fn heal(&self) -> Option<Vec<u8>> {
        let due = self.left.load(Ordering::SeqCst) + self.stalls.load(Ordering::SeqCst);
        (due == 0).then(|| picture(self.healed(), fastrand::u8(50..200)))
    }

    fn healed(&self) -> (u32, u32) {
        (96 + 2 * self.phase.load(Ordering::SeqCst) as u32, 64)
    }

    fn add(&self, faults: usize, stalls: usize) {
        self.phase.fetch_add(1, Ordering::SeqCst);
        self.stalls.store(stalls, Ordering::SeqCst);
        self.left.store(faults, Ordering::SeqCst);
    }
}

/// Pictures come so often while all is well.
const INTERVAL: Duration = Duration::from_millis(20);

/// A picture with something wrong, or with nothing.
pub(crate) fn bent(chance: &mut fastrand::Rng) -> Vec<u8> {
    let mut jpeg = picture((64, 48), chance.u8(..));
    match chance.u8(..5) {
        0 => jpeg.truncate(chance.usize(..jpeg.len())),
        1 => jpeg = garbage(chance, 5000),
        2 => jpeg.extend(garbage(chance, 100)),
        3 => {
            for _ in 0..chance.usize(1..10) {
                let at = chance.usize(..jpeg.len());
                jpeg[at] = chance.u8(..);
            }
        }
        _ => {}
    }
    jpeg
}

pub(crate) fn garbage(chance: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; chance.usize(..=most)];
    chance.fill(&mut bytes);
    bytes
}

/// Sends what the server may hang up on at any time.
pub(crate) async fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    // A server that reads no further must not hold up the peer.
    matches!(
        timeout(Duration::from_secs(1), stream.write_all(bytes)).await,
        Ok(Ok(()))
    )
}

/// Ends a connection in one of the ways in which connections end.
pub(crate) async fn leave(mut stream: TcpStream, chance: &mut fastrand::Rng) {
    match chance.u8(..4) {
        // A reset.
        0 => drop(socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))),
        // Not before some time.
        1 => tokio::time::sleep(Duration::from_millis(chance.u64(..10))).await,
        // A goodbye, whether or not it is heard.
        _ => drop(stream.shutdown().await),
    }
}

/// Says nothing, and reads until the server has hung up.
pub(crate) async fn stall(mut stream: TcpStream) {
    let hung_up = async { while matches!(stream.read(&mut [0; 4096]).await, Ok(1..)) {} };
    timeout(STALL, hung_up)
        .await
        .expect("the server waits for ever");
}

/// What a process has.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    memory: u64,
}

impl Holdings {
    fn of(pid: u32) -> Self {
        let count = |what| {
            std::fs::read_dir(format!("/proc/{pid}/{what}"))
                .unwrap()
                .count()
        };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        Self {
            descriptors: count("fd"),
            threads: count("task"),
            memory: kib.parse::<u64>().unwrap() << 10,
        }
    }
}

async fn bound() -> (TcpListener, std::net::SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Threads that tokio keeps for blocking work come and go with what happens to be done at the same time. Far fewer than there are faults.
const IDLE_THREADS: usize = 2;

/// A viewer's next picture of that size.
async fn sees(viewer: &mut Subscription, size: (u32, u32), url: &str, who: &str) {
    let seen = async {
        loop {
            let frame = viewer.try_next().await.unwrap().unwrap();
            let info = jpeg::inspect(&frame.jpeg).unwrap();
            if (u32::from(info.width), u32::from(info.height)) == size {
                break;
            }
        }
    };
    if timeout(PATIENCE, seen).await.is_err() {
        let cameras = tcp::cameras(url).await;
        panic!("{who} has recovered, and nobody sees it: {cameras:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_network_source_survives_a_thousand_faults_of_its_peer_and_keeps_nothing() {
    let mut chance = chance();
    let names = [
        "tcp-listen",
        "MJPEG",
        "snapshots",
        "relay",
        "ingest",
        "files",
    ];
    let faults = names.map(|_| Faults::new(&mut chance));
    let (stream, stream_address) = bound().await;
    let (snapshots, snapshot_address) = bound().await;
    let (relay, relay_address) = bound().await;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("0.jpg"), picture((64, 48), 99)).unwrap();
    let command = pistreamer(&[
        "--source",
        "tcp-listen:127.0.0.1:0",
        "--source",
        &format!("http://{stream_address}/stream"),
        "--source",
        &format!("http://{snapshot_address}/snapshot"),
        "--source",
        &format!("ws://{relay_address}"),
        "--source",
        "ingest",
        "--source",
        &format!("files:{}", directory.path().display()),
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
        "--fps",
        "200",
        "--retry-pause",
        "0.001",
        "--log",
        "error",
    ]);
    let (server, url) = started_with(command, Stdio::inherit());
    let server = Running(server);
    let viewer =
        |number: usize| Subscription::start(Config::new(&url).unwrap().camera(&number.to_string()));
    let mut viewers: Vec<_> = (0..names.len()).map(viewer).collect();
    let pushed = tcp::address(&url).await;
    let ingest = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let [
        on_tcp,
        on_stream,
        on_snapshots,
        on_relay,
        on_ingest,
        on_files,
    ] = faults.clone();
    let peers = [
        tokio::spawn(tcp::push(pushed, on_tcp)),
        tokio::spawn(http::serve(stream, http::Kind::Stream, on_stream)),
        tokio::spawn(http::serve(snapshots, http::Kind::Snapshot, on_snapshots)),
        tokio::spawn(websocket::serve(relay, on_relay)),
        tokio::spawn(websocket::push(ingest, on_ingest)),
        tokio::spawn(files::change(directory.path().to_owned(), on_files)),
    ];

    let mut measured = Vec::new();
    for (count, stalls) in [(WARM, 0), (FAULTS - WARM - 1, 1)] {
        for faults in &faults {
            faults.add(count, stalls);
        }
        let url = &url;
        let recovering = viewers.iter_mut().zip(&faults).zip(names);
        join_all(recovering.map(|((viewer, faults), name)| async move {
            while faults.heal().is_none() {
                // Whatever it shows meanwhile. A camera without a picture shows nothing.
                let _ = timeout(INTERVAL, viewer.try_next()).await;
            }
            sees(viewer, faults.healed(), url, name).await;
        }))
        .await;
        measured.push(Holdings::of(server.0.id()));
    }

    let before = &measured[0];
    let back = async {
        loop {
            let after = Holdings::of(server.0.id());
            let threads = before.threads + IDLE_THREADS;
            if after.descriptors <= before.descriptors && after.threads <= threads {
                break after;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    let after = timeout(PATIENCE, back).await.unwrap_or_else(|_| {
        panic!(
            "before the faults {before:?}, and after {:?}",
            Holdings::of(server.0.id())
        )
    });
    println!("before the faults {before:?}, and after {after:?}");
    assert!(
        after.memory < before.memory + GROWTH,
        "before the faults {before:?}, and after {after:?}"
    );
    for peer in peers {
        assert!(!peer.is_finished(), "a peer gave up");
        peer.abort();
    }
}

//! The real server among viewers of every kind, for as long as one likes: those that behave see nothing of those that
//! don't, every frame is accounted for, and when all clients have disconnected the server has what it had before.
//!
//! * [`census`]: the server and what it has.
//! * [`honest`]: viewers that behave, and their accounts.
//! * [`stream`]: MJPEG clients that behave.
//! * [`rogue`]: clients that misbehave.
//! * [`pusher`]: clients that push pictures to the second camera.
//!
//! What is the matter with one kind of misbehaviour is tested in `server/tests/server/abuse.rs`; here all are there at
//! once.

pub mod census;
pub mod honest;
pub mod pusher;
pub mod rogue;
pub mod stream;

use crate::PATIENCE;
use anyhow::{Context as _, Result, bail, ensure};
use census::{Census, Subject};
use honest::{Manner, Seen};
use pistreamer_protocol::WireFormat;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// How to soak.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For how long.
    pub duration: Duration,
    /// The length of a round, after which all clients disconnect and the census runs. The first round is the warm-up.
    pub round: Duration,
    /// What chance begins with.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// The server after each round.
    pub censuses: Vec<Census>,
    /// What honest viewers saw.
    pub seen: Seen,
    /// Visits of rogues and pushers.
    pub visits: u64,
}

/// Who looks at the server, and how it goes.
#[derive(Debug)]
pub struct Crowd {
    /// Where the server listens.
    pub server: SocketAddr,
    seen: Mutex<Seen>,
    visits: Mutex<u64>,
    problems: Mutex<Vec<String>>,
}

/// Viewers at a time: some of each kind.
const HONEST: u8 = 8;
const STREAMS: u8 = 3;
const ROGUES: u8 = 12;

/// Longest life of a viewer that comes and goes.
const LIFE: Duration = Duration::from_secs(6);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Crowd {
    /// What honest viewers saw so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }
}

/// A connection from an address of the loopback network: the server counts strangers by their addresses.
///
/// # Errors
/// Where the system gives none.
pub async fn connect(from: [u8; 4], server: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    Ok(socket.connect(server).await?)
}

/// Soaks a server.
///
/// # Errors
/// Whatever it does wrong.
pub async fn run(options: Options) -> Result<Report> {
    let Options {
        duration,
        round,
        seed,
    } = options;
    println!("soak: for {duration:?}, --seed {seed}");
    let directory = tempfile::tempdir()?;
    let log = directory.path().join("log");
    let arguments = [
        "--source",
        "pattern",
        "--source",
        "ingest",
        "--size",
        "320x240",
        "--fps",
        "15",
        "--send-timeout",
        "5",
        "--max-connections",
        "2000",
    ];
    let subject = Subject::start(&arguments, &log)?;
    let crowd = Arc::new(Crowd {
        server: subject.address,
        seen: Mutex::default(),
        visits: Mutex::default(),
        problems: Mutex::default(),
    });
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut censuses = Vec::new();
    let end = Instant::now() + duration;
    while Instant::now() < end || censuses.len() < 2 {
        gather(&crowd, &mut chance, Instant::now() + round).await;
        let problems = std::mem::take(&mut *lock(&crowd.problems));
        if !problems.is_empty() {
            bail!(
                "{problems:#?}, --seed {seed}; the server said: {}",
                subject.said()
            );
        }
        let census = subject.count().await?;
        let (seen, visits) = (*crowd.seen(), *lock(&crowd.visits));
        println!(
            "soak: round {}: {} descriptors, {} threads, {} tasks, {:.1} MB; so far {} viewers, {} accounts even, {} frames, {} \
             skipped, {visits} visits of others",
            censuses.len() + 1,
            census.descriptors,
            census.threads,
            census.tasks,
            census.memory as f64 / 1e6,
            seen.viewers,
            seen.accounts,
            seen.frames,
            seen.skipped,
        );
        censuses.push(census);
    }
    let first = *censuses.first().context("there were two rounds at least")?;
    // What was just closed may be there for a moment.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let last = subject.count().await?;
        if last.is_within(first) {
            break;
        }
        ensure!(
            Instant::now() < deadline,
            "after the warm-up it was {first:?}, and at the end {last:?}"
        );
    }
    let log = subject.end().await?;
    let bad = [
        " ERROR ",
        "panicked",
        "a bug in",
        "did not end in time",
        "did not close in time",
    ];
    let bad = log
        .lines()
        .find(|line| bad.iter().any(|bad| line.contains(bad)));
    if let Some(line) = bad {
        bail!("the server's log says: {line}");
    }
    let (seen, visits) = (*crowd.seen(), *lock(&crowd.visits));
    Ok(Report {
        censuses,
        seen,
        visits,
    })
}

/// All clients connect, again and again, until the round ends.
async fn gather(crowd: &Arc<Crowd>, chance: &mut fastrand::Rng, end: Instant) {
    let mut all = JoinSet::new();
    // One of each wire stays all the while.
    for (number, wire) in (1..).zip(WireFormat::ALL) {
        let (crowd, chance) = (Arc::clone(crowd), chance.fork());
        let manner = Manner {
            camera: 0,
            wire,
            acks: true,
            choosy: false,
            slow: false,
        };
        all.spawn(async move {
            let life = end.saturating_duration_since(Instant::now());
            look(&crowd, [127, 0, 3, number], manner, chance, life).await;
        });
    }
    for number in 1..=HONEST {
        let (crowd, mut chance) = (Arc::clone(crowd), chance.fork());
        all.spawn(async move {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let manner = Manner {
                    camera: u8::from(chance.u8(..4) == 0),
                    wire: WireFormat::ALL[chance.usize(..WireFormat::ALL.len())],
                    acks: chance.u8(..4) > 0,
                    choosy: chance.u8(..4) == 0,
                    slow: chance.bool(),
                };
                let life = LIFE.mul_f64(chance.f64()).min(left);
                look(&crowd, [127, 0, 1, number], manner, chance.fork(), life).await;
            }
        });
    }
    for number in 1..=STREAMS {
        let (crowd, mut chance) = (Arc::clone(crowd), chance.fork());
        all.spawn(async move {
            loop {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                let life = LIFE.mul_f64(chance.f64()).min(left);
                let looked = stream::look(&crowd, [127, 0, 5, number], chance.fork(), life).await;
                if let Err(error) = looked {
                    lock(&crowd.problems).push(format!("MJPEG: {error:#}"));
                }
            }
        });
    }
    for number in 1..=ROGUES {
        let (crowd, mut chance) = (Arc::clone(crowd), chance.fork());
        all.spawn(async move {
            while Instant::now() < end {
                let left = end.saturating_duration_since(Instant::now());
                rogue::visit(&crowd, [127, 0, 2, number], chance.fork(), left).await;
                *lock(&crowd.visits) += 1;
                tokio::time::sleep(Duration::from_millis(chance.u64(..200))).await;
            }
        });
    }
    let (crowd, mut chance) = (Arc::clone(crowd), chance.fork());
    all.spawn(async move {
        while Instant::now() < end {
            pusher::visit(&crowd, [127, 0, 4, 1], chance.fork()).await;
            *lock(&crowd.visits) += 1;
        }
    });
    while all.join_next().await.is_some() {}
}

async fn look(
    crowd: &Crowd,
    address: [u8; 4],
    manner: Manner,
    chance: fastrand::Rng,
    life: Duration,
) {
    if let Err(error) = honest::look(crowd, address, manner, chance, life).await {
        lock(&crowd.problems).push(format!("{manner:?}: {error:#}"));
    }
}

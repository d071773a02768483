//! What attacks cost the other viewers: eight good viewers, one newcomer after another, and an attack beside them.
//!
//! Attackers come from other addresses of the loopback network, and share the machine's cores with server and viewers: what
//! they burn is missing elsewhere. What they do is in [`strangers`], [`visitors`] and [`insiders`].

mod insiders;
mod strangers;
mod visitors;

use crate::crowd::{Crowd, Sight};
use crate::load::figure_or_dash;
use crate::picture;
use crate::process::Server;
use crate::stats::{percentile, sorted};
use crate::url::{Url, Wire};
use anyhow::Context;
use pistreamer_protocol::WireFormat;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Viewers that do nothing wrong.
const GOOD: usize = 8;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Seconds of one attack
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Seconds of the flood of connections
    #[arg(long, default_value_t = 30.0)]
    flood_seconds: f64,
    /// Bytes of one JPEG
    #[arg(long, default_value_t = 128_000)]
    bytes: usize,
    /// Only attacks whose names contain this
    #[arg(long, default_value = "")]
    only: String,
    /// The program
    #[arg(long, default_value = "target/release/pistreamer")]
    server: PathBuf,
}

/// One kind of attack.
#[derive(Clone, Copy)]
pub struct Attack {
    /// What it does.
    pub name: &'static str,
    /// Does it until the time is over, and counts how often it did.
    pub run: fn(&Victim, Until) -> u64,
}

/// All of them. The first one is none.
pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "none",
        run: |_, until| {
            thread::sleep(until.left());
            0
        },
    },
    strangers::CONNECTS,
    strangers::HALF_OPEN,
    strangers::IDLE,
    strangers::SLOW_HEADERS,
    strangers::ENDLESS_HEADERS,
    strangers::WRONG_KEYS,
    strangers::VAST_PICTURES,
    visitors::BODIES,
    visitors::PAUSED,
    visitors::PROXIED,
    visitors::BURST,
    visitors::LOGINS,
    insiders::STALLED,
    insiders::VANISHED,
    insiders::GARBAGE,
    insiders::FRAGMENTS,
    insiders::PINGS,
    insiders::ACKS,
    insiders::WANTS,
    insiders::BOMBS,
    insiders::HUGE_PICTURES,
    insiders::VAST_PICTURES,
];

/// When an attack ends.
#[derive(Clone, Copy, Debug)]
pub struct Until(pub Instant);

impl Until {
    /// Whether there is time left.
    pub fn more(self) -> bool {
        !self.left().is_zero()
    }

    /// The time that is left.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A server with three cameras, one that shows pictures and two to which they are pushed: with the key, and over TCP by anybody.
/// It knows a person with a password, and trusts a proxy.
#[derive(Clone, Debug)]
pub struct Victim {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its owner's key.
    pub key: String,
    /// What a visitor has.
    pub ticket: String,
    /// Where it takes pictures over TCP.
    pub pictures: SocketAddr,
}

impl Victim {
    /// The last byte of the proxy's address in the loopback network.
    pub const PROXY: u8 = 6;
    /// A user with a password.
    pub const PERSON: &str = "anna";
    /// The password.
    pub const PASSWORD: &str = "correct horse";

    /// A server whose keys are in that directory.
    ///
    /// # Errors
    /// Where there is no key, or it makes no ticket.
    pub fn new(address: SocketAddr, state: &Path) -> anyhow::Result<Self> {
        let keys: serde_json::Value =
            serde_json::from_slice(&fs::read(state.join("keys.json"))?).context("keys.json")?;
        let key = keys["keys"][0]["secret"]["key"].as_str();
        let key = key.context("keys.json holds no key")?;
        let ticket = ask(address, &format!("POST /api/v1/tickets?key={key}"))?;
        let cameras = ask(address, &format!("GET /api/v1/cameras?key={key}"))?;
        // It says where it listens at the end of its name.
        let mut cameras = cameras["cameras"].as_array().into_iter().flatten();
        let camera = cameras.find(|camera| camera["source"] == "tcp-listen");
        let name = camera.and_then(|camera| camera["name"].as_str());
        let pictures = name.and_then(|name| name.rsplit(' ').next()?.parse().ok());
        Ok(Self {
            address,
            key: key.into(),
            ticket: ticket["ticket"].as_str().context("no ticket")?.into(),
            pictures: pictures.context("no camera takes pictures over TCP")?,
        })
    }

    /// A WebSocket with the key.
    fn url(&self, path: &str) -> Url {
        let separator = if path.contains('?') { '&' } else { '?' };
        Url {
            address: self.address,
            path: format!("{path}{separator}key={}", self.key),
            wire: Wire::WebSocket(WireFormat::Jpeg),
            from: None,
            forwarded: None,
        }
    }

    /// The same, or without the key, from an attacker's address: the number is its last byte.
    fn attacked(&self, path: &str, from: u8, with_key: bool) -> Url {
        let mut url = self.url(path);
        if !with_key {
            url.path = path.into();
        }
        url.from = Some(Ipv4Addr::new(127, 0, 0, from));
        url
    }
}

/// The JSON that is answered.
fn ask(address: SocketAddr, request: &str) -> anyhow::Result<serde_json::Value> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "{request} HTTP/1.0\r\nContent-Length: 0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).context(answer.clone())
}

/// What happened during an attack.
#[derive(Debug)]
pub struct Endured {
    /// How often the attacker did it.
    pub deeds: u64,
    /// What the good viewers saw.
    pub sight: Sight,
    /// Time to the first frame of each newcomer in ms, from connecting on; none where it did not get in.
    pub newcomers_ms: Vec<Option<f64>>,
}

/// Lets the attack run for this long.
///
/// # Errors
/// Where a good viewer is not let in or loses its connection.
pub fn endure(victim: &Victim, attack: Attack, time: Duration) -> anyhow::Result<Endured> {
    const SETTLE: Duration = Duration::from_millis(500);
    let mut crowd = Crowd::connect(&victim.url("/ws"), GOOD, 0, true)?;
    crowd.look(SETTLE)?;
    let until = Until(Instant::now() + time);
    thread::scope(|scope| {
        let attacking = scope.spawn(|| (attack.run)(victim, until));
        let coming = scope.spawn(|| {
            let mut took = Vec::new();
            while until.more() {
                let first = victim.url("/ws").first_frame();
                took.push(first.ok().map(|time| time.as_secs_f64() * 1e3));
                thread::sleep(until.left().min(SETTLE));
            }
            took
        });
        let sight = crowd.look(time)?;
        let panicked = "an attack does not panic";
        Ok(Endured {
            sight,
            deeds: attacking.join().expect(panicked),
            newcomers_ms: coming.join().expect(panicked),
        })
    })
}

/// Measures and prints.
///
/// # Errors
/// Where the server doesn't start, or a good viewer is not let in or loses its connection.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let pictures = picture::directory(options.bytes)?;
    let state = tempfile::tempdir()?;
    let log = state.path().join("log");
    let (server, url) = Server::start_and_listen(&format!(
        "{} --source files:{} --source ingest --source tcp-listen:127.0.0.1:0 --fps 30 --listen 127.0.0.1:0 \
         --trusted-proxy 127.0.0.{} --state-dir {} 2>{}",
        options.server.display(),
        pictures.path().display(),
        Victim::PROXY,
        state.path().display(),
        log.display(),
    ))?;
    // Noticed while the first, which is none, goes on.
    add_person(options, state.path())?;
    let victim = Victim::new(url.parse::<Url>()?.address, state.path())?;
    let lines = || fs::read_to_string(&log).map(|text| text.lines().count());
    println!(
        "| attack | a second | frames kept, slowest of 8 | age p50, ms | p99 | newcomers let in | \
         first frame, worst, ms | cores | MB before | after | descriptors before | after | lines of log |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    // What is only ever allocated once is no growth.
    endure(&victim, ATTACKS[0], Duration::from_secs(2))?;
    for attack in ATTACKS {
        if !attack.name.contains(&options.only) {
            continue;
        }
        let seconds = if attack.name == strangers::CONNECTS.name {
            options.flood_seconds
        } else {
            options.seconds
        };
        let idle = settled(&server)?;
        let (cpu, said) = (server.cpu()?, lines()?);
        let endured = endure(&victim, *attack, Duration::from_secs_f64(seconds))
            .with_context(|| attack.name)?;
        let cores = (server.cpu()?.saturating_sub(cpu)).as_secs_f64() / seconds;
        let after = settled(&server)?;
        let ages = sorted(endured.sight.ages_ms.iter().copied());
        let let_in = endured.newcomers_ms.iter().flatten();
        println!(
            "| {} | {:.0} | {:.1} % | {} | {} | {} of {} | {:.0} | {cores:.2} | {:.1} | {:.1} | {} | {} | {} |",
            attack.name,
            endured.deeds as f64 / seconds,
            endured.sight.least_kept() * 100.0,
            figure_or_dash(percentile(&ages, 0.5), 1),
            figure_or_dash(percentile(&ages, 0.99), 1),
            let_in.clone().count(),
            endured.newcomers_ms.len(),
            let_in.copied().fold(0.0, f64::max),
            idle.0,
            after.0,
            idle.1,
            after.1,
            lines()? - said,
        );
    }
    Ok(())
}

/// Gives the person her password.
fn add_person(options: &Options, state: &Path) -> anyhow::Result<()> {
    let mut child = Command::new(&options.server)
        .args(["key", "add", Victim::PERSON, "--password", "--state-dir"])
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut input = child.stdin.take().context("the input is a pipe")?;
    writeln!(input, "{}", Victim::PASSWORD)?;
    drop(input);
    anyhow::ensure!(child.wait()?.success(), "no password can be added");
    Ok(())
}

/// Resident memory in MB and descriptors, once connections that ended are gone.
fn settled(server: &Server) -> anyhow::Result<(f64, usize)> {
    const PATIENCE: Duration = Duration::from_secs(20);
    let began = Instant::now();
    let mut before = usize::MAX;
    loop {
        thread::sleep(Duration::from_secs(2));
        let now = server.descriptors()?;
        if now >= before || began.elapsed() > PATIENCE {
            return Ok((server.resident_mb()?, now));
        }
        before = now;
    }
}

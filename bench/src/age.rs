//! How old the picture is when it arrives over a slow link: Markdown rows.
//!
//! Age is now − `captured-us` at the arrival of a frame's last byte, or − `X-Timestamp` where others serve. The link itself is
//! [`crate::throttle`].

use crate::crowd::{ack, now_us};
use crate::head::Stamps;
use crate::picture;
use crate::process::Server;
use crate::stats::{median, percentile, sorted};
use crate::throttle::{Link, Throttle};
use crate::url::{Url, Wire};
use anyhow::Context;
use pistreamer_protocol::{HeldUp, WireFormat};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Seconds of one measurement
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Measurements of each kind of viewer over each link
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Bytes of one JPEG
    #[arg(long, default_value_t = 128_000)]
    bytes: usize,
    /// Frames a second
    #[arg(long, default_value_t = 30.0)]
    fps: f64,
    /// The program
    #[arg(long, default_value = "target/release/pistreamer")]
    server: PathBuf,
    /// Another server with MJPEG whose parts have X-Timestamp: its name, the command that starts it, where {pictures} is the
    /// directory of JPEGs, and its URL
    #[arg(long, num_args = 3, value_names = ["NAME", "COMMAND", "URL"])]
    peer: Vec<String>,
}

/// A kind of viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It acknowledges each frame when it arrives, as the viewer in the browser does.
    Acknowledging,
    /// It says nothing.
    Silent,
    /// It reads `/stream.mjpg`.
    Mjpeg,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Acknowledging, Self::Silent, Self::Mjpeg];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledging => "acknowledges",
            Self::Silent => "says nothing",
            Self::Mjpeg => "MJPEG",
        }
    }

    fn url(self, address: SocketAddr) -> Url {
        let (path, wire) = match self {
            Self::Mjpeg => ("/stream.mjpg", Wire::Mjpeg),
            _ => ("/ws", Wire::WebSocket(WireFormat::GzipBase64)),
        };
        Url {
            address,
            path: path.into(),
            wire,
            from: None,
            forwarded: None,
        }
    }
}

/// What is looked at.
struct Subject {
    name: String,
    url: Url,
    acknowledges: bool,
}

impl Subject {
    /// Every frame that arrives over that link in this time.
    fn look(&self, throttle: SocketAddr, time: Duration) -> anyhow::Result<Vec<Arrival>> {
        let url = Url {
            address: throttle,
            ..self.url.clone()
        };
        watch(&url, self.acknowledges, time)
    }
}

/// A frame that arrived.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// When.
    pub at: Instant,
    /// The frame's seq; for other servers' frames, the number of frames before it.
    pub seq: u64,
    /// When it was captured, as Unix time in µs.
    pub captured_us: u64,
    /// How old it was.
    pub age_ms: f64,
    /// Whether the viewer shows it. One that acknowledges leaves out what a standstill held up.
    pub is_drawn: bool,
}

/// Watches through a throttle as such a viewer for this long, and returns every frame that arrived.
///
/// # Errors
/// Where the server ends the connection or sends frames that don't tell when they were captured.
pub fn look(address: SocketAddr, kind: Kind, time: Duration) -> anyhow::Result<Vec<Arrival>> {
    watch(&kind.url(address), kind == Kind::Acknowledging, time)
}

/// Watches a stream for this long, and returns every frame that arrived.
///
/// # Errors
/// Where the server ends the connection or sends frames that don't tell when they were captured.
pub fn watch(url: &Url, acknowledges: bool, time: Duration) -> anyhow::Result<Vec<Arrival>> {
    let (mut stream, mut framing, mut came) = url.open()?;
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    let mut stamps = Stamps::default();
    let mut arrivals = Vec::new();
    let mut held_up = HeldUp::default();
    let began = Instant::now();
    let mut buffer = vec![0; 64 << 10];
    while began.elapsed() < time {
        let mut frames = Vec::new();
        framing.feed(&came, |seen| frames.push(seen));
        for frame in frames {
            let stamp = stamps.read(&frame.head);
            let captured_us = stamp.map(|stamp| stamp.captured_us).or(frame.timestamp_us);
            let captured_us = captured_us.context("a frame has neither stamp nor X-Timestamp")?;
            let at = Instant::now();
            let age_ms = now_us().saturating_sub(captured_us) as f64 / 1e3;
            let since_ms = (at - began).as_secs_f64() * 1e3;
            arrivals.push(Arrival {
                at,
                seq: stamp.map_or(arrivals.len() as u64, |stamp| stamp.seq),
                captured_us,
                age_ms,
                is_drawn: !(acknowledges && held_up.is_held_up(since_ms, age_ms)),
            });
            if acknowledges && let Some(stamp) = stamp {
                stream.write_all(&ack(stamp.seq))?;
            }
        }
        if let Some(pong) = framing.pong() {
            stream.write_all(&pong)?;
        }
        came.clear();
        match stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the server closed the connection"),
            Ok(read) => came.extend_from_slice(&buffer[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(arrivals)
}

/// A link with the name that its row has.
struct Case {
    name: String,
    link: Link,
}

fn cases(bytes_per_second: f64) -> Vec<Case> {
    let link = |share: f64, rtt_ms: u64| Link {
        bytes_per_second: share * bytes_per_second,
        delay: Duration::from_millis(rtt_ms) / 2,
        queue: 0,
    };
    let named = |share: f64, rtt_ms: u64| Case {
        name: format!("{:.0} % of the stream, {rtt_ms} ms", share * 100.0),
        link: link(share, rtt_ms),
    };
    vec![
        Case {
            name: "unthrottled".into(),
            link: link(f64::INFINITY, 0),
        },
        named(0.4, 100),
        named(0.4, 10),
        Case {
            name: "the same with 1 MB of queue".into(),
            link: Link {
                queue: 1_000_000,
                ..link(0.4, 10)
            },
        },
        named(0.1, 50),
        named(3.0, 200),
    ]
}

/// Measures and prints.
///
/// # Errors
/// Where the server doesn't start or ends a connection.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let pictures = picture::directory(options.bytes)?;
    let command = format!(
        "{} --source files:{} --fps {} --listen 127.0.0.1:0 --no-auth \
         --max-per-address 10000 --max-connections 10000 --max-viewers 10000 --log error",
        options.server.display(),
        pictures.path().display(),
        options.fps
    );
    let (_server, url) = Server::start_and_listen(&command)?;
    let address = url.parse::<Url>()?.address;
    let mut subjects: Vec<_> = Kind::ALL
        .into_iter()
        .map(|kind| Subject {
            name: kind.name().into(),
            url: kind.url(address),
            acknowledges: kind == Kind::Acknowledging,
        })
        .collect();
    let mut peers = Vec::new();
    for peer in options.peer.chunks_exact(3) {
        let pictures = pictures.path().display().to_string();
        peers.push(Server::start(&peer[1].replace("{pictures}", &pictures))?);
        let url: Url = peer[2].parse()?;
        url.wait_until_open()?;
        subjects.push(Subject {
            name: peer[0].clone(),
            url,
            acknowledges: false,
        });
    }
    println!(
        "| link, round trip | viewer | fps | possible | age p50, ms | p99 | bound | largest gap in seq |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for case in cases(options.bytes as f64 * options.fps) {
        for subject in &subjects {
            let rounds = (0..options.rounds)
                .map(|_| row(subject, &case, options))
                .collect::<anyhow::Result<Vec<_>>>()?;
            let figure = |of: usize| median(rounds.iter().map(|round| round[of]));
            println!(
                "| {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} |",
                case.name,
                subject.name,
                figure(0),
                possible_fps(case.link, options),
                figure(1),
                figure(2),
                bound_ms(case.link, options.bytes),
                figure(3)
            );
        }
    }
    println!(
        "\n| after 5 s of standstill | viewer | old frames first | drawn | \
         ms to the first new frame | age of the first drawn, ms | bound |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|");
    let case = &cases(options.bytes as f64 * options.fps)[1];
    for subject in &subjects {
        let rounds = (0..options.rounds)
            .map(|_| standstill(subject, case.link))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let figure = |of: usize| median(rounds.iter().map(|round| round[of]));
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.1} | {:.1} | {:.1} |",
            case.name,
            subject.name,
            figure(0),
            figure(1),
            figure(2),
            figure(3),
            bound_ms(case.link, options.bytes)
        );
    }
    Ok(())
}

/// A round trip and twice the time that one frame takes, in ms; some time to be scheduled where that is nothing.
fn bound_ms(link: Link, bytes: usize) -> f64 {
    const UNTHROTTLED: f64 = 15.0;
    if link.bytes_per_second.is_infinite() {
        return UNTHROTTLED;
    }
    (2.0 * link.delay.as_secs_f64() + 2.0 * bytes as f64 / link.bytes_per_second) * 1e3
}

fn possible_fps(link: Link, options: &Options) -> f64 {
    options
        .fps
        .min(link.bytes_per_second / options.bytes as f64)
}

/// Frames a second, age's p50 and p99, and the largest step from a frame to the next.
fn row(subject: &Subject, case: &Case, options: &Options) -> anyhow::Result<[f64; 4]> {
    /// Time for a viewer's window to find its size.
    const WARM_UP: Duration = Duration::from_secs(3);
    let throttle = Throttle::open(subject.url.address, case.link)?;
    let time = Duration::from_secs_f64(options.seconds);
    let began = Instant::now();
    let arrivals: Vec<_> = subject
        .look(throttle.address(), WARM_UP + time)?
        .into_iter()
        .filter(|arrival| arrival.at > began + WARM_UP)
        .collect();
    let ages = sorted(arrivals.iter().map(|arrival| arrival.age_ms));
    let gap = arrivals
        .windows(2)
        .map(|pair| pair[1].seq - pair[0].seq)
        .max();
    let span = match (arrivals.first(), arrivals.last()) {
        (Some(first), Some(last)) => last.at - first.at,
        _ => Duration::MAX,
    };
    Ok([
        (arrivals.len().saturating_sub(1)) as f64 / span.as_secs_f64(),
        percentile(&ages, 0.5),
        percentile(&ages, 0.99),
        gap.unwrap_or(0) as f64,
    ])
}

/// Frames from before the link moved again, and how many of them are drawn; ms from then until the first one from after
/// it; the age of the first that is drawn.
fn standstill(subject: &Subject, link: Link) -> anyhow::Result<[f64; 4]> {
    const MOVING: Duration = Duration::from_secs(4);
    const STANDING: Duration = Duration::from_secs(5);
    let throttle = Throttle::open(subject.url.address, link)?;
    let viewer = throttle.address();
    let (resumed, resumed_us, arrivals) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| subject.look(viewer, MOVING + STANDING + MOVING));
        std::thread::sleep(MOVING);
        throttle.stop();
        std::thread::sleep(STANDING);
        let resumed = (Instant::now(), now_us());
        throttle.resume();
        let arrivals = looking.join().expect("looking does not panic");
        (resumed.0, resumed.1, arrivals)
    });
    let arrivals = arrivals?;
    let after = || arrivals.iter().filter(|arrival| arrival.at > resumed);
    let old = after().filter(|arrival| arrival.captured_us < resumed_us);
    let first = after()
        .find(|arrival| arrival.captured_us >= resumed_us)
        .context("no new frame came")?;
    let drawn = after().find(|arrival| arrival.is_drawn);
    Ok([
        old.clone().count() as f64,
        old.filter(|arrival| arrival.is_drawn).count() as f64,
        (first.at - resumed).as_secs_f64() * 1e3,
        drawn.context("no frame is drawn")?.age_ms,
    ])
}

//! What a chain of servers adds, each relaying the one before: Markdown rows.
//!
//! Three servers run at the same time, each with one viewer that acknowledges. Viewing belongs to [`crate::age`].

use crate::age::{Arrival, watch};
use crate::load::figure_or_dash;
use crate::picture;
use crate::process::Server;
use crate::stats::{median, percentile, sorted};
use crate::url::{Url, Wire};
use anyhow::Context;
use pistreamer_protocol::WireFormat;
use std::collections::HashMap;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Seconds of one measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Measurements of each of the viewers' wires
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
}

/// Servers between the camera's own and the last viewer.
const RELAYS: usize = 2;

/// A server of the chain.
struct Hop {
    server: Server,
    url: Url,
}

/// What one measurement found at a hop.
struct Measured {
    arrivals: Vec<Arrival>,
    /// Median of what each frame's age is more than at the hop before; NaN at the first.
    added_ms: f64,
    cpu: Duration,
}

/// Measures and prints.
///
/// # Errors
/// Where a server doesn't start or ends a connection.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let pictures = picture::directory(options.bytes)?;
    let mut chain = chain(&format!("files:{}", pictures.path().display()), options)?;
    println!(
        "| viewers' wire | hop | age p50, ms | p99 | added p50, ms | CPU per frame, µs | fps | frames left out |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let wires = [
        ("packed", WireFormat::GzipBase64),
        ("jpeg", WireFormat::Jpeg),
    ];
    let mut rounds = wires.map(|_| Vec::new());
    for _ in 0..options.rounds {
        for ((_, format), measured) in wires.iter().zip(&mut rounds) {
            for hop in &mut chain {
                hop.url.wire = Wire::WebSocket(*format);
            }
            measured.push(measure(&chain, Duration::from_secs_f64(options.seconds))?);
        }
    }
    for ((name, _), rounds) in wires.iter().zip(&rounds) {
        for hop in 0..chain.len() {
            let figure = |of: &dyn Fn(&Measured) -> f64, decimals: usize| {
                let value = median(rounds.iter().map(|round| of(&round[hop])));
                figure_or_dash(value, decimals)
            };
            let figures = [
                figure(&|one| one.age_ms(0.5), 2),
                figure(&|one| one.age_ms(0.99), 2),
                figure(&|one| one.added_ms, 2),
                figure(&Measured::cpu_per_frame_us, 1),
                figure(&|one| one.arrivals.len() as f64 / options.seconds, 2),
                figure(&Measured::left_out, 0),
            ];
            println!("| {name} | {hop} | {} |", figures.join(" | "));
        }
    }
    Ok(())
}

/// A server with that source, and relays behind it.
fn chain(source: &str, options: &Options) -> anyhow::Result<Vec<Hop>> {
    let mut source = source.to_owned();
    let mut chain = Vec::new();
    for _ in 0..=RELAYS {
        let command = format!(
            "{} --source {source} --fps {} --listen 127.0.0.1:0 --no-auth \
             --max-per-address 10000 --max-connections 10000 --max-viewers 10000 --log error",
            options.server.display(),
            options.fps
        );
        let (server, url) = Server::start_and_listen(&command)?;
        let url = Url {
            path: "/ws".into(),
            ..url.parse()?
        };
        source = format!("ws://{}", url.address);
        chain.push(Hop { server, url });
    }
    Ok(chain)
}

/// Watches all hops at once for this long, after a second in which the relays connect.
fn measure(chain: &[Hop], time: Duration) -> anyhow::Result<Vec<Measured>> {
    const WARM_UP: Duration = Duration::from_secs(1);
    let cpu = || {
        chain
            .iter()
            .map(|hop| hop.server.cpu())
            .collect::<anyhow::Result<Vec<_>>>()
    };
    let (seen, before, after) = thread::scope(|scope| {
        let looking: Vec<_> = chain
            .iter()
            .map(|hop| scope.spawn(|| watch(&hop.url, true, WARM_UP + time)))
            .collect();
        thread::sleep(WARM_UP);
        let (began, before) = (Instant::now(), cpu());
        thread::sleep(time);
        let (ended, after) = (Instant::now(), cpu());
        let seen = looking
            .into_iter()
            .enumerate()
            .map(|(hop, looking)| {
                let mut arrivals = looking
                    .join()
                    .map_err(|_| anyhow::anyhow!("the viewer panicked"))?
                    .with_context(|| format!("at hop {hop}"))?;
                arrivals.retain(|arrival| arrival.at > began && arrival.at <= ended);
                Ok(arrivals)
            })
            .collect::<anyhow::Result<Vec<_>>>();
        (seen, before, after)
    });
    let (seen, before, after) = (seen?, before?, after?);
    let mut measured = Vec::new();
    // By capture time, which every hop hands on.
    let mut nearer: HashMap<u64, f64> = HashMap::new();
    for (arrivals, (before, after)) in seen.into_iter().zip(before.into_iter().zip(after)) {
        let added = arrivals
            .iter()
            .filter_map(|arrival| Some(arrival.age_ms - nearer.get(&arrival.captured_us)?));
        let added_ms = median(added);
        nearer = arrivals
            .iter()
            .map(|arrival| (arrival.captured_us, arrival.age_ms))
            .collect();
        measured.push(Measured {
            arrivals,
            added_ms,
            cpu: after.saturating_sub(before),
        });
    }
    Ok(measured)
}

impl Measured {
    fn age_ms(&self, p: f64) -> f64 {
        percentile(&sorted(self.arrivals.iter().map(|one| one.age_ms)), p)
    }

    fn cpu_per_frame_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.arrivals.len() as f64
    }

    /// Frames between those that arrived.
    fn left_out(&self) -> f64 {
        self.arrivals
            .windows(2)
            .map(|pair| pair[1].seq.saturating_sub(pair[0].seq + 1))
            .sum::<u64>() as f64
    }
}

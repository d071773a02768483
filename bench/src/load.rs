//! What viewers cost a server, and what they get from it, beside the floor: Markdown rows.
//!
//! For each number of viewers every server is measured in turn, and that several times over, so that what else the
//! machine does touches all of them alike. A row holds medians.

use crate::crowd::{Crowd, Sight};
use crate::picture;
use crate::process::Server;
use crate::stats::{median, percentile, sorted};
use crate::url::{Url, Wire};
use anyhow::{Context, bail};
use pistreamer_protocol::WireFormat;
use std::path::PathBuf;
use std::time::Duration;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Numbers of viewers
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,100,300")]
    viewers: Vec<usize>,
    /// Viewers more that never read
    #[arg(long, default_value_t = 0)]
    stalled: usize,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Measurements of each server for each number of viewers
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Bytes of one JPEG
    #[arg(long, default_value_t = 128_000)]
    bytes: usize,
    /// Frames a second
    #[arg(long, default_value_t = 30.0)]
    fps: f64,
    /// Whether viewers on a WebSocket acknowledge, as the viewer in the browser does
    #[arg(long)]
    ack: bool,
    /// What to measure: floor, floor-packed, packed, jpeg, mjpeg
    #[arg(long, value_delimiter = ',', default_value = "floor,jpeg,packed,mjpeg")]
    targets: Vec<String>,
    /// The program
    #[arg(long, default_value = "target/release/pistreamer")]
    server: PathBuf,
    /// Another server: its name, the command that starts it, where {pictures} is the directory of JPEGs, and its URL
    #[arg(long, num_args = 3, value_names = ["NAME", "COMMAND", "URL"])]
    peer: Vec<String>,
    /// A server that runs already: measure only this one
    #[arg(long, requires = "pid")]
    url: Option<String>,
    /// Its process
    #[arg(long)]
    pid: Option<u32>,
}

struct Target {
    name: String,
    from: From,
    wire: Wire,
}

enum From {
    /// A command that prints where it listens, and the path of the stream.
    Printed(String, &'static str),
    /// A command whose URL is known.
    Known(String, String),
    /// It runs already.
    Running(u32, String),
}

/// One measurement.
struct Measured {
    sight: Sight,
    cpu: Duration,
    resident_mb: (f64, f64),
}

impl Options {
    fn targets(&self, pictures: &str) -> anyhow::Result<Vec<Target>> {
        if let (Some(url), Some(pid)) = (&self.url, self.pid) {
            return Ok(vec![Target {
                name: "given".into(),
                wire: url.parse::<Url>()?.wire,
                from: From::Running(pid, url.clone()),
            }]);
        }
        let own = std::env::current_exe()?;
        let floor = format!(
            "{} floor --bytes {} --fps {}",
            own.display(),
            self.bytes,
            self.fps
        );
        let server = format!(
            "{} --source files:{pictures} --fps {} --listen 127.0.0.1:0 --no-auth \
             --max-per-address 10000 --max-connections 10000 --max-viewers 10000 --log error",
            self.server.display(),
            self.fps
        );
        let mut targets = Vec::new();
        for name in &self.targets {
            let packed = Wire::WebSocket(WireFormat::GzipBase64);
            let jpeg = Wire::WebSocket(WireFormat::Jpeg);
            let (from, wire) = match name.as_str() {
                "floor" => (From::Printed(floor.clone(), ""), jpeg),
                "floor-packed" => (From::Printed(format!("{floor} --packed"), ""), packed),
                "packed" => (From::Printed(server.clone(), "ws"), packed),
                "jpeg" => (From::Printed(server.clone(), "ws"), jpeg),
                "mjpeg" => (From::Printed(server.clone(), "stream.mjpg"), Wire::Mjpeg),
                _ => bail!(
                    "there is no target {name}: choose from floor, floor-packed, packed, jpeg, mjpeg"
                ),
            };
            targets.push(Target {
                name: name.clone(),
                from,
                wire,
            });
        }
        for peer in self.peer.chunks_exact(3) {
            targets.push(Target {
                name: peer[0].clone(),
                from: From::Known(peer[1].replace("{pictures}", pictures), peer[2].clone()),
                wire: peer[2].parse::<Url>()?.wire,
            });
        }
        Ok(targets)
    }
}

/// Measures and prints.
///
/// # Errors
/// Where a server doesn't start or ends a connection.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let pictures = picture::directory(options.bytes)?;
    let targets = options.targets(&pictures.path().display().to_string())?;
    println!(
        "| viewers | server | CPU per frame, µs | × floor | of a further viewer, µs | × floor | cores | \
         fps, slowest | fps, median | age p50, ms | p99 | MB, start | end |"
    );
    println!("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut fewest: Vec<Option<Cost>> = targets.iter().map(|_| None).collect();
    for viewers in &options.viewers {
        let mut rounds: Vec<Vec<Measured>> = targets.iter().map(|_| Vec::new()).collect();
        for _ in 0..options.rounds {
            for (target, measured) in targets.iter().zip(&mut rounds) {
                measured
                    .push(measure(target, *viewers, options).with_context(|| target.name.clone())?);
            }
        }
        let costs: Vec<_> = rounds
            .iter()
            .zip(&mut fewest)
            .map(|(measured, fewest)| {
                let cost = Cost::new(measured);
                let further = fewest.get_or_insert(cost).to(cost);
                [cost.per_frame_us(), further]
            })
            .collect();
        let floor = targets.iter().position(|target| target.name == "floor");
        for ((target, measured), cost) in targets.iter().zip(&rounds).zip(&costs) {
            let cost = [0, 1].map(|of| {
                let of_floor = floor.map_or(f64::NAN, |floor| cost[of] / costs[floor][of]);
                format!(
                    "{} | {}",
                    figure_or_dash(cost[of], 1),
                    figure_or_dash(of_floor, 2)
                )
            });
            println!(
                "| {viewers} | {} | {} | {} |",
                target.name,
                cost.join(" | "),
                row(measured)
            );
        }
    }
    Ok(())
}

/// What a server spends on this many frames, each second.
#[derive(Clone, Copy)]
struct Cost {
    cores: f64,
    frames: f64,
}

impl Cost {
    fn new(measured: &[Measured]) -> Self {
        Self {
            cores: median(measured.iter().map(Measured::cores)),
            frames: median(measured.iter().map(|one| one.frames() / one.sight.seconds)),
        }
    }

    fn per_frame_us(self) -> f64 {
        self.cores * 1e6 / self.frames
    }

    /// What each frame costs that there is more of in `more`, in µs. What a server does for each frame of the camera,
    /// however many look, is not in it.
    fn to(self, more: Self) -> f64 {
        (more.cores - self.cores) * 1e6 / (more.frames - self.frames)
    }
}

/// For a table's cell.
pub(crate) fn figure_or_dash(value: f64, decimals: usize) -> String {
    if value.is_finite() {
        format!("{value:.decimals$}")
    } else {
        "–".into()
    }
}

fn measure(target: &Target, viewers: usize, options: &Options) -> anyhow::Result<Measured> {
    const WARM_UP: Duration = Duration::from_secs(1);
    let (server, url) = match &target.from {
        From::Printed(command, path) => {
            let (server, url) = Server::start_and_listen(command)?;
            (server, url + path)
        }
        From::Known(command, url) => (Server::start(command)?, url.clone()),
        From::Running(pid, url) => (Server::running(*pid), url.clone()),
    };
    let url = Url {
        wire: target.wire,
        ..url.parse()?
    };
    url.wait_until_open()?;
    let mut crowd = Crowd::connect(&url, viewers, options.stalled, options.ack)?;
    crowd.look(WARM_UP)?;
    let (cpu, resident) = (server.cpu()?, server.resident_mb()?);
    let sight = crowd.look(Duration::from_secs_f64(options.seconds))?;
    Ok(Measured {
        sight,
        cpu: server.cpu()?.saturating_sub(cpu),
        resident_mb: (resident, server.resident_mb()?),
    })
}

impl Measured {
    fn frames(&self) -> f64 {
        self.sight.frames.iter().sum::<u64>() as f64
    }

    fn cores(&self) -> f64 {
        self.cpu.as_secs_f64() / self.sight.seconds
    }

    fn fps(&self, p: f64) -> f64 {
        let fps = self
            .sight
            .frames
            .iter()
            .map(|frames| *frames as f64 / self.sight.seconds);
        percentile(&sorted(fps), p)
    }

    fn age_ms(&self, p: f64) -> f64 {
        percentile(&sorted(self.sight.ages_ms.iter().copied()), p)
    }
}

fn row(measured: &[Measured]) -> String {
    let figure = |of: &dyn Fn(&Measured) -> f64| median(measured.iter().map(of));
    let age = [0.5, 0.99].map(|p| figure_or_dash(figure(&|one| one.age_ms(p)), 2));
    format!(
        "{:.3} | {:.2} | {:.2} | {} | {} | {:.1} | {:.1}",
        figure(&Measured::cores),
        figure(&|one| one.fps(0.0)),
        figure(&|one| one.fps(0.5)),
        age[0],
        age[1],
        figure(&|one| one.resident_mb.0),
        figure(&|one| one.resident_mb.1)
    )
}

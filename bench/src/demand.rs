//! What a server does without viewers, and how soon the first one gets a picture.

use crate::process::Server;
use crate::stats::{median, percentile, sorted};
use crate::url::{Url, Wire};
use pistreamer_protocol::WireFormat;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many times a viewer connects and disconnects
    #[arg(long, default_value_t = 20)]
    visits: usize,
    /// Seconds without viewers
    #[arg(long, default_value_t = 10.0)]
    idle: f64,
    /// The program
    #[arg(long, default_value = "target/release/pistreamer")]
    server: PathBuf,
}

/// Measures and prints.
///
/// # Errors
/// Where the server doesn't start, or a viewer gets no frame.
pub fn run(options: &Options) -> anyhow::Result<()> {
    /// How long the server may go on after the last viewer disconnected.
    const GRACE: Duration = Duration::from_secs(1);
    let (server, url) = Server::start_and_listen(&format!(
        "{} --source pattern --size 1280x720 --fps 30 --listen 127.0.0.1:0 --no-auth --log error",
        options.server.display()
    ))?;
    let url = Url {
        wire: Wire::WebSocket(WireFormat::GzipBase64),
        ..(url + "ws").parse()?
    };
    let share = |time: Duration| -> anyhow::Result<f64> {
        let before = server.cpu()?;
        thread::sleep(time);
        Ok(server.cpu()?.saturating_sub(before).as_secs_f64() / time.as_secs_f64() * 100.0)
    };
    let idle = Duration::from_secs_f64(options.idle);
    // It starts, and prepares its picture.
    thread::sleep(GRACE);
    let never = share(idle)?;
    let (mut first, mut leaving, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.visits {
        first.push(url.first_frame()?.as_secs_f64() * 1e3);
        leaving.push(share(GRACE)?);
        left.push(share(GRACE)?);
    }
    let watched = {
        let _viewer = url.open()?;
        share(idle)?
    };
    thread::sleep(GRACE);
    let after = share(idle)?;
    let first = sorted(first);
    println!("| measured | |");
    println!("|---|--:|");
    println!("| CPU before the first viewer, % of a core | {never:.2} |");
    println!(
        "| from connecting to the first whole frame, ms, median | {:.0} |",
        percentile(&first, 0.5)
    );
    println!(
        "| at most, of {} visits | {:.0} |",
        options.visits,
        percentile(&first, 1.0)
    );
    println!(
        "| CPU in the second after a viewer left, %, median | {:.2} |",
        median(leaving)
    );
    println!("| CPU in the second after that | {:.2} |", median(left));
    println!("| CPU while one looks | {watched:.1} |");
    println!("| CPU from a second after it left, for {idle:?} | {after:.2} |");
    Ok(())
}

//! `./dev soak`: a server among viewers of every kind, for minutes or hours.

use anyhow::{Context as _, Result, bail};
use pistreamer_e2e::soak::{Options, run};
use std::time::Duration;

/// Where nothing else is said.
const MINUTES: f64 = 10.0;

/// The length of a round.
const ROUND: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let options = options(std::env::args().skip(1))?;
    let report = run(options).await?;
    println!(
        "soak: passed; {} viewers, of whom {} kept accounts that came out even, saw {} frames and were told of {} that were \
         skipped, among {} visits of others",
        report.seen.viewers,
        report.seen.accounts,
        report.seen.frames,
        report.seen.skipped,
        report.visits
    );
    Ok(())
}

fn options(mut typed: impl Iterator<Item = String>) -> Result<Options> {
    const USAGE: &str = "soak [--hours N | --minutes N] [--seed N]";
    let (mut minutes, mut seed) = (MINUTES, None);
    while let Some(flag) = typed.next() {
        let value = typed.next().context(USAGE)?;
        match flag.as_str() {
            "--hours" => minutes = 60.0 * value.parse::<f64>().context(USAGE)?,
            "--minutes" => minutes = value.parse().context(USAGE)?,
            "--seed" => seed = Some(value.parse().context(USAGE)?),
            _ => bail!(USAGE),
        }
    }
    let duration = Duration::try_from_secs_f64(minutes * 60.0).context(USAGE)?;
    Ok(Options {
        duration,
        round: ROUND.min(duration / 2),
        seed: seed.unwrap_or_else(|| fastrand::u64(..)),
    })
}

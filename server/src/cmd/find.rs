//! `pistreamer find`: the servers of the local network, for people and for programs.

use super::process::{finish, one_core, shutdown_signal};
use crate::lan::{self, Found};
use crate::{cli, stdout};
use std::time::{Duration, Instant};

/// Prints the list.
///
/// # Errors
/// Where none was found, this machine is on no network, or standard output takes no text.
pub(super) fn run(typed: &cli::Find) -> anyhow::Result<()> {
    let seconds = typed.seconds;
    if !(0.1..=60.0).contains(&seconds) {
        anyhow::bail!("--seconds of {seconds} is not possible: choose one from 0.1 to 60");
    }
    let asked = Instant::now();
    let found = finish(one_core()?, async {
        let stop = shutdown_signal()?;
        Ok(lan::find(Duration::from_secs_f64(seconds), stop).await?)
    })?;
    if typed.json {
        return Ok(stdout::print(&(serde_json::to_string(&found)? + "\n"))?);
    }
    if found.is_empty() {
        anyhow::bail!(
            "no server was found in {:.1} s: those that have  announce = true  or --announce are, on this network, where \
             it lets multicast through, and this machine's firewall the answers: UDP from port 5353",
            asked.elapsed().as_secs_f64()
        );
    }
    Ok(stdout::print(&found.iter().map(line).collect::<String>())?)
}

fn line(found: &Found) -> String {
    let Found {
        url,
        server,
        name,
        cameras,
        version,
        tls: _,
    } = found;
    let mut line = format!("{url}  {server}");
    for (what, told) in [
        ("", name.as_str()),
        ("id ", &cameras.join(", ")),
        ("version ", version),
    ] {
        if !told.is_empty() {
            line = line + ", " + what + told;
        }
    }
    line + "\n"
}

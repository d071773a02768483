//! The `pistreamer-bench` program: each subcommand prints one Markdown table.

use clap::{Parser, Subcommand};
use pistreamer_bench::{abuse, age, demand, floor, load, relay};
use std::net::TcpListener;

/// Measures pistreamer
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What viewers cost, and what they get
    Load(load::Options),
    /// How old the picture is behind a slow link
    Age(age::Options),
    /// What is done without viewers, and how soon the first one gets a picture
    Demand(demand::Options),
    /// What attacks cost the other viewers
    Abuse(abuse::Options),
    /// What each server adds that relays another
    Relay(relay::Options),
    /// Serve with the least effort that is possible
    Floor {
        /// Bytes of one JPEG
        #[arg(long, default_value_t = 128_000)]
        bytes: usize,
        /// Frames a second
        #[arg(long, default_value_t = 30.0)]
        fps: f64,
        /// Pack each frame
        #[arg(long)]
        packed: bool,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Load(options) => load::run(&options),
        Command::Age(options) => age::run(&options),
        Command::Demand(options) => demand::run(&options),
        Command::Abuse(options) => abuse::run(&options),
        Command::Relay(options) => relay::run(&options),
        Command::Floor { bytes, fps, packed } => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            println!("http://{}/", listener.local_addr()?);
            floor::serve(&listener, bytes, fps, packed)
        }
    }
}

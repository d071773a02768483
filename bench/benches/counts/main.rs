//! Instructions that a frame costs, counted by valgrind's callgrind: unlike times, the same on a busy machine.
//!
//!     ./dev bench counts
//!
//! Each operation runs in a process of its own, few times and then more often; the difference belongs to the operation alone.
//! `committed.tsv` beside this file holds the counts to compare with: a tenth more is an error. They are those of a release
//! build for x86-64 on a processor with AVX2.

mod session;

use anyhow::{Context as _, bail, ensure};
use pistreamer_bench::picture;
use pistreamer_protocol::{Stamp, Unpacker, jpeg, pack};
use std::collections::HashMap;
use std::hint::black_box;
use std::process::Command;

/// Bytes of a JPEG at 1280x720, as in the other benchmarks.
const JPEG: usize = 128_000;

/// An operation, and a function that repeats it.
type Operation = (&'static str, fn(usize));

const OPERATIONS: &[Operation] = &[
    ("pack", |times| {
        let jpeg = picture::jpeg(JPEG, 1);
        for _ in 0..times {
            black_box(pack(black_box(&jpeg)));
        }
    }),
    ("unpack", |times| {
        let packed = pack(&picture::jpeg(JPEG, 1));
        let mut unpacker = Unpacker::default();
        for _ in 0..times {
            black_box(unpacker.unpack(black_box(&packed))).expect("it was packed here");
        }
    }),
    ("stamp", |times| {
        let jpeg = picture::jpeg(JPEG, 1);
        for _ in 0..times {
            black_box(stamp().write(black_box(&jpeg))).expect("it is a JPEG");
        }
    }),
    ("read the stamp", |times| {
        let jpeg = stamp().write(&picture::jpeg(JPEG, 1));
        let jpeg = jpeg.expect("it is a JPEG");
        for _ in 0..times {
            black_box(Stamp::read(black_box(&jpeg)));
        }
    }),
    ("check a JPEG", |times| {
        let picture = picture::jpeg(JPEG, 1);
        for _ in 0..times {
            black_box(jpeg::inspect(black_box(&picture))).expect("it is a JPEG");
        }
    }),
    ("send to a viewer", |times| {
        session::send(false, times);
    }),
    ("send to a viewer that acknowledges", |times| {
        session::send(true, times);
    }),
];

fn stamp() -> Stamp {
    Stamp {
        seq: 1042,
        captured_us: 1_764_000_000_123_456,
        camera: "0".into(),
    }
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds --bench.
    let given: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| arg != "--bench")
        .collect();
    if let [name, times] = &given[..] {
        let operation = OPERATIONS.iter().find(|(known, _)| known == name);
        operation.context("there is no such operation")?.1(times.parse()?);
        return Ok(());
    }
    let committed: HashMap<_, f64> = include_str!("committed.tsv")
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, count)| Ok((name, count.parse()?)))
        .collect::<anyhow::Result<_>>()?;
    println!("| operation | instructions | committed | × |");
    println!("|---|--:|--:|--:|");
    let mut worse = Vec::new();
    for (name, _) in OPERATIONS {
        const FEW: u64 = 10;
        const MORE: u64 = 110;
        let counted = (instructions(name, MORE)? - instructions(name, FEW)?) / (MORE - FEW);
        let before = committed.get(name).copied().unwrap_or(f64::NAN);
        let ratio = counted as f64 / before;
        println!("| {name} | {counted} | {before:.0} | {ratio:.3} |");
        if ratio > 1.1 {
            worse.push(*name);
        }
    }
    ensure!(
        worse.is_empty() || !cfg!(target_arch = "x86_64"),
        "more instructions than were committed: {worse:?}"
    );
    Ok(())
}

/// Instructions that the whole process takes.
fn instructions(name: &str, times: u64) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([name, &times.to_string()])
        .output()
        .context("valgrind is missing")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    match collected {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => bail!("{name}: {said}"),
    }
}

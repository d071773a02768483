//! Instructions that a frame costs: unlike times, the same on a busy machine. valgrind's callgrind counts them on x86-64, and
//! qemu for 64-bit ARM, with the plugin beside this file.
//!
//!     ./dev bench counts
//!
//! Each operation runs in a process of its own, few times and then more often; the difference belongs to the operation alone.
//! `committed.tsv` beside this file holds the counts to compare with, for both: a tenth more is an error. They are those of
//! a build for benchmarks, on an x86-64 with AVX2 and on a Cortex-A53, which the Raspberry Pi 3 and Zero 2 W have.

mod session;

use anyhow::{Context as _, bail, ensure};
use pistreamer::source::Pixels as _;
use pistreamer::stages::encode::JpegEncoder;
use pistreamer_bench::picture;
use pistreamer_local_camera::Filled;
use pistreamer_local_camera::process::{News, Order, Socket};
use pistreamer_pattern::{Picture, Renderer};
use pistreamer_protocol::{Stamp, Unpacker, jpeg, pack};
use std::collections::HashMap;
use std::env::consts::ARCH;
use std::hint::black_box;
use std::process::Command;

/// Bytes of a JPEG at 1280x720, as in the other benchmarks.
const JPEG: usize = 128_000;

/// What counts, unless `--by` names something else.
const VALGRIND: &str = "valgrind --tool=callgrind --callgrind-out-file=/dev/null";

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
    ("encode", |times| {
        let (width, height) = (1280, 720);
        let mut picture = Picture::new(width, height);
        Renderer::new(width, height, 30.0, 1).render(1, 0, &mut picture);
        let mut encoder = JpegEncoder::new().expect("there is memory");
        for _ in 0..times {
            let jpeg = encoder.encode(&picture.yuv(), 80);
            black_box(jpeg.expect("it is a picture").len());
        }
    }),
    // What the test pattern does before anything is seen.
    ("first picture", |times| {
        let (width, height) = (1280, 720);
        let mut encoder = JpegEncoder::new().expect("there is memory");
        for seed in 0..times as u64 {
            let mut picture = Picture::new(width, height);
            Renderer::coarse(width, height, 30.0, seed).render(1, 0, &mut picture);
            let jpeg = encoder.encode(&picture.yuv(), 80);
            black_box(jpeg.expect("it is a picture").len());
        }
    }),
    // A picture that a camera's process tells of, and its buffer that goes home.
    ("pass on a camera's buffer", |times| {
        let (server, camera) = Socket::pair().expect("there are descriptors");
        for number in 0..times {
            camera.send(&News::Filled(Filled {
                number,
                captured_us: 1_764_000_000_123_456,
                used: Some(1_382_400),
            }));
            let told = server.receive::<News>().expect("it is a message");
            black_box(told);
            server.send(&Order::Home { opened: 1, number });
            black_box(camera.receive::<Order>().expect("it is a message"));
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
    let counter = match &given[..] {
        [flag, counter] if flag == "--by" => counter,
        [name, times] => {
            let operation = OPERATIONS.iter().find(|(known, _)| known == name);
            operation.context("there is no such operation")?.1(times.parse()?);
            return Ok(());
        }
        _ => VALGRIND,
    };
    let committed = committed()?;
    println!("| operation | instructions | committed | × |");
    println!("|---|--:|--:|--:|");
    let mut worse = Vec::new();
    for (name, _) in OPERATIONS {
        // Millions of instructions each time.
        let is_long = ["encode", "first picture"].contains(name);
        let (few, more) = if is_long { (1, 6) } else { (10, 110) };
        let instructions = |times| instructions(counter, name, times);
        let counted = (instructions(more)? - instructions(few)?) / (more - few);
        let before = committed.get(name).copied().unwrap_or(f64::NAN);
        let ratio = counted as f64 / before;
        println!("| {name} | {counted} | {before:.0} | {ratio:.3} |");
        if ratio > 1.1 {
            worse.push(*name);
        }
    }
    ensure!(
        worse.is_empty(),
        "more instructions than were committed: {worse:?}"
    );
    Ok(())
}

/// What was counted before on a machine like this one; nothing on others.
fn committed() -> anyhow::Result<HashMap<&'static str, f64>> {
    let mut lines = include_str!("committed.tsv").lines();
    let head = lines.next().context("the table is empty")?;
    let Some(column) = head.split('\t').position(|machine| machine == ARCH) else {
        return Ok(HashMap::new());
    };
    let counts = lines.map(|line| {
        let mut values = line.split('\t');
        let name = values.next().unwrap_or_default();
        let count = values.nth(column - 1).context("a line is too short")?;
        Ok((name, count.parse()?))
    });
    counts.collect()
}

/// Instructions that the whole process takes, as a program counts them that runs it.
fn instructions(counter: &str, name: &str, times: u64) -> anyhow::Result<u64> {
    let mut words = counter.split(' ');
    let program = words.next().unwrap_or_default();
    let output = Command::new(program)
        .args(words)
        .arg(std::env::current_exe()?)
        .args([name, &times.to_string()])
        .output()
        .with_context(|| format!("{program} is missing"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    match collected {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => bail!("{name}: {said}"),
    }
}

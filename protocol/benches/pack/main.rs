//! How fast frames are packed and unpacked, and how large they get, beside general deflate encoders on the same text.
//!
//! Prints a summary table after criterion's own lines. Pictures come from `picture.rs`.

mod picture;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput};
use pistreamer_protocol::{Unpacker, pack};
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

const SIZES: [(u16, u16); 3] = [(640, 480), (1280, 720), (1920, 1080)];
/// Pictures of a size, so that no branch predictor learns one by heart.
const PICTURES: u32 = 8;

/// A way from JPEGs, or from messages, to a number of bytes that only exists to be used.
type Work = Box<dyn FnMut(&[u8]) -> usize>;

struct Contender {
    name: &'static str,
    work: Work,
    /// Whether it works on messages.
    unpacks: bool,
}

fn contenders() -> Vec<Contender> {
    let packs = |name, work: Work| Contender {
        name,
        work,
        unpacks: false,
    };
    let flate2 = |level| -> Work { Box::new(move |jpeg| flate2_gzip(jpeg, level).len()) };
    let (mut short, mut general) = (Unpacker::default(), Unpacker::default());
    let unpacks = |name, work: Work| Contender {
        name,
        work,
        unpacks: true,
    };
    let mut reused = Vec::new();
    vec![
        packs("pack", Box::new(|jpeg| pack(jpeg).len())),
        packs(
            "pack_into",
            Box::new(move |jpeg| {
                pack::pack_into(jpeg, &mut reused);
                reused.len()
            }),
        ),
        packs("flate2 level 1", flate2(1)),
        packs("flate2 level 6", flate2(6)),
        packs("flate2 level 9", flate2(9)),
        packs(
            "miniz_oxide level 1",
            Box::new(|jpeg| {
                let text = STANDARD.encode(jpeg);
                miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 1).len()
            }),
        ),
        unpacks(
            "unpack",
            Box::new(move |message| short.unpack(message).map_or(0, <[u8]>::len)),
        ),
        unpacks(
            "unpack, general way",
            Box::new(move |message| general.unpack_any(message).map_or(0, <[u8]>::len)),
        ),
    ]
}

fn flate2_gzip(jpeg: &[u8], level: u32) -> Vec<u8> {
    let text = STANDARD.encode(jpeg);
    let level = flate2::Compression::new(level);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
    encoder
        .write_all(text.as_bytes())
        .and_then(|()| encoder.finish())
        .expect("a Vec takes any bytes")
}

struct Row {
    name: &'static str,
    /// Bytes of JPEG per second.
    rate: f64,
    /// Bytes of JPEG and of the result.
    sizes: (usize, usize),
    unpacks: bool,
}

/// Each contender's best rate for each picture, taken by turns in one run, so that a neighbour's load, or a clock that
/// sinks, meets all of them alike.
fn compare(jpegs: &[Vec<u8>]) -> Vec<Row> {
    const ROUNDS: u32 = 15;
    let messages: Vec<_> = jpegs.iter().map(|jpeg| pack(jpeg)).collect();
    let bytes = jpegs.iter().map(Vec::len).sum();
    let mut contenders = contenders();
    let mut best = vec![vec![Duration::MAX; jpegs.len()]; contenders.len()];
    let mut made = vec![0; contenders.len()];
    for round in 0..ROUNDS {
        for (contender, (best, made)) in contenders.iter_mut().zip(best.iter_mut().zip(&mut made)) {
            let inputs = if contender.unpacks { &messages } else { jpegs };
            for (input, best) in inputs.iter().zip(best) {
                let start = Instant::now();
                let len = (contender.work)(black_box(input));
                *best = start.elapsed().min(*best);
                *made += if round == 0 { black_box(len) } else { 0 };
            }
        }
    }
    let rows = contenders.iter().zip(best.iter().zip(made));
    rows.map(|(contender, (best, made))| Row {
        name: contender.name,
        rate: bytes as f64 / best.iter().sum::<Duration>().as_secs_f64(),
        sizes: (bytes, made),
        unpacks: contender.unpacks,
    })
    .collect()
}

fn print_summary(summary: &[((u16, u16), Vec<Row>)]) {
    let heads = [
        "picture",
        "JPEG",
        "what",
        "MB/s of JPEG",
        "x flate2 6",
        "x JPEG's size",
    ];
    println!(
        "\n{:>9} {:>9}  {:<20} {:>12} {:>11} {:>14}",
        heads[0], heads[1], heads[2], heads[3], heads[4], heads[5]
    );
    for ((width, height), rows) in summary {
        let level_6 = rows
            .iter()
            .find(|row| row.name == "flate2 level 6")
            .map_or(f64::NAN, |row| row.rate);
        for row in rows {
            let (jpeg, made) = row.sizes;
            let (times, ratio) = if row.unpacks {
                (String::new(), String::new())
            } else {
                (
                    format!("{:.1}", row.rate / level_6),
                    format!("{:.4}", made as f64 / jpeg as f64),
                )
            };
            let picture = format!("{width}x{height}");
            let size = format!("{} kB", jpeg / PICTURES as usize / 1000);
            let rate = row.rate / 1e6;
            println!(
                "{picture:>9} {size:>9}  {:<20} {rate:>12.0} {times:>11} {ratio:>14}",
                row.name
            );
        }
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut summary = Vec::new();
    for (width, height) in SIZES {
        let jpegs: Vec<_> = (0..PICTURES)
            .map(|seed| picture::jpeg(width, height, seed))
            .collect();
        let messages: Vec<_> = jpegs.iter().map(|jpeg| pack(jpeg)).collect();
        let bytes: usize = jpegs.iter().map(Vec::len).sum();
        let mut group = criterion.benchmark_group(format!("{width}x{height}"));
        group.throughput(Throughput::Bytes(bytes as u64));
        for mut contender in contenders() {
            let inputs = if contender.unpacks { &messages } else { &jpegs };
            group.bench_function(contender.name, |bencher| {
                bencher.iter(|| {
                    for input in inputs {
                        black_box((contender.work)(black_box(input)));
                    }
                });
            });
        }
        group.finish();
        summary.push(((width, height), compare(&jpegs)));
    }
    print_summary(&summary);
    criterion.final_summary();
}

//! What encoding costs beside libjpeg-turbo's own benchmark, and what lies between a capture and its publication besides.
//!
//!     ./dev bench encode
//!
//! The picture is the test pattern. `tjbench` compresses the same picture, from planes as well (`-yuv`), on one core. A second
//! table has what turning by 90° takes: of samples, with what is encoded then, and of a JPEG, beside decoding and encoding it.

mod picture;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use picture::Lent;
use pistreamer::source::{Image, Pauses, Pixels, RawFrame};
use pistreamer::stages::encode::{self, Health, JpegEncoder, Pool};
use pistreamer::stages::hub::{self, Feed, Limits};
use pistreamer_bench::crowd::now_us;
use pistreamer_bench::stats::median;
use pistreamer_pattern::Picture;
use pistreamer_picture::{Mended, Rescaler};
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::Reason;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIZES: [(u32, u32); 3] = [(640, 480), (1280, 720), (1920, 1080)];
const QUALITY: u8 = 80;

/// Frames of each size.
const FRAMES: u64 = 300;

/// Time between two of them: a camera's frames find no cache as the one before has left it.
const PAUSE: Duration = Duration::from_millis(3);

fn main() -> anyhow::Result<()> {
    println!(
        "| size | JPEG, kB | encode, ms | tjbench, ms | × | capture to viewer's task, ms | besides encoding, ms |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for size in SIZES {
        let picture = Arc::new(picture::pattern(size));
        let (encoded, bytes, published) = measure(&picture, Orientation::UPRIGHT)?;
        let limit = tjbench(&picture)?;
        println!(
            "| {}x{} | {:.0} | {encoded:.2} | {limit:.2} | {:.2} | {published:.2} | {:.2} |",
            size.0,
            size.1,
            bytes as f64 / 1e3,
            encoded / limit,
            published - encoded
        );
    }
    println!(
        "\n| size | samples to viewer's task, upright, ms | turned, ms | JPEG turned, ms | decoded and encoded, ms |"
    );
    println!("|---|--:|--:|--:|--:|");
    let quarter = Orientation::of(false, 1);
    for size in SIZES {
        let picture = Arc::new(picture::pattern(size));
        let (_, _, upright) = measure(&picture, Orientation::UPRIGHT)?;
        let (_, _, turned) = measure(&picture, quarter)?;
        let (jpeg, again) = turn_jpeg(&picture, quarter)?;
        let (width, height) = size;
        println!("| {width}x{height} | {upright:.2} | {turned:.2} | {jpeg:.2} | {again:.2} |");
    }
    Ok(())
}

/// Median time in ms to turn a JPEG, and to decode and encode it instead. The two are measured by turns.
fn turn_jpeg(picture: &Picture, turn: Orientation) -> anyhow::Result<(f64, f64)> {
    let jpeg = Bytes::copy_from_slice(JpegEncoder::new()?.encode(&picture.yuv(), QUALITY)?);
    let whole = Mended::new(jpeg.clone()).and_then(Mended::whole)?;
    let (mut rescaler, mut out) = (Rescaler::new()?, Vec::new());
    let (mut turned, mut again) = (Vec::new(), Vec::new());
    for _ in 0..FRAMES / 3 {
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        whole.turned(turn)?;
        turned.push(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        rescaler.rescale(&jpeg, 0, QUALITY, &mut out)?;
        again.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok((median(turned), median(again)))
}

/// Nothing fails here.
struct Healthy;

impl Health for Healthy {
    fn fail(&self, _: &Reason) -> bool {
        false
    }
    fn mend(&self, _: &Reason) {}
}

/// Median time to encode in ms, bytes of the JPEG, and median time from the capture until a viewer's task has the frame. The
/// two are measured by turns.
fn measure(picture: &Arc<Picture>, turn: Orientation) -> anyhow::Result<(f64, usize, f64)> {
    let feed = Arc::new(Feed::new(hub::Config {
        most: 1,
        quality: QUALITY,
        tiles: None,
    }));
    let config = encode::Config {
        workers: 1,
        pauses: Pauses::default(),
    };
    let pool = Pool::spawn(config, "0", Arc::clone(&feed), Arc::new(Healthy))?;
    let mut viewer = feed.view(Limits::default());
    let mut encoder = JpegEncoder::new()?;
    let mut bytes = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut encoded, mut published) = (Vec::new(), Vec::new());
    for seq in 1..=FRAMES {
        std::thread::sleep(PAUSE);
        let began = Instant::now();
        bytes = encoder.encode(&picture.yuv(), QUALITY)?.len();
        encoded.push(began.elapsed().as_secs_f64() * 1e3);

        std::thread::sleep(PAUSE);
        let began = Instant::now();
        pool.submit(RawFrame {
            seq,
            captured_us: now_us(),
            turn,
            image: Image::Yuv(Box::new(Lent(Arc::clone(picture)))),
        });
        let frame = runtime.block_on(viewer.newest());
        published.push(began.elapsed().as_secs_f64() * 1e3);
        ensure!(frame.seq == seq, "frame {} came for {seq}", frame.seq);
    }
    Ok((median(encoded), bytes, median(published)))
}

/// Time in ms that `tjbench` takes for the picture.
fn tjbench(picture: &Picture) -> anyhow::Result<f64> {
    let directory = tempfile::tempdir()?;
    let [jpeg, ppm] = ["picture.jpg", "picture.ppm"].map(|name| directory.path().join(name));
    std::fs::write(&jpeg, JpegEncoder::new()?.encode(&picture.yuv(), 95)?)?;
    let decoded = Command::new("djpeg")
        .args(["-pnm", "-outfile"])
        .args([&ppm, &jpeg])
        .status()
        .context("djpeg is missing")?;
    ensure!(decoded.success(), "djpeg failed");
    let output = Command::new("tjbench")
        .arg(&ppm)
        .arg(QUALITY.to_string())
        .args(["-subsamp", "420", "-yuv", "-componly", "-nowrite"])
        .args(["-benchtime", "2", "-warmup", "0.5"])
        .output()
        .context("tjbench is missing")?;
    let said = String::from_utf8_lossy(&output.stdout);
    // "Comp from YUV --> Frame rate:         512.3 fps"
    let rate = said
        .lines()
        .find_map(|line| {
            line.split_once("Comp from YUV")?
                .1
                .split_once("Frame rate:")
        })
        .and_then(|(_, rate)| rate.trim().strip_suffix("fps")?.trim().parse::<f64>().ok());
    Ok(1e3 / rate.with_context(|| format!("tjbench says {said}"))?)
}

//! Looks at the clips of a seed, and measures what that costs: `cargo run --release --example clips -- SEED [DIR]`. With a directory,
//! writes them there for other programs: samples of half a block, and who walks when. `./dev bench motion` runs it.

#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

#[path = "../tests/clips/mod.rs"]
mod clips;

use clips::judge::look;
use clips::{Clip, FPS, Player, list};
use pistreamer_motion::{Detector, Luma, Settings, luma};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use turbojpeg::{Compressor, Decompressor, Image, PixelFormat, ScalingFactor, YuvImage};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seed = arguments
        .next()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let (never, seldom) = list::empty(seed);
    let clips: Vec<_> = list::crossings(seed)
        .into_iter()
        .chain(never)
        .chain(seldom)
        .collect();
    let (mut found, mut walkers, mut wrong, mut seconds) = (0, 0, 0, 0);
    for clip in &clips {
        let seen = look(clip);
        for line in seen
            .missed
            .iter()
            .map(|it| ("missed", it))
            .chain(seen.false_events.iter().map(|it| ("false", it)))
        {
            println!("{}: {}", line.0, line.1);
        }
        found += seen.walkers - seen.missed.len();
        walkers += seen.walkers;
        wrong += seen.false_events.len();
        seconds += clip.seconds;
    }
    let minutes = seconds / 60;
    println!(
        "pistreamer: found {found} of {walkers} crossings, {wrong} false in {minutes} min of {} clips",
        clips.len()
    );
    measure(&clips[0]);
    if let Some(directory) = arguments.next() {
        for clip in &clips {
            write(clip, Path::new(&directory));
        }
    }
}

/// The clip's samples, and a line for each walker.
fn write(clip: &Clip, directory: &Path) {
    let mut player = Player::new(clip, 2);
    let (width, height) = player.size();
    let path = directory.join(&clip.name);
    let mut file =
        std::io::BufWriter::new(std::fs::File::create(path.with_extension("gray")).unwrap());
    while let Some((_, samples)) = player.next() {
        file.write_all(samples).unwrap();
    }
    let mut text = format!("{width} {height} {FPS}\n");
    for walker in &clip.walkers {
        writeln!(text, "{} {}", walker.start, walker.end()).unwrap();
    }
    std::fs::write(path.with_extension("txt"), text).unwrap();
}

/// What it costs to look at a picture of 1280×720, beside encoding it.
fn measure(clip: &Clip) {
    const PICTURES: u32 = 100;
    let mut player = Player::new(clip, 8);
    let (width, height) = player.size();
    // A person walks through the picture.
    let pictures: Vec<_> =
        std::iter::from_fn(|| player.next().map(|(_, samples)| samples.to_vec()))
            .skip(70)
            .take(PICTURES as usize)
            .collect();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(80).unwrap();
    let chroma = vec![128; width * height / 2];
    let begin = Instant::now();
    let jpegs: Vec<_> = pictures
        .iter()
        .map(|luma| {
            let pixels = [luma.as_slice(), &chroma].concat();
            let subsamp = turbojpeg::Subsamp::Sub2x2;
            let image = YuvImage {
                pixels: pixels.as_slice(),
                width,
                align: 1,
                height,
                subsamp,
            };
            compressor.compress_yuv_to_vec(image).unwrap()
        })
        .collect();
    let encode = begin.elapsed() / PICTURES;
    let mut decompressor = Decompressor::new().unwrap();
    decompressor
        .set_scaling_factor(ScalingFactor::ONE_EIGHTH)
        .unwrap();
    let (across, down) = (width / 8, height / 8);
    let mut small = vec![0; across * down];
    let begin = Instant::now();
    for jpeg in &jpegs {
        let image = Image {
            pixels: small.as_mut_slice(),
            width: across,
            pitch: across,
            height: down,
            format: PixelFormat::GRAY,
        };
        decompressor.decompress(jpeg, image).unwrap();
    }
    let decode = begin.elapsed() / PICTURES;
    let mut eighth = Vec::new();
    let begin = Instant::now();
    for picture in &pictures {
        luma::eighth(picture, width, (width, height), &mut eighth).unwrap();
    }
    let planes = begin.elapsed() / PICTURES;
    let mut player = Player::new(clip, 1);
    let mut detector = Detector::new(Settings::default());
    let (mut model, mut looked) = (Duration::ZERO, 0);
    while let Some((at, samples)) = player.next() {
        let luma = Luma::new(samples, across, down).unwrap();
        let begin = Instant::now();
        detector.feed(luma, Duration::from_secs_f32(at));
        model += begin.elapsed();
        looked += 1;
    }
    let model = model / looked;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = |time: Duration| time.as_secs_f64() / encode.as_secs_f64();
    println!(
        "a picture of {width}x{height}: encoding it takes {:.2} ms",
        ms(encode)
    );
    println!(
        "  its brightness at an eighth, of samples {:.2} ms, of a JPEG {:.2} ms",
        ms(planes),
        ms(decode)
    );
    println!(
        "  looking at that {:.2} ms: {:.2} of encoding, with decoding {:.2}",
        ms(model),
        ratio(model),
        ratio(model + decode)
    );
}

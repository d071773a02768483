//! What strips promise: taken out, put together and put back they are the same bytes, decoders that aren't ours see the same pixels,
//! and what does not fit is refused.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]
#![cfg(not(miri))]

mod common;

use common::run;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use pistreamer_protocol::strips::{Cut, Mosaic, Run, Separators, StripsError, Tiles};
use pistreamer_protocol::{Stamp, jpeg};
use proptest::prelude::*;
use std::process::Command;

/// How a picture is encoded.
#[derive(Clone, Debug)]
struct Kind {
    width: u16,
    height: u16,
    sampling: Sampling,
    quality: u8,
    /// How far pixels are from their neighbours by chance.
    noise: i32,
    /// MCUs in a strip, and strips beside each other.
    mcus: u16,
    columns: u16,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Sampling {
    Grey,
    Full,
    Half,
    Quarter,
}

impl Sampling {
    fn mcu(self) -> (u16, u16) {
        match self {
            Self::Grey | Self::Full => (8, 8),
            Self::Half => (16, 8),
            Self::Quarter => (16, 16),
        }
    }
}

impl Kind {
    /// A picture of that many columns, whose right and lower ends are cut off by these pixels.
    fn new(sampling: Sampling, mcus: u16, (columns, rows): (u16, u16), cut: (u16, u16)) -> Self {
        let (width, height) = sampling.mcu();
        Self {
            width: width * mcus * columns - cut.0 % width,
            height: height * rows - cut.1 % height,
            sampling,
            quality: 80,
            noise: 32,
            mcus,
            columns,
        }
    }

    fn strips(&self) -> u32 {
        let down = self.height.div_ceil(self.sampling.mcu().1);
        u32::from(self.columns) * u32::from(down)
    }

    fn strip(&self) -> (u16, u16) {
        let (width, height) = self.sampling.mcu();
        (width * self.mcus, height)
    }

    /// A picture with that number: colours that change smoothly, and noise.
    fn picture(&self, number: u64) -> Vec<u8> {
        let mut random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut noise = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 58) as i32 * self.noise / 32 - self.noise
        };
        let channels = if self.sampling == Sampling::Grey {
            1
        } else {
            3
        };
        let mut pixels = Vec::new();
        for y in 0..i32::from(self.height) {
            for x in 0..i32::from(self.width) {
                for channel in 1..=channels {
                    let wave = (x * channel + y * (4 - channel) + 80 * number as i32) / 2 % 400;
                    pixels.push(((wave - 200).abs() + noise()).clamp(0, 255) as u8);
                }
            }
        }
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, self.quality);
        encoder.set_restart_interval(self.mcus);
        let (factor, colours) = match self.sampling {
            Sampling::Grey => (SamplingFactor::R_4_4_4, ColorType::Luma),
            Sampling::Full => (SamplingFactor::R_4_4_4, ColorType::Rgb),
            Sampling::Half => (SamplingFactor::R_4_2_2, ColorType::Rgb),
            Sampling::Quarter => (SamplingFactor::R_4_2_0, ColorType::Rgb),
        };
        encoder.set_sampling_factor(factor);
        encoder
            .encode(&pixels, self.width, self.height, colours)
            .unwrap();
        stamp(number).write(&jpeg).unwrap()
    }
}

fn stamp(seq: u64) -> Stamp {
    Stamp {
        seq,
        captured_us: 1_764_000_000_123_456,
        camera: "front-door".into(),
    }
}

/// These strips in the order of the picture by columns, those below each other as one.
fn runs(columns: u32, mut strips: Vec<u32>, is_separated: bool) -> Vec<Run> {
    strips.sort_by_key(|strip| (strip % columns, *strip));
    let mut runs: Vec<Run> = Vec::new();
    for strip in strips {
        match runs.last_mut() {
            Some(last) if last.strip + last.count * columns == strip => last.count += 1,
            _ => runs.push(Run {
                strip,
                count: 1,
                is_separated: is_separated && !runs.is_empty(),
            }),
        }
    }
    runs
}

/// A mosaic of these strips of that picture, which is frame `seq`.
fn mosaic(
    kind: &Kind,
    picture: &[u8],
    strips: Vec<u32>,
    is_separated: bool,
    seqs: (u64, u64),
) -> Vec<u8> {
    let cut = Cut::read(picture).unwrap();
    let tiles = Tiles {
        since: seqs.0,
        size: cut.size(),
        runs: runs(cut.columns(), strips, is_separated),
    };
    let colours = vec![[90, 160]; kind.mcus.into()];
    let separator = Separators::new(cut.kind()).and_then(|all| all.strip(&colours, &colours));
    let mut rows: Vec<&[u8]> = Vec::new();
    for run in &tiles.runs {
        if run.is_separated {
            rows.push(separator.as_ref().unwrap());
        }
        for row in 0..run.count {
            rows.push(cut.strip(run.strip + row * cut.columns()).unwrap());
        }
    }
    Mosaic::write(cut.kind(), &stamp(seqs.1), &tiles, rows.into_iter()).unwrap()
}

fn read(mosaic: &[u8]) -> Mosaic<'_> {
    Mosaic::read(mosaic).unwrap().unwrap()
}

/// Pictures of many sizes, each with which strips of three frames have changed.
fn kinds() -> impl Strategy<Value = (Kind, [Vec<bool>; 3])> {
    let samplings = [
        Sampling::Grey,
        Sampling::Full,
        Sampling::Half,
        Sampling::Quarter,
    ];
    let sizes = (
        1..=6_u16,
        1..=4_u16,
        1..=7_u16,
        0..16_u16,
        0..16_u16,
        1..=100_u8,
    );
    (prop::sample::select(samplings.to_vec()), sizes).prop_flat_map(
        |(sampling, (mcus, columns, rows, right, lower, quality))| {
            let kind = Kind {
                quality,
                ..Kind::new(sampling, mcus, (columns, rows), (right, lower))
            };
            let changed = prop::collection::vec(any::<bool>(), kind.strips() as usize);
            let changed = [changed.clone(), changed.clone(), changed];
            (Just(kind), changed)
        },
    )
}

fn numbers(changed: &[bool]) -> Vec<u32> {
    let numbers = (0..).zip(changed).filter(|(_, is)| **is);
    numbers.map(|(number, _)| number).collect()
}

#[test]
fn a_picture_of_a_thousand_strips_is_cut_and_put_together_byte_for_byte() {
    let kind = Kind::new(Sampling::Quarter, 1, (25, 41), (0, 0));
    assert_eq!(kind.strips(), 1025);
    let picture = kind.picture(1);
    let cut = Cut::read(&picture).unwrap();
    assert!(cut.whole(&stamp(1), cut.strips()).unwrap() == picture);
}

proptest! {
    #[test]
    fn a_picture_is_cut_and_put_together_byte_for_byte((kind, _) in kinds()) {
        let picture = kind.picture(1);
        let cut = Cut::read(&picture).unwrap();
        prop_assert_eq!(cut.size(), (kind.width, kind.height));
        prop_assert_eq!(cut.columns(), u32::from(kind.columns));
        prop_assert_eq!(cut.count(), kind.strips());
        let (width, height) = kind.strip();
        prop_assert_eq!(cut.strip_size(), (width.into(), height.into()));
        prop_assert!(cut.whole(&stamp(1), cut.strips()).unwrap() == picture);
        let written = cut.kind().picture(&stamp(1), cut.size(), cut.strips()).unwrap();
        prop_assert!(Cut::read(&written).unwrap().strips().eq(cut.strips()));
        // All of its strips in a mosaic, and back.
        let all = mosaic(&kind, &picture, (0..kind.strips()).collect(), false, (0, 1));
        jpeg::inspect(&all).unwrap();
        prop_assert!(read(&all).onto(&cut).unwrap() == picture);
        prop_assert_eq!(Stamp::read(&all), Some(stamp(1)));
        prop_assert!(Mosaic::read(&picture).unwrap().is_none());
    }

    #[test]
    fn mosaics_one_after_another_are_the_picture_that_they_are_of((kind, changed) in kinds(), separated in any::<bool>()) {
        let is_separated = separated && kind.sampling != Sampling::Grey;
        let pictures = [1, 2, 3, 4].map(|number| kind.picture(number));
        let cuts = pictures.each_ref().map(|picture| Cut::read(picture).unwrap());
        // What is seen, and each mosaic over it.
        let mut seen = pictures[0].clone();
        let mut mosaics = Vec::new();
        for (frame, changed) in (2..).zip(&changed) {
            let strips = numbers(changed);
            if strips.is_empty() {
                continue;
            }
            let mosaic = mosaic(&kind, &pictures[frame as usize - 1], strips, is_separated, (1, frame));
            let strips = seen_strips(&seen, &cuts[frame as usize - 1], changed);
            let expected = cuts[0].whole(&stamp(frame), strips.iter().map(Vec::as_slice)).unwrap();
            seen = read(&mosaic).onto(&Cut::read(&seen).unwrap()).unwrap();
            prop_assert!(seen == expected);
            mosaics.push(mosaic);
        }
        // The same, by all of them in one.
        let merged = mosaics.into_iter().reduce(|older, newer| read(&newer).after(&read(&older)).unwrap());
        if let Some(merged) = merged {
            jpeg::inspect(&merged).unwrap();
            prop_assert!(read(&merged).onto(&cuts[0]).unwrap() == seen);
        }
    }

    #[test]
    fn what_a_stamp_tells_is_written_and_read(since: u64, size in (1..11_000_u16, 1..11_000_u16), items in prop::collection::vec((0..100_000_u32, 1..5_u32, any::<bool>()), 1..100)) {
        let runs = items.iter().enumerate().map(|(place, (strip, count, is_separated))| Run {
            strip: *strip,
            count: *count,
            is_separated: *is_separated && place > 0,
        });
        let tiles = Tiles { since, size, runs: runs.collect() };
        prop_assert_eq!(Tiles::read(&told(&tiles.to_string())), Ok(Some(tiles)));
    }
}

/// Strips of what is seen, and where they have changed of that picture.
fn seen_strips(seen: &[u8], newer: &Cut<'_>, changed: &[bool]) -> Vec<Vec<u8>> {
    let seen = Cut::read(seen).unwrap();
    let pairs = seen.strips().zip(newer.strips()).zip(changed);
    pairs
        .map(|((old, new), changed)| if *changed { new } else { old }.to_vec())
        .collect()
}

/// A JPEG whose stamp has these pairs as well.
fn told(more: &str) -> Vec<u8> {
    let text = format!("pistreamer/1 seq=2 captured-us=3{more}");
    let len = (text.len() as u16 + 2).to_be_bytes();
    [b"\xff\xd8\xff\xfe", &len[..], text.as_bytes(), b"\xff\xd9"].concat()
}

/// What ffmpeg sees: the planes of a picture as they are coded, so that no neighbours are mixed. Any complaint is a failure.
fn planes(kind: &Kind, (width, height): (u16, u16), jpeg: &[u8]) -> Vec<Plane> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-xerror",
        "-err_detect",
        "explode",
        "-f",
        "mjpeg",
        "-i",
        "-",
    ]);
    ffmpeg.args(["-f", "rawvideo", "-"]);
    let mut samples = run(&mut ffmpeg, jpeg);
    let (across, down) = match kind.sampling {
        Sampling::Grey | Sampling::Full => (1, 1),
        Sampling::Half => (2, 1),
        Sampling::Quarter => (2, 2),
    };
    let mut sizes = vec![(width, height, kind.strip())];
    if kind.sampling != Sampling::Grey {
        let strip = (kind.strip().0 / across, kind.strip().1 / down);
        let size = (width.div_ceil(across), height.div_ceil(down), strip);
        sizes.extend([size; 2]);
    }
    let planes = sizes.into_iter().map(|(width, height, strip)| Plane {
        width: width.into(),
        strip: (strip.0.into(), strip.1.into()),
        samples: samples
            .drain(..usize::from(width) * usize::from(height))
            .collect(),
    });
    let planes = planes.collect();
    assert!(samples.is_empty(), "ffmpeg sees another size");
    planes
}

/// Samples of one component.
#[derive(Clone, PartialEq)]
struct Plane {
    width: usize,
    /// Samples of a strip.
    strip: (usize, usize),
    samples: Vec<u8>,
}

impl Plane {
    /// The lines of a rectangle, as far as it is in the picture.
    fn lines(&self, (x, y): (usize, usize), lines: usize) -> Vec<&[u8]> {
        let all = self.samples.chunks(self.width).skip(y).take(lines);
        all.map(|line| &line[x..line.len().min(x + self.strip.0)])
            .collect()
    }
}

#[test]
fn ffmpeg_sees_the_same_in_a_mosaic_as_in_the_picture() {
    for sampling in [
        Sampling::Grey,
        Sampling::Full,
        Sampling::Half,
        Sampling::Quarter,
    ] {
        let kind = Kind::new(sampling, 3, (3, 9), (5, 3));
        let picture = kind.picture(1);
        let whole = planes(&kind, (kind.width, kind.height), &picture);
        let strips = [0, 3, 6, 4, 25, 26, 8, 11].to_vec();
        let is_separated = sampling == Sampling::Quarter;
        let bytes = mosaic(&kind, &picture, strips, is_separated, (0, 1));
        let mosaic = read(&bytes);
        let cut = Cut::read(&bytes).unwrap();
        let seen = planes(&kind, cut.size(), &bytes);
        let (strip_width, strip_height) = cut.strip_size();
        let mut count = 0;
        for draw in mosaic.draws() {
            for (whole, seen) in whole.iter().zip(&seen) {
                let (width, height) = whole.strip;
                let to_lines = |y: u32| (y / strip_height) as usize * height;
                let column = (draw.to.0 / strip_width) as usize;
                let lines = to_lines(draw.size.1.next_multiple_of(strip_height));
                let expected = whole.lines((column * width, to_lines(draw.to.1)), lines);
                let drawn = seen.lines((0, to_lines(draw.from_y)), expected.len());
                let pairs = drawn.iter().zip(&expected);
                let is_same = pairs
                    .clone()
                    .all(|(drawn, expected)| drawn.starts_with(expected));
                assert!(
                    is_same && pairs.len() == expected.len(),
                    "{sampling:?}: {draw:?}"
                );
                count += 1;
            }
        }
        assert_eq!(count, mosaic.tiles().runs.len() * whole.len());
    }
}

/// What Pillow sees of each: RGB, as programs that mix the colours of neighbours show it.
fn colours(jpegs: &[&[u8]]) -> Vec<Vec<[u8; 3]>> {
    let program = "import io, sys
import PIL.Image
while head := sys.stdin.buffer.read(4):
    image = PIL.Image.open(io.BytesIO(sys.stdin.buffer.read(int.from_bytes(head, 'little'))))
    pixels = image.convert('RGB').tobytes()
    sys.stdout.buffer.write(len(pixels).to_bytes(4, 'little') + pixels)";
    let has_pillow = |python: &&str| {
        let check = Command::new(python).args(["-c", "import PIL"]).output();
        check.is_ok_and(|check| check.status.success())
    };
    // Debian's modules belong to Debian's Python, which need not be the first one on PATH.
    let python = ["python3", "/usr/bin/python3"].into_iter().find(has_pillow);
    let mut python = Command::new(python.expect("no Python has Pillow: install python3-pil"));
    let input: Vec<u8> = jpegs
        .iter()
        .flat_map(|jpeg| [&(jpeg.len() as u32).to_le_bytes(), *jpeg].concat())
        .collect();
    let output = run(python.args(["-c", program]), &input);
    let mut rest = output.as_slice();
    let mut pictures = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk() {
        let (pixels, after) = after.split_at(u32::from_le_bytes(*len) as usize);
        pictures.push(pixels.as_chunks().0.to_vec());
        rest = after;
    }
    pictures
}

/// How far the pixels of a mosaic are from those of its picture, in the channel that differs most: inside its strips, and in their
/// first and last lines.
fn errors(kind: &Kind, picture: &[u8], mosaic: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let seen = colours(&[picture, mosaic]);
    let (width, height) = (usize::from(kind.strip().0), usize::from(kind.strip().1));
    let (mut inside, mut borders) = (Vec::new(), Vec::new());
    for draw in read(mosaic).draws() {
        for y in 0..draw.size.1 as usize {
            // The colours of a strip's sides come from beside it.
            for x in 2..draw.size.0 as usize - 2 {
                let (left, top) = (draw.to.0 as usize, draw.to.1 as usize);
                let whole = seen[0][(top + y) * usize::from(kind.width) + left + x];
                let pixel = seen[1][(draw.from_y as usize + y) * width + x];
                let error = whole
                    .into_iter()
                    .zip(pixel)
                    .map(|(one, other)| one.abs_diff(other));
                let is_border = y == 0 || y + 1 == draw.size.1 as usize;
                let errors = if is_border { &mut borders } else { &mut inside };
                errors.push(error.max().unwrap());
            }
        }
    }
    assert!(!inside.is_empty() && height > 2);
    (inside, borders)
}

fn mean(errors: &[u8]) -> f64 {
    let sum: f64 = errors.iter().copied().map(f64::from).sum();
    sum / errors.len() as f64
}

#[test]
fn pillow_sees_the_same_in_a_mosaic_as_in_the_picture() {
    for sampling in [
        Sampling::Grey,
        Sampling::Full,
        Sampling::Half,
        Sampling::Quarter,
    ] {
        let kind = Kind::new(sampling, 4, (3, 9), (5, 3));
        let picture = kind.picture(1);
        let strips = [0, 3, 6, 4, 25, 26, 8, 11].to_vec();
        let mosaic = mosaic(&kind, &picture, strips, false, (0, 1));
        let (inside, borders) = errors(&kind, &picture, &mosaic);
        assert_eq!(mean(&inside), 0.0, "{sampling:?}");
        if sampling != Sampling::Quarter {
            assert_eq!(mean(&borders), 0.0, "{sampling:?}");
        }
    }
}

#[test]
fn separators_go_from_the_colours_above_to_those_below() {
    let rows = 40;
    let kind = Kind {
        quality: 95,
        ..Kind::new(Sampling::Quarter, 4, (1, rows), (0, 0))
    };
    let picture = kind.picture(1);
    let cut = Cut::read(&picture).unwrap();
    let separators = Separators::new(cut.kind()).unwrap();
    let mut random = 1_u32;
    let mut colour = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    let asked: Vec<[[u8; 2]; 8]> = (0..rows)
        .map(|_| [[(); 2]; 8].map(|both| both.map(|()| colour())))
        .collect();
    let strips = asked
        .iter()
        .map(|colours| separators.strip(&colours[..4], &colours[4..]).unwrap());
    let strips: Vec<Vec<u8>> = strips.collect();
    let whole = cut
        .whole(&stamp(1), strips.iter().map(Vec::as_slice))
        .unwrap();
    let seen = planes(&kind, cut.size(), &whole);
    assert!(seen[0].samples.iter().all(|sample| *sample == 128));
    for (row, colours) in asked.iter().enumerate() {
        for (mcu, channel) in [0, 1, 2, 3]
            .into_iter()
            .flat_map(|mcu| [(mcu, 0), (mcu, 1)])
        {
            let plane = &seen[channel + 1];
            let sample = |line: usize| plane.samples[(row * 8 + line) * plane.width + mcu * 8 + 3];
            let (above, below) = (colours[mcu][channel], colours[4 + mcu][channel]);
            // Two coefficients are no straight line, and are rounded.
            let most = f64::from(above.abs_diff(below)) * 0.05 + 4.0;
            for (seen, asked) in [(sample(0), above), (sample(7), below)] {
                let off = f64::from(seen.abs_diff(asked));
                assert!(off <= most, "{seen} from {above} to {below}");
            }
        }
    }
}

#[test]
fn separators_keep_the_colours_of_other_strips_away() {
    let kind = Kind {
        noise: 0,
        ..Kind::new(Sampling::Quarter, 4, (4, 8), (0, 0))
    };
    let picture = kind.picture(1);
    let cut = Cut::read(&picture).unwrap();
    let planes = planes(&kind, cut.size(), &picture);
    // The mean of a line of colours, for each MCU of a strip.
    let line = |strip: u32, line: usize| {
        let (column, row) = (strip % 4, strip / 4);
        let means = (0..4).map(|mcu| {
            let mean = |plane: &Plane| {
                let at = (
                    column as usize * plane.strip.0 + mcu * 8,
                    row as usize * 8 + line,
                );
                let samples = &plane.samples[at.1 * plane.width + at.0..][..8];
                let sum: u32 = samples.iter().copied().map(u32::from).sum();
                (sum / 8) as u8
            };
            [mean(&planes[1]), mean(&planes[2])]
        });
        means.collect::<Vec<_>>()
    };
    let separators = Separators::new(cut.kind()).unwrap();
    let strips = [0, 29, 10, 7, 16, 23, 2, 21];
    let mut rows = Vec::new();
    let mut runs = Vec::new();
    for (place, strip) in strips.into_iter().enumerate() {
        if place > 0 {
            let before = line(strips[place - 1], 7);
            rows.push(separators.strip(&before, &line(strip, 0)).unwrap());
        }
        rows.push(cut.strip(strip).unwrap().to_vec());
        runs.push(Run {
            strip,
            count: 1,
            is_separated: place > 0,
        });
    }
    let tiles = Tiles {
        since: 0,
        size: cut.size(),
        runs,
    };
    let rows = rows.iter().map(Vec::as_slice);
    let separated = Mosaic::write(cut.kind(), &stamp(1), &tiles, rows).unwrap();
    let plain = mosaic(&kind, &picture, strips.to_vec(), false, (0, 1));
    let [(inside, with), (_, without)] =
        [&separated, &plain].map(|mosaic| errors(&kind, &picture, mosaic));
    assert_eq!(mean(&inside), 0.0);
    let far = with.iter().filter(|error| **error > 8).count();
    assert!(mean(&with) <= 2.5, "{:.2} levels on average", mean(&with));
    assert!(
        far * 20 <= with.len(),
        "{far} of {} are plainly wrong",
        with.len()
    );
    assert!(mean(&without) > 2.0 * mean(&with), "they change nothing");
}

#[test]
fn a_stamp_that_does_not_follow_the_grammar_is_refused() {
    let good = " since=1 size=64x48 tiles=3.2;0,5";
    assert!(Tiles::read(&told(good)).unwrap().is_some());
    assert_eq!(Tiles::read(&told("")), Ok(None));
    for bad in [
        " since=1",
        " since=1 tiles=0",
        " size=64x48 tiles=0",
        " since=1 since=1 size=64x48 tiles=0",
        " since=1 size=64x48 tiles=",
        " since=1 size=64x48 tiles=,",
        " since=1 size=64x48 tiles=0,",
        " since=1 size=64x48 tiles=;0",
        " since=1 size=64x48 tiles=0.0",
        " since=1 size=64x48 tiles=0.",
        " since=1 size=64x48 tiles=.1",
        " since=1 size=64x48 tiles=00",
        " since=1 size=64x48 tiles=+1",
        " since=1 size=64x48 tiles=-1",
        " since=1 size=64x48 tiles=0.1.1",
        " since=1 size=64x48 tiles=0:1",
        " since=1 size=64x48 tiles=4294967296",
        " since=1 size=64x48 tiles=0.1025",
        " since=1 size=64x48 tiles=0.4294967295;1.4294967295",
        " since=x size=64x48 tiles=0",
        " since=18446744073709551616 size=64x48 tiles=0",
        " since=1 size=64x tiles=0",
        " since=1 size=64 tiles=0",
        " since=1 size=64x65536 tiles=0",
        " since=1 size=064x48 tiles=0",
        " since=1 size=0x48 tiles=0",
        " since=1 size=64x0 tiles=0",
        " since=1 size=65501x48 tiles=0",
        " since=1 size=65500x65500 tiles=0",
    ] {
        let read = Tiles::read(&told(bad));
        assert!(
            matches!(read, Err(StripsError::BadStamp { .. })),
            "{bad}: {read:?}"
        );
    }
}

/// Why bytes are refused, as a text.
fn refusal<T>(result: Result<T, StripsError>) -> String {
    result.map(drop).unwrap_err().to_string()
}

#[test]
fn a_mosaic_that_does_not_fit_its_stamp_is_refused() {
    let kind = Kind::new(Sampling::Quarter, 2, (3, 4), (0, 0));
    let picture = kind.picture(1);
    let good = mosaic(&kind, &picture, vec![0, 3, 5], false, (0, 1));
    let told = |size: &str, tiles: &str| {
        let text = |size: &str, tiles: &str| format!("since=0 size={size} tiles={tiles}");
        let (old, new) = (text("96x64", "0.2,5"), text(size, tiles));
        let at = good
            .windows(old.len())
            .position(|bytes| bytes == old.as_bytes())
            .unwrap();
        let mut changed = [&good[..at], new.as_bytes(), &good[at + old.len()..]].concat();
        let com = changed
            .windows(2)
            .position(|bytes| bytes == b"\xff\xfe")
            .unwrap();
        let len = u16::from_be_bytes([changed[com + 2], changed[com + 3]]);
        let len = len + new.len() as u16 - old.len() as u16;
        changed[com + 2..com + 4].copy_from_slice(&len.to_be_bytes());
        changed
    };
    assert!(Mosaic::read(&told("96x64", "0.2,5")).unwrap().is_some());
    assert!(Mosaic::read(&told("96x64", "7.2,5")).unwrap().is_some());
    for (size, tiles, why) in [
        ("96x64", "0.2", "another number of rows"),
        ("96x64", "0.2,5,6", "another number of rows"),
        ("96x64", "0.2,12", "not in the picture"),
        ("96x64", "6.3", "not in the picture"),
        ("96x64", "0.2,3", "there twice"),
        ("96x48", "0.2,9", "not in the picture"),
        ("97x64", "0.2,5", "do not divide"),
        ("16x64", "0.3", "do not divide"),
    ] {
        let refused = refusal(Mosaic::read(&told(size, tiles)));
        assert!(refused.contains(why), "{size} {tiles}: {refused}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let kind = Kind::new(Sampling::Quarter, 2, (3, 4), (0, 0));
    let taller = Kind::new(Sampling::Quarter, 2, (3, 5), (0, 0));
    let other = Kind {
        quality: 60,
        ..kind.clone()
    };
    let wider = Kind::new(Sampling::Quarter, 3, (2, 4), (0, 0));
    let picture = kind.picture(1);
    let first = mosaic(&kind, &picture, vec![0], false, (1, 2));
    for (kind, why) in [
        (taller, "another size"),
        (other, "other tables"),
        (wider, "other tables"),
    ] {
        let picture = kind.picture(1);
        let cut = Cut::read(&picture).unwrap();
        let refused = refusal(read(&first).onto(&cut));
        assert!(refused.contains(why), "{refused}");
        let second = mosaic(&kind, &picture, vec![0], false, (2, 3));
        assert!(refusal(read(&second).after(&read(&first))).contains("other pictures"));
    }
    // A mosaic that looks like a picture, and one of another camera.
    let all = mosaic(
        &Kind::new(Sampling::Quarter, 6, (1, 4), (0, 0)),
        &Kind::new(Sampling::Quarter, 6, (1, 4), (0, 0)).picture(1),
        vec![3, 2, 1, 0],
        false,
        (1, 1),
    );
    assert!(refusal(read(&all).onto(&Cut::read(&all).unwrap())).contains("a mosaic itself"));
    let theirs = Stamp {
        camera: "garden".into(),
        ..stamp(1)
    };
    let theirs = theirs.write(&picture).unwrap();
    assert!(refusal(read(&first).onto(&Cut::read(&theirs).unwrap())).contains("two cameras"));
    let cut = Cut::read(&picture).unwrap();
    let tiles = Tiles {
        since: 3,
        size: cut.size(),
        runs: runs(3, vec![0], false),
    };
    let rows = [cut.strip(0).unwrap()].into_iter();
    assert!(refusal(Mosaic::write(cut.kind(), &stamp(2), &tiles, rows)).contains("newer"));
    let gap = mosaic(&kind, &picture, vec![0], false, (3, 4));
    assert!(refusal(read(&gap).after(&read(&first))).contains("lies between"));
    assert!(refusal(read(&gap).onto(&Cut::read(&picture).unwrap())).contains("lies between"));
    // The other way round.
    let next = mosaic(&kind, &picture, vec![0], false, (2, 3));
    assert!(refusal(read(&first).after(&read(&next))).contains("older"));
}

#[test]
fn what_has_no_strips_is_refused() {
    let kind = Kind::new(Sampling::Quarter, 2, (3, 4), (0, 0));
    let picture = kind.picture(1);
    let at = |marker: u8| {
        picture
            .windows(2)
            .position(|bytes| bytes == [0xff, marker])
            .unwrap()
    };
    let with = |segment: &[u8]| [&picture[..2], segment, &picture[2..]].concat();
    let turned =
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut other_length = picture.clone();
    let restart = at(0xdd);
    other_length[restart + 5] = 4;
    let mut none = picture.clone();
    none[restart + 5] = 0;
    let progressive = include_bytes!("pictures/progressive.jpg");
    let rare = include_bytes!("pictures/cmyk.jpg");
    for (bytes, why) in [
        (with(turned), "turned"),
        (with(b"\xff\xe2\x00\x0eICC_PROFILE\0"), "colour profile"),
        (other_length, "do not divide"),
        (none, "no restart intervals"),
        (progressive.to_vec(), "sequential"),
        (rare.to_vec(), "colour components"),
        (picture[..picture.len() - 1].to_vec(), "cut off"),
        ([&picture[..], b"0"].concat(), "follow its end"),
    ] {
        let refused = refusal(Cut::read(&bytes));
        assert!(refused.contains(why), "{refused}, not {why}");
    }
}

#[test]
fn restart_markers_have_to_be_there_in_order() {
    let kind = Kind::new(Sampling::Full, 2, (3, 4), (0, 0));
    let picture = kind.picture(1);
    let markers: Vec<usize> = (0..picture.len() - 1)
        .filter(|at| picture[*at] == 0xff && (0xd0..=0xd7).contains(&picture[at + 1]))
        .collect();
    assert_eq!(markers.len(), 11);
    for at in markers {
        let mut other = picture.clone();
        other[at + 1] ^= 1;
        let missing = [&picture[..at], &picture[at + 2..]].concat();
        let twice = [&picture[..at], &picture[at..at + 2], &picture[at..]].concat();
        let filled = [&picture[..at], b"\xff", &picture[at..]].concat();
        for bytes in [other, missing, twice, filled] {
            let refused = Cut::read(&bytes).map(drop);
            assert!(
                matches!(refused, Err(StripsError::BadRestart { .. })),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn whatever_is_changed_in_a_message_it_is_refused_or_whole() {
    let kind = Kind::new(Sampling::Quarter, 1, (2, 3), (3, 3));
    let picture = kind.picture(1);
    let message = mosaic(&kind, &kind.picture(2), vec![1, 3, 4], true, (1, 2));
    let cut = Cut::read(&picture).unwrap();
    for at in 0..message.len() {
        for byte in [
            0,
            0xff,
            message[at] ^ 1,
            message[at].wrapping_add(0x10),
            0xd1,
        ] {
            let mut changed = message.clone();
            changed[at] = byte;
            let Ok(Some(mosaic)) = Mosaic::read(&changed) else {
                continue;
            };
            for draw in mosaic.draws() {
                let (width, height) = mosaic.tiles().size;
                assert!(draw.to.0 + draw.size.0 <= width.into());
                assert!(draw.to.1 + draw.size.1 <= height.into());
            }
            if let Ok(whole) = mosaic.onto(&cut) {
                assert!(Cut::read(&whole).is_ok());
            }
        }
    }
}

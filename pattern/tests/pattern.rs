//! What the test pattern promises, with libjpeg-turbo as the judge of what a JPEG leaves of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use pistreamer_pattern::{Painted, Picture, Renderer, Scene, read_back, strip};
use turbojpeg::{Compressor, Decompressor, PixelFormat, Subsamp, YuvImage};

const NOW: u64 = 1_764_000_000_123_456;

fn frame(width: usize, height: usize, seed: u64, seq: u64) -> Picture {
    let mut picture = Picture::new(width, height);
    Renderer::new(width, height, 30.0, seed).render(seq, NOW, &mut picture);
    picture
}

fn jpeg(picture: &Picture, quality: i32) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(quality).unwrap();
    let samples = picture.planes().concat();
    let image = YuvImage {
        pixels: samples.as_slice(),
        width: picture.width(),
        align: 1,
        height: picture.height(),
        subsamp: Subsamp::Sub2x2,
    };
    compressor.compress_yuv_to_vec(image).unwrap()
}

fn luma(jpeg: &[u8]) -> (Vec<u8>, usize, usize) {
    let mut decompressor = Decompressor::new().unwrap();
    let header = decompressor.read_header(jpeg).unwrap();
    let (width, height) = (header.width, header.height);
    let mut pixels = vec![0; width * height];
    let image = turbojpeg::Image {
        pixels: pixels.as_mut_slice(),
        width,
        pitch: width,
        height,
        format: PixelFormat::GRAY,
    };
    decompressor.decompress(jpeg, image).unwrap();
    (pixels, width, height)
}

/// Each pixel the mean of four.
fn half(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
    let mut small = Vec::new();
    for y in 0..height / 2 {
        for x in 0..width / 2 {
            let at = |dx, dy| u32::from(luma[(2 * y + dy) * width + 2 * x + dx]);
            small.push(((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4) as u8);
        }
    }
    small
}

#[test]
fn the_same_seed_and_number_give_the_same_picture_whatever_was_there_before() {
    for (width, height) in [(160, 120), (202, 130), (322, 246), (640, 360)] {
        let renderer = Renderer::new(width, height, 30.0, 5);
        let (mut first, mut second) = (Picture::new(width, height), Picture::new(width, height));
        second
            .planes_mut()
            .into_iter()
            .for_each(|plane| plane.fill(77));
        renderer.render(42, NOW, &mut first);
        renderer.render(42, NOW, &mut second);
        assert!(first.planes() == second.planes(), "{width}x{height}");
        assert!(first.planes() == frame(width, height, 5, 42).planes());
        assert!(first.planes() != frame(width, height, 5, 43).planes());
        assert!(first.planes() != frame(width, height, 6, 42).planes());
    }
}

#[test]
fn the_scene_moves_with_the_number_and_only_the_writing_with_the_time() {
    let renderer = Renderer::new(640, 480, 30.0, 5);
    let (mut now, mut later) = (Picture::new(640, 480), Picture::new(640, 480));
    renderer.render(42, NOW, &mut now);
    renderer.render(42, NOW + 7_200_500_000, &mut later);
    let scene = |picture: &Picture| picture.planes()[0][..640 * 380].to_vec();
    assert!(scene(&now) == scene(&later));
    renderer.render(43, NOW, &mut later);
    assert!(scene(&now) != scene(&later));
}

#[test]
fn what_is_painted_is_read_back_after_a_jpeg() {
    let painted = Painted {
        seq: 123_456_789_012,
        captured_us: NOW,
    };
    for (width, height) in [
        (160, 120),
        (202, 130),
        (320, 240),
        (640, 480),
        (1280, 720),
        (1920, 1080),
    ] {
        let picture = frame(width, height, 1, painted.seq);
        let [plain, ..] = picture.planes();
        assert_eq!(read_back(plain, width, width, height), Some(painted));
        for quality in [50, 80] {
            let (luma, ..) = luma(&jpeg(&picture, quality));
            assert_eq!(
                read_back(&luma, width, width, height),
                Some(painted),
                "{width}x{height} at quality {quality}"
            );
            if width >= 320 {
                let small = half(&luma, width, height);
                assert_eq!(
                    read_back(&small, width / 2, width / 2, height / 2),
                    Some(painted),
                    "half of {width}x{height} at quality {quality}"
                );
            }
        }
    }
}

#[test]
fn the_strip_is_read_back_at_every_size_and_number() {
    let numbers = [0, 1, 0x55_5555_5555, 0xaa_aaaa_aaaa, (1 << 40) - 1];
    for (index, (width, height)) in [(160, 120), (164, 1000), (1000, 122), (4608, 2592)]
        .into_iter()
        .enumerate()
    {
        for seq in numbers {
            let painted = Painted {
                seq,
                captured_us: seq << (4 * index),
            };
            let mut picture = Picture::new(width, height);
            picture.planes_mut()[0].fill(120);
            strip::paint(picture.planes_mut(), width, height, painted);
            let (luma, ..) = luma(&jpeg(&picture, 50));
            assert_eq!(
                read_back(&luma, width, width, height),
                Some(painted),
                "{width}x{height}"
            );
        }
    }
}

#[test]
fn a_damaged_strip_is_not_read() {
    let picture = frame(320, 240, 1, 9);
    let mut luma = picture.planes()[0].to_vec();
    assert!(read_back(&luma, 320, 320, 240).is_some());
    // One cell of data.
    for row in luma.chunks_exact_mut(320).skip(228).take(6) {
        for sample in &mut row[100..105] {
            *sample = 255 - *sample;
        }
    }
    assert_eq!(read_back(&luma, 320, 320, 240), None);
    assert_eq!(read_back(&luma, 320, 320, 228), None);
    assert_eq!(read_back(&luma[1000..], 320, 320, 240), None);
    assert_eq!(read_back(&[], 0, 0, 0), None);
}

#[test]
fn a_frame_is_as_large_as_a_photograph_of_its_size() {
    for (width, height, smallest, largest) in [
        (640, 480, 40_000, 60_000),
        (1280, 720, 110_000, 150_000),
        (1920, 1080, 240_000, 310_000),
    ] {
        let renderer = Renderer::new(width, height, 30.0, 1);
        let mut picture = Picture::new(width, height);
        for seq in [1, 1000, 5000] {
            renderer.render(seq, NOW, &mut picture);
            let bytes = jpeg(&picture, 80).len();
            assert!(
                (smallest..largest).contains(&bytes),
                "{width}x{height}, frame {seq}: {bytes} bytes"
            );
        }
    }
}

#[test]
fn a_coarse_scene_is_the_same_one_less_sharp_and_its_writing_is_read_as_ever() {
    for (width, height) in [(640, 480), (1280, 720), (1920, 1080)] {
        let mut coarse = Picture::new(width, height);
        let mut renderer = Renderer::coarse(width, height, 30.0, 1);
        assert!(renderer.is_coarse());
        renderer.render(42, NOW, &mut coarse);
        let whole = frame(width, height, 1, 42);
        let painted = Painted {
            seq: 42,
            captured_us: NOW,
        };
        let [luma, ..] = coarse.planes();
        assert_eq!(read_back(luma, width, width, height), Some(painted));
        for (plane, (coarse, whole)) in coarse.planes().into_iter().zip(whole.planes()).enumerate()
        {
            let apart = coarse
                .iter()
                .zip(whole)
                .map(|(&a, &b)| u64::from(a.abs_diff(b)));
            let apart = apart.sum::<u64>() as f64 / whole.len() as f64;
            assert!(apart < 12.0, "{width}x{height}, plane {plane}: {apart}");
        }
        renderer.refine(Scene::new(width, height, 1));
        renderer.render(42, NOW, &mut coarse);
        assert!(!renderer.is_coarse() && coarse.planes() == whole.planes());
    }
}

#[test]
fn pictures_of_every_shape_begin_with_a_coarse_scene() {
    for (width, height) in [(160, 120), (8192, 120), (160, 5184), (1002, 122)] {
        let mut picture = Picture::new(width, height);
        let renderer = Renderer::coarse(width, height, 30.0, 1);
        assert_eq!(renderer.is_coarse(), (width, height) != (160, 120));
        renderer.render(7, NOW, &mut picture);
        let [luma, ..] = picture.planes();
        let seq = read_back(luma, width, width, height).map(|painted| painted.seq);
        assert_eq!(seq, Some(7), "{width}x{height}");
    }
}

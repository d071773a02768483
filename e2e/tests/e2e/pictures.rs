//! Odd pictures of real cameras: turned, in other colours, or claiming to be vast. What the viewer shows is what the
//! browser itself makes of the same file.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pistreamer_e2e::browser::{Browser, poll};
use pistreamer_e2e::fake::{FakeServer, frame, now_us};
use pistreamer_e2e::server::Server;
use pistreamer_e2e::site::Site;
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::{Orientation, segments};
use serde_json::json;
use std::fmt::Write as _;
use turbojpeg::{Colorspace, Compressor, Image, PixelFormat, Subsamp};

const WIDTH: usize = 256;
const HEIGHT: usize = 192;

/// Red and green over blue and yellow, stored in these colours.
fn quarters(stored: Colorspace) -> Result<Vec<u8>> {
    const COLOURS: [[u8; 3]; 4] = [[200, 30, 30], [30, 200, 30], [30, 30, 200], [220, 220, 60]];
    let mut pixels = Vec::new();
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            pixels.extend(COLOURS[y * 2 / HEIGHT * 2 + x * 2 / WIDTH]);
            if stored == Colorspace::CMYK {
                // As Adobe stores inks: 255 is none.
                pixels.push(255);
            }
        }
    }
    let format = match stored {
        Colorspace::CMYK => PixelFormat::CMYK,
        _ => PixelFormat::RGB,
    };
    let mut compressor = Compressor::new()?;
    compressor.set_quality(95)?;
    compressor.set_subsamp(Subsamp::None)?;
    compressor.set_colorspace(stored)?;
    Ok(compressor.compress_to_vec(Image {
        pixels: pixels.as_slice(),
        width: WIDTH,
        pitch: pixels.len() / HEIGHT,
        height: HEIGHT,
        format,
    })?)
}

/// The picture with a segment after its first one.
fn with(jpeg: &[u8], segment: &[u8]) -> Result<Vec<u8>> {
    let first = segments(jpeg).next().context("it has no segments")??;
    let (before, after) = jpeg.split_at(first.end());
    Ok([before, segment, after].concat())
}

/// A segment with an ICC profile (ICC.1:2022) whose red is sRGB's green, and the other way round.
fn swapped_profile() -> Vec<u8> {
    let number = |value: f64| ((value * 65536.0).round() as i32).to_be_bytes();
    let xyz = |values: [f64; 3]| [b"XYZ \0\0\0\0", values.map(number).as_flattened()].concat();
    // One number is a gamma: 2.2 in 256ths.
    let curve = b"curv\0\0\0\0\0\0\0\x01\x02\x33\0\0".to_vec();
    let tags = [
        (b"rXYZ", xyz([0.3851, 0.7169, 0.0971])),
        (b"gXYZ", xyz([0.4360, 0.2225, 0.0139])),
        (b"bXYZ", xyz([0.1431, 0.0606, 0.7141])),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let mut at = 128 + 4 + 12 * tags.len();
    let (mut table, mut data) = ((tags.len() as u32).to_be_bytes().to_vec(), Vec::new());
    for (name, value) in tags {
        table.extend(name);
        table.extend((at as u32).to_be_bytes());
        table.extend((value.len() as u32).to_be_bytes());
        at += value.len();
        data.extend(value);
    }
    let mut header = [0; 128];
    header[..4].copy_from_slice(&(at as u32).to_be_bytes());
    header[8..12].copy_from_slice(&[2, 0x10, 0, 0]);
    header[12..24].copy_from_slice(b"mntrRGB XYZ ");
    header[36..40].copy_from_slice(b"acsp");
    // D50, in which profiles are connected.
    header[68..80].copy_from_slice(&xyz([0.9642, 1.0, 0.8249])[8..]);
    let payload = [b"ICC_PROFILE\0\x01\x01", &header[..], &table, &data].concat();
    let len = payload.len() as u16 + 2;
    [&[0xff, 0xe2], &len.to_be_bytes()[..], &payload].concat()
}

/// Pictures as cameras make them, with the size that each is shown in.
fn odd_pictures() -> Result<Vec<(String, Vec<u8>, [usize; 2])>> {
    let plain = quarters(Colorspace::YCbCr)?;
    let mut pictures = Vec::new();
    for number in [3, 5, 6, 8] {
        let orientation = Orientation::new(number).context("one of 1 to 8")?;
        let (width, height) = orientation.displayed((WIDTH, HEIGHT));
        let turned = with(&plain, &orientation.segment())?;
        pictures.push((format!("orientation {number}"), turned, [width, height]));
    }
    for (name, jpeg) in [
        ("RGB", quarters(Colorspace::RGB)?),
        ("CMYK", quarters(Colorspace::CMYK)?),
        ("ICC", with(&plain, &swapped_profile())?),
    ] {
        pictures.push((name.into(), jpeg, [WIDTH, HEIGHT]));
    }
    Ok(pictures)
}

/// Each picture has a column: what the browser makes of it, the viewer's full size, and its half one.
const ROWS: [&str; 3] = ["the browser", "full", "half"];
/// So far are columns and rows apart.
const CELL: usize = WIDTH;

async fn is_shown_as_the_browser_shows_it(before: &str, in_workers: bool) -> Result<()> {
    let pictures = odd_pictures()?;
    let mut site = Site::reserve().await?;
    let folder = tempfile::tempdir()?;
    let mut arguments = vec!["--allow-origin".to_owned(), site.origin()];
    arguments.extend(["--fps", "5"].map(Into::into));
    for (number, (_, jpeg, _)) in pictures.iter().enumerate() {
        let camera = folder.path().join(number.to_string());
        std::fs::create_dir(&camera)?;
        std::fs::write(camera.join("1.jpg"), jpeg)?;
        arguments.extend(["--source".into(), format!("files:{}", camera.display())]);
    }
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let server = Server::start(&arguments)?;
    let url = server.url();
    let mut page = format!(
        "<!doctype html><script>{before}</script><script type=module src='{url}embed.js'></script>
        <style>body > * {{ position: absolute; display: block }}</style>"
    );
    for (number, (_, jpeg, [width, height])) in pictures.iter().enumerate() {
        let place = |row| {
            let (left, top) = (number * CELL, row * CELL);
            format!("left: {left}px; top: {top}px; width: {width}px; height: {height}px")
        };
        let data = BASE64_STANDARD.encode(jpeg);
        write!(
            page,
            "<img style='{}' src='data:image/jpeg;base64,{data}'>",
            place(0)
        )?;
        for (row, by) in [(1, 1), (2, 2)] {
            write!(
                page,
                "<pi-camera src='{url}' camera={number} size={} wanted={} style='{}'></pi-camera>",
                ROWS[row],
                width / by,
                place(row)
            )?;
        }
    }
    let (width, height) = (pictures.len() * CELL, ROWS.len() * CELL);
    let browser = Browser::with_window(width as u32, height as u32).await?;
    let address = site.serve(&page);
    let page = browser.open(&address).await?;
    page.emulate(width as u32, height as u32, false, "dark")
        .await?;
    page.wait_for(
        "[...document.images].every(image => image.complete && image.naturalWidth)
        && [...document.querySelectorAll('pi-camera')].every(camera => camera.dataset.state === 'live'
            && camera.shadowRoot.querySelector('canvas')?.width == camera.getAttribute('wanted'))",
    )
    .await?;
    assert_eq!(page.workers().len(), usize::from(in_workers));
    poll("the viewer shows what the browser does", async || {
        let shot = page
            .call(
                "Page.captureScreenshot",
                json!({"format": "jpeg", "quality": 100}),
            )
            .await?;
        let shot = BASE64_STANDARD.decode(shot["data"].as_str().unwrap_or_default())?;
        let shot = turbojpeg::decompress(&shot, PixelFormat::RGB)?;
        ensure!((shot.width, shot.height) == (width, height), "{shot:?}");
        let mut same = true;
        for (number, (name, _, [width, height])) in pictures.iter().enumerate() {
            // The middle of each quarter.
            let seen = [0, 1, 2].map(|row| {
                [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
                    let (x, y) = (number * CELL + x * width / 4, row * CELL + y * height / 4);
                    let at = y * shot.pitch + x * 3;
                    [shot.pixels[at], shot.pixels[at + 1], shot.pixels[at + 2]]
                })
            });
            for row in [1, 2] {
                let (wanted, seen) = (seen[0].as_flattened(), seen[row].as_flattened());
                if wanted.iter().zip(seen).any(|(a, b)| a.abs_diff(*b) > 12) {
                    same = false;
                    println!("{name}, {}: {seen:?} instead of {wanted:?}", ROWS[row]);
                }
            }
        }
        Ok(same.then_some(()))
    })
    .await?;
    page.expect_no_complaints(&[])
}

#[tokio::test]
async fn turned_and_oddly_coloured_pictures_are_shown_as_the_browser_shows_them() -> Result<()> {
    is_shown_as_the_browser_shows_it("", true).await
}

#[tokio::test]
async fn without_a_worker_turned_and_oddly_coloured_pictures_are_shown_so_too() -> Result<()> {
    let no_worker = "delete HTMLCanvasElement.prototype.transferControlToOffscreen;";
    is_shown_as_the_browser_shows_it(no_worker, false).await?;
    let no_bitmap_renderer = format!("{no_worker} delete window.OffscreenCanvas;");
    is_shown_as_the_browser_shows_it(&no_bitmap_renderer, false).await
}

#[tokio::test]
async fn a_small_file_that_claims_a_vast_picture_is_not_decoded_and_said_to_be_one() -> Result<()> {
    let mut bomb = include_bytes!("../../../protocol/tests/pictures/progressive.jpg").to_vec();
    let frame_header = bomb.windows(2).position(|two| two == [0xff, 0xc2]);
    let size = frame_header.context("it is not progressive")? + 5;
    // 8192x8192.
    bomb[size..size + 4].copy_from_slice(&[0x20, 0, 0x20, 0]);
    let stamp = Stamp {
        seq: 2,
        captured_us: now_us(),
        camera: "0".into(),
    };
    let bomb = stamp.write(&bomb)?;
    ensure!(bomb.len() < 1000, "it has {} bytes", bomb.len());

    let mut server = FakeServer::start().await?;
    let browser = Browser::start().await?;
    let page = browser.open("").await?;
    // Without a worker, what is decoded can be counted.
    let watch = "delete HTMLCanvasElement.prototype.transferControlToOffscreen;
        // As a global constant it would be what the viewer calls.
        {
        const {createImageBitmap} = window, {warn} = console;
        window.decoded = 0;
        window.createImageBitmap = (...what) => { window.decoded++; return createImageBitmap(...what); };
        window.warned = [];
        console.warn = (...what) => { window.warned.push(what.join(' ')); warn(...what); };
        }";
    page.call("Page.enable", json!({})).await?;
    page.call(
        "Page.addScriptToEvaluateOnNewDocument",
        json!({"source": watch}),
    )
    .await?;
    page.call("Page.navigate", json!({"url": server.url()}))
        .await?;
    let mut viewer = server.viewer().await?;
    viewer.hello().await?;
    viewer.frame(&frame(1, 60)?).await?;
    viewer.drawn(1).await?;
    viewer.frame(&bomb).await?;
    page.wait_at_least("data-corrupt", 1).await?;
    viewer.frame(&frame(3, 60)?).await?;
    viewer.drawn(3).await?;
    assert_eq!(page.eval("window.decoded").await?, 2);
    let warned = page.eval("window.warned.join()").await?;
    let warned = warned.as_str().unwrap_or_default();
    ensure!(warned.contains("it claims 8192x8192"), "{warned}");
    page.expect_no_complaints(&[])
}

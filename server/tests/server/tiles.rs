//! Only what changed: less is sent to viewers that ask for it, who see the same picture as others.

use crate::software::python;
use crate::support::{PATIENCE, Received, TestServer, TestViewer};
use futures::{SinkExt, StreamExt};
use pistreamer::source::{Image, Layout, Mode, Pixels, Plane, Port, Source, SourceError, Yuv};
use pistreamer_protocol::message::{Camera, ServerMessage, ViewerMessage, Want};
use pistreamer_protocol::strips::{Cut, Mosaic, Tiles};
use pistreamer_protocol::{Stamp, Unpacker};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const SIZE: (usize, usize) = (640, 240);

/// A still scene with a sensor's noise, before which something moves.
struct Samples(Vec<u8>);

impl Samples {
    fn new(scene: &[u8], random: &mut fastrand::Rng, at: usize) -> Self {
        let noise = |sample: &u8| sample + random.u8(..5);
        let mut samples: Vec<u8> = scene.iter().map(noise).collect();
        for line in 200..232 {
            samples[line * SIZE.0 + at % (SIZE.0 - 32)..][..32].fill(230);
        }
        Self(samples)
    }
}

impl Pixels for Samples {
    fn yuv(&self) -> Yuv<'_> {
        let (width, height) = SIZE;
        let (y, colours) = self.0.split_at(width * height);
        let (u, v) = colours.split_at(width * height / 4);
        let plane = |data, stride| Plane { data, stride };
        Yuv {
            width: width as u32,
            height: height as u32,
            layout: Layout::I420([plane(y, width), plane(u, width / 2), plane(v, width / 2)]),
        }
    }
}

/// A camera that stands still.
struct Still;

impl Source for Still {
    fn camera(&self) -> Camera {
        Camera {
            source: "still".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let mut random = fastrand::Rng::with_seed(1);
        let (width, height) = SIZE;
        let scene: Vec<u8> = (0..width * height * 3 / 2)
            .map(|place| match place {
                // Brightness with texture, and colours that change slowly.
                luma if luma < width * height => 60 + (luma % 611) as u8 % 97 + random.u8(..40),
                colour => 100 + (colour / 4000 % 50) as u8,
            })
            .collect();
        port.open(Mode {
            width: width as u32,
            height: height as u32,
            fps: 20.0,
        });
        let mut number = 0;
        while !port.demand().sleep(Duration::from_millis(50)) {
            number += 1;
            let samples = Samples::new(&scene, &mut random, 8 * number);
            port.frame(number as u64, Image::Yuv(Box::new(samples)));
        }
        Ok(())
    }
}

fn server(tiles: &str) -> TestServer {
    TestServer::start_with(vec![Box::new(Still)], |typed| {
        typed.tiles = Some(tiles.into())
    })
}

fn is_whole(jpeg: &[u8]) -> bool {
    Tiles::read(jpeg).unwrap().is_none()
}

/// What is seen after a frame.
fn drawn(seen: &[u8], jpeg: &[u8]) -> Vec<u8> {
    match Mosaic::read(jpeg).unwrap() {
        None => jpeg.to_vec(),
        Some(mosaic) => mosaic.onto(&Cut::read(seen).unwrap()).unwrap(),
    }
}

/// Takes frames until so many mosaics have come; returns what is seen then, and how many bytes whole pictures and mosaics had on average.
async fn watch(viewer: &mut TestViewer, mosaics: usize) -> (Vec<u8>, f64, f64) {
    let (mut seen, mut whole, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    while parts.len() < mosaics {
        let Received { jpeg, .. } = viewer.frame().await;
        if is_whole(&jpeg) {
            &mut whole
        } else {
            &mut parts
        }
        .push(jpeg.len());
        seen = drawn(&seen, &jpeg);
    }
    let mean = |all: &[usize]| all.iter().sum::<usize>() as f64 / all.len() as f64;
    (seen, mean(&whole), mean(&parts))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_asks_for_it_is_sent_what_changed_and_others_whole_pictures() {
    let server = server("on");
    let mut plain = TestViewer::connect(&server).await;
    assert!(plain.hello().await.tiles);
    // While nobody wants them there are no strips, and no markers of them.
    let before = plain.frame().await.jpeg;
    assert!(Cut::read(&before).is_err());
    let mut asks = TestViewer::connect_with(&server, "/ws?tiles=1", &[])
        .await
        .unwrap();
    let (seen, whole, parts) = watch(&mut asks, 12).await;
    assert!(parts < 0.5 * whole, "{parts} bytes of {whole}");
    assert!(Cut::read(&seen).is_ok());
    for _ in 0..5 {
        assert!(is_whole(&plain.frame().await.jpeg));
    }
    let snapshot = server.request("GET", "/snapshot.jpg", "").await;
    let start = snapshot
        .windows(2)
        .position(|soi| soi == b"\xff\xd8")
        .unwrap();
    assert!(is_whole(&snapshot[start..]) && Stamp::read(&snapshot[start..]).is_some());
    // Alone, it is sent the same.
    drop(plain);
    asks.say(ViewerMessage::Refresh).await;
    let parts = watch_from_whole(&mut asks, 12).await;
    assert!(parts < 0.5 * whole, "{parts} bytes of {whole}");
    // And no more of it once it does not want it.
    asks.say(ViewerMessage::Want(Want::default())).await;
    let frames = async { while Cut::read(&asks.frame().await.jpeg).is_ok() {} };
    timeout(PATIENCE, frames)
        .await
        .expect("there are still strips");
    server.stop().await;
}

/// Waits for the whole picture that was asked for, and then takes so many mosaics. Returns how many bytes they had on average.
async fn watch_from_whole(viewer: &mut TestViewer, mosaics: usize) -> f64 {
    let mut seen = loop {
        let jpeg = viewer.frame().await.jpeg;
        if is_whole(&jpeg) {
            break jpeg;
        }
    };
    let mut bytes = 0;
    for _ in 0..mosaics {
        let jpeg = viewer.frame().await.jpeg;
        bytes += jpeg.len();
        seen = drawn(&seen, &jpeg);
    }
    bytes as f64 / mosaics as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_turned_off_every_frame_is_whole() {
    let server = server("off");
    let mut viewer = TestViewer::connect_with(&server, "/ws?tiles=1", &[])
        .await
        .unwrap();
    assert!(!viewer.hello().await.tiles);
    for _ in 0..5 {
        assert!(Cut::read(&viewer.frame().await.jpeg).is_err());
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_pauses_goes_on_with_a_whole_picture() {
    let server = server("on");
    let mut viewer = TestViewer::connect(&server).await;
    let want = Want {
        tiles: true,
        ..Want::default()
    };
    viewer.say(ViewerMessage::Want(want)).await;
    watch(&mut viewer, 3).await;
    viewer.say(ViewerMessage::Pause).await;
    viewer.say(ViewerMessage::Ping { id: Some(7) }).await;
    while !matches!(viewer.told().await, ServerMessage::Pong { id: Some(7), .. }) {}
    viewer.say(ViewerMessage::Resume).await;
    assert!(is_whole(&viewer.frame().await.jpeg));
    server.stop().await;
}

/// Passes messages on between a viewer and the server, until one of them goes. Returns what was seen after each frame.
async fn overhear(listener: TcpListener, server: std::net::SocketAddr) -> Vec<Vec<u8>> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut viewer = tokio_tungstenite::accept_async(stream).await.unwrap();
    let url = format!("ws://{server}/ws?tiles=1");
    let (mut server, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let mut unpacker = Unpacker::default();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    loop {
        tokio::select! {
            said = viewer.next() => match said {
                Some(Ok(message @ Message::Text(_))) => server.send(message).await.unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return seen,
            },
            told = server.next() => {
                let message = told.unwrap().unwrap();
                if let Message::Binary(packed) = &message {
                    let jpeg = unpacker.unpack(packed).unwrap();
                    let next = drawn(seen.last().map_or(&[], Vec::as_slice), jpeg);
                    seen.push(next);
                }
                if message.is_text() || message.is_binary() {
                    // The viewer may be gone.
                    if viewer.send(message).await.is_err() {
                        return seen;
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_python_sees_the_picture_that_the_server_has() {
    let server = server("on");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    let overheard = tokio::spawn(overhear(listener, server.address));
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/tiles.py");
    let packages = "python3-websockets python3-pil";
    let arguments = [script.to_str().unwrap(), &url, "25", &path("composed.png")];
    let said = python(packages, "websockets, PIL", &arguments).await;
    let seen = timeout(PATIENCE, overheard).await.unwrap().unwrap();
    let frames: Vec<_> = said.lines().collect();
    assert_eq!(frames.len(), 25, "{said}");
    assert!(
        frames[0].ends_with("whole") && frames[1..].iter().all(|line| line.ends_with("parts")),
        "{said}"
    );
    let number: u64 = frames[24]
        .split([' ', ':'])
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let whole = seen
        .iter()
        .find(|jpeg| Stamp::read(jpeg).unwrap().seq == number);
    std::fs::write(path("whole.jpg"), whole.unwrap()).unwrap();
    // Decoders mix colours of neighbouring lines: those at the ends of strips may differ a little, all others are the same.
    let compare = "import sys
from PIL import Image
one, other = (Image.open(path).convert('RGB') for path in sys.argv[1:3])
width, height = int(sys.argv[3]), one.height
def error(x, y): return max(abs(a - b) for a, b in zip(one.getpixel((x, y)), other.getpixel((x, y))))
inside = max(error(x, y) for y in range(height) if y % 16 not in (0, 15) for x in range(one.width) if x % width not in (0, 1, width - 2, width - 1))
ends = [error(x, y) for y in range(height) if y % 16 in (0, 15) for x in range(one.width)]
print(one.size == other.size, inside, round(sum(ends) / len(ends), 3))";
    std::fs::write(path("compare.py"), compare).unwrap();
    let strip = Cut::read(whole.unwrap())
        .unwrap()
        .strip_size()
        .0
        .to_string();
    let arguments = [
        path("compare.py"),
        path("composed.png"),
        path("whole.jpg"),
        strip,
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let said = python(packages, "PIL", &arguments).await;
    let said: Vec<_> = said.split_whitespace().collect();
    assert_eq!(said[..2], ["True", "0"], "{said:?}");
    assert!(said[2].parse::<f64>().unwrap() < 2.5, "{said:?}");
    server.stop().await;
}

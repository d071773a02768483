//! A camera that fails in every way that a camera's driver can: each fault costs itself.
//!
//! What comes over a network is the business of `peers`.

use crate::pushed::{is_placard, next_picture};
use crate::support::{PATIENCE, TestServer, TestViewer, chance, heavy_picture, picture};
use bytes::Bytes;
use pistreamer::app::App;
use pistreamer::config::Config;
use pistreamer::source::{Image, Layout, Mode, Pixels, Plane, Port, Source, SourceError, Yuv};
use pistreamer_picture::{Mended, Whole};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::message::Camera;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

const FAULTS: usize = 1000;

/// The size of the pictures that come between the faults, and of those after the last.
const SIZE: (u32, u32) = (64, 48);
const HEALED: (u32, u32) = (96, 64);

/// A camera that injects faults, and works when it has no more.
struct Faulty {
    chance: fastrand::Rng,
    left: Arc<AtomicUsize>,
    seq: u64,
}

/// Samples that may not be what they seem. The channel closes when they are let go.
struct Samples {
    size: (u32, u32),
    stride: usize,
    planes: Vec<Vec<u8>>,
    layout: u8,
    panics: bool,
    _kept: SyncSender<()>,
}

impl Pixels for Samples {
    fn yuv(&self) -> Yuv<'_> {
        assert!(!self.panics, "an injected panic in the samples");
        let plane = |number: usize, stride| Plane {
            data: &self.planes[number],
            stride,
        };
        let half = self.stride / 2;
        Yuv {
            width: self.size.0,
            height: self.size.1,
            layout: match self.layout {
                0 => Layout::I420([plane(0, self.stride), plane(1, half), plane(2, half)]),
                1 => Layout::Nv12([plane(0, self.stride), plane(1, self.stride)]),
                _ => Layout::Yuyv(plane(0, self.stride.wrapping_mul(2))),
            },
        }
    }
}

/// Bytes that tell when they are let go.
struct Kept(
    Vec<u8>,
    #[expect(dead_code, reason = "its drop tells")] SyncSender<()>,
);

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Waits until the encoder is done with a picture, so that no other overtakes it.
fn let_go(kept: &Receiver<()>) {
    let _ = kept.recv_timeout(PATIENCE);
}

impl Faulty {
    fn pick(&mut self, from: &[u32]) -> u32 {
        from[self.chance.usize(..from.len())]
    }

    fn hand_on(&mut self, port: &Port, jpeg: Vec<u8>) {
        let (keep, kept) = sync_channel(0);
        let captured_us = match self.chance.u8(..4) {
            0 => 0,
            1 => u64::MAX,
            2 => self.chance.u64(..),
            _ => pistreamer::util::clock::now_us(),
        };
        let jpeg = Bytes::from_owner(Kept(jpeg, keep));
        match Mended::new(jpeg).and_then(Mended::whole) {
            Ok(picture) => self.seq = port.frame(captured_us, Image::Jpeg(picture)),
            Err(error) => port.broken(&error.to_string()),
        }
        let_go(&kept);
    }

    /// Samples of any size and layout, and mostly too few or too many for it.
    fn hand_on_samples(&mut self, port: &Port, panics: bool) {
        let sides = [0, 1, 2, 15, 16, 63, 64, 66, 640, 65_536, u32::MAX];
        let (width, height) = (self.pick(&sides), self.pick(&sides));
        let stride = match self.chance.u8(..4) {
            0 => 0,
            1 => usize::MAX,
            _ => width as usize,
        };
        let planes = (0..3).map(|_| vec![self.chance.u8(..); self.chance.usize(..10_000)]);
        let (keep, kept) = sync_channel(0);
        let samples = Samples {
            planes: planes.collect(),
            size: (width, height),
            stride,
            layout: self.chance.u8(..3),
            panics,
            _kept: keep,
        };
        port.frame(
            pistreamer::util::clock::now_us(),
            Image::Yuv(Box::new(samples)),
        );
        let_go(&kept);
    }

    /// A frame of somebody else's, whose stamp says anything.
    fn pass_on(&mut self, port: &Port) {
        let stamp = Stamp {
            seq: [self.seq, 0, self.seq + 1000, u64::MAX, self.chance.u64(..)]
                [self.chance.usize(..5)],
            captured_us: self.chance.u64(..),
            camera: "elsewhere".into(),
        };
        let jpeg = stamp.write(&picture(SIZE, self.chance.u8(..))).unwrap();
        self.seq = port.arrived(whole(jpeg)).unwrap();
    }

    fn fault(&mut self, port: &Port) -> Result<(), SourceError> {
        let good = picture(SIZE, self.chance.u8(..));
        match self.chance.u8(..20) {
            0 => return Err(SourceError::new("an injected error")),
            1 => panic!("an injected panic"),
            2 => port.lost("an injected loss"),
            3 => port.broken("an injected broken picture"),
            4 => self.hand_on(port, Vec::new()),
            5 => self.hand_on(port, vec![good[good.len() / 2]; 100_000]),
            6 => {
                let cut = self.chance.usize(..good.len());
                self.hand_on(port, good[..cut].to_vec());
            }
            7 | 8 => {
                let mut bent = good;
                for _ in 0..self.chance.usize(1..20) {
                    let at = self.chance.usize(..bent.len());
                    bent[at] = self.chance.u8(..);
                }
                self.hand_on(port, bent);
            }
            9 => {
                let mut claims = good;
                let header = claims.windows(2).position(|at| at == [0xFF, 0xC0]);
                let size = header.unwrap() + 5;
                claims[size..size + 4].fill([0, 0xFF][self.chance.usize(..2)]);
                self.hand_on(port, claims);
            }
            10 if self.chance.u8(..10) == 0 => {
                self.hand_on(port, heavy_picture(SIZE, 1, 17 << 20));
            }
            10 | 11 => self.hand_on_samples(port, true),
            12..15 => self.hand_on_samples(port, false),
            15 | 16 => self.pass_on(port),
            17 => {
                let (width, height) = (self.chance.u32(..), self.chance.u32(..));
                let fps = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-300][self.chance.usize(..5)];
                port.open(Mode { width, height, fps });
            }
            18 => {
                // Silent for a while, and then gone: as a source has it that sees that its device is wedged.
                port.demand()
                    .sleep(Duration::from_millis(self.chance.u64(..20)));
                return Err(SourceError::new("an injected silence"));
            }
            _ => return Ok(()),
        }
        self.fault_or_frame(port)
    }

    /// Sometimes a good frame.
    fn fault_or_frame(&mut self, port: &Port) -> Result<(), SourceError> {
        if self.chance.bool() {
            open(port, SIZE);
            let jpeg = picture(SIZE, self.chance.u8(..));
            self.hand_on(port, jpeg);
        }
        Ok(())
    }
}

fn whole(jpeg: Vec<u8>) -> Whole {
    Mended::new(jpeg.into()).and_then(Mended::whole).unwrap()
}

fn open(port: &Port, (width, height): (u32, u32)) {
    let fps = 100.0;
    port.open(Mode { width, height, fps });
}

impl Source for Faulty {
    fn camera(&self) -> Camera {
        Camera {
            name: "Faulty".into(),
            source: "faulty".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        while !port.demand().wait_wanted(Duration::from_secs(1)) {
            if port.demand().stopping() {
                return Ok(());
            }
        }
        while self.left.load(Ordering::Relaxed) > 0 {
            self.left.fetch_sub(1, Ordering::Relaxed);
            self.fault(port)?;
        }
        open(port, HEALED);
        while !port.demand().sleep(Duration::from_millis(10)) {
            let picture = whole(picture(HEALED, self.chance.u8(..)));
            port.frame(pistreamer::util::clock::now_us(), Image::Jpeg(picture));
        }
        Ok(())
    }
}

/// A camera that delivers one picture and then hangs, without a word, until it is told to go on.
struct Hanging(Arc<AtomicBool>);

impl Source for Hanging {
    fn camera(&self) -> Camera {
        Camera {
            source: "hanging".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        open(port, SIZE);
        while !port.demand().wait_wanted(Duration::from_millis(10)) {}
        let show = |size| {
            let picture = Image::Jpeg(whole(picture(size, 220)));
            port.frame(pistreamer::util::clock::now_us(), picture);
        };
        show(SIZE);
        while !port.demand().sleep(Duration::from_millis(10)) {
            if self.0.load(Ordering::Relaxed) {
                show(HEALED);
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_camera_hangs_says_so_in_its_picture_and_goes_on_with_the_camera() {
    let goes_on = Arc::new(AtomicBool::new(false));
    let hanging = Hanging(Arc::clone(&goes_on));
    let server = TestServer::start_with(vec![Box::new(hanging)], |_| ());
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /stream.mjpg HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut stream = BufReader::new(stream);
    // The camera's own picture is bright.
    while !is_placard(&next_picture(&mut stream).await) {}
    assert!(server.get("/healthz").await.contains("no frame for"));
    goes_on.store(true, Ordering::Relaxed);
    loop {
        let info = pistreamer_protocol::jpeg::inspect(&next_picture(&mut stream).await).unwrap();
        if (u32::from(info.width), u32::from(info.height)) == HEALED {
            break;
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_fails_in_a_thousand_ways_is_watched_all_the_while_and_recovers() {
    let left = Arc::new(AtomicUsize::new(FAULTS));
    let faulty = Faulty {
        chance: chance(),
        left: Arc::clone(&left),
        seq: 0,
    };
    let server = TestServer::start_with(vec![Box::new(faulty)], |typed| {
        typed.retry_pause = Some(0.001);
    });
    // One of each kind comes before the first fault and stays.
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    let mut last = 0;
    loop {
        let frame = viewer.frame().await;
        assert!(frame.stamp.seq > last, "frame {last} is not the last one");
        last = frame.stamp.seq;
        let info = pistreamer_protocol::jpeg::inspect(&frame.jpeg).unwrap();
        if (u32::from(info.width), u32::from(info.height)) == HEALED {
            break;
        }
    }
    assert_eq!(left.load(Ordering::Relaxed), 0);
    let healthy = async { while !server.get("/healthz").await.contains("200 OK") {} };
    timeout(PATIENCE, healthy).await.expect("it is not healthy");
    let camera = server.camera().await;
    assert_eq!(camera["state"], "live", "{camera}");
    assert!(
        camera["broken"].as_u64().unwrap() > FAULTS as u64 / 10,
        "{camera}"
    );
    TestViewer::connect(&server).await.frame().await;
    server.stop().await;
}

#[tokio::test]
async fn one_name_and_one_target_are_not_given_to_several_cameras() {
    let start = |count: usize, camera: &str| {
        let config = format!(
            "access.no_auth = true\nserver.listen = \"127.0.0.1:0\"\n[[camera]]\n{camera}\n"
        );
        let config = Config::from_toml(&config).unwrap();
        let camera = || -> Box<dyn Source> {
            Box::new(Faulty {
                chance: chance(),
                left: Arc::default(),
                seq: 0,
            })
        };
        App::start_with(&config, (0..count).map(|_| camera()).collect())
    };
    for camera in ["name = \"Door\"", "push = [\"tcp://127.0.0.1:9\"]"] {
        let error = start(2, camera).unwrap_err().to_string();
        assert!(error.contains("are for one camera"), "{error}");
    }
    for (count, camera) in [(1, "name = \"Door\""), (1, "")] {
        let app = start(count, camera).unwrap();
        app.run(async {}).await;
    }
}

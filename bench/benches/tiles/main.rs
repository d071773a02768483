//! What a camera that stands still costs where viewers are sent only what changed, beside whole pictures: bytes of messages, and time
//! of the encoder's thread.
//!
//!     ./dev bench tiles
//!
//! Scenes are drawn, with a sensor's noise over them, and shown at the camera's rate: strips are sent anew by the clock. The session is
//! a viewer's whole one, over a connection that takes everything at once. It is an error where a target is missed by what does not
//! depend on the machine, which is the bytes.

mod film;

use anyhow::{Context as _, ensure};
use film::{FPS, Film, SIZE};
use pistreamer::source::{Image, Layout, Pauses, Pixels, Plane, RawFrame, Yuv};
use pistreamer::stages::encode::{self, Health, Pool};
use pistreamer::stages::hub::{self, Limits};
use pistreamer::stages::session::{self, Link, Roster};
use pistreamer::stages::{Camera, TilesConfig};
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::jpeg::Orientation;
use pistreamer_protocol::message::Reason;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fs, io};
use tokio::io::{AsyncRead, ReadBuf, sink};

/// Seconds that each scene is shown: longer than the refresh interval.
const SECONDS: u64 = 14;

/// Samples of a picture: Y, Cb and Cr.
struct Samples(Vec<u8>);

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

/// A viewer that says nothing.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// Nothing fails here.
struct Healthy;

impl Health for Healthy {
    fn fail(&self, _: &Reason) -> bool {
        false
    }
    fn mend(&self, _: &Reason) {}
}

/// What a scene costs, for each picture that was shown.
struct Cost {
    bytes: f64,
    encode_ms: f64,
}

fn main() -> anyhow::Result<()> {
    println!(
        "| scene | whole, kB | what changed, kB | share | target | encoding whole, ms | what changed, ms | × |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    let mut missed = Vec::new();
    for film in Film::ALL {
        let [whole, tiles] = [false, true].map(|tiles| measure(film, tiles));
        let (whole, tiles) = (whole?, tiles?);
        let share = 100.0 * tiles.bytes / whole.bytes;
        let (name, target) = (film.name(), film.target_percent());
        println!(
            "| {name} | {:.1} | {:.2} | {share:.1} % | {target} % | {:.2} | {:.2} | {:.2} |",
            whole.bytes / 1e3,
            tiles.bytes / 1e3,
            whole.encode_ms,
            tiles.encode_ms,
            tiles.encode_ms / whole.encode_ms
        );
        if share > target {
            missed.push(name);
        }
    }
    ensure!(missed.is_empty(), "more bytes than the target: {missed:?}");
    Ok(())
}

/// Shows a film to a viewer.
fn measure(film: Film, tiles: bool) -> anyhow::Result<Cost> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()?;
    runtime.block_on(async {
        let config = hub::Config {
            most: 1,
            quality: 80,
            tiles: Some(TilesConfig { averaging: true }),
        };
        let camera = Camera::idle("c0", config)?;
        let roster = Roster::default();
        let wire = WireFormat::GzipBase64;
        let address = ([127, 0, 0, 1], 1).into();
        let entry = roster.enter(roster.viewer(address, "c0", wire.subprotocol(), None));
        let link = Link::new(tokio::io::join(Silent, sink()), Vec::new()).await;
        let limits = Limits {
            tiles,
            ..Limits::default()
        };
        let allowed = session::Allowed {
            tiles,
            ..session::Allowed::default()
        };
        let config = session::Config {
            send_timeout: Duration::from_secs(60),
            ping_interval: Duration::from_secs(60),
        };
        tokio::spawn(session::run(
            link,
            camera.subscribe(limits),
            wire,
            entry,
            config,
            allowed,
            std::future::pending(),
        ));
        let config = encode::Config {
            workers: 1,
            pauses: Pauses::default(),
        };
        let pool = Pool::spawn(config, "c0", Arc::clone(camera.feed()), Arc::new(Healthy))?;
        let began = Instant::now();
        let mut painter = film.painter();
        let pictures = SECONDS * FPS;
        for seq in 1..=pictures {
            let samples = Samples(painter.next());
            let due = began + Duration::from_secs_f64(seq as f64 / FPS as f64);
            tokio::time::sleep_until(due.into()).await;
            pool.submit(RawFrame {
                seq,
                captured_us: 1_764_000_000_000_000 + seq,
                turn: Orientation::UPRIGHT,
                image: Image::Yuv(Box::new(samples)),
            });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let busy = encoders_time()?;
        let bytes = roster.totals().bytes.load(Ordering::Relaxed);
        let shown = camera.feed().counters.published.load(Ordering::Relaxed);
        ensure!(
            10 * shown >= 9 * pictures,
            "only {shown} of {pictures} were encoded in time"
        );
        Ok(Cost {
            bytes: bytes as f64 / shown as f64,
            encode_ms: 1e3 * busy.as_secs_f64() / shown as f64,
        })
    })
}

/// For how long the encoder's thread has run.
fn encoders_time() -> anyhow::Result<Duration> {
    for task in fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if fs::read_to_string(path.join("comm"))?.trim() == "encode-0" {
            let told = fs::read_to_string(path.join("schedstat"))?;
            let ran = told.split(' ').next().context("schedstat is empty")?;
            return Ok(Duration::from_nanos(ran.parse()?));
        }
    }
    anyhow::bail!("there is no encoder")
}

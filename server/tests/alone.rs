//! What only holds while nothing else keeps the machine busy: that every frame arrives. A test program of its own, with one
//! test, because the tests of one program run side by side.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "server/support.rs"]
#[expect(dead_code, reason = "this test needs only some of it")]
mod support;

use futures::future::join_all;
use socket2::SockRef;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};
use support::{PATIENCE, TestServer, TestViewer, heavy_picture, memory};
use tokio::net::TcpSocket;

/// Frames that each fast viewer must get: four seconds.
const FRAMES: u64 = 120;

/// Time between two frames, at 30 fps.
const INTERVAL: Duration = Duration::from_micros(33_333);

/// Bytes of a frame, as a photograph of that size has them.
const FRAME_BYTES: usize = 128 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_stalled_viewer_seven_fast_ones_get_every_frame_in_order() {
    // Frames from files cost no encoding, so that nothing but delivery is tested.
    let frames = tempfile::tempdir().unwrap();
    for number in 0..4 {
        let jpeg = heavy_picture((1280, 720), number, FRAME_BYTES);
        std::fs::write(frames.path().join(format!("{number}.jpg")), jpeg).unwrap();
    }
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", frames.path().display())];
        typed.send_timeout = Some(3.0);
    });
    // Its receiving end holds little, and it reads nothing.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let stalled_socket = SockRef::from(&stream).try_clone().unwrap();
    let _stalled = TestViewer::connect_over(stream, &server, "/ws", &[])
        .await
        .unwrap();
    let mut fast = Vec::new();
    for _ in 0..7 {
        fast.push(TestViewer::connect(&server).await);
    }
    let mut newest = 0;
    for viewer in &mut fast {
        newest = viewer.frame().await.stamp.seq.max(newest);
    }
    let wanted = newest + 1..=newest + FRAMES;
    let warm = memory("self", "VmRSS:");
    let watching = fast
        .into_iter()
        .map(|viewer| tokio::spawn(watch(viewer, wanted.clone())));
    let canary = Canary::start();
    let watched = join_all(watching).await;
    let held_up = canary.stop();
    for (viewer, watched) in watched.into_iter().enumerate() {
        let (_viewer, seen) = watched.unwrap();
        assert!(seen.is_sorted_by(|earlier, later| earlier < later));
        let missing: Vec<_> = wanted.clone().filter(|seq| !seen.contains(seq)).collect();
        assert!(
            missing.len() <= held_up,
            "fast viewer {viewer} missed {missing:?}; the machine held up {held_up} frames"
        );
    }
    let grown = memory("self", "VmRSS:").saturating_sub(warm);
    assert!(
        grown < 8 << 20,
        "memory grew by {grown} bytes in {FRAMES} frames"
    );

    // Reading what the kernel still holds ends in the closed connection.
    stalled_socket.set_nonblocking(false).unwrap();
    stalled_socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let drained = tokio::task::spawn_blocking(move || {
        std::io::copy(&mut &stalled_socket, &mut std::io::sink())
    });
    assert!(
        !matches!(drained.await.unwrap(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
        "the stalled viewer is still connected"
    );
    server.stop().await;
}

/// Tells how many frames the machine itself held up: none unless something else keeps it busy.
struct Canary {
    stop: std::sync::mpsc::Sender<()>,
    held_up: std::thread::JoinHandle<usize>,
}

impl Canary {
    /// A thread that sleeps for a tenth of a frame's time, again and again, and sees how late it wakes.
    fn start() -> Self {
        let (stop, stopped) = std::sync::mpsc::channel();
        let nap = INTERVAL / 10;
        let held_up = std::thread::spawn(move || {
            let mut held_up = 0;
            let mut slept_at = Instant::now();
            while stopped.recv_timeout(nap).is_err() {
                let late = slept_at.elapsed().saturating_sub(nap);
                if late > INTERVAL / 3 {
                    held_up += 1 + late.div_duration_f64(INTERVAL) as usize;
                }
                slept_at = Instant::now();
            }
            held_up
        });
        Self { stop, held_up }
    }

    fn stop(self) -> usize {
        self.stop.send(()).unwrap();
        self.held_up.join().unwrap()
    }
}

/// What a viewer sees of these frames, in order of arrival. The viewer stays connected.
async fn watch(mut viewer: TestViewer, wanted: RangeInclusive<u64>) -> (TestViewer, Vec<u64>) {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| last < wanted.end()) {
        let seq = viewer.frame().await.stamp.seq;
        if seq >= *wanted.start() {
            seen.push(seq);
        }
    }
    (viewer, seen)
}

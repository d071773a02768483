//! The source with the real libcamera and its virtual cameras, each test in a process of its own.
//!
//! The whole server with such a camera is tested in `tests/libcamera`.

use super::linked::PortOwner;
use super::{LibcameraSource, list};
use crate::demand::{Demand, Hold};
use crate::encode::JpegEncoder;
use crate::source::{
    Config, Image, Layout, Mode, Port, RawFrame, Report, Sink, Source, SourceError, Transform,
};
use crate::util::clock::now_us;
use isolated::isolated;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

#[path = "../../../tests/libcamera/isolated.rs"]
pub(super) mod isolated;

fn config(width: u32, height: u32, fps: f64) -> Config {
    Config {
        width,
        height,
        fps,
        transform: Transform::default(),
    }
}

/// Takes frames as long as there is room.
struct Frames {
    frames: SyncSender<RawFrame>,
    mode: Mutex<Option<Mode>>,
}

impl Sink for Frames {
    fn frame(&self, frame: RawFrame) {
        let _ = self.frames.try_send(frame);
    }
    fn again(&self, _: RawFrame) {}
    fn report(&self, report: Report<'_>) {
        match report {
            Report::Open(mode) => *self.mode.lock().unwrap() = Some(mode.clone()),
            // The virtual cameras have none that is offered.
            Report::Controls(controls) => assert_eq!(controls, []),
            other => panic!("{other:?}"),
        }
    }
}

/// A port, and the end where its frames come out.
fn port() -> (Port, Receiver<RawFrame>, Arc<Frames>) {
    let (sender, frames) = sync_channel(64);
    let sink = Arc::new(Frames {
        frames: sender,
        mode: Mutex::default(),
    });
    (
        Port::new(Arc::clone(&sink) as Arc<dyn Sink>, Demand::default()),
        frames,
        sink,
    )
}

/// A source on its own thread.
struct Camera {
    port: Port,
    frames: Receiver<RawFrame>,
    sink: Arc<Frames>,
    thread: JoinHandle<Result<(), SourceError>>,
    hold: Hold,
}

impl Camera {
    fn start(config: Config, which: &str) -> Self {
        let (port, frames, sink) = port();
        let hold = port.demand().hold();
        let mut source = LibcameraSource::new(config, Some(which.to_owned()), port.demand());
        let thread = std::thread::spawn({
            let port = port.clone();
            move || source.run(&port)
        });
        Self {
            port,
            frames,
            sink,
            thread,
            hold,
        }
    }

    fn next(&self) -> RawFrame {
        self.frames.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn stop(self) {
        self.port.demand().stop();
        self.thread.join().unwrap().unwrap();
    }
}

/// Number of this process's descriptors and KiB of its memory.
fn resources() -> (usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let memory = line.unwrap().split_whitespace().nth(1).unwrap();
    (descriptors, memory.parse().unwrap())
}

/// The luminance of a picture, which the encoder sees in its place.
fn luma(frame: &RawFrame) -> Vec<u8> {
    let Image::Yuv(pixels) = &frame.image else {
        panic!("a virtual camera gives samples");
    };
    let Layout::Nv12([y, _]) = pixels.yuv().layout else {
        panic!("a virtual camera gives NV12");
    };
    y.data.to_vec()
}

#[test]
fn frames_come_in_the_asked_size_and_rate() {
    isolated(
        "source::libcamera::tests::frames_come_in_the_asked_size_and_rate",
        || {
            for (width, height) in [(320, 240), (640, 480), (640, 481)] {
                let camera = Camera::start(config(width, height, 30.0), "Bars");
                // The first few show that this camera has to be paced.
                (0..20).for_each(|_| drop(camera.next()));
                let first = camera.next();
                let frames: Vec<_> = (0..60).map(|_| camera.next()).collect();
                let late = now_us() - frames[59].captured_us;
                assert_eq!(
                    *camera.sink.mode.lock().unwrap(),
                    Some(Mode {
                        width,
                        height,
                        fps: 30.0
                    })
                );
                camera.stop();
                for (frame, seq) in frames.iter().zip(first.seq + 1..) {
                    assert_eq!(frame.seq, seq);
                    let Image::Yuv(pixels) = &frame.image else {
                        panic!("a virtual camera gives samples");
                    };
                    assert_eq!((pixels.yuv().width, pixels.yuv().height), (width, height));
                }
                // It would deliver a hundred times as many by itself; a busy machine, fewer.
                let span = (frames[59].captured_us - first.captured_us) as f64 / 1e6;
                assert!(60.0 / span < 31.0, "{}", 60.0 / span);
                assert!(late < 60_000_000, "{late} µs");
            }
        },
    );
}

#[test]
fn limited_range_reaches_the_jpeg_as_full_black_and_white() {
    isolated(
        "source::libcamera::tests::limited_range_reaches_the_jpeg_as_full_black_and_white",
        || {
            let camera = Camera::start(config(640, 480, 30.0), "Bars");
            let Image::Yuv(pixels) = camera.next().image else {
                panic!("a virtual camera gives samples");
            };
            camera.stop();
            let mut encoder = JpegEncoder::new().unwrap();
            let jpeg = encoder.encode(&pixels.yuv(), 95).unwrap();
            let rgb = jpeg_decoder::Decoder::new(jpeg).decode().unwrap();
            let has = |colour: [u8; 3]| {
                rgb.chunks_exact(3)
                    .filter(|pixel| (0..3).all(|c| pixel[c].abs_diff(colour[c]) <= 4))
                    .count()
                    > 640 * 480 / 20
            };
            assert!(has([255, 255, 255]) && has([0, 0, 0]));
            assert!(has([255, 0, 0]) && has([0, 255, 0]) && has([0, 0, 255]));
        },
    );
}

#[test]
fn a_size_that_the_camera_lacks_becomes_the_nearest() {
    isolated(
        "source::libcamera::tests::a_size_that_the_camera_lacks_becomes_the_nearest",
        || {
            for (wanted, nearest) in [((300, 200), (320, 240)), ((1920, 1080), (640, 481))] {
                let camera = Camera::start(config(wanted.0, wanted.1, 30.0), "Bars");
                camera.next();
                let mode = camera.sink.mode.lock().unwrap().clone().unwrap();
                camera.stop();
                assert_eq!((mode.width, mode.height), nearest);
            }
        },
    );
}

#[test]
fn an_unwatched_camera_rests_and_wakes_at_once() {
    isolated(
        "source::libcamera::tests::an_unwatched_camera_rests_and_wakes_at_once",
        || {
            let camera = Camera::start(config(320, 240, 30.0), "Bars");
            (0..20).for_each(|_| drop(camera.next()));
            let Camera {
                port,
                frames,
                thread,
                hold,
                ..
            } = camera;
            drop(hold);
            // What was under way comes to its end.
            while frames.recv_timeout(Duration::from_millis(500)).is_ok() {}
            let before = port.next_seq();
            assert!(frames.recv_timeout(Duration::from_secs(2)).is_err());
            assert_eq!(port.next_seq(), before);
            let asked = now_us();
            let _hold = port.demand().hold();
            let frame = frames.recv_timeout(Duration::from_millis(500)).unwrap();
            assert!(frame.captured_us >= asked, "an old picture came first");
            port.demand().stop();
            thread.join().unwrap().unwrap();
        },
    );
}

/// Runs a camera whose pictures are lent, which they are where their range is full, until the body is done.
fn lending<T: Send>(body: impl FnOnce(Receiver<RawFrame>) -> T + Send) -> T {
    let (port, frames, _) = port();
    let _hold = port.demand().hold();
    let mut owner = PortOwner::new(&port);
    owner.pretends_full_range = true;
    std::thread::scope(|scope| {
        let demand = port.demand().clone();
        let body = scope.spawn(move || {
            let result = body(frames);
            demand.stop();
            result
        });
        let config = config(640, 480, 120.0);
        pistreamer_local_camera::libcamera::capture(&config, Some("Bars"), &owner).unwrap();
        body.join().unwrap()
    })
}

#[test]
fn pictures_that_are_kept_neither_starve_the_camera_nor_change() {
    isolated(
        "source::libcamera::tests::pictures_that_are_kept_neither_starve_the_camera_nor_change",
        || {
            lending(|frames| {
                let next = || frames.recv_timeout(Duration::from_secs(20)).unwrap();
                for kept in [1, 2, 3, 8] {
                    let kept: Vec<_> = (0..kept).map(|_| next()).collect();
                    let copies: Vec<_> = kept.iter().map(luma).collect();
                    for _ in 0..100 {
                        next();
                    }
                    for (frame, copy) in kept.iter().zip(&copies) {
                        assert!(luma(frame) == *copy, "frame {} changed", frame.seq);
                    }
                }
            });
        },
    );
}

#[test]
fn pictures_may_outlive_the_camera() {
    isolated(
        "source::libcamera::tests::pictures_may_outlive_the_camera",
        || {
            let (frames, copies) = lending(|frames| {
                let kept: Vec<_> = (0..3).map(|_| frames.recv().unwrap()).collect();
                let copies: Vec<_> = kept.iter().map(luma).collect();
                (kept, copies)
            });
            for (frame, copy) in frames.iter().zip(&copies) {
                assert!(luma(frame) == *copy);
            }
        },
    );
}

#[test]
fn two_cameras_run_in_one_process_and_can_be_listed_meanwhile() {
    isolated(
        "source::libcamera::tests::two_cameras_run_in_one_process_and_can_be_listed_meanwhile",
        || {
            let bars = Camera::start(config(320, 240, 30.0), "Bars");
            let lines = Camera::start(config(160, 120, 15.0), "1");
            for _ in 0..30 {
                bars.next();
                lines.next();
            }
            let listed = list(None, &Demand::default()).unwrap();
            let ids: Vec<_> = listed.iter().map(|camera| camera.id.as_str()).collect();
            assert_eq!(ids, ["Bars", "Lines"]);
            assert_eq!(listed[0].model.as_deref(), Some("Test bars"));
            assert_eq!(listed[1].location.as_deref(), Some("front"));
            assert_eq!(listed[0].formats[0].name, "NV12");
            lines.stop();
            (0..30).for_each(|_| drop(bars.next()));
            bars.stop();
        },
    );
}

#[test]
fn stopping_and_starting_leaves_nothing_behind() {
    isolated(
        "source::libcamera::tests::stopping_and_starting_leaves_nothing_behind",
        || {
            let cycle = || {
                let camera = Camera::start(config(640, 480, 120.0), "Bars");
                (0..8).for_each(|_| drop(camera.next()));
                camera.stop();
                lending(|frames| (0..8).for_each(|_| drop(frames.recv().unwrap())));
            };
            (0..5).for_each(|_| cycle());
            let (descriptors, memory) = resources();
            let start = Instant::now();
            (0..40).for_each(|_| cycle());
            let after = resources();
            println!(
                "40 cycles in {:?}: {descriptors} -> {} descriptors, {memory} -> {} KiB",
                start.elapsed(),
                after.0,
                after.1
            );
            assert_eq!(after.0, descriptors);
            // The allocator's own ups and downs are 3 MiB; buffers that stayed mapped would be 140 MiB.
            assert!(after.1 < memory + 8192, "{memory} -> {} KiB", after.1);
        },
    );
}

#[test]
fn a_camera_that_is_not_there_is_named_with_those_that_are() {
    isolated(
        "source::libcamera::tests::a_camera_that_is_not_there_is_named_with_those_that_are",
        || {
            let (port, ..) = port();
            let mut source = LibcameraSource::new(
                config(320, 240, 30.0),
                Some("imx999".to_owned()),
                &Demand::default(),
            );
            assert_eq!(source.camera().name, "imx999");
            let error = source.run(&port).unwrap_err().to_string();
            assert_eq!(error, "libcamera has no camera imx999; it has Bars, Lines");
        },
    );
}

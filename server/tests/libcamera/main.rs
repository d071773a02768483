//! The whole server with the real libcamera and its virtual cameras, each test in a process of its own.
//!
//! `./dev test` builds that libcamera (`tools/libcamera.sh`). The source alone is tested beside its code.

#![cfg(feature = "libcamera")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod beside;
mod isolated;
#[path = "../server/support.rs"]
#[expect(dead_code, reason = "these tests need only some of it")]
mod support;

use isolated::{finish, isolated, with_virtual_cameras};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::message::{CameraState, ServerMessage};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Running, TestServer, TestViewer, memory};

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

fn serve(source: &str, size: &str, fps: f64) -> TestServer {
    TestServer::start(|typed| {
        typed.source = vec![source.into()];
        typed.capture.size = Some(size.into());
        typed.capture.fps = Some(fps);
    })
}

#[test]
fn a_hundred_frames_of_each_size_reach_a_viewer() {
    isolated("a_hundred_frames_of_each_size_reach_a_viewer", || {
        run(async {
            for (width, height) in [(320, 240), (640, 480)] {
                let server = serve("libcamera:Bars", &format!("{width}x{height}"), 60.0);
                let mut viewer = TestViewer::connect(&server).await;
                let hello = viewer.hello().await;
                assert_eq!(hello.camera.source, "libcamera");
                assert_eq!(hello.camera.name, "Test bars (external)");
                let mut last = 0;
                for _ in 0..100 {
                    let frame = viewer.frame().await;
                    assert!(frame.stamp.seq > last);
                    last = frame.stamp.seq;
                    let info = pistreamer_protocol::jpeg::inspect(&frame.jpeg).unwrap();
                    assert_eq!((info.width, info.height), (width, height));
                }
                server.stop().await;
            }
        });
    });
}

#[test]
fn the_sizes_that_the_camera_has_are_offered() {
    isolated("the_sizes_that_the_camera_has_are_offered", || {
        run(async {
            let camera = "[[camera]]\nid = \"bars\"\nsource = \"libcamera:Bars\"\n";
            let server = TestServer::configured(camera);
            server.camera_is(|camera| camera["state"] == "live").await;
            let told = server.json("/api/v1/cameras/bars/settings").await;
            let takes = &told["settings"][1]["takes"];
            let sizes = serde_json::json!(["320x240", "640x480", "640x481"]);
            assert_eq!(takes["usual"], sizes, "{told}");
            // The one that is configured without a word.
            assert_eq!(takes["nearest"], "640x481", "{told}");
            server.stop().await;
        });
    });
}

/// Takes a photo while a viewer looks on, who is told why the stream stops, and sees it go on.
async fn takes_a_photo(address: SocketAddr) {
    let mut viewer = TestViewer::connect(address).await;
    let before = viewer.frame().await;
    let photo = tempfile::NamedTempFile::new().unwrap();
    let head = tempfile::NamedTempFile::new().unwrap();
    let url = format!("http://{address}/still.jpg");
    let (photo_path, head_path) = (photo.path().to_owned(), head.path().to_owned());
    let taking = tokio::task::spawn_blocking(move || {
        let mut curl = Command::new("curl");
        curl.arg("-sS")
            .arg("-o")
            .arg(photo_path)
            .arg("-D")
            .arg(head_path);
        curl.arg(url);
        assert!(finish(curl).0, "no photo");
    });
    let mut told = Vec::new();
    let after = loop {
        match viewer.heard().await {
            Ok(ServerMessage::State(status)) => told.push((status.state, status.reason.cause)),
            Ok(_) => {}
            Err(frame) if told.len() >= 2 => break frame,
            Err(_) => {}
        }
    };
    taking.await.unwrap();
    let starting = (CameraState::Starting, "taking-still".to_owned());
    assert_eq!(told, [starting, (CameraState::Live, String::new())]);
    let info = pistreamer_protocol::jpeg::inspect(&after.jpeg).unwrap();
    assert_eq!((info.width, info.height), (320, 240));
    let head = std::fs::read_to_string(head.path()).unwrap().to_lowercase();
    for part in [
        "pistreamer-still: full\r\n",
        "pistreamer-still-size: 640x481\r\n",
        "pistreamer-still-paused-ms: ",
    ] {
        assert!(head.contains(part), "no {part:?} in {head}");
    }
    let photo = std::fs::read(photo.path()).unwrap();
    let info = pistreamer_protocol::jpeg::inspect(&photo).unwrap();
    assert_eq!((info.width, info.height), (640, 481));
    let stamp = Stamp::read(&photo).unwrap();
    assert!(before.stamp.seq < stamp.seq && stamp.seq < after.stamp.seq);
    assert!(before.stamp.captured_us < stamp.captured_us);
}

#[test]
fn a_photo_in_the_cameras_full_size_is_taken_while_it_streams() {
    isolated(
        "a_photo_in_the_cameras_full_size_is_taken_while_it_streams",
        || {
            run(async {
                let server = serve("libcamera:Bars", "320x240", 60.0);
                takes_a_photo((&server).into()).await;
                let size = serde_json::json!({"width": 640, "height": 481});
                assert_eq!(server.camera().await["still"], size);
                server.stop().await;
            });
        },
    );
}

#[test]
fn without_a_word_about_the_source_the_first_camera_is_shown() {
    isolated(
        "without_a_word_about_the_source_the_first_camera_is_shown",
        || {
            run(async {
                let server = serve("auto", "320x240", 30.0);
                let mut viewer = TestViewer::connect(&server).await;
                assert_eq!(viewer.hello().await.camera.name, "Test bars (external)");
                viewer.frame().await;
                server.stop().await;
            });
        },
    );
}

#[test]
fn both_cameras_can_be_watched_at_once() {
    isolated("both_cameras_can_be_watched_at_once", || {
        run(async {
            let server = TestServer::start(|typed| {
                typed.source = vec!["libcamera:Bars".into(), "libcamera:Lines".into()];
                typed.capture.size = Some("160x120".into());
            });
            let mut viewers = Vec::new();
            for (id, name) in [("0", "Test bars (external)"), ("1", "Test lines (front)")] {
                let path = format!("/ws?camera={id}");
                let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
                assert_eq!(viewer.hello().await.camera.name, name);
                viewers.push(viewer);
            }
            for _ in 0..20 {
                for viewer in &mut viewers {
                    viewer.frame().await;
                }
            }
            server.stop().await;
        });
    });
}

#[test]
fn stopping_and_starting_the_server_leaves_nothing_behind() {
    isolated(
        "stopping_and_starting_the_server_leaves_nothing_behind",
        || {
            run(async {
                let mut before = (0, 0);
                for cycle in 0..25 {
                    let server = serve("libcamera:Bars", "640x480", 60.0);
                    let mut viewer = TestViewer::connect(&server).await;
                    for _ in 0..5 {
                        viewer.frame().await;
                    }
                    drop(viewer);
                    server.stop().await;
                    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
                    // The first few fill the allocator's and the runtime's stores.
                    if cycle == 4 {
                        before = (descriptors, memory("self", "VmRSS:"));
                    }
                    if cycle == 24 {
                        let after = (descriptors, memory("self", "VmRSS:"));
                        println!("20 cycles: {before:?} -> {after:?}");
                        assert_eq!(after.0, before.0);
                        assert!(after.1 < before.1 + (8 << 20), "{before:?} -> {after:?}");
                    }
                }
            });
        },
    );
}

#[test]
fn the_cameras_are_listed_with_their_sizes_and_controls() {
    let mut command = with_virtual_cameras(env!("CARGO_BIN_EXE_pistreamer"));
    command.arg("cameras");
    let (success, text) = finish(command);
    assert!(success, "{text}");
    for part in [
        "0: Test bars (external)",
        "--source 'libcamera:Bars'",
        "1: Test lines (front)",
        "NV12: ",
        "FrameDurationLimits: 8333 to 33333",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

/// The program with that much of libcamera's log, and where it listens.
fn started(levels: &str, more: &[&str], log: Stdio) -> (Running, SocketAddr) {
    started_by(env!("CARGO_BIN_EXE_pistreamer").as_ref(), levels, more, log)
}

/// The same, by that program.
fn started_by(program: &Path, levels: &str, more: &[&str], log: Stdio) -> (Running, SocketAddr) {
    let mut command = with_virtual_cameras(program);
    command
        .args(["--source", "libcamera:Bars", "--size", "320x240"])
        .args(["--listen", "127.0.0.1:0", "--no-auth"])
        .args(more)
        .env("LIBCAMERA_LOG_LEVELS", levels)
        .stdout(Stdio::piped())
        .stderr(log);
    let mut server = Running(command.spawn().unwrap());
    let mut line = String::new();
    let mut printed = BufReader::new(server.0.stdout.as_mut().unwrap());
    printed.read_line(&mut line).unwrap();
    let url = line.split_whitespace().last().expect("it printed no URL");
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    (server, host.parse().unwrap())
}

#[test]
fn what_libcamera_says_while_nobody_reads_holds_up_no_camera() {
    let (mut log, _reader) = UnixStream::pair().unwrap();
    log.set_nonblocking(true).unwrap();
    let filled = loop {
        if let Err(error) = log.write_all(b"#") {
            break error;
        }
    };
    assert_eq!(filled.kind(), ErrorKind::WouldBlock);
    log.set_nonblocking(false).unwrap();
    // It says something about each frame.
    let (_server, address) = started("*:DEBUG", &[], OwnedFd::from(log).into());
    run(async {
        let mut viewer = TestViewer::connect(address).await;
        // More words than a pipe holds.
        for _ in 0..300 {
            viewer.frame().await;
        }
        let mut healthy = Command::new("curl");
        healthy.args(["-sf", &format!("http://{address}/healthz")]);
        assert!(finish(healthy).0, "it ails");
    });
}

#[test]
fn what_libcamera_says_is_in_the_log_with_its_level() {
    is_in_the_log_with_its_level(env!("CARGO_BIN_EXE_pistreamer").as_ref());
}

/// Whether what libcamera says is so, where that program is the server.
fn is_in_the_log_with_its_level(program: &Path) {
    let (log, lines) = UnixStream::pair().unwrap();
    let log = OwnedFd::from(log).into();
    let (_server, address) = started_by(program, "*:DEBUG", &["--log-json"], log);
    run(async {
        TestViewer::connect(address).await.frame().await;
    });
    let mut lines = BufReader::new(lines).lines().map(|line| {
        let line = line.unwrap();
        serde_json::from_str::<serde_json::Value>(&line).expect("a line that is no JSON")
    });
    for (level, part) in [("INFO", "camera_manager.cpp"), ("DEBUG", ".cpp:")] {
        let found = lines.any(|line| {
            let message = line["fields"]["message"].as_str().unwrap_or_default();
            line["level"] == level && message.starts_with("libcamera: ") && message.contains(part)
        });
        assert!(found, "nothing at {level}");
    }
}

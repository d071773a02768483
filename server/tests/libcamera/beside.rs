//! The program beside the server, `pistreamer-camera`, with the real libcamera: it may crash and hang without the server.

use super::support::TestViewer;
use super::{
    Running, finish, is_in_the_log_with_its_level, run, started_by, takes_a_photo,
    with_virtual_cameras,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The server as a package installs it. This one is linked to a libcamera too, which it has no use for then.
struct Installed(TempDir);

impl Installed {
    fn new() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_pistreamer"));
        let camera = program.with_file_name("pistreamer-camera");
        assert!(
            camera.exists(),
            "pistreamer-camera is not built: test the whole workspace"
        );
        let installed = Self(tempfile::tempdir_in(program.parent().unwrap()).unwrap());
        let root = installed.0.path();
        std::fs::create_dir_all(root.join("lib/pistreamer")).unwrap();
        std::fs::create_dir(root.join("bin")).unwrap();
        std::fs::hard_link(program, installed.program()).unwrap();
        std::fs::hard_link(camera, root.join("lib/pistreamer/camera-0.7")).unwrap();
        installed
    }

    fn program(&self) -> PathBuf {
        self.0.path().join("bin/pistreamer")
    }

    fn start(&self) -> (Running, SocketAddr) {
        started_by(&self.program(), "*:WARN", &["--fps", "60"], Stdio::null())
    }
}

/// The process that drives the server's camera, once there is one beside those before.
fn camera_of(server: &Running, before: &[u32]) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(30);
    let id = server.0.id();
    loop {
        let children = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let children = children.flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("children")).ok()?;
            text.split_whitespace().next()?.parse().ok()
        });
        if let Some(new) = children.into_iter().find(|child| !before.contains(child)) {
            return new;
        }
        assert!(Instant::now() < deadline, "no process drives the camera");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(process: u32, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

#[test]
fn the_program_beside_the_server_lists_cameras() {
    let installed = Installed::new();
    let mut command = with_virtual_cameras(installed.program());
    command.arg("cameras");
    let (success, text) = finish(command);
    assert!(success, "{text}");
    for part in ["0: Test bars (external)", "1: Test lines (front)", "NV12: "] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_program_beside_the_server_takes_photos_while_it_streams() {
    let installed = Installed::new();
    let (_server, address) = installed.start();
    run(async {
        for _ in 0..2 {
            takes_a_photo(address).await;
            // The stream rests before it stops again.
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
}

#[test]
fn a_camera_whose_process_crashes_or_hangs_is_back_with_another_one() {
    let installed = Installed::new();
    let (server, address) = installed.start();
    run(async {
        let mut viewer = TestViewer::connect(address).await;
        let hello = viewer.hello().await;
        assert_eq!(hello.camera.name, "Test bars (external)");
        assert_eq!(hello.camera.source, "libcamera");
        let mut last = viewer.frame().await.stamp;
        for _ in 0..50 {
            let stamp = viewer.frame().await.stamp;
            assert!(stamp.seq > last.seq && stamp.captured_us >= last.captured_us);
            last = stamp;
        }
        let mut before = Vec::new();
        for how in ["-ABRT", "-STOP"] {
            let process = camera_of(&server, &before);
            before.push(process);
            signal(process, how);
            camera_of(&server, &before);
            // What it had sent before is over by then.
            let mut viewer = TestViewer::connect(address).await;
            for _ in 0..20 {
                viewer.frame().await;
            }
        }
    });
    let last = camera_of(&server, &[]);
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(20);
    while Path::new(&format!("/proc/{last}")).exists() {
        assert!(Instant::now() < deadline, "it outlives its server");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_the_process_says_is_in_the_log_with_its_level() {
    is_in_the_log_with_its_level(&Installed::new().program());
}

//! How the program ends where a camera does not: what its libraries would destroy at an exit stays for the camera's thread.

use crate::process::{pistreamer, send, shim, started_with, terminate};
use crate::support::{PATIENCE, Running, picture};
use std::io::Read;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;
use tempfile::TempDir;

struct Served {
    directory: TempDir,
    child: Running,
}

impl Served {
    /// Serves a picture by that name.
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pictures = directory.path().join("pictures");
        std::fs::create_dir(&pictures).unwrap();
        std::fs::write(pictures.join(name), picture((64, 48), 100)).unwrap();
        let shim = shim("exit-shim", directory.path());
        let mut command = pistreamer(&["--no-auth", "--listen", "127.0.0.1:0", "--source"]);
        command
            .arg(format!("files:{}", pictures.display()))
            .env("LD_PRELOAD", &shim)
            .env("EXIT_NOTE", directory.path().join("exited"))
            .env("HANG_NOTE", directory.path().join("hangs"));
        let child = Running(started_with(command, Stdio::piped()).0);
        Self { directory, child }
    }

    /// A server whose camera's thread hangs.
    fn hanging() -> Self {
        let served = Self::new("hangs.jpg");
        let asked = Instant::now();
        while !served.note("hangs").exists() {
            assert!(asked.elapsed() < PATIENCE, "it does not hang");
        }
        served
    }

    fn note(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

#[test]
fn a_camera_that_does_not_close_is_left_as_it_is_and_the_program_ends_well() {
    let mut closes = Served::new("1.jpg");
    assert!(terminate(&mut closes.child.0).success());
    assert!(closes.note("exited").exists(), "no exit is noted");

    let mut hangs = Served::hanging();
    assert!(terminate(&mut hangs.child.0).success());
    assert!(!hangs.note("exited").exists(), "what it uses is destroyed");
    let mut log = String::new();
    let stderr = hangs.child.0.stderr.as_mut().unwrap();
    stderr.read_to_string(&mut log).unwrap();
    assert!(log.contains("a camera did not close in time"), "{log}");
}

#[test]
fn a_second_signal_ends_the_program_at_once_beside_a_camera_that_hangs() {
    let mut hangs = Served::hanging();
    // Until the first one has been taken, two are one.
    let status = loop {
        send("-TERM", &hangs.child.0);
        if let Some(status) = hangs.child.0.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.code(), Some(130));
    assert!(!hangs.note("exited").exists(), "what it uses is destroyed");
}

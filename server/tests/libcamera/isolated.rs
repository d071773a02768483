//! Runs a test's body in a process of its own, with libcamera's virtual cameras: `virtual.yaml` says which.
//!
//! libcamera allows one manager in a process, may crash or hang the whole process, and can write endless logs; the shim of
//! `udmabuf-shim.c` is for its process alone.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::spawn;
use std::time::{Duration, Instant};

/// A test that takes longer hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// A test that prints more runs wild.
const MOST_OUTPUT: usize = 1 << 20;

/// Set in the processes that run a body.
const INSIDE: &str = "PISTREAMER_TEST_ISOLATED";

/// Runs `body` in a process of its own and fails where it fails. `name` is the test's full name.
pub(crate) fn isolated(name: &str, body: impl FnOnce()) {
    if is_inside() {
        return body();
    }
    let (success, output) = finish(inside(name));
    assert!(
        success && output.contains("1 passed"),
        "{name} failed in its process:\n{output}"
    );
}

/// Whether this is a process that runs a body.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// The process that runs the body of the test with that full name.
pub(crate) fn inside(name: &str) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut command = with_virtual_cameras(own);
    command.env(INSIDE, "1");
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    command
}

/// A command whose libcamera has the virtual cameras and no other.
pub(crate) fn with_virtual_cameras(program: impl AsRef<OsStr>) -> Command {
    let prefix = std::env::var_os("PISTREAMER_TEST_LIBCAMERA").expect(
        "PISTREAMER_TEST_LIBCAMERA is not set: run ./dev test, or `. target/tools/libcamera-*/env.sh` first",
    );
    let support = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libcamera");
    let mut command = Command::new(program);
    command
        .env(
            "LD_PRELOAD",
            PathBuf::from(prefix).join("lib/udmabuf-shim.so"),
        )
        .env("LIBCAMERA_VIRTUAL_YAML", support.join("virtual.yaml"))
        .env("LIBCAMERA_PIPELINES_MATCH_LIST", "virtual")
        .env("LIBCAMERA_LOG_LEVELS", "*:WARN");
    command
}

/// Waits for a program's end within bounds of time and output; tells whether it succeeded, and all it printed.
pub(crate) fn finish(mut command: Command) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (sender, chunks) = sync_channel(16);
    spawn(forward(child.stdout.take().unwrap(), sender.clone()));
    spawn(forward(child.stderr.take().unwrap(), sender));
    let start = Instant::now();
    let mut output = Vec::new();
    loop {
        match chunks.recv_timeout(DEADLINE.saturating_sub(start.elapsed())) {
            Ok(chunk) => output.extend(chunk),
            // Both pipes are closed: it has ended.
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                output.extend(b"\n... and then it hung");
                kill(&mut child);
                break;
            }
        }
        if output.len() > MOST_OUTPUT {
            output.extend(b"\n... and more and more");
            kill(&mut child);
            break;
        }
    }
    let success = child.wait().unwrap().success();
    (success, String::from_utf8_lossy(&output).into_owned())
}

fn kill(child: &mut Child) {
    // It may have ended just now.
    let _ = child.kill();
}

fn forward(mut from: impl Read + Send, to: SyncSender<Vec<u8>>) -> impl FnOnce() + Send {
    move || {
        let mut buffer = [0; 4096];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            if to.send(buffer[..len].to_vec()).is_err() {
                break;
            }
        }
    }
}

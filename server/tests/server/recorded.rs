//! What is recorded, as programs of others read it, and what is told of it.

use crate::process::{pistreamer, said, started};
use crate::support::{PATIENCE, TestServer, TestViewer, chance};
use pistreamer_protocol::message::{Recording, ServerMessage};
use pistreamer_recording::export::inspect;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::time::timeout;

fn recording(directory: &Path) -> TestServer {
    TestServer::start(|typed| {
        typed.record = Some(directory.into());
        typed.record_fps = Some(30.0);
    })
}

/// Waits until what is told of the first camera's recording is like that.
async fn told(server: &TestServer, is: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let told = server.camera().await["recording"].clone();
            if is(&told) {
                return told;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("it is not told")
}

fn has(told: &Value, frames: u64) -> bool {
    told["state"] == "recording" && told["frames"].as_u64() >= Some(frames)
}

/// Waits until a viewer is told that state of the recording, by `hello` or by a `state` after it.
async fn shown(viewer: &mut TestViewer, wanted: Recording) {
    let wait = async {
        loop {
            let recording = match viewer.heard().await {
                Ok(ServerMessage::Hello(hello)) => hello.status.recording,
                Ok(ServerMessage::State(status)) => status.recording,
                _ => continue,
            };
            if recording == Some(wanted) {
                return;
            }
        }
    };
    let told = timeout(PATIENCE, wait).await;
    told.unwrap_or_else(|_| panic!("a viewer is not told {wanted:?}"));
}

/// The files of the camera `pattern`, by their class.
fn files(directory: &Path, class: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for day in std::fs::read_dir(directory.join("pattern")).unwrap() {
        for file in std::fs::read_dir(day.unwrap().path()).unwrap() {
            files.push(file.unwrap().path());
        }
    }
    files.retain(|file| file.to_str().unwrap().ends_with(&format!("Z.{class}.mkv")));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn each_recorded_file_is_closed_at_the_end_and_has_the_frames_that_were_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = recording(&directory.path().join("recordings"));
    let mut viewer = TestViewer::connect(&server).await;
    shown(&mut viewer, Recording::Recording).await;
    let told = told(&server, |told| has(told, 40)).await;
    let mut late = TestViewer::connect(&server).await;
    let hello = late.hello().await;
    assert_eq!(hello.status.recording, Some(Recording::Recording));
    assert_eq!(told["dropped"], 0, "{told}");
    assert_eq!(told["reason"], "");
    let status = server.json("/api/v1/status").await;
    assert_eq!(status["recording"]["state"], "recording", "{status}");
    assert!(status["recording"]["used_bytes"].as_u64() > Some(0));
    let metrics = server.get("/metrics").await;
    let up = "\npistreamer_record_up{camera=\"pattern\"} 1\n";
    assert!(metrics.contains(up), "{metrics}");
    server.stop().await;
    let root = directory.path().join("recordings");
    let [file] = files(&root, "c").try_into().unwrap();
    let inspected = inspect(&file).unwrap();
    assert!(inspected.is_closed, "{inspected:?}");
    assert!(inspected.frames >= 39, "{inspected:?}");
    assert_eq!((inspected.wrong, inspected.is_torn), (0, false));
    assert_eq!(files(&root, "s").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_not_to_be_recorded_any_more_is_not_and_its_file_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recordings");
    let camera = |mode: &str| {
        format!(
            "recording.directory = {root:?}\n[[camera]]\nid = \"pattern\"\nsource = \"pattern\"\nsize = \"320x240\"\nrecord.mode = {mode:?}\n"
        )
    };
    let server = TestServer::configured(&camera("continuous"));
    told(&server, |told| has(told, 10)).await;
    let mut viewer = TestViewer::connect(&server).await;
    shown(&mut viewer, Recording::Recording).await;
    server.configure(&camera("off")).await;
    told(&server, Value::is_null).await;
    shown(&mut viewer, Recording::Off).await;
    let closed = async {
        let file = files(&root, "c").remove(0);
        while !inspect(&file).is_ok_and(|it| it.is_closed) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.expect("it is not closed");
    server.configure(&camera("sparse")).await;
    told(&server, |told| has(told, 1)).await;
    server.stop().await;
    assert_eq!(files(&root, "c").len(), 1);
    assert_eq!(files(&root, "s").len(), 2);
}

/// Frames of a file as ffmpeg counts them, and what it has to say of them.
fn decoded(file: &Path) -> (usize, String) {
    let frames = Command::new("ffmpeg")
        .args(["-v", "warning", "-err_detect", "crccheck+explode", "-i"])
        .arg(file)
        .args(["-f", "framecrc", "-c:v", "copy", "-"])
        .output()
        .expect("ffmpeg is missing: ./dev test installs it");
    let lines = String::from_utf8_lossy(&frames.stdout).into_owned();
    let said = String::from_utf8_lossy(&frames.stderr).into_owned();
    let count = lines.lines().filter(|line| !line.starts_with('#')).count();
    (count, said)
}

fn files_or_none(root: &Path) -> Vec<PathBuf> {
    if root.join("pattern").exists() {
        files(root, "c")
    } else {
        Vec::new()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_moment_the_server_is_killed_at_ffmpeg_plays_what_it_left_and_the_next_one_goes_on()
 {
    const KILLS: usize = 6;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recordings");
    let mut chance = chance();
    for _ in 0..KILLS {
        let mut command = pistreamer(&["--source", "pattern", "--size", "320x240", "--no-auth"]);
        command.args(["--listen", "127.0.0.1:0", "--record-fps", "30", "--record"]);
        command.arg(&root).arg("--state-dir").arg(directory.path());
        // One that has no picture yet is removed by the next server.
        let before = files_or_none(&root).pop();
        let (mut server, _) = started(command);
        let written = async {
            while files_or_none(&root).pop() <= before {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, written)
            .await
            .expect("nothing is recorded");
        tokio::time::sleep(Duration::from_millis(chance.u64(0..2500))).await;
        server.kill().unwrap();
        server.wait().unwrap();
        let last = files(&root, "c").pop().unwrap();
        // One that was killed before its first second has nothing to play.
        if let Ok(whole) = inspect(&last)
            && whole.frames > 0
        {
            let (count, said) = decoded(&last);
            assert!(count as u64 >= whole.frames, "{count} of {whole:?}: {said}");
        }
    }
    // Closes what they left.
    let server = recording(&root);
    told(&server, |told| has(told, 10)).await;
    server.stop().await;
    let all = files(&root, "c");
    assert!((2..=KILLS + 1).contains(&all.len()), "{all:?}");
    for file in all {
        let inspected = inspect(&file).unwrap();
        assert!(inspected.is_closed && inspected.wrong == 0 && inspected.frames > 0);
        let (count, said) = decoded(&file);
        assert_eq!(count as u64, inspected.frames, "{}: {said}", file.display());
        assert_eq!(said, "", "{}", file.display());
    }
}

/// What the program prints to such a command line.
fn asked(arguments: &[&str], directory: &Path) -> (bool, String) {
    let mut command = pistreamer(&["recordings"]);
    command
        .args(&arguments[..1])
        .arg(directory)
        .args(&arguments[1..]);
    said(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_listed_checked_mended_and_copied_frame_by_frame() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recordings");
    let server = recording(&root);
    told(&server, |told| has(told, 100)).await;
    let (checks, busy) = asked(&["check", "--repair"], &root);
    assert!(
        !checks && busy.contains("another pistreamer records"),
        "{busy}"
    );
    server.stop().await;
    let (lists, list) = asked(&["list"], &root);
    assert!(
        lists && list.starts_with("pattern  continuous  20"),
        "{list}"
    );
    let (checks, good) = asked(&["check"], &root);
    assert!(
        checks && good.contains("; 0 not closed, 0 damaged"),
        "{good}"
    );
    let file = files(&root, "c").remove(0);
    let start = |file: &Path| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let day = file
            .parent()
            .unwrap()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap();
        let (time, _) = name.split_once("Z.").unwrap();
        let (time, ms) = time.split_once('.').unwrap();
        format!("{day}T{}:{}:{}.{ms}Z", &time[..2], &time[2..4], &time[4..])
    };
    let from = start(&file);
    let clip = directory.path().join("clip.mkv");
    let arguments = [
        "export",
        clip.to_str().unwrap(),
        "--camera",
        "pattern",
        "--from",
        &from,
        "--to",
        "2099-01-01T00:00Z",
    ];
    let (copies, copied) = asked(&arguments, &root);
    assert!(
        copies && copied.contains(&format!("from {from}")),
        "{copied}"
    );
    let (again, refused) = asked(&arguments, &root);
    assert!(!again && refused.contains("exists"), "{refused}");
    let (recorded, exported) = (inspect(&file).unwrap(), inspect(&clip).unwrap());
    assert_eq!(exported, recorded);
    let (count, said) = decoded(&clip);
    assert_eq!((count as u64, said.as_str()), (recorded.frames, ""));
    // As after a power cut in the middle of a write.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let (checks, cut) = asked(&["check"], &root);
    assert!(
        checks && cut.contains("it is being written, or was cut off"),
        "{cut}"
    );
    let (mends, mended) = asked(&["check", "--repair"], &root);
    assert!(mends && mended.contains(": closed; "), "{mended}");
    assert!(mended.contains("; 0 not closed, 0 damaged"), "{mended}");
    let mut damaged = std::fs::read(&file).unwrap();
    damaged[1000] ^= 1;
    std::fs::write(&file, damaged).unwrap();
    let (checks, told) = asked(&["check"], &root);
    assert!(
        !checks && told.contains("1 stretches of about a second are damaged"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_whose_disk_is_gone_is_told_and_recording_goes_on_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (root, away) = (
        directory.path().join("recordings"),
        directory.path().join("away"),
    );
    let server = TestServer::start(|typed| {
        typed.record = Some(root.clone());
        // It reads nothing while the disk is looked at.
        typed.send_timeout = Some(3600.0);
        typed.state_dir = Some(directory.path().join("state"));
    });
    told(&server, |told| has(told, 5)).await;
    let mut viewer = TestViewer::connect(&server).await;
    std::fs::rename(&root, &away).unwrap();
    std::fs::create_dir(&root).unwrap();
    let gone = told(&server, |told| told["state"] == "no-disk").await;
    let reason = gone["reason"].as_str().unwrap();
    assert!(
        reason.contains("not mounted") && reason.contains("recordings init"),
        "{reason}"
    );
    assert_eq!(
        std::fs::read_dir(&root).unwrap().count(),
        0,
        "it was written to"
    );
    shown(&mut viewer, Recording::NoDisk).await;
    let live = server.camera().await;
    assert_eq!(live["state"], "live", "{live}");
    viewer.frame().await;
    std::fs::remove_dir(&root).unwrap();
    std::fs::rename(&away, &root).unwrap();
    let frames = gone["frames"].as_u64().unwrap();
    told(&server, |told| has(told, frames + 5)).await;
    shown(&mut viewer, Recording::Recording).await;
    server.stop().await;
    assert!(
        files(&root, "c")
            .iter()
            .all(|file| inspect(file).unwrap().is_closed)
    );
}

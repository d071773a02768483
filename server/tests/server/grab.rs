//! `pistreamer grab`: frames into files and into other programs, and what it says when it cannot.

use crate::software::run;
use crate::support::{PATIENCE, TestServer};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tokio::time::timeout;

fn grab(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pistreamer"));
    command.args(["grab", url]).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

/// What it says when it fails: one line.
async fn complaint(command: Command) -> String {
    let Output { status, stderr, .. } = output(command).await;
    assert_eq!(status.code(), Some(1));
    let text = String::from_utf8(stderr).unwrap();
    let said: Vec<_> = text
        .lines()
        .filter(|line| !line.contains(" fps, "))
        .collect();
    assert!(
        said.len() == 1 && said[0].starts_with("pistreamer: "),
        "not one clear line: {text}"
    );
    said[0].to_owned()
}

fn url(server: &TestServer) -> String {
    format!("http://{}/", server.address)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_whole_jpegs_whose_names_sort_by_time() {
    let server = TestServer::start(|_| ());
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("new/frames");
    let Output { status, stderr, .. } = output(grab(
        &url(&server),
        &["--count", "12", "--out", out.to_str().unwrap()],
    ))
    .await;
    let said = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{said}");
    assert!(
        said.starts_with("pistreamer: frames: 12, ") && said.contains(" MB, skipped: "),
        "{said}"
    );

    let names = names(&out);
    assert_eq!(names.len(), 12, "{names:?}");
    let numbers: Vec<u64> = names
        .iter()
        .map(|name| name[21..].trim_end_matches(".jpg").parse().unwrap())
        .collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{names:?}");
    for name in names {
        let path = out.join(name);
        let asked = [
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name,width,height",
            "-of",
            "csv=p=0",
        ];
        let said = run(
            "ffmpeg",
            "ffprobe",
            &[&asked[..], &[path.to_str().unwrap()]].concat(),
        )
        .await;
        assert_eq!(said.trim(), "mjpeg,320,240");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_takes_the_frames_from_a_pipe() {
    let server = TestServer::start(|_| ());
    let mut grab = grab(&url(&server), &["--count", "25"]).spawn().unwrap();
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args([
        "-v",
        "error",
        "-f",
        "mjpeg",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames",
    ]);
    ffprobe
        .args(["-of", "csv=p=0", "-"])
        .stdin(grab.stdout.take().unwrap());
    let counted = output(ffprobe).await;
    assert_eq!(
        String::from_utf8_lossy(&counted.stdout).trim(),
        "25",
        "{counted:?}"
    );
    assert!(grab.wait().unwrap().success());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_frame_in_so_many_seconds_for_so_long() {
    let server = TestServer::start(|_| ());
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().to_str().unwrap();
    let arguments = ["--every", "0.5", "--duration", "2", "--out", out];
    assert!(
        output(grab(&url(&server), &arguments))
            .await
            .status
            .success()
    );
    let taken = names(directory.path()).len();
    // A busy machine takes fewer.
    assert!((1..=5).contains(&taken), "{taken} frames in 2 s");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_is_said_in_one_line() {
    let server = TestServer::start(|_| ());
    let url = url(&server);
    let file = tempfile::NamedTempFile::new().unwrap();
    let said = complaint(grab(&url, &["--out", file.path().to_str().unwrap()])).await;
    assert!(said.contains("cannot make the directory"), "{said}");
    assert!(
        complaint(grab(&url, &["--camera", "7"]))
            .await
            .contains("there is no camera \"7\"")
    );
    assert!(
        complaint(grab("gopher://x", &[]))
            .await
            .contains("not the URL of a server")
    );
    assert!(
        complaint(grab(&url, &["--every", "0"]))
            .await
            .contains("from 0.01 to 3600")
    );

    let mut full = grab(&url, &[]);
    full.stdout(std::fs::File::create("/dev/full").unwrap());
    assert!(complaint(full).await.contains("No space left on device"));

    let mut deaf = grab(&url, &[]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    deaf.stdout(writer);
    assert!(complaint(deaf).await.contains("has closed the pipe"));
    server.stop().await;
    assert!(complaint(grab(&url, &[])).await.contains("cannot reach"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_without_frames_is_a_failure() {
    let empty = tempfile::tempdir().unwrap();
    let source = format!("files:{}", empty.path().display());
    let server = TestServer::start(|typed| typed.source = vec![source]);
    let said = complaint(grab(&url(&server), &["--duration", "1"])).await;
    assert!(said.contains("no frame came in 1 s: "), "{said}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_takes_nothing_holds_up_neither_the_time_nor_a_signal() {
    let server = TestServer::start(|_| ());
    // Nobody reads its standard output, which is soon full.
    let mut timed = grab(&url(&server), &["--duration", "3"]).spawn().unwrap();
    let mut endless = grab(&url(&server), &[]).spawn().unwrap();
    let ended = tokio::task::spawn_blocking(move || {
        let timed = timed.wait().unwrap();
        let mut signal = Command::new("kill");
        signal.args(["-INT", &endless.id().to_string()]);
        assert!(signal.status().unwrap().success());
        (timed, endless.wait().unwrap())
    });
    let (timed, endless) = timeout(PATIENCE, ended).await.expect("it hangs").unwrap();
    assert!(timed.success() && endless.success(), "{timed}, {endless}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_nobody_takes_up_is_no_wrong_address() {
    let forwards = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = forwards.local_addr().unwrap();
    let close = tokio::spawn(async move {
        // As `ssh -L` does while its far end is down.
        drop(forwards.accept().await.unwrap());
    });
    let said = complaint(grab(&format!("http://{address}"), &[])).await;
    assert!(
        said.contains("broke") && !said.contains("WebSocket: give"),
        "{said}"
    );
    close.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_server_of_ours_is_told_without_its_bytes() {
    let server = TestServer::start(|_| ());
    for path in ["snapshot.jpg", "stream.mjpg", "healthz"] {
        let said = complaint(grab(&format!("{}{path}", url(&server)), &[])).await;
        assert!(said.contains("not with a WebSocket"), "{path}: {said}");
    }
    server.stop().await;
    let hostile = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = hostile.local_addr().unwrap();
    let refuse = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = hostile.accept().await.unwrap();
        let _ = stream.read(&mut [0; 2048]).await.unwrap();
        let answer = "HTTP/1.1 403 No\r\nContent-Length: 19\r\n\r\nno\x1b]0;owned\x07\x1b[2J\rdone";
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let said = complaint(grab(&format!("http://{address}"), &[])).await;
    assert!(said.contains("403") && said.contains("done"), "{said}");
    assert!(!said.contains(char::is_control), "{said:?}");
    refuse.await.unwrap();
}

//! Software that isn't ours reads what the server sends: ffmpeg, curl, GStreamer, OpenCV, Python's Prometheus client.
//! `./dev test` installs it.
//!
//! What plays until it is told to stop is in `players`, nginx in `proxy`. What no such program can see, such as the order
//! of bytes on the socket, is tested in `http`.

use crate::support::{PATIENCE, TestServer};
use std::process::{Command, Output, Stdio};
use tokio::time::timeout;

/// Runs a program to its end; what it printed.
pub(crate) async fn run(package: &'static str, program: &str, arguments: &[&str]) -> String {
    let mut command = tokio::process::Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // Some of these programs take seconds to start.
    let output = timeout(3 * PATIENCE, command.output())
        .await
        .unwrap_or_else(|_| panic!("{program} {arguments:?} hangs"));
    let Output {
        status,
        stdout,
        stderr,
    } = output.unwrap_or_else(|error| missing(package, program, &error));
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "{program} {status}\n{stdout}\n{stderr}");
    stdout
}

/// Runs Python with Debian's modules; that Python need not be the first one on PATH.
pub(crate) async fn python(packages: &'static str, modules: &str, arguments: &[&str]) -> String {
    let has = |python: &&&str| {
        let mut command = Command::new(**python);
        command.args(["-c", &format!("import {modules}")]);
        command
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let Some(python) = ["python3", "/usr/bin/python3"].iter().find(has) else {
        missing(
            packages,
            &format!("Python's {modules}"),
            "no python3 can import it",
        )
    };
    run(packages, python, arguments).await
}

/// Says what to install, and fails.
pub(crate) fn missing(package: &str, what: &str, error: impl std::fmt::Display) -> ! {
    panic!(
        "this test needs {what} ({error}): install it with  apt install {package}  or run ./dev test, which does"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ffmpeg_decodes_every_part_of_a_stream() {
    let server = TestServer::start(|_| ());
    for path in [
        "stream.mjpg",
        "?action=stream",
        "video.mjpg?fps=20&nonce=1?t=2",
    ] {
        let url = format!("http://{}/{path}", server.address);
        let frames = [
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-read_intervals",
            "%+#20",
            "-count_frames",
            "-show_entries",
            "stream=codec_name,width,height,nb_read_frames",
            "-of",
            "csv=p=0",
            &url,
        ];
        let counted = run("ffmpeg", "ffprobe", &frames).await;
        assert!(counted.starts_with("mjpeg,320,240,2"), "{path}: {counted}");
    }
    // With -xerror the first broken frame is an error.
    let url = format!("http://{}/stream.mjpg", server.address);
    run(
        "ffmpeg",
        "ffmpeg",
        &[
            "-v",
            "error",
            "-xerror",
            "-i",
            &url,
            "-frames:v",
            "30",
            "-f",
            "null",
            "-",
        ],
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_is_answered_as_it_asks_in_every_version_of_http() {
    let server = TestServer::start(|_| ());
    let url = |path: &str| format!("http://{}/{path}", server.address);
    let status = "%{http_code} %{content_type} %{size_download}";
    for version in ["--http1.0", "--http1.1", "--http2"] {
        let asked = [version, "-s", "-o", "/dev/null", "-w", status];
        let said = run(
            "curl",
            "curl",
            &[&asked[..], &[&url("snapshot.jpg?max_age=100")]].concat(),
        )
        .await;
        let (kind, size) = said.rsplit_once(' ').unwrap();
        assert_eq!(kind, "200 image/jpeg", "{version}");
        assert!(size.parse::<u32>().unwrap() > 1000, "{version}: {said}");

        let asked = [version, "-s", "-I", "-w", "%{http_code}", "-o", "/dev/null"];
        for path in ["stream.mjpg", "snapshot.jpg", "api/v1/status", "metrics"] {
            assert_eq!(
                run("curl", "curl", &[&asked[..], &[&url(path)]].concat()).await,
                "200",
                "{version} {path}"
            );
        }
        let asked = [version, "-s", "-X", "OPTIONS", "-w", "%{http_code}"];
        assert_eq!(
            run(
                "curl",
                "curl",
                &[&asked[..], &[&url("stream.mjpg")]].concat()
            )
            .await,
            "204",
            "{version}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gstreamer_takes_the_stream_apart() {
    let server = TestServer::start(|_| ());
    let location = format!("location=http://{}/stream.mjpg", server.address);
    let pipeline = [
        "-q",
        "souphttpsrc",
        &location,
        "!",
        "multipartdemux",
        "!",
        "jpegdec",
        "!",
        "fakesink",
        "num-buffers=20",
    ];
    run(
        "gstreamer1.0-tools gstreamer1.0-plugins-good",
        "gst-launch-1.0",
        &pipeline,
    )
    .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_what_prometheus_reads() {
    const SCRIPT: &str = "
import sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families
answer = urllib.request.urlopen(sys.argv[1])
assert answer.headers['content-type'].startswith('text/plain; version=0.0.4'), answer.headers
for family in text_string_to_metric_families(answer.read().decode()):
    assert family.documentation and family.type in ('counter', 'gauge'), family
    for sample in family.samples:
        print(sample.name, sample.labels, float(sample.value))
";
    let server = TestServer::start(|_| ());
    drop(server.request("GET", "/snapshot.jpg", "").await);
    let url = format!("http://{}/metrics", server.address);
    let said = python(
        "python3-prometheus-client",
        "prometheus_client",
        &["-c", SCRIPT, &url],
    )
    .await;
    assert!(
        said.contains("pistreamer_camera_up {'camera': 'pattern'} 1.0\n"),
        "{said}"
    );
    assert!(
        said.lines().all(|line| line.starts_with("pistreamer_")),
        "{said}"
    );
    let captured = said
        .lines()
        .find(|line| line.starts_with("pistreamer_frames_captured_total "));
    assert!(
        captured.is_some_and(|line| !line.ends_with(" 0.0")),
        "{said}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opencv_captures_the_stream() {
    const SCRIPT: &str = "
import cv2, sys
capture = cv2.VideoCapture(sys.argv[1])
assert capture.isOpened()
for _ in range(15):
    there, picture = capture.read()
    assert there and picture.shape == (240, 320, 3), (there, picture)
";
    let server = TestServer::start(|_| ());
    let url = format!("http://{}/stream.mjpg", server.address);
    python("python3-opencv", "cv2", &["-c", SCRIPT, &url]).await;
    server.stop().await;
}

/// A reader that knows parts and no chunks, as many small devices have.
#[tokio::test(flavor = "multi_thread")]
async fn a_naive_reader_of_http_1_1_finds_parts_and_nothing_else() {
    const SCRIPT: &str = r#"
import socket, sys
host, port = sys.argv[1].split(":")
lines = socket.create_connection((host, int(port))).makefile("rwb")
lines.write(b"GET /stream.mjpg HTTP/1.1\r\nHost: camera\r\n\r\n")
lines.flush()
while lines.readline().strip(): pass
for _ in range(5):
    assert lines.readline().startswith(b"--")
    length = 0
    while line := lines.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length": length = int(value)
    picture = lines.read(length)
    assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9")
    assert lines.readline() == b"\r\n"
"#;
    let server = TestServer::start(|_| ());
    python(
        "python3",
        "socket",
        &["-c", SCRIPT, &server.address.to_string()],
    )
    .await;
    server.stop().await;
}

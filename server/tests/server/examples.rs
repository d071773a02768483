//! The examples in Python and in Rust, run as people run them. Those for browsers are tested in `e2e/`.

use crate::software::python;
use crate::support::{PATIENCE, Running, TestServer};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::time::timeout;

async fn example(name: &str, packages: &'static str, modules: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name);
    let server = TestServer::start(|_| ());
    let url = format!("ws://{}/ws", server.address);
    let said = python(packages, modules, &[script.to_str().unwrap(), &url, "5"]).await;
    server.stop().await;
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_tells_number_size_and_age() {
    let said = example(
        "frames.py",
        "python3-websockets python3-pil",
        "websockets, PIL",
    )
    .await;
    let frames: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("frame "))
        .collect();
    assert_eq!(frames.len(), 5, "{said}");
    assert!(
        frames.iter().all(|line| line.contains(": 320x240, ")),
        "{said}"
    );
    assert!(said.starts_with(r#"{"type":"hello""#), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn movement_sees_the_test_pattern_move() {
    let said = example(
        "movement.py",
        "python3-websockets python3-opencv",
        "websockets, cv2",
    )
    .await;
    assert_eq!(said.lines().count(), 5, "{said}");
    assert!(
        said.lines()
            .any(|line| !line.trim_start().starts_with("0.0%")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn brightness_computes_something_from_each_frame_and_tells_when_nobody_is_there() {
    // `cargo test --workspace` builds it.
    let program = Path::new(env!("CARGO_BIN_EXE_pistreamer")).with_file_name("examples/brightness");
    let start = |url: &str| {
        let mut command = Command::new(&program);
        command
            .arg(url)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = command.spawn();
        Running(started.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
    };
    let server = TestServer::start(|_| ());
    let mut bright = start(&format!("http://{}", server.address));
    let out = BufReader::new(bright.0.stdout.take().unwrap());
    let lines = tokio::task::spawn_blocking(|| out.lines().take(5).map(Result::unwrap).collect());
    let lines: Vec<String> = timeout(PATIENCE, lines).await.unwrap().unwrap();
    assert_eq!(lines.len(), 5);
    for line in lines {
        let percent = line.split(' ').nth(2).unwrap().parse::<f64>().unwrap();
        assert!((20.0..80.0).contains(&percent), "{line}");
    }
    drop(bright);
    let address = server.address;
    server.stop().await;
    let mut alone = start(&format!("http://{address}"));
    let mut said = BufReader::new(alone.0.stderr.take().unwrap());
    let line = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        line
    });
    let line = timeout(PATIENCE, line).await.unwrap().unwrap();
    assert!(
        line.contains("cannot reach") && line.contains("trying again"),
        "{line}"
    );
}

//! A viewer that isn't ours: the five lines of Python that PROTOCOL.md shows people.

use crate::support::{PATIENCE, TestServer};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// The Python that has these modules: the first one on PATH, or the system's.
pub(crate) async fn python(modules: &str) -> &'static str {
    for python in ["python3", "/usr/bin/python3"] {
        let mut imports = Command::new(python);
        imports
            .args(["-c", &format!("import {modules}")])
            .stderr(Stdio::null());
        if imports.status().await.is_ok_and(|status| status.success()) {
            return python;
        }
    }
    panic!(
        "no Python with {modules}: install python3-pil, python3-websockets and python3-gpiozero, or run ./dev test"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn five_lines_of_python_decode_every_frame() {
    let protocol = include_str!("../../../PROTOCOL.md");
    let lines = protocol
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert_eq!(lines.lines().count(), 5);

    let server = TestServer::start(|_| ());
    let mut viewer = Command::new(python("PIL.Image, websockets").await)
        .args(["-c", lines, &format!("ws://{}/ws", server.address)])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut printed = BufReader::new(viewer.stdout.take().unwrap()).lines();
    let mut seqs = Vec::new();
    while seqs.len() < 30 {
        let line = timeout(PATIENCE, printed.next_line())
            .await
            .expect("Python shows nothing")
            .unwrap();
        let line = line.expect("Python gave up");
        assert!(line.starts_with("320 240 pistreamer/1 seq="), "{line}");
        let seq: u64 = line
            .split("seq=")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        seqs.push(seq);
    }
    assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
    viewer.kill().await.unwrap();
    server.stop().await;
}

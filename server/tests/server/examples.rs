//! The examples in Python, run as people run them. Those for browsers are tested in `e2e/`.

use crate::software::python;
use crate::support::TestServer;
use std::path::Path;

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

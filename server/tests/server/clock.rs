//! A wall clock that is set while the server runs, by hours, as NTP does where a Pi has no clock of its own.
//!
//! Wrong keys are counted by the steady clock: `access::throttle` never sees another.

use crate::process::{pistreamer, shim, started_with};
use crate::support::{PATIENCE, Running};
use futures::TryStreamExt;
use pistreamer::access::Store;
use pistreamer::util::clock::now_us;
use pistreamer_client::{Config, Subscription};
use serde_json::Value;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const HOUR: i64 = 3600;

/// A whole answer to a request, with the key or without.
async fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    timeout(PATIENCE, reading)
        .await
        .expect("no answer")
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(address: &str, path: &str, headers: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n"),
    )
    .await
}

async fn post(address: &str, path: &str, body: &str) -> String {
    let length = body.len();
    ask(
        address,
        &format!(
            "POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
    .await
}

async fn frame(viewer: &mut Subscription) -> pistreamer_client::Frame {
    let frame = timeout(PATIENCE, viewer.try_next()).await;
    frame.expect("no frame comes").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_changes_the_time_of_day_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().join("state"));
    let key = store.open().unwrap().owners().unwrap().as_str().to_owned();
    let ahead = directory.path().join("ahead");
    std::fs::write(&ahead, [0; 8]).unwrap();
    let ahead = std::fs::File::options().write(true).open(ahead).unwrap();
    let set = |seconds: i64| ahead.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    let state = directory.path().join("state");
    let mut command = pistreamer(&[
        "--source",
        "pattern",
        "--size",
        "160x120",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        state.to_str().unwrap(),
    ]);
    command
        .env("LD_PRELOAD", shim("clock-shim", directory.path()))
        .env("CLOCK_SHIM", directory.path().join("ahead"));
    let (server, url) = started_with(command, Stdio::inherit());
    let _server = Running(server);
    let address = url.trim_start_matches("http://").trim_end_matches('/');

    let config = || Config::new(&url.replace("//", &format!("//camera:{key}@"))).unwrap();
    let mut viewer = Subscription::start(config());
    let mut last = frame(&mut viewer).await.stamp.seq;
    let answer = post(address, "/api/v1/session", &format!(r#"{{"key":"{key}"}}"#)).await;
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let session = format!("Cookie: {}\r\n", cookie.unwrap().split(';').next().unwrap());
    let answer = post(
        address,
        &format!("/api/v1/tickets?key={key}"),
        r#"{"seconds":600}"#,
    )
    .await;
    let ticket: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let ticket = format!(
        "/snapshot.jpg?ticket={}",
        ticket["ticket"].as_str().unwrap()
    );

    for hours in [-1, 5, 0, 24 * 365 * 30, -24 * 365 * 20, -24 * 365 * 80, 0] {
        set(hours * HOUR);
        // The stamps follow, one after the other, and nobody is thrown out.
        let follows = |captured_us: u64| {
            let expected = now_us().saturating_add_signed(hours * HOUR * 1_000_000);
            captured_us.abs_diff(expected) < PATIENCE.as_micros() as u64
        };
        loop {
            let stamp = frame(&mut viewer).await.stamp;
            assert!(stamp.seq > last);
            last = stamp.seq;
            let health = get(address, "/healthz", "").await;
            assert!(health.contains(" 200 "), "{hours} h: {health}");
            if follows(stamp.captured_us) {
                break;
            }
        }
        // A session lasts 400 days.
        let answer = get(address, "/api/v1/session", &session).await;
        assert_eq!(answer.contains(" 401 "), hours > 400 * 24, "{hours} h");
        let answer = get(address, &format!("/api/v1/status?key={key}"), "").await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let status: Value = serde_json::from_str(body).unwrap();
        assert!(
            follows(status["time_us"].as_u64().unwrap()),
            "{hours} h: {status}"
        );
        assert!(
            status["uptime_s"].as_u64().unwrap() < 600,
            "{hours} h: {status}"
        );
        let age = status["viewers"][0]["ack_age_ms"].as_u64().unwrap();
        assert!(
            u128::from(age) < PATIENCE.as_millis(),
            "{hours} h: {status}"
        );
        // What ends at a time of day does so by the clock as it is now.
        let answer = get(address, &ticket, "Sec-Fetch-Site: same-origin\r\n").await;
        assert_eq!(
            answer.contains(" 200 OK"),
            hours <= 0,
            "{hours} h: {}",
            &answer[..100]
        );
        let fresh = get(
            address,
            &format!("/snapshot.jpg?max_age=1000&key={key}"),
            "",
        )
        .await;
        assert!(fresh.contains(" 200 OK"), "{hours} h");
    }
    assert_eq!(viewer.stats().connections, 1);
    frame(&mut Subscription::start(config())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_before_1970_from_its_start_serves_with_and_without_tls() {
    let directory = tempfile::tempdir().unwrap();
    let ahead = directory.path().join("ahead");
    std::fs::write(&ahead, (-24 * 365 * 80 * HOUR).to_ne_bytes()).unwrap();
    let state = directory.path().join("state");
    for tls in [&[][..], &["--tls", "self-signed"]] {
        let arguments = [
            "--source",
            "pattern",
            "--listen",
            "127.0.0.1:0",
            "--no-auth",
            "--state-dir",
            state.to_str().unwrap(),
        ];
        let mut command = pistreamer(&[&arguments, tls].concat());
        command
            .env("LD_PRELOAD", shim("clock-shim", directory.path()))
            .env("CLOCK_SHIM", &ahead);
        let (server, url) = started_with(command, Stdio::inherit());
        let _server = Running(server);
        // More than one connection: sessions are resumed, and each of a runtime's threads has a date of its own.
        for _ in 0..8 {
            let picture = Command::new("curl")
                .args(["-sSkf", "--max-time", "60", &format!("{url}snapshot.jpg")])
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&picture.stderr);
            assert!(picture.status.success(), "{url}: {said}");
            assert!(picture.stdout.starts_with(&[0xff, 0xd8]));
        }
    }
}

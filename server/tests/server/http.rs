//! Plain HTTP: snapshots, MJPEG, and the manners that other software expects.

use crate::support::{PATIENCE, TestServer, heavy_picture};
use pistreamer_protocol::{Stamp, jpeg};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

fn split(answer: &[u8]) -> (String, &[u8]) {
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("no end of headers")
        + 4;
    (
        String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase(),
        &answer[end..],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_one_whole_stamped_jpeg_under_every_alias() {
    let server = TestServer::start(|_| ());
    let aliases = [
        "/snapshot.jpg",
        "/snapshot",
        "/?action=snapshot",
        "/snapshot.jpg?cb=1?x=2",
        "/snapshot.jpg?max_age=0",
    ];
    for path in aliases {
        let answer = server.request("GET", path, "").await;
        let (headers, body) = split(&answer);
        assert!(headers.starts_with("http/1.1 200 "), "{path}: {headers}");
        assert!(
            headers.contains("content-type: image/jpeg") && headers.contains("no-store"),
            "{path}: {headers}"
        );
        assert_eq!(
            jpeg::inspect(body).map(|info| info.width),
            Ok(320),
            "{path}"
        );
        assert!(Stamp::read(body).is_some(), "{path}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_and_options_are_answered_everywhere() {
    let server = TestServer::start(|typed| typed.allow_origin = vec!["http://dash.example".into()]);
    server.camera_is(|camera| camera["state"] == "live").await;
    for path in [
        "/",
        "/stream.mjpg",
        "/?action=stream",
        "/snapshot.jpg",
        "/api/v1/status",
        "/healthz",
        "/metrics",
    ] {
        let head = server.request("HEAD", path, "").await;
        let (headers, body) = split(&head);
        // Where the viewer isn't built, / says so with 503.
        assert!(
            headers[8..].starts_with(" 200 ") || path == "/",
            "{path}: {headers}"
        );
        assert!(body.is_empty(), "HEAD {path} has a body");
        let options = server
            .request("OPTIONS", path, "Origin: http://dash.example\r\n")
            .await;
        let (headers, _) = split(&options);
        assert!(headers.starts_with("http/1.1 204 "), "{path}: {headers}");
        assert!(
            headers.contains("access-control-allow-origin: http://dash.example"),
            "{path}: {headers}"
        );
    }
    for (path, methods) in [
        ("/snapshot.jpg", "get, head, options"),
        ("/api/v1/tickets", "post, options"),
        ("/api/v1/session", "get, head, post, delete, options"),
    ] {
        let (headers, _) = split(&server.request("OPTIONS", path, "").await).clone();
        assert!(
            headers.contains(&format!("allow: {methods}\r\n")),
            "{path}: {headers}"
        );
    }
    let (headers, _) = split(&server.request("POST", "/snapshot.jpg", "").await).clone();
    assert!(headers.starts_with("http/1.1 405 "), "{headers}");
    assert!(
        server
            .get("/no/such/thing")
            .await
            .starts_with("HTTP/1.1 404 ")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_origins_pages_cannot_read_the_picture() {
    let server = TestServer::start(|_| ());
    let answer = server
        .request("GET", "/snapshot.jpg", "Origin: http://evil.example\r\n")
        .await;
    let (headers, body) = split(&answer);
    assert!(headers.starts_with("http/1.1 403 "), "{headers}");
    // They can read what would let them, and no more.
    assert!(headers.contains("access-control-allow-origin: http://evil.example"));
    assert!(String::from_utf8_lossy(body).contains("--allow-origin http://evil.example"));
    server.stop().await;
}

/// Opens an MJPEG stream as an HTTP/1.0 client, which gets it without chunks.
async fn open_stream(mut stream: TcpStream, path: &str) -> TcpStream {
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
        .await
        .unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_lengths_timestamps_and_each_boundary_at_once() {
    let server = TestServer::start(|_| ());
    let mut stream = open_stream(
        TcpStream::connect(server.address).await.unwrap(),
        "/stream.mjpg?t=1?u=2",
    )
    .await;
    let mut data = Vec::new();
    let mut parts = 0;
    let mut boundary = None;
    while parts < 5 {
        let read = timeout(PATIENCE, stream.read_buf(&mut data))
            .await
            .expect("the stream stands still")
            .unwrap();
        assert!(read > 0, "the stream ended");
        if boundary.is_none() && data.windows(4).any(|window| window == b"\r\n\r\n") {
            let (headers, body) = split(&data);
            let name = headers
                .split("boundary=")
                .nth(1)
                .expect("no boundary")
                .split("\r\n")
                .next()
                .unwrap()
                .to_owned();
            assert!(
                headers.contains("multipart/x-mixed-replace") && !name.contains('"'),
                "{headers}"
            );
            data = body.to_vec();
            boundary = Some(format!("--{name}\r\n"));
        }
        let Some(boundary) = &boundary else { continue };
        // A part is complete with the boundary behind it, before any byte of the next one.
        while let Some(part) = part(&data, boundary) {
            let (headers, body) = split(part);
            let len: usize = headers
                .split("content-length: ")
                .nth(1)
                .unwrap()
                .split("\r\n")
                .next()
                .unwrap()
                .parse()
                .unwrap();
            assert!(
                headers.contains("content-type: image/jpeg") && headers.contains("x-timestamp: "),
                "{headers}"
            );
            assert_eq!(body.len(), len + 2);
            assert_eq!(jpeg::inspect(&body[..len]).map(|info| info.height), Ok(240));
            let used = boundary.len() + part.len();
            data.drain(..used);
            parts += 1;
        }
    }
    drop(stream);
    server.stop().await;
}

/// What stands between the boundary at the start and the next one.
fn part<'a>(data: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    let rest = data.strip_prefix(boundary.as_bytes())?;
    let end = rest
        .windows(boundary.len())
        .position(|window| window == boundary.as_bytes())?;
    Some(&rest[..end])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mjpeg_client_that_takes_a_little_all_the_time_is_not_dropped() {
    const FRAME: usize = 12 << 20;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("heavy.jpg"),
        heavy_picture((64, 48), 1, FRAME),
    )
    .unwrap();
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", directory.path().display())];
        typed.send_timeout = Some(1.0);
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut slow = open_stream(socket.connect(server.address).await.unwrap(), "/stream").await;
    // A frame takes three seconds.
    let (mut taken, mut piece) = (0, vec![0; 64 << 10]);
    while taken < FRAME + (1 << 20) {
        tokio::time::sleep(std::time::Duration::from_millis(16)).await;
        let read = timeout(PATIENCE, slow.read(&mut piece))
            .await
            .unwrap()
            .unwrap();
        assert!(read > 0, "dropped after {taken} bytes");
        taken += read;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stalled_mjpeg_client_is_dropped() {
    let server = TestServer::start(|typed| {
        typed.capture.size = Some("1280x720".into());
        typed.send_timeout = Some(1.0);
    });
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let stalled = open_stream(socket.connect(server.address).await.unwrap(), "/stream").await;
    let gone = async {
        while !server
            .get("/metrics")
            .await
            .contains("\npistreamer_viewers_total 1\n")
        {}
        while !server
            .get("/metrics")
            .await
            .contains("\npistreamer_viewers 0\n")
        {}
    };
    timeout(PATIENCE, gone)
        .await
        .expect("a stalled client is kept");
    drop(stalled);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unfinished_request_does_not_hold_up_the_end() {
    let server = TestServer::start(|_| ());
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_and_metric_is_documented() {
    let documented = include_str!("../../../docs/api.md");
    let server = TestServer::start(|_| ());
    let watching = open_stream(
        TcpStream::connect(server.address).await.unwrap(),
        "/stream?fps=2",
    )
    .await;
    let answer = timeout(PATIENCE, async {
        loop {
            let answer = server.request("GET", "/api/v1/status", "").await;
            if String::from_utf8_lossy(&answer).contains("\"wire\":\"mjpeg\"") {
                return answer;
            }
        }
    });
    let answer = answer.await.expect("the viewer is not listed");
    let status: serde_json::Value = serde_json::from_slice(split(&answer).1).unwrap();
    let lists = [&status["cameras"][0], &status["viewers"][0], &status];
    let fields = lists.map(|object| object.as_object().unwrap().keys().cloned());
    let metrics = server.get("/metrics").await;
    let metrics = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let metrics = metrics.map(|line| line.split(' ').next().unwrap().to_owned());
    for name in fields.into_iter().flatten().chain(metrics) {
        assert!(
            documented.contains(&format!("`{name}`")),
            "docs/api.md says nothing of {name}"
        );
    }
    drop(watching);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_asks_what_there_is_neither_waits_for_a_camera_nor_sets_it_to_work() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    for path in ["/snapshot.jpg", "/?action=snapshot", "/stream.mjpg"] {
        let head = server.request("HEAD", path, "").await;
        let (headers, _) = split(&head);
        assert!(headers[8..].starts_with(" 200 "), "{path}: {headers}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_no_more_frames_than_were_asked_for() {
    let server = TestServer::start(|_| ());
    for (rate, apart) in [("10", 3), ("5", 6), ("7.5", 4)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("GET /stream.mjpg?fps={rate} HTTP/1.1\r\nHost: pi.local\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (mut bytes, mut seqs) = (Vec::new(), Vec::new());
        while seqs.len() < 12 {
            let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
            assert!(read.unwrap().unwrap() > 0, "the stream ended");
            let text = String::from_utf8_lossy(&bytes);
            let stamps = text.split("pistreamer/1 seq=").skip(1);
            let whole = stamps.filter_map(|stamp| stamp.split_once(" captured-us="));
            seqs = whole.map(|(seq, _)| seq.parse::<u64>().unwrap()).collect();
        }
        // Of 30 a second. A busy machine makes it more, and two that follow on a late one are nearer.
        let all = seqs[11] - seqs[1];
        assert!(all * 4 >= 10 * apart * 3, "{rate}: {seqs:?}");
    }
    server.stop().await;
}

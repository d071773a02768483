//! Frames that are fetched from elsewhere: from another pistreamer, and from cameras with an HTTP URL.

use crate::support::{PATIENCE, Running, TestServer, TestViewer, picture, python};
use futures::TryStreamExt;
use pistreamer_client::{Config, Subscription};
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::CameraState;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use tokio::time::timeout;

fn showing(source: impl Into<String>) -> TestServer {
    TestServer::start(|typed| typed.source = vec![source.into()])
}

fn subscribe(server: &TestServer, wire: WireFormat) -> Subscription {
    let config = Config::new(&format!("http://{}", server.address)).unwrap();
    Subscription::start(config.wire(wire))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_native_client_takes_every_frame_of_the_real_server() {
    let server = showing("pattern");
    for wire in WireFormat::ALL {
        let mut frames = subscribe(&server, wire);
        let mut last = 0;
        for _ in 0..20 {
            let frame = timeout(PATIENCE, frames.try_next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert!(frame.stamp.seq > last);
            assert_eq!(frame.wire, wire);
            last = frame.stamp.seq;
        }
        let stats = frames.stats();
        assert_eq!((stats.corrupt, stats.connections), (0, 1));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_come_through_a_chain_of_relays_byte_for_byte() {
    let origin = showing("pattern");
    let middle = showing(format!("ws://{}", origin.address));
    let last = showing(format!("ws://{}/ws", middle.address));
    let mut near = subscribe(&origin, WireFormat::GzipBase64);
    let mut far = subscribe(&last, WireFormat::GzipBase64);
    let (mut sent, mut received) = (BTreeMap::new(), BTreeMap::new());
    let both = async {
        while received
            .iter()
            .filter(|(seq, _)| sent.contains_key(*seq))
            .count()
            < 10
        {
            tokio::select! {
                frame = near.try_next() => {
                    let frame = frame.unwrap().unwrap();
                    sent.insert(frame.stamp.seq, frame.jpeg);
                }
                frame = far.try_next() => {
                    let frame = frame.unwrap().unwrap();
                    assert_eq!(frame.stamp.camera, "pattern");
                    received.insert(frame.stamp.seq, frame.jpeg);
                }
            }
        }
    };
    timeout(PATIENCE, both)
        .await
        .expect("frames don't come through");
    for (seq, jpeg) in &received {
        if let Some(original) = sent.get(seq) {
            assert_eq!(jpeg, original, "frame {seq} changed on the way");
        }
    }
    assert_eq!(last.camera().await["source"], "relay");
    for server in [last, middle, origin] {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_origins_state_comes_through_with_its_reason() {
    let origin = showing("tcp-listen:127.0.0.1:0");
    let middle = showing(format!("ws://{}", origin.address));
    let last = showing(format!("ws://{}", middle.address));
    last.camera_is(|camera| {
        let reason = camera["reason"].as_str().unwrap();
        camera["state"] == "no-signal" && reason.contains("no camera pushes pictures to")
    })
    .await;
    for server in [last, middle, origin] {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_goes_and_comes_back_is_found_again() {
    let origin = showing("pattern");
    let address = origin.address;
    let relay = showing(format!("ws://{address}"));
    let mut viewer = TestViewer::connect(&relay).await;
    let mut last = viewer.frame().await.stamp.seq;
    origin.stop().await;
    relay
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let again = TestServer::start(|typed| typed.listen = vec![address.to_string()]);
    relay.camera_is(|camera| camera["state"] == "live").await;
    for _ in 0..5 {
        let seq = viewer.frame().await.stamp.seq;
        assert!(seq > last, "{seq} after {last}");
        last = seq;
    }
    relay.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_rare_probe_is_fetched_while_nobody_looks() {
    let origin = showing("pattern");
    for source in [
        format!("ws://{}", origin.address),
        format!("http://{}/stream.mjpg", origin.address),
    ] {
        let relay = showing(source);
        let mut viewer = TestViewer::connect(&relay).await;
        viewer.frame().await;
        drop(viewer);
        origin.camera_is(|camera| camera["consumers"] == 0).await;
        assert_eq!(relay.camera().await["state"], "live");
        let mut late = TestViewer::connect(&relay).await;
        let asked = std::time::Instant::now();
        late.frame().await;
        assert!(asked.elapsed().as_millis() < 2000, "{:?}", asked.elapsed());
        drop(late);
        relay.stop().await;
    }
    origin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_known_of_an_http_camera_that_nobody_ever_watched_whether_it_is_there() {
    let origin = showing("pattern");
    let address = origin.address;
    let pulling = |path: &str| {
        TestServer::start(|typed| {
            typed.source = vec![format!("http://{address}{path}")];
            typed.retry_pause = Some(0.001);
        })
    };
    for path in ["/stream.mjpg", "/snapshot.jpg"] {
        let server = pulling(path);
        server.camera_is(|camera| camera["state"] == "live").await;
        origin.camera_is(|camera| camera["consumers"] == 0).await;
        let metrics = server.get("/metrics").await;
        assert!(
            metrics.contains("pistreamer_frames_captured_total{camera=\"127.0.0.1-")
                && metrics.contains("\"} 0\n# HELP pistreamer_frames_encoded_total"),
            "{metrics}"
        );
        server.stop().await;
    }
    origin.stop().await;
    let early = pulling("/stream.mjpg");
    early
        .camera_is(|camera| camera["state"] == "no-signal" && camera["reason"] != "")
        .await;
    let again = TestServer::start(|typed| typed.listen = vec![address.to_string()]);
    early.camera_is(|camera| camera["state"] == "live").await;
    again.camera_is(|camera| camera["consumers"] == 0).await;
    early.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_nobody_watches_knows_how_its_origin_is() {
    let origin = showing("pattern");
    let address = origin.address;
    let relay = showing(format!("ws://{address}"));
    let mut viewer = TestViewer::connect(&relay).await;
    let last = viewer.frame().await.stamp.seq;
    drop(viewer);
    origin.camera_is(|camera| camera["consumers"] == 0).await;
    assert_eq!(relay.camera().await["state"], "live");
    origin.stop().await;
    relay
        .camera_is(|camera| camera["state"] == "no-signal" && camera["reason"] != "")
        .await;
    let again = TestServer::start(|typed| typed.listen = vec![address.to_string()]);
    relay.camera_is(|camera| camera["state"] == "live").await;
    again.camera_is(|camera| camera["consumers"] == 0).await;
    assert_eq!(relay.camera().await["state"], "live");
    let mut late = TestViewer::connect(&relay).await;
    assert!(late.frame().await.stamp.seq > last);
    relay.stop().await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_mjpeg_stream_and_snapshot_are_cameras_too() {
    let origin = showing("pattern");
    for path in ["/stream.mjpg", "/?action=stream", "/snapshot.jpg"] {
        let server = showing(format!("http://{}{path}", origin.address));
        let mut viewer = TestViewer::connect(&server).await;
        let mut last = 0;
        for _ in 0..5 {
            let stamp = viewer.frame().await.stamp;
            assert!(stamp.seq > last, "{path}");
            last = stamp.seq;
        }
        drop(viewer);
        server.stop().await;
    }
    let missing = showing(format!("http://{}/api/v1/status", origin.address));
    missing
        .camera_is(|camera| {
            camera["reason"]
                .as_str()
                .unwrap()
                .contains("neither an MJPEG stream nor a JPEG")
        })
        .await;
    missing.stop().await;
    origin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mjpeg_servers_of_all_manners_are_understood() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("picture.jpg");
    let mut sent = picture((64, 48), 120);
    // A comment that looks like the end of a part.
    sent.splice(
        2..2,
        *b"\xff\xfe\x00\x1b--FRAME\r\n--FRAME\r\n\r\n\xff\xd9\0\0\0",
    );
    std::fs::write(&path, &sent).unwrap();
    for (boundary, delimiter, end, wrong_by) in [
        ("FRAME", "--FRAME", "\\r\\n", None),
        ("\"--FRAME\"", "--FRAME", "\\r\\n", None),
        ("--FRAME", "--FRAME", "\\n", None),
        ("\"FRAME;1\"", "--FRAME;1", "\\r\\n", None),
        ("", "--FRAME", "\\r\\n", None),
        ("FRAME", "--FRAME", "\\r\\n", Some("0")),
        ("FRAME", "--FRAME", "\\r\\n", Some("-15")),
        ("FRAME", "--FRAME", "\\r\\n", Some("150")),
    ] {
        let script = python("mjpeg_server.py")
            .args([boundary, delimiter, end])
            .arg(&path)
            .args(wrong_by)
            .stdout(Stdio::piped())
            .spawn();
        let mut script = Running(script.unwrap());
        let mut port = String::new();
        BufReader::new(script.0.stdout.as_mut().unwrap())
            .read_line(&mut port)
            .unwrap();
        let server = showing(format!(
            "http://me:s%40fe@127.0.0.1:{}/stream.mjpg",
            port.trim()
        ));
        assert!(!server.camera().await.to_string().contains("s@fe"));
        let mut viewer = TestViewer::connect(&server).await;
        for _ in 0..3 {
            let frame = viewer.frame().await;
            let expected = frame.stamp.write(&sent).unwrap();
            assert_eq!(frame.jpeg, expected, "{boundary}, {wrong_by:?}");
        }
        drop(viewer);
        server.stop().await;

        let stranger = showing(format!("http://127.0.0.1:{}/", port.trim()));
        stranger
            .camera_is(|camera| camera["reason"].as_str().unwrap().contains("USER:PASSWORD"))
            .await;
        let mut viewer = TestViewer::connect(&stranger).await;
        assert_eq!(viewer.hello().await.status.state, CameraState::NoSignal);
        drop(viewer);
        stranger.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_and_not_in_circles() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let origin = showing("pattern");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let target = origin.address;
    // Three paths: one leads to the origin, one here, one nowhere. The first two are not for everybody.
    let (tell, told) = tokio::sync::oneshot::channel();
    let redirecting = tokio::spawn(async move {
        let mut tell = Some(tell);
        // The camera is asked before anybody watches, and again for who does.
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 2048];
            let len = stream.read(&mut request).await.unwrap();
            let asked = String::from_utf8_lossy(&request[..len]).into_owned();
            if !asked.to_ascii_lowercase().contains("authorization: ") && !asked.contains("/circle")
            {
                let answer =
                    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"r\"\r\n\
                    Content-Length: 0\r\nConnection: close\r\n\r\n";
                stream.write_all(answer).await.unwrap();
                continue;
            }
            let location = if asked.starts_with("GET /start ") {
                "other/../moved".to_owned()
            } else if asked.starts_with("GET /moved ") {
                if let Some(tell) = tell.take() {
                    tell.send(asked).unwrap();
                }
                format!("http://{target}/stream.mjpg")
            } else {
                "/circle".to_owned()
            };
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let lost = showing(format!("http://{address}/circle"));
    lost.camera_is(|camera| camera["reason"].as_str().unwrap().contains("in a circle"))
        .await;
    lost.stop().await;
    let server = showing(format!("http://me:secret@{address}/start"));
    let mut viewer = TestViewer::connect(&server).await;
    viewer.frame().await;
    let asked = told.await.unwrap().to_ascii_lowercase();
    assert!(asked.contains("authorization: basic "), "{asked}");
    redirecting.abort();
    server.stop().await;
    origin.stop().await;
}

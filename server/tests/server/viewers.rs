//! What a viewer gets over a WebSocket, and what it can do to others.

use crate::support::{TestServer, TestViewer, picture};
use pistreamer_protocol::message::{CLOSE_BAD_MESSAGE, ServerMessage, ViewerMessage, Want};
use pistreamer_protocol::{Stamp, WireFormat, jpeg};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

const SUBPROTOCOL: &str = "sec-websocket-protocol";

#[tokio::test(flavor = "multi_thread")]
async fn hello_comes_first_and_then_frames_in_order() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    let hello = viewer.hello().await;
    assert_eq!(
        (hello.protocol, hello.wire.as_str()),
        (1, "pistreamer.gzip-base64.v1")
    );
    assert_eq!(
        (hello.camera.id.as_str(), hello.camera.test_pattern),
        ("pattern", true)
    );

    let first = viewer.frame().await;
    assert_eq!(
        jpeg::inspect(&first.jpeg).map(|info| (info.width, info.height)),
        Ok((320, 240))
    );
    assert_eq!(first.stamp.camera, "pattern");
    assert!(first.message_len as f64 <= first.jpeg.len() as f64 * 1.006 + 100.0);
    let mut last = first.stamp.seq;
    for _ in 0..30 {
        let seq = viewer.frame().await.stamp.seq;
        assert!(seq > last, "frame {seq} came after {last}");
        last = seq;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_known_subprotocol_is_taken_and_unknown_ones_alone_are_refused() {
    let server = TestServer::start(|_| ());
    let offer = [(
        SUBPROTOCOL,
        "later.v7, pistreamer.jpeg.v1, pistreamer.gzip-base64.v1",
    )];
    let mut viewer = TestViewer::connect_with(&server, "/ws?camera=0&_=17", &offer)
        .await
        .unwrap();
    assert_eq!(viewer.hello().await.wire, WireFormat::Jpeg.subprotocol());
    let frame = viewer.frame().await;
    assert_eq!(frame.message_len, frame.jpeg.len());

    assert_eq!(refusal(&server, "/ws", &[(SUBPROTOCOL, "chat")]).await, 400);
    assert_eq!(refusal(&server, "/ws?camera=9", &[]).await, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_chooses_the_wire_format_where_no_subprotocol_is_offered() {
    let server = TestServer::start(|_| ());
    let (gzip, jpeg) = (WireFormat::GzipBase64, WireFormat::Jpeg);
    let offer = [(SUBPROTOCOL, gzip.subprotocol())];
    for (path, offer, wire) in [
        ("/ws", &offer[..0], gzip),
        ("/ws?wire=", &offer[..0], gzip),
        ("/ws?wire=gzip-base64", &offer[..0], gzip),
        ("/ws?wire=jpeg&camera=0", &offer[..0], jpeg),
        ("/ws?wire=pistreamer.jpeg.v1", &offer[..0], jpeg),
        // What is offered has to be answered.
        ("/ws?wire=jpeg", &offer[..], gzip),
    ] {
        // Fails where a subprotocol is named that was not offered.
        let mut viewer = TestViewer::connect_with(&server, path, offer)
            .await
            .unwrap();
        assert_eq!(viewer.hello().await.wire, wire.subprotocol(), "{path}");
        let message = viewer.message().await;
        assert_eq!(WireFormat::of(&message), wire, "{path}");
    }
    let unknown = TestViewer::connect_with(&server, "/ws?wire=carrier-pigeon", &[]).await;
    let Err(Error::Http(response)) = unknown.map(|_| ()) else {
        panic!("it was taken")
    };
    assert_eq!(response.status(), 400);
    let said = String::from_utf8(response.body().clone().unwrap()).unwrap();
    assert!(said.contains("gzip-base64 and jpeg"), "{said}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_are_refused_unless_they_are_allowed() {
    let server =
        TestServer::start(|typed| typed.allow_origin = vec!["http://dash.example:8123".into()]);
    assert_eq!(
        refusal(&server, "/ws", &[("origin", "http://evil.example")]).await,
        403
    );
    assert_eq!(refusal(&server, "/ws", &[("origin", "null")]).await, 403);
    let own = format!("http://{}", server.address);
    for origin in [own.as_str(), "http://dash.example:8123"] {
        let mut viewer = TestViewer::connect_with(&server, "/ws", &[("origin", origin)])
            .await
            .unwrap();
        viewer.hello().await;
    }
    server.stop().await;
}

async fn refusal(server: &TestServer, path: &str, headers: &[(&'static str, &str)]) -> u16 {
    match TestViewer::connect_with(server, path, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the server let {headers:?} in at {path}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_message_gets_an_error_and_close_4400_and_an_unknown_one_nothing() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    viewer.say_raw(Message::text(r#"{"type":"dance"}"#)).await;
    viewer.say_raw(Message::binary(vec![1, 2, 3])).await;
    viewer.say(ViewerMessage::Ping { id: Some(7) }).await;
    loop {
        if let ServerMessage::Pong { id, time_us } = viewer.told().await {
            assert_eq!(id, Some(7));
            assert!(time_us > 1_700_000_000_000_000);
            break;
        }
    }
    viewer.say_raw(Message::text("{")).await;
    // The camera may open meanwhile, which is told too.
    loop {
        if let ServerMessage::Error { code, .. } = viewer.told().await {
            assert_eq!(code, "bad-message");
            break;
        }
    }
    assert_eq!(close_code(&mut viewer).await, CLOSE_BAD_MESSAGE);
    server.stop().await;
}

async fn close_code(viewer: &mut TestViewer) -> u16 {
    loop {
        match viewer.next().await {
            Some(Message::Close(Some(frame))) => return frame.code.into(),
            Some(_) => {}
            None => panic!("the server went without a close frame"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_stops_acknowledging_is_soon_sent_no_more() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    let seq = viewer.frame().await.stamp.seq;
    viewer.say(ViewerMessage::Ack { seq }).await;
    // Some frames were sent before the ack arrived. They use up the credit.
    let quiet_since = loop {
        let before = Instant::now();
        viewer.frame().await;
        if before.elapsed() > Duration::from_millis(700) {
            break before;
        }
    };
    // Only patience with lost acks brought that last frame.
    assert!(quiet_since.elapsed() > Duration::from_millis(700));
    let newest = viewer.frame().await.stamp.seq;
    viewer.say(ViewerMessage::Ack { seq: newest }).await;
    let before = Instant::now();
    viewer.frame().await;
    viewer.frame().await;
    assert!(
        before.elapsed() < Duration::from_millis(700),
        "an ack gave no credit"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_viewer_gets_nothing_and_goes_on_with_the_newest_frame() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    let mut other = TestViewer::connect(&server).await;
    viewer.frame().await;
    viewer.say(ViewerMessage::Pause).await;
    viewer.say(ViewerMessage::Ping { id: Some(1) }).await;
    while !matches!(viewer.told().await, ServerMessage::Pong { .. }) {}
    let first = other.frame().await.stamp.seq;
    while other.frame().await.stamp.seq < first + 10 {}
    viewer.say(ViewerMessage::Resume).await;
    assert!(viewer.frame().await.stamp.seq > first + 9);
    assert_eq!(
        viewer.skipped, 0,
        "what a viewer paused over counts as skipped"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_gets_as_few_frames_as_it_wants() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    viewer
        .say(ViewerMessage::Want(Want {
            max_fps: Some(5.0),
            ..Want::default()
        }))
        .await;
    viewer.say(ViewerMessage::Ping { id: None }).await;
    while !matches!(viewer.told().await, ServerMessage::Pong { .. }) {}
    let first = viewer.frame().await.stamp;
    let mut last = first.clone();
    for _ in 0..10 {
        last = viewer.frame().await.stamp;
    }
    // 11 frames at 5 fps are 2 s apart; the first pair may be closer.
    let seconds = (last.captured_us - first.captured_us) as f64 / 1e6;
    assert!(
        (1.7..2.6).contains(&seconds),
        "10 intervals at 5 fps took {seconds} s"
    );
    server.stop().await;
}

/// A server whose camera a test pushes to, picture by picture, and the camera's end.
async fn pushed() -> (TestServer, TcpStream) {
    let server = TestServer::start(|typed| typed.source = vec!["tcp-listen:127.0.0.1:0".into()]);
    let name = server.camera().await["name"].as_str().unwrap().to_owned();
    let camera = TcpStream::connect(name.rsplit(' ').next().unwrap()).await;
    (server, camera.unwrap())
}

/// Pushes a picture of 200 KB that another server stamped.
async fn push(camera: &mut TcpStream, seq: u64) {
    const PADDING: usize = 50_000;
    let mut jpeg = picture((64, 48), 120);
    for _ in 0..4 {
        let comment = [&[0xff, 0xfe][..], &(PADDING as u16).to_be_bytes()].concat();
        jpeg.splice(2..2, comment.into_iter().chain([b' '; PADDING - 2]));
    }
    let stamp = Stamp {
        seq,
        captured_us: 1,
        camera: "far".into(),
    };
    let jpeg = stamp.write(&jpeg).unwrap();
    let image = [&(jpeg.len() as u32).to_le_bytes()[..], &jpeg].concat();
    camera.write_all(&image).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_skip_is_counted_and_told_and_gaps_from_before_the_camera_are_not() {
    let (server, mut camera) = pushed().await;
    let stream = narrow_connection(&server).await;
    let mut slow = TestViewer::connect_over(stream, &server, "/ws", &[])
        .await
        .unwrap();
    let mut fast = TestViewer::connect(&server).await;
    slow.hello().await;
    fast.hello().await;
    // After the first one the slow viewer reads nothing while the other gets all. Of ten frames, nine never came to this
    // server.
    for number in 1..=60 {
        push(&mut camera, number * 10).await;
        assert_eq!(fast.frame().await.stamp.seq, number * 10);
        if number == 1 {
            assert_eq!(slow.frame().await.stamp.seq, 10);
        }
    }
    assert_eq!(fast.skipped, 0);
    let (mut received, mut last) = (1, 10);
    while last < 600 {
        let seq = slow.frame().await.stamp.seq;
        assert!(seq > last);
        (last, received) = (seq, received + 1);
    }
    // The report may come after the frame that follows the gap.
    while received + slow.skipped < 60 {
        if let ServerMessage::Skipped { count, .. } = slow.told().await {
            slow.skipped += count;
        }
    }
    assert_eq!(received + slow.skipped, 60);
    assert!(
        slow.skipped > 20,
        "only {} of 60 frames were skipped",
        slow.skipped
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_a_viewer_did_not_want_are_not_skipped_once_it_wants_all() {
    let (server, mut camera) = pushed().await;
    let mut viewer = TestViewer::connect(&server).await;
    let want = |max_fps| {
        ViewerMessage::Want(Want {
            max_fps,
            ..Want::default()
        })
    };
    viewer.say(want(Some(0.001))).await;
    viewer.say(ViewerMessage::Ping { id: None }).await;
    while !matches!(viewer.told().await, ServerMessage::Pong { .. }) {}
    let mut other = TestViewer::connect(&server).await;
    other.hello().await;
    for number in 1..=11 {
        push(&mut camera, number).await;
        assert_eq!(other.frame().await.stamp.seq, number);
        if number == 1 {
            assert_eq!(viewer.frame().await.stamp.seq, 1);
        }
    }
    viewer.say(want(None)).await;
    assert_eq!(viewer.frame().await.stamp.seq, 11);
    push(&mut camera, 12).await;
    assert_eq!(viewer.frame().await.stamp.seq, 12);
    assert_eq!(viewer.skipped, 0, "frames that it did not want");
    let status = server.get("/api/v1/status").await;
    let status: serde_json::Value =
        serde_json::from_str(status.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(status["viewers"][0]["thinned"], 9, "{status}");
    server.stop().await;
}

/// A connection whose receiving end holds little.
async fn narrow_connection(server: &TestServer) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.connect(server.address).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_says_goodbye_is_answered() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    viewer.frame().await;
    viewer.socket.close(None).await.unwrap();
    // tungstenite ends a connection without an answer in an error.
    while viewer.next().await.is_some() {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_says_goodbye_to_each_viewer() {
    let server = TestServer::start(|_| ());
    let mut viewers = [
        TestViewer::connect(&server).await,
        TestViewer::connect(&server).await,
    ];
    for viewer in &mut viewers {
        viewer.frame().await;
    }
    let stopping = tokio::spawn(server.stop());
    for viewer in &mut viewers {
        assert_eq!(close_code(viewer).await, u16::from(CloseCode::Away));
    }
    drop(viewers);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_captured_while_nobody_watches() {
    let server = TestServer::start(|_| ());
    let mut viewer = TestViewer::connect(&server).await;
    let seq = viewer.frame().await.stamp.seq;
    drop(viewer);
    // The camera has no more consumers as soon as the session notices; then its counter stands still.
    let captured = |status: &str| {
        status
            .split("\"captured\":")
            .nth(1)
            .unwrap()
            .split(',')
            .next()
            .unwrap()
            .to_owned()
    };
    let mut status = server.get("/api/v1/status").await;
    while !status.contains("\"consumers\":0") {
        status = server.get("/api/v1/status").await;
    }
    let mut late = TestViewer::connect(&server).await;
    let resumed = late.frame().await.stamp.seq;
    let before: u64 = captured(&status).parse().unwrap();
    assert!(
        before >= seq && resumed <= before + 2,
        "frames {before} to {resumed} were captured for nobody"
    );
    server.stop().await;
}

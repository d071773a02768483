//! Frames that are pushed over a WebSocket, to `/ingest`: by this program and by others.

use crate::pushed::state;
use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use futures::{SinkExt, StreamExt};
use pistreamer::app;
use pistreamer::config;
use pistreamer_client::Publisher;
use pistreamer_protocol::message::{CameraState, ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, WireFormat, pack};
use std::time::Instant;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A server that takes pictures, with its door open.
async fn ingest() -> TestServer {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    server
}

/// A push of the test pattern in this process; the sender ends it.
fn pushing(
    server: &TestServer,
) -> (
    oneshot::Sender<()>,
    tokio::task::JoinHandle<anyhow::Result<()>>,
) {
    let target = format!("ws://{}", server.address);
    let flags = [&target, "--source", "pattern", "--size", "320x240"];
    let push = config::Push::from_flags(flags).unwrap();
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        app::push(&push, async {
            let _ = stopped.await;
        })
        .await
    });
    (stop, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_to_ingest_is_seen_and_only_encoded_while_somebody_looks() {
    let server = ingest().await;
    let mut viewer = TestViewer::connect(&server).await;
    assert!(
        viewer
            .hello()
            .await
            .status
            .reason
            .text
            .contains("no client pushes")
    );
    let (stop, push) = pushing(&server);
    let first = viewer.frame().await;
    for seq in first.stamp.seq + 1..first.stamp.seq + 20 {
        let stamp = viewer.frame().await.stamp;
        assert!(stamp.seq >= seq);
        assert_eq!(stamp.camera, "pattern");
    }
    drop(viewer);
    // The pusher is told to pause, so that frames stop to come.
    let captured = async || server.camera().await["captured"].as_u64().unwrap();
    let quiet = async {
        loop {
            let (before, since) = (captured().await, Instant::now());
            while captured().await == before {
                if since.elapsed().as_millis() > 500 {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE, quiet)
        .await
        .expect("frames come though nobody looks");
    let mut late = TestViewer::connect(&server).await;
    assert_eq!(late.hello().await.status.state, CameraState::Live);
    late.frame().await;
    stop.send(()).unwrap();
    timeout(PATIENCE, push).await.unwrap().unwrap().unwrap();
    let (state, reason) = state(&mut late).await;
    assert_eq!(state, CameraState::NoSignal);
    assert!(reason.contains("disconnected"), "{reason}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_pattern_says_that_it_is_one_however_far_it_comes() {
    /// Waits until the viewer is told so.
    async fn told(viewer: &mut TestViewer, made_up: bool) {
        loop {
            if let ServerMessage::State(status) = viewer.told().await
                && status.test_pattern == Some(made_up)
            {
                return;
            }
        }
    }
    let origin = ingest().await;
    let relay = TestServer::start(|typed| typed.source = vec![format!("ws://{}", origin.address)]);
    let mut viewers = [
        TestViewer::connect(&origin).await,
        TestViewer::connect(&relay).await,
    ];
    for viewer in &mut viewers {
        assert!(!viewer.hello().await.camera.test_pattern);
    }
    let (stop, push) = pushing(&origin);
    for viewer in &mut viewers {
        told(viewer, true).await;
    }
    for server in [&origin, &relay] {
        assert_eq!(server.camera().await["test_pattern"], true);
        let mut late = TestViewer::connect(server).await;
        assert!(late.hello().await.camera.test_pattern);
    }
    // Who connects to a server whose own camera is the pattern learns it from its hello.
    let own = TestServer::start(|_| ());
    own.camera_is(|camera| camera["state"] == "live").await;
    let far = TestServer::start(|typed| typed.source = vec![format!("ws://{}", own.address)]);
    far.camera_is(|camera| camera["test_pattern"] == true).await;
    viewers[0].frame().await;
    stop.send(()).unwrap();
    timeout(PATIENCE, push).await.unwrap().unwrap().unwrap();
    // The next pusher has a camera.
    origin
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let config = pistreamer_client::Config::ingest(&format!("ws://{}", origin.address));
    let mut camera = Publisher::connect(&config.unwrap()).await.unwrap();
    camera.send(&picture((64, 48), 90)).await.unwrap();
    for viewer in &mut viewers {
        told(viewer, false).await;
    }
    for server in [far, own, relay, origin] {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_takes_one_pusher_and_tells_others_why_not() {
    let url = |server: &TestServer| format!("ws://{}", server.address);
    let refusal = async |server: &TestServer| {
        let config = pistreamer_client::Config::ingest(&url(server)).unwrap();
        Publisher::connect(&config).await.unwrap_err().to_string()
    };
    let server = ingest().await;
    let config = pistreamer_client::Config::ingest(&url(&server)).unwrap();
    let publisher = Publisher::connect(&config).await.unwrap();
    let said = refusal(&server).await;
    assert!(
        said.contains("409") && said.contains("another client pushes already"),
        "{said}"
    );
    drop(publisher);
    // The server notices by itself that the first has left.
    let next = async { while Publisher::connect(&config).await.is_err() {} };
    timeout(PATIENCE, next).await.expect("the door stays shut");

    let mut request = format!("{}/ingest", url(&server))
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("origin", "http://evil.example".parse().unwrap());
    match tokio_tungstenite::connect_async(request).await {
        Err(Error::Http(response)) => assert_eq!(response.status(), 403),
        other => panic!("a foreign page may push: {other:?}"),
    }
    server.stop().await;

    let without = TestServer::start(|_| ());
    let said = refusal(&without).await;
    assert!(
        said.contains("404") && said.contains("the source ingest"),
        "{said}"
    );
    without.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ingest_acknowledges_what_it_accepts_and_outlives_garbage() {
    let server = ingest().await;
    let mut viewer = TestViewer::connect(&server).await;
    let (mut pusher, _) =
        tokio_tungstenite::connect_async(format!("ws://{}/ingest", server.address))
            .await
            .unwrap();
    let stamped = |seq| {
        let stamp = Stamp {
            seq,
            captured_us: 5,
            camera: "far away".into(),
        };
        stamp.write(&picture((64, 48), 77)).unwrap()
    };
    let packed = pack(&stamped(41));
    for garbage in [
        vec![],
        b"hello".to_vec(),
        packed[..packed.len() / 2].to_vec(),
        stamped(41)[..100].to_vec(),
        pack(b"\xff\xd8 no picture \xff\xd9"),
    ] {
        pusher.send(Message::binary(garbage)).await.unwrap();
    }
    pusher.send(Message::text("{ no json")).await.unwrap();
    for (seq, message) in [(41, packed), (42, stamped(42)), (7, stamped(7))] {
        pusher.send(Message::binary(message)).await.unwrap();
        let answer = timeout(PATIENCE, pusher.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let answer = ViewerMessage::from_json(answer.to_text().unwrap());
        assert_eq!(answer, Ok(ViewerMessage::Ack { seq }));
        let frame = viewer.frame().await;
        // The pusher began anew with 7, and frames are only ever seen in order.
        assert_eq!(
            frame.stamp.seq,
            if seq == 7 {
                43.max(frame.stamp.seq)
            } else {
                seq
            }
        );
        assert_eq!(
            (frame.stamp.captured_us, frame.stamp.camera.as_str()),
            (5, "far away")
        );
        if seq != 7 {
            assert_eq!(frame.jpeg, stamped(seq));
        }
    }
    assert_eq!(server.camera().await["broken"], 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_push_their_own_pictures() {
    let server = ingest().await;
    let mut viewer = TestViewer::connect(&server).await;
    for wire in WireFormat::ALL {
        let config =
            pistreamer_client::Config::ingest(&format!("http://{}", server.address)).unwrap();
        let config = config.wire(wire);
        let connect = async {
            loop {
                if let Ok(publisher) = Publisher::connect(&config).await {
                    return publisher;
                }
            }
        };
        let mut publisher = timeout(PATIENCE, connect).await.unwrap();
        for brightness in [50, 100, 150] {
            publisher.ready().await.unwrap();
            publisher
                .send(&picture((64, 48), brightness))
                .await
                .unwrap();
            viewer.frame().await;
        }
        assert!(publisher.send(b"no picture").await.is_err());
        assert_eq!(publisher.close().await, 3);
    }
    server.stop().await;
}

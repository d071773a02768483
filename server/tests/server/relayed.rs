//! Chains of servers: what the last one knows of the first one's camera, and what it does with what comes twice or late.

use crate::pushed::{is_placard, next_picture};
use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use futures::SinkExt as _;
use pistreamer_client::{Config, Publisher};
use pistreamer_protocol::message::{CameraState, CameraStatus, Mode, ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, WireFormat};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header;

pub(crate) fn showing(source: impl Into<String>) -> TestServer {
    TestServer::start(|typed| typed.source = vec![source.into()])
}

pub(crate) fn relaying(origin: &TestServer) -> TestServer {
    showing(format!("ws://{}", origin.address))
}

/// A camera of a configuration file, with a source and further settings.
pub(crate) fn camera(source: &str, more: &str) -> String {
    format!("[[camera]]\nid = \"door\"\nsource = \"{source}\"\nsize = \"320x240\"\n{more}\n")
}

pub(crate) async fn stop(servers: impl IntoIterator<Item = TestServer>) {
    for server in servers {
        server.stop().await;
    }
}

/// Comes in as soon as the door is open.
async fn publisher(server: &TestServer) -> Publisher {
    let config = Config::ingest(&format!("http://{}", server.address)).unwrap();
    let connect = async {
        loop {
            if let Ok(publisher) = Publisher::connect(&config).await {
                return publisher;
            }
        }
    };
    timeout(PATIENCE, connect).await.unwrap()
}

fn stamped(seq: u64, captured_us: u64) -> Vec<u8> {
    let stamp = Stamp {
        seq,
        captured_us,
        camera: "far".into(),
    };
    stamp.write(&picture((64, 48), 90)).unwrap()
}

/// What a camera that delivers so rarely tells of itself.
fn live_at(fps: f64) -> CameraStatus {
    CameraStatus {
        state: CameraState::Live,
        mode: Some(Mode {
            width: 64,
            height: 48,
            fps,
        }),
        ..CameraStatus::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_being_opened_is_starting_all_along_a_chain() {
    let origin = showing("ingest");
    let relay = relaying(&origin);
    let mut publisher = publisher(&origin).await;
    publisher.status(live_at(5.0)).await.unwrap();
    relay.camera_is(|camera| camera["state"] == "live").await;
    let starting = CameraStatus {
        state: CameraState::Starting,
        ..live_at(5.0)
    };
    publisher.status(starting).await.unwrap();
    for server in [&origin, &relay] {
        server
            .camera_is(|camera| camera["state"] == "starting")
            .await;
    }
    publisher.status(live_at(5.0)).await.unwrap();
    relay.camera_is(|camera| camera["state"] == "live").await;
    publisher.close().await;
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_has_to_watch_for_a_chain_to_learn_that_the_camera_came_and_how_fast_it_is() {
    let origin = showing("ingest");
    let middle = relaying(&origin);
    let last = relaying(&middle);
    last.camera_is(|camera| {
        let reason = camera["reason"].as_str().unwrap();
        camera["state"] == "no-signal" && reason.contains("no client pushes pictures")
    })
    .await;
    let mut publisher = publisher(&origin).await;
    publisher.status(live_at(0.125)).await.unwrap();
    last.camera_is(|camera| camera["state"] == "live" && camera["width"] == 64)
        .await;
    for server in [&origin, &middle, &last] {
        let mut viewer = TestViewer::connect(server).await;
        assert_eq!(viewer.hello().await.fps, 0.125);
        drop(viewer);
    }
    publisher.close().await;
    last.camera_is(|camera| camera["state"] == "no-signal")
        .await;
    stop([last, middle, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_is_called_as_its_origin_is_until_its_own_owner_gives_it_a_name() {
    let named = |name: &str| camera("pattern", &format!("name = \"{name}\""));
    let origin = TestServer::configured(&named("Front door"));
    let far = format!("ws://{}", origin.address);
    let relay = TestServer::configured(&camera(&far, ""));
    let is = async |name: &str| relay.camera_is(|camera| camera["name"] == name).await;
    is("Front door").await;
    let mut viewer = TestViewer::connect(&relay).await;
    assert_eq!(viewer.hello().await.camera.name, "Front door");
    let metrics = relay.get("/metrics").await;
    assert!(metrics.contains("name=\"Front door\""), "{metrics}");

    origin.configure(&named("Back door")).await;
    let told = async {
        loop {
            if let Ok(ServerMessage::State(status)) = viewer.heard().await
                && status.name.as_deref() == Some("Back door")
            {
                return;
            }
        }
    };
    timeout(PATIENCE, told).await.unwrap();
    is("Back door").await;

    relay.configure(&camera(&far, "name = \"Mine\"")).await;
    is("Mine").await;
    origin.configure(&named("Side door")).await;
    origin
        .camera_is(|camera| camera["name"] == "Side door")
        .await;
    // What comes after the name came after it.
    viewer.frame().await;
    is("Mine").await;
    relay.configure(&camera(&far, "")).await;
    is("Side door").await;
    drop(viewer);
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_that_tells_no_size_shows_it_by_its_first_picture() {
    let origin = showing("ingest");
    let last = relaying(&origin);
    last.camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let mut publisher = publisher(&origin).await;
    publisher.send(&stamped(7, 1_000_000)).await.unwrap();
    last.camera_is(|camera| camera["state"] == "live" && camera["height"] == 48)
        .await;
    publisher.close().await;
    stop([last, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_frame_once_more_is_no_new_frame() {
    let origin = showing("ingest");
    let relay = relaying(&origin);
    let mut publisher = publisher(&origin).await;
    // Somebody there keeps the origin's camera at work while the relay is away.
    let mut near = TestViewer::connect(&origin).await;
    let mut far = TestViewer::connect(&relay).await;
    origin.camera_is(|camera| camera["consumers"] == 2).await;
    publisher.send(&stamped(7, 1_000_000)).await.unwrap();
    assert_eq!(near.frame().await.stamp.seq, 7);
    assert_eq!(far.frame().await.stamp.seq, 7);
    // It goes, and a new connection to the origin begins with the same frame.
    drop(far);
    origin.camera_is(|camera| camera["consumers"] == 1).await;
    let mut far = TestViewer::connect(&relay).await;
    origin.camera_is(|camera| camera["consumers"] == 2).await;
    let relayed = relay.camera().await["captured"].clone();
    publisher.send(&stamped(8, 2_000_000)).await.unwrap();
    assert_eq!(far.frame().await.stamp.seq, 8);
    assert_eq!(relayed, 1);
    publisher.close().await;
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_comes_again_is_seen_by_who_came_meanwhile() {
    let server = showing("ingest");
    let mut publisher = publisher(&server).await;
    let frame = stamped(7, 1_000_000);
    for path in ["/snapshot.jpg", "/snapshot.jpg", "/snapshot.jpg?width=16"] {
        let again = async {
            server.camera_is(|camera| camera["consumers"] == 1).await;
            publisher.send(&frame).await.unwrap();
        };
        let (snapshot, ()) = tokio::join!(server.get(path), again);
        assert!(
            snapshot.contains("pistreamer/1 seq=7 "),
            "{path}: {snapshot}"
        );
        server.camera_is(|camera| camera["consumers"] == 0).await;
    }
    assert_eq!(server.camera().await["captured"], 1);
    publisher.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_was_shown_before_is_shown_again_after_another_source() {
    let origin = showing("ingest");
    let far = format!("ws://{}", origin.address);
    let relay = TestServer::configured(&camera(&far, ""));
    let mut publisher = publisher(&origin).await;
    // Somebody there keeps the origin's newest frame.
    let mut near = TestViewer::connect(&origin).await;
    let mut viewer = TestViewer::connect(&relay).await;
    origin.camera_is(|camera| camera["consumers"] == 2).await;
    publisher.send(&stamped(7, 1_000_000)).await.unwrap();
    near.frame().await;
    assert_eq!(viewer.frame().await.stamp.captured_us, 1_000_000);
    for (source, is_origins) in [("pattern", false), (&*far, true)] {
        relay.configure(&camera(source, "")).await;
        let mut last = 0;
        loop {
            let stamp = viewer.frame().await.stamp;
            assert!(stamp.seq > last);
            last = stamp.seq;
            if (stamp.captured_us == 1_000_000) == is_origins {
                break;
            }
        }
    }
    publisher.close().await;
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_comes_again_after_a_loss_takes_the_place_of_no_signal() {
    let shown = timeout(PATIENCE, comes_again_after_a_loss()).await;
    shown.expect("it is not shown");
}

async fn comes_again_after_a_loss() {
    let server = showing("ingest");
    let mut first = publisher(&server).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /stream.mjpg HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut stream = BufReader::new(stream);
    server.camera_is(|camera| camera["consumers"] == 1).await;
    first.send(&stamped(7, 1_000_000)).await.unwrap();
    while is_placard(&next_picture(&mut stream).await) {}
    first.close().await;
    while !is_placard(&next_picture(&mut stream).await) {}
    let mut second = publisher(&server).await;
    second.send(&stamped(7, 1_000_000)).await.unwrap();
    while is_placard(&next_picture(&mut stream).await) {}
    second.status(CameraStatus::default()).await.unwrap();
    while !is_placard(&next_picture(&mut stream).await) {}
    second.send(&stamped(7, 1_000_000)).await.unwrap();
    while is_placard(&next_picture(&mut stream).await) {}
    second.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_pusher_says_of_its_rate_holds_for_it_alone_and_within_reason() {
    let server = TestServer::start(|typed| {
        typed.source = vec!["ingest".into()];
        typed.capture.fps = Some(12.0);
    });
    let fps = async || {
        let mut viewer = TestViewer::connect(&server).await;
        viewer.hello().await.fps
    };
    let mut first = publisher(&server).await;
    for rate in [30.0, 5.0] {
        first.status(live_at(rate)).await.unwrap();
        while fps().await != rate {}
    }
    let mut impossible = live_at(7.0);
    impossible.mode = impossible.mode.map(|mode| Mode { width: 0, ..mode });
    first.status(impossible).await.unwrap();
    first.send(&stamped(1, 1)).await.unwrap();
    assert_eq!(fps().await, 5.0);
    first.close().await;
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let mut second = publisher(&server).await;
    second.send(&stamped(2, 2)).await.unwrap();
    server.camera_is(|camera| camera["state"] == "live").await;
    assert_eq!(fps().await, 12.0);
    second.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_age_of_a_snapshot_does_not_depend_on_the_clock_of_who_captured_it() {
    let server = showing("ingest");
    let mut publisher = publisher(&server).await;
    let mut viewer = TestViewer::connect(&server).await;
    // 1970, and the year 2100.
    for (seq, captured_us) in [(1, 5), (2, 4_102_444_800_000_000)] {
        server.camera_is(|camera| camera["consumers"] == 1).await;
        publisher.send(&stamped(seq, captured_us)).await.unwrap();
        viewer.frame().await;
        let fresh = server.get("/snapshot.jpg?max_age=50000").await;
        assert!(fresh.starts_with("HTTP/1.1 200 "), "{fresh}");
    }
    server.camera_is(|camera| camera["consumers"] == 1).await;
    // What was there when it was asked for is too old now, whatever it says.
    let next = async {
        server.camera_is(|camera| camera["consumers"] == 2).await;
        publisher.send(&stamped(3, 6)).await.unwrap();
    };
    let (fresh, ()) = tokio::join!(server.get("/snapshot.jpg?max_age=0"), next);
    assert!(fresh.contains("pistreamer/1 seq=3 "), "{fresh}");
    publisher.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_whose_frames_have_no_stamp_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = showing(format!("ws://{}", listener.local_addr().unwrap()));
    let viewer = TestViewer::connect(&relay).await;
    let origin = async {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
            let choose = |_: &Request, mut response: Response| {
                let wire = WireFormat::Jpeg.subprotocol().parse().unwrap();
                response
                    .headers_mut()
                    .insert(header::SEC_WEBSOCKET_PROTOCOL, wire);
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, choose)
                .await
                .unwrap();
            let live = ServerMessage::State(live_at(30.0)).to_json();
            let mut said = socket.send(Message::text(live)).await;
            while said.is_ok() {
                let jpeg = picture((64, 48), 90);
                said = socket.send(Message::binary(jpeg)).await;
                // As fast as it is looked at, and no faster.
                relay.camera().await;
            }
        }
    };
    tokio::select! {
        () = relay.camera_is(|camera| camera["reason"].as_str().unwrap().contains("no whole frame with a stamp")) => {}
        () = origin => unreachable!("it has no end"),
    }
    drop(viewer);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_two_relays_a_slow_viewer_is_as_near_to_now_as_behind_none() {
    /// Of the camera's, between two that the slow viewer acknowledges.
    const REST: u64 = 60;
    let origin = showing("pattern");
    let middle = relaying(&origin);
    let last = relaying(&middle);
    let mut fast = TestViewer::connect(&origin).await;
    let mut slow = TestViewer::connect(&last).await;
    let mut seen = slow.frame().await.stamp.seq;
    let first = seen;
    let mut taken = 0;
    for _ in 0..3 {
        let newest = loop {
            let seq = fast.frame().await.stamp.seq;
            fast.say(ViewerMessage::Ack { seq }).await;
            if seq >= seen + REST {
                break seq;
            }
        };
        // What was under way when it rested comes first, and then the newest one.
        while seen < newest {
            slow.say(ViewerMessage::Ack { seq: seen }).await;
            let seq = slow.frame().await.stamp.seq;
            assert!(seq > seen, "{seq} after {seen}");
            (seen, taken) = (seq, taken + 1);
        }
    }
    // Without a queue anywhere: whatever it did not take is not there any more.
    assert!(taken * 2 < seen - first, "{taken} of {}", seen - first);
    assert!(slow.skipped > 0, "nothing was told of what was left out");
    stop([last, middle, origin]).await;
}

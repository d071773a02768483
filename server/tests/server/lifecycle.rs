//! Cameras that are added, changed, restarted and removed while the server runs, before the eyes of their viewers.

use crate::support::{PATIENCE, Received, TestServer, TestViewer};
use pistreamer::camera::{Change, Command, Id, Settings, Target};
use pistreamer::source::Spec;
use pistreamer_client::Publisher;
use pistreamer_protocol::message::{CameraState, CameraStatus, ServerMessage};
use tokio::io::{AsyncWriteExt, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

fn two_patterns() -> TestServer {
    TestServer::start(|typed| {
        typed.source = vec!["pattern".into(), "pattern".into()];
        typed.retry_pause = Some(0.01);
    })
}

fn settings(server: &TestServer, id: &str) -> Settings {
    server.cameras.get(id).unwrap().settings()
}

async fn viewers(server: &TestServer, camera: &str) -> Vec<TestViewer> {
    let mut viewers = Vec::new();
    for _ in 0..4 {
        let path = format!("/ws?camera={camera}&wire=jpeg");
        let mut viewer = TestViewer::connect_with(server, &path, &[]).await.unwrap();
        assert_eq!(viewer.hello().await.camera.id, camera);
        viewer.frame().await;
        viewers.push(viewer);
    }
    viewers
}

/// What a viewer is told of the camera until a frame comes that is such, and the frame.
async fn until_frame(
    viewer: &mut TestViewer,
    such: impl Fn(&Received) -> bool,
) -> (Vec<CameraStatus>, Received) {
    let mut told = Vec::new();
    loop {
        match viewer.heard().await {
            Ok(ServerMessage::State(status)) => told.push(status),
            Ok(_) => {}
            Err(frame) if such(&frame) => return (told, frame),
            Err(_) => {}
        }
    }
}

fn width(frame: &Received) -> u32 {
    let info = pistreamer_protocol::jpeg::inspect(&frame.jpeg);
    info.unwrap().width.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_viewers_stay_while_size_name_and_source_of_one_camera_change() {
    let server = two_patterns();
    let (mut changed, mut other) = (
        viewers(&server, "pattern").await,
        viewers(&server, "pattern-2").await,
    );
    let mut seqs = Vec::new();
    for viewer in &mut changed {
        seqs.push(viewer.frame().await.stamp.seq);
    }
    let mut settings = settings(&server, "pattern");
    settings.name = Some("Front door".into());
    (settings.capture.width, settings.capture.height) = (640, 480);
    server
        .cameras
        .apply(Change::Reconfigure(settings.clone()))
        .unwrap();
    for (viewer, before) in changed.iter_mut().zip(&mut seqs) {
        let (told, frame) = until_frame(viewer, |frame| width(frame) == 640).await;
        assert!(frame.stamp.seq > *before, "its seq does not go on");
        *before = frame.stamp.seq;
        assert_eq!(told[0].state, CameraState::Starting, "{told:?}");
        let last = told.last().unwrap();
        assert_eq!(
            (last.state, last.mode.unwrap().width),
            (CameraState::Live, 640)
        );
        assert_eq!(last.name.as_deref(), Some("Front door"));
    }

    let metrics = server.get("/metrics").await;
    let named =
        "pistreamer_camera_info{camera=\"pattern\",name=\"Front door\",source=\"pattern\"} 1\n";
    assert!(metrics.contains(named), "{metrics}");

    // Another source, which delivers JPEGs.
    let pictures = tempfile::tempdir().unwrap();
    let jpeg = crate::support::picture((160, 120), 90);
    std::fs::write(pictures.path().join("1.jpg"), jpeg).unwrap();
    settings.source = Spec::parse(&format!("files:{}", pictures.path().display())).unwrap();
    server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    for (viewer, before) in changed.iter_mut().zip(&seqs) {
        let (told, frame) = until_frame(viewer, |frame| width(frame) == 160).await;
        assert!(frame.stamp.seq > *before, "its seq does not go on");
        assert_eq!(frame.stamp.camera, "pattern");
        let last = told.last().unwrap();
        assert_eq!(
            (last.state, last.test_pattern),
            (CameraState::Live, Some(false))
        );
    }

    // The other camera has neither stopped nor begun anew, and nobody was told anything of it.
    for viewer in &mut other {
        let mut last = viewer.frame().await.stamp.seq;
        let newest = server.cameras.get("pattern-2").unwrap();
        let newest = newest
            .feed()
            .counters
            .captured
            .load(std::sync::atomic::Ordering::Relaxed);
        while last < newest {
            match viewer.heard().await {
                Ok(ServerMessage::State(status)) => panic!("{status:?}"),
                Ok(_) => {}
                Err(frame) => {
                    assert!(frame.stamp.seq > last);
                    last = frame.stamp.seq;
                }
            }
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_restarted_keeps_its_viewers_and_counts_on() {
    let server = two_patterns();
    let mut viewers = viewers(&server, "pattern").await;
    let camera = server.cameras.get("pattern").unwrap();
    for _ in 0..3 {
        camera.send(Command::Restart).unwrap();
        for viewer in &mut viewers {
            let before = viewer.frame().await.stamp.seq;
            let (told, frame) = until_frame(viewer, |frame| frame.stamp.seq > before + 3).await;
            assert!(frame.stamp.seq > before + 3, "{told:?}");
        }
    }
    assert_eq!(server.cameras.list().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_quality_needs_no_restart() {
    let server = two_patterns();
    let mut viewer = viewers(&server, "pattern").await.remove(0);
    let before = viewer.frame().await.jpeg.len();
    let mut settings = settings(&server, "pattern");
    settings.quality = 20;
    server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    let (told, _) = until_frame(&mut viewer, |frame| frame.jpeg.len() < before / 2).await;
    assert_eq!(told, []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_made_is_told_and_the_next_one_is_shown() {
    let server = two_patterns();
    let mut viewer = viewers(&server, "pattern").await.remove(0);
    let good = settings(&server, "pattern");
    let mut tiny = good.clone();
    (tiny.capture.width, tiny.capture.height) = (64, 64);
    server.cameras.apply(Change::Reconfigure(tiny)).unwrap();
    loop {
        if let Ok(ServerMessage::State(status)) = viewer.heard().await
            && status.state == CameraState::NoSignal
        {
            assert!(
                status.reason.contains("cannot be read at 64x64"),
                "{status:?}"
            );
            break;
        }
    }
    server.cameras.apply(Change::Reconfigure(good)).unwrap();
    let (told, _) = until_frame(&mut viewer, |_| true).await;
    assert_eq!(told.last().unwrap().state, CameraState::Live);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_added_is_seen_and_one_that_is_removed_tells_its_viewers() {
    let server = two_patterns();
    let mut stays = viewers(&server, "pattern-2").await.remove(0);
    let added = Settings {
        id: Id::new("garage").unwrap(),
        ..settings(&server, "pattern")
    };
    server.cameras.apply(Change::Add(added.clone())).unwrap();
    assert!(server.cameras.apply(Change::Add(added)).is_err());
    let mut leaves = viewers(&server, "garage").await;
    assert!(server.get("/api/v1/cameras").await.contains("\"garage\""));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /stream.mjpg?camera=garage HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mjpeg = tokio::spawn(async move { tokio::io::copy(&mut stream, &mut sink()).await });
    while !server.get("/api/v1/status").await.contains("\"mjpeg\"") {}

    let garage = Id::new("garage").unwrap();
    server
        .cameras
        .apply(Change::Remove(garage.clone()))
        .unwrap();
    assert!(server.cameras.apply(Change::Remove(garage)).is_err());
    for viewer in &mut leaves {
        let mut said = Vec::new();
        let close = loop {
            match viewer.next().await {
                Some(Message::Text(text)) => said.push(text.to_string()),
                Some(Message::Close(close)) => break close,
                Some(_) => {}
                None => panic!("it went without a word: {said:?}"),
            }
        };
        assert!(
            matches!(&close, Some(CloseFrame { code, .. }) if u16::from(*code) == 4404),
            "{close:?}"
        );
        assert!(
            said.last().unwrap().contains("\"camera-removed\""),
            "{said:?}"
        );
    }
    let ended = timeout(PATIENCE, mjpeg).await;
    ended.expect("the stream goes on").unwrap().unwrap();
    let gone = server.get("/snapshot.jpg?camera=garage").await;
    assert!(gone.starts_with("HTTP/1.1 404 "), "{gone}");
    let seq = stays.frame().await.stamp.seq;
    while stays.frame().await.stamp.seq < seq + 3 {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_changes_which_camera_is_first_and_no_id() {
    let server = two_patterns();
    let mut settings = settings(&server, "pattern-2");
    settings.name = Some("Second".into());
    server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    let order = ["pattern-2", "pattern"].map(|id| Id::new(id).unwrap());
    let name = async |query: &str| {
        let path = format!("/ws{query}");
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        let hello = viewer.hello().await;
        (hello.camera.id, hello.camera.name)
    };
    let second = ("pattern-2".to_owned(), "Second".to_owned());
    assert_eq!(name("?camera=pattern-2").await, second);
    // From before cameras had ids: a place in the order.
    assert_eq!(name("?camera=1").await, second);
    server
        .cameras
        .apply(Change::Reorder(order.to_vec()))
        .unwrap();
    assert_eq!(name("?camera=pattern-2").await, second);
    assert_eq!(name("").await, second);
    assert_eq!(name("?camera=0").await, second);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_is_pushed_beside_its_viewers_and_where_its_settings_say() {
    let takes = || {
        TestServer::start(|typed| {
            typed.source = vec!["ingest".into()];
            typed.retry_pause = Some(0.01);
        })
    };
    let (first, second) = (takes(), takes());
    let server = TestServer::start(|typed| typed.push = vec![format!("ws://{}", first.address)]);
    let mut here = viewers(&server, "pattern").await.remove(0);
    let mut there = TestViewer::connect(&first).await;
    assert_eq!(there.frame().await.stamp.camera, "pattern");
    let seq = here.frame().await.stamp.seq;
    while there.frame().await.stamp.seq < seq {}

    let mut settings = settings(&server, "pattern");
    let target = format!("ws://{}", second.address);
    settings.push = vec![Target::parse(&target).unwrap()];
    server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    let mut elsewhere = TestViewer::connect(&second).await;
    elsewhere.frame().await;
    first
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let (told, _) = until_frame(&mut here, |frame| frame.stamp.seq > seq + 3).await;
    assert_eq!(told, [], "its own viewers notice nothing");
    // The end of a server that pushes ends its pushes, too.
    server.stop().await;
    second
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    for server in [first, second] {
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_has_ended_starts_no_more_cameras() {
    let server = TestServer::start(|_| ());
    let cameras = server.cameras.clone();
    let late = Settings {
        id: Id::new("late").unwrap(),
        ..settings(&server, "pattern")
    };
    server.stop().await;
    assert!(cameras.apply(Change::Add(late)).is_err());
    assert!(cameras.get("late").is_none());
}

/// A listener that takes connections and says nothing.
fn silent() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_source_that_is_gone_is_not_served_though_a_push_goes_on() {
    let (target, camera) = (silent(), silent());
    let pushed = format!("tcp://{}", target.local_addr().unwrap());
    let server = TestServer::start(|typed| {
        typed.source = vec!["ingest".into()];
        typed.push = vec![pushed];
        typed.retry_pause = Some(0.01);
    });
    let ingest = pistreamer_client::Config::ingest(&format!("ws://{}", server.address)).unwrap();
    let mut publisher = loop {
        // Until the source runs.
        if let Ok(publisher) = Publisher::connect(&ingest).await {
            break publisher;
        }
    };
    let jpeg = crate::support::picture((64, 48), 90);
    publisher.send(&jpeg).await.unwrap();
    let shown = async || server.get("/snapshot.jpg").await;
    assert!(shown().await.starts_with("HTTP/1.1 200 "));
    publisher.close().await;
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let answer = shown().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");

    let mut settings = settings(&server, "ingest");
    settings.source = Spec::parse("pattern").unwrap();
    let apply = |settings: Settings| server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    apply(settings.clone());
    let pattern = shown().await;
    assert!(pattern.starts_with("HTTP/1.1 200 "), "{pattern}");
    let address = camera.local_addr().unwrap();
    settings.source = Spec::parse(&format!("http://{address}/")).unwrap();
    apply(settings);
    let answer = shown().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    server.stop().await;
}

//! Cameras that are added, changed, restarted and removed while the server runs, before the eyes of their viewers.

use crate::support::{PATIENCE, Received, TestServer, TestViewer};
use pistreamer_client::Publisher;
use pistreamer_protocol::message::{CameraState, CameraStatus, ServerMessage};
use tokio::io::{AsyncWriteExt, sink};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// A camera of a configuration file.
fn camera(id: &str, settings: &str) -> String {
    format!("[[camera]]\nid = \"{id}\"\n{settings}\n")
}

/// A camera that shows a small test pattern, with further settings.
fn pattern(id: &str, more: &str) -> String {
    camera(
        id,
        &format!("source = \"pattern\"\nsize = \"320x240\"\n{more}"),
    )
}

fn door_and_yard() -> TestServer {
    TestServer::configured(&(pattern("door", "") + &pattern("yard", "")))
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
    let server = door_and_yard();
    let yard = pattern("yard", "");
    let (mut changed, mut other) = (
        viewers(&server, "door").await,
        viewers(&server, "yard").await,
    );
    let mut seqs = Vec::new();
    for viewer in &mut changed {
        seqs.push(viewer.frame().await.stamp.seq);
    }
    let name = "name = \"Front door\"\n";
    let larger = camera(
        "door",
        &format!("source = \"pattern\"\nsize = \"640x480\"\n{name}"),
    );
    server.configure(&(larger + &yard)).await;
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
        "pistreamer_camera_info{camera=\"door\",name=\"Front door\",source=\"pattern\"} 1\n";
    assert!(metrics.contains(named), "{metrics}");

    // Another source, which delivers JPEGs.
    let pictures = tempfile::tempdir().unwrap();
    let jpeg = crate::support::picture((160, 120), 90);
    std::fs::write(pictures.path().join("1.jpg"), jpeg).unwrap();
    let files = format!("source = \"files:{}\"\n{name}", pictures.path().display());
    server.configure(&(camera("door", &files) + &yard)).await;
    for (viewer, before) in changed.iter_mut().zip(&seqs) {
        let (told, frame) = until_frame(viewer, |frame| width(frame) == 160).await;
        assert!(frame.stamp.seq > *before, "its seq does not go on");
        assert_eq!(frame.stamp.camera, "door");
        let last = told.last().unwrap();
        assert_eq!(
            (last.state, last.test_pattern),
            (CameraState::Live, Some(false))
        );
    }

    // The other camera has neither stopped nor begun anew, and its viewers were told nothing of it.
    for viewer in &mut other {
        let mut last = viewer.frame().await.stamp.seq;
        let cameras = server.json("/api/v1/cameras").await;
        let newest = cameras["cameras"][1]["captured"].as_u64().unwrap();
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
    let server = door_and_yard();
    let mut viewers = viewers(&server, "door").await;
    for fps in [20, 25, 30] {
        let slower = pattern("door", &format!("fps = {fps}"));
        server.configure(&(slower + &pattern("yard", ""))).await;
        for viewer in &mut viewers {
            let before = viewer.frame().await.stamp.seq;
            let (told, frame) = until_frame(viewer, |frame| frame.stamp.seq > before + 3).await;
            assert!(frame.stamp.seq > before + 3, "{told:?}");
        }
    }
    let cameras = server.json("/api/v1/cameras").await;
    assert_eq!(cameras["cameras"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_an_administrator_restarts_keeps_its_viewers_and_touches_no_other() {
    let server = door_and_yard();
    let mut door = viewers(&server, "door").await;
    let mut yard = viewers(&server, "yard").await.remove(0);
    let seq = yard.frame().await.stamp.seq;
    // Before it is asked for: it may be told before the next frame.
    let mut before = Vec::new();
    for viewer in &mut door {
        before.push(viewer.frame().await.stamp.seq);
    }
    let answer = server
        .request(
            "POST",
            "/api/v1/cameras/door/restart",
            "Content-Length: 0\r\n",
        )
        .await;
    assert!(answer.starts_with(b"HTTP/1.1 202 "));
    for (viewer, before) in door.iter_mut().zip(before) {
        let starting = async {
            loop {
                if let Ok(ServerMessage::State(status)) = viewer.heard().await
                    && status.state == CameraState::Starting
                {
                    break;
                }
            }
        };
        timeout(PATIENCE, starting)
            .await
            .expect("no restart is told");
        assert!(viewer.frame().await.stamp.seq > before);
    }
    let (told, _) = until_frame(&mut yard, |frame| frame.stamp.seq > seq + 3).await;
    assert_eq!(told, [], "the other camera's viewers notice nothing");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_quality_needs_no_restart() {
    let server = door_and_yard();
    let mut viewer = viewers(&server, "door").await.remove(0);
    let before = viewer.frame().await.jpeg.len();
    let coarse = pattern("door", "quality = 20") + &pattern("yard", "");
    server.configure(&coarse).await;
    let (told, _) = until_frame(&mut viewer, |frame| frame.jpeg.len() < before / 2).await;
    assert_eq!(told, []);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_made_is_told_and_the_next_one_is_shown() {
    let server = door_and_yard();
    let yard = pattern("yard", "");
    let mut viewer = viewers(&server, "door").await.remove(0);
    let taken = silent();
    let address = taken.local_addr().unwrap();
    let listens = format!("source = \"tcp-listen:{address}\"");
    server.configure(&(camera("door", &listens) + &yard)).await;
    loop {
        if let Ok(ServerMessage::State(status)) = viewer.heard().await
            && status.state == CameraState::NoSignal
        {
            let said = format!("cannot listen on {address}");
            assert!(status.reason.text.contains(&said), "{status:?}");
            break;
        }
    }
    server.configure(&(pattern("door", "") + &yard)).await;
    let (told, _) = until_frame(&mut viewer, |_| true).await;
    assert_eq!(told.last().unwrap().state, CameraState::Live);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_added_is_seen_and_one_that_is_removed_tells_its_viewers() {
    let server = door_and_yard();
    let usual = pattern("door", "") + &pattern("yard", "");
    let mut stays = viewers(&server, "yard").await.remove(0);
    server
        .configure(&(usual.clone() + &pattern("garage", "")))
        .await;
    let mut leaves = viewers(&server, "garage").await;
    assert!(server.get("/api/v1/cameras").await.contains("\"garage\""));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /stream.mjpg?camera=garage HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mjpeg = tokio::spawn(async move { tokio::io::copy(&mut stream, &mut sink()).await });
    while !server.get("/api/v1/status").await.contains("\"mjpeg\"") {}

    server.configure(&usual).await;
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
    let (door, yard) = (pattern("door", ""), pattern("yard", "name = \"Second\""));
    let server = TestServer::configured(&format!("{door}{yard}"));
    let name = async |query: &str| {
        let path = format!("/ws{query}");
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        let hello = viewer.hello().await;
        (hello.camera.id, hello.camera.name)
    };
    let second = ("yard".to_owned(), "Second".to_owned());
    assert_eq!(name("?camera=yard").await, second);
    // From before cameras had ids: a place in the order.
    assert_eq!(name("?camera=1").await, second);
    server.configure(&format!("{yard}{door}")).await;
    assert_eq!(name("?camera=yard").await, second);
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
    let pushed =
        |target: &TestServer| pattern("door", &format!("push = \"ws://{}\"", target.address));
    let server = TestServer::configured(&pushed(&first));
    let mut here = viewers(&server, "door").await.remove(0);
    let mut there = TestViewer::connect(&first).await;
    assert_eq!(there.frame().await.stamp.camera, "door");
    let seq = here.frame().await.stamp.seq;
    while there.frame().await.stamp.seq < seq {}

    server.configure(&pushed(&second)).await;
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

/// A listener that takes connections and says nothing.
fn silent() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_source_that_is_gone_is_not_served_though_a_push_goes_on() {
    let (target, far) = (silent(), silent());
    let pushed = format!("push = \"tcp://{}\"", target.local_addr().unwrap());
    let showing = |source: &str| camera("door", &format!("source = \"{source}\"\n{pushed}"));
    let server = TestServer::configured(&showing("ingest"));
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

    server.configure(&showing("pattern")).await;
    let pattern = shown().await;
    assert!(pattern.starts_with("HTTP/1.1 200 "), "{pattern}");
    let address = far.local_addr().unwrap();
    let silent = showing(&format!("http://{address}/"));
    server.configure(&silent).await;
    let answer = shown().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    server.stop().await;
}

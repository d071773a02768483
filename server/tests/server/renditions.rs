//! The picture in the size that a viewer has use for: made once for all who want it, and for nobody else.

use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use pistreamer_protocol::jpeg::inspect;
use pistreamer_protocol::message::{PictureSize, ServerMessage, ViewerMessage, Want};
use serde_json::Value;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Width and height of a JPEG.
fn size(jpeg: &[u8]) -> (u16, u16) {
    let info = inspect(jpeg).unwrap();
    (info.width, info.height)
}

fn width(max_width: u32) -> ViewerMessage {
    ViewerMessage::Want(Want {
        max_width: Some(max_width),
        ..Want::default()
    })
}

/// Waits for a frame of that size, and returns its seq and its JPEG.
async fn frame_of(viewer: &mut TestViewer, wanted: (u16, u16)) -> (u64, Vec<u8>) {
    let wait = async {
        loop {
            let frame = viewer.frame().await;
            if size(&frame.jpeg) == wanted {
                return (frame.stamp.seq, frame.jpeg);
            }
        }
    };
    let frame = timeout(PATIENCE, wait).await;
    frame.unwrap_or_else(|_| panic!("no frame of {wanted:?} came"))
}

/// The scales of what is made now, and how many want each.
fn made(camera: &Value) -> Vec<(f64, u64)> {
    let renditions = camera["renditions"].as_array().unwrap();
    let of = |made: &Value| {
        (
            made["scale"].as_f64().unwrap(),
            made["consumers"].as_u64().unwrap(),
        )
    };
    renditions.iter().map(of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_viewer_gets_the_smallest_picture_that_is_as_wide_as_it_wants() {
    let server = TestServer::start(|typed| typed.capture.size = Some("640x480".into()));
    let mut full = TestViewer::connect(&server).await;
    let mut half = TestViewer::connect(&server).await;
    let mut quarter = TestViewer::connect(&server).await;
    half.say(width(200)).await;
    quarter.say(width(160)).await;
    frame_of(&mut half, (320, 240)).await;
    frame_of(&mut quarter, (160, 120)).await;
    frame_of(&mut full, (640, 480)).await;
    server
        .camera_is(|camera| made(camera) == [(1.0, 1), (0.5, 1), (0.25, 1)])
        .await;
    half.say(width(10_000)).await;
    frame_of(&mut half, (640, 480)).await;
    half.say(ViewerMessage::Want(Want::default())).await;
    server
        .camera_is(|camera| made(camera) == [(1.0, 2), (0.25, 1)])
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_has_the_same_stamp_in_every_size_and_the_viewer_is_told_the_size() {
    let server = TestServer::start(|typed| {
        typed.capture.size = Some("640x480".into());
        typed.capture.fps = Some(10.0);
    });
    let mut full = TestViewer::connect(&server).await;
    let mut half = TestViewer::connect(&server).await;
    half.say(width(320)).await;
    let told = loop {
        if let ServerMessage::Rendition(told) = half.told().await {
            break told;
        }
    };
    let expected = PictureSize {
        width: 320,
        height: 240,
        full_width: 640,
        full_height: 480,
    };
    assert_eq!(told, expected);
    let stamp = half.frame().await.stamp;
    let same = loop {
        let frame = full.frame().await;
        if frame.stamp.seq >= stamp.seq {
            break frame;
        }
    };
    assert_eq!(same.stamp, stamp);
    assert_eq!(size(&same.jpeg), (640, 480));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_names_its_width_in_the_address_gets_no_larger_frame_first() {
    let server = TestServer::start(|typed| typed.capture.size = Some("640x480".into()));
    let mut viewer = TestViewer::connect_with(&server, "/ws?width=300&quality=50", &[])
        .await
        .unwrap();
    assert_eq!(size(&viewer.frame().await.jpeg), (320, 240));
    viewer.say(ViewerMessage::Want(Want::default())).await;
    frame_of(&mut viewer, (640, 480)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_wants_is_not_encoded() {
    let server = TestServer::start(|typed| typed.capture.size = Some("640x480".into()));
    let mut viewer = TestViewer::connect(&server).await;
    viewer.say(width(320)).await;
    frame_of(&mut viewer, (320, 240)).await;
    server.camera_is(|camera| made(camera) == [(0.5, 1)]).await;
    let full_so_far = full_frames(&server).await;
    let first = viewer.frame().await.stamp.seq;
    while viewer.frame().await.stamp.seq < first + 10 {}
    assert_eq!(full_frames(&server).await, full_so_far);
    drop(viewer);
    server.camera_is(|camera| made(camera).is_empty()).await;
    server.stop().await;
}

/// How many frames were made in full size, by the metrics.
async fn full_frames(server: &TestServer) -> u64 {
    let metrics = server.get("/metrics").await;
    let name = "pistreamer_rendition_frames_total{camera=\"pattern\",scale=";
    assert!(metrics.contains(name), "{metrics}");
    let name = format!("{name}\"1/1\",quality=\"own\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_a_viewer_gets_the_next_larger_picture() {
    let server = TestServer::start(|typed| {
        typed.capture.size = Some("640x480".into());
        typed.renditions = Some(2);
    });
    let mut quarter = TestViewer::connect(&server).await;
    quarter.say(width(160)).await;
    frame_of(&mut quarter, (160, 120)).await;
    let mut eighth = TestViewer::connect(&server).await;
    eighth.say(width(80)).await;
    frame_of(&mut eighth, (160, 120)).await;
    let mut half = TestViewer::connect(&server).await;
    half.say(width(320)).await;
    // Its viewer would get the full size otherwise, which is more than the others get too much.
    frame_of(&mut half, (320, 240)).await;
    frame_of(&mut quarter, (320, 240)).await;
    frame_of(&mut eighth, (320, 240)).await;
    server.camera_is(|camera| made(camera) == [(0.5, 3)]).await;
    drop(half);
    // There is room for it now.
    frame_of(&mut quarter, (160, 120)).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_quality_is_a_smaller_file_of_the_same_size() {
    let server = TestServer::start(|_| ());
    let mut fine = TestViewer::connect(&server).await;
    let mut coarse = TestViewer::connect(&server).await;
    coarse
        .say(ViewerMessage::Want(Want {
            quality: Some(15),
            ..Want::default()
        }))
        .await;
    let fine = fine.frame().await.jpeg;
    let wait = async {
        loop {
            let jpeg = coarse.frame().await.jpeg;
            if jpeg.len() < fine.len() / 2 {
                return jpeg;
            }
        }
    };
    let coarse = timeout(PATIENCE, wait).await.expect("no smaller file came");
    assert_eq!(size(&coarse), size(&fine));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jpegs_are_scaled_for_who_wants_them_small_and_untouched_for_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let original = picture((642, 482), 90);
    std::fs::write(folder.path().join("1.jpg"), &original).unwrap();
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", folder.path().display())];
    });
    let mut full = TestViewer::connect(&server).await;
    let mut half = TestViewer::connect(&server).await;
    half.say(width(300)).await;
    let (_, small) = frame_of(&mut half, (321, 241)).await;
    let mut decoder = jpeg_decoder::Decoder::new(small.as_slice());
    let pixels = decoder.decode().unwrap();
    assert!(pixels.iter().all(|sample| sample.abs_diff(90) < 4));
    let (_, whole) = frame_of(&mut full, (642, 482)).await;
    assert!(whole.ends_with(&original[20..]), "the file was changed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_mixed_sizes_each_come_in_the_size_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, size) in [("1", (640, 480)), ("2", (1280, 720)), ("3", (320, 200))] {
        let name = folder.path().join(format!("{name}.jpg"));
        std::fs::write(name, picture(size, 128)).unwrap();
    }
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", folder.path().display())];
    });
    let mut viewer = TestViewer::connect(&server).await;
    viewer.say(width(320)).await;
    for wanted in [(320, 240), (320, 180), (320, 200), (320, 240)] {
        frame_of(&mut viewer, wanted).await;
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_and_streams_come_in_the_width_that_is_asked_for() {
    let server = TestServer::start(|typed| typed.capture.size = Some("640x480".into()));
    for (path, wanted) in [
        ("/snapshot.jpg", (640, 480)),
        ("/snapshot.jpg?width=320", (320, 240)),
        ("/?action=snapshot&width=1&quality=50", (80, 60)),
    ] {
        let answer = server.request("GET", path, "").await;
        let start = answer.windows(2).position(|two| two == [0xff, 0xd8]);
        assert_eq!(size(&answer[start.unwrap()..]), wanted, "{path}");
    }
    server.stop().await;
}

/// Wants frames that repeat told instead of sent.
const BEATS: ViewerMessage = ViewerMessage::Want(Want {
    max_fps: None,
    max_width: None,
    quality: None,
    unchanged: true,
    readings: false,
    motion: false,
    tiles: false,
});

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_repeats_is_told_instead_of_sent_to_who_wants_it_so() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("1.jpg");
    std::fs::write(name, picture((64, 48), 90)).unwrap();
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", folder.path().display())];
    });
    let mut plain = TestViewer::connect(&server).await;
    let mut viewer = TestViewer::connect(&server).await;
    viewer.say(BEATS).await;
    let mut last = 0;
    for _ in 0..10 {
        let beat = loop {
            if let ServerMessage::Unchanged { seq, captured_us } = viewer.told().await {
                assert!(captured_us > 1_700_000_000_000_000);
                break seq;
            }
        };
        assert!(beat > last);
        last = beat;
    }
    // Whoever didn't ask for it gets every frame.
    let first = plain.frame().await.stamp.seq;
    while plain.frame().await.stamp.seq < first + 10 {}
    // After a pause the picture may be gone.
    viewer.say(ViewerMessage::Pause).await;
    viewer.say(ViewerMessage::Resume).await;
    assert!(viewer.frame().await.stamp.seq > last);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_changes_is_sent_whatever_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    for (name, grey) in [("1", 80), ("2", 81)] {
        let name = folder.path().join(format!("{name}.jpg"));
        std::fs::write(name, picture((64, 48), grey)).unwrap();
    }
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", folder.path().display())];
    });
    let mut viewer = TestViewer::connect(&server).await;
    viewer.say(BEATS).await;
    viewer.say(ViewerMessage::Ping { id: None }).await;
    while !matches!(viewer.told().await, ServerMessage::Pong { .. }) {}
    let mut frames = 0;
    while frames < 20 {
        match viewer.next().await.unwrap() {
            Message::Binary(_) => frames += 1,
            Message::Text(text) => assert!(!text.contains("unchanged"), "{text}"),
            _ => {}
        }
    }
    server.stop().await;
}

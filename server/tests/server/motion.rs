//! Motion: what `pistreamer motion` finds, and what a server does about it.

use crate::process::{pistreamer, refused};
use crate::support::{PATIENCE, TestServer, TestViewer};
use pistreamer::source::{Layout, Plane, Yuv};
use pistreamer::stages::encode::JpegEncoder;
use pistreamer_protocol::message::{Happening, ServerMessage, Stage, ViewerMessage, Want};
use pistreamer_recording::export::inspect;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::time::timeout;

const WIDTH: usize = 320;
const HEIGHT: usize = 240;

/// A picture of a wall, before which somebody may stand.
fn wall(somebody: Option<usize>) -> Vec<u8> {
    let sample = |at: usize| {
        let (x, y) = (at % WIDTH, at / WIDTH);
        let is_somebody = somebody.is_some_and(|left| (left..left + 24).contains(&x));
        if is_somebody && (100..200).contains(&y) {
            235
        } else {
            (70 + (x / 16 * 37 + y / 16 * 53) % 80) as u8
        }
    };
    let y: Vec<_> = (0..WIDTH * HEIGHT).map(sample).collect();
    let chroma = vec![128; WIDTH / 2 * HEIGHT / 2];
    let plane = |data, stride| Plane { data, stride };
    let yuv = Yuv {
        width: WIDTH as u32,
        height: HEIGHT as u32,
        layout: Layout::I420([
            plane(y.as_slice(), WIDTH),
            plane(chroma.as_slice(), WIDTH / 2),
            plane(chroma.as_slice(), WIDTH / 2),
        ]),
    };
    let mut encoder = JpegEncoder::new().unwrap();
    encoder.encode(&yuv, 80).unwrap().to_vec()
}

/// Pictures at 5 a second: for 5 s nobody is there, then somebody walks from the left to the right for 5 s, then nobody for 4 s.
fn walk() -> Vec<Vec<u8>> {
    let somebody = |number: usize| (25..50).contains(&number).then(|| (number - 25) * 12);
    (0..70).map(|number| wall(somebody(number))).collect()
}

/// The same as one file.
fn clip(directory: &Path) -> PathBuf {
    let path = directory.join("walk.mjpg");
    std::fs::write(&path, walk().concat()).unwrap();
    path
}

/// The events that the program prints, line by line.
fn printed(arguments: &[&str]) -> Vec<Value> {
    let output = pistreamer(arguments).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_command_finds_who_walks_in_pictures_from_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let file = clip(directory.path());
    let pictures = directory.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for (number, picture) in walk().iter().enumerate() {
        std::fs::write(pictures.join(format!("{number:03}.jpg")), picture).unwrap();
    }
    let (file, pictures) = (file.to_str().unwrap(), pictures.to_str().unwrap());
    for source in [file, pictures] {
        let [start, end] = &printed(&["motion", source])[..] else {
            panic!("not one event in {source}");
        };
        assert_eq!(
            (&start["state"], &end["state"]),
            (&json!("start"), &json!("end"))
        );
        assert_eq!(end["source"], "motion");
        let seconds = |value: &Value| value.as_u64().unwrap() as f64 / 1e6;
        assert!((5.0..7.0).contains(&seconds(&end["start_us"])), "{end}");
        assert!((9.0..10.1).contains(&seconds(&end["end_us"])), "{end}");
        assert!(end["peak"].as_u64() > Some(10), "{end}");
    }
    // Twice as fast, each takes half as long.
    let fast = printed(&["motion", file, "--fps", "10"]);
    assert!(
        fast.iter()
            .all(|it| it["start_us"].as_u64() < Some(5_000_000)),
        "{fast:?}"
    );
    assert_eq!(
        printed(&["motion", file, "--motion-ignore", "0,0 1,0 1,1 0,1"]),
        Vec::<Value>::new()
    );
    let right = printed(&[
        "motion",
        file,
        "--motion-zone",
        "the right 0.5,0 1,0 1,1 0.5,1",
    ]);
    assert_eq!(right[1]["zones"], json!(["the right"]));
    assert!(right[1]["start_us"].as_u64() > Some(7_000_000), "{right:?}");
    let settings = directory.path().join("settings.toml");
    std::fs::write(&settings, "[[camera]]\nmotion.min_area = 20\n").unwrap();
    let settings = settings.to_str().unwrap();
    assert_eq!(
        printed(&["motion", file, "--settings", settings]),
        Vec::<Value>::new()
    );
    let boxes = directory.path().join("boxes.jsonl");
    let boxes = boxes.to_str().unwrap();
    printed(&["motion", file, "--boxes", boxes]);
    let lines = std::fs::read_to_string(boxes).unwrap();
    let moving = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let moving: Vec<_> = moving.filter(|line| line["boxes"] != json!([])).collect();
    assert_eq!(lines.lines().count(), 70);
    let lefts: Vec<_> = moving
        .iter()
        .map(|line| line["boxes"][0][0].as_f64().unwrap())
        .collect();
    assert!(
        lefts.len() > 15 && lefts[0] < 0.4 && lefts[lefts.len() - 1] > 0.7,
        "{lefts:?}"
    );
}

#[test]
fn what_cannot_be_looked_at_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().to_str().unwrap();
    for (arguments, says) in [
        (
            &["motion", empty][..],
            "neither recordings nor files of JPEGs",
        ),
        (&["motion", "/nowhere.mkv"], "cannot read /nowhere.mkv"),
        (&["motion", "/dev/null"], "no picture that can be looked at"),
        (&["motion", empty, "--sensitivity", "0"], "choose 1 to 100"),
        (
            &["motion", empty, "--motion-zone", "door 0,0 1,1"],
            "3 to 64 corners",
        ),
        (&["motion", empty, "--fps", "0"], "choose 0.1 to 240"),
    ] {
        let said = refused(arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

/// A server that shows the clip over and over, and records motion.
fn server(directory: &Path, more: &str) -> TestServer {
    let (file, root) = (clip(directory), directory.join("recordings"));
    TestServer::configured(&format!(
        "recording.directory = {root:?}\n[[camera]]\nid = \"door\"\nsource = \"files:{}\"\nfps = 5\n\
         record.after = 1\nrecord.before = 2\n{more}\n",
        file.display()
    ))
}

/// Waits for an event of that stage.
async fn event(viewer: &mut TestViewer, wanted: Stage) -> Happening {
    let wait = async {
        loop {
            if let Ok(ServerMessage::Event { event, state }) = viewer.heard().await
                && state == wanted
            {
                return event;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("no event is told")
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_is_told_to_viewers_recorded_with_what_was_before_and_listed() {
    let directory = tempfile::tempdir().unwrap();
    let zone = "record.mode = \"motion\"\nmotion.zones = [\"path 0,0 1,0 1,1 0,1\"]";
    let server = server(directory.path(), zone);
    let mut viewer = TestViewer::connect(&server).await;
    let start = event(&mut viewer, Stage::Start).await;
    assert_eq!(
        (start.camera.as_str(), start.source.as_str()),
        ("door", "motion")
    );
    assert_eq!(
        (start.end_us, &start.zones[..]),
        (None, &["path".to_owned()][..])
    );
    // What goes on is listed.
    let listed = server.json("/api/v1/events?camera=door&limit=1").await;
    assert_eq!(listed["events"][0]["id"], json!(start.id), "{listed}");
    let end = event(&mut viewer, Stage::End).await;
    assert_eq!((&end.id, end.start_us), (&start.id, start.start_us));
    assert!(end.end_us > Some(end.start_us + 2_000_000), "{end:?}");
    assert!(end.peak > Some(10), "{end:?}");
    let metrics = server.get("/metrics").await;
    assert!(
        metrics.contains("pistreamer_events_total{camera=\"door\"} 1\n"),
        "{metrics}"
    );
    server.stop().await;
    // By a server that knows of it from its recordings alone.
    let server = self::server(directory.path(), "record.mode = \"off\"");
    let listed = server.json("/api/v1/events").await;
    let [event] = &listed["events"].as_array().unwrap()[..] else {
        panic!("{listed}");
    };
    assert_eq!(
        (&event["id"], &event["zones"]),
        (&json!(end.id), &json!(["path"]))
    );
    assert_eq!(
        (&event["peak"], &event["source"]),
        (&json!(end.peak), &json!("motion"))
    );
    let near = |value: &Value, us: u64| value.as_u64().unwrap().abs_diff(us) < 50_000;
    assert!(near(&event["start_us"], end.start_us), "{event} {end:?}");
    assert!(
        near(&event["end_us"], end.end_us.unwrap()),
        "{event} {end:?}"
    );
    let minute = |us: u64| us / 60_000_000 * 60_000_000;
    let (from, to) = (minute(end.start_us), minute(end.start_us) + 120_000_000);
    let timeline = format!("/api/v1/recordings/timeline?from_us={from}&to_us={to}&step_s=10");
    let peaks = server.json(&timeline).await["peak"].clone();
    let most = peaks
        .as_array()
        .unwrap()
        .iter()
        .map(|peak| peak.as_u64().unwrap())
        .max();
    assert_eq!(most, end.peak.map(u64::from), "{peaks}");
    for (query, count) in [
        ("min_peak=255", 0),
        ("zone=path", 1),
        ("zone=street", 0),
        (&format!("before_us={}", end.start_us - 1_000_000), 0),
        (&format!("from_us={}", end.start_us + 1_000_000), 0),
    ] {
        let listed = server.json(&format!("/api/v1/events?{query}")).await;
        assert_eq!(
            listed["events"].as_array().unwrap().len(),
            count,
            "{query}: {listed}"
        );
    }
    server.stop().await;
    // The event's file begins before it, and there is nothing else but the sparse one.
    let days = std::fs::read_dir(directory.path().join("recordings/door")).unwrap();
    let files = days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap());
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    let of = |class: &str| {
        let end = format!("Z.{class}.mkv");
        let named = files
            .iter()
            .filter(|file| file.to_str().unwrap().ends_with(&end));
        named.cloned().collect::<Vec<_>>()
    };
    let [file] = &of("e")[..] else {
        panic!("{files:?}");
    };
    assert_eq!((of("c").len(), of("s").len()), (0, 1), "{files:?}");
    let inspected = inspect(file).unwrap();
    assert!(inspected.is_closed, "{inspected:?}");
    let lasts_ms = (end.end_us.unwrap() - end.start_us) / 1000;
    // Two seconds before it began, though that was known later, and one second after it; a picture may be missing at each end.
    let around_ms = inspected.duration_ms.saturating_sub(lasts_ms);
    assert!(
        (2500..=3500).contains(&around_ms),
        "{inspected:?} {lasts_ms}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_is_told_to_viewers_that_ask_and_settings_are_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let file = clip(directory.path());
    let camera = |more: &str| {
        let source = file.display();
        format!("[[camera]]\nid = \"door\"\nsource = \"files:{source}\"\nfps = 5\n{more}\n")
    };
    let server = TestServer::configured(&camera(""));
    let mut viewer = TestViewer::connect(&server).await;
    let want = Want {
        motion: true,
        ..Want::default()
    };
    viewer.say(ViewerMessage::Want(want)).await;
    server.configure(&camera("motion.on = true")).await;
    let wait = async {
        loop {
            if let Ok(ServerMessage::Motion { score, boxes, .. }) = viewer.heard().await
                && score > 0
            {
                return boxes;
            }
        }
    };
    let boxes = timeout(PATIENCE, wait).await.expect("nothing moves");
    let it = &boxes[0];
    assert!(
        (0.0..1.0).contains(&it.0) && (0.3..0.5).contains(&it.1),
        "{boxes:?}"
    );
    assert!((0.2..0.7).contains(&it.3), "{boxes:?}");
    server.configure(&camera("motion.on = false")).await;
    server.camera_is(|camera| camera["motion_score"] == 0).await;
    let status = server.json("/api/v1/status").await;
    assert_eq!(status["configuration"]["problems"], json!([]), "{status}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_tells_of_an_event_that_is_recorded_with_what_was_before() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path(), "record.mode = \"events\"");
    let mut viewer = TestViewer::connect(&server).await;
    // What is before it is there.
    for _ in 0..8 {
        viewer.frame().await;
    }
    let post = async |body: Value| {
        let body = body.to_string();
        let headers = format!("Content-Length: {}\r\n", body.len());
        let answer = server.send("POST", "/api/v1/events", &headers, &body).await;
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    };
    let bell = json!({"camera": "door", "label": "bell", "seconds": 0.4});
    let (head, body) = post(bell).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head} {body}");
    let told: Happening = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (told.label.as_str(), told.source.as_str(), told.peak),
        ("bell", "api", None)
    );
    let (_, again) = post(json!({"id": told.id, "seconds": 1.5})).await;
    let again: Happening = serde_json::from_str(&again).unwrap();
    assert_eq!((&again.id, again.label.as_str()), (&told.id, "bell"));
    let start = event(&mut viewer, Stage::Start).await;
    let end = event(&mut viewer, Stage::End).await;
    assert_eq!((&start.id, &end.id), (&told.id, &told.id));
    assert!(end.end_us >= Some(end.start_us + 1_000_000), "{end:?}");
    for (body, says) in [
        (json!({"seconds": 0}), "seconds is 0.1 to 3600"),
        (json!({"camera": "nowhere"}), "nowhere"),
        (json!({"label": "a\nb"}), "a label is a line"),
        (json!({"lable": "bell"}), "lable"),
    ] {
        let (head, said) = post(body).await;
        assert!(
            head.starts_with("HTTP/1.1 4") && said.contains(says),
            "{head} {said}"
        );
    }
    server.stop().await;
    let server = self::server(directory.path(), "record.mode = \"off\"");
    let listed = server.json("/api/v1/events").await;
    let [event] = &listed["events"].as_array().unwrap()[..] else {
        panic!("{listed}");
    };
    assert_eq!(
        (&event["label"], &event["source"], &listed["next_us"]),
        (&json!("bell"), &json!("api"), &json!(null))
    );
    let lasts_us = |start: &Value, end: &Value| end.as_u64().unwrap() - start.as_u64().unwrap();
    let recorded_us = lasts_us(&event["start_us"], &event["end_us"]);
    let told_us = end.end_us.unwrap() - end.start_us;
    assert!(recorded_us.abs_diff(told_us) < 50_000, "{event} {end:?}");
    let at = format!(
        "/api/v1/recordings/frame.jpg?near=after&at_us={}",
        end.start_us - 900_000
    );
    let head = server.request("HEAD", &at, "").await;
    let head = String::from_utf8_lossy(&head).to_lowercase();
    assert!(head.contains("pistreamer-class: event"), "{head}");
    server.stop().await;
}

//! What was recorded, as programs ask for it by its time.

use crate::support::{Received, TestServer, TestViewer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pistreamer_protocol::message::{Play, Playback, PlaybackState, ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, jpeg};
use serde_json::Value;
use std::process::Command;
use std::time::Duration;
use tokio::time::timeout;

/// An answer: its status, its headers in lower case, and its body.
pub(crate) struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let lines = self.head.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().unwrap_or_default()
    }

    /// Unix time in µs.
    fn at_us(&self) -> u64 {
        self.header("x-timestamp").replace('.', "").parse().unwrap()
    }
}

pub(crate) async fn get(server: &TestServer, path: &str, headers: &str) -> Answer {
    let path = format!("/api/v1/recordings{path}");
    let answer = server.request("GET", &path, headers).await;
    let end = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    Answer {
        status: head[9..12].parse().unwrap(),
        head,
        body: answer[end..].to_vec(),
    }
}

/// A server that has recorded as many frames of its pattern, at 30 a second.
pub(crate) async fn recorded(root: &std::path::Path, frames: u64) -> TestServer {
    let server = TestServer::start(|typed| {
        typed.record = Some(root.into());
        typed.record_fps = Some(30.0);
    });
    server
        .camera_is(|camera| camera["recording"]["frames"].as_u64() >= Some(frames))
        .await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_found_by_their_time_one_after_the_other_and_films_have_all_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let server = recorded(&directory.path().join("recordings"), 60).await;
    let list = get(&server, "", "").await;
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    let own = &list["cameras"][0];
    assert_eq!(
        (&own["id"], &own["name"]),
        (&"pattern".into(), &"Test pattern".into())
    );
    let (from_us, to_us) = (
        own["from_us"].as_u64().unwrap(),
        own["to_us"].as_u64().unwrap(),
    );
    assert!(to_us - from_us > 1_000_000, "{own}");

    // Step by step, as a viewer does.
    let mut at_us = from_us;
    let mut seqs = Vec::new();
    while at_us <= to_us {
        let frame = get(&server, &format!("/frame.jpg?at_us={at_us}&near=after"), "").await;
        assert_eq!(frame.status, 200, "{}", frame.head);
        assert_eq!(frame.header("content-type"), "image/jpeg");
        assert_eq!(jpeg::inspect(&frame.body).unwrap().width, 320);
        let stamp = Stamp::read(&frame.body).expect("a frame without a stamp");
        assert!(
            stamp.captured_us.abs_diff(frame.at_us()) < 50_000,
            "{stamp:?}"
        );
        // The same one, asked for from its other side, is not sent again to a program that has it.
        let tag = format!("If-None-Match: {}\r\n", frame.header("etag"));
        let same = get(
            &server,
            &format!("/frame.jpg?at_us={}", frame.at_us()),
            &tag,
        )
        .await;
        assert_eq!((same.status, same.body.len()), (304, 0), "{}", same.head);
        seqs.push(stamp.seq);
        at_us = frame.at_us() + 1000;
    }
    assert!(seqs.len() >= 55, "{seqs:?}");
    assert!(seqs.is_sorted_by(|one, other| one < other), "{seqs:?}");

    let film = get(
        &server,
        &format!("/clip.mkv?from_us={from_us}&to_us={to_us}"),
        "",
    )
    .await;
    assert_eq!(film.status, 200, "{}", film.head);
    assert!(
        film.header("content-disposition")
            .starts_with("attachment; filename=\"pattern-20")
    );
    server.stop().await;
    let path = directory.path().join("clip");
    std::fs::write(&path, chunked(&film)).unwrap();
    let ffmpeg = Command::new("ffmpeg")
        .args(["-v", "warning", "-err_detect", "crccheck+explode", "-i"])
        .arg(&path)
        .args(["-f", "framecrc", "-c:v", "copy", "-"])
        .output()
        .expect("ffmpeg is missing: ./dev test installs it");
    assert_eq!(String::from_utf8_lossy(&ffmpeg.stderr), "");
    let frames = String::from_utf8_lossy(&ffmpeg.stdout).into_owned();
    let frames = frames.lines().filter(|line| !line.starts_with('#')).count();
    // One of those was recorded sparsely as well.
    assert!(
        seqs.len().abs_diff(frames) <= 1,
        "{frames} of {}",
        seqs.len()
    );
}

/// A body without the sizes of its chunks.
pub(crate) fn chunked(answer: &Answer) -> Vec<u8> {
    assert_eq!(
        answer.header("transfer-encoding"),
        "chunked",
        "{}",
        answer.head
    );
    let mut rest = &answer.body[..];
    let mut body = Vec::new();
    loop {
        let end = rest
            .windows(2)
            .position(|end| end == b"\r\n")
            .expect("it is cut off");
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..][..size]);
        rest = &rest[end + 2 + size + 2..];
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_says_of_which_seconds_there_are_recordings() {
    let directory = tempfile::tempdir().unwrap();
    let server = recorded(&directory.path().join("recordings"), 20).await;
    let list = get(&server, "", "").await;
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    let from_us = list["cameras"][0]["from_us"].as_u64().unwrap();
    let path = format!(
        "/timeline?camera=pattern&from_us={}&to_us={}&step_s=10",
        from_us - 30_000_000,
        from_us + 30_000_000
    );
    let timeline = get(&server, &path, "").await;
    let timeline: Value = serde_json::from_slice(&timeline.body).unwrap();
    assert_eq!(
        (&timeline["steps"], &timeline["step_us"]),
        (&6.into(), &10_000_000.into())
    );
    let have = STANDARD.decode(timeline["have"].as_str().unwrap()).unwrap();
    let have: Vec<u8> = (0..6).map(|n| have[n / 4] >> (2 * (n % 4)) & 3).collect();
    assert_eq!(have[..2], [0, 0], "{have:?}");
    assert!(have[2..4].contains(&2), "{have:?}");
    assert_eq!(have[5], 0, "{have:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_time_or_has_no_recordings_is_said_and_a_film_that_nobody_takes_ends_with_the_server()
 {
    let directory = tempfile::tempdir().unwrap();
    let server = recorded(&directory.path().join("recordings"), 60).await;
    for (path, status, words) in [
        ("/frame.jpg", 400, "at_us= is missing"),
        ("/frame.jpg?at_us=soon", 400, "not a number"),
        ("/frame.jpg?at_us=1", 404, "no recording"),
        (
            "/frame.jpg?at_us=1&near=here",
            400,
            "before, after or nearest",
        ),
        ("/frame.jpg?at_us=1e300&near=after", 404, "no recording"),
        ("/frame.jpg?at_us=1&camera=../..", 404, "camera"),
        ("/timeline?from_us=1&to_us=2", 200, "\"have\""),
        ("/timeline?from_us=0&to_us=1e18&step_s=10", 400, "1 to 3000"),
        ("/timeline?from_us=0&to_us=1e9&step_s=7", 400, "is one of"),
        (
            "/timeline?from_us=1e25&to_us=1.000000000000001e25&step_s=10",
            400,
            "1 to 3000",
        ),
        ("/timeline?from_us=2&to_us=1", 400, "1 to 3000"),
        ("/clip.mkv?from_us=0", 400, "to_us= is missing"),
        ("/clip.mkv?from_us=0&to_us=1", 404, "nothing was recorded"),
    ] {
        let answer = get(&server, path, "").await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status == status && said.contains(words),
            "{path}: {} {said}",
            answer.status
        );
    }
    let silent = TestServer::start(|_| ());
    let none = get(&silent, "", "").await;
    assert!(none.status == 404 && String::from_utf8_lossy(&none.body).contains("--record DIR"));
    silent.stop().await;
    // Clients that take nothing of a film hold up neither another one's nor the end.
    let mut idle = Vec::new();
    for _ in 0..2 {
        use tokio::io::AsyncWriteExt;
        let mut stream = tokio::net::TcpStream::connect(server.address)
            .await
            .unwrap();
        let list = get(&server, "", "").await;
        let list: Value = serde_json::from_slice(&list.body).unwrap();
        let from_us = &list["cameras"][0]["from_us"];
        let request = format!(
            "GET /api/v1/recordings/clip.mkv?from_us={from_us}&to_us={from_us}999 HTTP/1.1\r\nHost: localhost\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    let frame = get(&server, "/frame.jpg?at_us=1e18", "").await;
    assert_eq!(frame.status, 200);
    timeout(Duration::from_secs(30), server.stop())
        .await
        .expect("a film holds up the end");
    drop(idle);
}

/// What is played next: what is told of it, or a frame.
async fn next(viewer: &mut TestViewer) -> Result<Playback, Received> {
    loop {
        match viewer.heard().await {
            Ok(ServerMessage::Playback(told)) => return Ok(told),
            Ok(_) => {}
            Err(frame) => return Err(frame),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_websocket_plays_what_was_recorded_at_any_speed_and_goes_live_again() {
    let directory = tempfile::tempdir().unwrap();
    let server = recorded(&directory.path().join("recordings"), 60).await;
    let list = get(&server, "?camera=pattern", "").await;
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    let from_us = list["cameras"][0]["from_us"].as_u64().unwrap();
    let mut viewer = TestViewer::connect(&server).await;
    assert!(viewer.hello().await.plays);
    let newest = viewer.frame().await.stamp.seq;
    let play = |id, speed, at_us| {
        ViewerMessage::Play(Play {
            id,
            at_us: Some(at_us),
            speed: Some(speed),
            ..Play::default()
        })
    };
    viewer.say(play(1, 1.0, from_us)).await;
    // Whatever was under way comes before the answer.
    let told = loop {
        if let Ok(told) = next(&mut viewer).await {
            break told;
        }
    };
    assert_eq!(
        (told.id, told.state, told.speed),
        (1, PlaybackState::Playing, 1.0)
    );
    let (mut seqs, mut range) = (Vec::new(), None);
    while seqs.len() < 20 {
        let frame = match next(&mut viewer).await {
            Ok(told) => {
                range = told.from_us;
                continue;
            }
            Err(frame) => frame,
        };
        assert!(frame.stamp.seq < newest, "{:?}", frame.stamp);
        seqs.push(frame.stamp.seq);
        viewer
            .say(ViewerMessage::Ack {
                seq: frame.stamp.seq,
            })
            .await;
    }
    assert!(seqs.is_sorted_by(|one, other| one < other), "{seqs:?}");
    assert_eq!(range, Some(from_us));
    let last = *seqs.last().unwrap();
    // One on, and one back, each of which is acknowledged by a seq that falls.
    let mut shown = 0_u64;
    for (id, by) in [(2, 0), (3, 1), (4, -1)] {
        viewer.say(ViewerMessage::Step { id, by }).await;
        // What was sent before the answer is what the step counts from.
        let mut wanted = None;
        loop {
            // A picture that was being read may come first, or none where the step is none.
            let settles = wanted.is_some() && by == 0;
            let patience = if settles {
                Duration::from_millis(500)
            } else {
                Duration::from_secs(30)
            };
            match timeout(patience, next(&mut viewer)).await {
                Err(_) if settles => break,
                Err(_) => panic!("{by}: {wanted:?} {shown}"),
                Ok(Ok(told)) if told.id == id => {
                    assert_eq!((told.state, told.speed), (PlaybackState::Paused, 0.0));
                    wanted.get_or_insert(shown.saturating_add_signed(by.into()));
                }
                Ok(Ok(_)) => {}
                Ok(Err(frame)) => {
                    shown = frame.stamp.seq;
                    viewer.say(ViewerMessage::Ack { seq: shown }).await;
                }
            }
            if by != 0 && wanted == Some(shown) {
                break;
            }
        }
    }
    let at_us = from_us + 600_000;
    viewer.say(play(5, -4.0, at_us)).await;
    let (mut states, mut seqs) = (Vec::new(), Vec::new());
    while states.last() != Some(&PlaybackState::End) {
        match next(&mut viewer).await {
            Ok(told) => states.push(told.state),
            Err(frame) => {
                viewer
                    .say(ViewerMessage::Ack {
                        seq: frame.stamp.seq,
                    })
                    .await;
                seqs.push(frame.stamp.seq);
            }
        }
    }
    assert!(
        seqs.len() > 3 && seqs.is_sorted_by(|one, other| one > other),
        "{seqs:?}"
    );
    assert!(seqs[0] < last + 30);
    viewer.say(ViewerMessage::Live { id: 6 }).await;
    let told = next(&mut viewer).await.unwrap();
    assert_eq!((told.id, told.state), (6, PlaybackState::Live));
    let frame = next(&mut viewer).await.unwrap_err();
    assert!(frame.stamp.seq > newest, "{:?}", frame.stamp);
    // To the present by itself: it is live where nothing more is recorded.
    let now_us = frame.stamp.captured_us;
    viewer.say(play(7, 4.0, now_us - 1_000_000)).await;
    loop {
        match next(&mut viewer).await {
            Ok(told) if told.id == 7 && told.state == PlaybackState::Live => break,
            Ok(_) => {}
            Err(frame) => {
                viewer
                    .say(ViewerMessage::Ack {
                        seq: frame.stamp.seq,
                    })
                    .await
            }
        }
    }
    let frame = next(&mut viewer).await.unwrap_err();
    assert!(frame.stamp.captured_us > now_us);
    // By the address alone.
    let path = format!("/ws?camera=pattern&at={from_us}");
    let mut script = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
    let frame = script.frame().await;
    assert!(
        frame.stamp.captured_us.abs_diff(from_us) < 50_000,
        "{:?}",
        frame.stamp
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_recorded_nothing_is_played_and_it_stays_live() {
    let server = TestServer::start(|_| {});
    let mut viewer = TestViewer::connect(&server).await;
    assert!(!viewer.hello().await.plays);
    viewer.say(ViewerMessage::Play(Play::default())).await;
    let code = loop {
        if let Ok(ServerMessage::Error { code, .. }) = viewer.heard().await {
            break code;
        }
    };
    assert_eq!(code, "no-recordings");
    let told = next(&mut viewer)
        .await
        .unwrap_or_else(|frame| panic!("{:?}", frame.stamp));
    assert_eq!(told.state, PlaybackState::Live);
    viewer.frame().await;
    let refused = TestViewer::connect_with(&server, "/ws?at=1", &[]).await;
    assert!(refused.is_err());
    server.stop().await;
}

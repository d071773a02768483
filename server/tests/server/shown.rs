//! Pictures as cameras write them: the same one is shown whatever way it comes.

use crate::pushed::address;
use crate::support::{PATIENCE, TestServer, TestViewer, picture, python};
use crate::undecodable::{answer, push_over_tcp, push_to_ingest};
use pistreamer_protocol::message::ServerMessage;
use pistreamer_protocol::{Stamp, jpeg};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use two_in_one::two_in_one;

#[path = "../../../picture/tests/pictures/two_in_one.rs"]
mod two_in_one;

/// What is sent, told apart by its width, and the clean picture that it has to look like.
struct Sample {
    name: &'static str,
    clean: Vec<u8>,
    sent: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    type Spoil = fn(Vec<u8>) -> Vec<u8>;
    /// Puts these bytes before the first segment of that kind.
    fn before(mut jpeg: Vec<u8>, marker: u8, bytes: &[u8]) -> Vec<u8> {
        let at = jpeg::segments(&jpeg)
            .map(Result::unwrap)
            .find(|segment| segment.marker == marker)
            .unwrap()
            .at;
        jpeg.splice(at..at, bytes.iter().copied());
        jpeg
    }
    fn behind(jpeg: Vec<u8>, bytes: &[u8]) -> Vec<u8> {
        [&jpeg, bytes].concat()
    }
    let kinds: [(&str, Spoil); 11] = [
        ("clean", |jpeg| jpeg),
        ("a byte between segments", |jpeg| before(jpeg, 0xdb, b"x")),
        ("zeros between segments", |jpeg| {
            before(jpeg, 0xdb, &[0; 16])
        }),
        ("much between segments", |jpeg| {
            before(jpeg, 0xc0, &[0x55; 608])
        }),
        ("bytes before its picture data", |jpeg| {
            before(jpeg, 0xda, b"abc")
        }),
        ("fill bytes", |jpeg| before(jpeg, 0xda, &[0xff; 9])),
        ("no end", |mut jpeg| {
            jpeg.truncate(jpeg.len() - 2);
            jpeg
        }),
        ("zeros behind it", |jpeg| behind(jpeg, &[0; 500])),
        ("text behind it", |jpeg| behind(jpeg, b"\r\nmore")),
        ("half a picture behind it", |jpeg| {
            let half = picture((320, 240), 9);
            behind(jpeg, &half[..half.len() / 2])
        }),
        ("two in one", |jpeg| {
            two_in_one(&jpeg, &picture((16, 16), 9))
        }),
    ];
    let number = |number: usize| (64 + 8 * number as u32, 48);
    let sample = |(at, (name, spoil)): (usize, (&'static str, Spoil))| {
        let clean = picture(number(at), 120);
        let sent = spoil(clean.clone());
        Sample { name, clean, sent }
    };
    kinds.into_iter().enumerate().map(sample).collect()
}

/// Keeps the first frame of each width.
async fn look(mut viewer: TestViewer, seen: watch::Sender<BTreeMap<u16, Vec<u8>>>) {
    loop {
        let jpeg = viewer.frame().await.jpeg;
        let width = jpeg::inspect(&jpeg).unwrap().width;
        seen.send_if_modified(|seen| {
            let is_new = !seen.contains_key(&width);
            seen.entry(width).or_insert(jpeg);
            is_new
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_looks_the_same_whatever_way_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, among) = (folder.path().join("cam.jpg"), folder.path().join("folder"));
    std::fs::create_dir(&among).unwrap();
    let write = |jpeg: &[u8]| {
        for path in [&alone, &among.join("cam.jpg")] {
            let new = path.with_extension("new");
            std::fs::write(&new, jpeg).unwrap();
            std::fs::rename(new, path).unwrap();
        }
    };
    let samples = samples();
    write(&samples[0].sent);
    let (shown, showing) = watch::channel(Arc::new(samples[0].sent.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = TestServer::start(|typed| {
        typed.source = vec![
            "tcp-listen:127.0.0.1:0".into(),
            "ingest".into(),
            format!("http://{}/cam.jpg", listener.local_addr().unwrap()),
            format!("files:{}", alone.display()),
            format!("files:{}", among.display()),
        ];
        typed.capture.fps = Some(10.0);
        typed.retry_pause = Some(0.05);
    });
    let mut viewers = Vec::new();
    for camera in 0..5 {
        let path = format!("/ws?camera={camera}");
        let viewer = TestViewer::connect_with(&server, &path, &[]).await;
        let (seen, seeing) = watch::channel(BTreeMap::new());
        viewers.push((seeing, tokio::spawn(look(viewer.unwrap(), seen))));
    }
    let cameras = [
        tokio::spawn(push_over_tcp(address(&server).await, showing.clone())),
        tokio::spawn(push_to_ingest(server.address, showing.clone())),
        tokio::spawn(answer(listener, showing)),
    ];
    let out = tempfile::tempdir().unwrap();
    for Sample { name, clean, sent } in &samples {
        write(sent);
        shown.send_replace(Arc::new(sent.clone()));
        let width = jpeg::inspect(clean).unwrap().width;
        let keep = |way: &str, jpeg: &[u8]| {
            let path = out.path().join(format!("{width}.{way}.jpg"));
            std::fs::write(path, jpeg).unwrap();
        };
        keep("clean", clean);
        let mut first: Option<Vec<u8>> = None;
        for (camera, (seeing, _)) in viewers.iter_mut().enumerate() {
            let comes = seeing.wait_for(|seen| seen.contains_key(&width));
            let came = timeout(PATIENCE, comes).await;
            let came = came.unwrap_or_else(|_| panic!("camera {camera} does not show it: {name}"));
            let jpeg = came.unwrap()[&width].clone();
            let first = first.get_or_insert_with(|| jpeg.clone());
            assert!(
                Stamp::is_all_that_differs(first, &jpeg),
                "camera {camera}: {name}"
            );
            keep(&camera.to_string(), &jpeg);
        }
    }
    for (camera, (seeing, looking)) in viewers.iter().enumerate() {
        let behind = seeing.borrow().contains_key(&16);
        assert!(!behind, "camera {camera} shows what lies behind a picture");
        looking.abort();
    }
    let compared = python("same_pixels.py").arg(out.path()).output().unwrap();
    assert!(compared.status.success(), "{compared:?}");
    let compared = String::from_utf8(compared.stdout).unwrap();
    assert_eq!(compared.lines().count(), samples.len() * 6);
    for camera in cameras {
        camera.abort();
    }
    server.stop().await;
}

/// The size that a state tells.
fn told_width(message: &Message) -> Option<u32> {
    match serde_json::from_str(message.to_text().ok()?).ok()? {
        ServerMessage::State(state) => Some(state.mode?.width),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_pictures_differ_in_size_tells_its_state_now_and_then_and_the_last_one() {
    let directory = tempfile::tempdir().unwrap();
    for (name, size) in [("1.jpg", (64, 48)), ("2.jpg", (32, 24))] {
        std::fs::write(directory.path().join(name), picture(size, 90)).unwrap();
    }
    let server = TestServer::start(|typed| {
        typed.source = vec![format!("files:{}", directory.path().display())];
        typed.capture.fps = Some(50.0);
    });
    let mut viewer = TestViewer::connect(&server).await;
    let (mut frames, mut states, mut width) = (0, 0, 0);
    while frames < 200 {
        match viewer.next().await.unwrap() {
            Message::Binary(_) => frames += 1,
            message => {
                if let Some(told) = told_width(&message) {
                    (width, states) = (told, states + 1);
                }
            }
        }
    }
    // One in a second, and the machine may be slow.
    assert!(states < frames / 4, "{states} states, {frames} frames");
    std::fs::remove_file(directory.path().join("1.jpg")).unwrap();
    // Nothing follows the last one.
    let last = async {
        let (mut width, mut since) = (width, 0);
        while width != 32 || since < 100 {
            match viewer.next().await.unwrap() {
                Message::Binary(_) => since += 1,
                message => (width, since) = told_width(&message).map_or((width, since), |w| (w, 0)),
            }
        }
    };
    timeout(PATIENCE, last).await.unwrap();
}

//! What an HTTP camera promises, over real sockets and a sink that records.

mod unwatched;

use super::super::{RawFrame, Report, Sink};
use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The smallest JPEG of 16x8 pixels.
const JPEG: &[u8] = b"\xff\xd8\xff\xdb\x00\x43\x00\
    ----------------------------------------------------------------\
    \xff\xc0\x00\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00\
    \xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\xd9";

/// Keeps what happens: `open`, `frame` and so on.
#[derive(Default)]
struct Seen(Mutex<Vec<&'static str>>);

impl Seen {
    fn add(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Sink for Seen {
    fn frame(&self, _: RawFrame) {
        self.add("frame");
    }
    fn again(&self, _: RawFrame) {}
    fn report(&self, report: Report<'_>) {
        self.add(match report {
            Report::Open(mode) => {
                assert_eq!((mode.width, mode.height), (16, 8));
                "open"
            }
            Report::Lost(_) => "lost",
            Report::Broken(_) => "broken",
            _ => return,
        });
    }
}

/// A camera that answers each request so, and then says nothing more.
struct TestCamera {
    listener: TcpListener,
    endpoint: Endpoint,
    asked: AtomicUsize,
}

impl TestCamera {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        Self {
            listener,
            endpoint: Endpoint::parse(&url, &SCHEMES).unwrap(),
            asked: AtomicUsize::new(0),
        }
    }

    async fn serve(&self, answer: &[u8]) -> ! {
        loop {
            let (mut stream, _) = self.listener.accept().await.unwrap();
            while matches!(stream.read(&mut [0; 2048]).await, Ok(1..)) {
                self.asked.fetch_add(1, Ordering::Relaxed);
                if stream.write_all(answer).await.is_err() {
                    break;
                }
            }
        }
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

fn snapshot(headers: &str, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let head = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {len}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn parts(content_type: &str, jpeg: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n");
    let part = [b"--b\r\n\r\n", jpeg, b"\r\n"].concat();
    [head.as_bytes(), &part.repeat(3), b"--b\r\n"].concat()
}

/// What happens with a camera that answers like this while a viewer watches: the error, after how many seconds, and what
/// was seen.
async fn outcome(answer: &[u8], fps: f64) -> (String, u64, Vec<&'static str>) {
    let camera = TestCamera::new().await;
    let seen = Arc::new(Seen::default());
    let port = Port::new(seen.clone(), Demand::default());
    let mut intake = Intake::new(&port, fps);
    let (mut patience, stay, mut known) = (Patience::new(fps), Stay::default(), Known::default());
    let _viewer = port.demand().hold();
    let mut pictures = Pictures::new(&mut intake, &mut patience, port.demand(), &stay);
    let began = Instant::now();
    let error = tokio::select! {
        end = fetch(&camera.endpoint, &mut known, &stay, &mut pictures) => end.unwrap_err(),
        _ = camera.serve(answer) => unreachable!("it waits for ever"),
    };
    (error.to_string(), began.elapsed().as_secs(), seen.take())
}

/// Whether the camera's pictures are handed on, for seconds.
async fn shows(answer: &[u8]) -> bool {
    let shown_for = Duration::from_secs(4);
    let camera = TestCamera::new().await;
    let seen = Arc::new(Seen::default());
    let port = Port::new(seen.clone(), Demand::default());
    let mut intake = Intake::new(&port, 30.0);
    let (mut patience, stay, mut known) = (Patience::new(30.0), Stay::default(), Known::default());
    let _viewer = port.demand().hold();
    let mut pictures = Pictures::new(&mut intake, &mut patience, port.demand(), &stay);
    tokio::select! {
        end = fetch(&camera.endpoint, &mut known, &stay, &mut pictures) => panic!("{end:?}"),
        _ = camera.serve(answer) => {}
        () = sleep(shown_for) => {}
    }
    let seen = seen.take();
    seen.len() > 3 && seen.starts_with(&["open"]) && seen[1..].iter().all(|it| *it == "frame")
}

#[tokio::test(start_paused = true)]
async fn a_camera_that_stalls_is_said_after_five_seconds_or_three_frame_times_and_left_after_twice_that()
 {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: ";
    for answer in [
        String::new(),
        format!("{HEAD}multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n\r\n"),
        format!("{HEAD}image/jpeg\r\nContent-Length: 5000\r\n\r\nhalf"),
    ] {
        for (fps, patience) in [(30.0, 10), (1.0, 10), (0.1, 60)] {
            let (error, seconds, seen) = outcome(answer.as_bytes(), fps).await;
            let expected = format!("no whole picture for {patience} s");
            assert!(error.ends_with(&expected), "{error}");
            assert_eq!((seconds, seen), (patience, vec!["lost"]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_camera_whose_pictures_are_all_broken_is_an_error_that_says_why() {
    let no_jpeg = "it does not start with FF D8";
    for (answer, why) in [
        (snapshot("Content-Type: image/jpeg\r\n", b"hello"), no_jpeg),
        (
            snapshot("Content-Type: image/jpeg\r\n", &JPEG[..20]),
            "it is cut off: 20 bytes and no FF D9",
        ),
        (parts("multipart/x; boundary=b", b"hello"), no_jpeg),
        (parts("multipart/x", b"hello"), no_jpeg),
    ] {
        for (fps, patience) in [(30.0, 5), (0.1, 30)] {
            let (error, seconds, seen) = outcome(&answer, fps).await;
            let expected = format!("no whole picture for {patience} s: {why}");
            assert!(error.ends_with(&expected), "{error}");
            assert_eq!(seconds, patience);
            assert!(seen.iter().all(|it| *it == "broken"), "{seen:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_mjpeg_stream_without_a_boundary_is_said_where_none_is_found() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x\r\n\r\nno boundary\r\n";
    let (error, ..) = outcome(answer, 30.0).await;
    assert!(
        error.ends_with("for 10 s: its Content-Type names no boundary"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_jpegs_are_refused_by_name_at_once() {
    for (headers, body, said) in [
        (
            "Content-Type: image/png\r\n",
            &b"\x89PNG\r\n"[..],
            "\"image/png\"",
        ),
        ("Content-Type: text/html\r\n", b"<html>", "\"text/html\""),
        ("", b"<html>", "no Content-Type"),
        ("", b"", "no Content-Type"),
        (
            "Content-Type: image/jpeg\r\nContent-Encoding: gzip\r\n",
            b"\x1f\x8b",
            "the Content-Encoding \"gzip\"",
        ),
    ] {
        let (error, seconds, seen) = outcome(&snapshot(headers, body), 30.0).await;
        assert!(error.contains(said), "{error}");
        assert_eq!((seconds, seen), (0, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn jpegs_are_taken_whatever_the_answer_says_of_them() {
    let padded = |padding: &[u8]| [JPEG, padding].concat();
    for (headers, body) in [
        ("Content-Type: image/jpeg\r\n", padded(b"")),
        ("Content-Type: image/jpeg\r\n", padded(b"\r\n")),
        ("Content-Type: image/jpeg\r\n", padded(&[0; 1000])),
        ("Content-Type: IMAGE/JPG; q=1\r\n", padded(b"")),
        ("Content-Type: image/png\r\n", padded(b"")),
        ("Content-Type: text/html\r\n", padded(b"")),
        ("Content-Type: application/octet-stream\r\n", padded(b"")),
        ("", padded(b"")),
        ("Content-Encoding: identity\r\n", padded(b"")),
        (
            "Server : cam\r\nno header\r\nContent-Type : image/jpeg\r\n",
            padded(b""),
        ),
    ] {
        assert!(shows(&snapshot(headers, &body)).await, "{headers}");
    }
    for kind in [
        "multipart/x; boundary=b",
        "multipart/x",
        "Multipart/x;boundary=--",
    ] {
        let (_, _, seen) = outcome(&parts(kind, JPEG), 30.0).await;
        assert_eq!(seen, ["open", "frame", "frame", "frame"], "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_picture_without_end_is_an_error() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: 99999999\r\n\r\n";
    let body = vec![7; DEFAULT_FRAME_LIMIT + 1];
    let (error, ..) = outcome(&[head.as_bytes(), &body].concat(), 1.0).await;
    assert!(error.contains("more than 16777216 bytes"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_first_picture_that_takes_long_is_waited_for_and_longer_each_time() {
    for (seconds, connections) in [(3, 1), (7, 1), (12, 2), (35, 3)] {
        let camera = TestCamera::new().await;
        let seen = Arc::new(Seen::default());
        let port = Port::new(seen.clone(), Demand::default());
        let mut intake = Intake::new(&port, 30.0);
        let (mut patience, mut known) = (Patience::new(30.0), Known::default());
        let answer = parts("multipart/x; boundary=b", JPEG);
        let serving = async {
            loop {
                let (mut stream, _) = camera.listener.accept().await.unwrap();
                let answer = answer.clone();
                tokio::spawn(async move {
                    if matches!(stream.read(&mut [0; 2048]).await, Ok(1..)) {
                        sleep(Duration::from_secs(seconds)).await;
                        let _ = stream.write_all(&answer).await;
                        let _ = stream.read(&mut [0]).await;
                    }
                });
            }
        };
        let attending = async {
            let demand = port.demand();
            loop {
                attend(
                    &camera.endpoint,
                    &mut known,
                    &mut patience,
                    demand,
                    &mut intake,
                )
                .await;
            }
        };
        let opened = async {
            while !seen.0.lock().unwrap().contains(&"open") {
                sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            () = attending => unreachable!("it has no end"),
            () = opened => {}
            () = serving => unreachable!("it has no end"),
        }
        let seen = seen.take();
        let told = seen.iter().filter(|it| **it == "lost").count();
        assert_eq!(told, if seconds < 5 { 0 } else { connections }, "{seen:?}");
        assert_eq!(seen.last(), Some(&"open"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_slow_all_the_time_is_soon_known_to_be_so() {
    const EVERY: Duration = Duration::from_secs(8);
    let camera = TestCamera::new().await;
    let seen = Arc::new(Seen::default());
    let port = Port::new(seen.clone(), Demand::default());
    let mut intake = Intake::new(&port, 30.0);
    let (mut patience, mut known) = (Patience::new(30.0), Known::default());
    let _viewer = port.demand().hold();
    let serving = async {
        let (mut stream, _) = camera.listener.accept().await.unwrap();
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: video/x-mjpeg\r\n\r\n";
        let mut begun = false;
        loop {
            sleep(EVERY).await;
            if !begun {
                assert!(stream.read(&mut [0; 2048]).await.unwrap() > 0);
                stream.write_all(head).await.unwrap();
            }
            begun = stream.write_all(JPEG).await.is_ok();
            if !begun {
                stream = camera.listener.accept().await.unwrap().0;
            }
        }
    };
    let mut errors = 0;
    let attending = async {
        loop {
            let demand = port.demand();
            attend(
                &camera.endpoint,
                &mut known,
                &mut patience,
                demand,
                &mut intake,
            )
            .await;
            errors += 1;
        }
    };
    tokio::select! {
        () = serving => unreachable!("it has no end"),
        () = attending => unreachable!("it has no end"),
        () = sleep(EVERY * 50) => {}
    }
    assert_eq!(errors, 0);
    let frames = seen.take().iter().filter(|it| **it == "frame").count();
    assert!(frames > 40, "{frames} of 50");
}

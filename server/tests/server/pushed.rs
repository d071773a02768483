//! Frames that are pushed over TCP, as picamera does it: to this program, and by `pistreamer push`.

use crate::support::{PATIENCE, Running, TestServer, TestViewer, picture, python};
use pistreamer_protocol::message::{CameraState, ServerMessage};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};

fn tcp_listen() -> TestServer {
    TestServer::start(|typed| typed.source = vec!["tcp-listen:127.0.0.1:0".into()])
}

/// Where a server's tcp-listen source listens.
pub(crate) async fn address(server: &TestServer) -> String {
    // From here on it says that nobody pushes.
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let name = server.camera().await["name"].as_str().unwrap().to_owned();
    name.rsplit(' ').next().unwrap().to_owned()
}

/// The next state that a viewer is told of.
pub(crate) async fn state(viewer: &mut TestViewer) -> (CameraState, String) {
    loop {
        if let ServerMessage::State(status) = viewer.told().await {
            return (status.state, status.reason.text);
        }
    }
}

pub(crate) fn image(jpeg: &[u8]) -> Vec<u8> {
    [&(jpeg.len() as u32).to_le_bytes(), jpeg].concat()
}

/// The size of the next part's picture.
async fn next_part(stream: &mut tokio::io::BufReader<TcpStream>) -> (u16, u16) {
    let info = pistreamer_protocol::jpeg::inspect(&next_picture(stream).await).unwrap();
    (info.width, info.height)
}

/// The next part's picture.
pub(crate) async fn next_picture(stream: &mut tokio::io::BufReader<TcpStream>) -> Vec<u8> {
    let part = async {
        let mut length = None;
        loop {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).await.unwrap() > 0, "it ended");
            match (line.trim(), length) {
                ("", Some(length)) => {
                    let mut jpeg = vec![0; length];
                    stream.read_exact(&mut jpeg).await.unwrap();
                    return jpeg;
                }
                (line, _) => {
                    if let Some(text) = line.strip_prefix("Content-Length: ") {
                        length = Some(text.parse::<usize>().unwrap());
                    }
                }
            }
        }
    };
    timeout(PATIENCE, part)
        .await
        .expect("the stream stands still")
}

/// Whether a picture says something in bright letters on a dark ground, as no camera of these tests draws it.
pub(crate) fn is_placard(jpeg: &[u8]) -> bool {
    let pixels = jpeg_decoder::Decoder::new(jpeg).decode().unwrap();
    let bright = pixels.iter().filter(|value| **value > 150).count();
    (1..pixels.len() / 4).contains(&bright)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_signal_says_so_in_its_picture_and_goes_on_with_the_camera() {
    let server = tcp_listen();
    let camera = address(&server).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET /stream.mjpg HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut stream = tokio::io::BufReader::new(stream);
    assert_eq!(next_part(&mut stream).await, (640, 480));
    let mut pusher = TcpStream::connect(&camera).await.unwrap();
    let pushed = image(&picture((320, 200), 120));
    pusher.write_all(&pushed).await.unwrap();
    while next_part(&mut stream).await != (320, 200) {}
    // The next picture of that size can only be the placard: this camera sends no more.
    drop(pusher);
    assert_eq!(next_part(&mut stream).await, (320, 200));
    let status = server.camera().await;
    assert_eq!(status["state"], "no-signal");
    assert_eq!(status["encoded"], 1);
    let mut pusher = TcpStream::connect(&camera).await.unwrap();
    pusher
        .write_all(&image(&picture((64, 48), 120)))
        .await
        .unwrap();
    while next_part(&mut stream).await != (64, 48) {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_unplugged_in_the_middle_of_a_frame_is_told_with_why_and_since_when() {
    let server = tcp_listen();
    let camera = address(&server).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /stream.mjpg HTTP/1.0\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut stream = tokio::io::BufReader::new(stream);
    let mut viewer = TestViewer::connect(&server).await;
    server.camera_is(|camera| camera["consumers"] == 2).await;
    let bright = image(&picture((320, 200), 220));
    let mut pusher = TcpStream::connect(&camera).await.unwrap();
    pusher.write_all(&bright).await.unwrap();
    while next_part(&mut stream).await != (320, 200) {}
    let unplugged_us = pistreamer::util::clock::now_us();
    pusher.write_all(&bright[..bright.len() / 2]).await.unwrap();
    drop(pusher);
    loop {
        let (told, reason) = state(&mut viewer).await;
        if told == CameraState::NoSignal && reason.contains("in the middle of a picture") {
            break;
        }
    }
    let status = server.camera().await;
    assert!(
        status["since_us"].as_u64().unwrap() >= unplugged_us,
        "{status}"
    );
    while !is_placard(&next_picture(&mut stream).await) {}
    let mut pusher = TcpStream::connect(&camera).await.unwrap();
    pusher
        .write_all(&image(&picture((64, 48), 120)))
        .await
        .unwrap();
    while next_part(&mut stream).await != (64, 48) {}
    assert_eq!(server.camera().await["state"], "live");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_a_picamera_script_reach_a_viewer() {
    let server = tcp_listen();
    server
        .camera_is(|camera| {
            camera["reason"]
                .as_str()
                .unwrap()
                .contains("no camera pushes")
        })
        .await;
    let mut viewer = TestViewer::connect(&server).await;
    let hello = viewer.hello().await;
    assert_eq!(hello.status.state, CameraState::NoSignal);

    let directory = tempfile::tempdir().unwrap();
    let pictures = [20, 120, 220].map(|brightness| picture((64, 48), brightness));
    let paths = [0, 1, 2].map(|number| directory.path().join(format!("{number}.jpg")));
    for (path, picture) in paths.iter().zip(&pictures) {
        std::fs::write(path, picture).unwrap();
    }
    let port = address(&server)
        .await
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let sender = python("picamera_sender.py")
        .arg(port)
        .args(&paths)
        .stdin(Stdio::piped())
        .spawn();
    let mut sender = Running(sender.unwrap());
    for (number, picture) in pictures.iter().enumerate() {
        let frame = viewer.frame().await;
        assert_eq!(frame.stamp.seq, number as u64 + 1);
        assert_eq!(frame.jpeg, frame.stamp.write(picture).unwrap());
        sender.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }
    let (state, reason) = state(&mut viewer).await;
    assert_eq!(state, CameraState::NoSignal);
    assert!(reason.contains("ended its stream"), "{reason}");
    assert!(sender.0.wait().unwrap().success());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_ends_its_connection_and_the_next_camera_works() {
    let server = tcp_listen();
    let address = address(&server).await;
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    let good = picture((64, 48), 99);
    let mut flipped = good.clone();
    flipped[2] = 0;
    for (bad, reason) in [
        (
            b"GET / HTTP/1.1\r\nHost: pi\r\n\r\n".to_vec(),
            "are the most",
        ),
        (image(b"hello, world"), "does not begin with FF D8"),
        ((good.len() as u32).to_be_bytes().to_vec(), "are the most"),
        (image(&good[..good.len() - 9]), "cut off"),
        (image(&flipped), "where a marker has to"),
        (
            image(&good)[..good.len() / 2].to_vec(),
            "in the middle of a picture",
        ),
        (0x0100_0001_u32.to_le_bytes().to_vec(), "are the most"),
    ] {
        let mut camera = TcpStream::connect(&address).await.unwrap();
        camera.write_all(&image(&good)).await.unwrap();
        assert_eq!(state(&mut viewer).await.0, CameraState::Live);
        camera.write_all(&bad).await.unwrap();
        camera.shutdown().await.unwrap();
        // Garbage that the server has not read resets the connection.
        let _ = timeout(PATIENCE, camera.read_to_end(&mut Vec::new()))
            .await
            .expect("it stays open");
        let (state, said) = state(&mut viewer).await;
        assert_eq!(state, CameraState::NoSignal);
        assert!(said.contains(reason), "{said:?} instead of {reason:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_camera_pushes_at_a_time() {
    let server = tcp_listen();
    let address = address(&server).await;
    let mut viewer = TestViewer::connect(&server).await;
    let mut first = TcpStream::connect(&address).await.unwrap();
    // A camera that brings no picture for a while gives way, so this one goes on. A picture that comes before the viewer is there is
    // nobody's.
    let pushing = tokio::spawn(async move {
        let mut pace = interval(Duration::from_millis(100));
        for brightness in (1..=200).cycle() {
            pace.tick().await;
            let jpeg = image(&picture((64, 48), brightness));
            first.write_all(&jpeg).await.unwrap();
        }
    });
    viewer.frame().await;
    let mut second = TcpStream::connect(&address).await.unwrap();
    let closed = timeout(PATIENCE, second.read(&mut [0])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)), "the second was let in");
    let next = viewer.frame().await.stamp.seq;
    while viewer.frame().await.stamp.seq < next + 3 {}
    assert!(!pushing.is_finished(), "the first was sent away");
    pushing.abort();
    server.stop().await;
}

fn push(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pistreamer"));
    command
        .arg("push")
        .args(["--source", "pattern", "--size", "320x240"])
        .args(arguments);
    command
}

/// Asks a program to end.
fn end(child: &Child) {
    let killed = Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.unwrap().success());
}

#[test]
fn a_picamera_listener_can_read_what_push_sends() {
    let mut listener = Running(
        python("picamera_listener.py")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut lines = BufReader::new(listener.0.stdout.take().unwrap());
    let mut port = String::new();
    lines.read_line(&mut port).unwrap();
    let target = format!("tcp://127.0.0.1:{}", port.trim());
    let pushing = push(&[&target]).stderr(Stdio::piped()).spawn().unwrap();
    let mut sizes = String::new();
    for _ in 0..6 {
        lines.read_line(&mut sizes).unwrap();
    }
    end(&pushing);
    let output = pushing.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    lines.read_to_string(&mut sizes).unwrap();
    assert!(
        listener.0.wait().unwrap().success(),
        "Pillow refused a picture"
    );
    assert!(sizes.lines().count() > 5, "{sizes}");
    assert!(sizes.lines().all(|size| size == "(320, 240)"), "{sizes}");
}

#[test]
fn push_fails_in_one_line_when_nothing_was_delivered() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    for scheme in ["tcp", "ws"] {
        let target = format!("{scheme}://{address}");
        let output = push(&[&target, "--duration", "0.5", "--log", "error"])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.starts_with("pistreamer: nothing was delivered to") && said.contains("refused"),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    for (arguments, said) in [
        (vec!["udp://a:1"], "its scheme"),
        (vec!["tcp://a:1", "--duration", "0"], "above 0"),
        (
            vec!["tcp://a:1", "--source", "pattern"],
            "can be given only once",
        ),
        (vec!["tcp://a:1", "--listen", "[::]:1"], "not understood"),
    ] {
        let output = push(&arguments).output().unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_listener_that_refuses_is_tried_again_and_not_pestered() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = format!("tcp://{}", listener.local_addr().unwrap());
    let pushing = push(&[&target, "--log", "warn"])
        .stderr(Stdio::piped())
        .spawn();
    let mut pushing = Running(pushing.unwrap());
    let mut began = None;
    for _ in 0..3 {
        let (mut stream, _) = listener.accept().unwrap();
        began.get_or_insert_with(Instant::now);
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut jpeg = vec![0; u32::from_le_bytes(length) as usize];
        stream.read_exact(&mut jpeg).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
    }
    // It delivered a picture each time, and yet the pauses grew: a quarter of a second, and half of one.
    assert!(began.unwrap().elapsed() >= Duration::from_millis(750));
    drop(listener);
    let mut said = String::new();
    let mut log = BufReader::new(pushing.0.stderr.take().unwrap());
    while !said.contains("cannot reach") {
        assert!(log.read_line(&mut said).unwrap() > 0, "{said}");
    }
    end(&pushing.0);
    log.read_to_string(&mut said).unwrap();
    assert_eq!(pushing.0.wait().unwrap().code(), Some(1), "{said}");
    assert!(said.contains("was not connected at the end"), "{said}");
}

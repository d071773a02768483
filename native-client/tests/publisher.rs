//! What a publisher does with servers of every kind, over real sockets. pistreamer's own server is tested with it in
//! `server/tests/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures::{FutureExt, SinkExt, StreamExt};
use pistreamer_client::protocol::message::ViewerMessage;
use pistreamer_client::protocol::{Stamp, Unpacker, WireFormat};
use pistreamer_client::{Config, Error, Publisher};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// A test that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connected() -> (Publisher, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config::ingest(&format!("ws://{}", listener.local_addr().unwrap())).unwrap();
    let accept = async {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
        let answer = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/ingest");
            let name = HeaderValue::from_static(WireFormat::GzipBase64.subprotocol());
            response
                .headers_mut()
                .insert("sec-websocket-protocol", name);
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(stream, answer)
            .await
            .unwrap()
    };
    let (publisher, socket) = tokio::join!(Publisher::connect(&config), accept);
    (publisher.unwrap(), socket)
}

/// A whole JPEG of some size, without a stamp.
fn jpeg() -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0];
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x12, 0xff, 0xd9]);
    jpeg
}

fn stamped(seq: u64) -> Vec<u8> {
    let stamp = Stamp {
        seq,
        captured_us: 5,
        camera: "0".into(),
    };
    stamp.write(&jpeg()).unwrap()
}

async fn received(socket: &mut WebSocketStream<TcpStream>) -> Vec<u8> {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.unwrap();
        // Pings are answered by themselves.
        if let Message::Binary(message) = message.unwrap().unwrap() {
            return Unpacker::default().unpack(&message).unwrap().to_vec();
        }
    }
}

async fn say(socket: &mut WebSocketStream<TcpStream>, message: ViewerMessage) {
    socket.send(Message::text(message.to_json())).await.unwrap();
}

#[tokio::test]
async fn two_frames_are_under_way_until_the_first_is_accepted() {
    let (mut publisher, mut socket) = connected().await;
    for seq in [10, 11] {
        assert!(publisher.ready().now_or_never().is_some());
        publisher.send(&stamped(seq)).await.unwrap();
        assert_eq!(received(&mut socket).await, stamped(seq));
    }
    assert!(!publisher.is_ready());
    say(&mut socket, ViewerMessage::Ack { seq: 999 }).await;
    say(&mut socket, ViewerMessage::Ack { seq: 10 }).await;
    let asked = Instant::now();
    timeout(PATIENCE, publisher.ready()).await.unwrap().unwrap();
    assert!(
        asked.elapsed() < Duration::from_millis(900),
        "an ack gave no room"
    );
    assert_eq!(publisher.accepted(), 1);
}

#[tokio::test]
async fn a_server_that_accepts_nothing_gets_a_frame_a_second() {
    let (mut publisher, mut socket) = connected().await;
    for seq in 1..=2 {
        publisher.send(&stamped(seq)).await.unwrap();
    }
    // It answers pings, as it reads.
    let (frames, mut read) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        loop {
            let frame = received(&mut socket).await;
            frames.send(frame).await.unwrap();
        }
    });
    let asked = Instant::now();
    timeout(PATIENCE, publisher.ready()).await.unwrap().unwrap();
    assert!(asked.elapsed() > Duration::from_millis(700));
    publisher.send(&stamped(3)).await.unwrap();
    assert!(!publisher.is_ready());
    for seq in 1..=3 {
        assert_eq!(read.recv().await.unwrap(), stamped(seq));
    }
}

/// A server that is 200 ms away: that it accepted a frame is known 200 ms later.
async fn far_away(socket: WebSocketStream<TcpStream>) {
    let (mut says, mut hears) = socket.split();
    let (frames, mut accepted) = tokio::sync::mpsc::channel(64);
    let answer = async {
        while let Some((seq, due)) = accepted.recv().await {
            tokio::time::sleep_until(due).await;
            let message = ViewerMessage::Ack { seq }.to_json();
            says.send(Message::text(message)).await.unwrap();
        }
    };
    // Its end, and with it that of `frames`, ends the answers.
    let listen = async move {
        while let Some(Ok(Message::Binary(packed))) = hears.next().await {
            let due = tokio::time::Instant::now() + Duration::from_millis(200);
            let jpeg = Unpacker::default().unpack(&packed).unwrap().to_vec();
            let seq = Stamp::read(&jpeg).unwrap().seq;
            frames.send((seq, due)).await.unwrap();
        }
    };
    tokio::join!(answer, listen);
}

#[tokio::test]
async fn a_server_that_is_far_away_gets_as_many_frames_as_a_near_one() {
    let (mut publisher, socket) = connected().await;
    let server = tokio::spawn(far_away(socket));
    let mut camera = tokio::time::interval(Duration::from_millis(33));
    camera.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut sent = Vec::new();
    for seq in 0..150_u64 {
        let captured = camera.tick();
        tokio::pin!(captured);
        loop {
            tokio::select! {
                _ = &mut captured => break,
                heard = publisher.listen() => heard.unwrap(),
            }
        }
        if publisher.is_ready() {
            // As after a restart of the camera: numbers of frames may fall.
            publisher.send(&stamped(seq % 100)).await.unwrap();
            sent.push(seq);
        }
    }
    // The first second and a half is for finding out how far away it is.
    let found = sent.iter().filter(|seq| **seq >= 50).count();
    assert!(found > 90, "{found} of 100 frames: {sent:?}");
    assert_eq!(publisher.close().await, sent.len() as u64);
    timeout(PATIENCE, server).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_paused_publisher_is_ready_when_it_is_wanted_again() {
    let (mut publisher, mut socket) = connected().await;
    say(&mut socket, ViewerMessage::Pause).await;
    while publisher.is_wanted() {
        timeout(PATIENCE, publisher.listen())
            .await
            .unwrap()
            .unwrap();
    }
    assert!(!publisher.is_ready());
    say(&mut socket, ViewerMessage::Resume).await;
    timeout(PATIENCE, publisher.ready()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_has_no_stamp_gets_one_and_what_is_no_jpeg_is_refused() {
    let (mut publisher, mut socket) = connected().await;
    for seq in 1..=2 {
        publisher.send(&jpeg()).await.unwrap();
        let stamp = Stamp::read(&received(&mut socket).await).unwrap();
        assert_eq!(stamp.seq, seq);
        assert!(stamp.captured_us > 1_700_000_000_000_000);
        say(&mut socket, ViewerMessage::Ack { seq }).await;
        timeout(PATIENCE, publisher.listen())
            .await
            .unwrap()
            .unwrap();
    }
    let refused = publisher.send(b"GIF89a").await;
    assert!(matches!(refused, Err(Error::NotJpeg(_))), "{refused:?}");
    drop(socket);
    let end = timeout(PATIENCE, publisher.listen()).await.unwrap();
    assert!(end.is_err());
}

//! What a subscription does with servers of every kind, over real sockets. pistreamer's own server is tested with it in
//! `server/tests/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures::{SinkExt, StreamExt};
use pistreamer_client::protocol::message::{
    CameraState, CameraStatus, Reason, ServerMessage, ViewerMessage,
};
use pistreamer_client::protocol::{Stamp, WireFormat, pack};
use pistreamer_client::{Config, Error, Event, Reconnect, Subscription};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

/// A test that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that does what a test tells it.
struct Server {
    listener: TcpListener,
}

impl Server {
    async fn start() -> (Self, Config) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = Config::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        (Self { listener }, config)
    }

    /// The next connection as a WebSocket of that wire format.
    async fn accept(&self, wire: WireFormat) -> WebSocketStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
        let answer = |request: &Request, mut response: Response| {
            assert_eq!(request.uri().path(), "/ws");
            let name = HeaderValue::from_static(wire.subprotocol());
            response
                .headers_mut()
                .insert("sec-websocket-protocol", name);
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(stream, answer)
            .await
            .unwrap()
    }
}

/// A whole JPEG of some size.
fn jpeg(seq: u64) -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0];
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x12, 0xff, 0xd9]);
    let stamp = Stamp {
        seq,
        captured_us: 1_764_000_000_000_000 + seq,
        camera: "0".into(),
    };
    stamp.write(&jpeg).unwrap()
}

async fn heard(socket: &mut WebSocketStream<TcpStream>) -> ViewerMessage {
    loop {
        let message = timeout(PATIENCE, socket.next())
            .await
            .expect("nothing was said");
        if let Message::Text(text) = message.expect("the client went").unwrap() {
            return ViewerMessage::from_json(&text).unwrap();
        }
    }
}

async fn event(subscription: &mut Subscription) -> Event {
    let event = timeout(PATIENCE, subscription.event()).await;
    event.expect("nothing happened").expect("it ended").unwrap()
}

#[tokio::test]
async fn frames_of_both_wire_formats_arrive_and_are_acknowledged_when_taken() {
    for wire in WireFormat::ALL {
        let (server, config) = Server::start().await;
        let mut frames = Subscription::start(config.wire(wire).max_fps(5.0));
        let mut socket = server.accept(wire).await;
        assert!(
            matches!(heard(&mut socket).await, ViewerMessage::Want(want) if want.max_fps == Some(5.0))
        );
        for seq in [7, 9] {
            let body = match wire {
                WireFormat::GzipBase64 => pack(&jpeg(seq)),
                WireFormat::Jpeg => jpeg(seq),
            };
            socket.send(Message::binary(body)).await.unwrap();
            let frame = timeout(PATIENCE, frames.next())
                .await
                .unwrap()
                .unwrap()
                .unwrap();
            assert_eq!((frame.stamp.seq, frame.wire), (seq, wire));
            assert_eq!(frame.jpeg, jpeg(seq));
            assert_eq!(heard(&mut socket).await, ViewerMessage::Ack { seq });
        }
    }
}

/// A proxy that passes on the offer and not its answer, as Trunk's does.
#[tokio::test]
async fn where_the_answer_to_the_offer_is_lost_on_the_way_the_address_asks_for_the_format() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?camera=1", listener.local_addr().unwrap());
    let config = Config::new(&url).unwrap().wire(WireFormat::Jpeg);
    let mut frames = Subscription::start(config);
    let mut asked = Vec::new();
    let mut accept = async || {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
        let silent = |request: &Request, response: Response| {
            let offers = request.headers().contains_key("sec-websocket-protocol");
            asked.push((request.uri().to_string(), offers));
            Ok(response)
        };
        tokio_tungstenite::accept_hdr_async(stream, silent)
            .await
            .unwrap()
    };
    drop(accept().await);
    let mut socket = accept().await;
    // The server behind it may not know and send what it sends to all viewers.
    for (seq, wire) in [(7, WireFormat::Jpeg), (9, WireFormat::GzipBase64)] {
        let body = match wire {
            WireFormat::GzipBase64 => pack(&jpeg(seq)),
            WireFormat::Jpeg => jpeg(seq),
        };
        socket.send(Message::binary(body)).await.unwrap();
        let frame = timeout(PATIENCE, frames.next()).await.unwrap();
        let frame = frame.unwrap().unwrap();
        assert_eq!((frame.stamp.seq, frame.wire), (seq, wire));
    }
    let paths = ["/ws?camera=1", "/ws?camera=1&wire=jpeg"].map(str::to_owned);
    assert_eq!(
        asked,
        paths.into_iter().zip([true, false]).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn frames_that_wait_are_overtaken_and_not_acknowledged() {
    let (server, config) = Server::start().await;
    let mut frames = Subscription::start(config);
    let mut socket = server.accept(WireFormat::Jpeg).await;
    for seq in 1..=20 {
        socket.send(Message::binary(jpeg(seq))).await.unwrap();
    }
    // A ping is answered in order, so all frames are in when the answer is.
    socket
        .send(Message::Ping(Default::default()))
        .await
        .unwrap();
    let answer = timeout(PATIENCE, socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(matches!(answer, Message::Pong(_)), "{answer:?}");
    let frame = timeout(PATIENCE, frames.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(frame.stamp.seq, 20);
    assert_eq!(heard(&mut socket).await, ViewerMessage::Ack { seq: 20 });
    assert_eq!(
        (frames.stats().received, frames.stats().overtaken),
        (20, 19)
    );
}

#[tokio::test]
async fn corrupt_messages_and_bombs_are_counted_and_the_next_frame_comes() {
    let (server, config) = Server::start().await;
    let mut frames = Subscription::start(config.frame_limit(1000));
    let mut socket = server.accept(WireFormat::GzipBase64).await;
    let whole = pack(&jpeg(1));
    let mut flipped = whole.clone();
    flipped[20] ^= 0x40;
    let large = [&jpeg(1)[..], &[0; 1000], &[0xff, 0xd9]].concat();
    let unstamped = b"\xff\xd8\xff\xd9".to_vec();
    // 8192x8192 in fewer than 200 bytes, sequential and progressive.
    let bombs = [0xc0, 0xc2].map(|kind| {
        let mut bomb = jpeg(1);
        let at = bomb.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
        bomb[at + 1] = kind;
        bomb[at + 5..at + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
        assert!(bomb.len() < 200);
        pack(&bomb)
    });
    for bad in [
        vec![],
        whole[..whole.len() - 1].to_vec(),
        flipped,
        pack(&large),
        pack(&unstamped),
    ]
    .into_iter()
    .chain(bombs)
    {
        socket.send(Message::binary(bad)).await.unwrap();
    }
    socket.send(Message::binary(whole)).await.unwrap();
    let frame = timeout(PATIENCE, frames.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(frame.stamp.seq, 1);
    assert_eq!((frames.stats().received, frames.stats().corrupt), (1, 7));
}

#[tokio::test]
async fn what_is_told_beside_the_frames_is_told_on() {
    let (server, config) = Server::start().await;
    let mut subscription = Subscription::start(config);
    let mut socket = server.accept(WireFormat::Jpeg).await;
    let lost = CameraStatus {
        state: CameraState::NoSignal,
        reason: "unplugged".into(),
        since_us: 1,
        test_pattern: Some(true),
        ..CameraStatus::default()
    };
    for message in [
        ServerMessage::Skipped { count: 3, total: 3 },
        ServerMessage::Unknown,
        ServerMessage::State(lost.clone()),
    ] {
        socket.send(Message::text(message.to_json())).await.unwrap();
    }
    assert!(matches!(event(&mut subscription).await, Event::Status(status) if status == lost));
    assert_eq!(subscription.stats().skipped, 3);
}

#[tokio::test]
async fn a_lost_connection_is_told_and_made_again() {
    let (server, config) = Server::start().await;
    let mut subscription = Subscription::start(config.reconnect(Reconnect::After {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(10),
    }));
    for seq in 1..=3 {
        let mut socket = server.accept(WireFormat::Jpeg).await;
        socket.send(Message::binary(jpeg(seq))).await.unwrap();
        assert!(
            matches!(event(&mut subscription).await, Event::Frame(frame) if frame.stamp.seq == seq)
        );
        drop(socket);
        assert!(matches!(event(&mut subscription).await, Event::Lost { .. }));
    }
    assert_eq!(subscription.stats().connections, 3);
}

#[tokio::test]
async fn a_server_that_stays_silent_is_pinged_and_then_left() {
    let (server, config) = Server::start().await;
    let silence = Duration::from_millis(200);
    let config = config.reconnect(Reconnect::Never).silence(silence);
    let mut frames = Subscription::start(config);
    let mut socket = server.accept(WireFormat::Jpeg).await;
    assert_eq!(heard(&mut socket).await, ViewerMessage::Ping { id: None });
    let end = timeout(PATIENCE, frames.next()).await.unwrap().unwrap();
    assert!(matches!(end, Err(Error::Silent { .. })), "{end:?}");
    assert!(frames.next().await.is_none());
}

#[tokio::test]
async fn a_refusal_ends_the_stream_with_what_the_server_said() {
    let (server, config) = Server::start().await;
    let mut frames = Subscription::start(config.camera("9"));
    let (mut stream, _) = server.listener.accept().await.unwrap();
    let mut request = [0; 1024];
    let len = stream.read(&mut request).await.unwrap();
    assert!(request[..len].starts_with(b"GET /ws?camera=9 HTTP/1.1\r\n"));
    let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 12\r\n\r\nno camera 9\n";
    stream.write_all(answer).await.unwrap();
    let error = timeout(PATIENCE, frames.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("refused with status 404: no camera 9"),
        "{error}"
    );
}

#[tokio::test]
async fn a_refused_connection_is_an_error_that_says_where() {
    let (server, config) = Server::start().await;
    let address = server.listener.local_addr().unwrap().to_string();
    drop(server);
    let mut frames = Subscription::start(config.reconnect(Reconnect::Never));
    let error = timeout(PATIENCE, frames.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[tokio::test]
async fn a_servers_texts_are_short_and_plain_and_a_message_too_long_ends_the_connection_with_1009()
{
    let (server, config) = Server::start().await;
    let config = config.wire(WireFormat::Jpeg).reconnect(Reconnect::Never);
    let mut subscription = Subscription::start(config);
    let mut socket = server.accept(WireFormat::Jpeg).await;
    let state = |reason: String| {
        let status = CameraStatus {
            state: CameraState::NoSignal,
            reason: Reason {
                text: reason,
                ..Reason::default()
            },
            ..CameraStatus::default()
        };
        Message::text(ServerMessage::State(status).to_json())
    };
    let odd = format!("\u{1b}[2J\n\u{202e}lens cap {}", "x".repeat(60_000));
    socket.send(state(odd)).await.unwrap();
    let Event::Status(status) = event(&mut subscription).await else {
        panic!("no status");
    };
    let reason = &status.reason.text;
    assert!(reason.chars().count() <= 300, "{reason}");
    assert!(reason.contains("lens cap"));
    assert!(!reason.contains(['\u{1b}', '\n', '\u{202e}']));
    socket.send(state("x".repeat(70_000))).await.unwrap();
    let ended = timeout(PATIENCE, subscription.event()).await.unwrap();
    assert!(
        matches!(ended, Some(Err(Error::Broken { .. }))),
        "{ended:?}"
    );
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => {
                assert_eq!(u16::from(frame.unwrap().code), 1009);
                break;
            }
            Some(Ok(_)) => {}
            other => panic!("no close frame: {other:?}"),
        }
    }
}

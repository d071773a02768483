//! What strangers and misbehaving viewers can do to others: nothing.

use crate::process::{pistreamer, started};
use crate::support::{PATIENCE, Running, TestServer, TestViewer, memory, picture};
use futures::SinkExt;
use pistreamer_protocol::message::ViewerMessage;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// A connection that comes from another address of the loopback network.
pub(crate) async fn connect_from(last: u8, server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind((Ipv4Addr::new(127, 0, 0, last), 0).into())
        .unwrap();
    socket.connect(server).await.unwrap()
}

/// Whether the server closes the connection, in whatever way, with nothing or something said before.
async fn is_closed(mut stream: TcpStream) -> bool {
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_take_no_place_from_those_who_may_look() {
    let directory = tempfile::tempdir().unwrap();
    let server = TestServer::start(|typed| {
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
        typed.max_unauthenticated = Some(40);
    });
    let kept = std::fs::read_to_string(directory.path().join("keys.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    let path = format!(
        "/ws?key={}",
        kept["keys"][0]["secret"]["key"].as_str().unwrap()
    );
    let mut before = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
    before.frame().await;

    // One address gets sixteen places; three more take what there is, and push out each other's.
    let mut flood = Vec::new();
    for address in 2..6 {
        for _ in 0..50 {
            flood.push(connect_from(address, server.address).await);
        }
    }
    // From a crowded address or another, the owner comes in.
    let crowded = connect_from(2, server.address).await;
    TestViewer::connect_over(crowded, &server, &path, &[])
        .await
        .unwrap()
        .frame()
        .await;
    let stream = connect_from(9, server.address).await;
    let mut after = TestViewer::connect_over(stream, &server, &path, &[])
        .await
        .unwrap();
    let seq = after.frame().await.stamp.seq;
    while before.frame().await.stamp.seq < seq + 10 {}
    let metrics = server
        .get(&format!("/metrics?{}", path.split_once('?').unwrap().1))
        .await;
    let strangers = metrics
        .lines()
        .find_map(|line| line.strip_prefix("pistreamer_strangers "))
        .unwrap();
    assert!(strangers.parse::<usize>().unwrap() <= 40, "{strangers}");
    drop(flood);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_more_viewers_than_may_be() {
    let server = TestServer::start(|typed| typed.max_viewers = Some(2));
    let mut first = TestViewer::connect(&server).await;
    let mut second = TestViewer::connect(&server).await;
    first.frame().await;
    second.frame().await;
    for path in ["/stream.mjpg", "/ws"] {
        let answer = server.get(path).await;
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("--max-viewers"),
            "{path}: {answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_headers_and_bodies_are_cut_short() {
    let server = TestServer::start(|_| ());
    for request in [
        "GET / HTTP/1.1\r\nX-Endless: ",
        "GET /",
        "POST /api/v1/session HTTP/1.1\r\nHost: pi\r\nContent-Length: 10000000\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let endless = [b'a'; 10_000];
        for _ in 0..1000 {
            // Refused as soon as it is closed.
            if stream.write_all(&endless).await.is_err() {
                break;
            }
        }
        assert!(is_closed(stream).await, "{request:?}");
    }
    TestViewer::connect(&server).await.frame().await;
    server.stop().await;
}

/// The program with a small picture at 30 fps, in a process of its own, so that its memory is nobody else's.
fn program(source: &str) -> (Running, SocketAddr) {
    let (child, url) = started(pistreamer(&[
        "--source",
        source,
        "--size",
        "320x240",
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ]));
    let (_, address) = url.trim_end_matches('/').split_once("://").unwrap();
    (Running(child), address.parse().unwrap())
}

/// A viewer's way to misbehave on its open WebSocket: the next message.
type Misdeed = fn() -> Message;

/// Where nothing is kept of what comes, memory does not grow by a fraction of the hundreds of megabytes that are sent.
const LITTLE: u64 = 48 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_that_misbehaves_ends_at_most_itself() {
    let (server, address) = program("pattern");
    let mut good = TestViewer::connect(address).await;
    good.frame().await;
    let warm = memory(server.0.id(), "VmHWM:");
    let misdeeds: [Misdeed; 4] = [
        || Message::text("x".repeat(60 << 10)),
        || Message::binary(vec![0; 60 << 10]),
        || Message::Ping(vec![0; 125].into()),
        // An ack for a frame that was never sent.
        || Message::text(ViewerMessage::Ack { seq: 1 << 50 }.to_json()),
    ];
    for misdeed in misdeeds {
        let mut bad = TestViewer::connect(address).await;
        bad.frame().await;
        let flood = async {
            for _ in 0..2000 {
                if bad.socket.send(misdeed()).await.is_err() {
                    break;
                }
            }
        };
        // The good one sees frames all the while, whether or not the bad one is ever done.
        let watch = async {
            let seq = good.frame().await.stamp.seq;
            while good.frame().await.stamp.seq < seq + 30 {}
        };
        tokio::select! {
            () = watch => {}
            () = async { flood.await; std::future::pending().await } => {}
        }
    }
    // A message in fragments, whose end never comes.
    let mut bad = TestViewer::connect(address).await;
    for number in 0..2000 {
        let kind = if number == 0 {
            Data::Text
        } else {
            Data::Continue
        };
        let fragment = Frame::message(vec![b'a'; 60 << 10], OpCode::Data(kind), false);
        if bad.socket.send(Message::Frame(fragment)).await.is_err() {
            break;
        }
    }
    good.frame().await;
    let grown = memory(server.0.id(), "VmHWM:") - warm;
    assert!(grown < LITTLE, "memory grew by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_impossible_pictures_cost_whoever_pushes_them() {
    // A gigabyte of text in a megabyte, and a header that claims 65535 x 65535.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..1 << 10 {
        std::io::Write::write_all(&mut bomb, &[b'A'; 1 << 20]).unwrap();
    }
    let mut huge = picture((64, 64), 100);
    let frame_header = huge
        .windows(2)
        .position(|marker| marker == [0xFF, 0xC0])
        .unwrap();
    huge[frame_header + 5..frame_header + 9].fill(0xFF);
    let (server, address) = program("ingest");
    // Its door opens with the camera.
    let mut pusher = loop {
        if let Ok((pusher, _)) =
            tokio_tungstenite::connect_async(format!("ws://{address}/ingest")).await
        {
            break pusher;
        }
    };
    let warm = memory(server.0.id(), "VmHWM:");
    // All of them come before a viewer can see any.
    for message in [bomb.finish().unwrap(), huge, vec![0xFF; 1 << 20]] {
        pusher.send(Message::binary(message)).await.unwrap();
    }
    let mut viewer = TestViewer::connect(address).await;
    viewer.hello().await;
    pusher
        .send(Message::binary(picture((64, 48), 100)))
        .await
        .unwrap();
    let jpeg = viewer.frame().await.jpeg;
    let info = pistreamer_protocol::jpeg::inspect(&jpeg).unwrap();
    assert_eq!((info.width, info.height), (64, 48));
    let grown = memory(server.0.id(), "VmHWM:") - warm;
    assert!(grown < LITTLE, "memory grew by {grown} bytes");
}

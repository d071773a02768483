//! What `/api/v1/status` and `/metrics` tell of the pushes that cameras' settings name.

use crate::support::{PATIENCE, TestServer};
use futures::{SinkExt, StreamExt};
use pistreamer::access::{Entry, Key, Role, Secret, Store};
use pistreamer_client::{Config, Publisher};
use pistreamer_protocol::message::ViewerMessage;
use pistreamer_protocol::{Stamp, Unpacker, WireFormat};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header;

/// An address at which nothing listens.
async fn nothing_there() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

fn pushing(target: &str) -> TestServer {
    TestServer::start(|typed| typed.push = vec![target.into()])
}

async fn push(server: &TestServer) -> Value {
    // There is none until the camera has started.
    let camera = server.camera().await;
    camera["pushes"].get(0).cloned().unwrap_or_default()
}

/// Waits until the push of the first camera is in that state, for such a reason.
async fn is(server: &TestServer, state: &str, reason: &str) -> Value {
    let wait = async {
        loop {
            let push = push(server).await;
            if push["state"] == state && push["reason"].as_str().unwrap().contains(reason) {
                return push;
            }
        }
    };
    match timeout(PATIENCE, wait).await {
        Ok(push) => push,
        Err(_) => panic!("it does not become {state}: {}", push(server).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_is_failing_with_its_reason_until_its_listener_appears_and_when_it_goes() {
    let address = nothing_there().await;
    let server = pushing(&format!("tcp://{address}"));
    let failing = is(&server, "failing", "cannot reach").await;
    assert_eq!(failing["target"], address.to_string());
    assert_eq!(failing["delivered"], 0);
    let listener = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let connected = is(&server, "connected", "").await;
    assert!(connected["since_us"].as_u64() > failing["since_us"].as_u64());
    assert_eq!(connected["reason"], "");
    let mut length = [0; 4];
    stream.read_exact(&mut length).await.unwrap();
    let mut jpeg = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut jpeg).await.unwrap();
    let delivered = async { while push(&server).await["delivered"].as_u64() == Some(0) {} };
    timeout(PATIENCE, delivered).await.unwrap();
    assert!(push(&server).await["bytes"].as_u64() >= Some(jpeg.len() as u64));
    let metrics = server.get("/metrics").await;
    let label = format!("{{camera=\"pattern\",target=\"{address}\"}}");
    assert!(
        metrics.contains(&format!("\npistreamer_push_up{label} 1\n")),
        "{metrics}"
    );
    let name = "pistreamer_push_frames_delivered_total";
    assert!(metrics.contains(&format!("\n{name}{label} ")), "{metrics}");
    drop((stream, listener));
    is(&server, "failing", "").await;
    assert!(
        server
            .get("/metrics")
            .await
            .contains(&format!("\npistreamer_push_up{label} 0\n"))
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_refused_says_why_until_it_is_let_in() {
    let target = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    let config = Config::ingest(&format!("http://{}", target.address)).unwrap();
    target
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let other = Publisher::connect(&config).await.unwrap();
    let server = pushing(&format!("ws://{}", target.address));
    is(&server, "failing", "pushes already").await;
    other.close().await;
    is(&server, "connected", "").await;
    let delivered = async { while push(&server).await["delivered"].as_u64() == Some(0) {} };
    timeout(PATIENCE, delivered).await.unwrap();
    server.stop().await;
    target.stop().await;
}

/// The next frame that is pushed there.
async fn next_frame(socket: &mut WebSocketStream<TcpStream>) -> u64 {
    loop {
        let message = timeout(PATIENCE, socket.next()).await.unwrap();
        if let Message::Binary(frame) = message.unwrap().unwrap() {
            let mut unpacker = Unpacker::default();
            return Stamp::read(unpacker.unpack(&frame).unwrap()).unwrap().seq;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_a_slow_target_had_no_room_for_are_counted_as_skipped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = pushing(&format!("ws://{}", listener.local_addr().unwrap()));
    let (stream, _) = listener.accept().await.unwrap();
    #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
    let choose = |_: &Request, mut response: Response| {
        let wire = WireFormat::GzipBase64.subprotocol().parse().unwrap();
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, wire);
        Ok(response)
    };
    let mut socket = tokio_tungstenite::accept_hdr_async(stream, choose)
        .await
        .unwrap();
    next_frame(&mut socket).await;
    let seq = next_frame(&mut socket).await;
    // Until it acknowledges one, it is sent no third.
    server
        .camera_is(|camera| camera["encoded"].as_u64() > Some(seq + 5))
        .await;
    let ack = Message::text(ViewerMessage::Ack { seq }.to_json());
    socket.send(ack).await.unwrap();
    let next = next_frame(&mut socket).await;
    assert!(next > seq + 1, "{next} after {seq}");
    let counted = async { while push(&server).await["skipped"].as_u64() < Some(4) {} };
    timeout(PATIENCE, counted).await.unwrap();
    assert_eq!(push(&server).await["delivered"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_pushed_to_its_own_server_says_so_and_others_may_push() {
    let address = nothing_there().await;
    let server = TestServer::start(|typed| {
        typed.listen = vec![address.to_string()];
        typed.source = vec!["ingest".into()];
        typed.push = vec![format!("ws://{address}")];
    });
    is(
        &server,
        "failing",
        "pushed to the server that it belongs to",
    )
    .await;
    let config = Config::ingest(&format!("http://{address}")).unwrap();
    let connect = async {
        loop {
            // Until the source runs.
            if let Ok(publisher) = Publisher::connect(&config).await {
                return publisher;
            }
        }
    };
    let publisher = timeout(PATIENCE, connect).await.unwrap();
    publisher.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_frames_are_pushed_to_is_told_to_an_admin_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().into());
    let owner = store.open().unwrap();
    let key = |role: Role| {
        let key = Key::random().unwrap();
        let entry = Entry::new(
            format!("{role}s").parse().unwrap(),
            role,
            Secret::Key(key.clone()),
        );
        store.change(|keys| keys.keys.push(entry.clone())).unwrap();
        key
    };
    drop(owner);
    let keys = [Role::View, Role::Admin].map(|role| (role, key(role)));
    let target = nothing_there().await;
    let server = TestServer::start(|typed| {
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
        typed.push = vec![format!("tcp://{target}")];
    });
    for (role, key) in keys {
        for path in ["/api/v1/status", "/api/v1/cameras", "/metrics"] {
            let answer = server.get(&format!("{path}?key={}", key.as_str())).await;
            assert!(answer.contains(" 200 "), "{answer}");
            let told = answer.contains(&target.to_string());
            assert_eq!(told, role == Role::Admin, "{role} {path}: {answer}");
        }
    }
    server.stop().await;
}

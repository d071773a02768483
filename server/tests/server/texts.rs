//! Texts that other programs send: what reaches viewers of them is short and plain, and what is longer than any message
//! ends the connection that sent it, and no other.

use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use futures::StreamExt;
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::{
    CameraState, CameraStatus, LONGEST_MESSAGE, Reason, ServerMessage, ViewerMessage,
};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

fn no_signal(reason: String) -> Message {
    let status = CameraStatus {
        state: CameraState::NoSignal,
        reason: Reason {
            text: reason,
            ..Reason::default()
        },
        ..CameraStatus::default()
    };
    Message::text(ServerMessage::State(status).to_json())
}

/// Comes in as soon as the one before has gone.
async fn pusher(server: &TestServer) -> TestViewer {
    let wire = [("sec-websocket-protocol", WireFormat::Jpeg.subprotocol())];
    let connect = async {
        loop {
            if let Ok(pusher) = TestViewer::connect_with(server, "/ingest", &wire).await {
                return pusher;
            }
        }
    };
    timeout(PATIENCE, connect)
        .await
        .expect("the door stays shut")
}

/// The code with which the server closes.
async fn close_code(pusher: &mut TestViewer) -> CloseCode {
    let closed = async {
        loop {
            if let Message::Close(frame) = pusher.socket.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    };
    timeout(PATIENCE, closed).await.expect("it stays open")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushers_long_and_odd_reason_reaches_viewers_short_and_plain() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let mut viewer = TestViewer::connect(&server).await;
    let mut pusher = pusher(&server).await;
    let odd = format!("\u{1b}[2J\n\u{202e}lens cap {}", "x".repeat(60_000));
    pusher.say_raw(no_signal(odd)).await;
    let reason = loop {
        if let ServerMessage::State(status) = viewer.told().await
            && status.reason.text.contains("lens cap")
        {
            break status.reason.text;
        }
    };
    assert!(reason.chars().count() <= 300, "{reason}");
    assert!(
        !reason.contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{reason:?}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_longer_than_any_message_ends_its_pusher_with_1009_and_no_viewer() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let mut viewer = TestViewer::connect(&server).await;
    for length in [LONGEST_MESSAGE, 20_000_000] {
        let mut pusher = pusher(&server).await;
        pusher.say_raw(no_signal("x".repeat(length))).await;
        assert_eq!(close_code(&mut pusher).await, CloseCode::Size);
    }
    // The next one finds the door open, and the viewer is still there.
    let mut pusher = pusher(&server).await;
    pusher
        .say_raw(Message::binary(picture((64, 48), 100)))
        .await;
    let ack = timeout(PATIENCE, pusher.socket.next()).await.unwrap();
    let Message::Text(ack) = ack.unwrap().unwrap() else {
        panic!("no ack");
    };
    ViewerMessage::from_json(&ack).unwrap();
    viewer.frame().await;
    pusher.socket.close(None).await.unwrap();
    server.stop().await;
}

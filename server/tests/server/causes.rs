//! Why there is no picture, and why a viewer is refused: in English, and with a code and values for other languages.

use crate::support::{PATIENCE, TestServer, TestViewer};
use pistreamer_protocol::message::{
    CameraState, CameraStatus, Cause, Reason, ServerMessage, ViewerMessage,
};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// The reason for which a server whose source that is has no picture, once a viewer is told one that has this code.
async fn reason(source: &str, cause: &str) -> Reason {
    let server = TestServer::start(|typed| typed.source = vec![source.into()]);
    let reason = told(&mut TestViewer::connect(&server).await, cause).await;
    server.stop().await;
    reason
}

/// Waits until a viewer is told a reason with this code.
async fn told(viewer: &mut TestViewer, cause: &str) -> Reason {
    let mut last = Reason::default();
    let telling = async {
        loop {
            let status = match viewer.told().await {
                ServerMessage::Hello(hello) => hello.status,
                ServerMessage::State(status) => status,
                _ => continue,
            };
            last = status.reason;
            if last.cause == cause {
                break;
            }
        }
    };
    let heard = timeout(PATIENCE, telling).await;
    assert!(heard.is_ok(), "{cause} is never told: {last:?}");
    last
}

/// Nothing listens there, and no server of another test is given it by chance.
const CLOSED: &str = "127.0.0.1:1";

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_source_tells_the_code_and_the_values_of_its_reason() {
    let device = reason("v4l2:/dev/no-such-camera", "none-at-device").await;
    let missing = Cause::NoneAtDevice {
        device: "/dev/no-such-camera".into(),
    };
    assert_eq!(device, missing.into());

    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().display().to_string();
    let files = reason(&format!("files:{path}"), "directory-without-jpeg").await;
    assert_eq!(files, Cause::DirectoryWithoutJpeg { path }.into());

    let pushed = reason("ingest", "nothing-pushed").await;
    assert_eq!(pushed, Cause::NothingPushed.into());

    let listens = reason("tcp-listen:127.0.0.1:0", "nothing-pushed-to").await;
    assert!(listens.values.get("address").is_some(), "{listens:?}");

    // What the system says stays as it is, without its number.
    let fetched = reason(&format!("http://{CLOSED}/video"), "not-fetched").await;
    assert_eq!(
        fetched,
        Cause::NotFetched {
            address: CLOSED.into(),
            error: "Connection refused".into(),
        }
        .into()
    );
    let relayed = reason(&format!("ws://{CLOSED}/ws"), "origin-unreachable").await;
    assert_eq!(relayed.values.get("address"), Some(&CLOSED.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_and_a_pusher_pass_on_the_causes_of_their_camera_known_or_not() {
    let origin = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    let source = format!("ws://{}/ws", origin.address);
    let relay = TestServer::start(|typed| typed.source = vec![source]);
    let mut viewer = TestViewer::connect(&relay).await;
    assert_eq!(
        told(&mut viewer, "nothing-pushed").await,
        Cause::NothingPushed.into()
    );
    let mut pusher = TestViewer::connect_with(&origin, "/ingest", &[])
        .await
        .unwrap();
    let of_tomorrow = json!({
        "type": "state", "state": "no-signal", "reason": "the lens cap is on",
        "cause": "lens-cap", "values": {"camera": "door", "since": 3},
    });
    pusher.say_raw(Message::text(of_tomorrow.to_string())).await;
    let reason = told(&mut viewer, "lens-cap").await;
    assert_eq!(reason.text, "the lens cap is on");
    assert_eq!(
        serde_json::to_value(&reason.values).unwrap(),
        of_tomorrow["values"]
    );
    // A pusher of before there were codes.
    let words = CameraStatus {
        state: CameraState::NoSignal,
        reason: "it is dark".into(),
        ..CameraStatus::default()
    };
    pusher
        .say_raw(Message::text(ServerMessage::State(words).to_json()))
        .await;
    assert_eq!(told(&mut viewer, "").await, "it is dark".into());
    relay.stop().await;
    origin.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_the_cause_beside_the_reason() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    server
        .camera_is(|camera| camera["cause"] == "nothing-pushed")
        .await;
    let camera = server.camera().await;
    assert_eq!(camera["reason"], "no client pushes pictures to /ingest yet");
    assert_eq!(camera["values"], json!({}));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_has_its_code_in_a_header_that_other_pages_may_read() {
    let server = TestServer::start(|_| {});
    let header = |answer: &str, name: &str| {
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let found = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
        found
            .map(str::to_owned)
            .unwrap_or_else(|| panic!("{answer}"))
    };
    // A name as odd as names may be.
    let answer = server.get("/ws?camera=T%C3%BCr%0A%22").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let told: Value = serde_json::from_str(&header(&answer, "pistreamer-cause")).unwrap();
    assert_eq!(
        told,
        json!({"cause": "no-such-camera", "values": {"camera": "Tür \"", "cameras": "pattern"}})
    );
    let readable = header(&answer, "access-control-expose-headers");
    assert_eq!(readable, "pistreamer-cause");
    let (_, words) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        words.starts_with("there is no camera \"Tür\\n\"\""),
        "{words}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_understood_is_answered_with_the_problem_as_a_value() {
    let server = TestServer::start(|_| {});
    let mut viewer = TestViewer::connect(&server).await;
    viewer.say(ViewerMessage::Pause).await;
    viewer.say_raw(Message::text(r#"{"type":"ack"}"#)).await;
    let error = loop {
        if let ServerMessage::Error {
            code,
            message,
            values,
        } = viewer.told().await
        {
            break (code, message, values);
        }
    };
    let (code, message, values) = error;
    assert_eq!(code, "bad-message");
    let problem = serde_json::to_value(values.get("problem")).unwrap();
    assert!(message.ends_with(problem.as_str().unwrap()), "{message}");
    server.stop().await;
}

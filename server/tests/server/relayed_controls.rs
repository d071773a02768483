//! Controls along chains of servers: what is set at the last one is the origin's business, whatever version it has.

use crate::relayed::{camera, relaying, showing, stop};
use crate::support::{PATIENCE, TestServer, TestViewer};
use futures::{SinkExt as _, StreamExt as _};
use pistreamer::source::{Mode as SourceMode, Port, Source, SourceError};
use pistreamer_protocol::WireFormat;
use pistreamer_protocol::message::{
    Camera, CameraState, CameraStatus, Control, Mode, ServerMessage, ViewerMessage,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::header;

#[tokio::test(flavor = "multi_thread")]
async fn controls_are_set_along_a_chain_and_kept_by_the_origin_alone() {
    let kept = tempfile::tempdir().unwrap();
    let (first, second) = (kept.path().join("first"), kept.path().join("second"));
    let start = |source: String, state: &std::path::Path| {
        TestServer::start(|typed| {
            typed.source = vec![source.clone()];
            typed.state_dir = Some(state.into());
        })
    };
    let origin = start("pattern".into(), &first);
    let middle = start(format!("ws://{}", origin.address), &second);
    let last = relaying(&middle);
    last.camera_is(|camera| camera["state"] == "live").await;
    let mut viewer = TestViewer::connect(&last).await;
    let control = |hello: &pistreamer_protocol::message::Hello| {
        let mut controls = hello.controls.iter();
        controls.find(|control| control.name == "Speed").cloned()
    };
    let hello = viewer.hello().await;
    assert_eq!(control(&hello).map(|speed| speed.value), Some(1.0));
    viewer
        .say(ViewerMessage::Control {
            name: "Speed".into(),
            value: 2.4.into(),
            confirmed: false,
        })
        .await;
    // As the origin takes it.
    let speed = async {
        loop {
            if let ServerMessage::State(status) = viewer.told().await
                && let Some(controls) = status.controls
            {
                let speed = controls.iter().find(|control| control.name == "Speed");
                if speed.is_some_and(|speed| speed.value == 2.5) {
                    return;
                }
            }
        }
    };
    timeout(PATIENCE, speed).await.unwrap();
    let mut watches = TestViewer::connect(&origin).await;
    let hello = watches.hello().await;
    assert_eq!(control(&hello).map(|speed| speed.value), Some(2.5));
    drop((viewer, watches));
    stop([last, middle, origin]).await;
    let written = |state: &std::path::Path| std::fs::read_to_string(state.join("controls.json"));
    assert!(written(&first).unwrap().contains("Speed"));
    assert!(written(&second).is_err(), "{:?}", written(&second));
}

/// A camera whose gain is decided by something automatic, and which keeps to steps of ten.
struct Automatic {
    automatic: bool,
    gain: f64,
}

impl Source for Automatic {
    fn camera(&self) -> Camera {
        Camera {
            name: "scripted".into(),
            source: "scripted".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        port.open(SourceMode {
            width: 64,
            height: 48,
            fps: 30.0,
        });
        let controls = |this: &Self| {
            [
                Control::switch("Automatic", this.automatic, true),
                Control {
                    inactive: this.automatic,
                    owner: "Automatic".into(),
                    ..Control::range("Gain", 0.0..=100.0, this.gain, 5.0)
                },
                Control::switch("Noise", false, false),
            ]
        };
        port.controls(&controls(self));
        while !port.demand().sleep(Duration::from_millis(5)) {
            let values = port.commands();
            if values.is_empty() {
                continue;
            }
            let number = |name: &str| values.get(name).and_then(|value| value.number());
            if let Some(on) = number("Automatic") {
                self.automatic = on == 1.0;
            }
            if let Some(gain) = number("Gain").filter(|_| !self.automatic) {
                self.gain = (gain / 10.0).round() * 10.0;
            }
            port.controls(&controls(self));
        }
        Ok(())
    }
}

/// A server of such a camera, with a relay.
async fn automatic() -> (TestServer, TestServer) {
    let camera = Automatic {
        automatic: true,
        gain: 20.0,
    };
    let origin = TestServer::start_with(vec![Box::new(camera)], |_| ());
    let relay = relaying(&origin);
    relay.camera_is(|camera| camera["state"] == "live").await;
    (origin, relay)
}

/// What the first camera of a server answers to that command, and how long it took.
async fn commanded(server: &TestServer, method: &str, more: &str, body: &str) -> (Value, Duration) {
    let id = server.camera().await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/cameras/{id}/controls{more}");
    let length = format!("Content-Length: {}\r\n", body.len());
    let began = Instant::now();
    let answer = server.send(method, &path, &length, body).await;
    let answer = String::from_utf8(answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (serde_json::from_str(body).unwrap(), began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_together_reaches_the_origin_together_and_its_answer_is_the_relays() {
    let (origin, relay) = automatic().await;
    let set = r#"{"Automatic": false, "Gain": 47}"#;
    let (answer, _) = commanded(&relay, "PUT", "", set).await;
    let both = json!({"values": {"Automatic": 0.0, "Gain": 50.0}, "refused": {}, "pending": []});
    assert_eq!(answer, both);
    // Nothing changes by that, and it is answered all the same.
    let (answer, took) = commanded(&relay, "PUT", "", set).await;
    assert_eq!(answer, both);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let (answer, took) = commanded(&relay, "PUT", "", "{}").await;
    assert_eq!(answer["values"], json!({}));
    assert!(took < Duration::from_secs(1), "{took:?}");
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_at_a_relay_is_one_at_the_origin() {
    let source = "id = \"door\"\nsource = \"pattern\"\nsize = \"320x240\"";
    let configured = format!("[[camera]]\n{source}\n[camera.controls]\nSpeed = 2.0\n");
    let origin = TestServer::configured(&configured);
    let relay = relaying(&origin);
    relay.camera_is(|camera| camera["state"] == "live").await;
    let speed = async |server: &TestServer, value: f64| {
        let is = async {
            loop {
                let hello = TestViewer::connect(server).await.hello().await;
                let mut controls = hello.controls.iter();
                let speed = controls.find(|control| control.name == "Speed");
                if speed.is_some_and(|speed| speed.value == value) {
                    return;
                }
            }
        };
        timeout(PATIENCE, is).await.expect("it is another speed");
    };
    speed(&origin, 2.0).await;
    commanded(&relay, "PUT", "/Speed", "3").await;
    speed(&origin, 3.0).await;
    // What the origin's owner has configured, and not the default.
    commanded(&relay, "DELETE", "/Speed", "").await;
    speed(&origin, 2.0).await;
    commanded(&relay, "PUT", "/Speed", "3").await;
    commanded(&relay, "DELETE", "", "").await;
    speed(&origin, 2.0).await;
    speed(&relay, 2.0).await;
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_for_an_origin_that_is_away() {
    let (origin, relay) = automatic().await;
    origin.stop().await;
    relay
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let (answer, _) = commanded(&relay, "PUT", "/Noise", "1").await;
    let why = answer["refused"]["Noise"].as_str().unwrap();
    assert!(why.contains("Noise needs the camera"), "{why}");
    // Several together, none at all, and a preset are answered as well, and hold up nothing else.
    let mut viewer = TestViewer::connect(&relay).await;
    viewer.hello().await;
    for (id, values) in [(1, r#""Noise":1,"Speed":2"#), (2, "")] {
        let set = format!(r#"{{"type":"set","id":{id},"values":{{{values}}}}}"#);
        viewer.say_raw(Message::text(set)).await;
        let answer = loop {
            if let ServerMessage::Answer(answer) = viewer.told().await {
                break answer;
            }
        };
        assert_eq!(answer.id, id);
        assert_eq!(answer.refused.len(), 2 * usize::from(id == 1), "{answer:?}");
    }
    stop([relay]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relays_configuration_sets_nothing_at_the_origin() {
    let origin = TestServer::configured(&camera("pattern", ""));
    let relay = TestServer::configured(&camera(
        &format!("ws://{}", origin.address),
        "[camera.controls]\nSpeed = 3.0",
    ));
    relay.camera_is(|camera| camera["state"] == "live").await;
    // Behind anything that it would have been told.
    let (answer, _) = commanded(&relay, "PUT", "/Noise", "0").await;
    assert_eq!(answer["values"], json!({"Noise": 0.0}));
    let hello = TestViewer::connect(&origin).await.hello().await;
    assert_eq!(hello.controls[0].name, "Speed");
    assert_eq!(hello.controls[0].value, 1.0);
    stop([relay, origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_may_only_watch_lets_nobody_set_anything() {
    use pistreamer::access::Role;
    let locked = crate::access::Locked::start();
    let key = locked.add("relay", Role::View);
    let relay = showing(format!("ws://camera:{key}@{}", locked.server.address));
    relay.camera_is(|camera| camera["state"] == "live").await;
    let mut viewer = TestViewer::connect(&relay).await;
    assert!(viewer.hello().await.controls.is_empty());
    drop(viewer);
    stop([relay]).await;
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_from_before_is_told_each_value_by_itself_and_a_reset_as_values() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = showing(format!("ws://{}", listener.local_addr().unwrap()));
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
    let choose = |_: &Request, mut response: Response| {
        let wire = WireFormat::Jpeg.subprotocol().parse().unwrap();
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, wire);
        Ok(response)
    };
    let accepting = tokio_tungstenite::accept_hdr_async(stream, choose);
    let mut origin = accepting.await.unwrap();
    let controls = |speed| {
        vec![
            Control::switch("Noise", true, true),
            Control::range("Speed", 0.0..=4.0, speed, 1.0),
        ]
    };
    // As they wrote it: no word of what they know to set.
    let hello = json!({
        "type": "hello", "protocol": 1, "server": "pistreamer 0.0.9", "time_us": 0, "width": 64, "height": 48, "fps": 30.0,
        "camera": {"id": "old", "name": "Old", "source": "pattern"}, "state": "live", "wire": WireFormat::Jpeg.subprotocol(),
        "controls": serde_json::to_value(controls(1.0)).unwrap(),
    });
    origin.send(Message::text(hello.to_string())).await.unwrap();
    relay.camera_is(|camera| camera["state"] == "live").await;
    // What it hears of controls, and what it says then.
    let origin = async {
        let mut heard = Vec::new();
        while heard.len() < 3 {
            let Some(Ok(message)) = origin.next().await else {
                break;
            };
            let Ok(text) = message.to_text() else {
                continue;
            };
            let Ok(said) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            if !["control", "set", "reset"].contains(&said["type"].as_str().unwrap()) {
                continue;
            }
            let speed = said["value"].as_f64().filter(|_| said["name"] == "Speed");
            heard.push(said);
            if let Some(speed) = speed {
                let status = CameraStatus {
                    state: CameraState::Live,
                    mode: Some(Mode {
                        width: 64,
                        height: 48,
                        fps: 30.0,
                    }),
                    controls: Some(controls(speed)),
                    ..CameraStatus::default()
                };
                let told = ServerMessage::State(status).to_json();
                origin.send(Message::text(told)).await.unwrap();
            }
        }
        heard
    };
    let program = async {
        let set = r#"{"Noise": false, "Speed": 3}"#;
        let (answer, _) = commanded(&relay, "PUT", "", set).await;
        assert_eq!(answer["values"]["Speed"], 3.0, "{answer}");
        commanded(&relay, "DELETE", "/Speed", "").await
    };
    let (heard, (answer, _)) = timeout(PATIENCE, futures::future::join(origin, program))
        .await
        .unwrap();
    assert_eq!(
        heard,
        [
            json!({"type": "control", "name": "Noise", "value": 0.0, "confirmed": true}),
            json!({"type": "control", "name": "Speed", "value": 3.0, "confirmed": true}),
            json!({"type": "control", "name": "Speed", "value": 1.0, "confirmed": true}),
        ]
    );
    assert_eq!(answer["values"]["Speed"], 1.0, "{answer}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_origin_refuses_is_told_and_a_viewer_of_the_relay_gets_its_answer() {
    let (origin, relay) = automatic().await;
    let (answer, _) = commanded(&relay, "PUT", "", r#"{"Automatic": true, "Gain": 47}"#).await;
    let why = answer["refused"]["Gain"].as_str().unwrap();
    assert!(why.contains("Automatic decides it"), "{answer}");
    let mut viewer = TestViewer::connect(&relay).await;
    assert!(viewer.hello().await.sets);
    let command = ViewerMessage::Set {
        values: [
            ("Automatic".to_owned(), 0.0.into()),
            ("Gain".into(), 33.0.into()),
        ]
        .into(),
        confirmed: false,
        id: Some(5),
    };
    viewer.say(command).await;
    let answered = async {
        loop {
            if let ServerMessage::Answer(answer) = viewer.told().await {
                return answer;
            }
        }
    };
    let answer = timeout(PATIENCE, answered).await.unwrap();
    assert_eq!((answer.id, &answer.values["Gain"]), (5, &30.0.into()));
    assert!(answer.refused.is_empty() && answer.pending.is_empty());
    drop(viewer);
    stop([relay, origin]).await;
}

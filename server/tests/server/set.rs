//! Controls for programs: the API, what is kept beyond a restart, and what changes by itself. A scripted camera has what the test
//! pattern lacks.

use crate::support::{TestServer, TestViewer};
use pistreamer::source::{Mode, Port, Source, SourceError};
use pistreamer_protocol::message::{
    Camera, Control, ControlValues, ServerMessage, ViewerMessage, Want,
};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A camera whose gain is automatic until that is turned off, that has gains in steps of 5 by its own choice, and that measures
/// the light.
struct Scripted {
    device: &'static str,
    automatic: bool,
    gain: f64,
    focused: u32,
    time: f64,
}

impl Scripted {
    fn new(device: &'static str) -> Self {
        Self {
            device,
            automatic: true,
            gain: 20.0,
            focused: 0,
            time: 1000.0,
        }
    }

    fn controls(&self) -> [Control; 5] {
        [
            Control::switch("Automatic", self.automatic, true),
            Control {
                inactive: self.automatic,
                owner: "Automatic".into(),
                ..Control::range("Gain", 0.0..=100.0, self.gain, 10.0)
            },
            Control::button("Focus"),
            Control {
                readonly: true,
                ..Control::range("Focused", 0.0..=1000.0, self.focused.into(), 0.0)
            },
            Control::range("Time", 100.0..=112e6, self.time, 1000.0).with_long_exposures(),
        ]
    }
}

/// A camera that was never there.
struct Absent;

impl Source for Absent {
    fn camera(&self) -> Camera {
        Camera::default()
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        while !port.demand().sleep(Duration::from_millis(50)) {}
        Ok(())
    }
}

impl Source for Scripted {
    fn camera(&self) -> Camera {
        Camera {
            source: "scripted".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        port.opened_device(self.device);
        port.controls(&self.controls());
        port.open(Mode {
            width: 16,
            height: 8,
            fps: 30.0,
        });
        let mut told = Instant::now();
        while !port.demand().sleep(Duration::from_millis(5)) {
            let values = port.commands();
            if let Some(on) = values.get("Automatic").and_then(|value| value.number()) {
                self.automatic = on != 0.0;
            }
            if let Some(gain) = values.get("Gain").and_then(|value| value.number())
                && !self.automatic
            {
                self.gain = (gain / 5.0).round() * 5.0;
            }
            self.focused += u32::from(values.contains_key("Focus"));
            if let Some(time) = values.get("Time").and_then(|value| value.number()) {
                self.time = time;
            }
            if !values.is_empty() {
                port.controls(&self.controls());
            }
            if told.elapsed() > Duration::from_millis(100) {
                told = Instant::now();
                self.focused += 1;
                let focused = f64::from(self.focused);
                port.readings(&ControlValues::from([(
                    "Focused".to_owned(),
                    focused.into(),
                )]));
            }
        }
        Ok(())
    }
}

fn scripted(device: &'static str, state: Option<&Path>) -> TestServer {
    TestServer::start_with(vec![Box::new(Scripted::new(device))], |flags| {
        flags.state_dir = state.map(Into::into);
    })
}

/// Status and body of an answer.
async fn ask(server: &TestServer, method: &str, path: &str, body: &str) -> (u16, Value) {
    let cameras = server.json("/api/v1/cameras").await;
    let id = cameras["cameras"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/cameras/{id}/{path}");
    let headers = format!("Content-Length: {}\r\n", body.len());
    let answer = server.send(method, &path, &headers, body).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.into()));
    (status, body)
}

/// The value of each control.
async fn values(server: &TestServer) -> Value {
    let (_, list) = ask(server, "GET", "controls", "").await;
    let controls = list["controls"].as_array().unwrap();
    let values = controls.iter().map(|control| {
        (
            control["name"].as_str().unwrap().to_owned(),
            control["value"].clone(),
        )
    });
    Value::Object(values.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_lists_sets_and_resets_controls_and_is_told_what_the_camera_has() {
    let server = TestServer::start(|_| ());
    server.camera_is(|camera| camera["state"] == "live").await;
    let set = r#"{"Speed": 2.4, "Noise": false, "Scene": "grey"}"#;
    let (status, answer) = ask(&server, "PUT", "controls", set).await;
    // The nearest step, without anybody who watches.
    let taken = json!({"Speed": 2.5, "Noise": 0.0, "Scene": 2.0});
    assert_eq!((status, &answer["values"]), (200, &taken), "{answer}");
    assert_eq!(
        (&answer["pending"], &answer["refused"]),
        (&json!([]), &json!({}))
    );
    let mut viewer = TestViewer::connect(&server).await;
    assert_eq!(viewer.hello().await.controls[0].value, 2.5);

    // All or nothing.
    let set = r#"{"Speed": 1, "Noise": "loud", "Tint": 1}"#;
    let (status, answer) = ask(&server, "PUT", "controls", set).await;
    assert_eq!((status, &answer["values"]), (422, &json!({})));
    let refused = &answer["refused"];
    let said = "Noise must be 0 (off) or 1 (on), got \"loud\"";
    assert_eq!(refused["Noise"], said);
    assert!(
        refused["Tint"]
            .as_str()
            .unwrap()
            .contains("no control named")
    );
    assert_eq!(values(&server).await["Speed"], 2.5);

    let (status, control) = ask(&server, "GET", "controls/Speed", "").await;
    assert_eq!((status, &control["step"]), (200, &json!(0.25)));
    let (status, answer) = ask(&server, "PUT", "controls/Speed", "3").await;
    assert_eq!((status, &answer["values"]["Speed"]), (200, &json!(3.0)));
    let (status, _) = ask(&server, "PUT", "controls/Rewind", "true").await;
    assert_eq!(status, 200);
    let (status, answer) = ask(&server, "DELETE", "controls/Speed", "").await;
    assert_eq!((status, &answer["values"]["Speed"]), (200, &json!(1.0)));
    let (status, answer) = ask(&server, "DELETE", "controls", "").await;
    let usual = json!({"Speed": 1.0, "Noise": 1.0, "Scene": 0.0});
    assert_eq!((status, &answer["values"]), (200, &usual));

    for (method, path, body, status, said) in [
        ("GET", "controls/Tint", "", 404, "it has Speed, Noise"),
        ("PUT", "controls", "Speed=1", 400, "JSON such as"),
        ("PUT", "controls", "[1]", 400, "JSON such as"),
        (
            "GET",
            "presets/day",
            "",
            404,
            "no preset \"day\"; it has none",
        ),
        ("POST", "presets/day", "", 404, "no preset"),
        ("DELETE", "presets/day", "", 404, "no preset"),
        ("POST", "controls", "{}", 405, ""),
    ] {
        let (is, answer) = ask(&server, method, path, body).await;
        let text = answer.as_str().unwrap_or_default();
        assert!(
            is == status && text.contains(said),
            "{method} {path}: {is} {answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_something_automatic_decides_is_refused_and_what_the_camera_makes_of_a_value_is_told()
{
    let server = scripted("usb:1", None);
    server.camera_is(|camera| camera["state"] == "live").await;
    let (status, answer) = ask(&server, "PUT", "controls", r#"{"Gain": 50}"#).await;
    assert_eq!(status, 422);
    let why = answer["refused"]["Gain"].as_str().unwrap();
    assert!(why.contains("Automatic decides it"), "{why}");
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    for (name, code) in [
        ("Gain", "inactive-control"),
        ("Focused", "read-only-control"),
    ] {
        let (name, value) = (name.into(), 5.0.into());
        viewer
            .say(ViewerMessage::Control {
                name,
                value,
                confirmed: false,
            })
            .await;
        let told = loop {
            if let ServerMessage::Error { code, .. } = viewer.told().await {
                break code;
            }
        };
        assert_eq!(told, code);
    }
    // With the automatic turned off at once it is taken, as the camera has it.
    let set = r#"{"Automatic": false, "Gain": 51}"#;
    let (status, answer) = ask(&server, "PUT", "controls", set).await;
    assert_eq!(status, 200);
    assert_eq!(answer["values"], json!({"Automatic": 0.0, "Gain": 50.0}));
    // It has answered, with a value of its own.
    assert_eq!(answer["pending"], json!([]));
    // Turned on, it decides again.
    let set = r#"{"Automatic": true, "Gain": 70}"#;
    let (status, answer) = ask(&server, "PUT", "controls", set).await;
    assert_eq!(status, 200);
    assert!(answer["refused"]["Gain"].is_string(), "{answer}");
    // What was refused is not set later on either: the camera has what the automatic chose.
    let set = r#"{"Automatic": false}"#;
    let (status, answer) = ask(&server, "PUT", "controls", set).await;
    assert_eq!((status, &answer["pending"]), (200, &json!([])));
    assert_eq!(values(&server).await["Gain"], 50.0);
    // It is no reproach to a reset.
    let (status, answer) = ask(&server, "DELETE", "controls", "").await;
    assert_eq!((status, &answer["refused"]), (200, &json!({})));
    assert_eq!(answer["values"]["Automatic"], 1.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn presets_are_kept_applied_and_removed() {
    let state = tempfile::tempdir().unwrap();
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    // What is automatic is none of it.
    let (status, day) = ask(&server, "PUT", "presets/day", "").await;
    assert_eq!(
        (status, day),
        (200, json!({"Automatic": 1.0, "Time": 1000.0}))
    );
    let night = r#"{"Automatic": "off", "Gain": 80}"#;
    let (status, night) = ask(&server, "PUT", "presets/by%20night", night).await;
    assert_eq!((status, &night["Gain"]), (200, &json!(80.0)));
    for (name, body, said) in [
        ("night", r#"{"Tint": 1}"#, "no control named"),
        ("..%2Fnight", "", "is not a valid preset name"),
    ] {
        let (status, answer) = ask(&server, "PUT", &format!("presets/{name}"), body).await;
        assert!(
            status == 422 && answer.to_string().contains(said),
            "{answer}"
        );
    }
    server.stop().await;

    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let (_, list) = ask(&server, "GET", "controls", "").await;
    assert_eq!(list["presets"], json!(["by night", "day"]));
    let (status, answer) = ask(&server, "POST", "presets/by%20night", "").await;
    assert_eq!(status, 200);
    assert_eq!(answer["values"], json!({"Automatic": 0.0, "Gain": 80.0}));
    let (status, kept) = ask(&server, "GET", "presets/by%20night", "").await;
    assert_eq!((status, kept), (200, night));
    assert_eq!(
        ask(&server, "DELETE", "presets/by%20night", "").await.0,
        204
    );
    assert_eq!(ask(&server, "POST", "presets/by%20night", "").await.0, 404);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_set_survives_a_restart_and_is_not_given_to_another_camera() {
    let state = tempfile::tempdir().unwrap();
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let set = r#"{"Automatic": false, "Gain": 40}"#;
    assert_eq!(ask(&server, "PUT", "controls", set).await.0, 200);
    assert_eq!(ask(&server, "PUT", "controls/Focus", "1").await.0, 200);
    server.stop().await;
    for (device, gain) in [("usb:2", 20.0), ("usb:1", 40.0)] {
        let server = scripted(device, Some(state.path()));
        server.camera_is(|camera| camera["state"] == "live").await;
        // Behind what it is given at the start.
        let (_, pressed) = ask(&server, "PUT", "controls/Focus", "1").await;
        assert_eq!(pressed["pending"], json!([]), "{pressed}");
        assert_eq!(values(&server).await["Gain"], json!(gain), "{device}");
        server.stop().await;
    }
    // Reset, it starts as any other.
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    assert_eq!(ask(&server, "DELETE", "controls", "").await.0, 200);
    server.stop().await;
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    assert_eq!(values(&server).await["Automatic"], 1.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_something_automatic_chose_is_kept_once_it_is_turned_off() {
    let state = tempfile::tempdir().unwrap();
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let set = r#"{"Automatic": false}"#;
    assert_eq!(ask(&server, "PUT", "controls", set).await.0, 200);
    server.stop().await;
    let kept = std::fs::read_to_string(state.path().join("controls.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let (_, cameras) = kept["cameras"].as_object().unwrap().iter().next().unwrap();
    let values = json!({"Automatic": 0.0, "Gain": 20.0});
    assert_eq!(cameras[0]["values"], values);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_the_picture_away_for_long_is_set_when_it_is_confirmed_and_not_again_at_a_start()
{
    let state = tempfile::tempdir().unwrap();
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let long = r#"{"Time": 5000000}"#;
    let (status, answer) = ask(&server, "PUT", "controls", long).await;
    let why = answer["refused"]["Time"].as_str().unwrap();
    assert!(status == 422 && why.contains("?confirmed=1"), "{answer}");
    assert_eq!(values(&server).await["Time"], 1000.0);
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    let code = |confirmed| ViewerMessage::Control {
        name: "Time".into(),
        value: 2e6.into(),
        confirmed,
    };
    viewer.say(code(false)).await;
    let told = loop {
        if let ServerMessage::Error { code, .. } = viewer.told().await {
            break code;
        }
    };
    assert_eq!(told, "unconfirmed");
    viewer.say(code(true)).await;
    let is_set = async { while values(&server).await["Time"] != json!(2e6) {} };
    tokio::time::timeout(Duration::from_secs(20), is_set)
        .await
        .unwrap();
    let (status, answer) = ask(&server, "PUT", "controls?confirmed=1", long).await;
    assert_eq!((status, &answer["values"]["Time"]), (200, &json!(5e6)));
    server.stop().await;
    let server = scripted("usb:1", Some(state.path()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let (_, pressed) = ask(&server, "PUT", "controls/Focus", "1").await;
    assert_eq!(pressed["pending"], json!([]), "{pressed}");
    assert_eq!(values(&server).await["Time"], 1e6);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pressed_nor_reset_on_a_camera_that_is_not_there() {
    let server = TestServer::start_with(vec![Box::new(Absent)], |_| ());
    for (method, path, body) in [
        ("PUT", "controls/Focus", "1"),
        ("PUT", "controls", r#"{"Gain": 5}"#),
        ("DELETE", "controls", ""),
        ("DELETE", "controls/Gain", ""),
    ] {
        let (status, answer) = ask(&server, method, path, body).await;
        assert!(
            status == 503 && answer["refused"].to_string().contains("no picture now"),
            "{method} {path}: {status} {answer}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_holds_until_the_end_and_is_told() {
    let parent = tempfile::tempdir().unwrap();
    let state = parent.path().join("state");
    std::fs::write(&state, "a file in the place of the directory").unwrap();
    let server = scripted("usb:1", Some(&state));
    server.camera_is(|camera| camera["state"] == "live").await;
    let (status, said) = ask(&server, "PUT", "presets/day", "").await;
    let said = said.as_str().unwrap();
    assert!(
        status == 507 && said.contains("until the server stops"),
        "{said}"
    );
    let set = r#"{"Automatic": false, "Gain": 40}"#;
    assert_eq!(ask(&server, "PUT", "controls", set).await.0, 200);
    assert_eq!(ask(&server, "POST", "presets/day", "").await.0, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_by_itself_is_told_to_who_asks_for_it() {
    let server = scripted("usb:1", None);
    server.camera_is(|camera| camera["state"] == "live").await;
    let mut reader = TestViewer::connect(&server).await;
    let mut other = TestViewer::connect(&server).await;
    for viewer in [&mut reader, &mut other] {
        viewer.hello().await;
    }
    let want = Want {
        readings: true,
        ..Want::default()
    };
    reader.say(ViewerMessage::Want(want)).await;
    let mut last = 0.0;
    for _ in 0..3 {
        let ServerMessage::Controls { values } = reader.told().await else {
            panic!("it was told something else");
        };
        let focused = values["Focused"].number().unwrap();
        assert!(focused > last && values.len() == 1, "{values:?}");
        last = focused;
    }
    // The other one is told nothing of it, and has the newest with what it is told.
    let (name, value) = ("Focus".into(), 1.0.into());
    other
        .say(ViewerMessage::Control {
            name,
            value,
            confirmed: false,
        })
        .await;
    let ServerMessage::State(status) = other.told().await else {
        panic!("it was told something else");
    };
    let controls = status.controls.unwrap();
    assert!(controls[3].value >= last, "{controls:?}");
    // None for one that ceases to ask.
    reader.say(ViewerMessage::Want(Want::default())).await;
    reader.say(ViewerMessage::Ping { id: Some(7) }).await;
    while !matches!(reader.told().await, ServerMessage::Pong { .. }) {}
    let want = Want {
        readings: true,
        ..Want::default()
    };
    other.say(ViewerMessage::Want(want)).await;
    for _ in 0..3 {
        while !matches!(other.told().await, ServerMessage::Controls { .. }) {}
    }
    other
        .say(ViewerMessage::Control {
            name: "Focus".into(),
            value: 1.0.into(),
            confirmed: false,
        })
        .await;
    assert!(matches!(reader.told().await, ServerMessage::State(_)));
    server.stop().await;
}

//! Commands to a camera, from a viewer's message to its source and back as the camera's state.

use crate::support::{TestServer, TestViewer};
use pistreamer::access::{Key, Role, Store};
use pistreamer_protocol::message::{
    CameraState, CameraStatus, Control, ControlKind, ServerMessage, ViewerMessage,
};
use std::net::TcpListener;

fn set(name: &str, value: f64) -> ViewerMessage {
    ViewerMessage::Control {
        name: name.into(),
        value: value.into(),
        confirmed: false,
    }
}

/// A camera of a configuration file, with a source and further settings.
fn camera(source: &str, more: &str) -> String {
    format!("[[camera]]\nsource = \"{source}\"\nid = \"door\"\nsize = \"320x240\"\n{more}\n")
}

fn speed(value: f64) -> ViewerMessage {
    set("Speed", value)
}

/// What a viewer is told next of the camera.
async fn status(viewer: &mut TestViewer) -> CameraStatus {
    loop {
        if let Ok(ServerMessage::State(status)) = viewer.heard().await {
            return status;
        }
    }
}

/// The controls that a viewer is told next.
async fn told(viewer: &mut TestViewer) -> Vec<Control> {
    status(viewer).await.controls.unwrap()
}

/// The code of the error that a viewer is told next.
async fn refused(viewer: &mut TestViewer) -> String {
    loop {
        match viewer.heard().await {
            Ok(ServerMessage::Error { code, .. }) => return code,
            Ok(ServerMessage::State(status)) => panic!("{status:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_reaches_the_source_and_every_viewer_is_told_the_value_that_holds() {
    let server = TestServer::configured(&camera("pattern", ""));
    let (mut driver, mut other) = (
        TestViewer::connect(&server).await,
        TestViewer::connect(&server).await,
    );
    for viewer in [&mut driver, &mut other] {
        viewer.frame().await;
    }
    let mut late = TestViewer::connect(&server).await;
    let control = late.hello().await.controls.remove(0);
    assert_eq!(
        (control.name.as_str(), control.value, control.default),
        ("Speed", 1.0, 1.0)
    );
    for value in [0.0, 2.5] {
        driver.say(speed(value)).await;
        for viewer in [&mut driver, &mut other] {
            assert_eq!(told(viewer).await[0].value, value);
        }
    }
    for (message, code) in [
        (speed(4.5), "bad-value"),
        (speed(-1.0), "bad-value"),
        (set("Noise", 0.5), "bad-value"),
        (set("Scene", 3.0), "bad-value"),
        (set("Rewind", 0.0), "bad-value"),
        (set("Focus", 1.0), "unknown-control"),
    ] {
        driver.say(message).await;
        assert_eq!(refused(&mut driver).await, code);
    }
    driver.frame().await;

    // What was set holds for the same source, whenever it is shown again.
    server.configure(&camera("pattern", "fps = 20")).await;
    // A camera that is opened again has no controls for a moment, so that they alone do not tell which one it is.
    loop {
        let CameraStatus { mode, controls, .. } = status(&mut driver).await;
        let speed = controls.unwrap().first().map(|control| control.value);
        if mode.is_some_and(|mode| mode.fps == 20.0) && speed == Some(2.5) {
            break;
        }
    }
    server.configure(&camera("ingest", "")).await;
    while status(&mut driver).await.test_pattern != Some(false) {}
    server.configure(&camera("pattern", "")).await;
    let back = loop {
        if let Some(control) = told(&mut driver).await.first() {
            break control.value;
        }
    };
    assert_eq!(back, 2.5, "the same camera has what was set on it");
    server.stop().await;
}

/// The middle of a frame, between all that is written on it.
fn middle(jpeg: &[u8]) -> Vec<[u8; 3]> {
    let mut decoder = jpeg_decoder::Decoder::new(jpeg);
    let pixels = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let row = usize::from(info.width) * 3;
    let height = usize::from(info.height);
    let rows = &pixels[height * 2 / 5 * row..height * 3 / 5 * row];
    rows.as_chunks::<3>().0.to_vec()
}

/// The middle of the frames from where two after each other have the same.
async fn standing(viewer: &mut TestViewer) -> Vec<[u8; 3]> {
    let mut last = Vec::new();
    loop {
        let next = middle(&viewer.frame().await.jpeg);
        if next == last {
            return next;
        }
        last = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_of_each_kind_changes_the_picture() {
    let server = TestServer::start(|_| ());
    server.camera_is(|camera| camera["state"] == "live").await;
    let mut driver = TestViewer::connect(&server).await;
    let controls = driver.hello().await.controls;
    let kinds = controls
        .iter()
        .map(|control| (&*control.name, control.kind));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [
            ("Speed", ControlKind::Range),
            ("Noise", ControlKind::Bool),
            ("Scene", ControlKind::Choice),
            ("Rewind", ControlKind::Button),
        ]
    );
    assert_eq!((controls[0].step, &*controls[0].unit), (Some(0.25), "×"));
    assert_eq!(controls[2].choices, ["Lake", "Colour bars", "Grey"]);

    // The scene has gone on a little, and stands still from here on.
    while driver.frame().await.stamp.seq < 15 {}
    for (at, name) in [(0, "Speed"), (1, "Noise")] {
        driver.say(set(name, 0.0)).await;
        assert_eq!(told(&mut driver).await[at].value, 0.0);
    }
    let still = standing(&mut driver).await;
    driver.say(set("Noise", 1.0)).await;
    while middle(&driver.frame().await.jpeg) == still {}
    driver.say(set("Noise", 0.0)).await;
    while standing(&mut driver).await != still {}

    driver.say(set("Scene", 2.0)).await;
    let is_grey = |pixel: &[u8; 3]| pixel.iter().all(|value| value.abs_diff(128) < 4);
    while !standing(&mut driver).await.iter().all(is_grey) {}
    driver.say(set("Scene", 1.0)).await;
    let mut bars = standing(&mut driver).await;
    while bars.iter().all(is_grey) {
        bars = standing(&mut driver).await;
    }
    // In the middle of the first bar, of the red one and of the last.
    for (at, colour) in [(20, [191, 191, 191]), (220, [191, 0, 0]), (300, [0, 0, 0])] {
        let near = |(shown, meant): (&u8, &u8)| shown.abs_diff(*meant) < 8;
        let pixel = bars[at];
        assert!(pixel.iter().zip(&colour).all(near), "{pixel:?} at {at}");
    }
    driver.say(set("Scene", 0.0)).await;
    while standing(&mut driver).await != still {}

    driver.say(set("Rewind", 1.0)).await;
    let mut beginning = standing(&mut driver).await;
    while beginning == still {
        beginning = standing(&mut driver).await;
    }
    driver.say(speed(4.0)).await;
    while middle(&driver.frame().await.jpeg) == beginning {}
    driver.say(speed(0.0)).await;
    while told(&mut driver).await[0].value != 0.0 {}
    assert!(standing(&mut driver).await != beginning);
    driver.say(set("Rewind", 1.0)).await;
    while standing(&mut driver).await != beginning {}
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_new_source_cannot_be_made_keeps_nothing_of_the_one_before() {
    let server = TestServer::configured(&camera("pattern", ""));
    let mut viewer = TestViewer::connect(&server).await;
    viewer.frame().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listens = format!("tcp-listen:{}", taken.local_addr().unwrap());
    server.configure(&camera(&listens, "")).await;
    loop {
        if let Ok(ServerMessage::State(status)) = viewer.heard().await
            && status.state == CameraState::NoSignal
        {
            assert_eq!(status.controls, Some(Vec::new()));
            assert_eq!((status.test_pattern, status.mode), (Some(false), None));
            assert_eq!(status.name.as_deref(), Some("tcp-listen"));
            break;
        }
    }
    viewer.say(speed(0.0)).await;
    // Which controls it would have is not known.
    assert_eq!(refused(&mut viewer).await, "camera-away");
    let hello = TestViewer::connect(&server).await.hello().await;
    assert_eq!(
        (hello.camera.source.as_str(), hello.width),
        ("tcp-listen", 0)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_need_the_role_operate() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().into());
    let owner = store.open().unwrap();
    let key = |role: Role| {
        let key = Key::random().unwrap();
        let name = format!("{role}s").parse().unwrap();
        let secret = pistreamer::access::Secret::Key(key.clone());
        let entry = pistreamer::access::Entry::new(name, role, secret);
        store.change(|keys| keys.keys.push(entry.clone())).unwrap();
        key
    };
    drop(owner);
    let keys =
        [Role::View, Role::Publish, Role::Operate, Role::Admin].map(|role| (role, key(role)));
    let server = TestServer::start(|typed| {
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
    });
    for (value, (role, key)) in [1.5, 1.75, 2.0, 2.25].into_iter().zip(keys) {
        let path = format!("/ws?key={}", key.as_str());
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        viewer.frame().await;
        viewer.say(speed(value)).await;
        if role.includes(Role::Operate) {
            assert_eq!(told(&mut viewer).await[0].value, value, "{role}");
        } else {
            assert_eq!(refused(&mut viewer).await, "forbidden", "{role}");
        }
    }
    server.stop().await;
}

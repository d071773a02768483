//! Commands to a camera, from a viewer's message to its source and back as the camera's state.

use crate::support::{TestServer, TestViewer};
use pistreamer::access::{Key, Role, Store};
use pistreamer::camera::Change;
use pistreamer::source::Spec;
use pistreamer_protocol::message::{Control, ServerMessage, ViewerMessage};

fn speed(value: f64) -> ViewerMessage {
    ViewerMessage::Control {
        name: "Speed".into(),
        value,
    }
}

/// The controls that a viewer is told next.
async fn told(viewer: &mut TestViewer) -> Vec<Control> {
    loop {
        if let Ok(ServerMessage::State(status)) = viewer.heard().await {
            return status.controls.unwrap();
        }
    }
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
    let server = TestServer::start(|_| ());
    let (mut driver, mut other) = (
        TestViewer::connect(&server).await,
        TestViewer::connect(&server).await,
    );
    for viewer in [&mut driver, &mut other] {
        viewer.frame().await;
    }
    let mut late = TestViewer::connect(&server).await;
    let [control] = late.hello().await.controls.try_into().unwrap();
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
        (
            ViewerMessage::Control {
                name: "Focus".into(),
                value: 1.0,
            },
            "unknown-control",
        ),
    ] {
        driver.say(message).await;
        assert_eq!(refused(&mut driver).await, code);
    }
    driver.frame().await;

    // What was set holds for the same source, and not for another one.
    let camera = server.cameras.first().unwrap();
    camera.restart();
    while told(&mut driver).await.first().map(|control| control.value) != Some(2.5) {}
    let mut settings = camera.settings();
    settings.source = Spec::parse("ingest").unwrap();
    server
        .cameras
        .apply(Change::Reconfigure(settings.clone()))
        .unwrap();
    while !told(&mut driver).await.is_empty() {}
    settings.source = Spec::parse("pattern").unwrap();
    server.cameras.apply(Change::Reconfigure(settings)).unwrap();
    let back = loop {
        if let Some(control) = told(&mut driver).await.first() {
            break control.value;
        }
    };
    assert_eq!(back, 1.0);
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
    for (value, (role, key)) in [1.5, 1.6, 1.7, 1.8].into_iter().zip(keys) {
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

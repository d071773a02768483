//! `pistreamer control`: what it prints and sets, and what it says where it cannot.

use crate::access::Locked;
use crate::process::{pistreamer, said};
use crate::support::TestServer;
use pistreamer::access::Role;

/// What it prints with these arguments, and whether it succeeds.
async fn control(url: &str, arguments: &[&str]) -> (bool, String) {
    let command = pistreamer(&[&["control", "--server", url], arguments].concat());
    let output = tokio::task::spawn_blocking(move || said(command));
    output.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_are_listed_read_set_pressed_and_reset() {
    let state = tempfile::tempdir().unwrap();
    let server = TestServer::start(|flags| flags.state_dir = Some(state.path().into()));
    server.camera_is(|camera| camera["state"] == "live").await;
    let url = format!("http://{}", server.address);
    let (done, listed) = control(&url, &[]).await;
    assert!(done, "{listed}");
    for line in [
        "Speed = 1 × (0 to 4 in steps of 0.25)",
        "Noise = on (on, off)",
        "Scene = Lake (Lake, Colour bars, Grey)",
        "Rewind (Rewind=press)",
    ] {
        assert!(
            listed.lines().any(|known| known == line),
            "{line}: {listed}"
        );
    }
    let set = ["Scene=colour bars", "Noise=off", "Speed", "Rewind=press"];
    let (done, told) = control(&url, &set).await;
    let lines: Vec<_> = told
        .lines()
        .map(|line| line.split(" (").next().unwrap())
        .collect();
    assert!(
        done && lines
            == [
                "Scene = Colour bars",
                "Noise = off",
                "Speed = 1 ×",
                "Rewind"
            ],
        "{told}"
    );

    let (done, _) = control(&url, &["--save", "bars", "Speed=2.4"]).await;
    assert!(done);
    let (done, told) = control(&url, &["--reset", "Scene", "Speed"]).await;
    assert!(
        done && told.contains("Scene = Lake") && told.contains("Speed = 1 "),
        "{told}"
    );
    let (done, told) = control(&url, &["--preset", "bars"]).await;
    assert!(
        done && told.contains("Scene = Colour bars") && told.contains("Speed = 2.5 "),
        "{told}"
    );
    assert!(told.ends_with("presets: bars\n"), "{told}");
    let (done, json) = control(&url, &["--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(done && json["controls"][0]["name"] == "Speed");

    for (arguments, why) in [
        (&["Speed=9"][..], "Speed must be 0 to 4, got \"9\""),
        (&["Scene=Sea"], "0 (Lake), 1 (Colour bars), 2 (Grey)"),
        (&["Tint=1"], "no control named \"Tint\""),
        (&["Tint"], "it has Speed, Noise, Scene, Rewind"),
        (&["--preset", "moon"], "no preset \"moon\"; it has bars"),
        (&["--save", "a/b"], "is not a valid preset name"),
        (&["--camera", "shed"], "there is no camera \"shed\""),
    ] {
        let (done, told) = control(&url, arguments).await;
        assert!(
            !done && told.starts_with("pistreamer: ") && told.contains(why),
            "{told}"
        );
    }
    let (_, kept) = control(&url, &["Speed"]).await;
    assert!(kept.starts_with("Speed = 2.5"), "{kept}");
    server.stop().await;
    let (done, told) = control(&url, &[]).await;
    assert!(
        !done && told.contains("cannot ask the server at 127.0.0.1"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_needed_that_may_set_controls_and_it_is_said_how_to_give_one() {
    let locked = Locked::start();
    let address = locked.server.address;
    let (done, told) = control(&format!("http://{address}"), &[]).await;
    assert!(
        !done && told.contains("http://camera:KEY@HOST:PORT/"),
        "{told}"
    );
    let (done, told) = control(&format!("http://{address}/#code=abcdef"), &[]).await;
    assert!(!done && told.contains("pistreamer key"), "{told}");
    for (role, may) in [(Role::View, false), (Role::Operate, true)] {
        let key = locked.add(&format!("{role}s"), role);
        let shown = format!("Authorization: Bearer {key}\r\n");
        locked.until("/api/v1/cameras", &shown, 200).await;
        for url in [
            format!("http://camera:{key}@{address}"),
            format!("http://{address}/#key={key}"),
            format!("http://{address}/?key={key}"),
        ] {
            let (done, told) = control(&url, &["Speed"]).await;
            assert!(done && told.starts_with("Speed = "), "{told}");
            let (done, told) = control(&url, &["Speed=2"]).await;
            assert_eq!(done, may, "{told}");
            assert!(may || told.contains("operate"), "{told}");
        }
    }
    locked.server.stop().await;
}

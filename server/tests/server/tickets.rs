//! Tickets: one camera for the visitors of one page, for a while.

use crate::access::{Locked, basic};
use crate::support::TestViewer;
use pistreamer_protocol::message::CLOSE_SIGNED_OUT;
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_opens_one_camera_for_one_origin_until_it_expires() {
    let locked = Locked::start();
    let key = locked.key();
    let wanted = r#"{"camera":"pattern","origin":"http://dash.example","seconds":3}"#;
    let answer = locked
        .post("/api/v1/tickets", &basic("camera", &key), wanted)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let ticket: Value = serde_json::from_str(&answer.body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap();
    let path = |camera: &str| format!("/ws?ticket={ticket}{camera}");
    let refused = async |path: String, origin: &'static str| match TestViewer::connect_with(
        &locked.server,
        &path,
        &[("origin", origin)],
    )
    .await
    {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        other => panic!("{:?}", other.err()),
    };
    assert_eq!(refused(path(""), "http://evil.example").await, 403);
    assert_eq!(refused("/ws".into(), "http://dash.example").await, 403);
    assert_eq!(refused(path("&camera=1"), "http://dash.example").await, 403);
    // An <img> does not say which page it is on.
    for path in [
        "/stream.mjpg?",
        "/snapshot.jpg?",
        "/ws?",
        "/?action=snapshot&",
        "/?action=stream&",
    ] {
        let answer = locked.get(&format!("{path}ticket={ticket}"), "").await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let says = "Origin: http://dash.example\r\n";
    for path in ["/api/v1/status", "/api/v1/cameras", "/metrics"] {
        let answer = locked.get(&format!("{path}?ticket={ticket}"), says).await;
        assert_eq!(answer.status, 403, "{path}");
    }
    let basic = basic("camera", &key);
    for body in [r#"{"camera":""}"#, r#"{"origin":"http://a;sandbox"}"#] {
        let answer = locked.post("/api/v1/tickets", &basic, body).await;
        assert!(matches!(answer.status, 400 | 404), "{body}");
    }
    let snapshot = locked
        .get(&format!("/snapshot.jpg?ticket={ticket}"), says)
        .await;
    assert_eq!(snapshot.status, 200);
    assert_eq!(
        snapshot.header("access-control-allow-origin"),
        "http://dash.example"
    );
    let embed = locked.get(&format!("/embed?ticket={ticket}"), "").await;
    let policy = embed.header("content-security-policy");
    assert!(
        policy.ends_with("frame-ancestors 'self' http://dash.example"),
        "{policy}"
    );
    // A ticket shows pictures. It makes no tickets, no sessions, and pushes nothing.
    let further = locked
        .post(&format!("/api/v1/tickets?ticket={ticket}"), "", "")
        .await;
    assert_eq!(further.status, 403);
    let ingest = locked.get(&format!("/ingest?ticket={ticket}"), "").await;
    assert_eq!(ingest.status, 403);
    let origin = [("origin", "http://dash.example")];
    let mut viewer = TestViewer::connect_with(&locked.server, &path(""), &origin)
        .await
        .unwrap();
    viewer.frame().await;
    loop {
        if let Message::Close(Some(close)) = viewer.next().await.expect("closed without a word") {
            assert_eq!(u16::from(close.code), CLOSE_SIGNED_OUT);
            break;
        }
    }
    assert_eq!(refused(path(""), "http://dash.example").await, 403);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_for_one_origin_is_not_for_another_that_is_allowed() {
    let other = "http://other.example";
    let locked = Locked::start_with(|typed| typed.allow_origin = vec![other.into()]);
    let wanted = r#"{"origin":"http://dash.example"}"#;
    let basic = basic("camera", &locked.key());
    let answer = locked.post("/api/v1/tickets", &basic, wanted).await;
    let ticket: Value = serde_json::from_str(&answer.body).unwrap();
    let path = format!(
        "/snapshot.jpg?ticket={}",
        ticket["ticket"].as_str().unwrap()
    );
    // The viewer in a frame on that origin's page is a page of the server's own.
    let own = format!("http://{}", locked.server.address);
    for (origin, status) in [
        ("http://dash.example", 200),
        (own.as_str(), 200),
        (other, 403),
    ] {
        let answer = locked.get(&path, &format!("Origin: {origin}\r\n")).await;
        assert_eq!(answer.status, status, "{origin}: {}", answer.body);
    }
    locked.server.stop().await;
}

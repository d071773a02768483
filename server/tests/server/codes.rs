//! Links with a one-time code: how `pistreamer key` prints them, and who they let in.

use crate::access::Locked;
use crate::process::pistreamer;
use futures::StreamExt;
use futures::future::join_all;
use pistreamer::access::{Key, Secret};
use pistreamer_client::{Config, Error, Event, Publisher, Subscription};
use std::path::Path;

/// The codes of the links that `pistreamer key` prints.
fn printed(state: &Path) -> Vec<String> {
    let output = pistreamer(&["key", "--state-dir", state.to_str().unwrap()])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let codes = text.split("#code=").skip(1);
    let code = |rest: &str| rest.split_whitespace().next().unwrap().to_owned();
    codes.map(code).collect()
}

fn shows(code: &str) -> String {
    format!(r#"{{"code":"{code}"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_one_device_in_and_the_next_is_told_why_not() {
    let locked = Locked::start();
    let code = printed(locked.state()).remove(0);
    let body = shows(&code);
    // Of all that come at once.
    let tried = (0..8).map(|_| locked.post("/api/v1/session", "", &body));
    let mut answers = join_all(tried).await;
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(answers[0].status, 204);
    let cookie = answers[0].header("set-cookie");
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let role = locked.get("/api/v1/session", &cookie).await;
    assert!(role.body.contains("admin"), "{}", role.body);
    for answer in &answers[1..] {
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .body
                .contains("used already or is older than 10 minutes")
        );
        assert!(answer.body.contains("pistreamer key"), "{}", answer.body);
        assert_eq!(answer.header("set-cookie"), "");
    }
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_outlive_a_restart_and_end_with_their_key() {
    let locked = Locked::start();
    let before = printed(locked.state()).remove(0);
    let locked = locked.restart().await;
    let answer = locked.post("/api/v1/session", "", &shows(&before)).await;
    assert_eq!(answer.status, 204);
    let cookie = answer
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    let cookie = format!("Cookie: {cookie}\r\n");
    let unused = printed(locked.state()).remove(0);
    locked
        .store
        .change(|keys| keys.keys[0].secret = Secret::Key(Key::random().unwrap()))
        .unwrap();
    locked.until("/api/v1/session", &cookie, 401).await;
    let answer = locked.post("/api/v1/session", "", &shows(&unused)).await;
    assert_eq!(answer.status, 401, "a code outlives its key");
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_take_a_printed_link_and_connect_again_by_it() {
    let locked = Locked::start();
    let [looks, pushes] = [(); 2].map(|()| printed(locked.state()).remove(0));
    let link = |code: &str| format!("http://{}/#code={code}", locked.server.address);
    for (url, lets_in) in [
        (link(&looks), true),
        (link(&looks), false),
        (
            format!("http://{}/#key={}", locked.server.address, locked.key()),
            true,
        ),
    ] {
        let config = Config::new(&url).unwrap();
        // Twice, as after a connection that broke.
        for _ in 0..2 {
            let mut frames = Subscription::start(config.clone());
            match frames.next().await.unwrap() {
                Ok(_) => assert!(lets_in, "{url}"),
                Err(error) => {
                    assert!(!lets_in, "{url}: {error}");
                    let text = error.to_string();
                    assert!(
                        text.contains("used already") && text.contains("camera:KEY@"),
                        "{text}"
                    );
                }
            }
        }
    }
    let config = Config::ingest(&link(&pushes)).unwrap().camera("1");
    Publisher::connect(&config).await.unwrap();
    let again = Config::ingest(&link(&pushes)).unwrap().camera("1");
    let refused = Publisher::connect(&again).await.unwrap_err();
    assert!(
        matches!(refused, Error::CodeRefused { status: 401, .. }),
        "{refused}"
    );
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_relays_by_a_printed_link() {
    let locked = Locked::start();
    let code = printed(locked.state()).remove(0);
    let source = format!("http://{}/#code={code}", locked.server.address);
    let relay = crate::support::TestServer::start(|typed| typed.source = vec![source]);
    let config = Config::new(&format!("http://{}", relay.address)).unwrap();
    let mut frames = Subscription::start(config);
    while !matches!(frames.event().await.unwrap().unwrap(), Event::Frame(_)) {}
    relay.stop().await;
    locked.server.stop().await;
}

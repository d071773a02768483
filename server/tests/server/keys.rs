//! The access keys and the viewers, by the API: made, shown, ended, and whose business they are.

use crate::access::{Answer, Locked, basic};
use crate::support::{TestServer, TestViewer};
use pistreamer::access::Role;
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\n")
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{}", answer.body))
}

/// The code with which a viewer's connection ends.
async fn ends(mut viewer: TestViewer) -> u16 {
    loop {
        match viewer.next().await {
            Some(Message::Close(Some(close))) => return close.code.into(),
            Some(_) => {}
            None => panic!("it ended without a close message"),
        }
    }
}

async fn looks(locked: &Locked, key: &str) -> Result<TestViewer, String> {
    let path = format!("/ws?key={key}");
    let viewer = TestViewer::connect_with(&locked.server, &path, &[]).await;
    viewer.map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_told_once_used_and_ended_at_once() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    let body = r#"{"name": "guest", "cameras": ["pattern"], "seconds": 3600}"#;
    let made = locked.post("/api/v1/keys", &owner, body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let told = json(&made);
    let key = told["key"].as_str().unwrap();
    let link = format!("http://{}/#key={key}", locked.server.address);
    assert_eq!(told["link"], link.as_str());
    assert!(told["qr"].as_str().unwrap().starts_with("<svg "));
    // At once, and never again.
    let mut viewer = looks(&locked, key).await.unwrap();
    viewer.frame().await;
    let listed = locked.get("/api/v1/keys", &owner).await;
    assert!(!listed.body.contains(key) && !listed.body.contains(&locked.key()));
    let listed = json(&listed);
    let [own, guest] = [0, 1].map(|at| &listed["keys"][at]);
    assert_eq!((&own["name"], &own["own"]), (&"owner".into(), &true.into()));
    assert_eq!(guest["name"], "guest");
    assert_eq!(guest["cameras"], serde_json::json!(["pattern"]));
    let times = ["made_us", "used_us", "expires_us"].map(|time| guest[time].as_u64().unwrap());
    assert!(
        times.is_sorted() && times[2] - times[0] == 3600 * 1_000_000,
        "{guest}"
    );
    let viewers = json(&locked.get("/api/v1/viewers", &owner).await);
    assert_eq!(viewers["viewers"][0]["key"], "guest", "{viewers}");

    let ended = locked.ask("DELETE", "/api/v1/keys/guest", &owner).await;
    assert_eq!(ended.status, 204, "{}", ended.body);
    assert_eq!(ends(viewer).await, 4401);
    assert!(
        looks(&locked, key)
            .await
            .err()
            .is_some_and(|why| why.contains("401"))
    );
    let again = locked.ask("DELETE", "/api/v1/keys/guest", &owner).await;
    assert!(
        again.status == 404 && again.body.contains("there are owner"),
        "{}",
        again.body
    );
    // The program knows the same.
    assert_eq!(locked.store.read().unwrap().keys.len(), 1);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_lets_one_device_in_by_a_key_that_is_there() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    locked.add("door", Role::View);
    let page = format!(r#"{{"page": "http://{}/cam/"}}"#, locked.server.address);
    let told = locked.post("/api/v1/keys/door/links", &owner, &page).await;
    assert_eq!(told.status, 200, "{}", told.body);
    let told = json(&told);
    let link = told["link"].as_str().unwrap();
    let (address, code) = link.split_once("#code=").unwrap();
    assert_eq!(address, format!("http://{}/cam/", locked.server.address));
    assert_eq!(told["seconds"], 600);
    let body = format!(r#"{{"code": "{code}"}}"#);
    for (status, why) in [(204, ""), (401, "was used already")] {
        let entered = locked.post("/api/v1/session", "", &body).await;
        assert!(
            entered.status == status && entered.body.contains(why),
            "{}",
            entered.body
        );
    }
    let sessions = json(&locked.get("/api/v1/sessions", &owner).await);
    assert_eq!(sessions["sessions"][0]["key"], "door", "{sessions}");
    for page in [
        "http://evil.example/",
        "http://{}@evil.example/",
        "javascript:alert(1)/",
    ] {
        let body = serde_json::json!({ "page": page }).to_string();
        let told = locked.post("/api/v1/keys/door/links", &owner, &body).await;
        assert_eq!(told.status, 422, "{page}: {}", told.body);
    }
    let told = locked.post("/api/v1/keys/none/links", &owner, "").await;
    assert!(
        told.status == 404 && told.body.contains("there are owner, door"),
        "{}",
        told.body
    );
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_link_is_made_for_a_key_that_lets_nobody_in_any_more() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    locked.add("door", Role::View);
    let expire = |keys: &mut pistreamer::access::Keys| {
        for entry in &mut keys.keys {
            entry.expires_us = (entry.name.as_str() == "door").then_some(1);
        }
    };
    locked.store.change(expire).unwrap();
    let told = locked.post("/api/v1/keys/door/links", &owner, "").await;
    assert!(
        told.status == 409 && told.body.contains("the key door has expired"),
        "{} {}",
        told.status,
        told.body
    );
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_elsewhere_makes_no_key_by_a_login_that_the_browser_remembers() {
    let dashboard = "http://dash.example";
    let locked = Locked::start_with(|flags| flags.allow_origin = vec![dashboard.into()]);
    let key = locked.key();
    let login = basic("camera", &key);
    let make = r#"{"name": "thief", "role": "admin"}"#;
    for path in ["/api/v1/keys", "/api/v1/keys?key=wrong"] {
        let headers = format!("{login}Origin: {dashboard}\r\n");
        let told = locked.post(path, &headers, make).await;
        assert_eq!(told.status, 403, "{path}: {}", told.body);
    }
    // What it may do there all the same.
    let headers = format!("{login}Origin: {dashboard}\r\n");
    assert_eq!(locked.get("/api/v1/cameras", &headers).await.status, 200);
    // A key that the page has itself is its own, and a program has no origin.
    let own = format!("/api/v1/keys?key={key}");
    let headers = format!("Origin: {dashboard}\r\n");
    let told = locked.post(&own, &headers, r#"{"name": "own"}"#).await;
    assert_eq!(told.status, 201, "{}", told.body);
    let told = locked
        .post("/api/v1/keys", &login, r#"{"name": "program"}"#)
        .await;
    assert_eq!(told.status, 201, "{}", told.body);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_lock_out_or_means_nothing_is_refused() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    for (body, status, why) in [
        (r#"{"name": "owner"}"#, 409, "there is a key owner already"),
        (r#"{"name": "Not one"}"#, 422, "is not a name for a key"),
        (r#"{"name": "a", "role": "god"}"#, 400, "unknown variant"),
        (
            r#"{"name": "a", "cameras": ["a b"]}"#,
            422,
            "is no camera's id",
        ),
        (
            r#"{"name": "a", "role": "admin", "cameras": ["pattern"]}"#,
            422,
            "an admin key is for every camera",
        ),
        (
            r#"{"name": "a", "seconds": 0}"#,
            422,
            "a key is good for 1 to",
        ),
        (r#"{"name": "a", "forever": true}"#, 400, "unknown field"),
        ("", 400, "send {"),
    ] {
        let told = locked.post("/api/v1/keys", &owner, body).await;
        assert!(
            told.status == status && told.body.contains(why),
            "{body}: {} {}",
            told.status,
            told.body
        );
    }
    let told = locked.ask("DELETE", "/api/v1/keys/owner", &owner).await;
    assert!(
        told.status == 409 && told.body.contains("by which you are here"),
        "{}",
        told.body
    );
    // Pages say it in their own language, by its code.
    let cause = told.header("pistreamer-cause");
    assert_eq!(cause, r#"{"cause":"key-own"}"#);
    let told = locked.post("/api/v1/keys", &owner, r#"{"name": "owner"}"#);
    let told = told.await;
    let cause = told.header("pistreamer-cause");
    assert_eq!(cause, r#"{"cause":"key-there","values":{"name":"owner"}}"#);
    assert_eq!(locked.store.read().unwrap().keys.len(), 1);
    // A page elsewhere makes no key in its visitor's name.
    let cookie = locked.session(&locked.key()).await;
    let elsewhere = format!("Cookie: {cookie}\r\nOrigin: http://evil.example\r\n");
    let told = locked
        .post("/api/v1/keys", &elsewhere, r#"{"name": "a"}"#)
        .await;
    assert_eq!(told.status, 403, "{}", told.body);
    locked.server.stop().await;

    let server = TestServer::start(|_| ());
    let told = server.get("/api/v1/keys").await;
    assert!(
        told.contains(" 409 ") && told.contains("start it without --no-auth"),
        "{told}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_for_an_hour_leaves_the_keys_with_one_for_longer() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    let made = async |body: &str| {
        let made = locked.post("/api/v1/keys", &owner, body).await;
        bearer(json(&made)["key"].as_str().unwrap())
    };
    let helper = made(r#"{"name": "helper", "role": "admin", "seconds": 3600}"#).await;
    let told = locked.ask("DELETE", "/api/v1/keys/owner", &helper).await;
    assert!(
        told.status == 409 && told.body.contains("the only admin key"),
        "{} {}",
        told.status,
        told.body
    );
    made(r#"{"name": "deputy", "role": "admin"}"#).await;
    let told = locked.ask("DELETE", "/api/v1/keys/owner", &helper).await;
    assert_eq!(told.status, 204, "{}", told.body);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_ends_one_viewer_and_the_others_look_on() {
    let locked = Locked::start();
    let owner = bearer(&locked.key());
    let door = locked.add("door", Role::View);
    locked.until("/api/v1/cameras", &bearer(&door), 200).await;
    let (mut stays, goes) = (
        looks(&locked, &locked.key()).await.unwrap(),
        looks(&locked, &door).await.unwrap(),
    );
    let viewers = json(&locked.get("/api/v1/viewers", &owner).await);
    let viewers = viewers["viewers"].as_array().unwrap();
    assert_eq!(viewers.len(), 2);
    let id = viewers
        .iter()
        .find(|viewer| viewer["key"] == "door")
        .unwrap()["id"]
        .as_str()
        .unwrap();
    let path = format!("/api/v1/viewers/{id}");
    assert_eq!(
        locked.ask("DELETE", &path, &bearer(&door)).await.status,
        403
    );
    assert_eq!(locked.ask("DELETE", &path, &owner).await.status, 204);
    // Try again later: its key is as good as before.
    assert_eq!(ends(goes).await, 1013);
    looks(&locked, &door).await.unwrap().frame().await;
    let seq = stays.frame().await.stamp.seq;
    while stays.frame().await.stamp.seq < seq + 5 {}
    assert_eq!(locked.ask("DELETE", &path, &owner).await.status, 404);
    // Who looks is the owner's business.
    let status = json(&locked.get("/api/v1/status", &bearer(&door)).await);
    let viewer = &status["viewers"][0];
    assert!(
        viewer["id"].is_null() && viewer["key"].is_null(),
        "{viewer}"
    );
    locked.server.stop().await;
}

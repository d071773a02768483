//! How a wall of cameras is arranged: kept for each key, and small.

use crate::access::{Answer, Locked};
use crate::support::TestServer;
use pistreamer::access::Role;
use serde_json::{Value, json};

async fn put(locked: &Locked, key: &str, more: &str, body: &str) -> Answer {
    let headers = format!(
        "Authorization: Bearer {key}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    locked.ask("PUT", "/api/v1/wall", &headers).await
}

async fn get(locked: &Locked, key: &str) -> Value {
    let headers = format!("Authorization: Bearer {key}\r\n");
    let answer = locked.get("/api/v1/wall", &headers).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_has_an_arrangement_of_its_own_that_survives_a_restart() {
    let locked = Locked::start();
    let (owner, guest) = (locked.key(), locked.add("guest", Role::View));
    let headers = format!("Authorization: Bearer {guest}\r\n");
    locked.until("/api/v1/wall", &headers, 200).await;
    let none = json!({"order": [], "hidden": [], "servers": [], "groups": []});
    assert_eq!(get(&locked, &owner).await, none);
    let of_owner = json!({
        "order": ["yard", "door"], "hidden": ["attic"], "servers": ["http://far:8000/#key=k"],
        "groups": [{"name": "Outside", "cameras": ["yard"]}],
    });
    let of_guest = json!({"order": ["door"], "hidden": [], "servers": [], "groups": []});
    for (key, wall) in [(&owner, &of_owner), (&guest, &of_guest)] {
        let answer = put(&locked, key, "", &wall.to_string()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    let locked = locked.restart().await;
    assert_eq!(get(&locked, &owner).await, of_owner);
    assert_eq!(get(&locked, &guest).await, of_guest);
    // Keys of other servers are in it.
    use std::os::unix::fs::PermissionsExt;
    let file = locked.state().join("walls.json");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_has_arranged_goes_with_it() {
    let locked = Locked::start();
    let (owner, guest) = (locked.key(), locked.add("guest", Role::View));
    let known = |key: &str| format!("Authorization: Bearer {key}\r\n");
    locked.until("/api/v1/wall", &known(&guest), 200).await;
    let wall =
        json!({"order": ["a"], "hidden": [], "servers": ["http://far:8000/#key=k"], "groups": []});
    for key in [&owner, &guest] {
        let answer = put(&locked, key, "", &wall.to_string()).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    locked.remove("guest");
    let file = std::fs::read_to_string(locked.state().join("walls.json")).unwrap();
    assert!(!file.contains("guest") && file.contains("owner"), "{file}");
    // Another person's key.
    let other = locked.add("guest", Role::View);
    locked.until("/api/v1/wall", &known(&other), 200).await;
    let none = json!({"order": [], "hidden": [], "servers": [], "groups": []});
    assert_eq!(get(&locked, &other).await, none);
    assert_eq!(get(&locked, &owner).await, wall);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_a_key_that_was_replaced_gets_no_keys_of_other_servers_with_it() {
    let locked = Locked::start();
    let owner = locked.key();
    let wall = json!({
        "order": ["a", "far:8000 b"], "hidden": ["far:8000 c", "d"], "servers": ["http://far:8000/#key=k"],
        "groups": [{"name": "Outside", "cameras": ["far:8000 b", "a"]}],
    });
    let answer = put(&locked, &owner, "", &wall.to_string()).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    let new = locked.store.rotate(&"owner".parse().unwrap()).unwrap();
    let new = new.as_str();
    let headers = format!("Authorization: Bearer {new}\r\n");
    locked.until("/api/v1/wall", &headers, 200).await;
    let own = json!({
        "order": ["a"], "hidden": ["d"], "servers": [], "groups": [{"name": "Outside", "cameras": ["a"]}],
    });
    assert_eq!(get(&locked, new).await, own);
    // What is arranged then is the new one's.
    let answer = put(&locked, new, "", &wall.to_string()).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get(&locked, new).await, wall);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_of_very_many_cameras_can_be_arranged() {
    let locked = Locked::start();
    let owner = locked.key();
    let order: Vec<_> = (0..250)
        .map(|number| format!("garden.example:8000/cameras camera-{number}"))
        .collect();
    let wall = json!({"order": order, "hidden": [], "servers": [], "groups": []});
    let answer = put(&locked, &owner, "", &wall.to_string()).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get(&locked, &owner).await, wall);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_waits_for_the_disk_is_answered_and_what_is_kept_is_told_meanwhile() {
    let locked = Locked::start();
    let owner = locked.key();
    let answer = put(&locked, &owner, "", r#"{"order":["a"]}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    // As another process does that hangs.
    let lock = std::fs::File::open(locked.state().join("lock")).unwrap();
    lock.lock().unwrap();
    let (one, other) = tokio::join!(
        put(&locked, &owner, "", r#"{"order":["b"]}"#),
        put(&locked, &owner, "", r#"{"order":["c"]}"#)
    );
    for answer in [one, other] {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(
            answer.body.contains("has not answered for 5s") && answer.header("retry-after") == "5",
            "{}",
            answer.body
        );
    }
    assert_eq!(get(&locked, &owner).await["order"], json!(["a"]));
    lock.unlock().unwrap();
    let answer = put(&locked, &owner, "", r#"{"order":["d"]}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get(&locked, &owner).await["order"], json!(["d"]));
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_arrangement_or_comes_from_elsewhere_is_refused() {
    let locked = Locked::start();
    let owner = locked.key();
    let many = json!({"order": vec!["a"; 257]}).to_string();
    let long = json!({"hidden": ["x".repeat(301)]}).to_string();
    let nameless = json!({"groups": [{"name": "", "cameras": []}]}).to_string();
    let groups = json!({"groups": vec![json!({"name": "a", "cameras": []}); 33]}).to_string();
    let large = json!({"hidden": vec!["x".repeat(200); 80]}).to_string();
    for (body, status, words) in [
        ("", 400, "\"order\""),
        ("[]", 400, "\"order\""),
        (r#"{"ordre":[]}"#, 400, "ordre"),
        (&many, 400, "256 entries"),
        (&long, 400, "300 characters"),
        (&nameless, 400, "each with a name"),
        (&groups, 400, "32 groups"),
        (&large, 413, "15360 bytes"),
    ] {
        let answer = put(&locked, &owner, "", body).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    let elsewhere = "Origin: http://elsewhere.example\r\n";
    let answer = put(&locked, &owner, elsewhere, "{}").await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_arranges_too_often_is_refused_and_keeps_nobody_else_from_it() {
    let locked = Locked::start();
    let (owner, guest) = (locked.key(), locked.add("guest", Role::View));
    let headers = format!("Authorization: Bearer {guest}\r\n");
    locked.until("/api/v1/wall", &headers, 200).await;
    let mut refused = None;
    for _ in 0..500 {
        let answer = put(&locked, &guest, "", r#"{"order":["a"]}"#).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 204, "{}", answer.body);
    }
    let refused = refused.expect("as many changes as one likes");
    assert!(
        refused.header("retry-after").parse::<u64>().unwrap() > 0,
        "{}",
        refused.body
    );
    let answer = put(&locked, &owner, "", r#"{"order":["b"]}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_arranged_as_before_is_not_written_again() {
    let locked = Locked::start();
    let owner = locked.key();
    let wall = r#"{"order":["a"]}"#;
    let answer = put(&locked, &owner, "", wall).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    // Each write makes another file.
    use std::os::unix::fs::MetadataExt;
    let file = locked.state().join("walls.json");
    let written = || {
        let file = std::fs::metadata(&file).unwrap();
        (file.ino(), file.mtime(), file.mtime_nsec())
    };
    let before = written();
    assert_eq!(put(&locked, &owner, "", wall).await.status, 204);
    assert_eq!(written(), before);
    let answer = put(&locked, &owner, "", r#"{"order":["b"]}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_ne!(written(), before);
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_key_is_needed_nothing_is_kept() {
    let server = TestServer::start(|_| ());
    let got = server.get("/api/v1/wall").await;
    assert!(got.starts_with("HTTP/1.1 204 "), "{got}");
    let headers = "Content-Length: 2\r\n\r\n{}";
    let put = server.request("PUT", "/api/v1/wall", headers).await;
    let put = String::from_utf8_lossy(&put);
    assert!(
        put.starts_with("HTTP/1.1 409 ") && put.contains("keep it in the browser"),
        "{put}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_begun_anew() {
    let locked = Locked::start();
    let owner = locked.key();
    std::fs::write(locked.state().join("walls.json"), "{").unwrap();
    assert_eq!(get(&locked, &owner).await["order"], json!([]));
    let answer = put(&locked, &owner, "", r#"{"order":["a"]}"#).await;
    assert_eq!(answer.status, 204, "{}", answer.body);
    assert_eq!(get(&locked, &owner).await["order"], json!(["a"]));
    locked.server.stop().await;
}

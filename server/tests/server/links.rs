//! Links to recordings: what they show, that they show nothing else, and how they end.

use crate::access::{Answer, Locked, basic};
use crate::support::TestViewer;
use pistreamer::access::Role;
use pistreamer_recording::name::{Class, Name};
use pistreamer_recording::segment::{About, Cluster, header};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Error;

/// What was recorded in the tests: ten minutes, two frames a second.
const FROM_MS: u64 = 1_764_158_400_000;
const TO_MS: u64 = FROM_MS + 600_000;

/// Writes ten minutes of a camera's recordings, in a file. Each JPEG says its time.
fn record(root: &Path, camera: &str) {
    let name = Name {
        start_ms: FROM_MS,
        class: Class::Continuous,
    };
    let path = root.join(camera).join(name.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = header(&About {
        title: camera.into(),
        start_ms: FROM_MS,
        width: 320,
        height: 240,
    });
    let mut cluster = Cluster::default();
    let mut flush = |cluster: &mut Cluster| {
        let Ok(_) = cluster.write(|parts| {
            parts.iter().for_each(|part| file.extend(&**part));
            Ok::<_, Infallible>(())
        });
    };
    for ms in (0..=600_000).step_by(500) {
        if !cluster.takes(ms, 100, 1000) {
            flush(&mut cluster);
        }
        cluster.push(
            ms,
            format!("{}", FROM_MS + u64::from(ms)).into_bytes().into(),
        );
    }
    flush(&mut cluster);
    fs::write(&path, file).unwrap();
}

/// A server with keys whose two cameras have recordings, which it does not go on with.
fn recorded() -> (Locked, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let locked = Locked::start_with(|typed| {
        typed.source = vec!["pattern".into(), "pattern".into()];
        typed.record = Some(directory.path().join("recordings"));
    });
    let root = directory.path().join("recordings");
    record(&root, "pattern");
    record(&root, "pattern-2");
    (locked, directory)
}

/// A minute of the camera that is the first one, from the third on.
const SPAN: (u64, u64) = ((FROM_MS + 180_000) * 1000, (FROM_MS + 240_000) * 1000);

async fn share(locked: &Locked, key: &str, wanted: Value) -> Answer {
    let path = "/api/v1/recordings/links";
    locked
        .post(path, &basic("camera", key), &wanted.to_string())
        .await
}

fn span() -> Value {
    json!({"camera": "pattern", "from_us": SPAN.0, "to_us": SPAN.1, "seconds": 3600})
}

/// The key in a new link, and its name.
async fn shared(locked: &Locked, key: &str) -> (String, String) {
    let made = share(locked, key, span()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let link = made["link"].as_str().unwrap();
    let (page, key) = link.split_once("clip#").unwrap();
    assert!(page.starts_with("http://") && page.ends_with('/'), "{link}");
    (key.to_owned(), made["name"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shows_its_span_of_its_camera_and_nothing_else() {
    let (locked, _directory) = recorded();
    let (link, _) = shared(&locked, &locked.key()).await;
    let get = async |path: &str, query: &str| {
        let path = format!("/api/v1/{path}?key={link}&{query}");
        locked.get(&path, "").await
    };
    let list = get("recordings", "").await;
    let list: Value = serde_json::from_str(&list.body).unwrap();
    let [own] = list["cameras"].as_array().unwrap().as_slice() else {
        panic!("{list}");
    };
    assert_eq!(
        (&own["id"], &own["from_us"], &own["to_us"], &list["links"]),
        (
            &json!("pattern"),
            &json!(SPAN.0),
            &json!(SPAN.1),
            &json!(false)
        )
    );
    // Whatever time is asked for, the frame is one of the span.
    for at_us in [
        0,
        SPAN.0 - 1,
        SPAN.0,
        SPAN.0 + 30_200_000,
        SPAN.1,
        SPAN.1 + 1,
        u64::MAX / 2,
    ] {
        for near in ["before", "after", "nearest"] {
            let query = format!("at_us={at_us}&near={near}");
            let frame = get("recordings/frame.jpg", &query).await;
            assert_eq!(frame.status, 200, "{query}: {}", frame.body);
            let at_ms: u64 = frame.body.parse().unwrap();
            assert!(
                (SPAN.0 / 1000..=SPAN.1 / 1000).contains(&at_ms),
                "{query}: {at_ms}"
            );
        }
    }
    let clip = get(
        "recordings/clip.zip",
        &format!("from_us={}&to_us={}", SPAN.0, SPAN.1),
    )
    .await;
    assert_eq!(
        (clip.status, clip.body.matches(".jpg").count()),
        (200, 2 * 121)
    );
    // Every step that is not all within it is as empty as one without recordings.
    let query = format!(
        "from_us={}&to_us={}&step_s=10",
        SPAN.0 - 605_000_000,
        SPAN.1 + 605_000_000
    );
    let timeline = get("recordings/timeline", &query).await;
    let timeline: Value = serde_json::from_str(&timeline.body).unwrap();
    let have = timeline["have"].as_str().unwrap();
    let have = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, have).unwrap();
    let have = have
        .iter()
        .map(|four| (0..4).filter(|n| four >> (2 * n) & 3 > 0).count());
    assert_eq!(have.sum::<usize>(), 5, "{timeline}");
    let whole = format!("from_us={}&to_us={}", FROM_MS * 1000, TO_MS * 1000);
    let own = format!("from_us={}&to_us={}", SPAN.0, SPAN.1);
    for (path, query) in [
        ("recordings/clip.mkv", whole.clone()),
        (
            "recordings/clip.zip",
            format!("from_us={}&to_us={}", SPAN.0 - 1_000_000, SPAN.1),
        ),
        (
            "recordings/clip.mp4",
            format!("from_us={}&to_us={}", SPAN.0, SPAN.1 + 1_000_000),
        ),
        ("recordings/clip.mkv", format!("{whole}&every_s=10")),
        ("recordings/clip.zip", format!("{own}&camera=pattern-2")),
        (
            "recordings/frame.jpg",
            format!("at_us={}&camera=pattern-2", SPAN.0),
        ),
        ("recordings/timeline", format!("{own}&camera=pattern-2")),
        ("events", String::new()),
        ("session", String::new()),
        ("status", String::new()),
        ("cameras", String::new()),
        ("keys", String::new()),
        ("recordings/links", String::new()),
        ("alerts/armed", String::new()),
        ("wall", String::new()),
        ("cameras/pattern/controls", String::new()),
    ] {
        let answer = get(path, &query).await;
        assert_eq!(answer.status, 403, "{path}?{query}: {}", answer.body);
    }
    let with = |path: &str| format!("{path}?key={link}");
    for path in [
        "/snapshot.jpg",
        "/stream.mjpg",
        "/still.jpg",
        "/metrics",
        "/ingest",
    ] {
        let answer = locked.get(&with(path), "").await;
        assert_eq!(answer.status, 403, "{path}");
    }
    for path in ["/", "/embed", "/?action=snapshot"] {
        let page = locked
            .get(
                &format!(
                    "{path}{}key={link}",
                    if path.contains('?') { "&" } else { "?" }
                ),
                "",
            )
            .await;
        assert!(matches!(page.status, 401 | 403), "{path}: {}", page.status);
    }
    let refused = TestViewer::connect_with(&locked.server, &with("/ws"), &[]).await;
    assert!(matches!(refused.err(), Some(Error::Http(answer)) if answer.status() == 403));
    // No way to anything that lasts, however it is shown.
    for (path, body) in [
        ("/api/v1/tickets", "{}".to_owned()),
        ("/api/v1/events", "{}".to_owned()),
        ("/api/v1/recordings/links", span().to_string()),
        ("/api/v1/keys", json!({"name": "mine"}).to_string()),
    ] {
        for shown in [
            basic("camera", &link),
            format!("Authorization: Bearer {link}\r\n"),
        ] {
            let answer = locked.post(path, &shown, &body).await;
            assert_eq!(answer.status, 403, "{path}: {}", answer.body);
        }
    }
    let session = locked
        .post("/api/v1/session", "", &json!({"key": link}).to_string())
        .await;
    assert_eq!(session.header("set-cookie"), "", "a link signs nobody in");
    locked.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_made_listed_and_ended_by_whom_they_concern_and_end_with_the_key_that_made_them()
{
    let (locked, _directory) = recorded();
    let (owner, anna) = (locked.key(), locked.add("anna", Role::Operate));
    let (bob, guest) = (
        locked.add("bob", Role::Operate),
        locked.add("guest", Role::View),
    );
    // Once the last one is known, all are.
    let shown = basic("camera", &guest);
    locked.until("/api/v1/recordings", &shown, 200).await;
    assert_eq!(share(&locked, &guest, span()).await.status, 403);
    for (change, status) in [
        (json!({"to_us": SPAN.0 - 1}), 422),
        (json!({"to_us": SPAN.0 + 25 * 3_600_000_000}), 422),
        (json!({"seconds": 1}), 422),
        (json!({"camera": "none"}), 404),
        (json!({"from_us": 1000, "to_us": 2000}), 404),
        (json!({"page": "http://evil.example/"}), 422),
        (json!({"role": "admin"}), 400),
    ] {
        let mut wanted = span();
        for (name, value) in change.as_object().unwrap() {
            wanted[name] = value.clone();
        }
        let answer = share(&locked, &owner, wanted).await;
        assert_eq!(answer.status, status, "{change}: {}", answer.body);
    }
    let (_, of_owner) = shared(&locked, &owner).await;
    let (first, of_anna) = shared(&locked, &anna).await;
    let (second, _) = shared(&locked, &anna).await;
    let listed = async |key: &str| {
        let answer = locked
            .get("/api/v1/recordings/links", &basic("camera", key))
            .await;
        assert!(!answer.body.contains(&first), "{}", answer.body);
        let listed: Value = serde_json::from_str(&answer.body).unwrap();
        listed["links"].as_array().unwrap().len()
    };
    assert_eq!(
        (
            listed(&owner).await,
            listed(&anna).await,
            listed(&bob).await
        ),
        (3, 2, 0)
    );
    // Keys are listed without them.
    let keys = locked.get("/api/v1/keys", &basic("camera", &owner)).await;
    assert!(!keys.body.contains("link-"), "{}", keys.body);
    let end = async |name: &str, key: &str| {
        let path = format!("/api/v1/recordings/links/{name}");
        locked
            .ask("DELETE", &path, &basic("camera", key))
            .await
            .status
    };
    assert_eq!(end(&of_owner, &anna).await, 404);
    assert_eq!(end("owner", &owner).await, 404);
    let opens = async |link: &str| {
        let path = format!("/api/v1/recordings?key={link}");
        locked.get(&path, "").await.status
    };
    assert_eq!((opens(&first).await, opens(&second).await), (200, 200));
    assert_eq!(end(&of_anna, &anna).await, 204);
    assert_eq!((opens(&first).await, opens(&second).await), (401, 200));
    let removed = locked
        .ask("DELETE", "/api/v1/keys/anna", &basic("camera", &owner))
        .await;
    assert_eq!(removed.status, 204, "{}", removed.body);
    assert_eq!((opens(&second).await, listed(&owner).await), (401, 1));
    // Its page is the same for everybody.
    let page = locked.get("/clip", "").await;
    assert!(
        page.status == 200 || page.body.contains("was not built"),
        "{}",
        page.body
    );
    locked.server.stop().await;
}

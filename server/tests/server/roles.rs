//! What each role may do, and how keys of older versions are read.

use crate::process::pistreamer;
use crate::support::{TestServer, TestViewer};
use pistreamer::access::Store;

const OLD_KEYS: &str = r#"{"version":1,"id":"old","keys":[
    {"name":"owner","role":"admin","secret":{"key":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}},
    {"name":"shed","role":"control","secret":{"key":"bbbbbbbbbbbbbbbbbbbbbbbbbi"}},
    {"name":"door","role":"view","secret":{"key":"cccccccccccccccccccccccccq"},"cameras":["1"]}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_an_older_version_open_what_they_opened_and_are_written_as_this_one_has_them() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("keys.json"), OLD_KEYS).unwrap();
    let server = TestServer::start(|typed| {
        typed.no_auth = false;
        typed.state_dir = Some(directory.path().into());
        typed.source = vec!["ingest".into(), "pattern".into()];
    });
    let shed = "key=bbbbbbbbbbbbbbbbbbbbbbbbbi";
    let pushes = TestViewer::connect_with(&server, &format!("/ingest?{shed}"), &[]).await;
    pushes.expect("who could push cannot any more");
    let cameras = server.get(&format!("/api/v1/cameras?{shed}")).await;
    assert!(cameras.starts_with("HTTP/1.1 200 "), "{cameras}");
    // The camera that was at position 1, and no other.
    let mut door = TestViewer::connect_with(&server, "/ws?key=cccccccccccccccccccccccccq", &[])
        .await
        .unwrap();
    assert_eq!(door.hello().await.camera.source, "pattern");
    let written = std::fs::read_to_string(directory.path().join("keys.json")).unwrap();
    assert!(written.contains("\"publish\"") && !written.contains("control"));
    Store::new(directory.path().into()).read().unwrap();
    server.stop().await;
}

#[test]
fn a_key_that_is_added_by_the_old_name_of_its_role_gets_the_new_one_and_it_is_said() {
    let directory = tempfile::tempdir().unwrap();
    Store::new(directory.path().into()).open().unwrap();
    let state = directory.path().to_str().unwrap();
    let key = |arguments: &[&str]| {
        let output = pistreamer(&[&["key"], arguments, &["--state-dir", state]].concat()).output();
        let output = output.unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = key(&["add", "shed", "--role", "control"]);
    assert!(said.starts_with("shed (publish): "), "{said}");
    assert!(said.contains("control is called publish now"), "{said}");
    let said = key(&["add", "car", "--role", "operate"]);
    assert!(said.starts_with("car (operate): ") && !said.contains("control"));
    let said = key(&["add", "boss", "--role", "god"]);
    assert!(said.contains("view, operate ("), "{said}");
    let listed = key(&[]);
    assert!(listed.contains("shed             publish "), "{listed}");
}

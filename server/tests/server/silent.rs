//! Disks and pipes that do not answer: nothing but what is on them waits for them.

use crate::process::{pistreamer, refused};
use crate::reloaded::{HEAD, Server, camera};
use crate::support::{PATIENCE, TestViewer};
use crate::unusable::{make_pipe, read_by_another};
use pistreamer::access::Store;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use tokio::time::timeout;

const PATTERN: &str = "source = \"pattern\"\nsize = \"160x120\"";

/// Puts a pipe in a file's place, from which nothing comes.
fn silence(file: &Path) {
    let pipe = file.with_extension("pipe");
    make_pipe(&pipe);
    std::fs::rename(&pipe, file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_place_of_the_file_is_told_and_what_replaces_it_is_read() {
    let mut server = Server::start(&camera("door", PATTERN));
    let pipe = server.directory.path().join("pipe");
    make_pipe(&pipe);
    std::fs::rename(&pipe, server.path()).unwrap();
    server.hang_up();
    let line = server.log("does not answer");
    assert!(line.contains("pistreamer.toml"), "{line}");
    let status = server.get("/api/v1/status").await;
    let problem = &status["configuration"]["problems"][0];
    assert!(
        problem.as_str().unwrap().contains("does not answer"),
        "{status}"
    );
    server.log("nothing came through it");
    server.replace(&(HEAD.to_owned() + &camera("yard", PATTERN)));
    server.log("configuration reloaded");
}

#[test]
fn the_check_of_a_pipe_waits_for_no_writer_and_reads_what_comes() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe.toml");
    make_pipe(&pipe);
    let said = refused(&["config", "check", pipe.to_str().unwrap()]);
    assert!(said.contains("it is a pipe, and nothing came"), "{said}");
    let mut check = pistreamer(&["config", "check", "/dev/stdin"]);
    let mut check = check.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = check.stdin.take().unwrap();
    for camera in ["door", "yard"] {
        input
            .write_all(self::camera(camera, PATTERN).as_bytes())
            .unwrap();
    }
    drop(input);
    let output = check.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("no errors, 2 cameras"), "{said}");
}

#[test]
fn what_comes_through_a_pipe_says_where_the_keys_are_and_which_cameras_they_are_for() {
    let state = tempfile::tempdir().unwrap();
    Store::new(state.path().into()).open().unwrap();
    let mut key = pistreamer(&["key", "--config", "/dev/stdin"]);
    key.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut key = key.spawn().unwrap();
    let server = format!("[server]\nstate_dir = \"{}\"\n", state.path().display());
    let cameras = ["door", "yard"].map(|id| camera(id, PATTERN)).concat();
    let mut input = key.stdin.take().unwrap();
    input.write_all((server + &cameras).as_bytes()).unwrap();
    drop(input);
    let output = key.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for id in ["door", "yard"] {
        assert!(said.contains(&format!("camera {id} is at ")), "{said}");
    }
}

/// Fails where the server answers nothing any more.
async fn answers(url: &str) {
    let mut curl = tokio::process::Command::new("curl");
    let answer = curl.args(["-sSk", url]).kill_on_drop(true).output();
    let answer = timeout(PATIENCE, answer).await.expect("it is silent");
    let answer = answer.unwrap();
    assert!(answer.status.success(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_place_of_the_keys_is_told_and_waited_for_by_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let owner = Store::new(state.clone()).open().unwrap();
    let key = owner.owners().unwrap().as_str().to_owned();
    let path = directory.path().join("pistreamer.toml");
    let head = "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n";
    std::fs::write(&path, head.to_owned() + &camera("door", PATTERN)).unwrap();
    let mut server = Server::start_in(directory, &path);
    let mut viewer = TestViewer::connect_with(server.address, &format!("/ws?key={key}"), &[])
        .await
        .unwrap();
    viewer.frame().await;
    silence(&state.join("keys.json"));
    let line = server.log("the access keys were not reloaded");
    assert!(line.contains("it is not a regular file"), "{line}");
    let frames = async {
        for _ in 0..20 {
            viewer.frame().await;
        }
    };
    timeout(PATIENCE, frames).await.expect("no frame comes");
    answers(&format!("http://{}/healthz", server.address)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_a_disk_that_does_not_answer_holds_up_no_client() {
    let directory = tempfile::tempdir().unwrap();
    let there = |name: &str| directory.path().join(name);
    let certified = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    std::fs::write(there("cert.pem"), certified.cert.pem()).unwrap();
    std::fs::write(there("key.pem"), certified.signing_key.serialize_pem()).unwrap();
    let tls = "[tls]\ncert_file = \"cert.pem\"\nkey_file = \"key.pem\"\n";
    let path = there("pistreamer.toml");
    std::fs::write(&path, format!("{HEAD}{tls}{}", camera("door", PATTERN))).unwrap();
    // On one core, which is all that a Pi Zero has.
    let mut command = Command::new("taskset");
    let program = pistreamer(&["--config", path.to_str().unwrap()]);
    command.args(["-c", "0"]).arg(program.get_program());
    command.args(program.get_args()).stdout(Stdio::piped());
    let cert = there("cert.pem");
    let server = Server::run(directory, command);
    let url = format!("https://{}/healthz", server.address);
    answers(&url).await;
    silence(&cert);
    let _silent = read_by_another(&cert);
    for _ in 0..3 {
        answers(&url).await;
    }
}

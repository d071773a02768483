//! Files that cannot be used while the server runs, or not yet: nothing is changed by them, and nothing waits for them.

use crate::process::terminate;
use crate::reloaded::{HEAD, Server, camera};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

const PATTERN: &str = "source = \"pattern\"\nsize = \"160x120\"";

fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The pipe's other end, as soon as something reads it.
fn read_by_another(pipe: &Path) -> File {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    loop {
        if let Ok(end) = options.open(pipe) {
            return end;
        }
    }
}

async fn problems(server: &Server) -> Vec<Value> {
    let status = server.get("/api/v1/status").await;
    status["configuration"]["problems"]
        .as_array()
        .unwrap()
        .clone()
}

fn ids(cameras: &Value) -> Vec<&str> {
    let cameras = cameras["cameras"].as_array().unwrap();
    cameras
        .iter()
        .map(|camera| camera["id"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_place_of_a_secret_is_told_and_the_next_change_is_read() {
    let good = camera("door", PATTERN);
    let mut server = Server::start(&good);
    make_pipe(&server.directory.path().join("pipe"));
    let far = "source = \"http://me@127.0.0.1:9/\"\nkey_file = \"pipe\"";
    server.replace(&(HEAD.to_owned() + &camera("door", far)));
    server.hang_up();
    server.log("it is not a regular file");
    server.replace(&(HEAD.to_owned() + &good));
    server.hang_up();
    server.log("configuration read again");
    assert_eq!(problems(&server).await, <[Value; 0]>::default());
}

#[test]
fn a_server_that_waits_for_a_file_to_be_read_ends_when_it_is_told_to() {
    let mut server = Server::start(&camera("door", PATTERN));
    let pipe = server.directory.path().join("pipe");
    make_pipe(&pipe);
    std::fs::rename(&pipe, server.path()).unwrap();
    server.hang_up();
    let _silent = read_by_another(&server.path());
    assert!(terminate(&mut server.child.0).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_is_used_as_soon_as_it_is_there() {
    let mut server = Server::start(&camera("door", PATTERN));
    let far = "source = \"http://me@127.0.0.1:9/\"\nkey_file = \"key\"";
    server.replace(&(HEAD.to_owned() + &camera("door", far)));
    server.log("cannot be used");
    std::fs::write(server.directory.path().join("key"), "secret\n").unwrap();
    server.log("camera has other settings");
    server.log("configuration read again");
    assert_eq!(problems(&server).await, <[Value; 0]>::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_emptied_takes_no_camera_away() {
    let mut server = Server::start(&(camera("door", PATTERN) + &camera("yard", PATTERN)));
    for text in ["", HEAD] {
        server.replace(text);
        server.hang_up();
        server.log("no file names a camera any more");
        assert_eq!(problems(&server).await.len(), 1);
        let cameras = server.get("/api/v1/cameras").await;
        assert_eq!(ids(&cameras), ["door", "yard"]);
    }
    // One that is left out on purpose goes, and the camera that is found by itself can be asked for.
    server.replace(&(HEAD.to_owned() + &camera("yard", PATTERN)));
    server.hang_up();
    server.log("configuration read again");
    let cameras = server.get("/api/v1/cameras").await;
    assert_eq!(ids(&cameras), ["yard"]);
}

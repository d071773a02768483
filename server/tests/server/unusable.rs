//! Files that cannot be used while the server runs, or not yet: nothing is changed by them, and nothing waits for them.

use crate::process::{pistreamer, refused, started_with, terminate};
use crate::reloaded::{HEAD, Server, camera};
use crate::support::{PATIENCE, TestViewer, picture};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PATTERN: &str = "source = \"pattern\"\nsize = \"160x120\"";

pub(crate) fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// The pipe's other end, as soon as something reads it.
pub(crate) fn read_by_another(pipe: &Path) -> File {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let begun = Instant::now();
    loop {
        if let Ok(end) = options.open(pipe) {
            return end;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing reads it");
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
    server.log("configuration reloaded");
    server.replace(&(HEAD.to_owned() + &good));
    server.hang_up();
    server.log("configuration reloaded");
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
    server.log("configuration reloaded");
    std::fs::write(server.directory.path().join("key"), "secret\n").unwrap();
    server.log("camera settings changed");
    server.log("configuration reloaded");
    assert_eq!(problems(&server).await, <[Value; 0]>::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_emptied_takes_no_camera_away() {
    let mut server = Server::start(&(camera("door", PATTERN) + &camera("yard", PATTERN)));
    for text in ["", HEAD] {
        server.replace(text);
        server.hang_up();
        server.log("it names no camera any more");
        assert_eq!(problems(&server).await.len(), 1);
        let cameras = server.get("/api/v1/cameras").await;
        assert_eq!(ids(&cameras), ["door", "yard"]);
    }
    // One that is left out on purpose goes, and the camera that is found by itself can be asked for.
    server.replace(&(HEAD.to_owned() + &camera("yard", PATTERN)));
    server.hang_up();
    server.log("configuration reloaded");
    let cameras = server.get("/api/v1/cameras").await;
    assert_eq!(ids(&cameras), ["yard"]);
}

const AT_ONCE: &str = "[limits]\nretry_pause = 0.05\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_not_there_holds_up_neither_the_start_nor_a_change_and_comes_back() {
    let door = |name: &str| camera("door", &format!("name = \"{name}\"\n{PATTERN}"));
    let others = camera("yard", "source = \"files:pictures\"")
        + &camera(
            "far",
            "source = \"http://me@127.0.0.1:9/\"\nkey_file = \"key\"",
        );
    let mut server = Server::start(&(AT_ONCE.to_owned() + &door("Door") + &others));
    // Each once, in whichever order.
    for _ in 0..2 {
        server.log("no picture; retrying");
    }
    let cameras = server.get("/api/v1/cameras").await;
    for (number, state, reason) in [
        (1, "no-signal", "pictures: "),
        (2, "no-signal", "key cannot"),
    ] {
        let camera = &cameras["cameras"][number];
        assert_eq!(camera["state"], state, "{cameras}");
        let text = camera["reason"].as_str().unwrap();
        assert!(text.contains(reason), "{cameras}");
    }
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=door", &[])
        .await
        .unwrap();
    viewer.frame().await;
    server.replace(&(HEAD.to_owned() + AT_ONCE + &door("Front door") + &others));
    server.hang_up();
    let line = server.log("camera settings changed");
    assert!(line.contains("door"), "{line}");
    let next = server.directory.path().join("next");
    std::fs::create_dir(&next).unwrap();
    std::fs::write(next.join("1.jpg"), picture((96, 64), 100)).unwrap();
    std::fs::rename(next, server.directory.path().join("pictures")).unwrap();
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=yard", &[])
        .await
        .unwrap();
    viewer.frame().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_keeps_the_secret_that_it_has_while_the_file_with_it_is_gone() {
    let far = |name: &str| {
        camera(
            "far",
            &format!("name = \"{name}\"\nsource = \"http://me@127.0.0.1:9/\"\nkey_file = \"key\""),
        )
    };
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "secret\n").unwrap();
    let path = directory.path().join("pistreamer.toml");
    std::fs::write(&path, HEAD.to_owned() + &far("Far")).unwrap();
    let mut server = Server::start_in(directory, &path);
    std::fs::remove_file(&key).unwrap();
    server.replace(&(HEAD.to_owned() + &far("Farther")));
    server.hang_up();
    // Of the settings, the name alone has changed.
    let line = server.log("camera settings changed");
    assert!(line.contains("name") && !line.contains("source"), "{line}");
    let line = server.log("a camera is incomplete");
    assert!(line.contains("key cannot be used"), "{line}");
    server.log("configuration reloaded");
}

#[test]
fn a_camera_of_a_file_that_is_not_there_is_told_by_the_check_and_served_all_the_same() {
    let gone = camera("yard", "source = \"files:gone\"");
    let server = Server::start(&gone);
    let path = server.path();
    let said = refused(&["config", "check", path.to_str().unwrap()]);
    assert!(
        said.contains("pistreamer.toml:8:10: there is nothing at "),
        "{said}"
    );
    let said = refused(&["--source", "files:/no/such", "--listen", "127.0.0.1:0"]);
    assert!(
        said.contains("--source: there is nothing at /no/such"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_emptied_does_not_make_way_for_the_cameras_of_another() {
    let directory = tempfile::tempdir().unwrap();
    let usual = directory.path().join("pistreamer.toml");
    std::fs::write(usual, camera("yard", PATTERN)).unwrap();
    let named = directory.path().join("site.toml");
    std::fs::write(&named, HEAD.to_owned() + &camera("door", PATTERN)).unwrap();
    let mut command = pistreamer(&["--config", "site.toml"]);
    command.current_dir(&directory);
    let mut server = Server::run(directory, command);
    std::fs::write(&named, HEAD).unwrap();
    server.hang_up();
    let line = server.log("it names no camera any more");
    assert!(line.contains("site.toml"), "{line}");
    let cameras = server.get("/api/v1/cameras").await;
    assert_eq!(ids(&cameras), ["door"]);
}

#[test]
fn a_start_that_waits_for_the_state_directory_ends_when_it_is_told_to() {
    let state = tempfile::tempdir().unwrap();
    let serve = || {
        let state = state.path().to_str().unwrap();
        let pattern = ["--source", "pattern", "--listen", "127.0.0.1:0"];
        pistreamer(&[&pattern[..], &["--state-dir", state]].concat())
    };
    let (mut first, _) = started_with(serve(), Stdio::null());
    assert!(terminate(&mut first).success());
    let lock = File::options()
        .write(true)
        .open(state.path().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    let mut second = serve().stderr(Stdio::piped()).spawn().unwrap();
    let log = BufReader::new(second.stderr.take().unwrap());
    let mut lines = log.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("camera id=pattern")));
    let (end, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || end.send(terminate(&mut second)));
    assert!(ended.recv_timeout(PATIENCE).unwrap().success());
}

/// What the status says of a camera, or of one of its pushes.
async fn reason(server: &Server, camera: usize, push: Option<usize>) -> String {
    let status = server.get("/api/v1/status").await;
    let camera = &status["cameras"][camera];
    let told = push.map_or(camera, |push| &camera["pushes"][push]);
    told["reason"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_missing_holds_up_only_the_camera_or_the_push_that_it_is_for() {
    let pushes = "push = [\"ws://127.0.0.1:9/#key=${file:key}\", \"${file:place}\"]";
    let door = camera("door", &format!("{PATTERN}\n{pushes}"));
    let of_name = camera("far", "source = \"http://me:${NO_SUCH_ONE}@127.0.0.1:9/\"");
    let whole = |size: &str| {
        format!("[[camera]]\nname = \"Secret\"\nsize = \"{size}\"\nsource = \"${{file:url}}\"\n")
    };
    let with = |size: &str| format!("{HEAD}{AT_ONCE}{door}{of_name}{}", whole(size));
    let mut server = Server::start(&format!("{AT_ONCE}{door}{of_name}{}", whole("160x120")));
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=door", &[])
        .await
        .unwrap();
    viewer.frame().await;
    let path = server.path();
    let check = pistreamer(&["config", "check", path.to_str().unwrap()]).output();
    let said = String::from_utf8(check.unwrap().stderr).unwrap();
    for missing in [
        "url} cannot",
        "NO_SUCH_ONE is not",
        "key} cannot",
        "place} cannot",
    ] {
        assert!(said.contains(missing), "{said}");
    }
    for (camera, push, missing) in [
        (0, Some(0), "key}"),
        (0, Some(1), "place}"),
        (1, None, "NO_SUCH_ONE"),
        (2, None, "url}"),
    ] {
        while !reason(&server, camera, push).await.contains(missing) {}
    }
    // Each is used as soon as it is there.
    for (name, secret) in [("url", "pattern"), ("key", "k"), ("place", "127.0.0.1:9")] {
        std::fs::write(server.directory.path().join(name), secret).unwrap();
    }
    server.log("configuration reloaded");
    for push in [0, 1] {
        while !reason(&server, 0, Some(push)).await.contains("reach") {}
    }
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=pattern", &[])
        .await
        .unwrap();
    viewer.frame().await;
    // And kept while it is gone.
    for name in ["url", "key", "place"] {
        std::fs::remove_file(server.directory.path().join(name)).unwrap();
    }
    server.replace(&with("320x240"));
    server.hang_up();
    let line = server.log("camera settings changed");
    assert!(line.contains("id=pattern changed=\"size\""), "{line}");
    server.log("configuration reloaded");
    for push in [0, 1] {
        assert!(reason(&server, 0, Some(push)).await.contains("reach"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_removed_and_renamed_as_the_file_says_while_their_secret_is_gone() {
    let source = "source = \"http://me:${file:key}@127.0.0.1:9/\"";
    let named = |ids: &[&str]| {
        let cameras: String = ids.iter().map(|id| camera(id, source)).collect();
        HEAD.to_owned() + AT_ONCE + &cameras
    };
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    std::fs::write(&key, "secret\n").unwrap();
    let path = directory.path().join("pistreamer.toml");
    std::fs::write(&path, named(&["door", "yard"])).unwrap();
    let mut server = Server::start_in(directory, &path);
    std::fs::remove_file(&key).unwrap();
    for wanted in [&["yard"][..], &["garden"], &["garden", "door"]] {
        server.replace(&named(wanted));
        server.hang_up();
        // The change of the file and the signal may each have it read.
        while ids(&server.get("/api/v1/status").await) != wanted {
            server.log("configuration reloaded");
        }
        // They know the secret all the same.
        for camera in 0..wanted.len() {
            while !reason(&server, camera, None).await.contains("fetch") {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_that_are_missing_are_not_taken_for_one() {
    let hosts = ["door", "yard"].map(|place| {
        let push = format!("push = [\"ws://${{file:push/{place}/host}}/\"]");
        format!("[[camera]]\nsource = \"http://${{file:{place}/host}}/v\"\n{push}\n")
    });
    let cameras = camera("garden", PATTERN) + &hosts.concat();
    let server = Server::start(&(AT_ONCE.to_owned() + &cameras));
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=garden", &[])
        .await
        .unwrap();
    viewer.frame().await;
    for (camera, missing) in [(1, "door/host}"), (2, "yard/host}")] {
        while !reason(&server, camera, None).await.contains(missing) {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_holds_up_only_the_camera_that_it_is_for() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pushed = format!("source = \"tcp-listen:{}\"", taken.local_addr().unwrap());
    let cameras = camera("door", PATTERN) + &camera("yard", &pushed);
    let server = Server::start(&(AT_ONCE.to_owned() + &cameras));
    let mut viewer = TestViewer::connect_with(server.address, "/ws?camera=door", &[])
        .await
        .unwrap();
    viewer.frame().await;
    let says = async |reason: &str| {
        let cameras = server.get("/api/v1/cameras").await;
        let said = cameras["cameras"][1]["reason"].as_str().unwrap().to_owned();
        said.contains(reason)
    };
    while !says("cannot listen on").await {}
    drop(taken);
    while !says("no camera pushes pictures").await {}
}

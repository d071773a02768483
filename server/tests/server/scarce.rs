//! What the system runs out of, descriptors and room on the disk: whoever looks goes on looking, and what to do is said.

use crate::process::{pistreamer, started_with};
use crate::software::run;
use crate::support::{PATIENCE, Running, TestServer};
use futures::TryStreamExt;
use pistreamer::access::Store;
use pistreamer_client::{Config, Event, Subscription};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// The program under limits that a shell sets.
fn limited(limits: &str, arguments: &[&str]) -> Command {
    let program = pistreamer(arguments);
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!(r#"{limits} && exec "$0" "$@""#)])
        .arg(program.get_program())
        .args(program.get_args())
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env_remove("STATE_DIRECTORY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Not a byte can be written to any file, as on a full disk.
const NO_ROOM: &str = "trap '' XFSZ && ulimit -f 0";

/// What the program says when it fails: one line.
fn complaint(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let said: Vec<_> = text
        .lines()
        .filter(|line| line.contains("pistreamer: "))
        .collect();
    assert_eq!(said.len(), 1, "not one clear line: {text}");
    said[0].to_owned()
}

async fn next(viewer: &mut Subscription) -> u64 {
    let frame = timeout(PATIENCE, viewer.try_next())
        .await
        .expect("no frame comes");
    frame.unwrap().unwrap().stamp.seq
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// CPU time of a process so far.
fn cpu(pid: u32) -> Duration {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = tasks.map(|task| {
        // A thread may end between the listing and the look.
        let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat"));
        let stat = stat.unwrap_or_default();
        stat.split(' ')
            .next()
            .and_then(|spent| spent.parse().ok())
            .unwrap_or(0)
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// Connects from an address of the loopback network again and again, and says nothing.
async fn loiter(address: Ipv4Addr, server: SocketAddr) {
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        if let Ok(mut stream) = socket.connect(server).await {
            while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn accept_failures(server: SocketAddr) -> u64 {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream
        .write_all(b"GET /metrics HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    timeout(PATIENCE, reading)
        .await
        .expect("no answer")
        .unwrap();
    let line = answer
        .lines()
        .find_map(|line| line.strip_prefix("pistreamer_accept_failures_total "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_descriptors_whoever_looks_goes_on_and_whoever_comes_gets_in() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let arguments = [
        "--source",
        "pattern",
        "--size",
        "160x120",
        "--fps",
        "10",
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ];
    let command = limited("ulimit -n 48", &arguments);
    let (server, url) = started_with(command, File::create(&log).unwrap().into());
    let server = Running(server);
    let address: SocketAddr = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let subscribe = || Subscription::start(Config::new(&url).unwrap());
    let mut before = subscribe();
    next(&mut before).await;

    let flood: Vec<_> = (0..200)
        .map(|number| tokio::spawn(loiter(Ipv4Addr::new(127, 0, 0, 2 + number % 10), address)))
        .collect();
    let said = || std::fs::read_to_string(&log).unwrap();
    let exhausted = async {
        while !said()
            .contains("raise `ulimit -n`, or lower --max-connections and --max-unauthenticated")
        {
            next(&mut before).await;
        }
    };
    timeout(PATIENCE, exhausted)
        .await
        .expect("there is no want of descriptors");

    let (began, spent, failed) = (
        Instant::now(),
        cpu(server.0.id()),
        accept_failures(address).await,
    );
    let mut last = 0;
    for _ in 0..20 {
        let seq = next(&mut before).await;
        assert!(seq > last);
        last = seq;
    }
    let failed = accept_failures(address).await - failed;
    let (spent, took) = (cpu(server.0.id()) - spent, began.elapsed());
    assert!(spent < took / 2, "{spent:?} of CPU in {took:?}");
    assert!(
        failed <= took.as_millis() as u64 / 10 + 10,
        "{failed} attempts in {took:?}"
    );
    let mut amid = subscribe();
    next(&mut amid).await;

    for loiterer in flood {
        loiterer.abort();
    }
    let mut after = subscribe();
    next(&mut after).await;
    next(&mut before).await;
    for viewer in [&before, &amid, &after] {
        assert_eq!(viewer.stats().connections, 1);
    }
    let lines = said().lines().count();
    println!("{lines} lines, {spent:?} of CPU in {took:?}, {failed} failures");
    assert!(lines < 50, "{lines} lines: {}", said());
}

#[test]
fn on_a_full_disk_keys_are_not_made_and_the_old_ones_stay() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let at = state.to_str().unwrap();
    let serve = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        at,
    ];
    let said = complaint(limited(NO_ROOM, &serve));
    assert!(
        said.contains("the access keys cannot be kept in")
            && said.contains("give a directory that can be written with --state-dir"),
        "{said}"
    );
    let tls = [&serve[..], &["--tls", "self-signed"]].concat();
    let said = complaint(limited(NO_ROOM, &tls));
    assert!(said.contains("--state-dir"), "{said}");
    assert!(!state.join("keys.json").exists());

    let store = Store::new(state.clone());
    let keys = store.open().unwrap();
    let (kept, there) = (std::fs::read(store.path()).unwrap(), names(&state));
    for change in [&["rotate"][..], &["add", "door"], &["remove", "owner"]] {
        let change = [&["key"], change, &["--state-dir", at]].concat();
        let said = complaint(limited(NO_ROOM, &change));
        assert!(
            said.contains("--state-dir") || said.contains("only key"),
            "{said}"
        );
        assert_eq!(std::fs::read(store.path()).unwrap(), kept);
        assert_eq!(names(&state), there, "it left something");
    }
    assert_eq!(store.read().unwrap(), keys);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_server_that_has_its_keys_runs_and_notices_their_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::new(directory.path().into());
    let keys = store.open().unwrap();
    let at = directory.path().to_str().unwrap();
    let serve = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        at,
    ];
    let (server, url) = started_with(limited(NO_ROOM, &serve), Stdio::null());
    let _server = Running(server);
    // The address comes before the line that tells how the key is shown.
    let with = |key: &str| Config::new(&url.replace("//", &format!("//camera:{key}@"))).unwrap();
    let old = keys.owners().unwrap().as_str().to_owned();
    let mut viewer = Subscription::start(with(&old));
    for _ in 0..10 {
        next(&mut viewer).await;
    }
    // There is room again, and somebody uses it.
    let rotated = pistreamer(&["key", "rotate", "--state-dir", at])
        .output()
        .unwrap();
    assert!(rotated.status.success());
    let signed_out =
        async { while !matches!(viewer.event().await, Some(Ok(Event::Lost { .. }))) {} };
    timeout(PATIENCE, signed_out)
        .await
        .expect("the old key is good for ever");
    let new = store.read().unwrap().owners().unwrap().as_str().to_owned();
    next(&mut Subscription::start(with(&new))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_devices_sign_in_and_signing_one_out_says_what_it_is_worth() {
    let directory = tempfile::tempdir().unwrap();
    let keys = Store::new(directory.path().into()).open().unwrap();
    let at = directory.path().to_str().unwrap();
    let serve = [
        "--source",
        "pattern",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        at,
    ];
    let (server, url) = started_with(limited(NO_ROOM, &serve), Stdio::null());
    let _server = Running(server);
    let jar = directory.path().join("cookies");
    let jar = jar.to_str().unwrap();
    let shown = format!(r#"{{"key":"{}"}}"#, keys.owners().unwrap().as_str());
    let session = format!("{url}api/v1/session");
    let ask = async |arguments: &[&str], url: &str| {
        let arguments = [&["-s", "-w", "%{http_code}"], arguments, &[url]].concat();
        run("curl", "curl", &arguments).await
    };
    assert_eq!(ask(&["-c", jar, "-d", &shown], &session).await, "204");
    let listed = ask(&["-b", jar], &format!("{url}api/v1/sessions")).await;
    let listed: serde_json::Value = serde_json::from_str(listed.trim_end_matches("200")).unwrap();
    let id = listed["sessions"][0]["id"].as_str().unwrap();
    let path = format!("{url}api/v1/sessions/{id}");
    let ended = ask(&["-b", jar, "-X", "DELETE"], &path).await;
    assert!(
        ended.contains("until the server starts again") && ended.ends_with("507"),
        "{ended}"
    );
    assert!(ask(&["-b", jar], &session).await.ends_with("401"));
}

#[tokio::test(flavor = "multi_thread")]
async fn grab_says_that_the_disk_is_full_and_leaves_no_half_file() {
    let server = TestServer::start(|_| ());
    let directory = tempfile::tempdir().unwrap();
    let url = format!("http://{}/", server.address);
    let arguments = ["grab", &url, "--out", directory.path().to_str().unwrap()];
    let grab = limited(NO_ROOM, &arguments);
    let said = tokio::task::spawn_blocking(|| complaint(grab))
        .await
        .unwrap();
    assert!(
        said.contains("cannot") && said.contains(directory.path().to_str().unwrap()),
        "{said}"
    );
    assert_eq!(names(directory.path()), [""; 0]);
    server.stop().await;
}

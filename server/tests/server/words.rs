//! What people read who typed something wrong or look for the next step: the program's own words, as it prints them.

use crate::process::{pistreamer, refused, started, started_with};
use crate::support::{Running, TestServer};
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

/// What a server says on standard output until it has said that much.
pub(crate) fn said(child: &mut Child, last: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines.last().unwrap().contains(last) {
            return lines;
        }
    }
    panic!("it never says {last:?}: {lines:?}");
}

/// A server's log as far as the line that contains a text.
fn log_until(child: &mut Child, text: &str) -> String {
    let mut log = String::new();
    for line in BufReader::new(child.stderr.as_mut().unwrap()).lines() {
        log += &(line.unwrap() + "\n");
        if log.contains(text) {
            return log;
        }
    }
    panic!("the log never says {text:?}: {log}");
}

fn serve(arguments: &[&str]) -> Command {
    let mut command = pistreamer(&[
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
        "--source",
        "pattern",
    ]);
    command.args(arguments);
    command
}

#[test]
fn a_command_line_that_is_wrong_is_refused_in_one_line_that_says_what_is_taken() {
    for (typed, expected) in [
        (
            "--fps -1",
            "-1 fps is not possible: choose one from 0.1 to 240",
        ),
        (
            "--fps fast",
            "--fps does not take \"fast\": Frames per second, 0.1 to 240",
        ),
        ("--fps", "--fps needs a value: Frames per second"),
        (
            "--quality 300",
            "--quality does not take \"300\": JPEG quality, 1 to 100",
        ),
        (
            "--quality -3",
            "--quality does not take \"-3\": JPEG quality",
        ),
        ("--rotate -90", "0, 90, 180 or 270 degrees"),
        ("--send-timeout -1", "from 0.1 to 3600"),
        ("--max-viewers -1", "1 to 1000000"),
        (
            "--log loud",
            "--log: \"loud\" is not understood: use error, warn, info",
        ),
        ("--log info,pistreamer=loud", "use error, warn, info"),
        (
            "--frs 3",
            "\"--frs\" is not understood: did you mean --fps?",
        ),
        ("grap x", "no command \"grap\": did you mean grab?"),
        ("grab", "URL is missing: URL of the server"),
        ("grab http://x --every -1", "from 0.01 to 3600"),
        ("grab http://x --count 0", "1 or more"),
        ("push", "TARGET is missing: Where to"),
        (
            "key add A!",
            "NAME: \"A!\" is not a name for a key: use up to 32 of a-z",
        ),
        (
            "--fps 3 key",
            "--fps before key is a flag of the server: write what key takes after it",
        ),
        ("--no-auth serve", "no command \"serve\": "),
        (
            "--fps 3 config show",
            "--fps before config is a flag of the server: write what config takes after it",
        ),
        ("config chek", "no command \"chek\": did you mean check?"),
        ("config check", "FILE is missing: The file"),
        (
            "--max-viewers 0",
            "--max-viewers: 0 is not possible: choose a number from 1 to 1000000",
        ),
        ("--no-auth=3", "--no-auth takes no value"),
        ("--size 64x64 --size 80x80", "--size can be given only once"),
        ("--nonsense", "--help lists what there is"),
    ] {
        let arguments: Vec<_> = typed.split(' ').collect();
        let line = refused(&arguments);
        assert!(line.contains(expected), "{typed}: {line}");
        assert!(line.starts_with("pistreamer: "), "{line}");
    }
}

#[test]
fn addresses_to_listen_on_are_understood_or_refused_with_an_example() {
    for bad in [
        "pi.local:8000",
        "70000",
        "http://0.0.0.0:8000",
        "1.2.3.4:x",
        "[::1",
    ] {
        let line = refused(&["--source", "pattern", "--listen", bad]);
        let said = "is not an address to listen on: write it like 0.0.0.0:8000";
        assert!(line.contains("--listen: ") && line.contains(said), "{line}");
    }
    for (first, second) in [
        ("127.0.0.1:9", "127.0.0.1:9"),
        ("9", "localhost:9"),
        ("[::1]:9", "[::]:9"),
        (":9", "*:9"),
    ] {
        let line = refused(&["--source", "pattern", "--listen", first, "--listen", second]);
        assert!(line.contains("cannot both have the port"), "{line}");
    }
    let twice = ["--listen", "9", "--source", "tcp-listen:127.0.0.1:9"];
    assert!(refused(&twice).contains("source tcp-listen:127.0.0.1:9 cannot both"));
    let open = |listen: &str| {
        let arguments = ["--no-auth", "--source", "pattern", "--listen", listen];
        let (child, url) = started(pistreamer(&arguments));
        drop(Running(child));
        url
    };
    assert!(open("localhost:0").starts_with("http://127.0.0.1:"));
    assert!(open("0").starts_with("http://localhost:"));
    assert!(open(":0").starts_with("http://localhost:"));
}

#[test]
fn each_camera_has_its_link_and_each_address_is_printed_once() {
    let port = TcpListener::bind("[::]:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let mut command = pistreamer(&["--no-auth", "--source", "pattern", "--source", "pattern"]);
    command.args([
        "--listen",
        &format!("0.0.0.0:{port}"),
        "--listen",
        &format!("[::]:{port}"),
    ]);
    let mut server = Running(command.stderr(Stdio::null()).spawn().unwrap());
    let lines = said(&mut server.0, "camera pattern-2 (Test pattern) is at ");
    let url = format!("http://localhost:{port}/");
    let opened = lines
        .iter()
        .filter(|line| line.ends_with(&format!("open {url}")));
    assert_eq!(opened.count(), 1, "{lines:?}");
    let mut sorted = lines.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), lines.len(), "{lines:?}");
    for camera in ["pattern", "pattern-2"] {
        let link = format!("camera {camera} (Test pattern) is at {url}?camera={camera}");
        assert!(lines.iter().any(|line| line.ends_with(&link)), "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_in_addresses_that_are_none_and_cameras_that_are_not_there_are_told() {
    let server = TestServer::start(|_| ());
    for (path, name) in [
        ("/stream.mjpg?fps=abc", "fps=abc"),
        ("/?action=stream&fps=1e999", "fps=1e999"),
        ("/snapshot.jpg?width=-1", "width=-1"),
        ("/snapshot.jpg?quality=high", "quality=high"),
        ("/?action=snapshot&max_age=soon", "max_age=soon"),
        ("/ws?width=wide", "width=wide"),
    ] {
        let answer = server.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
        assert!(
            answer.contains(&format!("{name} is not a number")),
            "{answer}"
        );
    }
    let tolerated = server.get("/snapshot.jpg?fps=abc&nonce=x&width=&t").await;
    assert!(tolerated.starts_with("HTTP/1.1 200 "), "{tolerated}");
    let missing = server.get("/snapshot.jpg?camera=7").await;
    assert!(
        missing.contains("no camera \"7\" on this server; its cameras: pattern"),
        "{missing}"
    );
    server.stop().await;
}

#[test]
fn certificate_files_that_cannot_be_used_say_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = file("cert.pem", &params.self_signed(&key).unwrap().pem());
    let key = file("key.pem", &key.serialize_pem());
    let (empty, der) = (file("empty.pem", ""), file("der.pem", "0\u{1}"));
    let locked = file(
        "locked.pem",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n",
    );
    let folder = directory.path().to_str().unwrap();
    let missing = directory.path().join("no.pem");
    let missing = missing.to_str().unwrap();
    for (chain, secret, expected) in [
        (missing, key.as_str(), "certificate in"),
        (missing, key.as_str(), "there is no such file"),
        (folder, key.as_str(), "it is a directory"),
        (certificate.as_str(), missing, "the private key in"),
        (empty.as_str(), key.as_str(), "it is empty"),
        (der.as_str(), key.as_str(), "it seems to be DER"),
        (key.as_str(), key.as_str(), "belongs into --tls-key"),
        (
            certificate.as_str(),
            certificate.as_str(),
            "belongs into --tls-cert",
        ),
        (
            certificate.as_str(),
            locked.as_str(),
            "locked by a passphrase",
        ),
    ] {
        let line = refused(&[
            "--source",
            "pattern",
            "--no-auth",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            chain,
            "--tls-key",
            secret,
        ]);
        assert!(line.contains(expected), "{line}");
    }
}

/// What `grab` says where it gets nothing.
fn grab(url: &str) -> String {
    let output = pistreamer(&["grab", url, "--count", "1"]).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn http_to_a_port_of_https_and_the_reverse_are_told_by_both_ends() {
    let directory = tempfile::tempdir().unwrap();
    let encrypted = TestServer::start(|typed| {
        typed.tls = Some("self-signed".into());
        typed.state_dir = Some(directory.path().into());
    });
    let address = encrypted.address;
    let told = tokio::task::spawn_blocking(move || {
        let grabbed = grab(&format!("http://{address}"));
        let target = format!("ws://{address}");
        let push = ["push", &target, "--source", "pattern", "--duration", "1"];
        let pushed = pistreamer(&push).output().unwrap().stderr;
        (grabbed, String::from_utf8(pushed).unwrap())
    });
    let (grabbed, pushed) = told.await.unwrap();
    for told in [grabbed, pushed] {
        assert!(told.contains("encrypts: use https:// or wss://"), "{told}");
    }
    let relay = TestServer::start(|typed| typed.source = vec![format!("ws://{address}")]);
    relay
        .camera_is(|camera| {
            camera["reason"]
                .as_str()
                .unwrap()
                .contains("encrypts: use https://")
        })
        .await;
    relay.stop().await;
    encrypted.stop().await;
    let told = tokio::task::spawn_blocking(|| {
        let (child, url) = started_with(serve(&[]), Stdio::piped());
        let mut server = Running(child);
        let told = grab(&url.replace("http:", "https:"));
        (
            told,
            log_until(&mut server.0, "over TLS, which this port does not speak"),
        )
    });
    let (told, log) = told.await.unwrap();
    assert!(
        told.contains("it does not speak TLS: try http://"),
        "{told}"
    );
    assert!(log.contains("--tls self-signed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_its_own_source_says_so() {
    let itself = TestServer::start(|_| ());
    let address = itself.address;
    itself.stop().await;
    let itself = TestServer::start(|typed| {
        typed.listen = vec![address.to_string()];
        typed.source = vec![format!("ws://{address}")];
    });
    let own = |camera: &serde_json::Value| {
        let reason = camera["reason"].as_str().unwrap();
        reason.contains("a camera would show itself")
    };
    itself.camera_is(own).await;
    itself.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_show_each_other_say_so() {
    let first = TestServer::start(|_| ());
    let address = first.address;
    first.stop().await;
    let second = TestServer::start(|typed| typed.source = vec![format!("ws://{address}")]);
    let first = TestServer::start(|typed| {
        typed.listen = vec![address.to_string()];
        typed.source = vec![format!("ws://{}", second.address)];
    });
    // Whichever is asked second.
    let own = async |server: &TestServer| {
        let camera = server.camera().await;
        let reason = camera["reason"].as_str().unwrap().to_owned();
        reason.contains("a camera would show itself")
    };
    let told = async { while !own(&first).await && !own(&second).await {} };
    tokio::time::timeout(crate::support::PATIENCE, told)
        .await
        .expect("neither says that it is a circle");
    first.stop().await;
    second.stop().await;
}

#[test]
fn help_goes_to_standard_output() {
    let output = pistreamer(&["--help"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let mut child = pistreamer(&["--version"]).spawn().unwrap();
    let mut version = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut version)
        .unwrap();
    assert_eq!(
        version,
        concat!("pistreamer ", env!("CARGO_PKG_VERSION"), "\n")
    );
    child.wait().unwrap();
}

#[test]
fn a_variable_that_is_misspelt_is_warned_of() {
    let mut command = serve(&[]);
    command.env("PISTREAMER_FSP", "9");
    let (child, _) = started_with(command, Stdio::piped());
    let mut server = Running(child);
    let log = log_until(&mut server.0, "did you mean PISTREAMER_FPS?");
    assert!(log.contains("PISTREAMER_FSP"), "{log}");
}

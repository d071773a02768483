//! Network cameras that ask who we are. The proof of a password is checked by Python's hashes, and by a server that
//! curl can log in to.

use crate::process::{pistreamer, started_with};
use crate::software::run;
use crate::support::{Running, TestServer, TestViewer, picture, python};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// What stands in URLs for the password `s@fe:ö`.
const TYPED: &str = "s%40fe%3A%C3%B6";
const PASSWORD: &str = "s@fe:ö";

/// A camera that takes answers by the strongest of these algorithms, where it listens, and the picture that it shows.
fn camera(directory: &tempfile::TempDir, algorithms: &[&str]) -> (Running, String, Vec<u8>) {
    let path = directory.path().join("picture.jpg");
    let shown = picture((64, 48), 120);
    std::fs::write(&path, &shown).unwrap();
    let mut script = python("digest_server.py");
    script.arg(PASSWORD).arg(&path).args(algorithms);
    let mut script = Running(script.stdout(Stdio::piped()).spawn().unwrap());
    let mut port = String::new();
    BufReader::new(script.0.stdout.as_mut().unwrap())
        .read_line(&mut port)
        .unwrap();
    (script, format!("127.0.0.1:{}", port.trim()), shown)
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_that_want_digest_authentication_get_it_and_never_the_password() {
    let directory = tempfile::tempdir().unwrap();
    for algorithms in [&["MD5"][..], &["SHA-256"], &["MD5", "SHA-256"]] {
        let (mut script, address, shown) = camera(&directory, algorithms);
        // That the camera itself is right.
        let user = format!("me:{PASSWORD}");
        let url = format!("http://{address}/snapshot?curl");
        if algorithms.len() == 1 {
            run(
                "curl",
                "curl",
                &["-sf", "--digest", "-u", &user, "-o", "/dev/null", &url],
            )
            .await;
        }
        for path in ["stream", "snapshot.jpg?channel=1"] {
            let source = format!("http://me:{TYPED}@{address}/{path}");
            let server = TestServer::start(|typed| typed.source = vec![source]);
            let mut viewer = TestViewer::connect(&server).await;
            // More than one nonce is good for.
            for _ in 0..8 {
                let frame = viewer.frame().await;
                assert_eq!(frame.jpeg, frame.stamp.write(&shown).unwrap(), "{path}");
            }
            drop(viewer);
            server.stop().await;
        }
        assert!(script.0.try_wait().unwrap().is_none(), "{algorithms:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_a_file_is_not_among_the_arguments_and_lets_the_camera_in() {
    let directory = tempfile::tempdir().unwrap();
    let (_script, address, shown) = camera(&directory, &["MD5"]);
    let file = directory.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let source = format!("http://me:${{file:{}}}@{address}/stream", file.display());
    let server = TestServer::start(|typed| typed.source = vec![source]);
    let mut viewer = TestViewer::connect(&server).await;
    let frame = viewer.frame().await;
    assert_eq!(frame.jpeg, frame.stamp.write(&shown).unwrap());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_said_and_so_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let (_script, address, _) = camera(&directory, &["MD5"]);
    for (credentials, said) in [
        ("me:wrong@", "the user or the password is not right"),
        ("you@", "the user or the password is not right"),
        ("", "USER:PASSWORD"),
    ] {
        let source = format!("http://{credentials}{address}/stream");
        let server = TestServer::start(|typed| typed.source = vec![source]);
        server
            .camera_is(|camera| camera["reason"].as_str().unwrap().contains(said))
            .await;
        server.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_elsewhere_to_which_another_redirects_is_not_given_the_password() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let directory = tempfile::tempdir().unwrap();
    let (mut script, elsewhere, _) = camera(&directory, &["MD5"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: //{elsewhere}/stream\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let redirecting = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 2048]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let source = format!("http://me:{TYPED}@{address}/stream");
    let server = TestServer::start(|typed| typed.source = vec![source]);
    let said = format!("redirects to {elsewhere}, which was not given the password");
    server
        .camera_is(|camera| camera["reason"].as_str().unwrap().contains(&said))
        .await;
    server.stop().await;
    assert!(script.0.try_wait().unwrap().is_none());
    redirecting.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_and_no_status_shows_the_password() {
    let directory = tempfile::tempdir().unwrap();
    let (_script, address, _) = camera(&directory, &["MD5"]);
    let log = directory.path().join("log");
    let arguments = [
        "--log",
        "trace",
        "--source",
        &format!("http://me:{TYPED}@{address}/snapshot"),
        "--source",
        &format!("http://me:{TYPED}wrong@{address}/snapshot?view=2"),
        "--listen",
        "127.0.0.1:0",
        "--no-auth",
    ];
    let stderr = std::fs::File::create(&log).unwrap();
    let (server, url) = started_with(pistreamer(&arguments), stderr.into());
    let server = Running(server);
    run(
        "curl",
        "curl",
        &["-sf", "-o", "/dev/null", &format!("{url}snapshot.jpg")],
    )
    .await;
    let mut shown = String::new();
    while !shown.contains("password is not right") {
        shown = run("curl", "curl", &["-sf", &format!("{url}api/v1/status")]).await;
    }
    drop(server);
    shown += &std::fs::read_to_string(&log).unwrap();
    assert!(shown.contains("TRACE") || shown.contains("INFO"), "{shown}");
    for secret in ["s@fe", "s%40fe", "bWU6c0BmZT"] {
        assert!(!shown.contains(secret), "{secret} is shown: {shown}");
    }
}

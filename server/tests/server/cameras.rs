//! Network cameras as people have them: what browsers and players show of them is shown, and what cannot be is said.

use crate::support::{Running, TestServer, TestViewer, picture};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// What a camera answers to a request: bytes to begin with, and bytes that are repeated until the viewer leaves. Nothing to
/// repeat ends the connection.
type Answer = (Vec<u8>, Vec<u8>);

/// A camera that answers by a script, one request on each connection.
struct Camera {
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Camera {
    async fn new(script: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(script);
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let script = Arc::clone(&script);
                tokio::spawn(async move {
                    // Who leaves is none of the camera's business.
                    let _ = serve(stream, &*script).await;
                });
            }
        });
        Self { address, serving }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &(dyn Fn(&str) -> Answer + Sync),
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (beginning, repeated) = script(&String::from_utf8_lossy(&request));
    stream.write_all(&beginning).await?;
    while !repeated.is_empty() {
        stream.write_all(&repeated).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn showing(source: String) -> TestServer {
    TestServer::start(|typed| {
        typed.source = vec![source];
        typed.retry_pause = Some(0.01);
    })
}

fn jpeg() -> Vec<u8> {
    picture((64, 48), 120)
}

/// One part of a stream.
fn part(delimiter: &str, headers: &str) -> Vec<u8> {
    let head = format!("{delimiter}\r\n{headers}\r\n");
    [head.as_bytes(), &jpeg(), b"\r\n"].concat()
}

fn head(headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes()
}

/// Whether a viewer gets the camera's picture, several times and byte for byte.
async fn is_shown(answer: Answer, what: &str) {
    let camera = Camera::new(move |_| answer.clone()).await;
    let server = showing(camera.url("/live"));
    let mut viewer = TestViewer::connect(&server).await;
    for _ in 0..3 {
        let frame = timeout(Duration::from_secs(20), viewer.frame()).await;
        let frame = frame.unwrap_or_else(|_| panic!("nothing is shown of {what}"));
        assert_eq!(frame.jpeg, frame.stamp.write(&jpeg()).unwrap(), "{what}");
    }
    drop(viewer);
    server.stop().await;
}

/// Why nothing is shown.
async fn reason(source: String) -> String {
    let server = showing(source);
    server
        .camera_is(|camera| camera["state"] == "no-signal" && camera["reason"] != "")
        .await;
    let reason = server.camera().await["reason"].as_str().unwrap().to_owned();
    server.stop().await;
    reason
}

const MULTIPART: &str = "Content-Type: multipart/x-mixed-replace; boundary=frame\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_shown_whatever_their_headers_call_them() {
    for kind in [
        "",
        "Content-Type: application/octet-stream\r\n",
        "Content-Type: text/plain\r\n",
        "Content-Type: video/x-mjpeg\r\n",
        "Content-Type: image/jpeg\r\n",
        "Content-Type: multipart/x-mixed-replace\r\n",
        "Content-Type: multipart/x-mixed-replace; boundary=another\r\n",
        "Content-Type: multipart/x-mixed-replace; boundary=FRAME\r\nContent-Length: -1\r\n",
        "Content-Type: multipart/x-mixed-replace; boundary=\"--frame--\"\r\nContent-Length: 5\r\nContent-Length: 7\r\n",
        "Content-Type: image/jpeg\r\nContent-Length:\r\n",
        "Content-Type: image/jpeg\r\nContent-Length: 4294967295\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let parts = part("--frame", "Content-Type: image/jpeg\r\n");
        is_shown((head(kind), parts), kind).await;
        is_shown((head(kind), jpeg()), kind).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_understood_that_are_hardly_http() {
    for beginning in [
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.0 200\nContent-Type: multipart/x-mixed-replace;boundary=frame\n\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nno header\r\nServer : cam\r\n\r\n",
        "\r\n",
        "",
    ] {
        let answer = (beginning.into(), part("--frame", ""));
        is_shown(answer, beginning).await;
        is_shown((beginning.into(), jpeg()), beginning).await;
    }
    let chunk =
        |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let halves = jpeg();
    let (first, second) = halves.split_at(100);
    let chunked = head("Transfer-Encoding: chunked\r\n");
    is_shown((chunked, [chunk(first), chunk(second)].concat()), "chunks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_are_fetched_again_however_their_end_is_told() {
    for headers in [
        "Content-Type: image/jpeg\r\n",
        "Content-Type: image/jpeg\r\nContent-Length: -1\r\n",
        "Content-Type: text/html\r\nContent-Length: 5, 7\r\n",
        "",
    ] {
        is_shown(([head(headers), jpeg()].concat(), Vec::new()), headers).await;
        let lone = [head(MULTIPART), part("--frame", "")].concat();
        is_shown((lone, Vec::new()), "a stream of one picture").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_are_answered_as_cameras_spell_them_and_a_password_is_not_given_away_afterwards() {
    for challenge in [
        r#"Digest realm="x", nonce="n1", qop="auth", algorithm=md5"#,
        r#"Digest realm="a \"b\", c", nonce="n1", qop="", algorithm=MD5"#,
        "Basic realm=\"x\"\r\nWWW-Authenticate: Digest realm=\"x\", nonce=\"n1\"",
    ] {
        let camera = Camera::new(move |request| {
            if request.contains("uthorization: Digest ") {
                assert!(!request.contains(": Basic"));
                return (head(MULTIPART), part("--frame", ""));
            }
            let refusal = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n";
            let answer = format!("{refusal}WWW-Authenticate: {challenge}\r\n\r\n");
            (answer.into_bytes(), Vec::new())
        })
        .await;
        let server = showing(format!("http://u:p@{}/", camera.address));
        let mut viewer = TestViewer::connect(&server).await;
        viewer.frame().await;
        drop(viewer);
        server.stop().await;
    }
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let camera = Camera::new(move |request| {
        let mut heard = heard.lock().unwrap();
        heard.push(request.to_owned());
        let way = if heard.len() < 2 {
            r#"Digest realm="x", nonce="n1""#
        } else {
            r#"Basic realm="x""#
        };
        let answer = format!(
            "HTTP/1.1 401 No\r\nWWW-Authenticate: {way}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        (answer.into_bytes(), Vec::new())
    })
    .await;
    let server = showing(format!("http://u:p@{}/", camera.address));
    server
        .camera_is(|camera| {
            camera["reason"]
                .as_str()
                .unwrap()
                .contains("for a proof (Digest) before")
        })
        .await;
    server.stop().await;
    let asked = asked.lock().unwrap();
    assert!(asked.len() > 2 && asked.iter().all(|request| !request.contains(": Basic ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_a_redirect_sets_comes_back() {
    let camera = Camera::new(|request| {
        if request.starts_with("GET /view%20it ") && request.contains("Cookie: session=secret") {
            return (head(MULTIPART), part("--frame", ""));
        }
        let answer = "HTTP/1.1 302 Found\r\nLocation: /view it\r\nSet-Cookie: session=secret; Path=/; HttpOnly\r\n\r\n";
        (answer.into(), Vec::new())
    })
    .await;
    let server = showing(camera.url("/"));
    TestViewer::connect(&server).await.frame().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_speaks_the_other_scheme_is_told_as_such() {
    let plain = Camera::new(|_| (head(""), Vec::new())).await;
    let said = reason(format!("https://{}/", plain.address)).await;
    assert!(said.contains("try http://"), "{said}");
    let record = Camera::new(|_| (b"\x15\x03\x01\x00\x02\x02\x46".to_vec(), Vec::new())).await;
    let page = Camera::new(|_| {
        let page = "The plain HTTP request was sent to HTTPS port";
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{page}",
            page.len()
        );
        (answer.into_bytes(), Vec::new())
    })
    .await;
    for camera in [&record, &page] {
        let said = reason(camera.url("/")).await;
        assert!(said.contains("try https://"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_connection_of_an_ffmpeg_is_used_and_kept() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let size = "testsrc=size=64x48:rate=20";
    let ffmpeg = Command::new("ffmpeg")
        .args(["-v", "error", "-re", "-f", "lavfi", "-i", size])
        .args([
            "-f",
            "mpjpeg",
            "-listen",
            "1",
            &format!("http://{address}/"),
        ])
        .stdin(Stdio::null())
        .spawn();
    let _ffmpeg = Running(ffmpeg.unwrap());
    let server = showing(format!("http://{address}/"));
    server.camera_is(|camera| camera["state"] == "live").await;
    for _ in 0..2 {
        let mut viewer = TestViewer::connect(&server).await;
        for _ in 0..5 {
            viewer.frame().await;
        }
        drop(viewer);
        assert_eq!(server.camera().await["state"], "live");
    }
    server.stop().await;
}

//! Cameras whose pictures no browser shows: whatever way they come, they are no signal, and it is said why.

use crate::pushed::{address, image, state};
use crate::support::{PATIENCE, TestServer, TestViewer, picture};
use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use pistreamer_protocol::message::CameraState;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{interval, timeout};
use tokio_tungstenite::tungstenite::Message;

pub(crate) type Picture = watch::Receiver<Arc<Vec<u8>>>;

/// A camera sends so often.
const EVERY: Duration = Duration::from_millis(100);

/// Where a picture's segment with that marker begins.
fn find(jpeg: &[u8], marker: u8) -> usize {
    let at = jpeg.windows(2).position(|it| it == [0xff, marker]);
    at.unwrap()
}

fn lossless(mut jpeg: Vec<u8>) -> Vec<u8> {
    let at = find(&jpeg, 0xc0);
    jpeg[at + 1] = 0xc3;
    jpeg
}

fn twelve_bits(mut jpeg: Vec<u8>) -> Vec<u8> {
    let at = find(&jpeg, 0xc0);
    jpeg[at + 4] = 12;
    jpeg
}

fn headers_only(mut jpeg: Vec<u8>) -> Vec<u8> {
    jpeg.truncate(find(&jpeg, 0xda));
    jpeg.extend(*b"\xff\xd9");
    jpeg
}

/// A camera that answers each request with its picture.
pub(crate) async fn answer(listener: TcpListener, picture: Picture) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let jpeg = picture.borrow().clone();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            jpeg.len()
        );
        // Who asks may leave at any time.
        let _ = stream.read(&mut [0; 2048]).await;
        let _ = stream.write_all(&[head.as_bytes(), &jpeg].concat()).await;
    }
}

/// A camera that pushes its pictures over TCP, on a new connection after each that was ended.
pub(crate) async fn push_over_tcp(listener: String, picture: Picture) {
    loop {
        let mut stream = TcpStream::connect(&listener).await.unwrap();
        let mut pace = interval(EVERY);
        loop {
            pace.tick().await;
            let jpeg = image(&picture.borrow().clone());
            if stream.write_all(&jpeg).await.is_err() {
                break;
            }
        }
    }
}

/// A pusher that sends its pictures whatever becomes of them.
pub(crate) async fn push_to_ingest(server: SocketAddr, picture: Picture) {
    // Until the source has begun it takes nobody.
    let pusher = loop {
        if let Ok(pusher) = TestViewer::connect_with(server, "/ingest", &[]).await {
            break pusher;
        }
    };
    let (mut write, mut read) = pusher.socket.split();
    let mut pace = interval(EVERY);
    loop {
        tokio::select! {
            _ = pace.tick() => {
                let jpeg = picture.borrow().to_vec();
                write.send(Message::binary(jpeg)).await.unwrap();
            }
            said = read.next() => drop(said.expect("the pusher was sent away").unwrap()),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Http,
    Tcp,
    Ingest,
}

async fn becomes(viewer: &mut TestViewer, expected: CameraState, cause: &str) {
    let told = async {
        let mut told = Vec::new();
        loop {
            let (state, reason) = state(viewer).await;
            if state == expected && reason.contains(cause) {
                return;
            }
            told.push((state, reason));
            assert!(
                told.len() < 100,
                "not {expected:?} with {cause:?}: {told:?}"
            );
        }
    };
    let so = timeout(PATIENCE, told).await;
    so.unwrap_or_else(|_| panic!("it does not become {expected:?} with {cause:?}"));
}

async fn is_told_while_it_lasts(way: Way, bad: Vec<u8>, cause: &str) {
    let good = Arc::new(picture((64, 48), 120));
    let bad = Arc::new(bad);
    let (shown, showing) = watch::channel(Arc::clone(&bad));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let source = match way {
        Way::Http => format!("http://{}/cam.jpg", listener.local_addr().unwrap()),
        Way::Tcp => "tcp-listen:127.0.0.1:0".into(),
        Way::Ingest => "ingest".into(),
    };
    let server = TestServer::start(|typed| {
        typed.source = vec![source];
        typed.capture.fps = Some(10.0);
        typed.retry_pause = Some(0.05);
    });
    let mut viewer = TestViewer::connect(&server).await;
    viewer.hello().await;
    let camera = match way {
        Way::Http => tokio::spawn(answer(listener, showing)),
        Way::Tcp => tokio::spawn(push_over_tcp(address(&server).await, showing)),
        Way::Ingest => tokio::spawn(push_to_ingest(server.address, showing)),
    };
    let mut is_first = true;
    loop {
        becomes(&mut viewer, CameraState::NoSignal, cause).await;
        let health = server.get("/healthz").await;
        assert!(health.starts_with("HTTP/1.1 503"), "{way:?}: {health}");
        let broken = server.camera().await["broken"].as_u64();
        assert!(broken > Some(0), "{way:?}: {broken:?}");
        if !std::mem::take(&mut is_first) {
            break;
        }
        shown.send_replace(Arc::clone(&good));
        becomes(&mut viewer, CameraState::Live, "").await;
        viewer.frame().await;
        shown.send_replace(Arc::clone(&bad));
    }
    camera.abort();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_no_browser_shows_are_no_signal_and_the_reason_says_what_they_are() {
    let good = picture((64, 48), 120);
    let kinds = [
        (lossless(good.clone()), "it is a lossless jpeg"),
        (twelve_bits(good.clone()), "its samples have 12 bits"),
        (headers_only(good), "it has no picture data"),
    ];
    let cases = kinds.iter().flat_map(|(bad, cause)| {
        [Way::Http, Way::Tcp, Way::Ingest]
            .map(|way| is_told_while_it_lasts(way, bad.clone(), cause))
    });
    join_all(cases).await;
}

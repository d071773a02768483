//! Those who go without a word: a phone that leaves the Wi-Fi, a laptop that sleeps. They are let go, and so is the camera.

use crate::support::{PATIENCE, TestServer, TestViewer};
use pistreamer_protocol::message::ViewerMessage;
use socket2::{SockFilter, SockRef};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// From now on the socket's system hears nothing and so answers nothing, as if it had been carried away.
fn carry_away(stream: &TcpStream) {
    /// "Return, of the packet, so many bytes", and none are meant: linux/bpf_common.h.
    const BPF_RET: u16 = 6;
    let nothing = SockFilter::new(BPF_RET, 0, 0, 0);
    SockRef::from(stream).attach_filter(&[nothing]).unwrap();
}

async fn viewers(server: &TestServer) -> Vec<serde_json::Value> {
    let answer = server.get("/api/v1/status").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let status: serde_json::Value = serde_json::from_str(body).unwrap();
    status["viewers"].as_array().unwrap().clone()
}

async fn let_go(server: &TestServer) {
    let gone = async {
        while !viewers(server).await.is_empty() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(PATIENCE, gone).await.is_err() {
        panic!("they are still there: {:?}", viewers(server).await);
    }
}

async fn acknowledging(server: &TestServer) -> TestViewer {
    let mut viewer = TestViewer::connect(server).await;
    for _ in 0..5 {
        let seq = viewer.frame().await.stamp.seq;
        viewer.say(ViewerMessage::Ack { seq }).await;
    }
    viewer
}

fn start() -> TestServer {
    TestServer::start(|typed| typed.send_timeout = Some(1.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_that_vanish_are_let_go_whatever_they_were_doing() {
    let server = start();
    let acknowledging = acknowledging(&server).await;
    carry_away(acknowledging.socket.get_ref());
    let mut silent = TestViewer::connect(&server).await;
    silent.frame().await;
    carry_away(silent.socket.get_ref());
    let mut paused = TestViewer::connect(&server).await;
    paused.frame().await;
    paused.say(ViewerMessage::Pause).await;
    let mut mjpeg = TcpStream::connect(server.address).await.unwrap();
    mjpeg
        .write_all(b"GET /stream.mjpg HTTP/1.0\r\n\r\n")
        .await
        .unwrap();
    mjpeg.read_exact(&mut [0; 1000]).await.unwrap();
    carry_away(&mjpeg);
    let known = viewers(&server).await;
    assert_eq!(known.len(), 4, "{known:?}");
    // Its pause was heard.
    carry_away(paused.socket.get_ref());
    let_go(&server).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_program_hangs_is_let_go_though_its_system_takes_everything() {
    let server = start();
    let mut viewer = acknowledging(&server).await;
    let_go(&server).await;
    // What it was sent before it was let go: those under way, which are more where its acknowledgements took long, and not
    // all that the camera made in the meantime.
    let mut came = 0;
    while let Ok(Some(Ok(message))) =
        timeout(PATIENCE, futures::StreamExt::next(&mut viewer.socket)).await
    {
        came += usize::from(message.is_binary());
    }
    assert!(came < 30, "{came} frames came");
    server.stop().await;
}

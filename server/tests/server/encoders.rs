//! Encoders that fail serve no old picture.

use crate::support::{TestServer, picture};
use pistreamer::source::{Image, Mode, Pixels, Port, Source, SourceError, Yuv};
use pistreamer_picture::Mended;
use pistreamer_protocol::message::Camera;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SIZE: (u32, u32) = (64, 48);

/// Samples whose memory is lost.
struct Lost;

impl Pixels for Lost {
    fn yuv(&self) -> Yuv<'_> {
        panic!("the samples are lost")
    }
}

/// A camera that shows one picture, and whose samples are lost once that is known.
struct Losing(Arc<AtomicBool>);

impl Source for Losing {
    fn camera(&self) -> Camera {
        Camera {
            source: "losing".into(),
            ..Camera::default()
        }
    }

    fn run(&mut self, port: &Port) -> Result<(), SourceError> {
        let (width, height) = SIZE;
        let fps = 100.0;
        port.open(Mode { width, height, fps });
        while !port.demand().wait_wanted(Duration::from_secs(1)) {}
        let picture = Mended::new(picture(SIZE, 90).into()).and_then(Mended::whole);
        port.frame(1, Image::Jpeg(picture.unwrap()));
        while !port.demand().sleep(Duration::from_millis(10)) {
            if self.0.load(Ordering::Relaxed) {
                port.frame(1, Image::Yuv(Box::new(Lost)));
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_picture_of_a_camera_that_cannot_be_encoded_is_served_no_more() {
    // Takes connections and says nothing: a push there wants pictures all the while.
    let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let pushed = format!("tcp://{}", target.local_addr().unwrap());
    let loses = Arc::new(AtomicBool::new(false));
    let losing = Losing(Arc::clone(&loses));
    let server = TestServer::start_with(vec![Box::new(losing)], |typed| {
        typed.push = vec![pushed];
        typed.retry_pause = Some(0.01);
    });
    let shown = async || server.get("/snapshot.jpg").await;
    let answer = shown().await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    loses.store(true, Ordering::Relaxed);
    server
        .camera_is(|camera| camera["state"] == "no-signal")
        .await;
    let answer = shown().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    server.stop().await;
}

//! Encoders that hang or fail: nothing waits for the one, and the other serves no old picture.

use crate::support::{PATIENCE, TestServer, picture};
use pistreamer::encode::{self, Health, Pool};
use pistreamer::hub::{self, Feed, Limits};
use pistreamer::source::{Image, Mode, Pauses, Pixels, Port, RawFrame, Source, SourceError, Yuv};
use pistreamer_picture::Mended;
use pistreamer_protocol::message::Camera;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SIZE: (u32, u32) = (64, 48);

/// Samples that cannot be had before they may be.
struct Withheld(SyncSender<()>, Mutex<Receiver<()>>);

impl Pixels for Withheld {
    fn yuv(&self) -> Yuv<'_> {
        self.0.send(()).unwrap();
        self.1.lock().unwrap().recv().unwrap();
        panic!("nothing waits for them")
    }
}

/// Whatever happens is no matter.
struct Unmoved;

impl Health for Unmoved {
    fn fail(&self, _: &str) -> bool {
        false
    }
    fn mend(&self, _: &str) {}
}

#[test]
fn letting_go_of_a_camera_waits_for_no_encoder() {
    let config = hub::Config {
        most: 1,
        quality: 80,
    };
    let feed = Arc::new(Feed::new(config));
    let _viewer = feed.view(Limits::default());
    let config = encode::Config {
        workers: 1,
        pauses: Pauses::default(),
    };
    let pool = Pool::spawn(config, "faulty", feed, Arc::new(Unmoved)).unwrap();
    let ((begin, begun), (go_on, goes_on)) = (sync_channel(1), sync_channel(1));
    pool.submit(RawFrame {
        seq: 1,
        captured_us: 1,
        image: Image::Yuv(Box::new(Withheld(begin, Mutex::new(goes_on)))),
    });
    begun.recv().unwrap();
    let (gone, is_gone) = sync_channel(1);
    std::thread::spawn(move || {
        drop(pool);
        gone.send(())
    });
    let gone = is_gone.recv_timeout(PATIENCE);
    go_on.send(()).unwrap();
    gone.expect("it waits for the encoder");
}

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

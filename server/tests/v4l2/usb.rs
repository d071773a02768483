//! USB cameras that this program plays: the kernel's uvcvideo drives them as it does those on a cable, unplugged and plugged in
//! again at another port.

mod camera;

use crate::support::{Received, TestViewer, picture};
use crate::{decoded, frames, open_devices, serve, vivid};
use camera::{Model, UsbCamera};

/// One that sends JPEGs of a brightness of its own.
fn webcam(serial: &str, brightness: u8) -> Model {
    Model {
        serial: serial.into(),
        jpegs: vec![
            picture((1280, 720), brightness),
            picture((1280, 720), brightness + 1),
        ],
        small: picture((640, 480), brightness),
    }
}

/// Whether a frame is one of the JPEGs that were sent, with nothing but a stamp in it.
fn is_one_of(frame: &Received, sent: &[Vec<u8>]) -> bool {
    sent.iter()
        .any(|jpeg| frame.stamp.write(jpeg).unwrap() == frame.jpeg)
}

#[tokio::test]
async fn its_own_jpegs_are_shown_untouched_wherever_it_is_plugged_in() {
    // Its nodes have the first numbers.
    vivid::plugged_in();
    let model = webcam("AB12", 100);
    let sent = model.jpegs.clone();
    let camera = UsbCamera::plug_in(0, model.clone());
    let server = serve(&["v4l2:AB12"], "1280x720", 30.0);
    let mut viewer = TestViewer::connect(&server).await;
    let seen = frames(&mut viewer, 10).await;
    for frame in &seen {
        assert!(is_one_of(frame, &sent), "it is another JPEG");
    }
    let name = server.camera().await["name"].clone();
    assert_eq!(name, "Lab camera");
    let mut last = seen[9].stamp.seq;
    drop(camera);
    for port in [1, 2] {
        server
            .camera_is(|camera| {
                camera["state"] == "no-signal"
                    && camera["reason"].as_str().unwrap().contains("AB12")
            })
            .await;
        assert_eq!(open_devices(), 0, "a descriptor is left");
        // Another one at its place is not it.
        let _other = UsbCamera::plug_in(0, webcam("ZZ99", 200));
        let _camera = UsbCamera::plug_in(port, model.clone());
        let plugged_in = std::time::Instant::now();
        let seen = frames(&mut viewer, 5).await;
        println!(
            "live {:?} after it was plugged in at port {port}",
            plugged_in.elapsed()
        );
        assert!(seen[0].stamp.seq > last, "the seq falls");
        assert!(seen.iter().all(|frame| is_one_of(frame, &sent)));
        last = seen[4].stamp.seq;
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_camera_at_the_connector_auto_is_the_first_that_v4l2_has() {
    vivid::plugged_in();
    let _camera = UsbCamera::plug_in(0, webcam("AUTO", 70));
    let server = serve(&["auto"], "1280x720", 30.0);
    // vivid has the first number.
    server.camera_is(|camera| camera["source"] == "v4l2").await;
    assert_eq!(server.camera().await["test_pattern"], false);
    let mut viewer = TestViewer::connect(&server).await;
    frames(&mut viewer, 2).await;
    server.stop().await;
}

#[tokio::test]
async fn two_at_once_are_told_apart_and_each_has_the_nearest_size_that_it_offers() {
    // Its nodes have the first numbers.
    vivid::plugged_in();
    let (one, two) = (webcam("ONE", 60), webcam("TWO", 180));
    let _plugged = [UsbCamera::plug_in(0, one), UsbCamera::plug_in(1, two)];
    let server = serve(&["v4l2:ONE", "v4l2:TWO"], "700x500", 15.0);
    let listed = server.json("/api/v1/cameras").await;
    for (number, brightness) in [(0, 60), (1, 180)] {
        let id = listed["cameras"][number]["id"].as_str().unwrap();
        let path = format!("/ws?camera={id}");
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        let seen = frames(&mut viewer, 3).await;
        let (width, height, rgb) = decoded(&seen[2].jpeg);
        assert_eq!((width, height), (640, 480));
        assert!(rgb[0].abs_diff(brightness) <= 3, "{}", rgb[0]);
    }
    server.stop().await;
    assert_eq!(open_devices(), 0);
}

#[tokio::test]
async fn what_it_sends_broken_is_counted_and_the_rest_shown() {
    // Its nodes have the first numbers.
    vivid::plugged_in();
    let mut model = webcam("BAD1", 90);
    let whole = model.jpegs[0].clone();
    // No Huffman tables, cut off, nothing at all, and another size than promised.
    let without = without_tables(&whole);
    model.jpegs = vec![
        whole.clone(),
        without,
        whole[..whole.len() / 2].to_vec(),
        vec![0; 10],
        picture((320, 240), 90),
    ];
    let _camera = UsbCamera::plug_in(0, model);
    let server = serve(&["v4l2:BAD1"], "1280x720", 30.0);
    let mut viewer = TestViewer::connect(&server).await;
    let seen = frames(&mut viewer, 12).await;
    let sizes: Vec<_> = seen
        .iter()
        .map(|frame| {
            let (width, height, _) = decoded(&frame.jpeg);
            (width, height)
        })
        .collect();
    assert!(
        sizes.contains(&(1280, 720)) && sizes.contains(&(320, 240)),
        "{sizes:?}"
    );
    let camera = server.camera().await;
    assert_eq!(camera["state"], "live", "{camera}");
    server.stop().await;
}

/// As many webcams send them: the Huffman tables are left out (UVC 1.5, Motion-JPEG payload).
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    const TABLES: [u8; 2] = [0xff, 0xc4];
    let mut rest = jpeg.to_vec();
    while let Some(at) = rest.windows(2).position(|bytes| bytes == TABLES) {
        let len = usize::from(u16::from_be_bytes([rest[at + 2], rest[at + 3]]));
        rest.drain(at..at + 2 + len);
    }
    rest
}

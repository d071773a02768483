//! Mirroring and turning, by the server where the source cannot: pictures as they come, the test pattern, frames of another server.

use crate::support::{TestServer, TestViewer};
use pistreamer_client::{Config, Publisher};
use pistreamer_protocol::Stamp;
use pistreamer_protocol::jpeg::inspect;

const QUARTERS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../protocol/tests/pictures/quarters.jpg"
);

/// A camera of a configuration file, with that transform.
fn camera(source: &str, transform: &str) -> String {
    format!("[[camera]]\nid = \"door\"\nsource = \"{source}\"\ntransform = {{ {transform} }}\n")
}

/// Red, green, blue and yellow, by quarters.
fn quarters(jpeg: &[u8]) -> String {
    let mut decoder = jpeg_decoder::Decoder::new(jpeg);
    let rgb = decoder.decode().unwrap();
    let info = decoder.info().unwrap();
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    let colours = [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let at = (y * height / 4 * width + x * width / 4) * 3;
        match [rgb[at] > 100, rgb[at + 1] > 100, rgb[at + 2] > 100] {
            [true, false, false] => 'r',
            [false, true, false] => 'g',
            [false, false, true] => 'b',
            [true, true, false] => 'y',
            _ => '?',
        }
    });
    colours.iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_come_as_jpegs_are_mirrored_and_turned_and_a_change_is_seen() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::copy(QUARTERS, directory.path().join("1.jpg")).unwrap();
    let source = format!("files:{}", directory.path().display());
    let server = TestServer::configured(&camera(&source, "hflip = true"));
    let mut viewer = TestViewer::connect(&server).await;
    assert_eq!(quarters(&viewer.frame().await.jpeg), "gryb");
    for (transform, seen) in [
        ("vflip = true", "byrg"),
        ("rotate = 90", "bryg"),
        ("rotate = 180", "ybgr"),
        ("hflip = true, rotate = 90", "ygbr"),
    ] {
        server.configure(&camera(&source, transform)).await;
        while quarters(&viewer.frame().await.jpeg) != seen {}
    }
    server
        .camera_is(|camera| (&camera["width"], &camera["height"]) == (&64.into(), &96.into()))
        .await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stamped_frame_of_another_program_keeps_its_stamp_when_it_is_turned() {
    let server = TestServer::configured(&camera("ingest", "rotate = 270"));
    let mut viewer = TestViewer::connect(&server).await;
    let config = Config::ingest(&format!("http://{}", server.address)).unwrap();
    // It is refused until the camera's source is there.
    let mut publisher = loop {
        if let Ok(publisher) = Publisher::connect(&config).await {
            break publisher;
        }
    };
    let stamp = Stamp {
        seq: 4711,
        captured_us: 1_764_000_000_123_456,
        camera: "far".into(),
    };
    let jpeg = stamp.write(&std::fs::read(QUARTERS).unwrap()).unwrap();
    publisher.ready().await.unwrap();
    publisher.send(&jpeg).await.unwrap();
    let frame = loop {
        let frame = viewer.frame().await;
        if frame.stamp.camera == "far" {
            break frame;
        }
    };
    assert_eq!(frame.stamp, stamp);
    assert_eq!(quarters(&frame.jpeg), "gyrb");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_turned_before_they_are_encoded_and_scaled() {
    let settings = camera("pattern", "rotate = 90") + "size = \"640x360\"\n";
    let server = TestServer::configured(&settings);
    let size = async |query: &str| {
        let path = format!("/snapshot.jpg{query}");
        let answer = server.request("GET", &path, "").await;
        let at = answer
            .windows(2)
            .position(|two| two == [0xff, 0xd8])
            .unwrap();
        let info = inspect(&answer[at..]).unwrap();
        (info.width, info.height)
    };
    assert_eq!(size("").await, (360, 640));
    assert_eq!(size("?width=180").await, (180, 320));
    server.stop().await;
}

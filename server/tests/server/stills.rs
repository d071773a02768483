//! `/still.jpg` of cameras that take no larger picture than they stream. Those that do are in `tests/v4l2` and `tests/libcamera`.

use crate::support::TestServer;
use pistreamer_protocol::{Stamp, jpeg};

fn split(answer: &[u8]) -> (String, &[u8]) {
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("no end of headers") + 4);
    (String::from_utf8_lossy(head).to_ascii_lowercase(), body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_has_no_larger_picture_gives_its_newest_frame_and_says_so() {
    let server = TestServer::start(|_| ());
    let answer = server.request("GET", "/still.jpg", "").await;
    let (head, body) = split(&answer);
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    for header in [
        "content-type: image/jpeg\r\n",
        "no-store",
        "pistreamer-still: stream\r\n",
        "pistreamer-still-size: 320x240\r\n",
        "x-timestamp: ",
    ] {
        assert!(head.contains(header), "no {header:?} in {head}");
    }
    assert!(!head.contains("paused"), "{head}");
    assert_eq!(jpeg::inspect(body).map(|info| info.width), Ok(320));
    assert!(Stamp::read(body).is_some());
    // What there would be, without taking it.
    let answer = server.request("HEAD", "/still.jpg", "").await;
    let (head, body) = split(&answer);
    assert!(head.contains("pistreamer-still: stream\r\n"), "{head}");
    assert!(head.contains("pistreamer-still-size: 320x240"), "{head}");
    assert!(body.is_empty());
    assert_eq!(server.camera().await["still"], serde_json::Value::Null);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_have_no_stream_stopped() {
    let server = TestServer::start(|_| ());
    for (site, status) in [
        ("cross-site", "403"),
        ("same-site", "403"),
        ("same-origin", "200"),
        ("none", "200"),
    ] {
        let header = format!("Sec-Fetch-Site: {site}\r\n");
        let answer = server.request("GET", "/still.jpg", &header).await;
        let (head, _) = split(&answer);
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{site}: {head}"
        );
    }
    // Over plain HTTP a browser does not say which page asks.
    let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\r\n";
    let own = format!("{browser}X-Requested-With: fetch\r\n");
    for (headers, status) in [(browser, "403"), (&*own, "200")] {
        let answer = server.request("GET", "/still.jpg", headers).await;
        let (head, _) = split(&answer);
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{headers}: {head}"
        );
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_picture_it_is_said_why_at_once() {
    let server = TestServer::start(|typed| typed.source = vec!["ingest".into()]);
    let answer = server.request("GET", "/still.jpg", "").await;
    let (head, body) = split(&answer);
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    let said = String::from_utf8_lossy(body);
    assert!(said.contains("pushes pictures to /ingest"), "{said}");
    server.stop().await;
}

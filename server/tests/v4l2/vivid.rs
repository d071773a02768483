//! vivid, the kernel's virtual camera: its colours, and everything that it can be told to do wrong.

use crate::support::{PATIENCE, Running, TestServer, TestViewer};
use crate::{decoded, frames, load, open_devices, scripted, serve, set};
use pistreamer_protocol::message::{Control, ServerMessage, ViewerMessage, Want};
use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::Once;

const NODE: &str = "/dev/video0";

/// `V4L2_CID_CONTRAST`.
const CONTRAST: u32 = 0x0098_0901;

/// Two cameras, once for all tests.
pub(crate) fn plugged_in() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        load(
            "vivid",
            &[
                "n_devs=2",
                "node_types=0x1,0x1",
                "num_inputs=1,1",
                "input_types=0x0,0x0",
            ],
        );
    });
}

/// Takes all of vivid's devices away, or brings them back.
fn driver(what: &str) {
    fs::write(format!("/sys/bus/platform/drivers/vivid/{what}"), "vivid.0").unwrap();
}

/// The columns of the pattern: white, yellow, cyan, green, magenta, red, blue, black; at three quarters.
const BARS: [[u8; 3]; 8] = [
    [191, 191, 191],
    [191, 191, 0],
    [0, 191, 191],
    [0, 191, 0],
    [191, 0, 191],
    [191, 0, 0],
    [0, 0, 191],
    [0, 0, 0],
];

/// Checks that a picture shows the pattern. Returns its width and height.
pub(crate) fn check_bars(jpeg: &[u8]) -> (usize, usize) {
    let (width, height, rgb) = decoded(jpeg);
    // Its own text stands above.
    for (number, bar) in BARS.iter().enumerate() {
        let at = (height * 9 / 10 * width + width * (2 * number + 1) / 16) * 3;
        let pixel = &rgb[at..at + 3];
        let near = pixel
            .iter()
            .zip(bar)
            .all(|(is, wanted)| is.abs_diff(*wanted) <= 12);
        assert!(near, "column {number} is {pixel:?} instead of {bar:?}");
    }
    (width, height)
}

#[tokio::test]
async fn its_colours_are_shown_in_the_wanted_size_and_rate_with_the_time_of_capture() {
    plugged_in();
    let server = serve(&["v4l2"], "640x360", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    let seen = frames(&mut viewer, 20).await;
    assert_eq!(check_bars(&seen[19].jpeg), (640, 360));
    let times: Vec<_> = seen.iter().map(|frame| frame.stamp.captured_us).collect();
    let span = (times[19] - times[0]) as f64 / 1e6;
    let taken = (seen[19].stamp.seq - seen[0].stamp.seq) as f64;
    assert!((taken / span - 15.0).abs() < 1.5, "{} fps", taken / span);
    let camera = server.camera().await;
    assert_eq!(camera["state"], "live", "{camera}");
    assert_eq!(camera["name"], "vivid", "{camera}");
    assert_eq!(camera["source"], "v4l2", "{camera}");
    server.stop().await;
    assert_eq!(open_devices(), 0);
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_the_camera_is_live_again() {
    plugged_in();
    let server = serve(&["v4l2"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    let mut last = frames(&mut viewer, 3).await[2].stamp.seq;
    for (control, reason) in [
        (
            "inject_fatal_streaming_error=1",
            Some("the camera's stream has ended"),
        ),
        ("disconnect=1", Some("unplugged")),
        ("inject_v4l2_buf_flag_error=1", None),
    ] {
        set(NODE, control);
        if let Some(reason) = reason {
            server
                .camera_is(|camera| {
                    let told = camera["reason"].as_str().unwrap_or_default();
                    camera["state"] == "no-signal" && told.contains(reason)
                })
                .await;
        }
        if control.starts_with("disconnect") {
            driver("unbind");
            driver("bind");
        }
        server.camera_is(|camera| camera["state"] == "live").await;
        let seen = frames(&mut viewer, 5).await;
        assert!(seen[0].stamp.seq > last, "the seq falls after {control}");
        last = seen[4].stamp.seq;
    }
    server.stop().await;
    assert_eq!(open_devices(), 0);
}

/// A photo, or why there is none, and its headers.
async fn photo(server: &TestServer) -> (String, Vec<u8>) {
    let answer = server.request("GET", "/still.jpg", "").await;
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.unwrap() + 4);
    (String::from_utf8_lossy(head).to_lowercase(), body.to_vec())
}

#[tokio::test]
async fn a_photo_has_the_largest_size_and_what_was_set_and_the_stream_goes_on() {
    plugged_in();
    let server = serve(&["v4l2"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    let before = frames(&mut viewer, 3).await[2].stamp.seq;
    let size = serde_json::json!({"width": 3840, "height": 2160});
    assert_eq!(server.camera().await["still"], size);
    let path = "/api/v1/cameras/v4l2/controls/Brightness";
    let answer = server
        .send("PUT", path, "Content-Length: 3\r\n", "255")
        .await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("255"), "{answer}");
    let (head, jpeg) = photo(&server).await;
    let (again, _) = photo(&server).await;
    assert!(again.starts_with("http/1.1 429 "), "{again}");
    assert!(again.contains("retry-after: "), "{again}");
    assert!(head.contains("pistreamer-still: full\r\n"), "{head}");
    assert!(
        head.contains("pistreamer-still-size: 3840x2160\r\n"),
        "{head}"
    );
    let (width, height, _) = decoded(&jpeg);
    assert_eq!((width, height), (3840, 2160));
    assert!(
        white(&jpeg) > 240,
        "the brightness was not {}",
        white(&jpeg)
    );
    let after = frames(&mut viewer, 3).await;
    assert!(after[0].stamp.seq > before);
    assert_eq!(decoded(&after[2].jpeg).0, 320);
    server.send("DELETE", path, "", "").await;
    server.stop().await;
    assert_eq!(open_devices(), 0);
}

/// The brightness of the white column.
fn white(jpeg: &[u8]) -> u8 {
    let (width, height, rgb) = decoded(jpeg);
    rgb[(height * 9 / 10 * width + width / 16) * 3]
}

/// The brightness of the white column in a frame of now.
async fn brightness_now(server: &TestServer) -> u8 {
    let mut viewer = TestViewer::connect(server).await;
    white(&frames(&mut viewer, 4).await[3].jpeg)
}

/// Waits until a control is as wanted.
async fn is(server: &TestServer, name: &str, such: impl Fn(&Control) -> bool) {
    let mut last = None;
    let wait = async {
        loop {
            let controls = TestViewer::connect(server).await.hello().await.controls;
            last = controls.into_iter().find(|control| control.name == name);
            if last.as_ref().is_some_and(&such) {
                break;
            }
        }
    };
    let waited = tokio::time::timeout(PATIENCE, wait).await;
    assert!(waited.is_ok(), "{name} stays {last:?}");
}

/// Waits until a control has that value.
async fn becomes(server: &TestServer, name: &str, wanted: f64) {
    is(server, name, |control| control.value == wanted).await;
}

#[tokio::test]
async fn what_is_set_shows_in_the_picture_and_holds_when_the_camera_comes_back() {
    plugged_in();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    let before = white(&frames(&mut viewer, 2).await[1].jpeg);
    becomes(&server, "GainAutomatic", 1.0).await;
    let is_decided = |gain: &Control| gain.inactive && gain.owner == "GainAutomatic";
    is(&server, "Gain", is_decided).await;
    for (name, value) in [("GainAutomatic", 0.0), ("Gain", 42.0), ("Brightness", 0.0)] {
        let name = name.to_owned();
        viewer
            .say(ViewerMessage::Control {
                name: name.clone(),
                value: value.into(),
                confirmed: false,
            })
            .await;
        becomes(&server, &name, value).await;
    }
    let dark = brightness_now(&server).await;
    assert!(dark + 40 < before, "{dark} where it was {before}");
    // It forgets that meanwhile, as many do.
    set(NODE, "brightness=128");
    set(NODE, "inject_fatal_streaming_error=1");
    server.camera_is(|camera| camera["state"] != "live").await;
    server.camera_is(|camera| camera["state"] == "live").await;
    becomes(&server, "Brightness", 0.0).await;
    assert!(brightness_now(&server).await.abs_diff(dark) <= 8);
    server.stop().await;
    for control in ["gain_automatic=1", "brightness=128"] {
        set(NODE, control);
    }
}

#[tokio::test]
async fn what_is_set_is_visible_within_a_few_frames() {
    plugged_in();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    // What is set before all controls were asked for waits for that.
    is(&server, "Brightness", |_| true).await;
    let mut viewer = TestViewer::connect(&server).await;
    let seen = frames(&mut viewer, 15).await;
    let before = white(&seen[14].jpeg);
    let mut latest = seen[14].stamp.seq;
    let mut took = Vec::new();
    for (value, is_dark) in [(0.0, true), (128.0, false), (0.0, true), (128.0, false)] {
        let name = "Brightness".to_owned();
        let value = value.into();
        viewer
            .say(ViewerMessage::Control {
                name,
                value,
                confirmed: false,
            })
            .await;
        let at = latest;
        loop {
            let frame = viewer.frame().await;
            latest = frame.stamp.seq;
            if (white(&frame.jpeg) + 40 < before) == is_dark {
                break;
            }
        }
        took.push(latest - at);
        // What is under way is let through.
        latest = frames(&mut viewer, 5).await[4].stamp.seq;
    }
    println!("visible after {took:?} frames");
    // Two as a rule. Some more may be under way to the viewer on a slow machine.
    assert!(took.iter().all(|frames| *frames <= 6), "{took:?}");
    server.stop().await;
}

#[tokio::test]
async fn what_other_programs_set_is_seen_and_so_is_what_changes_by_itself() {
    plugged_in();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    frames(&mut viewer, 2).await;
    set(NODE, "brightness=77");
    becomes(&server, "Brightness", 77.0).await;
    set(NODE, "gain_automatic=0");
    is(&server, "Gain", |gain| !gain.inactive).await;
    set(NODE, "gain_automatic=1");
    is(&server, "Gain", |gain| gain.inactive).await;
    // The gain that it chooses counts seconds.
    let want = Want {
        readings: true,
        ..Want::default()
    };
    viewer.say(ViewerMessage::Want(want)).await;
    let mut seen = Vec::new();
    let read = async {
        while seen.len() < 2 {
            if let Ok(ServerMessage::Controls { values }) = viewer.heard().await {
                seen.extend(values.get("Gain").and_then(|gain| gain.number()));
            }
        }
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    assert!(read.is_ok() && seen[0] != seen[1], "{seen:?}");
    server.stop().await;
    set(NODE, "brightness=128");
}

#[tokio::test]
async fn a_reset_leaves_nothing_behind_that_something_automatic_hides_and_one_change_asks_about_few()
 {
    const GAIN: u32 = 0x0098_0913;
    const GAIN_AUTOMATIC: u32 = 0x0098_0912;
    plugged_in();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let mut viewer = TestViewer::connect(&server).await;
    frames(&mut viewer, 2).await;
    let cameras = server.json("/api/v1/cameras").await;
    let id = cameras["cameras"][0]["id"].as_str().unwrap();
    let controls = format!("/api/v1/cameras/{id}/controls");
    let set = async |method: &str, body: &str| {
        let headers = format!("Content-Length: {}\r\n", body.len());
        let answer = server.send(method, &controls, &headers, body).await;
        String::from_utf8(answer).unwrap()
    };
    let said = set("PUT", r#"{"Gain": 42, "GainAutomatic": false}"#).await;
    assert!(
        said.starts_with("HTTP/1.1 200 ") && said.contains("\"pending\":[]"),
        "{said}"
    );
    scripted::were_set();
    let said = set("DELETE", "").await;
    assert!(said.contains("\"refused\":{}"), "{said}");
    let (values, _) = scripted::were_set();
    let at = |id| values.iter().position(|(set, _)| *set == id);
    assert!(
        at(GAIN) < at(GAIN_AUTOMATIC) && at(GAIN).is_some(),
        "{values:?}"
    );
    // vivid has dozens.
    scripted::were_set();
    crate::set(NODE, "brightness=77");
    becomes(&server, "Brightness", 77.0).await;
    let said = set("PUT", r#"{"Brightness": 128}"#).await;
    assert!(said.contains("\"pending\":[]"), "{said}");
    let (_, asked) = scripted::were_set();
    assert!(asked < 12, "it was asked {asked} times");
    server.stop().await;
}

#[tokio::test]
async fn a_control_of_which_the_driver_answers_with_an_error_hides_no_other() {
    plugged_in();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let names = async |server: &TestServer| {
        let mut names = Vec::new();
        while names.is_empty() {
            let hello = TestViewer::connect(server).await.hello().await;
            names.extend(hello.controls.into_iter().map(|control| control.name));
        }
        names
    };
    let all = names(&server).await;
    server.stop().await;
    scripted::break_control(CONTRAST);
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let others = names(&server).await;
    server.stop().await;
    scripted::break_control(0);
    let missing: Vec<_> = all.iter().filter(|name| !others.contains(name)).collect();
    assert_eq!(missing, ["Contrast"]);
}

#[tokio::test]
async fn a_start_that_fails_once_is_tried_again() {
    plugged_in();
    for control in ["vidioc_reqbufs", "vidioc_qbuf", "vidioc_streamon"] {
        set(NODE, &format!("inject_{control}_error=1"));
        let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
        let mut viewer = TestViewer::connect(&server).await;
        frames(&mut viewer, 3).await;
        server.stop().await;
        assert_eq!(open_devices(), 0, "after {control}");
    }
}

#[tokio::test]
async fn a_camera_in_use_says_by_whom_and_is_live_once_it_is_free() {
    plugged_in();
    let other = Command::new("v4l2-ctl")
        .args(["--device", NODE, "--stream-mmap"])
        .stderr(Stdio::piped())
        .spawn();
    let mut other = Running(other.unwrap());
    // It says so for each frame.
    let mut first = [0];
    let mut said = other.0.stderr.take().unwrap();
    said.read_exact(&mut first).unwrap();
    let server = serve(&["v4l2:/dev/video0"], "320x180", 15.0);
    let by = format!("v4l2-ctl (process {})", other.0.id());
    server
        .camera_is(|camera| {
            let reason = camera["reason"].as_str().unwrap_or_default();
            reason.contains(&by) && reason.contains("end that first")
        })
        .await;
    drop(other);
    server.camera_is(|camera| camera["state"] == "live").await;
    server.stop().await;
}

#[tokio::test]
async fn two_cameras_are_two_and_one_that_is_not_there_says_which_ones_are() {
    plugged_in();
    let sources = ["v4l2:/dev/video0", "v4l2:/dev/video1", "v4l2:/dev/video7"];
    let server = serve(&sources, "320x180", 10.0);
    let cameras = server.json("/api/v1/cameras").await;
    for number in [0, 1] {
        let id = cameras["cameras"][number]["id"].as_str().unwrap();
        let path = format!("/ws?camera={id}");
        let mut viewer = TestViewer::connect_with(&server, &path, &[]).await.unwrap();
        frames(&mut viewer, 3).await;
    }
    let told = async {
        loop {
            let cameras = server.json("/api/v1/cameras").await;
            let reason = cameras["cameras"][2]["reason"].as_str().unwrap().to_owned();
            if reason.contains("there is no camera at /dev/video7") && reason.contains("(vivid)") {
                break;
            }
        }
    };
    let told = tokio::time::timeout(PATIENCE, told).await;
    assert!(told.is_ok(), "it is not told that it is missing");
    server.stop().await;
}

#[tokio::test]
async fn its_own_sizes_are_offered_and_the_nearest_to_another_is_told() {
    plugged_in();
    let camera = "[[camera]]\nid = \"webcam\"\nsource = \"v4l2:/dev/video0\"\n";
    let server = TestServer::configured(camera);
    server.camera_is(|camera| camera["state"] == "live").await;
    let path = "/api/v1/cameras/webcam/settings";
    let size = async || server.json(path).await["settings"][1].clone();
    let told = size().await;
    assert_eq!(told["name"], "size");
    let usual: Vec<_> = told["takes"]["usual"].as_array().unwrap().clone();
    for (size, has) in [("320x180", true), ("1920x1080", true), ("1640x1232", false)] {
        assert_eq!(usual.contains(&size.into()), has, "{size} {usual:?}");
    }
    let body = r#"{"size": "1300x722"}"#;
    let length = format!("Content-Length: {}\r\n", body.len());
    server.send("PATCH", path, &length, body).await;
    server
        .camera_is(|camera| camera["state"] == "live" && camera["width"] == 1280)
        .await;
    assert_eq!(size().await["takes"]["nearest"], "1280x720");
    server.stop().await;
}

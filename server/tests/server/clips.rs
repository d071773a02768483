//! Clips of recordings, as other programs read them, and what is refused.

use crate::played::{Answer, chunked, get, recorded};
use crate::support::TestServer;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Of which time there are recordings, in µs.
async fn range(server: &TestServer) -> (u64, u64) {
    let list = get(server, "", "").await;
    let list: Value = serde_json::from_slice(&list.body).unwrap();
    let time = |which: &str| list["cameras"][0][which].as_u64().unwrap();
    (time("from_us"), time("to_us"))
}

/// What is told of a clip before it is sent.
fn about(answer: &Answer) -> Value {
    serde_json::from_str(answer.header("pistreamer-clip")).unwrap()
}

/// Times in ms and sizes of a file's frames, as ffprobe finds them, which has no complaint.
fn probed(path: &Path) -> (Value, Vec<u64>) {
    let entries = "stream=codec_name,width,height:frame=pts_time:format_tags";
    let probe = Command::new("ffprobe")
        .args(["-v", "warning", "-of", "json", "-show_entries", entries])
        .arg(path)
        .output()
        .expect("ffprobe is missing: ./dev test installs it");
    assert_eq!(String::from_utf8_lossy(&probe.stderr), "");
    let found: Value = serde_json::from_slice(&probe.stdout).unwrap();
    let times = found["frames"].as_array().unwrap().iter();
    let ms = |it: &Value| (it["pts_time"].as_str().unwrap().parse::<f64>().unwrap() * 1e3).round();
    let times = times.map(|it| ms(it) as u64).collect();
    (found, times)
}

fn written(directory: &Path, name: &str, answer: &Answer) -> PathBuf {
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let path = directory.join(name);
    fs::write(&path, chunked(answer)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_is_the_same_frames_as_matroska_as_files_and_as_mp4_and_a_time_lapse_has_its_own_time()
 {
    let directory = tempfile::tempdir().unwrap();
    let server = recorded(&directory.path().join("recordings"), 75).await;
    let (from_us, to_us) = range(&server).await;
    let span = format!("from_us={from_us}&to_us={to_us}");
    let mkv = get(&server, &format!("/clip.mkv?{span}"), "").await;
    let told = about(&mkv);
    assert_eq!(
        (
            &told["camera"],
            &told["from_us"],
            &told["missing"],
            &told["sparse"]
        ),
        (&json!("pattern"), &json!(from_us), &json!([]), &json!([]))
    );
    let (found, times) = probed(&written(directory.path(), "clip.mkv", &mkv));
    assert_eq!(found["streams"][0]["codec_name"], "mjpeg");
    let tag = found["format"]["tags"]["PISTREAMER"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(tag).unwrap(), told);
    assert!(
        times.len() >= 70 && times.is_sorted_by(|one, other| one < other),
        "{times:?}"
    );
    let last = (to_us - from_us) / 1000;
    assert!(
        times.last().unwrap().abs_diff(last) <= 1,
        "{times:?} {last}"
    );

    let zip = get(&server, &format!("/clip.zip?{span}"), "").await;
    assert_eq!(zip.header("content-type"), "application/zip");
    let zip = written(directory.path(), "clip.zip", &zip);
    let list = "import sys, zipfile; it = zipfile.ZipFile(sys.argv[1]); assert it.testzip() is None; \
        [it.read(name)[:2] == b'\\xff\\xd8' or exit(1) for name in it.namelist()[1:]]; print(len(it.namelist()))";
    let python = Command::new("python3")
        .args(["-c", list])
        .arg(&zip)
        .output()
        .unwrap();
    let count = String::from_utf8_lossy(&python.stdout).trim().to_owned();
    assert_eq!(
        count,
        (times.len() + 1).to_string(),
        "{}",
        String::from_utf8_lossy(&python.stderr)
    );

    let mp4 = get(&server, &format!("/clip.mp4?{span}"), "").await;
    assert_eq!(mp4.header("content-type"), "video/mp4");
    assert!(mp4.header("content-disposition").ends_with(".mp4\""));
    let (found, same) = probed(&written(directory.path(), "clip.mp4", &mp4));
    let stream = &found["streams"][0];
    assert_eq!(
        (&stream["codec_name"], &stream["width"], &stream["height"]),
        (&json!("h264"), &json!(320), &json!(240))
    );
    assert_eq!(same.len(), times.len());
    let late = same
        .iter()
        .zip(&times)
        .map(|(one, other)| one.abs_diff(*other))
        .max();
    assert!(late <= Some(2), "{same:?} {times:?}");

    // Half a second is a tenth of a second in it.
    let lapse = format!("/clip.mkv?{span}&every_s=0.5&fps=10");
    let lapse = get(&server, &lapse, "").await;
    assert!(
        lapse
            .header("content-disposition")
            .contains("-timelapse.mkv")
    );
    let (_, times) = probed(&written(directory.path(), "lapse.mkv", &lapse));
    assert!(times.len() >= 5, "{times:?}");
    let wanted: Vec<_> = (0..times.len() as u64).map(|n| n * 100).collect();
    assert_eq!(times, wanted);
    // A player is told what there is before it asks for it.
    let path = format!("/api/v1/recordings/clip.mp4?{span}");
    let head = server.request("HEAD", &path, "").await;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(
        head.starts_with("http/1.1 200") && head.contains("pistreamer-clip: {"),
        "{head}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_is_not_to_be_had_is_refused_with_its_cause_and_what_is_missing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("recordings");
    let server = TestServer::start(|typed| {
        typed.record = Some(root.clone());
        typed.ffmpeg = Some("/nowhere/ffmpeg".into());
    });
    server
        .camera_is(|camera| camera["recording"]["frames"].as_u64() >= Some(20))
        .await;
    let (from_us, to_us) = range(&server).await;
    let hour_us = 3_600_000_000;
    let span = |from_us: u64, to_us: u64| format!("from_us={from_us}&to_us={to_us}");
    let whole = span(from_us, to_us);
    for (path, status, cause) in [
        (
            format!("/clip.mkv?{}", span(to_us, from_us)),
            400,
            "span-reversed",
        ),
        (format!("/clip.mkv?{}", span(0, 1)), 404, "span-empty"),
        (format!("/clip.zip?{}", span(0, 1)), 404, "span-empty"),
        (
            format!("/clip.mkv?{}", span(0, 25 * hour_us)),
            400,
            "clip-too-long",
        ),
        (
            format!("/clip.zip?{}", span(0, 2 * hour_us)),
            400,
            "clip-too-long",
        ),
        (
            format!("/clip.mkv?{}&every_s=1", span(0, 11 * hour_us)),
            400,
            "timelapse-too-long",
        ),
        (format!("/clip.mp4?{whole}"), 501, "ffmpeg-missing"),
        (
            format!("/clip.mkv?{whole}&camera=other"),
            404,
            "no-such-camera",
        ),
    ] {
        let answer = get(&server, &path, "").await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        let is_refused = answer
            .header("pistreamer-cause")
            .contains(&format!("\"cause\":\"{cause}\""));
        assert!(
            answer.status == status && is_refused,
            "{path}: {} {said}",
            answer.head
        );
    }
    for (path, words) in [
        ("class=best", "class= is"),
        ("fps=10", "every_s="),
        ("every_s=0", "every_s="),
        ("every_s=1&fps=1000", "fps="),
    ] {
        let answer = get(&server, &format!("/clip.mkv?{whole}&{path}"), "").await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            answer.status == 400 && said.contains(words),
            "{path}: {said}"
        );
    }
    // An hour before there was nothing.
    let early = get(
        &server,
        &format!("/clip.mkv?{}", span(from_us - hour_us, to_us)),
        "",
    )
    .await;
    let told = about(&early);
    assert_eq!((early.status, &told["from_us"]), (200, &json!(from_us)));
    assert_eq!(told["missing"], json!([[from_us - hour_us, from_us]]));
    server.stop().await;
}

/// A program that says that it runs, takes its input, and goes on until it is ended.
fn encoder(directory: &Path) -> PathBuf {
    let program = directory.join("ffmpeg");
    let pids = directory.join("pids");
    let script = format!(
        "#!/bin/sh\necho \"$$ $(ps -o ni= -p $$)\" >> {}\necho begun\nexec sleep 1000\n",
        pids.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoder_ends_with_its_client_and_one_key_has_no_more_clips_than_its_share() {
    let directory = tempfile::tempdir().unwrap();
    let program = encoder(directory.path());
    let server = TestServer::start(|typed| {
        typed.record = Some(directory.path().join("recordings"));
        typed.ffmpeg = Some(program.display().to_string());
    });
    server
        .camera_is(|camera| camera["recording"]["frames"].as_u64() >= Some(10))
        .await;
    let (from_us, to_us) = range(&server).await;
    let path = format!("/clip.mp4?from_us={from_us}&to_us={to_us}");
    let mut client = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /api/v1/recordings{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(5).any(|five| five == b"begun") {
        assert!(client.read_buf(&mut answer).await.unwrap() > 0);
    }
    let said = fs::read_to_string(directory.path().join("pids")).unwrap();
    let pid = said.split_whitespace().next().unwrap().to_owned();
    let process = PathBuf::from(format!("/proc/{pid}/stat"));
    // Behind its name and its state: the nineteenth field is how nice it is.
    let stat = fs::read_to_string(&process).unwrap();
    let nice = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16);
    assert_eq!(nice, Some("19"), "{stat}");
    // The same key has no second encoder, and gets other clips all the same.
    let busy = get(&server, &path, "").await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, "10"));
    assert!(busy.header("pistreamer-cause").contains("clips-busy"));
    let other = get(&server, &path.replace("mp4", "mkv"), "").await;
    assert_eq!(other.status, 200);
    // The client goes.
    drop(client);
    let ended = async {
        while process.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), ended)
        .await
        .expect("it goes on without its client");
    // Its place is free again, and the server's end ends the next one.
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.windows(5).any(|five| five == b"begun") {
        assert!(
            client.read_buf(&mut answer).await.unwrap() > 0,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    timeout(Duration::from_secs(30), server.stop())
        .await
        .expect("an encoder holds up the end");
}

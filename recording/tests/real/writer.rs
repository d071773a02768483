//! A process that records, to be killed; and what it has left.

use bytes::Bytes;
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::System;
use pistreamer_recording::name::Class;
use pistreamer_recording::segment::{Broken, Reader};
use pistreamer_recording::session::{Plan, Policy};
use pistreamer_recording::{Config, Lane, Recorder, State};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the process where to record. Other processes do not.
const RECORDS_TO: &str = "PISTREAMER_RECORDS_TO";

/// Tells it the longest time in µs until recordings are synced.
const SYNCS: &str = "PISTREAMER_RECORDS_SYNCED";

/// A frame that was captured this much longer ago than recordings are synced is kept.
const PROMISED_US: u64 = 2_000_000;

const PATIENCE: Duration = Duration::from_secs(60);

/// A JPEG with that name in it.
pub(crate) fn jpeg(name: &str) -> Vec<u8> {
    let picture = include_bytes!("frame.jpg");
    let len = (name.len() + 2) as u16;
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xFE];
    jpeg.extend(len.to_be_bytes());
    jpeg.extend(name.as_bytes());
    jpeg.extend(&picture[2..]);
    jpeg
}

pub(crate) fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_micros() as u64
}

/// Records to that directory as the program does, synced after that time.
pub(crate) fn recorder(root: &Path, sync_us: u64) -> (Recorder, Lane) {
    let recorder = Recorder::start(Config {
        root: root.into(),
        state: None,
        policy: Policy {
            sync_us,
            ..Policy::default()
        },
        memory: 32 << 20,
        clock_is_set: || true,
    });
    let recorder = recorder.unwrap();
    let lane = recorder.lane(Plan {
        camera: "door".into(),
        title: "Door".into(),
        continuous_us: Some(1),
        sparse_us: 3_600_000_000,
        ..Plan::default()
    });
    (recorder, lane)
}

/// What the process does. In the process that runs all tests it is nothing.
#[test]
fn records_until_it_is_killed() {
    let Some(root) = std::env::var_os(RECORDS_TO) else {
        return;
    };
    let sync_us = std::env::var(SYNCS).unwrap().parse().unwrap();
    let (_recorder, lane) = recorder(Path::new(&root), sync_us);
    let process = std::process::id();
    for number in 1.. {
        let (name, captured_us) = (format!("{process}-{number}"), now_us());
        lane.offer(number, Duration::ZERO, (64, 48), &Bytes::from(jpeg(&name)));
        // Whoever started it has gone where that fails.
        if writeln!(std::io::stderr(), "frame {name} {captured_us}").is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(33));
    }
}

/// The process.
pub(crate) struct Writer {
    child: Child,
    offered: Receiver<(String, u64)>,
    sync_us: u64,
}

impl Writer {
    pub(crate) fn start(root: &Path, sync_us: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "writer::records_until_it_is_killed",
                "--nocapture",
            ])
            .env(RECORDS_TO, root)
            .env(SYNCS, sync_us.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, offered) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut words = line.split(' ');
                if words.next() != Some("frame") {
                    eprintln!("{line}");
                    continue;
                }
                let name = words.next().unwrap().to_owned();
                let captured_us = words.next().unwrap().parse().unwrap();
                if tell.send((name, captured_us)).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            offered,
            sync_us,
        }
    }

    /// Its process.
    pub(crate) fn process(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// The frames that it has offered since this was asked last, each with the time of its capture.
    pub(crate) fn offered(&self) -> Vec<(String, u64)> {
        self.offered.try_iter().collect()
    }

    /// Kills it. Returns when.
    pub(crate) fn kill(&mut self) -> u64 {
        let killed_us = now_us();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        killed_us
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The recordings in a directory, by their time. A process that was killed early has not made any.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    if !root.exists() {
        return Vec::new();
    }
    let catalogue = Catalogue::scan(&System, root).unwrap();
    let recordings = catalogue.of("door", Class::Continuous);
    recordings.map(|recording| recording.path(root)).collect()
}

/// How often each frame is in the recordings, by its name. Each has the bytes that it was offered with.
pub(crate) fn found(root: &Path) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    for path in files(root) {
        let reader = match Reader::open(std::fs::File::open(&path).unwrap()) {
            Ok(reader) => reader,
            // Nothing but a piece of a header.
            Err(Broken::Content(_)) if std::fs::metadata(&path).unwrap().len() < 512 => continue,
            Err(error) => panic!("{}: {error}", path.display()),
        };
        for cluster in reader.clusters() {
            let (cue, len) = cluster.unwrap();
            let Some((bytes, frames)) = reader.cluster(cue, len).unwrap() else {
                continue;
            };
            for frame in frames {
                let read = &bytes[frame.jpeg];
                let len = usize::from(u16::from_be_bytes([read[4], read[5]]));
                let name = String::from_utf8(read[6..4 + len].to_vec()).unwrap();
                assert!(read == jpeg(&name), "{name} was altered");
                *found.entry(name).or_default() += 1;
            }
        }
    }
    found
}

/// Checks that each frame that was promised by then is there once. Returns how many were.
pub(crate) fn check_promise(
    writer: &Writer,
    offered: &[(String, u64)],
    cut_us: u64,
    found: &BTreeMap<String, u32>,
) -> usize {
    let mut promised = 0;
    for (name, captured_us) in offered {
        let times = found.get(name).copied().unwrap_or(0);
        let is_promised = captured_us + writer.sync_us + PROMISED_US < cut_us;
        let ago = cut_us.saturating_sub(*captured_us);
        assert!(times <= 1, "{name} is there {times} times");
        assert!(
            times == 1 || !is_promised,
            "{name} is lost, captured {ago} µs before the end"
        );
        promised += usize::from(is_promised);
    }
    promised
}

/// Frames of files as ffmpeg counts them, and what it has to say of them.
pub(crate) fn played(files: &[PathBuf]) -> (Vec<usize>, String) {
    if files.is_empty() {
        return (Vec::new(), String::new());
    }
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "warning"]);
    for file in files {
        ffmpeg.args(["-err_detect", "crccheck+explode", "-i"]);
        ffmpeg.arg(file);
    }
    for number in 0..files.len() {
        ffmpeg.args(["-map", &number.to_string()]);
    }
    let played = ffmpeg
        .args(["-c:v", "copy", "-f", "framecrc", "-"])
        .output()
        .expect("ffmpeg is missing: ./dev test installs it");
    let mut counts = vec![0; files.len()];
    for line in String::from_utf8_lossy(&played.stdout).lines() {
        if let Some((file, _)) = line.split_once(',').filter(|_| !line.starts_with('#')) {
            counts[file.trim().parse::<usize>().unwrap()] += 1;
        }
    }
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    (counts, said)
}

/// Starts to record to a directory once more, and ends: what was cut off is closed then.
pub(crate) fn recover(root: &Path) {
    let (recorder, lane) = recorder(root, Policy::default().sync_us);
    let begun = Instant::now();
    while recorder.status().state != State::Recording {
        assert!(begun.elapsed() < PATIENCE, "it is {:?}", recorder.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(lane);
    assert!(recorder.end(PATIENCE));
}

/// Checks that all files are closed and play without a word.
pub(crate) fn check_closed(root: &Path) {
    let files = files(root);
    let mut frames = Vec::new();
    for path in &files {
        let inspected = pistreamer_recording::export::inspect(path).unwrap();
        assert!(inspected.is_closed && inspected.frames > 0, "{path:?}");
        assert_eq!((inspected.wrong, inspected.is_torn), (0, false), "{path:?}");
        frames.push(inspected.frames as usize);
    }
    assert_eq!(played(&files), (frames, String::new()), "{files:?}");
}

//! Real disks that are full, read-only, or too small, and the recorder's thread. As root, who may mount some.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use pistreamer_recording::export::inspect;
use pistreamer_recording::retention::{Amount, Limits};
use pistreamer_recording::session::{Plan, Policy};
use pistreamer_recording::{Config, Lane, Recorder, State};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A small file system in memory; `None` where this user may mount none.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(size: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(directory.path())
            .output();
        let mounted = mounted.is_ok_and(|mounted| mounted.status.success());
        mounted.then_some(Self(directory))
    }

    fn remount(&self, how: &str) {
        let mut command = Command::new("mount");
        command
            .args(["-o", &format!("remount,{how}")])
            .arg(self.0.path());
        assert!(command.status().unwrap().success());
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("recordings")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .args(["-l"])
            .arg(self.0.path())
            .status();
    }
}

fn start(root: &Path, limits: Limits) -> (Recorder, Lane) {
    let recorder = Recorder::start(Config {
        root: root.into(),
        state: None,
        policy: Policy {
            limits,
            sync_us: 100_000,
        },
        memory: 2 << 20,
    })
    .unwrap();
    let lane = recorder.lane(Plan {
        camera: "door".into(),
        title: "Door".into(),
        continuous_us: Some(1),
        sparse_us: 3_600_000_000,
    });
    (recorder, lane)
}

/// Offers frames, each of another size where `resizes`, until that holds.
fn offer_until(lane: &Lane, number: &mut u64, resizes: bool, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    let jpeg = Bytes::from(vec![7; 50_000]);
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it is {:?}", lane.status());
        *number += 1;
        let width = if resizes { 64 + *number as u32 } else { 64 };
        let offered = Instant::now();
        lane.offer(*number, Duration::ZERO, (width, 48), &jpeg);
        assert!(
            offered.elapsed() < Duration::from_secs(1),
            "the disk holds it up"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_disk_that_others_fill_is_told_and_recording_goes_on_when_there_is_room_again() {
    let Some(disk) = Mounted::new("32m") else {
        return;
    };
    let limits = Limits {
        space: Amount::Percent(50.0),
        free: Some(4 << 20),
        ..Limits::default()
    };
    let (recorder, lane) = start(&disk.root(), limits);
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    let foreign = disk.0.path().join("films");
    std::fs::write(&foreign, vec![1; 25 << 20]).unwrap();
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::DiskFull
    });
    let reason = lane.status().reason;
    assert!(reason.contains("full of other files"), "{reason}");
    assert_eq!(std::fs::metadata(&foreign).unwrap().len(), 25 << 20);
    // Two MiB wait; what is older is counted.
    let dropped = lane.progress().dropped();
    offer_until(&lane, &mut number, false, || {
        lane.progress().dropped() > dropped
    });
    std::fs::remove_file(&foreign).unwrap();
    let frames = lane.progress().frames();
    offer_until(&lane, &mut number, false, || {
        lane.progress().frames() > frames
    });
    assert_eq!(lane.status().state, State::Recording);
    drop(lane);
    assert!(recorder.end(PATIENCE));
}

#[test]
fn a_disk_that_has_become_read_only_is_told_and_recording_goes_on_when_it_is_not() {
    let Some(disk) = Mounted::new("32m") else {
        return;
    };
    let (recorder, lane) = start(&disk.root(), Limits::default());
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    // No file is open for writing meanwhile: the system does not allow it otherwise.
    drop(lane);
    assert!(recorder.end(PATIENCE));
    disk.remount("ro");
    let (recorder, lane) = start(&disk.root(), Limits::default());
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::Error
    });
    let reason = lane.status().reason;
    assert!(reason.contains("read-only"), "{reason}");
    disk.remount("rw");
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    drop(lane);
    assert!(recorder.end(PATIENCE));
}

#[test]
fn old_recordings_make_room_and_what_has_another_name_stays() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("recordings");
    let space = 1 << 20;
    let limits = Limits {
        space: Amount::Bytes(space),
        free: Some(0),
        ..Limits::default()
    };
    let (recorder, lane) = start(&root, limits);
    let mut number = 0;
    offer_until(&lane, &mut number, true, || lane.progress().frames() > 2);
    let day = std::fs::read_dir(root.join("door"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let foreign = day.path().join("000000.000Z.c.mkv.bak");
    std::fs::write(&foreign, vec![1; 2 << 20]).unwrap();
    offer_until(&lane, &mut number, true, || lane.progress().frames() > 60);
    drop(lane);
    assert!(recorder.end(PATIENCE));
    assert!(foreign.exists());
    let mut used = 0;
    let mut files = 0;
    for file in std::fs::read_dir(day.path()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().unwrap() == "mkv" {
            assert!(inspect(&path).unwrap().is_closed, "{path:?}");
            used += std::fs::metadata(&path).unwrap().len();
            files += 1;
        }
    }
    assert!(used <= space, "{used} bytes");
    assert!(files > 5, "{files} files are left of {number}");
}

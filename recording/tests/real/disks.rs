//! Disks that are full, slow, read-only, too small, or gone, and live beside them.

use crate::mounted::{Mounted, as_root, make_image, may_mount};
use bytes::Bytes;
use pistreamer_recording::export::inspect;
use pistreamer_recording::retention::{Amount, Limits};
use pistreamer_recording::session::{Plan, Policy};
use pistreamer_recording::{Config, Lane, Recorder, State};
use std::path::Path;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn start(root: &Path, limits: Limits) -> (Recorder, Lane) {
    start_noting(root, limits, None)
}

fn start_noting(root: &Path, limits: Limits, state: Option<&Path>) -> (Recorder, Lane) {
    let recorder = Recorder::start(Config {
        root: root.into(),
        state: state.map(Path::to_owned),
        policy: Policy {
            limits,
            sync_us: 100_000,
        },
        memory: 2 << 20,
        clock_is_set: || true,
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
    if !may_mount() {
        return;
    }
    let disk = Mounted::memory("32m");
    let limits = Limits {
        space: Amount::Percent(50.0),
        free: Some(4 << 20),
        ..Limits::default()
    };
    let (recorder, lane) = start(&disk.root(), limits);
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    let foreign = disk.path().join("films");
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
    if !may_mount() {
        return;
    }
    let disk = Mounted::memory("32m");
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

/// Everything that is recorded has been written with the checksums that it had.
fn check_files(root: &Path) {
    for path in crate::writer::files(root) {
        let inspected = inspect(&path).unwrap();
        assert!(
            inspected.is_closed && inspected.wrong == 0,
            "{path:?}: {inspected:?}"
        );
    }
}

#[test]
fn a_disk_that_does_not_answer_is_told_holds_nothing_up_and_goes_on_when_it_does() {
    if !may_mount() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    make_image(&image, 64 << 20);
    let disk = Mounted::image(&image);
    let (recorder, lane) = start(&disk.root(), Limits::default());
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    assert_eq!(lane.status().state, State::Recording);
    // From here on, whoever writes to it waits.
    let at = disk.path().to_str().unwrap();
    as_root("fsfreeze", &["-f", at]);
    let frozen = Instant::now();
    // Two MiB wait, and what does not fit is counted.
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::Slow
    });
    assert!(lane.progress().dropped() > 0);
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::Error
    });
    let (reason, since_us) = (lane.status().reason, lane.status().since_us);
    let took = frozen.elapsed();
    as_root("fsfreeze", &["-u", at]);
    assert_eq!(reason, "the disk does not answer");
    assert!(took > Duration::from_secs(9), "it was told after {took:?}");
    assert!(since_us > 0);
    let frames = lane.progress().frames();
    offer_until(&lane, &mut number, false, || {
        lane.progress().frames() > frames + 50
    });
    assert_eq!(
        lane.status().state,
        State::Slow,
        "frames are missing of late"
    );
    let root = disk.root();
    drop(lane);
    assert!(recorder.end(PATIENCE));
    check_files(&root);
}

#[test]
fn a_disk_that_fails_and_is_pulled_out_is_told_and_recorded_to_again_when_it_is_back() {
    if !may_mount() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let (image, state) = (place.path().join("disk"), place.path().join("state"));
    make_image(&image, 64 << 20);
    let disk = Mounted::image(&image);
    let (recorder, lane) = start_noting(disk.path(), Limits::default(), Some(&state));
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 20);
    // As the system does after an error of the disk.
    disk.remount("abort");
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::Error
    });
    let reason = lane.status().reason;
    assert!(
        reason.contains("read-only") || reason.contains("the disk fails"),
        "{reason}"
    );
    disk.pull_out(&image, || {
        offer_until(&lane, &mut number, false, || {
            lane.status().state == State::NoDisk
        });
        let below = std::fs::read_dir(disk.path()).unwrap().count();
        assert_eq!(below, 0, "something was written below the mounted disk");
    });
    let frames = lane.progress().frames();
    offer_until(&lane, &mut number, false, || {
        lane.progress().frames() > frames + 20
    });
    assert_eq!(lane.status().state, State::Recording);
    drop(lane);
    assert!(recorder.end(PATIENCE));
    check_files(disk.path());
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

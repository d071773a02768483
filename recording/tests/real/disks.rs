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
    let lane = recorder.lane(plan("door"));
    (recorder, lane)
}

/// One that takes a frame an hour.
fn sparse_plan(camera: &str) -> Plan {
    Plan {
        continuous_us: None,
        ..plan(camera)
    }
}

fn plan(camera: &str) -> Plan {
    Plan {
        camera: camera.into(),
        title: "Door".into(),
        continuous_us: Some(1),
        sparse_us: 3_600_000_000,
        ..Plan::default()
    }
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
fn a_camera_whose_directory_cannot_be_written_holds_up_no_other() {
    let place = tempfile::tempdir().unwrap();
    let (recorder, lane) = start(place.path(), Limits::default());
    std::fs::write(place.path().join("yard"), "a file").unwrap();
    let other = recorder.lane(plan("yard"));
    std::fs::write(place.path().join("shed"), "a file").unwrap();
    let sparse = recorder.lane(sparse_plan("shed"));
    let (mut number, mut others) = (0, 0);
    offer_until(&sparse, &mut others, false, || {
        sparse.status().state == State::Error
    });
    offer_until(&other, &mut others, false, || {
        other.status().state == State::Error
    });
    let dropped = lane.progress().dropped();
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 300);
    assert_eq!(lane.progress().dropped(), dropped);
    assert_eq!(lane.status().state, State::Recording);
    assert_eq!(recorder.status().state, State::Recording);
    std::fs::remove_file(place.path().join("yard")).unwrap();
    offer_until(&other, &mut others, false, || other.progress().frames() > 0);
    assert_eq!(other.status().state, State::Recording);
    // Not an hour later, when its next frame is due.
    std::fs::remove_file(place.path().join("shed")).unwrap();
    offer_until(&sparse, &mut others, false, || {
        sparse.progress().frames() > 0
    });
    assert_eq!(sparse.status().state, State::Recording);
    drop((lane, other, sparse));
    assert!(recorder.end(PATIENCE));
}

#[test]
fn a_camera_is_told_to_be_recorded_once_a_frame_of_it_is_written_and_no_longer_than_it_has_a_signal()
 {
    let place = tempfile::tempdir().unwrap();
    let (recorder, lane) = start(place.path(), Limits::default());
    let (mut number, mut others) = (0, 1);
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 0);
    assert_eq!(lane.status().state, State::Recording);
    assert_eq!(recorder.status().state, State::Recording);
    let other = recorder.lane(plan("yard"));
    assert_eq!(other.status().state, State::Starting);
    other.lost();
    assert_eq!(other.status().state, State::NoSignal);
    let jpeg = Bytes::from(vec![7; 5000]);
    other.offer(1, Duration::ZERO, (64, 48), &jpeg);
    assert_ne!(other.status().state, State::NoSignal);
    offer_until(&other, &mut others, false, || other.progress().frames() > 0);
    assert_eq!(other.status().state, State::Recording);
    other.lost();
    assert_eq!(other.status().state, State::NoSignal);
    assert_eq!(lane.status().state, State::Recording);
    drop((lane, other));
    assert!(recorder.end(PATIENCE));
}

#[test]
fn a_picture_that_never_fits_into_the_memory_is_told_of_its_camera_alone() {
    let place = tempfile::tempdir().unwrap();
    let (recorder, lane) = start(place.path(), Limits::default());
    let other = recorder.lane(plan("yard"));
    let large = Bytes::from(vec![7; 3 << 20]);
    let mut number = 0;
    offer_until(&lane, &mut number, false, || {
        other.offer(1, Duration::ZERO, (64, 48), &large);
        lane.progress().frames() > 100
    });
    let status = other.status();
    assert_eq!(status.state, State::Error);
    assert!(status.reason.contains("3.1 MB does not fit"), "{status:?}");
    assert!(other.progress().dropped() > 90);
    assert_eq!(other.progress().frames(), 0);
    assert_eq!(lane.status().state, State::Recording);
    assert_eq!(lane.progress().dropped(), 0);
    assert_eq!(recorder.status().state, State::Recording);
    drop((lane, other));
    assert!(recorder.end(PATIENCE));
}

#[test]
fn what_waits_is_written_at_the_end_where_the_disk_does_again() {
    if !may_mount() {
        return;
    }
    let disk = Mounted::memory("32m");
    let limits = Limits {
        space: Amount::Percent(50.0),
        free: Some(4 << 20),
        ..Limits::default()
    };
    let foreign = disk.path().join("films");
    std::fs::write(&foreign, vec![1; 27 << 20]).unwrap();
    let (recorder, lane) = start(&disk.root(), limits);
    let mut number = 0;
    // It rests for five seconds by then.
    offer_until(&lane, &mut number, false, || recorder.errors() > 2);
    offer_until(&lane, &mut number, false, || lane.progress().dropped() > 0);
    std::fs::remove_file(&foreign).unwrap();
    let dropped = lane.progress().dropped();
    assert_eq!(lane.progress().frames(), 0);
    assert!(recorder.end(PATIENCE));
    assert!(lane.progress().frames() > 30, "{:?}", lane.progress());
    assert_eq!(lane.progress().dropped(), dropped);
}

#[test]
fn pictures_that_keep_changing_their_size_make_no_file_each() {
    let place = tempfile::tempdir().unwrap();
    let (recorder, lane) = start(place.path(), Limits::default());
    let mut number = 0;
    offer_until(&lane, &mut number, true, || lane.progress().dropped() > 200);
    drop(lane);
    assert!(recorder.end(PATIENCE));
    let files = crate::writer::files(place.path()).len();
    assert!(files <= 3, "{files} files");
}

#[test]
fn recordings_whose_removal_makes_no_room_are_not_all_removed() {
    if !may_mount() {
        return;
    }
    let disk = Mounted::memory("64m");
    let root = disk.root();
    let limits = Limits {
        space: Amount::Percent(90.0),
        free: Some(8 << 20),
        ..Limits::default()
    };
    let (recorder, lane) = start(&root, limits);
    let mut number = 0;
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 5);
    drop(lane);
    for _ in 0..40 {
        let lane = recorder.lane(plan("door"));
        let offered = std::cell::Cell::new(0);
        offer_until(&lane, &mut number, false, || {
            offered.replace(offered.get() + 1) >= 8
        });
    }
    assert!(recorder.end(PATIENCE));
    let before = crate::writer::files(&root).len();
    let copy = disk.path().join("copy");
    let copied = std::process::Command::new("cp")
        .arg("-al")
        .args([&root, &copy])
        .status();
    assert!(copied.unwrap().success());
    std::fs::write(disk.path().join("films"), vec![1; 40 << 20]).unwrap();
    let (recorder, lane) = start(&root, limits);
    offer_until(&lane, &mut number, false, || {
        lane.status().state == State::DiskFull
    });
    let reason = lane.status().reason;
    assert!(
        reason.contains("removing recordings makes no room"),
        "{reason}"
    );
    let errors = recorder.errors();
    offer_until(&lane, &mut number, false, || recorder.errors() > errors + 1);
    let after = crate::writer::files(&root).len();
    assert!(
        before > 30 && after > before / 2,
        "{after} of {before} are left"
    );
    drop(lane);
    recorder.end(PATIENCE);
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
    assert!(reason.starts_with("the disk does not answer"), "{reason}");
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
    offer_until(&lane, &mut number, false, || lane.progress().frames() > 2);
    let day = std::fs::read_dir(root.join("door"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let foreign = day.path().join("000000.000Z.c.mkv.bak");
    std::fs::write(&foreign, vec![1; 2 << 20]).unwrap();
    drop(lane);
    // Each begins files of its own.
    for _ in 0..40 {
        let lane = recorder.lane(plan("door"));
        let until = number + 1;
        let offered = std::cell::Cell::new(0);
        offer_until(&lane, &mut number, false, || {
            offered.replace(offered.get() + 1) >= 1
        });
        assert_eq!(number, until);
    }
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

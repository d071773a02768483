//! The promise: whenever the power fails, each frame that was captured more than 7 s earlier is in a file that can be read, byte
//! for byte, and what is recorded after that is, too.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clock;
mod damage;
mod played;

use bytes::Bytes;
use pistreamer_recording::Frame;
use pistreamer_recording::Mark;
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::Disk;
use pistreamer_recording::retention::{Amount, Limits};
use pistreamer_recording::segment::Reader;
use pistreamer_recording::session::{Now, Plan, Policy, Session};
use played::Played;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const ROOT: &str = "/recordings";

/// A frame that was captured more than this long before the crash is kept.
const PROMISED_US: u64 = 7_000_000;

/// A frame that says its number.
fn frame(number: u64, at_us: u64, step_us: i64, width: u32) -> Frame {
    let len = 40 + number as usize * 7 % 400;
    let mut jpeg = number.to_le_bytes().to_vec();
    jpeg.resize(len, number as u8);
    Frame {
        captured_us: (1_764_152_130_123_000 + at_us).saturating_add_signed(step_us),
        steady_us: at_us,
        width,
        height: 48,
        jpeg: Bytes::from(jpeg),
    }
}

fn policy() -> Policy {
    Policy {
        limits: Limits {
            space: Amount::Bytes(1 << 30),
            free: Some(0),
            ..Limits::default()
        },
        ..Policy::default()
    }
}

fn plan() -> Plan {
    Plan {
        camera: "door".into(),
        title: "Door".into(),
        continuous_us: Some(1),
        sparse_us: 3_000_000,
        ..Plan::default()
    }
}

/// Frames to record: how many µs after the one before, whether the clock was set before it, whether its size is another one.
type Frames = Vec<(u64, bool, bool)>;

/// Records frames until the disk fails: all of them, or those of events. Returns them, each with whether it was to be recorded, and when
/// the disk failed.
fn record(
    disk: &Played,
    frames: &Frames,
    first: u64,
    begin_us: u64,
    of_events: bool,
) -> (Vec<(Frame, bool)>, u64) {
    let plan = Plan {
        continuous_us: (!of_events).then_some(1),
        ..plan()
    };
    let (mut at_us, mut step_us, mut width) = (begin_us, 0, 64);
    let mut recorded = Vec::new();
    let Ok(mut session) = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot") else {
        return (recorded, at_us);
    };
    for (number, (after_us, steps, resizes)) in frames.iter().enumerate() {
        // What is due in between is done in time.
        let next_us = at_us + after_us;
        while let Some(due_us) = session.due_us().filter(|due_us| *due_us < next_us) {
            at_us = due_us.max(at_us);
            if session.tick(at_us).is_err() || disk.has_failed() {
                return (recorded, at_us);
            }
        }
        at_us = next_us;
        step_us -= if *steps { 3_600_000_000 } else { 0 };
        width += if *resizes { 2 } else { 0 };
        let frame = frame(first + number as u64, at_us, step_us, width);
        let now = Now {
            wall_us: frame.captured_us,
            steady_us: at_us,
            is_set: true,
        };
        // Something happens in ten of twelve frames.
        let happens = number % 12 < 10;
        let done = match (of_events, happens) {
            (true, true) => {
                plan.marks.set(Mark {
                    id: (number / 12).to_string(),
                    start_us: at_us - 1000,
                    end_us: at_us,
                    ..Mark::default()
                });
                session.record_event(&plan, &frame, now)
            }
            (true, false) => session.close_event("door", at_us),
            (false, _) => Ok(()),
        };
        if done.is_err() || session.record(&plan, &frame, now).is_err() || disk.has_failed() {
            return (recorded, at_us);
        }
        // One that one of the classes has left out may be in the other.
        let is_taken = session.take_lost().is_empty() && (happens || !of_events);
        recorded.push((frame, is_taken));
    }
    let _ = session.close(at_us);
    (recorded, at_us)
}

/// Every frame that can be read, with how often. Files are whole, closed, and have what they say.
fn read(disk: &Played) -> BTreeMap<Vec<u8>, u32> {
    read_files(disk, true)
}

/// The same, where a header may tell another time than the file's name.
fn read_any(disk: &Played) -> BTreeMap<Vec<u8>, u32> {
    read_files(disk, false)
}

fn read_files(disk: &Played, is_named: bool) -> BTreeMap<Vec<u8>, u32> {
    let mut frames = BTreeMap::new();
    let catalogue = Catalogue::scan(disk, Path::new(ROOT)).unwrap();
    for class in pistreamer_recording::name::Class::ALL {
        for recording in catalogue.of("door", class) {
            let path = recording.path(Path::new(ROOT));
            let reader = Reader::open(disk.open(&path).unwrap()).unwrap();
            assert!(reader.is_closed(), "{path:?} is not closed");
            let apart_ms = reader.about().start_ms.abs_diff(recording.name.start_ms);
            assert!(!is_named || apart_ms < 1000, "{path:?} says another time");
            let mut clusters = reader.clusters();
            let (mut last_ms, mut count) = (0, 0);
            for cluster in &mut clusters {
                let (cue, len) = cluster.unwrap();
                let (bytes, found) = reader.cluster(cue, len).unwrap().expect("a wrong checksum");
                for frame in found {
                    assert!(frame.at_ms >= last_ms, "{path:?} goes back");
                    last_ms = frame.at_ms;
                    count += 1;
                    *frames.entry(bytes[frame.jpeg].to_vec()).or_default() += 1;
                }
            }
            assert!(!clusters.is_torn(), "{path:?} is torn");
            assert!(count > 0, "{path:?} is empty");
            assert_eq!(reader.duration_ms(), last_ms, "{path:?}");
        }
    }
    frames
}

fn frames() -> impl Strategy<Value = Frames> {
    let after = prop_oneof![8 => 30_000..400_000_u64, 1 => 400_000..9_000_000_u64, 1 => 20_000_000..80_000_000_u64];
    let one = (
        after,
        proptest::bool::weighted(0.03),
        proptest::bool::weighted(0.03),
    );
    proptest::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn after_a_power_cut_at_any_moment_all_that_was_promised_is_there(
        frames_before in frames(),
        frames_after in frames(),
        power in 0..700_usize,
        crash: u64,
        again: u64,
        mending in 0..12_usize,
        of_events: bool,
    ) {
        let disk = Played::with(Path::new(ROOT), power);
        let (before, cut_us) = record(&disk, &frames_before, 0, 10_000_000, of_events);
        disk.crash(crash);
        // The power fails once more while that is mended, or it does not.
        disk.power(mending);
        let _ = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot");
        disk.crash(again);
        disk.power(usize::MAX);
        let (after, _) = record(&disk, &frames_after, 1000, cut_us + 60_000_000, of_events);
        let found = read(&disk);
        for (frame, is_taken) in &before {
            let is_promised = *is_taken && frame.steady_us + PROMISED_US < cut_us;
            let is_found = found.contains_key(frame.jpeg.as_ref());
            prop_assert!(is_found || !is_promised, "frame at {} is lost, cut at {cut_us}", frame.steady_us);
        }
        for (frame, is_taken) in &after {
            prop_assert!(!is_taken || found.contains_key(frame.jpeg.as_ref()), "a frame after the crash is lost");
        }
        // Nothing else, and nothing altered: frames are told by all of their bytes.
        let known: Vec<_> = before.iter().chain(&after).map(|(frame, _)| frame.jpeg.clone()).collect();
        for (jpeg, times) in &found {
            let is_last = u64::from_le_bytes(jpeg[..8].try_into().unwrap()) == before.len() as u64;
            prop_assert!(is_last || known.iter().any(|known| known == jpeg), "a frame that never was");
            prop_assert!(*times <= 2, "a frame is there {times} times");
        }
        // What is somebody else's is as it was.
        prop_assert_eq!(disk.content(&Path::new(ROOT).join("door/holiday.mkv")), Some(b"mine".to_vec()));
    }
}

#[test]
fn what_was_before_an_event_is_kept_from_its_begin_on() {
    let begin_us = 20_000_000;
    for seed in 0..50 {
        let disk = Played::with(Path::new(ROOT), usize::MAX);
        let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap();
        let frames = (0..50).map(|number| frame(number, begin_us - (50 - number) * 100_000, 0, 64));
        let frames: Vec<_> = frames.collect();
        let live = frame(50, begin_us + 10_000, 0, 64);
        for frame in frames.iter().chain([&live]) {
            // What was before comes at once, and the one of now behind it.
            let steady_us = frame.steady_us.max(begin_us);
            let now = Now {
                wall_us: frame.captured_us + (steady_us - frame.steady_us),
                steady_us,
                is_set: true,
            };
            session.record_event(&plan(), frame, now).unwrap();
            session.tick(steady_us).unwrap();
        }
        disk.crash(seed);
        drop(session);
        Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap();
        let found = read(&disk);
        // The last half second may be taken for what comes now.
        let held = &frames[..45];
        let lost = held
            .iter()
            .filter(|it| !found.contains_key(it.jpeg.as_ref()));
        assert_eq!(lost.count(), 0, "seed {seed}");
    }
}

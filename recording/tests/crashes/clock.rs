//! A machine that learns what time it is while it records.

use crate::played::Played;
use crate::{ROOT, plan, policy, read};
use bytes::Bytes;
use pistreamer_recording::Frame;
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::Disk;
use pistreamer_recording::name::Class;
use pistreamer_recording::retention::{Amount, Limits};
use pistreamer_recording::segment::Reader;
use pistreamer_recording::session::{Allowed, Now, Policy, Session};
use std::path::{Path, PathBuf};

/// The clock before and after it is set, in Unix time in µs, where the steady one says 0.
const BEFORE_US: u64 = 3_600_000_000;
const AFTER_US: u64 = 1_764_152_130_123_000;

/// Ten frames a second, for 100 s before the clock is set and 20 s after it.
const STEP_US: u64 = 100_000;
const SET_AT_US: u64 = 100_000_000;
const END_US: u64 = 120_000_000;

fn now(steady_us: u64) -> Now {
    let is_set = steady_us >= SET_AT_US;
    Now {
        wall_us: steady_us + if is_set { AFTER_US } else { BEFORE_US },
        steady_us,
        is_set,
    }
}

fn frame(steady_us: u64) -> Frame {
    Frame {
        captured_us: now(steady_us).wall_us,
        steady_us,
        width: 64,
        height: 48,
        jpeg: Bytes::from(steady_us.to_le_bytes().to_vec()),
    }
}

/// By that Unix time in ms recordings are too old.
fn allowed(ages_ms: u64) -> Allowed {
    Allowed {
        ages: Some(ages_ms),
        ahead: None,
        yields: true,
    }
}

/// A clock that is set, and says that Unix time in ms.
fn set(wall_ms: u64, steady_us: u64) -> Now {
    Now {
        wall_us: wall_ms * 1000,
        steady_us,
        is_set: true,
    }
}

/// Where the files are noted that have no time yet.
fn notes() -> PathBuf {
    Path::new(ROOT).join("pistreamer-unset.txt")
}

/// Records until the disk fails. Returns when that was.
fn record(disk: &Played) -> u64 {
    let Ok(mut session) = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot") else {
        return 0;
    };
    for at_us in (STEP_US..=END_US).step_by(STEP_US as usize) {
        let done = session
            .set_clock(now(at_us))
            .and_then(|_| session.record(&plan(), &frame(at_us), now(at_us)))
            .and_then(|_| session.tick(at_us));
        if done.is_err() || disk.has_failed() {
            return at_us;
        }
    }
    let _ = session.close(END_US);
    END_US
}

#[test]
fn what_was_recorded_before_the_clock_was_set_is_found_at_the_time_when_it_was() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    assert_eq!(record(&disk), END_US);
    let frames = read(&disk);
    let catalogue = Catalogue::scan(&disk, Path::new(ROOT)).unwrap();
    let starts = |class| -> Vec<u64> {
        let recordings = catalogue.of("door", class);
        recordings.map(|it| it.name.start_ms).collect()
    };
    // A minute, what was left of the next until the clock was set, and what followed.
    let begun = [STEP_US, STEP_US + 60_000_000, SET_AT_US];
    let expected: Vec<u64> = begun.iter().map(|at| (at + AFTER_US) / 1000).collect();
    assert_eq!(starts(Class::Continuous), expected);
    assert_eq!(starts(Class::Sparse).len(), 2);
    for at_us in (STEP_US..=END_US).step_by(STEP_US as usize) {
        let jpeg = at_us.to_le_bytes().to_vec();
        assert!(frames.contains_key(&jpeg), "the frame at {at_us} is lost");
    }
}

#[test]
fn nothing_is_lost_where_the_power_fails_while_recordings_are_given_their_time() {
    let whole = Played::with(Path::new(ROOT), usize::MAX);
    record(&whole);
    let needed = usize::MAX - whole.left();
    let mut cuts = 0;
    for power in 0..needed {
        let disk = Played::with(Path::new(ROOT), power);
        let cut_us = record(&disk);
        // One recording is renamed at a time.
        if !(SET_AT_US..SET_AT_US + 1_000_000).contains(&cut_us) {
            continue;
        }
        cuts += 1;
        disk.crash(power as u64);
        disk.power(usize::MAX);
        drop(Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap());
        let frames = crate::read_any(&disk);
        for at_us in (STEP_US..cut_us - 7_000_000).step_by(STEP_US as usize) {
            let jpeg = at_us.to_le_bytes().to_vec();
            assert!(
                frames.contains_key(&jpeg),
                "the frame at {at_us} is lost by a cut at operation {power}"
            );
        }
    }
    assert!(cuts > 20, "{cuts} cuts");
}

#[test]
fn what_is_recorded_by_a_clock_that_is_behind_goes_last_and_gets_its_time_also_by_another_session()
{
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let policy = room(60_000);
    // A disk that is full of recordings from a while ago.
    let mut session = Session::open(disk.clone(), Path::new(ROOT), policy, "boot").unwrap();
    for at_us in (0..600_000_000).step_by(STEP_US as usize) {
        // Not those that are looked for.
        let frame = Frame {
            captured_us: right(at_us).wall_us,
            jpeg: Bytes::from((at_us + 1).to_le_bytes().to_vec()),
            ..frame(at_us)
        };
        session.record(&plan(), &frame, right(at_us)).unwrap();
        session.tick(at_us).unwrap();
    }
    session.close(600_000_000).unwrap();
    drop(session);
    // The machine starts again, with its clock far behind, and so does the program a minute later.
    for (from_us, to_us) in [(0, 60_000_000), (60_000_000, SET_AT_US)] {
        let mut session = Session::open(disk.clone(), Path::new(ROOT), policy, "boot").unwrap();
        for at_us in (from_us..to_us).step_by(STEP_US as usize) {
            session
                .record(&plan(), &frame(at_us), behind(at_us))
                .unwrap();
            session.make_room().unwrap();
            session.tick(at_us).unwrap();
        }
        if to_us == SET_AT_US {
            while session.set_clock(right(to_us)).unwrap() {}
            session.allow(allowed(0), right(to_us));
        }
        session.close(to_us).unwrap();
    }
    assert_eq!(disk.content(&notes()), None);
    let catalogue = Catalogue::scan(&disk, Path::new(ROOT)).unwrap();
    let starts: Vec<_> = catalogue
        .of("door", Class::Continuous)
        .map(|it| it.name.start_ms)
        .collect();
    assert!(
        starts.iter().all(|start| *start >= AFTER_US / 1000),
        "{starts:?}"
    );
    let frames = crate::read_any(&disk);
    for at_us in (0..SET_AT_US).step_by(STEP_US as usize) {
        let jpeg = at_us.to_le_bytes().to_vec();
        assert!(frames.contains_key(&jpeg), "the frame at {at_us} is lost");
    }
}

/// Records a minute by a clock that is not set, in that boot of the machine.
fn record_unset(disk: &Played, policy: Policy, boot: &str) -> Session<Played> {
    let mut session = Session::open(disk.clone(), Path::new(ROOT), policy, boot).unwrap();
    for at_us in (STEP_US..=60_000_000).step_by(STEP_US as usize) {
        session
            .record(&plan(), &frame(at_us), now(at_us))
            .and_then(|()| session.tick(at_us))
            .unwrap();
    }
    session.close(60_000_000).unwrap();
    session
}

#[test]
fn a_recording_that_cannot_be_given_its_time_holds_no_other_up() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let mut session = record_unset(&disk, policy(), "boot");
    let names = |disk: &Played, class| -> Vec<_> {
        let catalogue = Catalogue::scan(disk, Path::new(ROOT)).unwrap();
        catalogue.of("door", class).map(|it| it.name).collect()
    };
    let before = names(&disk, Class::Continuous)[0];
    disk.refuse(&Path::new(ROOT).join("door").join(before.path()));
    while session.set_clock(now(SET_AT_US)).unwrap() {}
    assert_eq!(names(&disk, Class::Continuous)[0], before);
    let sparse = names(&disk, Class::Sparse)[0];
    assert_eq!(sparse.start_ms, (AFTER_US + STEP_US) / 1000);
    session
        .record(&plan(), &frame(SET_AT_US), now(SET_AT_US))
        .unwrap();
    // And the next start tries again.
    disk.refuse(Path::new("/"));
    let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap();
    while session.set_clock(now(SET_AT_US)).unwrap() {}
    assert_eq!(names(&disk, Class::Continuous)[0].start_ms, sparse.start_ms);
}

#[test]
fn what_was_recorded_without_a_time_before_another_start_stays_as_long_as_what_is_recorded_then() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    drop(record_unset(&disk, policy(), "boot"));
    let day_ms = 24 * 3_600_000;
    let now_ms = AFTER_US / 1000;
    let has = |session: &Session<Played>| session.catalogue().of("door", Class::Continuous).count();
    // Its name says 1970.
    for (at_ms, left) in [
        (now_ms, 1),
        (now_ms + 29 * day_ms, 1),
        (now_ms + 31 * day_ms, 0),
    ] {
        let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "later").unwrap();
        session.allow(allowed(at_ms), set(at_ms, 0));
        session.make_room().unwrap();
        assert_eq!(has(&session), left, "{at_ms}");
    }
    // In the same boot, the steady clock tells how old it is.
    drop(record_unset(&disk, policy(), "later"));
    for (days, left) in [(29, 1), (31, 0)] {
        let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "later").unwrap();
        session.allow(allowed(now_ms), set(now_ms, days * day_ms * 1000));
        session.make_room().unwrap();
        assert_eq!(has(&session), left, "{days}");
    }
}

/// A policy with room for that many bytes.
fn room(bytes: u64) -> Policy {
    let limits = Limits {
        space: Amount::Bytes(bytes),
        free: Some(0),
        ..Limits::default()
    };
    Policy { limits, ..policy() }
}

/// Records for those minutes by the steady clock, and makes room as the writer does.
fn record_minutes(
    session: &mut Session<Played>,
    minutes: std::ops::Range<u64>,
    is_event: bool,
    now: &dyn Fn(u64) -> Now,
) {
    let us = |minute| minute * 60_000_000;
    for at_us in (us(minutes.start)..us(minutes.end)).step_by(1_000_000) {
        let frame = Frame {
            captured_us: now(at_us).wall_us,
            jpeg: Bytes::from(vec![at_us as u8; 100]),
            ..frame(at_us)
        };
        let recorded = if is_event {
            session.record_event(&plan(), &frame, now(at_us))
        } else {
            session.record(&plan(), &frame, now(at_us)).map(|_| ())
        };
        recorded.unwrap();
        session.make_room().unwrap();
        session.tick(at_us).unwrap();
    }
    session.close(us(minutes.end)).unwrap();
}

fn starts(session: &Session<Played>, class: Class) -> Vec<u64> {
    let recordings = session.catalogue().of("door", class);
    recordings.map(|it| it.name.start_ms).collect()
}

fn right(steady_us: u64) -> Now {
    Now {
        wall_us: steady_us + AFTER_US,
        steady_us,
        is_set: true,
    }
}

fn behind(steady_us: u64) -> Now {
    Now {
        wall_us: steady_us + BEFORE_US,
        is_set: false,
        ..right(steady_us)
    }
}

#[test]
fn what_was_recorded_without_a_time_before_another_start_makes_room_for_what_is_recorded_then() {
    for ahead in [false, true] {
        let disk = Played::with(Path::new(ROOT), usize::MAX);
        let before = |steady_us| Now {
            wall_us: steady_us + if ahead { 2 * AFTER_US } else { BEFORE_US },
            ..behind(steady_us)
        };
        let open =
            |boot| Session::open(disk.clone(), Path::new(ROOT), room(200_000), boot).unwrap();
        record_minutes(&mut open("boot"), 0..30, false, &before);
        let mut session = open("later");
        let now_ms = AFTER_US / 1000;
        session.allow(allowed(now_ms), set(now_ms, 0));
        record_minutes(&mut session, 0..90, false, &right);
        let starts = starts(&session, Class::Continuous);
        let first = now_ms..now_ms + 90 * 60_000;
        assert!(
            starts.iter().all(|start| first.contains(start)),
            "{starts:?}"
        );
        // The disk is full of the newest ones.
        let last = (0..starts.len() as u64)
            .rev()
            .map(|n| now_ms + (89 - n) * 60_000);
        assert!(
            starts.len() > 5 && last.eq(starts.iter().copied()),
            "{starts:?}"
        );
    }
}

#[test]
fn what_is_recorded_without_a_time_costs_no_events_and_no_sparse_recordings() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let open = |boot| Session::open(disk.clone(), Path::new(ROOT), room(200_000), boot).unwrap();
    let mut session = open("boot");
    record_minutes(&mut session, 0..3, true, &right);
    record_minutes(&mut session, 10..13, false, &right);
    let before = [Class::Event, Class::Sparse].map(|class| starts(&session, class));
    assert!(before.iter().all(|starts| !starts.is_empty()), "{before:?}");
    drop(session);
    let mut session = open("later");
    // Twice what there is room for, of which sparse ones do not have two fifths yet.
    record_minutes(&mut session, 0..20, false, &behind);
    let after = [Class::Event, Class::Sparse].map(|class| starts(&session, class));
    for (before, after) in before.iter().zip(&after) {
        assert!(
            before.iter().all(|start| after.contains(start)),
            "{after:?}"
        );
    }
}

#[test]
fn what_was_recorded_without_a_time_stays_where_the_next_start_learns_its_time_late() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let open = || Session::open(disk.clone(), Path::new(ROOT), policy(), "later").unwrap();
    drop(record_unset(&disk, policy(), "boot"));
    let (wrong_ms, now_ms) = (BEFORE_US / 1000, AFTER_US / 1000);
    let mut session = open();
    // Its clock has been wrong for ten minutes, and is right a while later.
    session.allow(allowed(wrong_ms), behind(600_000_000));
    session.make_room().unwrap();
    session.allow(allowed(now_ms), set(now_ms, 700_000_000));
    session.make_room().unwrap();
    drop(session);
    let day_ms = 24 * 3_600_000;
    for (days, left) in [(29, 1), (31, 0)] {
        let at_ms = now_ms + days * day_ms;
        let mut session = open();
        session.allow(allowed(at_ms), set(at_ms, 0));
        session.make_room().unwrap();
        assert_eq!(starts(&session, Class::Continuous).len(), left, "{days}");
    }
}

#[test]
fn a_time_that_was_learned_is_known_after_a_power_cut() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let mut session = record_unset(&disk, policy(), "boot");
    // One is renamed, and the power fails.
    assert!(session.set_clock(now(SET_AT_US)).unwrap());
    drop(session);
    let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "later").unwrap();
    while session.set_clock(behind(1)).unwrap() {}
    for class in [Class::Continuous, Class::Sparse] {
        assert_eq!(starts(&session, class), [(AFTER_US + STEP_US) / 1000]);
    }
    session.allow(allowed(0), behind(1));
    assert_eq!(disk.content(&notes()), None);
}

#[test]
fn what_a_power_cut_left_of_recordings_without_a_time_is_closed() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    let open = |boot| Session::open(disk.clone(), Path::new(ROOT), policy(), boot).unwrap();
    record_minutes(&mut open("boot"), 0..30, false, &right);
    let mut session = open("boot");
    let first = frame(STEP_US);
    session.record(&plan(), &first, behind(STEP_US)).unwrap();
    session.tick(60_000_000).unwrap();
    drop(session);
    let session = open("later");
    let name = session
        .catalogue()
        .of("door", Class::Continuous)
        .next()
        .unwrap()
        .name;
    assert!(name.start_ms < AFTER_US / 1000);
    let path = Path::new(ROOT).join("door").join(name.path());
    let reader = Reader::open(disk.open_read(&path).unwrap()).unwrap();
    assert!(reader.is_closed());
}

#[test]
fn notes_that_are_damaged_say_nothing_wrong() {
    let disk = Played::with(Path::new(ROOT), usize::MAX);
    drop(record_unset(&disk, policy(), "boot"));
    let length = disk.content(&notes()).unwrap().len() as u64;
    for at in 0..length {
        let disk = disk.copy();
        disk.damage(&notes(), at);
        let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap();
        while session.set_clock(now(SET_AT_US)).unwrap() {}
        let right = (AFTER_US + STEP_US) / 1000;
        let classes = [Class::Continuous, Class::Sparse];
        let starts = classes.map(|class| starts(&session, class)).concat();
        assert!(
            starts
                .iter()
                .all(|start| *start == right || *start < AFTER_US / 1000),
            "{starts:?}"
        );
        // One line says nothing any more, or none.
        assert!(starts.contains(&right), "{starts:?}");
    }
}

//! The outbox over restarts, full disks and damaged files: each message is kept, or its loss is counted.

use super::*;
use crate::alert::sample;
use proptest::prelude::*;

const JPEG: &[u8] = b"\xff\xd8picture\xff\xd9";

fn jpeg() -> Option<Arc<[u8]>> {
    Some(JPEG.into())
}

/// Does what is to be done at the disk.
fn settle(outbox: &mut Outbox) {
    while let Some(work) = outbox.work() {
        match work {
            Work::Write(writing) => {
                let result = writing.run();
                outbox.written(&writing, result);
            }
            Work::Remove(path) => fs::remove_file(path).unwrap(),
        }
    }
}

fn to(receivers: &[&str]) -> Vec<String> {
    receivers
        .iter()
        .map(|receiver| (*receiver).into())
        .collect()
}

fn numbers(outbox: &Outbox, receiver: &str) -> Vec<u64> {
    outbox.waiting(receiver).map(|(number, _)| number).collect()
}

fn files(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn what_waits_is_there_after_a_restart_and_goes_when_each_receiver_has_it() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("alerts");
    let mut outbox = Outbox::open(Some(&directory), 1);
    outbox.add(sample(), &to(&["aa", "bb"]), jpeg());
    let later = Alert {
        text: "later".into(),
        ..sample()
    };
    outbox.add(later.clone(), &to(&["bb"]), None);
    settle(&mut outbox);
    drop(outbox);
    let mut outbox = Outbox::open(Some(&directory), 1);
    assert_eq!(
        (numbers(&outbox, "aa"), numbers(&outbox, "bb")),
        (vec![1], vec![1, 2])
    );
    let (alert, picture) = outbox.get(1).unwrap();
    assert_eq!(
        (&*alert, picture.unwrap().read().unwrap()),
        (&sample(), JPEG.to_vec())
    );
    assert_eq!(*outbox.get(2).unwrap().0, later);
    outbox.done(1, "aa");
    settle(&mut outbox);
    drop(outbox);
    let mut outbox = Outbox::open(Some(&directory), 1);
    assert_eq!(
        (numbers(&outbox, "aa"), numbers(&outbox, "bb")),
        (vec![], vec![1, 2])
    );
    assert!(
        outbox.get(1).unwrap().1.is_some(),
        "the other receiver has its picture"
    );
    // Numbers are not used twice.
    assert_eq!(outbox.add(sample(), &to(&["aa"]), None), 3);
    for number in 1..=3 {
        outbox.done(number, "aa");
        outbox.done(number, "bb");
    }
    settle(&mut outbox);
    assert_eq!(files(&directory), [""; 0]);
    assert_eq!((outbox.lost(), outbox.problem()), (Lost::default(), ""));
}

#[test]
fn what_a_receiver_that_is_gone_was_to_have_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    outbox.add(sample(), &to(&["aa", "bb"]), jpeg());
    outbox.add(sample(), &to(&["aa"]), None);
    settle(&mut outbox);
    assert_eq!(outbox.retain(&to(&["bb"])), 2);
    settle(&mut outbox);
    assert_eq!(numbers(&outbox, "bb"), [1]);
    assert_eq!(files(directory.path()).len(), 2);
}

#[test]
fn what_cannot_be_read_or_removed_costs_itself_alone() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    for _ in 0..3 {
        outbox.add(sample(), &to(&["aa"]), jpeg());
    }
    settle(&mut outbox);
    drop(outbox);
    for name in [
        "0000000000000002.xx.json",
        "0000000000000009.aa.json",
        "0000000000000001.new",
    ] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    assert_eq!(numbers(&outbox, "aa"), [1, 2, 3]);
    assert!((1..=3).all(|number| outbox.get(number).unwrap().1.is_some()));
    assert_eq!(outbox.lost().corrupt, 2);
    assert_eq!(outbox.add(sample(), &to(&["aa"]), None), 10);
}

#[test]
fn foreign_files_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    for name in [
        "state.json",
        "note.txt",
        "1.txt",
        "x.jpg",
        "2024.backup.json",
    ] {
        fs::write(directory.path().join(name), "").unwrap();
    }
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    let number = outbox.add(sample(), &to(&["aa"]), jpeg());
    settle(&mut outbox);
    outbox.done(number, "aa");
    settle(&mut outbox);
    assert_eq!(
        files(directory.path()),
        [
            "1.txt",
            "2024.backup.json",
            "note.txt",
            "state.json",
            "x.jpg"
        ]
    );
}

#[test]
fn the_oldest_pictures_are_left_out_first_and_counted() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    let mut large = vec![0; 3 << 20];
    large[..2].copy_from_slice(b"\xff\xd8");
    for _ in 0..7 {
        outbox.add(sample(), &to(&["aa"]), Some(large.as_slice().into()));
        settle(&mut outbox);
    }
    let has = |number| outbox.get(number).unwrap().1.is_some();
    assert_eq!([1, 2, 3, 7].map(has), [false, false, true, true]);
    assert_eq!(outbox.lost().pictures, 2);
    let pictures = files(directory.path())
        .into_iter()
        .filter(|name| name.ends_with(".jpg"));
    assert_eq!(pictures.count(), 5);
}

#[test]
fn what_cannot_be_written_is_kept_in_memory_and_told() {
    // The directory's place is taken by a file.
    let place = tempfile::NamedTempFile::new().unwrap();
    for directory in [Some(place.path()), None] {
        let mut outbox = Outbox::open(directory, 1);
        let number = outbox.add(sample(), &to(&["aa"]), jpeg());
        settle(&mut outbox);
        assert!(
            outbox.problem().contains("do not survive a restart"),
            "{}",
            outbox.problem()
        );
        let (alert, picture) = outbox.get(number).unwrap();
        assert_eq!(
            (&*alert, picture),
            (&sample(), Some(Picture::Memory(JPEG.into())))
        );
        assert_eq!(outbox.lost().unwritten, 1);
        outbox.done(number, "aa");
        assert!(outbox.get(number).is_none());
    }
}

#[test]
fn a_disk_that_has_room_again_is_used_again() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("alerts");
    let mut outbox = Outbox::open(Some(&directory), 1);
    fs::remove_dir(&directory).unwrap();
    outbox.add(sample(), &to(&["aa"]), None);
    settle(&mut outbox);
    assert!(!outbox.problem().is_empty());
    fs::create_dir(&directory).unwrap();
    outbox.add(sample(), &to(&["aa"]), None);
    let Some(Work::Write(writing)) = outbox.work() else {
        panic!()
    };
    outbox.written(&writing, writing.run());
    assert!(outbox.problem().contains("do not survive a restart"));
    settle(&mut outbox);
    assert_eq!(outbox.problem(), "");
    // What could not be written is, too.
    assert_eq!(numbers(&Outbox::open(Some(&directory), 1), "aa"), [1, 2]);
    outbox.done(1, "aa");
    outbox.done(2, "aa");
    settle(&mut outbox);
    assert_eq!(files(&directory), [""; 0]);
}

#[test]
fn what_could_not_be_written_is_tried_again_without_another_message() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("alerts");
    let mut outbox = Outbox::open(Some(&directory), 1);
    fs::remove_dir(&directory).unwrap();
    for _ in 0..3 {
        outbox.add(sample(), &to(&["aa", "bb"]), jpeg());
    }
    settle(&mut outbox);
    outbox.retry();
    settle(&mut outbox);
    assert_eq!(outbox.lost().unwritten, 3, "each is counted once");
    outbox.done(1, "aa");
    outbox.done(2, "aa");
    outbox.done(2, "bb");
    fs::create_dir(&directory).unwrap();
    outbox.retry();
    // One that is asked for twice is written once, and is gone when it is delivered.
    outbox.retry();
    settle(&mut outbox);
    outbox.retry();
    assert!(outbox.work().is_none() && outbox.problem().is_empty());
    assert_eq!(
        files(&directory),
        [
            "0000000000000001.bb.json",
            "0000000000000001.jpg",
            "0000000000000003.aa.json",
            "0000000000000003.bb.json",
            "0000000000000003.jpg",
        ]
    );
}

#[test]
fn pictures_that_are_not_written_yet_are_neither_lost_on_a_healthy_disk_nor_without_a_bound() {
    let directory = tempfile::tempdir().unwrap();
    let large = |length: usize| -> Arc<[u8]> { vec![0; length].into() };
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    // Five cameras in the same second, and one large picture.
    for _ in 0..5 {
        outbox.add(sample(), &to(&["aa"]), Some(large(1 << 20)));
    }
    outbox.add(sample(), &to(&["aa"]), Some(large(8 << 20)));
    assert!((1..=6).all(|number| outbox.get(number).unwrap().1.is_some()));
    // With a disk that hangs.
    let pictures: Vec<_> = (0..5).map(|_| large(6 << 20)).collect();
    let held: Vec<_> = pictures.iter().map(Arc::downgrade).collect();
    for picture in pictures {
        outbox.add(sample(), &to(&["aa"]), Some(picture));
    }
    let held = held.iter().filter(|picture| picture.upgrade().is_some());
    assert_eq!(held.count(), 2);
    // Nor is a part of one kept.
    let lost = outbox.lost().pictures;
    outbox.add(sample(), &to(&["aa"]), Some(large((8 << 20) + 1)));
    assert_eq!(outbox.lost().pictures, lost + 1);
}

#[test]
fn what_is_delivered_before_it_is_written_leaves_nothing_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let mut outbox = Outbox::open(Some(directory.path()), 1);
    let number = outbox.add(sample(), &to(&["aa"]), jpeg());
    outbox.done(number, "aa");
    assert!(outbox.work().is_none());
    // While it is written.
    let number = outbox.add(sample(), &to(&["aa", "bb"]), jpeg());
    outbox.done(number, "aa");
    let Some(Work::Write(writing)) = outbox.work() else {
        panic!()
    };
    outbox.done(number, "bb");
    let result = writing.run();
    outbox.written(&writing, result);
    while let Some(work) = outbox.work() {
        let Work::Remove(path) = work else { panic!() };
        // What is removed twice is gone.
        let _ = fs::remove_file(path);
    }
    assert_eq!(files(directory.path()), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_torn_file_costs_itself_and_is_counted(torn in 0_usize..3, at in 0_usize..600, flip in any::<bool>()) {
        let directory = tempfile::tempdir().unwrap();
        let mut outbox = Outbox::open(Some(directory.path()), 1);
        outbox.add(sample(), &to(&["aa", "bb"]), jpeg());
        outbox.add(sample(), &to(&["aa"]), None);
        settle(&mut outbox);
    drop(outbox);
        let name = ["0000000000000001.aa.json", "0000000000000001.bb.json", "0000000000000001.jpg"][torn];
        let path = directory.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        // Pictures have no checksum: a byte that differs in the middle is a spot.
        if flip && torn < 2 {
            bytes[at] ^= 1;
        } else {
            bytes.truncate(at);
        }
        fs::write(&path, &bytes).unwrap();
        let outbox = Outbox::open(Some(directory.path()), 1);
        prop_assert_eq!(outbox.lost().corrupt, 1);
        let first: Vec<_> = if torn == 0 { vec![2] } else { vec![1, 2] };
        prop_assert_eq!(numbers(&outbox, "aa"), first);
        prop_assert_eq!(numbers(&outbox, "bb").len(), usize::from(torn != 1));
        prop_assert_eq!(outbox.get(1).unwrap().1.is_some(), torn != 2);
        prop_assert_eq!(outbox.problem(), "");
    }
}

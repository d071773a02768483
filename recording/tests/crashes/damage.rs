//! A byte of a file that was cut off is not what was written. What is not in its cluster is kept.

use crate::played::Played;
use crate::{ROOT, frame, plan, policy};
use pistreamer_recording::catalogue::Catalogue;
use pistreamer_recording::disk::Disk;
use pistreamer_recording::name::Class;
use pistreamer_recording::segment::{Cue, Reader};
use pistreamer_recording::session::{Now, Session};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Ten frames a second.
const STEP_US: u64 = 100_000;

/// Records for so long, and is killed. Returns the file, and its clusters.
fn cut_off(disk: &Played, seconds: u64) -> (PathBuf, Vec<(Cue, u64)>) {
    let mut session = Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap();
    for number in 0..seconds * 10 {
        let at_us = 10_000_000 + number * STEP_US;
        let frame = frame(number, at_us, 0, 64);
        let now = Now {
            wall_us: frame.captured_us,
            steady_us: at_us,
            is_set: true,
        };
        session.record(&plan(), &frame, now).unwrap();
        session.tick(at_us).unwrap();
    }
    drop(session);
    let catalogue = Catalogue::scan(disk, Path::new(ROOT)).unwrap();
    let recording = catalogue.of("door", Class::Continuous).next().unwrap();
    let path = recording.path(Path::new(ROOT));
    let reader = Reader::open(disk.open(&path).unwrap()).unwrap();
    assert!(!reader.is_closed());
    let clusters = reader.clusters().map(Result::unwrap).collect();
    (path, clusters)
}

/// The numbers of the frames in clusters that are right, and whether all of the file can be walked.
fn read(disk: &Played, path: &Path) -> (BTreeSet<u64>, bool) {
    let reader = Reader::open(disk.open(path).unwrap()).unwrap();
    assert!(reader.is_closed(), "it is not closed");
    let mut numbers = BTreeSet::new();
    let mut clusters = reader.clusters();
    for cluster in &mut clusters {
        let (cue, len) = cluster.unwrap();
        if let Some((bytes, frames)) = reader.cluster(cue, len).unwrap() {
            numbers.extend(frames.into_iter().map(|frame| {
                let number = bytes[frame.jpeg][..8].try_into().unwrap();
                u64::from_le_bytes(number)
            }));
        }
    }
    (numbers, !clusters.is_torn())
}

#[test]
fn nothing_but_the_cluster_with_a_wrong_byte_is_lost_wherever_in_it_that_is() {
    for seconds in [9, 40] {
        let (_, clusters) = cut_off(&Played::with(Path::new(ROOT), usize::MAX), seconds);
        assert!(clusters.len() as u64 >= seconds - 2);
        for at in 0..clusters.len() {
            // Of its id, its size, its checksum, its time, and its first and last frame.
            for place in [0, 2, 4, 6, 10, 17, 30, clusters[at].1 - 1] {
                let disk = Played::with(Path::new(ROOT), usize::MAX);
                let (path, clusters) = cut_off(&disk, seconds);
                let whole: BTreeSet<u64> = (0..clusters.len() as u64 * 10).collect();
                disk.damage(&path, clusters[at].0.offset + place);
                drop(Session::open(disk.clone(), Path::new(ROOT), policy(), "boot").unwrap());
                let (numbers, is_whole) = read(&disk, &path);
                let lost: Vec<_> = whole.difference(&numbers).collect();
                let own = at as u64 * 10..at as u64 * 10 + 10;
                assert!(
                    is_whole,
                    "a wrong byte {place} of cluster {at} leaves it torn"
                );
                assert!(
                    lost.len() <= 10 && lost.iter().all(|number| own.contains(number)),
                    "a wrong byte {place} of cluster {at} of {} loses {lost:?}",
                    clusters.len()
                );
            }
        }
    }
}

//! The recorder is killed at any moment, again and again. What it has written stays: that each write leaves a file that plays is tested
//! here, and that it is on the disk in time is tested where the power fails.

use crate::mounted::{Mounted, may_mount};
use crate::writer::{Writer, check_closed, check_promise, files, found, played, recover};
use pistreamer_recording::export::inspect;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// As many processes at a time, each with a directory of its own.
const AT_A_TIME: usize = 40;

/// As many of them one after the other record to each directory.
const ROUNDS: usize = 5;

/// Longest time until recordings are synced.
const SYNC_US: u64 = 1_000_000;

/// Records, is killed, and what it has left is checked. Returns how many frames were promised to be there.
fn kill_one(root: &Path, runs: Duration) -> usize {
    let mut writer = Writer::start(root, SYNC_US);
    std::thread::sleep(runs);
    let mut offered = writer.offered();
    let killed_us = writer.kill();
    offered.extend(writer.offered());
    check_promise(&writer, &offered, killed_us, &found(root))
}

/// Copies the last file of a directory as it lies, before anybody closes it, and tells how many frames are in it.
fn keep_last(root: &Path, round: usize) -> Option<(PathBuf, usize)> {
    let last = files(root).pop()?;
    let frames = inspect(&last).ok()?.frames as usize;
    let copy = root.with_extension(format!("{round}.mkv"));
    std::fs::copy(last, &copy).unwrap();
    (frames > 0).then_some((copy, frames))
}

/// Kills one after the other in a directory. Returns how many frames were promised to be there.
fn kill_some(root: &Path) -> usize {
    let (mut promised, mut left) = (0, Vec::new());
    for round in 0..ROUNDS {
        // Some within the first second, most behind the time that is promised.
        let ms = fastrand::u64(0..6000);
        promised += kill_one(root, Duration::from_millis(ms));
        left.extend(keep_last(root, round));
    }
    let (copies, frames): (Vec<_>, Vec<_>) = left.into_iter().unzip();
    let (counts, said) = played(&copies);
    for (count, frames) in counts.iter().zip(&frames) {
        assert!(count >= frames, "{counts:?} of {frames:?}: {said}");
    }
    let before = found(root);
    recover(root);
    check_closed(root);
    assert_eq!(found(root), before, "closing has changed what is there");
    promised
}

#[test]
fn after_each_of_two_hundred_kills_all_that_was_promised_plays() {
    // In memory where that can be had: no sync is waited for, which is not what is tested.
    let memory = may_mount().then(|| Mounted::memory("512m"));
    let place = tempfile::tempdir().unwrap();
    let place = memory.as_ref().map_or(place.path(), Mounted::path);
    let promised: usize = std::thread::scope(|scope| {
        let roots = (0..AT_A_TIME).map(|number| place.join(number.to_string()));
        let killed: Vec<_> = roots
            .map(|root| scope.spawn(move || kill_some(&root)))
            .collect();
        killed.into_iter().map(|it| it.join().unwrap()).sum()
    });
    let kills = AT_A_TIME * ROUNDS;
    assert!(
        promised > kills * 5,
        "{promised} frames are little to judge by"
    );
}

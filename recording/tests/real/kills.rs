//! The recorder is killed at any moment, again and again.

use crate::writer::{Writer, check_closed, check_promise, files, found, played, recover};
use pistreamer_recording::export::inspect;
use std::path::Path;
use std::time::Duration;

/// As many processes at a time, each with a directory of its own.
const AT_A_TIME: usize = 40;

/// As many of them one after the other record to each directory.
const ROUNDS: usize = 5;

/// Records, is killed, and what it has left is checked.
fn kill_one(root: &Path, runs: Duration) {
    let mut writer = Writer::start(root);
    std::thread::sleep(runs);
    let mut offered = writer.offered();
    let killed_us = writer.kill();
    offered.extend(writer.offered());
    let all = found(root);
    check_promise(&offered, killed_us, &all);
    // As it lies: nobody has closed it yet.
    let Some(last) = files(root).pop() else {
        return;
    };
    if let Ok(inspected) = inspect(&last)
        && inspected.frames > 0
    {
        let (count, said) = played(&last);
        assert!(
            count as u64 >= inspected.frames,
            "{count} of {inspected:?}: {said}"
        );
    }
}

#[test]
fn after_each_of_two_hundred_kills_all_that_was_promised_plays() {
    let place = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for number in 0..AT_A_TIME {
            let root = place.path().join(number.to_string());
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    // Some within the first second, most behind the time that is promised.
                    let ms = fastrand::u64(0..12_000);
                    kill_one(&root, Duration::from_millis(ms));
                }
            });
        }
    });
    for number in 0..AT_A_TIME {
        let root = place.path().join(number.to_string());
        let before = if root.exists() {
            found(&root)
        } else {
            continue;
        };
        recover(&root);
        check_closed(&root);
        assert_eq!(found(&root), before, "closing has changed what is there");
    }
}

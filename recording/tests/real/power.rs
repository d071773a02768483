//! The power fails: the image of a mounted file system is copied while a process records to it, and what is on the copy once its
//! journal was replayed is all there is. The process is stopped meanwhile, so that the copy is of one moment.

use crate::mounted::{Mounted, make_image, may_mount};
use crate::writer::{Writer, check_closed, check_promise, files, found, now_us, recover};
use rustix::process::{Signal, kill_process};
use std::path::Path;
use std::time::Duration;

const CUTS: usize = 20;

const IMAGE: u64 = 64 << 20;

/// Copies an image until it has not changed meanwhile. Returns when it was begun.
fn copy(image: &Path, to: &Path) -> u64 {
    let mut before = Vec::new();
    loop {
        let at_us = now_us();
        let bytes = std::fs::read(image).unwrap();
        if bytes == before {
            std::fs::write(to, bytes).unwrap();
            return at_us;
        }
        before = bytes;
    }
}

#[test]
fn after_each_of_twenty_power_cuts_all_that_was_promised_is_on_the_disk() {
    if !may_mount() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk");
    make_image(&image, IMAGE);
    let disk = Mounted::image(&image);
    let writer = Writer::start(&disk.root());
    let mut offered = Vec::new();
    let mut promised = 0;
    for number in 0..CUTS {
        let wait_ms = if number == 0 {
            9000
        } else {
            fastrand::u64(100..2000)
        };
        std::thread::sleep(Duration::from_millis(wait_ms));
        let cut = place.path().join(format!("cut-{number}"));
        kill_process(writer.process(), Signal::STOP).unwrap();
        let cut_us = now_us();
        copy(&image, &cut);
        kill_process(writer.process(), Signal::CONT).unwrap();
        offered.extend(writer.offered());
        let left = Mounted::image(&cut);
        let there = found(&left.root());
        check_promise(&offered, cut_us, &there);
        promised += there.len();
        recover(&left.root());
        assert!(!files(&left.root()).is_empty());
        assert_eq!(
            found(&left.root()),
            there,
            "closing has changed what is there"
        );
        check_closed(&left.root());
        drop(left);
        std::fs::remove_file(cut).unwrap();
    }
    assert!(
        promised > CUTS * 30,
        "{promised} frames are little to judge by"
    );
    drop(writer);
}

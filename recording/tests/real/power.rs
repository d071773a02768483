//! The power fails: the image of a mounted file system is copied while a process records to it, and what is on the copy once its
//! journal was replayed is all there is. The process is stopped meanwhile, so that the copy is of one moment.

use crate::mounted::{Mounted, make_image, may_mount};
use crate::writer::{Writer, check_closed, check_promise, files, found, now_us, recover};
use pistreamer_recording::session::Policy;
use rustix::process::{Signal, kill_process};
use std::path::Path;
use std::time::Duration;

/// As many disks at a time: some machines have no more than eight loop devices, and each takes two.
const DISKS: usize = 3;

/// How often each one's power fails.
const CUTS: usize = 7;

const IMAGE: u64 = 24 << 20;

/// Copies an image until it has not changed meanwhile.
fn copy(image: &Path, to: &Path) {
    let mut before = Vec::new();
    loop {
        let bytes = std::fs::read(image).unwrap();
        if bytes == before {
            std::fs::write(to, bytes).unwrap();
            return;
        }
        before = bytes;
    }
}

/// Cuts the power again and again. Returns how many frames were promised to be there.
fn cut_some(place: &Path, disk: usize) -> usize {
    let image = place.join(format!("disk-{disk}"));
    make_image(&image, IMAGE);
    let disk = Mounted::image(&image);
    let writer = Writer::start(&disk.root(), Policy::default().sync_us);
    let (mut offered, mut promised) = (Vec::new(), 0);
    for number in 0..CUTS {
        let wait_ms = if number == 0 {
            8000 + fastrand::u64(0..2000)
        } else {
            fastrand::u64(100..2000)
        };
        std::thread::sleep(Duration::from_millis(wait_ms));
        let cut = image.with_extension(number.to_string());
        kill_process(writer.process(), Signal::STOP).unwrap();
        let cut_us = now_us();
        copy(&image, &cut);
        kill_process(writer.process(), Signal::CONT).unwrap();
        offered.extend(writer.offered());
        let left = Mounted::image(&cut);
        let there = found(&left.root());
        promised += check_promise(&writer, &offered, cut_us, &there);
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
    drop(writer);
    promised
}

#[test]
fn after_each_of_twenty_one_power_cuts_all_that_was_promised_is_on_the_disk() {
    if !may_mount() {
        return;
    }
    // What the disks consist of is in memory: what was not written to them is not there either.
    let place = Mounted::memory("512m");
    let promised: usize = std::thread::scope(|scope| {
        let place = place.path();
        let cut: Vec<_> = (0..DISKS)
            .map(|disk| scope.spawn(move || cut_some(place, disk)))
            .collect();
        cut.into_iter().map(|it| it.join().unwrap()).sum()
    });
    assert!(
        promised > DISKS * CUTS * 30,
        "{promised} frames are little to judge by"
    );
}

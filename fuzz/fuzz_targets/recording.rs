//! Arbitrary bytes as a recording: read as they are, mended, and read again. What is whole in them stays byte for byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_recording::disk::System;
use pistreamer_recording::recover::{Outcome, recover};
use pistreamer_recording::segment::{ReadAt, Reader};
use std::path::Path;
use std::sync::LazyLock;

static DIRECTORY: LazyLock<tempfile::TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("there is a temporary directory"));

/// The pictures of all whole clusters, and whether the file is closed.
fn pictures<R: ReadAt>(reader: &Reader<R>) -> Vec<Vec<u8>> {
    let mut pictures = Vec::new();
    for cluster in reader.clusters() {
        let (cue, len) = cluster.expect("it can be read");
        if let Some((bytes, frames)) = reader.cluster(cue, len).expect("it can be read") {
            pictures.extend(frames.into_iter().map(|frame| bytes[frame.jpeg].to_vec()));
        }
    }
    pictures
}

fn read(path: &Path) -> Reader<Vec<u8>> {
    let bytes = std::fs::read(path).expect("it can be read");
    Reader::open(bytes).expect("it was mended")
}

fuzz_target!(|bytes: &[u8]| {
    let before = Reader::open(bytes).map(|reader| pictures(&reader));
    let path = DIRECTORY.path().join("recording.mkv");
    std::fs::write(&path, bytes).expect("it can be written");
    match recover(&System, &path, "{}", u32::MAX).expect("the disk does not fail") {
        Outcome::Recovered { bytes: len, .. } => {
            let reader = read(&path);
            assert!(reader.is_closed());
            assert_eq!(std::fs::metadata(&path).expect("it is there").len(), len);
            let after = pictures(&reader);
            // What follows on damaged bytes is found as well.
            assert!(after.starts_with(&before.expect("it was mended")));
            let again = recover(&System, &path, "{}", u32::MAX).expect("the disk does not fail");
            assert_eq!(again, Outcome::Whole);
        }
        Outcome::Removed => {
            assert!(!path.exists());
            assert!(before.map_or(true, |pictures| pictures.is_empty()));
        }
        Outcome::Whole | Outcome::Damaged(_) => {
            let now = std::fs::read(&path).expect("it can be read");
            assert!(now == bytes, "it was changed");
        }
    }
});

//! Reads arbitrary bytes as a file of many JPEGs: only whole pictures within the limit, which stand in the file in that
//! order, and an end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::fuzzing::{Found, Reel};
use pistreamer_protocol::jpeg;

const LARGEST: usize = 500;

fuzz_target!(|file: &[u8]| {
    let mut reel = Reel::new(file, LARGEST);
    let mut rest = file;
    let mut found = 0;
    while let Some(one) = reel.next().expect("memory can be read") {
        found += 1;
        assert!(found <= file.len(), "it goes in circles");
        if let Found::Jpeg(picture, info) = one {
            assert!(picture.len() <= LARGEST);
            assert_eq!(jpeg::inspect(&picture), Ok(info));
            let at = rest
                .windows(picture.len())
                .position(|window| window == picture);
            let at = at.expect("it stands in the file, behind the one before");
            rest = &rest[at + picture.len()..];
        }
    }
    assert!(reel.next().expect("memory can be read").is_none());
});

//! Reads arbitrary bytes as a file of many JPEGs: only whole pictures within the limit, and an end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_picture::reel::{Found, Reel};
use pistreamer_protocol::jpeg;

const LARGEST: usize = 500;

/// What a picture may lack: Huffman tables and its end.
const MENDED: usize = 420 + 2;

fuzz_target!(|file: &[u8]| {
    let mut reel = Reel::new(file, LARGEST);
    let mut found = 0;
    while let Some(one) = reel.next_picture().expect("memory can be read") {
        found += 1;
        assert!(found <= file.len(), "it goes in circles");
        if let Found::Picture(picture) = one {
            assert!(picture.jpeg().len() <= LARGEST + MENDED);
            assert_eq!(jpeg::inspect(picture.jpeg()), Ok(picture.info));
        }
    }
    assert!(reel.next_picture().expect("memory can be read").is_none());
});

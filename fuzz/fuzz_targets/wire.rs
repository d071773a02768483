//! Reads arbitrary bytes as picamera's network stream: the same items however they are cut, which are what was sent, and
//! no memory for what a length only claims.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_network_camera::picamera::{Item, Reader, WireError};
use pistreamer_protocol::jpeg::SOI;

const LIMIT: usize = 2000;

/// What a buffer holds at most: an image, its length, and twice what it grows by.
const MEMORY: usize = LIMIT + (256 << 10);

fn read(stream: &[u8], piece: usize) -> (Vec<Item>, Result<bool, WireError>) {
    let mut reader = Reader::new(LIMIT);
    let mut items = Vec::new();
    for piece in stream.chunks(piece) {
        let space = reader.space();
        assert!(space.capacity() <= MEMORY);
        space.extend_from_slice(piece);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => items.push(item),
                Ok(None) => break,
                Err(error) => return (items, Err(error)),
            }
        }
    }
    (items, Ok(reader.is_between_images()))
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, stream)) = data.split_first() else {
        return;
    };
    let whole = read(stream, stream.len().max(1));
    for piece in [1, usize::from(*piece).max(1)] {
        assert_eq!(read(stream, piece), whole);
    }
    let (items, end) = whole;
    let mut sent = Vec::new();
    for item in &items {
        match item {
            Item::Image(image) => {
                assert!(image.len() <= LIMIT && SOI.starts_with(&image[..image.len().min(2)]));
                sent.extend((image.len() as u32).to_le_bytes());
                sent.extend_from_slice(image);
            }
            Item::End => sent.extend([0; 4]),
        }
    }
    assert!(stream.starts_with(&sent));
    if end == Ok(true) {
        assert_eq!(stream, sent);
    }
});

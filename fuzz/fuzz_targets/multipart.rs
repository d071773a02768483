//! Reads arbitrary bytes as a camera's multipart stream: the same parts however they are cut, only whole images within the
//! limit, and never more held than one image and what was fed last.
//!
//! The first line is the Content-Type; without a boundary in it, the first delimiter tells it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer::fuzzing::{Multipart, Part, boundary};
use pistreamer_protocol::jpeg;

const LIMIT: usize = 2000;

/// The longest header, which is shorter for the fuzzer, and the longest boundary.
const HEAD: usize = 512 + 256;

fn read(boundary: Option<&str>, stream: &[u8], piece: usize) -> Vec<Part> {
    let mut multipart = Multipart::new(boundary, LIMIT);
    let mut parts = Vec::new();
    for piece in stream.chunks(piece) {
        multipart.feed(piece);
        while let Some(part) = multipart.next() {
            parts.push(part);
        }
        assert!(multipart.held() <= LIMIT + HEAD + piece.len());
    }
    parts
}

fuzz_target!(|data: &[u8]| {
    let Some((piece, rest)) = data.split_first() else {
        return;
    };
    let line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, stream) = rest.split_at(line);
    let content_type = String::from_utf8_lossy(line);
    let boundary = boundary(&content_type);
    if let Some(boundary) = boundary {
        assert!(!boundary.trim_start_matches('-').is_empty() && boundary.len() <= 200);
    }
    let whole = read(boundary, stream, stream.len().max(1));
    for part in &whole {
        if let Part::Image(image) = part {
            assert!(image.len() <= LIMIT);
            assert!(jpeg::inspect(image).is_ok());
        }
    }
    for piece in [1, usize::from(*piece).max(1)] {
        assert_eq!(read(boundary, stream, piece), whole);
    }
});

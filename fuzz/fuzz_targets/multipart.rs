//! Reads arbitrary bytes as a camera's answer: the same head, parts and bare pictures however they are cut, pictures within the
//! limit, and never more held than one image and what was fed last.
//!
//! The first line is the Content-Type; without a boundary in it, or with another one, the stream tells it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pistreamer_network_camera::bare::Bare;
use pistreamer_network_camera::body::{Body, Piece};
use pistreamer_network_camera::head::{Found, Head};
use pistreamer_network_camera::multipart::{Multipart, Part, boundary};

const LIMIT: usize = 2000;

/// The longest header, which is shorter for the fuzzer, and the longest boundary.
const HEAD: usize = 512 + 256;

fn parts(boundary: Option<&str>, stream: &[u8], piece: usize) -> Vec<Part> {
    let mut multipart = Multipart::new(boundary, LIMIT);
    let mut parts = Vec::new();
    for piece in stream.chunks(piece) {
        multipart.feed(piece);
        while let Some(part) = multipart.next_part() {
            parts.push(part);
        }
        assert!(multipart.held() <= LIMIT + HEAD + piece.len());
    }
    parts.extend(multipart.finish());
    parts
}

fn bare(stream: &[u8], piece: usize) -> Vec<Part> {
    let mut bare = Bare::new(LIMIT);
    let mut parts = Vec::new();
    for piece in stream.chunks(piece) {
        bare.feed(piece);
        while let Some(part) = bare.next_part() {
            parts.push(part);
        }
        assert!(bare.held() <= LIMIT + piece.len());
    }
    parts.extend(bare.finish());
    parts
}

/// What is read of an answer: its status, and its body as far as it goes.
fn answer(stream: &[u8], piece: usize) -> Option<(u16, Vec<u8>)> {
    let mut came = bytes::BytesMut::new();
    let mut body = None;
    let mut all = Vec::new();
    let mut status = 0;
    for piece in stream.chunks(piece) {
        came.extend_from_slice(piece);
        if body.is_none() {
            match Head::read(&came) {
                Ok(Found::Head(head, len)) => {
                    let _ = came.split_to(len);
                    status = head.status.as_u16();
                    body = Some(Body::new(head.framing()));
                }
                Ok(Found::More) => continue,
                Err(_) => return None,
            }
        }
        let body = body.as_mut().expect("there is one now");
        loop {
            match body.take(&mut came) {
                Ok(Piece::Data(data)) => all.extend_from_slice(&data),
                Ok(Piece::More) => break,
                Ok(Piece::End) => return Some((status, all)),
                Err(_) => return None,
            }
        }
    }
    body.map(|_| (status, all))
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
    let whole = stream.len().max(1);
    let (in_parts, alone, answered) = (
        parts(boundary, stream, whole),
        bare(stream, whole),
        answer(stream, whole),
    );
    for part in in_parts.iter().chain(&alone) {
        if let Part::Image(image) = part {
            assert!(image.len() <= LIMIT && image.starts_with(b"\xff\xd8"));
        }
    }
    for piece in [1, usize::from(*piece).max(1)] {
        assert_eq!(parts(boundary, stream, piece), in_parts);
        assert_eq!(bare(stream, piece), alone);
        assert_eq!(answer(stream, piece), answered);
    }
});

//! A part of a multipart MJPEG stream (RFC 2046 §5.1), shared by all clients of a [`Manner`].

use crate::hub::{Form, Frame};
use bytes::{Buf, Bytes};
use std::io::IoSlice;
use std::sync::Arc;

/// The boundary between parts, long enough that no JPEG contains it by chance.
pub(crate) const BOUNDARY: &str = "pistreamer-7b1f0c2d9e";

/// How a client detects the end of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// By the boundary. Each part starts with a Content-Length header.
    Program,
    /// By the headers of the next part: Chromium's `<img>` draws a part only after reading them, and would lag one frame
    /// behind. They are therefore sent right after each frame, without a Content-Length, which is not known yet.
    Browser,
}

impl Manner {
    /// The bytes before the first part.
    pub(crate) fn opening(self) -> &'static str {
        self.ending().trim_start()
    }

    /// The bytes after each part.
    fn ending(self) -> &'static str {
        match self {
            Self::Program => "\r\n--pistreamer-7b1f0c2d9e\r\n",
            Self::Browser => "\r\n--pistreamer-7b1f0c2d9e\r\nContent-Type: image/jpeg\r\n\r\n",
        }
    }
}

/// The headers of a part for programs.
struct Head(Bytes);

impl Form for Head {
    fn of(frame: &Frame) -> Self {
        // Runs for every frame; format! is slower.
        let mut head = Vec::with_capacity(128);
        head.extend_from_slice(b"Content-Type: image/jpeg\r\nContent-Length: ");
        head.extend_from_slice(itoa::Buffer::new().format(frame.jpeg().len()).as_bytes());
        head.extend_from_slice(b"\r\nX-Timestamp: ");
        push_timestamp(frame.captured_us, &mut head);
        head.extend_from_slice(b"\r\n\r\n");
        Self(head.into())
    }
}

/// A piece of a response body, written in one vectored write without being copied together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Piece {
    head: Bytes,
    jpeg: Bytes,
    tail: &'static [u8],
}

/// A frame's part of a stream, from after the preceding boundary to its own end.
pub(crate) fn part(frame: &Arc<Frame>, manner: Manner) -> Piece {
    Piece {
        head: match manner {
            Manner::Program => frame.form::<Head>().0.clone(),
            Manner::Browser => Bytes::new(),
        },
        jpeg: frame.jpeg().clone(),
        tail: manner.ending().as_bytes(),
    }
}

impl From<Bytes> for Piece {
    fn from(head: Bytes) -> Self {
        Self {
            head,
            ..Self::default()
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.head.len() + self.jpeg.len() + self.tail.len()
    }

    fn chunk(&self) -> &[u8] {
        let mut slices: [&[u8]; 3] = [&self.head, &self.jpeg, self.tail];
        slices.sort_by_key(|slice| slice.is_empty());
        slices[0]
    }

    fn chunks_vectored<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let slices: [&[u8]; 3] = [&self.head, &self.jpeg, self.tail];
        let slices = slices.into_iter().filter(|slice| !slice.is_empty());
        let mut filled = 0;
        for (into, slice) in into.iter_mut().zip(slices) {
            *into = IoSlice::new(slice);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, count: usize) {
        let left = self.remaining().checked_sub(count);
        assert!(left.is_some(), "advanced past the end");
        let mut count = count;
        for bytes in [&mut self.head, &mut self.jpeg] {
            let here = count.min(bytes.len());
            bytes.advance(here);
            count -= here;
        }
        self.tail = &self.tail[count..];
    }
}

/// Formats Unix time in µs as seconds with six decimals.
pub(crate) fn timestamp(us: u64) -> String {
    let mut text = Vec::new();
    push_timestamp(us, &mut text);
    String::from_utf8(text).expect("it is digits and a point")
}

fn push_timestamp(us: u64, text: &mut Vec<u8>) {
    let mut digits = itoa::Buffer::new();
    text.extend_from_slice(digits.format(us / 1_000_000).as_bytes());
    text.push(b'.');
    // The leading 1 preserves the zeros after it, and is cut off.
    let decimals = digits.format(1_000_000 + us % 1_000_000);
    text.extend_from_slice(&decimals.as_bytes()[1..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the rest of a piece, checking `chunk` against vectors of at most `most` slices.
    fn read(mut piece: Piece, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while piece.has_remaining() {
            let mut slices = [IoSlice::new(&[]); 3];
            let filled = piece.chunks_vectored(&mut slices[..most]);
            assert_eq!(&*slices[0], piece.chunk());
            let vectored: Vec<u8> = slices[..filled]
                .iter()
                .flat_map(|slice| slice.to_vec())
                .collect();
            // As a socket does that accepts only a few bytes.
            let taken = vectored.len().min(7);
            bytes.extend_from_slice(&vectored[..taken]);
            piece.advance(taken);
        }
        bytes
    }

    #[test]
    fn a_part_is_its_head_the_frame_and_the_boundary_however_it_is_taken() {
        let jpeg = Bytes::from_static(b"\xff\xd8 a picture \xff\xd9");
        let frame = Arc::new(Frame::new(1, 1_500_000_000_000_042, (16, 8), jpeg.clone()));
        let picture = String::from_utf8_lossy(&jpeg);
        let for_programs = format!(
            "Content-Type: image/jpeg\r\nContent-Length: 15\r\nX-Timestamp: 1500000000.000042\r\n\r\n\
             {picture}\r\n--{BOUNDARY}\r\n"
        );
        let for_browsers = format!("{picture}\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n");
        for (manner, expected) in [
            (Manner::Program, for_programs),
            (Manner::Browser, for_browsers),
        ] {
            let part = part(&frame, manner);
            assert!(part.jpeg.as_ptr() == frame.jpeg().as_ptr(), "it was copied");
            for most in 1..=3 {
                let read = read(part.clone(), most);
                assert_eq!(String::from_utf8_lossy(&read), expected);
            }
        }
    }
}

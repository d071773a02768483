//! Where a JPEG ends, found while it comes: each byte is looked at once.
//!
//! Whether what ends there is a picture is for [`super::inspect`] to say.

use super::SOI;
use super::segments::{Kind, is_passed_over};

/// How far a JPEG has been walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Offset from which to go on: no further than to what has not come as a whole.
    at: usize,
}

/// What is known of a JPEG's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The JPEG ends here; its length in bytes.
    End(usize),
    /// It has not come yet.
    More,
    /// There is none: what comes next is no part of the picture, or a segment has an impossible length.
    Lost,
}

impl Walk {
    /// Goes on from there, which is anywhere behind a segment.
    pub(super) fn from(at: usize) -> Self {
        Self { at }
    }

    /// Whether nothing of the JPEG has come yet.
    pub fn is_new(self) -> bool {
        self.at == 0
    }

    /// How many bytes it went over.
    #[expect(clippy::len_without_is_empty, reason = "`is_new` says that")]
    pub fn len(self) -> usize {
        self.at
    }

    /// Goes on through a JPEG. `bytes` are those from its first one on, and more of them may have come since.
    pub fn go(&mut self, bytes: &[u8]) -> Step {
        if self.is_new() {
            let begun = bytes.len().min(SOI.len());
            if bytes[..begun] != SOI[..begun] {
                return Step::Lost;
            }
            if begun < SOI.len() {
                return Step::More;
            }
            self.at = begun;
        }
        loop {
            // Cameras leave bytes between segments, and padding; decoders go on to the next marker.
            let rest = bytes.get(self.at..).unwrap_or_default();
            self.at += memchr::memchr(0xff, rest).unwrap_or(rest.len());
            let Some(marker) = bytes.get(self.at + 1) else {
                return Step::More;
            };
            match Kind::of(*marker) {
                Kind::Alone => self.at += 2,
                Kind::End => return Step::End(self.at + 2),
                // A fill byte.
                Kind::Unknown if *marker == 0xff => self.at += 1,
                Kind::Unknown => return Step::Lost,
                Kind::Segment => {
                    let Some(len) = length(bytes, self.at) else {
                        return Step::More;
                    };
                    let len = match len {
                        2.. => len,
                        _ if is_passed_over(*marker) => 2,
                        _ => return Step::Lost,
                    };
                    let end = self.at + 2 + len;
                    if end > bytes.len() {
                        return Step::More;
                    }
                    self.at = end;
                }
            }
        }
    }
}

/// The length that a segment gives, whose marker stands there.
pub(super) fn length(jpeg: &[u8], at: usize) -> Option<usize> {
    let length = jpeg.get(at + 2..)?.first_chunk()?;
    Some(u16::from_be_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jpeg::{EOI, inspect_prefix};
    use proptest::prelude::*;

    /// What is known of the end when the bytes come one by one.
    fn walked(bytes: &[u8]) -> Step {
        let mut walk = Walk::default();
        for len in 0..=bytes.len() {
            match walk.go(&bytes[..len]) {
                Step::More => {}
                known => return known,
            }
        }
        Step::More
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(vec![0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0]),
            Just(vec![0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]),
            Just(vec![0xff, 0xfe, 0, 4, 0xff, 0xd9]),
            Just(vec![0xff, 0xe4, 0, 0]),
            Just(vec![0x12, 0xff, 0x00, 0xff, 0xd0]),
            Just(EOI.to_vec()),
            prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..8),
        ]
    }

    proptest! {
        #[test]
        fn the_end_is_where_an_inspection_of_the_whole_finds_it(pieces in prop::collection::vec(piece(), 0..12)) {
            let bytes = [&SOI[..], &pieces.concat()].concat();
            let known = walked(&bytes);
            prop_assert_eq!(Walk::default().go(&bytes), known);
            // What is no picture may have an end all the same.
            if let Ok(info) = inspect_prefix(&bytes) {
                prop_assert_eq!(known, Step::End(info.len));
            }
        }
    }
}

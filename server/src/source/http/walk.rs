//! Where a JPEG ends, found while it comes: each byte is looked at once.
//!
//! Whether what ends there is a picture is for [`jpeg`] to say.

use pistreamer_protocol::jpeg;

/// How far a JPEG has been walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Offset from which to go on. A segment's end may not have come yet.
    at: usize,
}

/// What is known of a JPEG's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is there: the JPEG has so many bytes.
    End(usize),
    /// It has not come yet.
    More,
    /// There is none: another picture begins before it, or a segment has an impossible length.
    Lost,
}

impl Walk {
    /// Whether nothing of the JPEG has come yet.
    pub fn is_new(self) -> bool {
        self.at == 0
    }

    /// How many bytes it went over.
    pub fn len(self) -> usize {
        self.at
    }

    /// Goes on through a JPEG. `bytes` are those from its first one on, and more of them may have come since.
    pub fn go(&mut self, bytes: &[u8]) -> Step {
        if self.at == 0 {
            let begun = bytes.len().min(jpeg::SOI.len());
            if bytes[..begun] != jpeg::SOI[..begun] {
                return Step::Lost;
            }
            if begun < jpeg::SOI.len() {
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
            match marker {
                // Stuffing and markers that stand alone.
                0x00 | 0x01 | 0xd0..=0xd7 => self.at += 2,
                0xd8 => return Step::Lost,
                0xd9 => return Step::End(self.at + 2),
                // A fill byte.
                0xff => self.at += 1,
                _ => {
                    let Some(len) = bytes.get(self.at + 2..self.at + 4) else {
                        return Step::More;
                    };
                    let len = u16::from_be_bytes([len[0], len[1]]);
                    if len < 2 {
                        return Step::Lost;
                    }
                    self.at += 2 + usize::from(len);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            Just(vec![0x12, 0xff, 0x00, 0xff, 0xd0]),
            Just(jpeg::EOI.to_vec()),
            prop::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..8),
        ]
    }

    proptest! {
        #[test]
        fn the_end_is_where_an_inspection_of_the_whole_finds_it(pieces in prop::collection::vec(piece(), 0..12)) {
            let bytes = [&jpeg::SOI[..], &pieces.concat()].concat();
            let known = walked(&bytes);
            prop_assert_eq!(Walk::default().go(&bytes), known);
            // What is no picture may have an end all the same.
            if let Ok(info) = jpeg::inspect_prefix(&bytes) {
                prop_assert_eq!(known, Step::End(info.len));
            }
        }
    }
}

//! The stamp in the first bytes of a frame, packed or not.

use crate::framing::HEAD;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use pistreamer_protocol::Stamp;
use std::collections::VecDeque;
use std::io::Read;

/// Reads stamps, each once: the viewers of a crowd all get the same frames.
#[derive(Debug, Default)]
pub struct Stamps {
    known: VecDeque<(Vec<u8>, Option<Stamp>)>,
}

/// Frames remembered: more than are under way at a time.
const REMEMBERED: usize = 8;

impl Stamps {
    /// The stamp of the frame that begins like this.
    pub fn read(&mut self, head: &[u8]) -> Option<&Stamp> {
        let found = self.known.iter().position(|(known, _)| known == head);
        let at = found.unwrap_or_else(|| {
            self.known.truncate(REMEMBERED - 1);
            self.known.push_front((head.to_vec(), read(head)));
            0
        });
        self.known[at].1.as_ref()
    }
}

fn read(head: &[u8]) -> Option<Stamp> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    if !head.starts_with(&GZIP) {
        return Stamp::read(head);
    }
    let mut text = [0; HEAD];
    let mut len = 0;
    let mut unpacking = GzDecoder::new(head);
    // It ends in an error, because the member is cut off.
    while let Ok(read @ 1..) = unpacking.read(&mut text[len..(len + 1).min(HEAD)]) {
        len += read;
    }
    let whole = len / 4 * 4;
    Stamp::read(&STANDARD.decode(&text[..whole]).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_frame_tells_its_stamp() {
        let stamp = Stamp {
            seq: 1_234_567,
            captured_us: 1_764_000_000_123_456,
            camera: "0".into(),
        };
        let jpeg = stamp.write(&crate::picture::jpeg(20_000, 3)).unwrap();
        let packed = pistreamer_protocol::pack(&jpeg);
        let mut stamps = Stamps::default();
        for _ in 0..2 {
            assert_eq!(stamps.read(&jpeg[..HEAD]), Some(&stamp));
            assert_eq!(stamps.read(&packed[..HEAD]), Some(&stamp));
        }
        assert_eq!(stamps.known.len(), 2);
    }
}

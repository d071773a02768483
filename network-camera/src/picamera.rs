//! picamera's network stream as bytes: each image is its length in 32 bits, little-endian, and then that many bytes of
//! JPEG; the length 0 ends the stream. No I/O here.

use bytes::{Bytes, BytesMut};

/// An item of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// As many bytes as announced. They begin like a JPEG; the rest is for the caller to check.
    Image(Bytes),
    /// The end that the sender announces.
    End,
}

/// Why the bytes are no such stream. Nothing after them can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Its length is more than the limit.
    #[error(
        "its length is {len} bytes, and {limit} are the most; lengths are 32 bits, little-endian"
    )]
    TooLarge {
        /// What it claims.
        len: usize,
        /// The most.
        limit: usize,
    },
    /// It does not begin like a JPEG.
    #[error("what follows its length of {len} bytes does not begin with FF D8 as a JPEG does")]
    NotJpeg {
        /// What it claims.
        len: usize,
    },
}

/// Parses a stream incrementally.
#[derive(Debug)]
pub struct Reader {
    limit: usize,
    buffer: BytesMut,
    /// Length of the image that is being read.
    len: Option<usize>,
}

/// Bytes that the buffer grows by at a time, so that a length alone takes no memory.
const STEP: usize = 64 << 10;

impl Reader {
    /// A reader that takes images of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: BytesMut::new(),
            len: None,
        }
    }

    /// The buffer for the next bytes of the stream.
    pub fn space(&mut self) -> &mut BytesMut {
        self.buffer.reserve(STEP);
        &mut self.buffer
    }

    /// Returns true if the stream may end here without anything being cut off.
    pub fn is_between_images(&self) -> bool {
        self.len.is_none() && self.buffer.is_empty()
    }

    /// The next item, once all of its bytes are there.
    pub fn next_item(&mut self) -> Result<Option<Item>, WireError> {
        let len = match self.len {
            Some(len) => len,
            None => {
                let Some((length, _)) = self.buffer.split_first_chunk() else {
                    return Ok(None);
                };
                let len = u32::from_le_bytes(*length) as usize;
                if len > self.limit {
                    let limit = self.limit;
                    return Err(WireError::TooLarge { len, limit });
                }
                let _ = self.buffer.split_to(length.len());
                if len == 0 {
                    return Ok(Some(Item::End));
                }
                *self.len.insert(len)
            }
        };
        let start = &self.buffer[..self.buffer.len().min(len).min(2)];
        if !pistreamer_protocol::jpeg::SOI.starts_with(start) {
            return Err(WireError::NotJpeg { len });
        }
        if self.buffer.len() < len {
            return Ok(None);
        }
        self.len = None;
        Ok(Some(Item::Image(self.buffer.split_to(len).freeze())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All items of a stream that arrives in pieces of some size.
    fn read(stream: &[u8], piece: usize) -> Result<Vec<Item>, WireError> {
        let mut reader = Reader::new(1000);
        let mut items = Vec::new();
        for piece in stream.chunks(piece.max(1)) {
            reader.space().extend_from_slice(piece);
            while let Some(item) = reader.next_item()? {
                items.push(item);
            }
        }
        Ok(items)
    }

    fn image(len: usize) -> Vec<u8> {
        let mut image = vec![0xff, 0xd8];
        image.resize(len, 7);
        image
    }

    fn stream(images: &[usize]) -> Vec<u8> {
        let part = |len: &usize| [&(*len as u32).to_le_bytes(), &image(*len)[..]].concat();
        images.iter().flat_map(part).collect()
    }

    #[test]
    fn images_and_the_end_come_however_the_stream_is_cut() {
        let stream = [stream(&[2, 700, 1000]), vec![0; 4]].concat();
        for piece in [1, 3, 4, 5, 999, 5000] {
            let items = read(&stream, piece).unwrap();
            let expected = [2, 700, 1000].map(|len| Item::Image(image(len).into()));
            assert_eq!(items[..3], expected, "in pieces of {piece}");
            assert_eq!(items[3], Item::End);
        }
    }

    #[test]
    fn wrong_lengths_and_what_is_no_jpeg_are_errors_at_once() {
        let limit = 1000;
        assert_eq!(
            read(&1001_u32.to_le_bytes(), 4),
            Err(WireError::TooLarge { len: 1001, limit })
        );
        assert!(read(b"GET / HTTP/1.1\r\n", 3).is_err());
        assert!(read(&700_u32.to_be_bytes(), 4).is_err());
        let text = [&5_u32.to_le_bytes(), &b"hello"[..]].concat();
        assert_eq!(read(&text, 1), Err(WireError::NotJpeg { len: 5 }));
    }

    #[test]
    fn a_half_image_is_no_place_to_end() {
        let mut reader = Reader::new(1000);
        assert!(reader.is_between_images());
        reader.space().extend_from_slice(&stream(&[100])[..50]);
        assert_eq!(reader.next_item(), Ok(None));
        assert!(!reader.is_between_images());
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_never_gives_more_than_the_limit(
            garbage in prop::collection::vec(prop_oneof![Just(0_u8), Just(2), Just(0xff), Just(0xd8), any::<u8>()], 0..300),
            piece in 1..40_usize,
        ) {
            let whole = read(&garbage, garbage.len());
            prop_assert_eq!(&read(&garbage, piece), &whole);
            for item in whole.into_iter().flatten() {
                if let Item::Image(image) = item {
                    prop_assert!(image.len() <= 1000);
                }
            }
        }
    }
}

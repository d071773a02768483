//! A stream of JPEGs with nothing meaningful between them. No I/O here.
//!
//! Parts with headers belong to `multipart`.

use super::multipart::{Part, problem};
use bytes::BytesMut;
use memchr::memmem;
use pistreamer_protocol::jpeg::{self, Step, Walk};

/// Parses a stream incrementally. Holds at most one image of the limit and what was fed last.
#[derive(Debug)]
pub struct Bare {
    limit: usize,
    buffer: BytesMut,
    /// How far the picture in progress has been walked.
    walk: Walk,
    /// Width and height of the first picture.
    size: Option<(u16, u16)>,
}

/// How a picture begins: SOI, and the first byte of the marker that has to follow.
const START: [u8; 3] = [0xff, 0xd8, 0xff];

impl Bare {
    /// A reader of images that have at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            buffer: BytesMut::new(),
            walk: Walk::default(),
            size: None,
        }
    }

    /// Adds received bytes. Call [`Self::next_part`] until it returns nothing.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns true if no picture has begun since the last one.
    pub fn is_between(&self) -> bool {
        self.walk.is_new()
    }

    /// Number of bytes held.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next picture, once it is whole.
    pub fn next_part(&mut self) -> Option<Part> {
        loop {
            if self.walk.is_new() {
                let start = memmem::find(&self.buffer, &START);
                let passed = start.unwrap_or(self.buffer.len().saturating_sub(START.len() - 1));
                let _ = self.buffer.split_to(passed);
                start?;
            }
            let picture = &self.buffer[..self.buffer.len().min(self.limit)];
            let step = self.walk.go(picture);
            let walked = self.walk.len().min(picture.len());
            let followed = self.buffer[walked..].starts_with(&jpeg::SOI);
            match step {
                Step::End(end) => {
                    if let Some(image) = self.image(end) {
                        return Some(image);
                    }
                }
                Step::More if self.buffer.len() < self.limit => return None,
                Step::More => {
                    let limit = self.limit;
                    return Some(
                        self.broken(limit, format!("it does not end within {limit} bytes")),
                    );
                }
                // The next one begins before this one has ended.
                Step::Lost if followed => {
                    if let Some(image) = self.image(walked) {
                        return Some(image);
                    }
                }
                Step::Lost => {
                    let problem = problem(&self.buffer);
                    return Some(self.broken(walked, problem));
                }
            }
        }
    }

    /// The picture that the end of the stream completes, if one has begun.
    pub fn finish(&mut self) -> Option<Part> {
        if self.walk.is_new() {
            return None;
        }
        self.image(self.buffer.len())
    }

    /// A picture of this many bytes; `None` for a preview: cameras append a smaller picture to each one, which would be
    /// shown in alternation with it.
    fn image(&mut self, bytes: usize) -> Option<Part> {
        self.walk = Walk::default();
        let image = self.buffer.split_to(bytes).freeze();
        if let Ok(info) = jpeg::inspect_headers(&image) {
            let (width, height) = *self.size.get_or_insert((info.width, info.height));
            if info.width < width && info.height < height {
                return None;
            }
        }
        Some(Part::Image(image))
    }

    /// Gives up a picture after this many bytes.
    fn broken(&mut self, bytes: usize, problem: String) -> Part {
        self.walk = Walk::default();
        let _ = self.buffer.split_to(bytes.max(jpeg::SOI.len()));
        Part::Broken(problem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn image(width: u8) -> Vec<u8> {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, width, 0, width];
        jpeg.extend([1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.extend([0x12; 100]);
        jpeg.extend(jpeg::EOI);
        jpeg
    }

    fn read(stream: &[u8], piece: usize) -> Vec<Part> {
        let mut bare = Bare::new(10_000);
        let mut parts = Vec::new();
        for piece in stream.chunks(piece.max(1)) {
            bare.feed(piece);
            while let Some(part) = bare.next_part() {
                parts.push(part);
            }
            assert!(bare.held() <= 10_000 + piece.len());
        }
        parts.extend(bare.finish());
        parts
    }

    fn whole(jpeg: &[u8]) -> Part {
        Part::Image(Bytes::copy_from_slice(jpeg))
    }

    #[test]
    fn pictures_come_one_after_the_other_whatever_stands_between_them() {
        for between in [&b""[..], b"\r\n", &[0; 1000], b"junk\xff", b"--b\r\n\r\n"] {
            let stream = [&image(16)[..], between].concat().repeat(3);
            for piece in [1, 7, 100, 10_000] {
                let parts = read(&stream, piece);
                assert_eq!(
                    parts,
                    [16; 3].map(|width| whole(&image(width))),
                    "{between:?}"
                );
            }
        }
    }

    #[test]
    fn a_picture_without_an_end_ends_where_the_next_begins_and_the_last_one_with_the_stream() {
        let open = &image(16)[..120];
        for piece in [1, 7, 1000] {
            let parts = read(&open.repeat(3), piece);
            assert_eq!(parts, [whole(open), whole(open), whole(open)]);
        }
    }

    #[test]
    fn the_preview_behind_a_picture_is_not_the_next_one() {
        let stream = [image(64), image(16)].concat().repeat(2);
        assert_eq!(read(&stream, 7), [whole(&image(64)), whole(&image(64))]);
        let sizes = [image(16), image(64), image(64)].concat();
        assert_eq!(read(&sizes, 7).len(), 3);
    }

    #[test]
    fn what_has_no_end_is_given_up_at_the_limit() {
        let endless = [&image(16)[..50], &[0x55; 20_000]].concat();
        let stream = [&endless[..], &image(16)].concat();
        for piece in [1, 1000, 100_000] {
            let parts = read(&stream, piece);
            assert_eq!(parts.len(), 2);
            assert!(matches!(&parts[0], Part::Broken(why) if why.contains("10000")));
            assert_eq!(parts[1], whole(&image(16)));
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_is_read_alike_however_it_is_cut(
            pieces in prop::collection::vec(prop_oneof![
                Just(image(16)),
                Just(image(16)[..30].to_vec()),
                Just(vec![0xff, 0xd8, 0xff, 0xfe, 0, 1]),
                prop::collection::vec(any::<u8>(), 0..20),
            ], 0..20),
            piece in 1..50_usize,
        ) {
            let stream = pieces.concat();
            prop_assert_eq!(read(&stream, piece), read(&stream, stream.len()));
        }
    }
}

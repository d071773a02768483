//! MJPEG's multipart as cameras really write it: with or without Content-Length, with all kinds of boundaries and line
//! ends. No I/O here.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use pistreamer_protocol::jpeg;

/// What a stream holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// One JPEG from SOI to EOI.
    Image(Bytes),
    /// A part that holds no whole JPEG, and why.
    Broken(String),
}

/// Takes a stream apart as it comes. Holds no more than one image of the limit and what was fed last.
#[derive(Debug)]
pub struct Multipart {
    /// The boundary without the dashes before it: cameras disagree on whose they are.
    name: Vec<u8>,
    delimiter: Finder<'static>,
    limit: usize,
    buffer: BytesMut,
    /// Whether the beginning of the line that comes was let go.
    long: bool,
    state: State,
}

/// A line without its end; of one that is too long to be one of ours, only the last bytes.
struct Line {
    text: Bytes,
    long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Up to the next delimiter everything is skipped.
    Seek,
    /// In the header of a part that has so many bytes so far, with the Content-Length if it came.
    Head { bytes: usize, len: Option<usize> },
    /// In a part of known length.
    Sized { len: usize },
    /// In a part that ends where its JPEG does; so many bytes have been searched for the end.
    Open { searched: usize },
}

/// Longest line, and longest header of a part, in bytes. The fuzzer's inputs are short.
const LONGEST_HEAD: usize = if cfg!(fuzzing) { 512 } else { 16 << 10 };

impl Multipart {
    /// A reader for what stands behind `boundary=` in a Content-Type. Images have at most `limit` bytes.
    pub fn new(boundary: &str, limit: usize) -> Self {
        let name = boundary.trim_start_matches('-').as_bytes().to_vec();
        let delimiter = [b"--", &name[..]].concat();
        Self {
            delimiter: Finder::new(&delimiter).into_owned(),
            name,
            limit,
            buffer: BytesMut::new(),
            long: false,
            state: State::Seek,
        }
    }

    /// Adds what came. [`Self::next`] is to be called until it gives nothing.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes are held.
    #[cfg(any(test, fuzzing))]
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next part, once it is whole.
    pub fn next(&mut self) -> Option<Part> {
        loop {
            match self.state {
                State::Seek => {
                    let line = self.line()?;
                    if self.is_delimiter(&line.text) {
                        self.state = State::Head {
                            bytes: 0,
                            len: None,
                        };
                    }
                }
                State::Head { bytes, len } => {
                    let Line { text: line, long } = self.line()?;
                    let bytes = bytes + line.len() + 1;
                    let text = std::str::from_utf8(&line).unwrap_or_default().trim();
                    if long || bytes > LONGEST_HEAD {
                        return Some(self.broken("its header is too long"));
                    }
                    if !line.trim_ascii().is_empty() {
                        let len = content_length(text).or(len);
                        self.state = State::Head { bytes, len };
                        continue;
                    }
                    self.state =
                        match len {
                            Some(len) if len > self.limit => {
                                let limit = self.limit;
                                return Some(self.broken(&format!(
                                    "it has {len} bytes, and {limit} are the most"
                                )));
                            }
                            Some(len) => State::Sized { len },
                            None => State::Open { searched: 0 },
                        };
                }
                State::Sized { len } => {
                    if self.buffer.len() < len {
                        return None;
                    }
                    self.state = State::Seek;
                    let mut part = self.buffer.split_to(len).freeze();
                    // Cameras pad their buffers with zeros, and some count the line end that follows.
                    return Some(match jpeg::inspect_prefix(&part) {
                        Ok(info) => Part::Image(part.split_to(info.len)),
                        Err(error) => Part::Broken(error.to_string()),
                    });
                }
                State::Open { searched } => return self.open_part(searched),
            }
        }
    }

    /// The JPEG of a part without a length. It is whole with its own end: the delimiter comes with the next one only.
    fn open_part(&mut self, searched: usize) -> Option<Part> {
        if searched == 0 {
            let blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
            let blanks = self.buffer.iter().take_while(blank).count();
            let _ = self.buffer.split_to(blanks);
        }
        // No further than where the limit is sure to be passed, however much has come.
        let most = self.limit + self.delimiter.needle().len();
        let part = &self.buffer[..self.buffer.len().min(most)];
        let from = searched.saturating_sub(self.name.len() + 4);
        let delimiter = self.delimiter.find(&part[from..]).map(|at| from + at);
        let whole = &part[..delimiter.unwrap_or(part.len())];
        let ended = memchr::memmem::find(&part[from..], &jpeg::EOI).is_some();
        if ended
            && let Ok(info) = jpeg::inspect_prefix(whole)
            && info.len <= self.limit
        {
            self.state = State::Seek;
            return Some(Part::Image(self.buffer.split_to(info.len).freeze()));
        }
        let limit = self.limit;
        let endless = || format!("it does not end within {limit} bytes");
        if let Some(at) = delimiter {
            let problem =
                jpeg::inspect_prefix(whole).map_or_else(|error| error.to_string(), |_| endless());
            let _ = self.buffer.split_to(at);
            return Some(self.broken(&problem));
        }
        if part.len() == most {
            let _ = self.buffer.split_to(limit);
            return Some(self.broken(&endless()));
        }
        self.state = State::Open {
            searched: part.len(),
        };
        None
    }

    fn broken(&mut self, problem: &str) -> Part {
        self.state = State::Seek;
        Part::Broken(problem.to_owned())
    }

    /// The next line, once it is whole. What is let go of a long one does not depend on the pieces in which it came.
    fn line(&mut self) -> Option<Line> {
        // A delimiter may have begun, so its length is kept.
        let keep = self.name.len() + 4;
        match memchr::memchr(b'\n', &self.buffer) {
            Some(end) => {
                let mut text = self.buffer.split_to(end + 1).freeze();
                text.truncate(end);
                let long = std::mem::take(&mut self.long) || end > LONGEST_HEAD;
                if long {
                    let _ = text.split_to(end.saturating_sub(keep));
                }
                Some(Line { text, long })
            }
            None => {
                if self.buffer.len() > LONGEST_HEAD {
                    let _ = self.buffer.split_to(self.buffer.len() - keep);
                    self.long = true;
                }
                None
            }
        }
    }

    /// Whether a line opens a part. It may end with what was left of the part before.
    fn is_delimiter(&self, line: &[u8]) -> bool {
        if line.trim_ascii() == self.name {
            return true;
        }
        let Some(at) = self.delimiter.find(line) else {
            return false;
        };
        line[at + 2 + self.name.len()..].trim_ascii().is_empty()
    }
}

fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    name.trim()
        .eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().ok())?
}

/// The boundary in a Content-Type, if it is multipart of any kind.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    let is_multipart = kind
        .trim()
        .get(..10)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"));
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').trim())
    })?;
    let named = !boundary.trim_start_matches('-').is_empty() && boundary.len() <= LONGEST_BOUNDARY;
    (is_multipart && named).then_some(boundary)
}

/// RFC 2046 allows 70 characters; some cameras take more.
const LONGEST_BOUNDARY: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A whole JPEG of 8 lines with so many bytes of picture.
    fn image(bytes: usize) -> Vec<u8> {
        let mut jpeg = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0];
        jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
        jpeg.resize(jpeg.len() + bytes, 0x12);
        jpeg.extend([0xff, 0xd9]);
        jpeg
    }

    fn read(boundary: &str, stream: &[u8], piece: usize) -> Vec<Part> {
        let mut multipart = Multipart::new(boundary, 100_000);
        let mut parts = Vec::new();
        for piece in stream.chunks(piece) {
            multipart.feed(piece);
            while let Some(part) = multipart.next() {
                parts.push(part);
            }
        }
        parts
    }

    fn images(boundary: &str, stream: &[u8]) -> usize {
        let counts = [1, 2, 7, 100, 1 << 20].map(|piece| {
            let parts = read(boundary, stream, piece);
            for part in &parts {
                assert_eq!(*part, Part::Image(image(50).into()), "in pieces of {piece}");
            }
            parts.len()
        });
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        counts[0]
    }

    fn parts(head: &str, tail: &str) -> Vec<u8> {
        [head.as_bytes(), &image(50), tail.as_bytes()]
            .concat()
            .repeat(3)
    }

    #[test]
    fn parts_come_with_and_without_lengths_and_with_any_line_end() {
        let len = image(50).len();
        for (head, tail) in [
            (
                format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len}\r\n\r\n"),
                "\r\n",
            ),
            (format!("--b\ncontent-length:{len}\n\n"), "\n"),
            ("--b\r\nContent-Type: image/jpeg\r\n\r\n".into(), "\r\n"),
            ("--b\r\n\r\n\r\n".into(), ""),
            ("b\nX-Other: 1\n\n".into(), "\n"),
            (
                format!("--b\r\nContent-Length: {}\r\n\r\n", len + 2),
                "\r\n",
            ),
        ] {
            let stream = [
                b"a preamble\r\n",
                &parts(&head, tail)[..],
                b"--b--\r\nthe end\r\n",
            ]
            .concat();
            assert_eq!(images("b", &stream), 3, "{head:?}");
        }
    }

    #[test]
    fn dashes_of_the_boundary_are_anybodys() {
        for in_header in ["frame", "--frame", "----frame"] {
            for in_body in ["--frame", "----frame"] {
                let stream = parts(&format!("{in_body}\r\nA: b\r\n\r\n"), "\r\n");
                assert_eq!(images(in_header, &stream), 3, "{in_header} and {in_body}");
            }
        }
    }

    #[test]
    fn a_part_without_a_length_is_whole_before_the_next_boundary() {
        let stream = [b"--b\r\n\r\n", &image(50)[..]].concat();
        assert_eq!(read("b", &stream, 10).len(), 1);
    }

    #[test]
    fn broken_parts_cost_themselves() {
        let good = [b"--b\r\n\r\n", &image(50)[..], b"\r\n"].concat();
        for bad in [
            &b"--b\r\n\r\nno picture\r\n"[..],
            b"--b\r\n\r\n\xff\xd8\xff\xd9\r\n",
            b"--b\r\nContent-Length: 6\r\n\r\nhello!\r\n",
            b"--b\r\nContent-Length: 999999999\r\n\r\nhello!\r\n",
            &[b"--b\r\n\r\n", &image(50)[..40], b"\r\n"].concat(),
        ] {
            let stream = [&good, bad, &good].concat();
            let parts = read("b", &stream, 16);
            assert!(
                matches!(
                    &parts[..],
                    [Part::Image(_), Part::Broken(_), Part::Image(_)]
                ),
                "{parts:?}"
            );
        }
    }

    #[test]
    fn a_part_without_an_end_is_given_up_at_the_limit() {
        let mut multipart = Multipart::new("b", 10_000);
        multipart.feed(b"--b\r\n\r\n\xff\xd8");
        let mut broken = 0;
        for _ in 0..100 {
            multipart.feed(&[0x55; 1000]);
            while let Some(part) = multipart.next() {
                assert!(matches!(part, Part::Broken(_)));
                broken += 1;
            }
            assert!(multipart.held() <= LONGEST_HEAD + 1000);
        }
        assert_eq!(broken, 1);
    }

    #[test]
    fn what_is_too_long_is_read_alike_however_it_is_cut() {
        let good = [b"--b\r\n\r\n", &image(50)[..], b"\r\n"].concat();
        let long = vec![b'x'; LONGEST_HEAD + 1];
        let too_large = [b"--b\r\n\r\n", &image(100_000)[..], b"\r\n"].concat();
        let split = [
            b"--b\r\n\r\n",
            &image(50)[..40],
            b"--b\r\n",
            &image(50)[40..],
        ]
        .concat();
        for (bad, broken) in [
            // A delimiter that is not the end of its line is none, however long that is.
            ([b"--b ", &long[..], b"\n"].concat(), 0),
            ([b"--b\nA: ", &long[..], b"\n\n"].concat(), 1),
            (too_large, 1),
            (split, 1),
        ] {
            let stream = [&good[..], &bad, &good].concat();
            let whole = read("b", &stream, stream.len());
            let is_broken = |part: &&Part| matches!(part, Part::Broken(_));
            assert_eq!(whole.iter().filter(is_broken).count(), broken);
            assert_eq!(whole.len() - broken, 2);
            for piece in [1, 7, 1000] {
                assert_eq!(read("b", &stream, piece), whole, "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn boundaries_are_found_quoted_or_not() {
        let kind = |text| boundary(text);
        assert_eq!(kind("multipart/x-mixed-replace;boundary=abc"), Some("abc"));
        assert_eq!(
            kind("Multipart/Mixed; a=b; Boundary=\"--a b\""),
            Some("--a b")
        );
        for none in [
            "image/jpeg",
            "multipart/x-mixed-replace",
            "multipart/x; boundary=--",
            "text/html; boundary=x",
            "é;é=é",
            "",
        ] {
            assert_eq!(kind(none), None);
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics_and_is_read_alike_however_it_is_cut(
            pieces in prop::collection::vec(prop_oneof![
                Just(b"--b\r\n".to_vec()),
                Just(b"\r\n".to_vec()),
                Just(b"Content-Length: 77\n".to_vec()),
                Just(image(50)),
                Just(image(50)[..30].to_vec()),
                prop::collection::vec(any::<u8>(), 0..20),
            ], 0..20),
            piece in 1..50_usize,
        ) {
            let stream = pieces.concat();
            let whole = read("b", &stream, stream.len().max(1));
            prop_assert_eq!(read("b", &stream, piece), whole);
        }
    }
}

//! MJPEG's multipart as cameras really write it: with or without Content-Length, with all kinds of boundaries and line
//! ends. No I/O here.

use super::walk::{Step, Walk};
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
    /// `None` until the first delimiter tells it.
    boundary: Option<Boundary>,
    limit: usize,
    buffer: BytesMut,
    /// Whether the beginning of the line that comes was let go.
    long: bool,
    state: State,
    /// So many bytes may be read again, in search of the delimiter that a broken JPEG ran over. Each byte that is let go adds
    /// one, so that broken JPEGs cost no more than twice their length.
    again: usize,
}

/// What stands between parts.
#[derive(Debug)]
struct Boundary {
    /// Without the dashes before it: cameras disagree on whose they are.
    name: Vec<u8>,
    delimiter: Finder<'static>,
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
    /// In a part, which ends where its JPEG does. It has `len` bytes where its header says so and is not found wrong.
    Body { walk: Walk, len: Option<usize> },
}

/// Longest line, and longest header of a part, in bytes. The fuzzer's inputs are short.
const LONGEST_HEAD: usize = if cfg!(fuzzing) { 512 } else { 16 << 10 };

impl Boundary {
    /// What stands behind `boundary=`, or in a delimiter. `None` for dashes alone and for what is too long.
    fn new(text: &[u8]) -> Option<Self> {
        let dashes = text.iter().take_while(|byte| **byte == b'-').count();
        let name = text[dashes..].to_vec();
        let named = !name.is_empty() && text.len() <= LONGEST_BOUNDARY;
        named.then(|| Self {
            delimiter: Finder::new(&[b"--", &name[..]].concat()).into_owned(),
            name,
        })
    }

    /// Whether a line opens a part. It may end with what was left of the part before.
    fn is_delimiter(&self, line: &[u8]) -> bool {
        if line.trim_ascii() == self.name {
            return true;
        }
        let Some(at) = self.delimiter.find(line) else {
            return false;
        };
        line[at + self.delimiter.needle().len()..]
            .trim_ascii()
            .is_empty()
    }

    /// Whether a delimiter follows a part, with or without a line end before it; `None` where too little has come to tell.
    fn follows(&self, bytes: &[u8]) -> Option<bool> {
        let delimiter = self.delimiter.needle();
        let mut can_become_one = false;
        for line_end in ["", "\n", "\r\n"] {
            let whole = line_end.len() + delimiter.len();
            let expected = line_end.as_bytes().iter().chain(delimiter);
            if expected.zip(bytes).all(|(expected, byte)| expected == byte) {
                if bytes.len() >= whole {
                    return Some(true);
                }
                can_become_one = true;
            }
        }
        (!can_become_one).then_some(false)
    }
}

impl Multipart {
    /// A reader for what stands behind `boundary=` in a Content-Type, or where nothing does, for what the first line that begins
    /// with `--` says. Images have at most `limit` bytes.
    pub fn new(boundary: Option<&str>, limit: usize) -> Self {
        Self {
            boundary: boundary.and_then(|boundary| Boundary::new(boundary.as_bytes())),
            limit,
            buffer: BytesMut::new(),
            long: false,
            state: State::Seek,
            again: limit,
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
                    if self.opens_part(&line) {
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
                    if let Some(len) = len.filter(|len| *len > self.limit) {
                        let limit = self.limit;
                        return Some(
                            self.broken(&format!("it has {len} bytes, and {limit} are the most")),
                        );
                    }
                    let walk = Walk::default();
                    self.state = State::Body { walk, len };
                }
                State::Body { walk, len } => return self.body(walk, len),
            }
        }
    }

    /// The JPEG of a part. It is whole with its own end, whatever length its header gives: cameras pad their buffers with
    /// zeros, some count the line end that follows, some count wrong, and the delimiter comes with the next part only.
    fn body(&mut self, mut walk: Walk, mut len: Option<usize>) -> Option<Part> {
        if walk.is_new() {
            let blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
            let blanks = self.buffer.iter().take_while(blank).count();
            self.let_go(blanks);
            len = len.map(|len| len.saturating_sub(blanks));
        }
        // A JPEG that goes on where its part ends is cut off. What looks like a delimiter inside of it is none.
        if let Some(end) = len {
            let part = &self.buffer[..self.buffer.len().min(end)];
            let step = walk.go(part);
            if step == Step::More && part.len() == end {
                match self.boundary.as_ref()?.follows(&self.buffer[end..]) {
                    Some(true) => {
                        let problem = problem(part);
                        self.let_go(end);
                        return Some(self.broken(&problem));
                    }
                    Some(false) => len = None,
                    None => {}
                }
            }
            if len.is_some() {
                return self.stepped(step, walk, len);
            }
        }
        // No further than the limit, however much has come.
        let part = &self.buffer[..self.buffer.len().min(self.limit)];
        let step = walk.go(part);
        self.stepped(step, walk, len)
    }

    /// What a part is after that step.
    fn stepped(&mut self, step: Step, walk: Walk, len: Option<usize>) -> Option<Part> {
        match step {
            Step::End(end) => {
                self.state = State::Seek;
                Some(image_of(self.let_go(end)))
            }
            Step::More if self.buffer.len() < self.limit || len.is_some() => {
                self.state = State::Body { walk, len };
                None
            }
            Step::More => {
                let limit = self.limit;
                Some(self.retreat(limit, &format!("it does not end within {limit} bytes")))
            }
            Step::Lost => {
                let problem = problem(&self.buffer);
                let walked = walk.len().min(self.buffer.len());
                Some(self.retreat(walked, &problem))
            }
        }
    }

    /// Gives up a part whose JPEG has no end, after so many bytes. The delimiter that it ran over is looked for among them, unless
    /// that was done too often.
    fn retreat(&mut self, walked: usize, problem: &str) -> Part {
        match self.again.checked_sub(walked) {
            Some(again) => self.again = again,
            None => {
                self.let_go(walked);
            }
        }
        self.broken(problem)
    }

    fn broken(&mut self, problem: &str) -> Part {
        self.state = State::Seek;
        Part::Broken(problem.to_owned())
    }

    /// So many bytes, which are not held any more.
    fn let_go(&mut self, bytes: usize) -> Bytes {
        self.again = (self.again + bytes).min(self.limit);
        self.buffer.split_to(bytes).freeze()
    }

    /// The next line, once it is whole. What is let go of a long one does not depend on the pieces in which it came.
    fn line(&mut self) -> Option<Line> {
        // A delimiter may have begun, so its length is kept.
        let keep = self.boundary.as_ref().map_or(0, |it| it.name.len()) + 4;
        match memchr::memchr(b'\n', &self.buffer) {
            Some(end) => {
                let mut text = self.let_go(end + 1);
                text.truncate(end);
                let long = std::mem::take(&mut self.long) || end > LONGEST_HEAD;
                if long {
                    let _ = text.split_to(end.saturating_sub(keep));
                }
                Some(Line { text, long })
            }
            None => {
                if self.buffer.len() > LONGEST_HEAD {
                    self.let_go(self.buffer.len() - keep);
                    self.long = true;
                }
                None
            }
        }
    }

    /// Whether a line is a delimiter. Where nobody told the boundary, the first one that looks like it does.
    fn opens_part(&mut self, line: &Line) -> bool {
        if self.boundary.is_none() && !line.long && line.text.starts_with(b"--") {
            self.boundary = Boundary::new(line.text.trim_ascii());
        }
        let boundary = self.boundary.as_ref();
        boundary.is_some_and(|boundary| boundary.is_delimiter(&line.text))
    }
}

/// The JPEG that these bytes begin with. What follows it goes: cameras pad their buffers.
pub fn image_of(mut bytes: Bytes) -> Part {
    match jpeg::inspect_prefix(&bytes) {
        Ok(info) => Part::Image(bytes.split_to(info.len)),
        Err(error) => Part::Broken(error.to_string()),
    }
}

/// Why a part is no JPEG.
fn problem(part: &[u8]) -> String {
    jpeg::inspect_prefix(part).map_or_else(|error| error.to_string(), |_| "it has no end".into())
}

fn content_length(line: &str) -> Option<usize> {
    let (name, value) = line.split_once(':')?;
    name.trim()
        .eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().ok())?
}

/// Whether a Content-Type is multipart of any kind.
pub fn is_multipart(content_type: &str) -> bool {
    let kind = content_type.trim_start().get(..10);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

/// The boundary in a Content-Type, if it is multipart of any kind.
pub fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = super::items(content_type, ';').skip(1);
    let boundary = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').trim())
    })?;
    let named = !boundary.trim_start_matches('-').is_empty() && boundary.len() <= LONGEST_BOUNDARY;
    (is_multipart(content_type) && named).then_some(boundary)
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

    fn read<'a>(boundary: impl Into<Option<&'a str>>, stream: &[u8], piece: usize) -> Vec<Part> {
        let mut multipart = Multipart::new(boundary.into(), 100_000);
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
    fn the_jpeg_says_where_it_ends_whatever_its_header_says() {
        let len = image(50).len();
        let wrong = [0, 1, len - 20, len - 2, len - 1].into_iter().chain([
            len + 40,
            len + 73,
            len + 200,
            90_000,
        ]);
        for wrong in wrong {
            let head = format!("--b\r\nContent-Length: {wrong}\r\n\r\n");
            for tail in ["\r\n", "\n", "", "\0\0\0\0\r\n"] {
                assert_eq!(images("b", &parts(&head, tail)), 3, "{wrong}, {tail:?}");
            }
            let alone = [head.as_bytes(), &image(50)].concat();
            assert_eq!(read("b", &alone, 1).len(), 1, "{wrong}");
        }
    }

    #[test]
    fn a_jpeg_may_contain_what_looks_like_a_delimiter() {
        let comment = b"\xff\xfe\x00\x14--b and\r\n--b\r\n\r\nso";
        let mut jpeg = image(50);
        jpeg.splice(40..40, *b"\r\n--b\r\n\r\n--b");
        jpeg.splice(2..2, *comment);
        let len = jpeg.len();
        for length in [
            "",
            &format!("Content-Length: {len}\r\n"),
            &format!("Content-Length: {}\r\n", len - 3),
            &format!("Content-Length: {}\r\n", len + 60),
        ] {
            let head = format!("--b\r\n{length}\r\n");
            let stream = [head.as_bytes(), &jpeg, b"\r\n"].concat().repeat(3);
            for piece in [1, 7, 1000] {
                let parts = read("b", &stream, piece);
                let whole = || Part::Image(jpeg.clone().into());
                assert_eq!(parts, [whole(), whole(), whole()], "{length:?}");
            }
        }
    }

    #[test]
    fn a_jpeg_that_is_cut_off_where_its_header_says_does_not_run_on_into_the_next() {
        // As if a segment began that goes on for 2605 bytes.
        let mut cut = image(50)[..40].to_vec();
        cut.push(0xff);
        let part = |jpeg: &[u8]| {
            let head = format!("--b\r\nContent-Length: {}\r\n\r\n", jpeg.len());
            [head.as_bytes(), jpeg, b"\n"].concat()
        };
        let good = part(&image(5000));
        let stream = [&good[..], &part(&cut), &good, &good].concat();
        for piece in [1, 7, 1000, 1 << 20] {
            let parts = read("b", &stream, piece);
            let whole = |part: &Part| matches!(part, Part::Image(_));
            let wholes: Vec<_> = parts.iter().map(whole).collect();
            assert_eq!(wholes, [true, false, true, true], "{parts:?}");
        }
    }

    #[test]
    fn broken_jpegs_are_not_read_again_for_each_delimiter_in_them() {
        const NESTED: usize = 1000;
        let mut stream = b"x".to_vec();
        for number in 0..NESTED {
            // A segment up to where all of them end.
            let len = (NESTED - 1 - number) * 12 + 2;
            stream.extend(b"\n--b\n\n\xff\xd8\xff\xfe");
            stream.extend((len as u16).to_be_bytes());
        }
        stream.extend(b"\xff\xda\x00\x02");
        stream.resize(stream.len() + 60_000, 0x12);
        stream.extend(b"\xff\xd8\r\n--b\r\n\r\n");
        stream.extend(image(50));
        for piece in [7, 1000, 1 << 20] {
            let parts = read("b", &stream, piece);
            let Some((Part::Image(_), broken)) = parts.split_last() else {
                panic!("{parts:?}");
            };
            assert!((1..5).contains(&broken.len()), "{} times", broken.len());
        }
    }

    #[test]
    fn a_boundary_that_nobody_told_is_that_of_the_first_delimiter() {
        for begin in ["", "\r\n", "a preamble\r\n\r\n"] {
            let stream = [
                begin.as_bytes(),
                &parts("--a frame\r\nContent-Type: image/jpeg\r\n\r\n", "\r\n"),
                b"--other\r\n\r\n",
                &image(50),
            ]
            .concat();
            for piece in [1, 7, 1000] {
                assert_eq!(read(None, &stream, piece).len(), 3, "{begin:?}");
            }
        }
        assert_eq!(read(None, &parts("----\r\n\r\n", "\r\n"), 7), []);
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
        let mut multipart = Multipart::new(Some("b"), 10_000);
        multipart.feed(b"--b\r\n\r\n");
        multipart.feed(&image(0)[..25]);
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
        let cut = [b"--b\r\n\r\n", &image(50)[..40]].concat();
        for (bad, broken) in [
            // A delimiter that is not the end of its line is none, however long that is.
            ([b"--b ", &long[..], b"\n"].concat(), 0),
            ([b"--b\nA: ", &long[..], b"\n\n"].concat(), 1),
            (too_large, 1),
            (cut, 1),
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
        assert_eq!(
            kind("multipart/x-mixed-replace; a=\"\\\";\"; boundary=\"a;b=c\"; d=e"),
            Some("a;b=c")
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

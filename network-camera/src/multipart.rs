//! MJPEG's multipart as cameras really write it: with or without Content-Length, with all kinds of boundaries and line
//! ends. No I/O here.
//!
//! Whether a part can be shown is for the caller to decide.

mod boundary;

pub use boundary::boundary;

use boundary::Boundary;
use bytes::{Bytes, BytesMut};
use pistreamer_protocol::jpeg::{self, Step, Walk};

/// A part of a stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// One JPEG from SOI to EOI, or to where the next thing begins.
    Image(Bytes),
    /// A part without a JPEG, with the reason.
    Broken(String),
}

/// Parses a stream incrementally. Holds at most one image of the limit and what was fed last.
#[derive(Debug)]
pub struct Multipart {
    /// The boundary in the Content-Type.
    told: Option<Boundary>,
    /// The boundary in the stream, if it differs.
    seen: Option<Boundary>,
    /// Whether a picture came behind a delimiter. Until then anything that looks like a delimiter is one.
    confirmed: bool,
    /// Whether the part that comes was opened by a delimiter.
    delimited: bool,
    limit: usize,
    buffer: BytesMut,
    /// Whether the beginning of the line that comes was let go.
    long: bool,
    state: State,
    /// How many bytes may be read again, in search of the delimiter that a broken JPEG ran over. Each byte that is let go
    /// adds one, so that broken JPEGs cost no more than twice their length.
    again: usize,
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
    /// In the header of a part, with its bytes so far, with the Content-Length if it came.
    Head { bytes: usize, len: Option<usize> },
    /// In a part, which ends where its JPEG does. It has `len` bytes where its header says so and is not found wrong.
    Body { walk: Walk, len: Option<usize> },
}

/// Longest line, and longest header of a part, in bytes. The fuzzer's inputs are short.
const LONGEST_HEAD: usize = if cfg!(fuzzing) { 512 } else { 16 << 10 };

/// How a picture begins: SOI, and the first byte of the marker that has to follow.
const START: [u8; 3] = [0xff, 0xd8, 0xff];

impl State {
    const HEAD: Self = Self::Head {
        bytes: 0,
        len: None,
    };
}

impl Multipart {
    /// A reader for what stands behind `boundary=` in a Content-Type, and for what the stream itself says where that
    /// differs. Images have at most `limit` bytes.
    pub fn new(boundary: Option<&str>, limit: usize) -> Self {
        Self {
            told: boundary.and_then(|boundary| Boundary::new(boundary.as_bytes())),
            seen: None,
            confirmed: false,
            delimited: false,
            limit,
            buffer: BytesMut::new(),
            long: false,
            state: State::Seek,
            again: limit,
        }
    }

    /// Adds received bytes. Call [`Self::next_part`] until it returns nothing.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Number of bytes held.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// The next part, once it is whole.
    pub fn next_part(&mut self) -> Option<Part> {
        loop {
            match self.state {
                State::Seek => {
                    if !self.confirmed && !self.long {
                        match begins(&self.buffer, &START) {
                            Some(true) => {
                                self.delimited = false;
                                self.state = State::Body {
                                    walk: Walk::default(),
                                    len: None,
                                };
                                continue;
                            }
                            None if !self.buffer.is_empty() => return None,
                            _ => {}
                        }
                    }
                    let line = self.line()?;
                    self.delimited = self.opens_part(&line);
                    if self.delimited {
                        self.state = State::HEAD;
                    } else if !self.confirmed && is_part_header(&line.text) {
                        let len = content_length(&line.text);
                        self.state = State::Head { bytes: 0, len };
                    }
                }
                State::Head { bytes, len } => {
                    let line = self.line()?;
                    // One in a value, such as `boundary=--b`, does not count.
                    if line.text.starts_with(b"--") && self.opens_part(&line) {
                        self.delimited = true;
                        self.state = State::HEAD;
                        if bytes > 0 {
                            return Some(Part::Broken("its header does not end".to_owned()));
                        }
                        continue;
                    }
                    let bytes = bytes + line.text.len() + 1;
                    if line.long || bytes > LONGEST_HEAD {
                        return Some(self.broken("its header is too long"));
                    }
                    self.state = if line.text.trim_ascii().is_empty() {
                        // One that cannot be is not needed either: the JPEG says where it ends.
                        let len = len.filter(|len| *len <= self.limit);
                        let walk = Walk::default();
                        State::Body { walk, len }
                    } else {
                        let len = content_length(&line.text).or(len);
                        State::Head { bytes, len }
                    };
                }
                State::Body { walk, len } => {
                    if walk.is_new() {
                        let blank = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
                        let blanks = self.buffer.iter().take_while(blank).count();
                        self.let_go(blanks);
                        let len = len.map(|len| len.saturating_sub(blanks));
                        self.state = State::Body { walk, len };
                        // Some write an empty line between delimiter and header.
                        match begins_caseless(&self.buffer, PART_HEADER) {
                            Some(true) => {
                                self.state = State::HEAD;
                                continue;
                            }
                            None => return None,
                            Some(false) => return self.body(walk, len),
                        }
                    }
                    return self.body(walk, len);
                }
            }
        }
    }

    /// The picture that the end of the stream completes, if one has begun.
    pub fn finish(&mut self) -> Option<Part> {
        match std::mem::replace(&mut self.state, State::Seek) {
            State::Body { walk, .. } if !walk.is_new() => {
                Some(Part::Image(self.buffer.split().freeze()))
            }
            _ => None,
        }
    }

    /// The JPEG of a part. It is whole with its own end, whatever length its header gives: cameras pad their buffers with
    /// zeros, some count the line end that follows, some count wrong, and the delimiter comes with the next part only.
    fn body(&mut self, mut walk: Walk, mut len: Option<usize>) -> Option<Part> {
        // A JPEG that goes on where its part ends has no end. What looks like a delimiter inside of it is none.
        if let Some(end) = len {
            let part = &self.buffer[..self.buffer.len().min(end)];
            let step = walk.go(part);
            if step == Step::More && part.len() == end {
                match self.delimiter_follows(end) {
                    Some(true) => return Some(self.image(end)),
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

    /// Returns true if the part ends with a delimiter after this many bytes; `None` if too little has arrived to tell.
    fn delimiter_follows(&self, end: usize) -> Option<bool> {
        let mut undecided = false;
        for boundary in self.boundaries() {
            match boundary.follows(&self.buffer[end..]) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => undecided = true,
            }
        }
        (!undecided).then_some(false)
    }

    /// What a part is after that step.
    fn stepped(&mut self, step: Step, walk: Walk, len: Option<usize>) -> Option<Part> {
        match step {
            Step::End(end) => Some(self.image(end)),
            Step::More if self.buffer.len() < self.limit || len.is_some() => {
                self.state = State::Body { walk, len };
                None
            }
            Step::More => {
                let limit = self.limit;
                Some(self.retreat(limit, &format!("it does not end within {limit} bytes")))
            }
            Step::Lost => {
                let walked = walk.len().min(self.buffer.len());
                if self.buffer[walked..].starts_with(&jpeg::SOI) && walked > 0 {
                    let passed = &self.buffer[..walked];
                    let ends = self.boundaries().filter_map(|it| it.last_in(passed));
                    match ends.max() {
                        Some(end) => return Some(self.image(end)),
                        None if !self.confirmed => return Some(self.image(walked)),
                        None => {}
                    }
                }
                let problem = problem(&self.buffer);
                Some(self.retreat(walked, &problem))
            }
        }
    }

    /// A picture of this many bytes.
    fn image(&mut self, bytes: usize) -> Part {
        self.state = State::Seek;
        self.confirmed |= self.delimited;
        Part::Image(self.let_go(bytes))
    }

    /// Gives up a part whose JPEG has no end, after this many bytes. The delimiter that it ran over is looked for among
    /// them, unless that was done too often.
    fn retreat(&mut self, walked: usize, problem: &str) -> Part {
        match self.again.checked_sub(walked) {
            Some(again) => {
                self.again = again;
                // It must not begin once more.
                self.let_go(walked.min(jpeg::SOI.len()));
            }
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

    /// This many bytes, which are not held any more.
    fn let_go(&mut self, bytes: usize) -> Bytes {
        self.again = (self.again + bytes).min(self.limit);
        self.buffer.split_to(bytes).freeze()
    }

    /// The next line, once it is whole. What is let go of a long one does not depend on the pieces in which it came.
    fn line(&mut self) -> Option<Line> {
        // A delimiter may have begun, so its length is kept.
        let keep = self.boundaries().map(Boundary::len).max().unwrap_or(0) + 4;
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

    fn boundaries(&self) -> impl Iterator<Item = &Boundary> {
        self.told.iter().chain(&self.seen)
    }

    /// Whether a line is a delimiter. Until it is known which ones are, each that looks like one is taken at its word.
    fn opens_part(&mut self, line: &Line) -> bool {
        if self.boundaries().any(|it| it.is_delimiter(&line.text)) {
            return true;
        }
        if self.confirmed || line.long || !line.text.starts_with(b"--") {
            return false;
        }
        let text = line.text.trim_ascii();
        let is_text = text.iter().all(|byte| (b' '..=b'~').contains(byte));
        match Boundary::new(text).filter(|_| is_text) {
            Some(boundary) => {
                self.seen = Some(boundary);
                true
            }
            None => false,
        }
    }
}

/// Returns true if the bytes begin so; `None` if there are too few to tell.
fn begins(bytes: &[u8], beginning: &[u8]) -> Option<bool> {
    if bytes.len() >= beginning.len() {
        return Some(bytes.starts_with(beginning));
    }
    (!beginning.starts_with(bytes)).then_some(false)
}

fn begins_caseless(bytes: &[u8], beginning: &[u8]) -> Option<bool> {
    let both = bytes.len().min(beginning.len());
    let is_so = bytes[..both].eq_ignore_ascii_case(&beginning[..both]);
    (!is_so || both == beginning.len()).then_some(is_so)
}

/// How the headers of a part begin.
const PART_HEADER: &[u8] = b"content-";

/// Whether a line is a part's header that no delimiter came before.
fn is_part_header(line: &[u8]) -> bool {
    begins_caseless(line, PART_HEADER) == Some(true) && line.contains(&b':')
}

/// A snapshot, ignoring what follows it.
pub fn image_of(mut bytes: Bytes) -> Part {
    match Walk::default().go(&bytes) {
        Step::End(end) => Part::Image(bytes.split_to(end)),
        Step::More if bytes.len() > jpeg::SOI.len() => Part::Image(bytes),
        Step::More | Step::Lost => Part::Broken(problem(&bytes)),
    }
}

/// Why a part is no JPEG.
pub(crate) fn problem(part: &[u8]) -> String {
    jpeg::inspect_prefix(part).map_or_else(|error| error.to_string(), |_| "it has no end".into())
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
    name.trim()
        .eq_ignore_ascii_case("content-length")
        .then(|| value.trim().parse().ok())?
}

/// Whether a Content-Type is multipart of any kind.
pub fn is_multipart(content_type: &str) -> bool {
    let kind = content_type.trim_start().get(..10);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

#[cfg(test)]
mod tests;

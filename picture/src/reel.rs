//! One file of many JPEGs, one after the other, read piece by piece, whatever its size.
//!
//! Which file, and when the next picture is due, is for the caller to decide.

use crate::{Mended, Whole};
use pistreamer_protocol::jpeg::{self, Step, Walk};
use std::io::{self, Read, Seek, SeekFrom};

/// What a pass over pictures finds.
#[derive(Debug)]
pub enum Found {
    /// A picture, mended.
    Picture(Whole),
    /// A broken picture: where it is, and why it is skipped.
    Broken(String),
}

/// One pass over a file.
#[derive(Debug)]
pub struct Reel<R> {
    file: R,
    /// Largest picture in bytes, and thereby most of the file that is held at once.
    largest: usize,
    /// The part of the file that is held.
    held: Vec<u8>,
    /// How much of that has been consumed.
    done: usize,
    /// The offset of `held` in the file.
    base: u64,
    /// True once the file has been read to its end.
    ended: bool,
    /// True while the rest of a broken picture that was reported is to be skipped.
    in_wreck: bool,
    /// Offsets of pictures that belong to the last one, such as its preview.
    parts: Vec<u64>,
}

/// How a picture begins: SOI, and the first byte of the marker that has to follow.
const START: [u8; 3] = [0xff, 0xd8, 0xff];
/// Bytes that are read at first for a picture; where they don't suffice, twice as many. The fuzzer's inputs are short.
const PIECE: usize = if cfg!(fuzzing) { 64 } else { 256 << 10 };

impl<R: Read> Reel<R> {
    /// A pass over a file whose pictures have at most `largest` bytes.
    pub fn new(file: R, largest: usize) -> Self {
        Self {
            file,
            largest,
            held: Vec::new(),
            done: 0,
            base: 0,
            ended: false,
            in_wreck: false,
            parts: Vec::new(),
        }
    }

    /// The next picture, whole or broken; `None` at the end. Anything between pictures, such as the headers of a saved
    /// multipart stream, is skipped.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn next_picture(&mut self) -> io::Result<Option<Found>> {
        loop {
            match self.any()? {
                Some((at, _)) if self.parts.contains(&at) => {}
                found => return Ok(found.map(|(_, found)| found)),
            }
        }
    }

    /// The next picture and its offset, even if it is part of the one before.
    fn any(&mut self) -> io::Result<Option<(u64, Found)>> {
        if let Some(headless) = self.find_start()? {
            return Ok(Some((self.position(), headless)));
        }
        let at = self.position();
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut walk = Walk::default();
        loop {
            let rest = self.rest();
            let error = match walk.go(rest) {
                Step::End(len) if len <= self.largest => {
                    let picture = Mended::copy_of_ended(&rest[..len]).and_then(Mended::whole);
                    let found = picture.map_or_else(
                        |error| Found::Broken(self.broken(&error.to_string())),
                        Found::Picture,
                    );
                    if !self.parts.contains(&at) {
                        let parts = jpeg::parts(rest).into_iter();
                        self.parts = parts.map(|part| at + part as u64).collect();
                    }
                    self.done += len;
                    return Ok(Some((at, found)));
                }
                Step::End(_) => format!("it is larger than {} bytes", self.largest),
                Step::More if !self.ended => {
                    if rest.len() < self.largest {
                        self.read((rest.len() * 2).max(PIECE).min(self.largest))?;
                        continue;
                    }
                    format!("it is larger than {} bytes", self.largest)
                }
                Step::More | Step::Lost => match self.without_end() {
                    Some((picture, taken)) => {
                        self.done += taken;
                        return Ok(Some((at, Found::Picture(picture))));
                    }
                    None => jpeg::inspect_prefix(rest)
                        .map_or_else(|error| error.to_string(), |_| "it has no end".into()),
                },
            };
            let reason = self.broken(&error);
            // Its preview lies within a segment of its headers, and must not be taken for the next picture.
            let headers = jpeg::segments(rest).map_while(Result::ok).last();
            self.done += headers.map_or(jpeg::SOI.len(), |last| last.end());
            self.in_wreck = true;
            return Ok(Some((at, Found::Broken(reason))));
        }
    }

    /// Advances to the start of the next picture, or to the end. Reports an end without a start.
    fn find_start(&mut self) -> io::Result<Option<Found>> {
        loop {
            let rest = self.rest();
            let start = find(rest, &START);
            let passed = start.unwrap_or(rest.len());
            if let Some(end) = find(&rest[..passed], &jpeg::EOI) {
                self.done += end + jpeg::EOI.len();
                if std::mem::take(&mut self.in_wreck) {
                    continue;
                }
                let at = self.position();
                return Ok(Some(Found::Broken(format!(
                    "the picture that ends at byte {at} of the file: it has no start"
                ))));
            }
            if start.is_some() || self.ended {
                self.done += passed;
                self.in_wreck = false;
                return Ok(None);
            }
            // The last bytes may be the first of a marker.
            self.done += passed.saturating_sub(START.len() - 1);
            self.read(PIECE)?;
        }
    }

    /// The next picture if only its end is missing, and its length in bytes.
    fn without_end(&self) -> Option<(Whole, usize)> {
        let rest = self.rest();
        let taken = jpeg::mend(rest).ok()?.taken;
        let picture = Mended::copy_of(&rest[..taken]).and_then(Mended::whole);
        Some((picture.ok()?, taken))
    }

    fn broken(&self, why: &str) -> String {
        format!("the picture at byte {} of the file: {why}", self.position())
    }

    fn rest(&self) -> &[u8] {
        &self.held[self.done..]
    }

    fn position(&self) -> u64 {
        self.base + self.done as u64
    }

    /// Reads on until `want` unconsumed bytes are held, or the file ends.
    fn read(&mut self, want: usize) -> io::Result<()> {
        self.held.drain(..self.done);
        self.base += self.done as u64;
        self.done = 0;
        let missing = want.saturating_sub(self.held.len()) as u64;
        let got = self
            .file
            .by_ref()
            .take(missing)
            .read_to_end(&mut self.held)?;
        self.ended = (got as u64) < missing;
        Ok(())
    }
}

impl<R: Read + Seek> Reel<R> {
    /// Continues another pass in this one, which has not begun.
    ///
    /// # Errors
    /// Where the file has no such place.
    pub fn resuming(mut self, before: &Self) -> io::Result<Self> {
        self.base = before.position();
        self.file.seek(SeekFrom::Start(self.base))?;
        self.parts.clone_from(&before.parts);
        Ok(self)
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

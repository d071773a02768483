//! Frames as files of a ZIP archive, in pieces that are sent as they are made. JPEGs are stored as they are.
//!
//! The format is that of PKWARE's APPNOTE 6.3: ZIP64 where the archive needs it, and only there. Written by hand because a library for
//! it would write to a file, or keep all names in memory; this keeps 24 bytes a frame.

use super::Found;
use std::io;

/// Seconds of a day, and the year in which the time of archives begins.
const DAY_S: u64 = 24 * 3600;
const FIRST_YEAR: u64 = 1980;

/// Entries of the directory at the end that are made at a time.
const PIECE: usize = 500;

/// Bytes of an entry before its name, and of what follows on it: the time to the second.
const LOCAL_HEAD: u64 = 30;
const TIME_EXTRA: u64 = 9;

/// The bytes of an archive, piece by piece.
#[derive(Debug)]
pub struct Zip<I> {
    frames: I,
    /// A file that comes before the frames, until it is written.
    first: Option<(&'static str, Vec<u8>)>,
    /// Whether the archive has it.
    has_first: Option<Written>,
    first_name: &'static str,
    written: Vec<Written>,
    at: u64,
    /// Entries that the directory has, once all frames are written, and where it begins.
    listed: Option<(usize, u64)>,
    is_over: bool,
}

/// What the directory has to say of an entry.
#[derive(Clone, Copy, Debug)]
struct Written {
    at_ms: u64,
    number: u64,
    crc: u32,
    len: u32,
}

/// `20261121T101530.123Z-000001042.jpg`, as `pistreamer grab` calls them.
fn name(of: &Written) -> String {
    let time = crate::name::time(of.at_ms).replace(['-', ':'], "");
    format!("{time}-{:09}.jpg", of.number)
}

impl<I: Iterator<Item = io::Result<Found>>> Zip<I> {
    /// An archive of a file that says what it is, and of these frames. Frames are numbered from 1.
    pub fn of(frames: I, about: (&'static str, Vec<u8>)) -> Self {
        Self {
            frames,
            first_name: about.0,
            first: Some(about),
            has_first: None,
            written: Vec::new(),
            at: 0,
            listed: None,
            is_over: false,
        }
    }

    /// What an entry begins with.
    fn begin(&mut self, name: &str, of: &Written) -> Vec<u8> {
        let mut head =
            Vec::with_capacity((LOCAL_HEAD + TIME_EXTRA) as usize + name.len() + of.len as usize);
        head.extend(0x0403_4B50_u32.to_le_bytes());
        head.extend(fields(name, of, 20));
        head.extend((TIME_EXTRA as u16).to_le_bytes());
        head.extend(name.as_bytes());
        head.extend(time_extra(of.at_ms));
        self.at += head.len() as u64 + u64::from(of.len);
        head
    }

    fn entry(&mut self, found: &Found) -> io::Result<Vec<u8>> {
        let number = self.written.len() as u64 + 1;
        let of = Written::of(found.at_ms, number, &found.jpeg)?;
        let mut piece = self.begin(&name(&of), &of);
        piece.extend_from_slice(&found.jpeg);
        self.written.push(of);
        Ok(piece)
    }

    /// The next entries of the directory, or the end.
    fn directory(&mut self, from: usize, begin: u64) -> Vec<u8> {
        let mut piece = Vec::new();
        let to = (from + PIECE).min(self.written.len());
        let mut at = 0;
        if let Some(first) = &self.has_first {
            if from == 0 {
                listed(&mut piece, self.first_name, first, at);
            }
            at += LOCAL_HEAD + TIME_EXTRA + self.first_name.len() as u64 + u64::from(first.len);
        }
        // Where an entry is follows from the lengths of those before it: all names are equally long.
        let place = |of: &Written| LOCAL_HEAD + TIME_EXTRA + NAME_LEN + u64::from(of.len);
        at += self.written[..from].iter().map(place).sum::<u64>();
        for of in &self.written[from..to] {
            listed(&mut piece, &name(of), of, at);
            at += place(of);
        }
        self.at += piece.len() as u64;
        if to == self.written.len() {
            let count = to as u64 + u64::from(self.has_first.is_some());
            piece.extend(end(count, begin, self.at));
            self.is_over = true;
        }
        self.listed = Some((to, begin));
        piece
    }
}

/// Letters of a frame's name, with a number of up to nine digits.
const NAME_LEN: u64 = 34;

impl Written {
    fn of(at_ms: u64, number: u64, content: &[u8]) -> io::Result<Self> {
        let len = u32::try_from(content.len()).map_err(io::Error::other)?;
        Ok(Self {
            at_ms,
            number,
            crc: crc32fast::hash(content),
            len,
        })
    }
}

/// What an entry says of itself in both places: from the version that it needs to the length of its name.
fn fields(name: &str, of: &Written, version: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend(version.to_le_bytes());
    // No flags, and stored.
    out.extend([0; 4]);
    let (date, time) = dos(of.at_ms);
    out.extend(time.to_le_bytes());
    out.extend(date.to_le_bytes());
    out.extend(of.crc.to_le_bytes());
    out.extend(of.len.to_le_bytes());
    out.extend(of.len.to_le_bytes());
    out.extend((name.len() as u16).to_le_bytes());
    out
}

/// Unix time in seconds, which archives' own time is not: that has no zone, and two seconds are its smallest step.
fn time_extra(at_ms: u64) -> Vec<u8> {
    let mut out = 0x5455_u16.to_le_bytes().to_vec();
    out.extend(5_u16.to_le_bytes());
    out.push(1);
    out.extend(((at_ms / 1000) as u32).to_le_bytes());
    out
}

/// An entry of the directory.
fn listed(out: &mut Vec<u8>, name: &str, of: &Written, at: u64) {
    let is_far = at >= u32::MAX.into();
    out.extend(0x0201_4B50_u32.to_le_bytes());
    // Made on a Unix system.
    out.extend(0x032D_u16.to_le_bytes());
    out.extend(fields(name, of, if is_far { 45 } else { 20 }));
    let extra = TIME_EXTRA as u16 + if is_far { 12 } else { 0 };
    out.extend(extra.to_le_bytes());
    // No comment, on the first disk, no text.
    out.extend([0; 6]);
    out.extend((0o100_644_u32 << 16).to_le_bytes());
    out.extend(u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(name.as_bytes());
    out.extend(time_extra(of.at_ms));
    if is_far {
        out.extend(1_u16.to_le_bytes());
        out.extend(8_u16.to_le_bytes());
        out.extend(at.to_le_bytes());
    }
}

/// What follows on a directory of `count` entries from `begin` to `until`.
fn end(count: u64, begin: u64, until: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let len = until - begin;
    if count >= u16::MAX.into() || begin >= u32::MAX.into() || len >= u32::MAX.into() {
        out.extend(0x0606_4B50_u32.to_le_bytes());
        out.extend(44_u64.to_le_bytes());
        out.extend([0x2D, 3, 45, 0]);
        out.extend([0; 8]);
        for value in [count, count, len, begin] {
            out.extend(value.to_le_bytes());
        }
        out.extend(0x0706_4B50_u32.to_le_bytes());
        out.extend([0; 4]);
        out.extend(until.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
    }
    let short = u16::try_from(count).unwrap_or(u16::MAX);
    out.extend(0x0605_4B50_u32.to_le_bytes());
    out.extend([0; 4]);
    out.extend(short.to_le_bytes());
    out.extend(short.to_le_bytes());
    for value in [len, begin] {
        out.extend(u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
    }
    out.extend([0; 2]);
    out
}

/// Date and time as archives have them, in UTC.
fn dos(at_ms: u64) -> (u16, u16) {
    let text = crate::name::time(at_ms);
    let part = |from: usize, to: usize| -> u64 {
        let digits = text.get(from..to).and_then(|digits| digits.parse().ok());
        digits.unwrap_or_default()
    };
    let year = part(0, 4).clamp(FIRST_YEAR, FIRST_YEAR + 127) - FIRST_YEAR;
    let second = at_ms / 1000 % DAY_S;
    let date = (year << 9) | (part(5, 7) << 5) | part(8, 10);
    let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | (second % 60 / 2);
    (date as u16, time as u16)
}

impl<I: Iterator<Item = io::Result<Found>>> Iterator for Zip<I> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.is_over {
            return None;
        }
        if let Some((from, begin)) = self.listed {
            return Some(Ok(self.directory(from, begin)));
        }
        let found = match self.frames.next() {
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                self.is_over = true;
                return Some(Err(error));
            }
            None => {
                let begin = self.at;
                return Some(Ok(self.directory(0, begin)));
            }
        };
        let mut piece = Vec::new();
        if let Some((name, content)) = self.first.take() {
            match Written::of(found.at_ms, 0, &content) {
                Ok(of) => {
                    piece = self.begin(name, &of);
                    piece.extend(content);
                    self.has_first = Some(of);
                }
                Err(error) => return Some(Err(error)),
            }
        }
        Some(self.entry(&found).map(|entry| {
            piece.extend(entry);
            piece
        }))
    }
}

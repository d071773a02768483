//! The JPEGs of a directory, in the order in which people count: `img2.jpg` before `img10.jpg`.
//!
//! Many pictures in one file belong to [`pistreamer_picture::reel`].

use super::{LARGEST, unreadable};
use crate::source::SourceError;
use bytes::Bytes;
use pistreamer_picture::reel::Found;
use pistreamer_picture::{HEADROOM, Mended};
use pistreamer_protocol::message::Cause;
use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::cmp::Ordering;
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a list of names is good for, so that a few pictures at a high rate don't have it made many times a second.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// One pass over a directory, as it was when it was listed.
pub(super) struct Directory {
    directory: OwnedFd,
    names: Vec<OsString>,
    listed: Instant,
    next: usize,
    /// Whether names were left out in this pass because they are gone since. Never in the first pass, which fails for them.
    has_changed: Option<bool>,
}

impl Directory {
    /// Lists `*.jpg` and `*.jpeg`, without hidden files and what lies deeper.
    ///
    /// # Errors
    /// Where the directory cannot be read or holds no such file.
    pub(super) fn list(path: &Path) -> Result<Self, SourceError> {
        let mut names = Vec::new();
        for entry in path.read_dir().map_err(|error| unreadable(path, &error))? {
            let entry = entry.map_err(|error| unreadable(path, &error))?;
            let name = entry.file_name();
            if is_picture(&name) && is_file(&entry) {
                names.push(name);
            }
        }
        if names.is_empty() {
            let path = path.display().to_string();
            return Err(Cause::DirectoryWithoutJpeg { path }.into());
        }
        names.sort_by(|a, b| natural(a.as_encoded_bytes(), b.as_encoded_bytes()));
        // The pictures are looked up in it, and not from the root each time.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| unreadable(path, &error.into()))?;
        Ok(Self {
            directory,
            names,
            listed: Instant::now(),
            next: 0,
            has_changed: None,
        })
    }

    /// Another pass over the same names; `None` where they have to be listed anew.
    pub(super) fn again(self) -> Option<Self> {
        let is_good = self.has_changed != Some(true) && self.listed.elapsed() < GOOD_FOR;
        is_good.then_some(Self {
            next: 0,
            has_changed: Some(false),
            ..self
        })
    }

    /// Whether names were gone in this pass.
    pub(super) fn has_changed(&self) -> bool {
        self.has_changed == Some(true)
    }

    /// The next file's picture, whole or broken.
    pub(super) fn next(&mut self) -> Option<Found> {
        let (name, content) = loop {
            let name = self.names.get(self.next)?;
            self.next += 1;
            let content = read(&self.directory, name);
            let is_gone = matches!(&content, Err(error) if error.kind() == io::ErrorKind::NotFound);
            match &mut self.has_changed {
                Some(changed) if is_gone => *changed = true,
                _ => break (name, content),
            }
        };
        let broken = |reason: String| Found::Broken(format!("{}: {reason}", name.display()));
        Some(match content {
            Err(error) => broken(error.to_string()),
            Ok(None) => broken(format!("it is larger than {LARGEST} bytes")),
            // Cameras append previews and padding, which belong to the file but not to the picture.
            Ok(Some(memory)) => match Mended::after(HEADROOM, memory).and_then(Mended::whole) {
                Ok(picture) => Found::Picture(picture),
                Err(error) => broken(error.to_string()),
            },
        })
    }
}

/// A file's content, after [`HEADROOM`]; `None` where it is too large.
fn read(directory: &OwnedFd, name: &OsStr) -> io::Result<Option<Bytes>> {
    // What has become a named pipe since must not block.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, name, flags, Mode::empty())?);
    let expected = file.metadata()?.len();
    if expected > LARGEST as u64 {
        return Ok(None);
    }
    let all = HEADROOM + expected as usize;
    let mut memory = Vec::with_capacity(all);
    memory.resize(HEADROOM, 0);
    // What it grows by meanwhile comes with the next pass.
    while memory.len() < all {
        // Straight from the kernel: memory that is filled with zeros before costs as much as a copy.
        match rustix::io::read(&file, spare_capacity(&mut memory)) {
            // It is made shorter just now, and broken in any case.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(memory.into()))
}

/// Opening anything but a file, such as a named pipe, could block for ever.
fn is_file(entry: &DirEntry) -> bool {
    // Most file systems tell the kind with the name. What a link leads to has to be looked up.
    match entry.file_type() {
        Ok(kind) if !kind.is_symlink() => kind.is_file(),
        _ => entry.path().is_file(),
    }
}

fn is_picture(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().unwrap_or_default();
    let known = ["jpg", "jpeg"]
        .iter()
        .any(|known| extension.eq_ignore_ascii_case(known));
    known && !name.as_encoded_bytes().starts_with(b".")
}

/// Compares runs of digits as numbers and everything else byte by byte.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some((&x, _)), Some((&y, _))) = (left.split_first(), right.split_first()) {
        let order = if x.is_ascii_digit() && y.is_ascii_digit() {
            let (x, y) = (number(&mut left), number(&mut right));
            x.len().cmp(&y.len()).then(x.cmp(y))
        } else {
            (left, right) = (&left[1..], &right[1..]);
            x.cmp(&y)
        };
        if order.is_ne() {
            return order;
        }
    }
    // One is the beginning of the other, or they differ in leading zeros only.
    left.len().cmp(&right.len()).then(a.cmp(b))
}

/// Takes the digits from the front, and returns them without leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_as_people_count() {
        let ordered = [
            "0.jpg",
            "img-1.jpg",
            "img.jpg",
            "img02.jpg",
            "img2.jpg",
            "img2b.jpg",
            "img10.jpg",
            "img18446744073709551617.jpg",
            "img18446744073709551618.jpg",
        ];
        let mut names = ordered;
        names.reverse();
        names.sort_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ordered);
    }

    #[test]
    fn only_visible_jpegs_count() {
        for name in ["a.jpg", "a.JPG", "b.jpeg", "c.d.Jpeg"] {
            assert!(is_picture(OsStr::new(name)), "{name} was left out");
        }
        for name in ["._a.jpg", ".jpg", "jpg", "a.jpg.tmp", "a.png"] {
            assert!(!is_picture(OsStr::new(name)), "{name} was taken");
        }
    }
}

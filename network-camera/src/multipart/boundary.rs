//! The delimiter between the parts of a stream, from its Content-Type or its first line.
//!
//! Parts themselves belong to [`super`].

use super::is_multipart;
use crate::items;
use memchr::memmem::{self, Finder};

/// The delimiter between parts.
#[derive(Debug)]
pub(super) struct Boundary {
    /// Without the leading dashes: cameras disagree on whether they belong to it.
    name: Vec<u8>,
    delimiter: Finder<'static>,
}

impl Boundary {
    /// What stands behind `boundary=`, or in a delimiter. `None` for dashes alone and for what is too long.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        let dashes = text.iter().take_while(|byte| **byte == b'-').count();
        let name = text[dashes..].to_vec();
        let named = !name.is_empty() && text.len() <= LONGEST_BOUNDARY;
        named.then(|| Self {
            delimiter: Finder::new(&[b"--", &name[..]].concat()).into_owned(),
            name,
        })
    }

    /// Number of bytes without dashes.
    pub(super) fn len(&self) -> usize {
        self.name.len()
    }

    /// Where the last delimiter in these bytes begins, with the line end before it.
    pub(super) fn last_in(&self, bytes: &[u8]) -> Option<usize> {
        let at = memmem::rfind(bytes, self.delimiter.needle())?;
        let before = &bytes[..at];
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        Some(before.strip_suffix(b"\r").unwrap_or(before).len())
    }

    /// Returns true if a line opens a part. The rest of the part before may precede the delimiter in it.
    pub(super) fn is_delimiter(&self, line: &[u8]) -> bool {
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

    /// Returns true if a delimiter follows a part, with or without a line end before it; `None` if there is too little to
    /// tell.
    pub(super) fn follows(&self, bytes: &[u8]) -> Option<bool> {
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

/// The boundary in a Content-Type, if it is multipart of any kind.
pub fn boundary(content_type: &str) -> Option<&str> {
    let mut parameters = items(content_type, ';').skip(1);
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

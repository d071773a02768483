//! Frames as one film, in pieces that are sent as they are made: nothing is written anywhere, and no JPEG is changed.

use super::Found;
use crate::segment::{About, Cluster, announced};
use std::convert::Infallible;
use std::io;

/// Time of one piece.
const PIECE_MS: u32 = 1000;

/// Longest film that a file can tell the times of.
const LONGEST_MS: u64 = u32::MAX as u64;

/// The bytes of a Matroska file, piece by piece. It is not closed, and plays as it lies.
#[derive(Debug)]
pub struct Clip<I> {
    frames: I,
    /// What it begins with, until that is sent.
    begin: Option<Vec<u8>>,
    start_ms: u64,
    cluster: Cluster,
    last_ms: u32,
    is_over: bool,
}

impl<I: Iterator<Item = io::Result<Found>>> Clip<I> {
    /// A film of these frames, at most 49 days of them, which have one size and come in their order; `None` where there are none. It
    /// says that it is called `title`, ends at the Unix time `to_ms`, and is `tag`, which is JSON.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn of(mut frames: I, title: &str, to_ms: u64, tag: &str) -> io::Result<Option<Self>> {
        let Some(first) = frames.next().transpose()? else {
            return Ok(None);
        };
        let (width, height) = first.size;
        let about = About {
            title: title.into(),
            start_ms: first.at_ms,
            width,
            height,
        };
        let duration_ms = to_ms.saturating_sub(first.at_ms).min(LONGEST_MS) as u32;
        let mut clip = Self {
            frames,
            begin: Some(announced(&about, duration_ms, tag)),
            start_ms: first.at_ms,
            cluster: Cluster::default(),
            last_ms: 0,
            is_over: false,
        };
        clip.push(first);
        Ok(Some(clip))
    }

    /// The piece that is complete, and the frame in the next one.
    fn push(&mut self, found: Found) -> Option<Vec<u8>> {
        let at_ms = found.at_ms.saturating_sub(self.start_ms);
        let at_ms = (at_ms.min(LONGEST_MS) as u32).max(self.last_ms);
        let is_full = !self.cluster.takes(at_ms, found.jpeg.len(), PIECE_MS);
        let piece = is_full.then(|| self.flush());
        self.cluster.push(at_ms, found.jpeg);
        self.last_ms = at_ms;
        piece
    }

    fn flush(&mut self) -> Vec<u8> {
        let mut piece = Vec::new();
        let Ok(_) = self.cluster.write(|parts| {
            parts.iter().for_each(|part| piece.extend_from_slice(part));
            Ok::<_, Infallible>(())
        });
        piece
    }
}

impl<I: Iterator<Item = io::Result<Found>>> Iterator for Clip<I> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if let Some(begin) = self.begin.take() {
            return Some(Ok(begin));
        }
        while !self.is_over {
            match self.frames.next() {
                Some(Ok(found)) if found.at_ms.saturating_sub(self.start_ms) <= LONGEST_MS => {
                    if let Some(piece) = self.push(found) {
                        return Some(Ok(piece));
                    }
                }
                Some(Err(error)) => return Some(Err(error)),
                _ => self.is_over = true,
            }
        }
        (self.cluster.frames() > 0).then(|| Ok(self.flush()))
    }
}

//! A span of recordings as one film, in pieces that are sent as they are made: nothing is written anywhere, and no JPEG is changed.

use super::{Found, Frames};
use crate::segment::{About, Cluster, header};
use std::convert::Infallible;
use std::io;

/// Time of one piece.
const PIECE_MS: u32 = 1000;

/// Longest film that a file can tell the times of.
const LONGEST_MS: u64 = u32::MAX as u64;

/// The bytes of a Matroska file, piece by piece. It is not closed, and plays as it lies.
#[derive(Debug)]
pub struct Clip {
    frames: Frames,
    about: About,
    /// The first one, until it is in a cluster.
    first: Option<Found>,
    cluster: Cluster,
    last_ms: u32,
}

impl Clip {
    /// A film of these frames, at most 49 days of them, with the title and the size that the first of their files has; `None` where there
    /// are none. Where pictures of another size follow, it ends.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn of(mut frames: Frames) -> io::Result<Option<Self>> {
        let Some(first) = frames.next().transpose()? else {
            return Ok(None);
        };
        let Some(mut about) = frames.about.clone() else {
            return Ok(None);
        };
        about.start_ms = first.at_ms;
        Ok(Some(Self {
            frames,
            about,
            first: Some(first),
            cluster: Cluster::default(),
            last_ms: 0,
        }))
    }

    /// The piece that is complete, and the frame in the next one.
    fn push(&mut self, found: Found) -> Option<Vec<u8>> {
        let at_ms = found.at_ms.saturating_sub(self.about.start_ms);
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

impl Iterator for Clip {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if let Some(first) = self.first.take() {
            self.push(first);
            return Some(Ok(header(&self.about)));
        }
        loop {
            let found = match self.frames.next() {
                Some(Ok(found)) => found,
                Some(Err(error)) => return Some(Err(error)),
                None if self.cluster.frames() == 0 => return None,
                None => return Some(Ok(self.flush())),
            };
            if found.at_ms.saturating_sub(self.about.start_ms) > LONGEST_MS {
                self.frames.end();
                continue;
            }
            if let Some(piece) = self.push(found) {
                return Some(Ok(piece));
            }
        }
    }
}

//! Follows blobs from picture to picture: what goes somewhere is motion, what flickers or sways in its place is not.

use crate::blobs::{Blob, MOST as MOST_BLOBS};
use crate::settings::MOST_ZONES;
use std::time::Duration;

/// Most things that are followed at once.
const MOST: usize = 64;
/// Pictures of its way that are remembered: 3 s at 5 a second.
const STEPS: usize = 16;
/// A way longer ago says nothing about now.
const REMEMBERED: Duration = Duration::from_secs(3);
/// Pictures for which something may be hidden.
const MISSES: u32 = 3;
/// Pictures in which something has to be seen.
const HITS: u32 = 3;
/// Net way in samples that is motion, and its part of the whole way.
const NET: f32 = 2.0;
const STRAIGHT: f32 = 0.4;
/// Time in s over which new tracks are counted: many are weather.
const BIRTHS: f32 = 6.0;

/// Something that is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track {
    pub(crate) blob: Blob,
    hits: u32,
    misses: u32,
    /// The newest positions, each with its time.
    steps: [(Duration, (f32, f32)); STEPS],
    len: usize,
    /// Since when it has been in each zone.
    pub(crate) within: [Option<Duration>; MOST_ZONES],
}

impl Track {
    fn new(blob: Blob, at: Duration) -> Self {
        let mut track = Self {
            blob,
            hits: 0,
            misses: 0,
            steps: [(at, blob.centre); STEPS],
            len: 0,
            within: [None; MOST_ZONES],
        };
        track.hit(blob, at);
        track
    }

    fn hit(&mut self, blob: Blob, at: Duration) {
        self.blob = blob;
        self.hits += 1;
        self.misses = 0;
        if self.len == STEPS {
            self.steps.copy_within(1.., 0);
            self.len -= 1;
        }
        self.steps[self.len] = (at, blob.centre);
        self.len += 1;
    }

    /// Whether it was seen in the newest picture, and goes somewhere.
    pub(crate) fn moves(&self) -> bool {
        if self.misses > 0 || self.hits < HITS {
            return false;
        }
        let (now, to) = self.steps[self.len - 1];
        let recent = |&&(at, _): &&(Duration, _)| at + REMEMBERED >= now;
        let mut steps = self.steps[..self.len].iter().filter(recent);
        let Some(&(_, from)) = steps.next() else {
            return false;
        };
        let (mut way, mut before) = (0.0, from);
        for &(_, position) in steps {
            way += distance(before, position);
            before = position;
        }
        let net = distance(from, to);
        net >= NET && net >= STRAIGHT * way
    }
}

/// All that is followed.
#[derive(Debug)]
pub(crate) struct Tracks {
    pub(crate) tracks: Vec<Track>,
    taken: Vec<bool>,
    /// Mean number of new tracks a picture.
    births: f32,
}

impl Tracks {
    pub(crate) fn new() -> Self {
        Self {
            tracks: Vec::with_capacity(MOST),
            taken: Vec::with_capacity(MOST_BLOBS),
            births: 0.0,
        }
    }

    /// Forgets what was followed.
    pub(crate) fn clear(&mut self) {
        self.tracks.clear();
    }

    /// By how much more than usual something has to be to count: rain, snow and wind raise it, people do not.
    pub(crate) fn calm(&self) -> f32 {
        1.0 + 2.0 * self.births
    }

    /// Follows the blobs of a picture, `seconds` after the one before.
    pub(crate) fn follow(&mut self, blobs: &[Blob], at: Duration, seconds: f32) {
        self.taken.clear();
        self.taken.resize(blobs.len(), false);
        for track in &mut self.tracks {
            let near = |blob: &Blob| {
                let reach = 3.0 + 0.75 * track.blob.size().max(blob.size());
                let away = distance(track.blob.centre, blob.centre);
                let ratio = blob.area / track.blob.area;
                (away <= reach && (0.25..=4.0).contains(&ratio)).then_some(away)
            };
            let candidates = blobs.iter().enumerate().filter(|&(at, _)| !self.taken[at]);
            let nearest = candidates
                .filter_map(|(at, blob)| Some((at, near(blob)?)))
                .min_by(|(_, a), (_, b)| a.total_cmp(b));
            match nearest {
                Some((blob, _)) => {
                    self.taken[blob] = true;
                    track.hit(blobs[blob], at);
                }
                None => track.misses += 1,
            }
        }
        self.tracks.retain(|track| track.misses <= MISSES);
        let mut born = 0.0;
        for (blob, _) in blobs.iter().zip(&self.taken).filter(|&(_, &taken)| !taken) {
            born += 1.0;
            if self.tracks.len() < MOST {
                self.tracks.push(Track::new(*blob, at));
            }
        }
        self.births += (seconds / BIRTHS).min(1.0) * (born - self.births);
    }
}

fn distance((ax, ay): (f32, f32), (bx, by): (f32, f32)) -> f32 {
    (ax - bx).hypot(ay - by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(x: f32) -> Blob {
        Blob {
            area: 30.0,
            centre: (x, 20.0),
            from: (x as usize, 15),
            to: (x as usize + 4, 25),
            contrast: 20.0,
        }
    }

    fn moves_at(position: impl Fn(usize) -> f32) -> Vec<bool> {
        let mut tracks = Tracks::new();
        (0..30)
            .map(|frame| {
                let at = Duration::from_millis(frame as u64 * 200);
                tracks.follow(&[blob(position(frame))], at, 0.2);
                tracks.tracks.iter().any(Track::moves)
            })
            .collect()
    }

    #[test]
    fn what_goes_somewhere_moves_and_what_sways_does_not() {
        let walks = moves_at(|frame| 10.0 + frame as f32);
        assert!(walks[3..].iter().all(|&moves| moves), "{walks:?}");
        let sways = moves_at(|frame| 40.0 + [0.0, 3.0, 0.0, -3.0][frame % 4]);
        assert!(!sways.contains(&true), "{sways:?}");
        assert!(!moves_at(|_| 40.0).contains(&true));
    }
}

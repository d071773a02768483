//! What there is of a span, before any of it is sent: of which times, and in which sizes.

use super::{Library, open, size};
use crate::name::Class;
use std::io;

/// From one Unix time in ms to another.
type Span = (u64, u64);

/// What there is of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Where there is something, at whatever rate.
    pub have: Vec<Span>,
    /// Where nothing was recorded.
    pub missing: Vec<Span>,
    /// Where there is but a frame every few seconds.
    pub sparse: Vec<Span>,
    /// Where pictures of another size begin.
    pub resized_ms: Option<u64>,
}

impl Survey {
    /// Unix times in ms of the first frame and of the last one, at most that of the cluster behind it.
    pub fn range(&self) -> Option<Span> {
        Some((self.have.first()?.0, self.have.last()?.1))
    }
}

impl Library {
    /// What there is of a span, of all classes or of one. Where frames are further apart than `gap_ms`, nothing was recorded in between.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn survey(
        &self,
        camera: &str,
        class: Option<Class>,
        (from_ms, to_ms): (u64, u64),
        gap_ms: u64,
    ) -> io::Result<Survey> {
        let (mut full, mut sparse, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
        let wanted = Class::ALL.into_iter();
        for of in wanted.filter(|of| class.is_none_or(|class| class == *of)) {
            let directory = self.camera(camera)?;
            for name in self.files(camera, of, from_ms, to_ms)? {
                // Removed meanwhile, or damaged: nothing of it is there.
                let Ok(reader) = open(&directory.join(name.path())) else {
                    continue;
                };
                // One that cannot be read is looked through.
                let mut times = match reader.cue_times() {
                    Ok(Some(times)) => times,
                    _ => {
                        let clusters = reader.clusters().filter_map(Result::ok);
                        clusters.map(|(cue, _)| u64::from(cue.at_ms)).collect()
                    }
                };
                if reader.is_closed() {
                    times.push(reader.duration_ms());
                }
                let spans = if of == Class::Sparse {
                    &mut sparse
                } else {
                    &mut full
                };
                for piece in times.chunk_by(|one, other| other.saturating_sub(*one) <= gap_ms) {
                    let (Some(first), Some(last)) = (piece.first(), piece.last()) else {
                        continue;
                    };
                    let (first, last) = (
                        name.start_ms.saturating_add(*first),
                        name.start_ms.saturating_add(*last),
                    );
                    if last >= from_ms && first <= to_ms {
                        spans.push((first.max(from_ms), last.min(to_ms)));
                        sizes.push((first.max(from_ms), size(reader.about())));
                    }
                }
            }
        }
        sizes.sort_unstable();
        let resized = sizes.windows(2).find(|two| two[0].1 != two[1].1);
        let have = joined(full.iter().chain(&sparse).copied().collect(), gap_ms);
        let full = joined(full, gap_ms);
        Ok(Survey {
            missing: between(&have, (from_ms, to_ms), gap_ms),
            sparse: have
                .iter()
                .flat_map(|span| between(&full, *span, gap_ms))
                .collect(),
            have,
            resized_ms: resized.map(|two| two[1].0),
        })
    }
}

/// The same without overlaps, and without holes up to that.
fn joined(mut spans: Vec<Span>, gap_ms: u64) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1.saturating_add(gap_ms) => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

/// What is left of a span without these, where that is longer than `gap_ms`.
fn between(spans: &[Span], (from_ms, to_ms): Span, gap_ms: u64) -> Vec<Span> {
    let mut rest = Vec::new();
    let mut at = from_ms;
    for (from, to) in spans.iter().copied().chain([(to_ms, to_ms)]) {
        if to < from_ms || from > to_ms {
            continue;
        }
        if from.saturating_sub(at) > gap_ms {
            rest.push((at, from));
        }
        at = at.max(to);
    }
    rest
}

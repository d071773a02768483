//! All frames of a span, whyever they were recorded: each once, in their order.

use super::{Found, Frames, Library};
use crate::name::Class;
use std::io;
use std::iter::Peekable;

/// A sparse frame this near to one that was recorded at the full rate adds nothing to it.
const BESIDE_MS: u64 = 1000;

/// The frames of all classes. Sparse ones are left out where there are others.
#[derive(Debug)]
pub struct Merged {
    /// Continuous ones, and those of events.
    full: [Peekable<Frames>; 2],
    sparse: Peekable<Frames>,
    /// Time of the last one that was recorded at the full rate.
    full_ms: Option<u64>,
    last_ms: Option<u64>,
    is_over: bool,
}

impl Library {
    /// The frames of a span from a time to another, both included, whyever they were recorded, or those of one class.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn merged(
        &self,
        camera: &str,
        class: Option<Class>,
        from_ms: u64,
        to_ms: u64,
    ) -> io::Result<Merged> {
        let of = |wanted| {
            let frames = if class.is_none_or(|class| class == wanted) {
                self.frames(camera, wanted, from_ms, to_ms)?
            } else {
                // No file begins in a span like that.
                self.frames(camera, wanted, 0, 0)?
            };
            Ok::<_, io::Error>(frames.peekable())
        };
        Ok(Merged {
            full: [of(Class::Continuous)?, of(Class::Event)?],
            sparse: of(Class::Sparse)?,
            full_ms: None,
            last_ms: None,
            is_over: false,
        })
    }
}

/// Time of the next frame; 0 where reading fails, so that this is told at once.
fn next_ms(frames: &mut Peekable<Frames>) -> Option<u64> {
    Some(frames.peek()?.as_ref().map_or(0, |found| found.at_ms))
}

impl Merged {
    fn pick(&mut self) -> Option<io::Result<Found>> {
        let [continuous, event] = &mut self.full;
        let of_full = [next_ms(continuous), next_ms(event)];
        let first = of_full.iter().flatten().min().copied();
        if let Some(sparse_ms) = next_ms(&mut self.sparse)
            && first.is_none_or(|first| sparse_ms < first)
        {
            let found = self.sparse.next()?;
            let is_beside =
                |ms: Option<u64>| ms.is_some_and(|ms| ms.abs_diff(sparse_ms) <= BESIDE_MS);
            if found.is_ok() && (is_beside(first) || is_beside(self.full_ms)) {
                return self.pick();
            }
            return Some(found);
        }
        let from = usize::from(of_full[0] != first);
        self.full_ms = first;
        self.full[from].next()
    }
}

impl Iterator for Merged {
    type Item = io::Result<Found>;

    fn next(&mut self) -> Option<io::Result<Found>> {
        while !self.is_over {
            match self.pick() {
                Some(Ok(found)) if self.last_ms.is_some_and(|last| found.at_ms <= last) => {}
                Some(Ok(found)) => {
                    self.last_ms = Some(found.at_ms);
                    return Some(Ok(found));
                }
                other => {
                    self.is_over = true;
                    return other;
                }
            }
        }
        None
    }
}

/// The same frames up to where another size begins: a film has one.
pub fn one_size<I: Iterator<Item = io::Result<Found>>>(frames: I) -> impl Iterator<Item = I::Item> {
    let mut size = None;
    frames.take_while(move |found| match found {
        Ok(found) => *size.get_or_insert(found.size) == found.size,
        Err(_) => true,
    })
}

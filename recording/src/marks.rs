//! What happened while a camera was recorded: events, and how much moved in each second. Files are told it when they are closed.
//!
//! Times are those of the steady clock, and files have them relative to their first frame: a clock that is set changes neither.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events that are remembered; those that go on are the newest.
const MOST: usize = 64;

/// Seconds of motion that are remembered: no file that tells it is longer.
const SECONDS: usize = 180;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// What it is called: none has the same.
    pub id: String,
    /// µs by the steady clock.
    #[serde(skip)]
    pub start_us: u64,
    /// The same for its end, or for now while it goes on.
    #[serde(skip)]
    pub end_us: u64,
    /// The same for the picture in which most moved.
    #[serde(skip)]
    pub peak_us: u64,
    /// How much moved in that one, 0 to 255.
    pub peak: u8,
    /// The zones in which something moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// What noticed it, such as `motion`.
    pub source: String,
    /// What whoever noticed it calls it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// The same, as a file tells it: times in ms since its first frame, or before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(flatten)]
    pub mark: Mark,
    pub start_ms: i64,
    pub end_ms: i64,
    pub peak_ms: i64,
}

/// What a file tells of motion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub events: Vec<Told>,
    /// A value a second.
    pub peaks: Vec<u8>,
}

/// What happened of late at one camera.
#[derive(Debug, Default)]
pub struct Marks(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    marks: VecDeque<Mark>,
    /// Seconds by the steady clock, each with the most that moved in it.
    peaks: VecDeque<(u64, u8)>,
}

impl Marks {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an event, or what has become of it.
    pub fn set(&self, mark: Mark) {
        let mut inner = self.lock();
        inner.marks.retain(|known| known.id != mark.id);
        inner.marks.push_back(mark);
        if inner.marks.len() > MOST {
            inner.marks.pop_front();
        }
    }

    /// Notes how much moves at that time, in µs by the steady clock.
    pub fn moved(&self, at_us: u64, score: u8) {
        let second = at_us / 1_000_000;
        let mut inner = self.lock();
        match inner.peaks.back_mut() {
            Some((last, peak)) if *last == second => *peak = score.max(*peak),
            _ if score == 0 => {}
            _ => inner.peaks.push_back((second, score)),
        }
        if inner.peaks.len() > SECONDS {
            inner.peaks.pop_front();
        }
    }

    /// What happened within a time.
    pub(crate) fn within(&self, from_us: u64, to_us: u64) -> Content {
        let inner = self.lock();
        let ms = |at_us: u64| (at_us as i64 - from_us as i64) / 1000;
        let meets = |mark: &&Mark| mark.start_us <= to_us && mark.end_us >= from_us;
        let events = inner.marks.iter().filter(meets);
        let events = events.map(|mark| Told {
            mark: mark.clone(),
            start_ms: ms(mark.start_us),
            end_ms: ms(mark.end_us),
            peak_ms: ms(mark.peak_us),
        });
        let first = from_us / 1_000_000;
        let seconds = (to_us / 1_000_000).saturating_sub(first) as usize + 1;
        let mut peaks = vec![0; seconds.min(SECONDS)];
        for (second, peak) in &inner.peaks {
            let at = second
                .checked_sub(first)
                .and_then(|at| peaks.get_mut(at as usize));
            if let Some(at) = at {
                *at = *peak;
            }
        }
        if peaks.iter().all(|peak| *peak == 0) {
            peaks.clear();
        }
        Content {
            events: events.collect(),
            peaks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_file_is_told_what_happened_in_its_time_relative_to_it() {
        let marks = Marks::default();
        let mark = |id: &str, start: u64, end: u64, peak| Mark {
            id: id.into(),
            start_us: start * SECOND,
            end_us: end * SECOND,
            peak_us: end * SECOND,
            peak,
            ..Mark::default()
        };
        marks.set(mark("before", 1, 5, 9));
        marks.set(mark("now", 8, 9, 20));
        marks.set(mark("now", 8, 14, 40));
        marks.set(mark("after", 30, 31, 9));
        for (at, score) in [(9, 0), (11, 3), (11, 7), (11, 2), (13, 40), (40, 5)] {
            marks.moved(at * SECOND, score);
        }
        let content = marks.within(10 * SECOND, 20 * SECOND);
        let [told] = &content.events[..] else {
            panic!("{content:?}");
        };
        assert_eq!((told.mark.id.as_str(), told.mark.peak), ("now", 40));
        assert_eq!(
            (told.start_ms, told.end_ms, told.peak_ms),
            (-2000, 4000, 4000)
        );
        assert_eq!(content.peaks, [0, 7, 0, 40, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(marks.within(50 * SECOND, 51 * SECOND), Content::default());
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let marks = Marks::default();
        for number in 0..1000 {
            marks.set(Mark {
                id: number.to_string(),
                end_us: u64::MAX,
                ..Mark::default()
            });
            marks.moved(number * SECOND, 1);
        }
        let content = marks.within(0, 1000 * SECOND);
        assert_eq!((content.events.len(), content.peaks.len()), (MOST, 0));
    }
}

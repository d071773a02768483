//! What happened while a camera was recorded: events, and how much moved in each second. Files are told it when they are closed.
//!
//! Times are those of the steady clock, and files have them relative to their first frame: a clock that is set changes neither.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events that are remembered; those that go on are the newest.
pub(crate) const MOST: usize = 64;

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
    /// The same for its end; while it goes on, for as far as it is known.
    #[serde(skip)]
    pub end_us: u64,
    /// Until when it is recorded, by the same clock.
    #[serde(skip)]
    pub until_us: u64,
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
    /// `None` where it tells nothing: a crash cut that off.
    pub events: Option<Vec<Told>>,
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
            // One source that tells much has none of the others' forgotten.
            let count = |source: &str| inner.marks.iter().filter(|it| it.source == source).count();
            let most = inner
                .marks
                .iter()
                .map(|it| &it.source)
                .max_by_key(|it| count(it));
            let most = most.cloned().unwrap_or_default();
            let ends = inner.marks.iter().enumerate();
            let ends = ends.filter(|(_, mark)| mark.source == most);
            let first = ends.min_by_key(|(_, mark)| mark.until_us);
            if let Some((first, _)) = first {
                inner.marks.remove(first);
            }
        }
    }

    /// The beginning of what goes on at that time, and until when it is recorded.
    pub(crate) fn going(&self, at_us: u64) -> Option<(u64, u64)> {
        let inner = self.lock();
        let going = || inner.marks.iter().filter(|mark| mark.until_us > at_us);
        let first = going().map(|mark| mark.start_us).min()?;
        Some((first, going().map(|mark| mark.until_us).max()?))
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

    /// What happened within a time, as it is known `now_us`. A file of events also tells of those of which it has what was `before_us`
    /// before or is behind them.
    pub(crate) fn within(
        &self,
        from_us: u64,
        to_us: u64,
        before_us: Option<u64>,
        now_us: u64,
    ) -> Content {
        let inner = self.lock();
        let ms = |at_us: u64| (at_us as i64 - from_us as i64) / 1000;
        let meets = |mark: &&Mark| {
            let latest_us = to_us.saturating_add(before_us.unwrap_or_default());
            let end_us = if before_us.is_some() {
                mark.until_us.max(mark.end_us)
            } else {
                mark.end_us
            };
            mark.start_us <= latest_us && end_us >= from_us
        };
        let events = inner.marks.iter().filter(meets);
        let events = events.map(|mark| Told {
            mark: mark.clone(),
            start_ms: ms(mark.start_us),
            // What is still to end may end earlier.
            end_ms: ms(mark.end_us.min(now_us).max(mark.start_us)),
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
            events: Some(events.collect()),
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
        let within = |from: u64, to: u64, before: Option<u64>| {
            let before_us = before.map(|before| before * SECOND);
            marks.within(from * SECOND, to * SECOND, before_us, 40 * SECOND)
        };
        let content = within(10, 20, None);
        let Some([told]) = content.events.as_deref() else {
            panic!("{content:?}");
        };
        assert_eq!((told.mark.id.as_str(), told.mark.peak), ("now", 40));
        assert_eq!(
            (told.start_ms, told.end_ms, told.peak_ms),
            (-2000, 4000, 4000)
        );
        assert_eq!(content.peaks, [0, 7, 0, 40, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(within(50, 51, None).events, Some(Vec::new()));
        // Its recording goes on behind it, and has begun before.
        let ids = |from, to, before| {
            let events = within(from, to, before).events.unwrap();
            let ids = events.into_iter().map(|told| told.mark.id);
            ids.collect::<Vec<_>>().join(" ")
        };
        marks.set(Mark {
            until_us: 24 * SECOND,
            ..mark("now", 8, 14, 40)
        });
        assert_eq!(ids(20, 23, Some(5)), "now");
        assert_eq!(ids(20, 23, None), "", "nothing happened in it");
        assert_eq!(ids(24, 26, Some(5)), "after now");
        assert_eq!(ids(24, 26, None), "");
    }

    #[test]
    fn what_goes_on_is_not_forgotten_for_what_follows_and_ends_now() {
        let marks = Marks::default();
        let mark = |id: String, end: u64| Mark {
            id,
            start_us: SECOND,
            end_us: end * SECOND,
            until_us: end * SECOND,
            ..Mark::default()
        };
        marks.set(mark("bell".into(), 300));
        for number in 0..2 * MOST {
            marks.set(mark(number.to_string(), 20));
        }
        let content = marks.within(60 * SECOND, 70 * SECOND, None, 70 * SECOND);
        let Some([told]) = content.events.as_deref() else {
            panic!("{content:?}");
        };
        assert_eq!((told.mark.id.as_str(), told.end_ms), ("bell", 10_000));
        assert_eq!(marks.going(70 * SECOND), Some((SECOND, 300 * SECOND)));
        assert_eq!(marks.going(300 * SECOND), None);
    }

    #[test]
    fn one_source_that_tells_much_has_none_of_the_others_forgotten() {
        let marks = Marks::default();
        let mark = |id: &str, source: &str, end: u64| Mark {
            id: id.into(),
            source: source.into(),
            start_us: SECOND,
            end_us: end * SECOND,
            until_us: end * SECOND,
            ..Mark::default()
        };
        marks.set(mark("walks", "motion", 10));
        for number in 0..2 * MOST {
            marks.set(mark(&number.to_string(), "api", 20 + number as u64));
        }
        let content = marks.within(0, 15 * SECOND, None, 300 * SECOND);
        let told = content.events.unwrap_or_default();
        assert!(told.iter().any(|told| told.mark.id == "walks"));
        assert_eq!(told.len(), MOST);
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
        let content = marks.within(0, 1000 * SECOND, None, 1000 * SECOND);
        let events = content.events.map(|events| events.len());
        assert_eq!((events, content.peaks.len()), (Some(MOST), 0));
    }
}

//! What happened, as recordings tell it at their ends. What a file says never changes, and is kept in memory.
//!
//! A search goes back from the newest file, and may be ended at any of them: who asks goes on from there.

use super::{LONGEST_FILE_MS, Library, open};
use crate::marks::Content;
use crate::name::{Class, DAY_MS, Name};
use crate::tag;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What files say, by their cameras and names.
#[derive(Debug, Default)]
pub(super) struct Tags(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Each with the bytes that it takes.
    cameras: BTreeMap<String, BTreeMap<Name, (Arc<Content>, usize)>>,
    bytes: usize,
    /// What the last one says: most say the same, which is nothing.
    last: Arc<Content>,
}

/// Bytes of what files say that are kept, those of the newest files: two weeks of continuous recordings of five cameras.
const MOST_KEPT: usize = 16 << 20;

/// Bytes that what a file says takes by itself, and an event of it.
const KEPT: usize = 64;
const KEPT_EVENT: usize = 256;

/// Most events that a search takes up. Whoever asks wants fewer by far.
const MOST_FOUND: usize = 10_000;

/// Files of an event that follow each other belong together where they are no further apart.
const GAP_US: u64 = 5_000_000;

/// Longest file that tells of events.
const FILE_MS: u64 = 60_000;

/// An event that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What it is called: none has the same.
    pub id: String,
    /// Unix time in µs.
    pub start_us: u64,
    /// The same for its end.
    pub end_us: u64,
    /// The same for the picture in which most moved.
    pub peak_us: u64,
    /// How much moved in that one, 0 to 255; `None` where a crash cut off what its recording says.
    pub peak: Option<u8>,
    /// The zones in which something moved.
    pub zones: Vec<String>,
    /// What noticed it.
    pub source: String,
    /// What whoever noticed it calls it.
    pub label: String,
}

/// Which events are wanted.
pub struct Wanted<'a> {
    /// Unix time in µs from which on they begin.
    pub from_us: u64,
    /// The same before which they do.
    pub before_us: u64,
    /// How many.
    pub most: usize,
    /// Which of them. An event that grows may become one, and stays one.
    pub is_wanted: &'a dyn Fn(&Happened) -> bool,
    /// Asked before a file is read: false ends the search, once one was.
    pub goes_on: &'a dyn Fn() -> bool,
}

/// Events, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The events.
    pub events: Vec<Happened>,
    /// Unix time in µs: what begins before that was not looked for, because there was enough, or the search was ended. `None` where that
    /// was all.
    pub rest_us: Option<u64>,
}

impl Library {
    /// The events that begin in a span of time.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn events(&self, camera: &str, wanted: &Wanted<'_>) -> io::Result<Listed> {
        let span = wanted.from_us..wanted.before_us;
        let (from_ms, before_ms) = (span.start / 1000, span.end / 1000);
        // A file tells of events that began before it, or were still to end.
        let earliest = from_ms.saturating_sub(LONGEST_FILE_MS);
        let latest = before_ms.saturating_add(LONGEST_FILE_MS);
        let days = self.days(camera)?;
        let mut found = Found::default();
        let (mut rest_us, mut has_read) = (None, false);
        'search: for day in days.iter().rev().filter(|day| *day * DAY_MS <= latest) {
            if (day + 1) * DAY_MS < earliest {
                break;
            }
            for name in self.names(camera, *day)?.into_iter().rev() {
                if name.class == Class::Sparse || !(earliest..=latest).contains(&name.start_ms) {
                    continue;
                }
                // What older files tell of has begun before them, or in them.
                let whole_us = (name.start_ms + FILE_MS) * 1000;
                // Where that lies behind the span, the next search would end there as well.
                let may_end = whole_us < span.end;
                if may_end && found.has(wanted.most, whole_us..span.end) {
                    rest_us = Some(whole_us);
                    break 'search;
                }
                let content = if let Some(known) = self.tags.get(camera, name) {
                    known
                } else if may_end && has_read && !(wanted.goes_on)() {
                    rest_us = Some(whole_us);
                    break 'search;
                } else {
                    has_read = true;
                    match self.content(camera, name)? {
                        Some(content) => content,
                        None => continue,
                    }
                };
                for event in self.told(camera, name, &content) {
                    if event.peak.is_none()
                        || span.contains(&event.start_us) && (wanted.is_wanted)(&event)
                    {
                        found.add(event);
                    }
                }
            }
        }
        self.follow(camera, &days, latest, &mut found, wanted)?;
        let mut events = found.events();
        let first_us = rest_us.unwrap_or_default().max(span.start);
        events.retain(|event| {
            (first_us..span.end).contains(&event.start_us) && (wanted.is_wanted)(event)
        });
        rest_us = rest_us.max(cut(&mut events, wanted.most, |event| event.start_us));
        Ok(Listed {
            events,
            rest_us: rest_us.map(|rest_us| rest_us.min(span.end)),
        })
    }

    /// How long those last that go on behind the last file that was looked at.
    fn follow(
        &self,
        camera: &str,
        days: &[u64],
        latest: u64,
        found: &mut Found,
        wanted: &Wanted<'_>,
    ) -> io::Result<()> {
        let goes_on = |event: &Happened| event.end_us / 1000 + FILE_MS >= latest;
        if !found.known.values().any(goes_on) {
            return Ok(());
        }
        for day in days.iter().filter(|day| (*day + 1) * DAY_MS > latest) {
            for name in self.names(camera, *day)? {
                if name.class == Class::Sparse || name.start_ms <= latest {
                    continue;
                }
                let known = self.tags.get(camera, name);
                if known.is_none() && !(wanted.goes_on)() {
                    return Ok(());
                }
                let Some(content) =
                    known.map_or_else(|| self.content(camera, name), |it| Ok(Some(it)))?
                else {
                    continue;
                };
                let mut is_told = false;
                for event in self.told(camera, name, &content) {
                    if found.known.contains_key(&event.id) {
                        found.add(event);
                        is_told = true;
                    }
                }
                if !is_told {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// How much moved in each stretch of `step_ms` from that time on, 0 to 255. `goes_on` is asked before a file is read: false ends it,
    /// and what was not read counts as 0.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn peaks(
        &self,
        camera: &str,
        from_ms: u64,
        step_ms: u64,
        steps: usize,
        goes_on: &dyn Fn() -> bool,
    ) -> io::Result<Vec<u8>> {
        let mut peaks = vec![0; steps];
        let to_ms = from_ms.saturating_add(step_ms.saturating_mul(steps as u64));
        let earliest = from_ms.saturating_sub(LONGEST_FILE_MS);
        for day in self.days(camera)? {
            if (day + 1) * DAY_MS < earliest || day * DAY_MS > to_ms {
                continue;
            }
            for name in self.names(camera, day)? {
                if name.class == Class::Sparse || !(earliest..=to_ms).contains(&name.start_ms) {
                    continue;
                }
                let known = self.tags.get(camera, name);
                if known.is_none() && !goes_on() {
                    return Ok(peaks);
                }
                let Some(content) =
                    known.map_or_else(|| self.content(camera, name), |it| Ok(Some(it)))?
                else {
                    continue;
                };
                for (second, peak) in content.peaks.iter().enumerate() {
                    let at_ms = name.start_ms + second as u64 * 1000;
                    let step = at_ms.checked_sub(from_ms).map(|since| since / step_ms);
                    if let Some(most) = step.and_then(|step| peaks.get_mut(step as usize)) {
                        *most = (*most).max(*peak);
                    }
                }
            }
        }
        Ok(peaks)
    }

    /// The events that a file tells of.
    fn told(&self, camera: &str, name: Name, content: &Content) -> Vec<Happened> {
        let at_us = |ms: i64| name.start_ms.saturating_add_signed(ms).saturating_mul(1000);
        if content.events.is_none() && name.class == Class::Event {
            let duration_ms = self.end_ms(camera, name, 0).ok().flatten();
            return vec![Happened {
                id: format!("{camera}-{}", name.start_ms),
                start_us: at_us(0),
                end_us: duration_ms.unwrap_or(name.start_ms) * 1000,
                peak_us: at_us(0),
                peak: None,
                zones: Vec::new(),
                source: "unknown".into(),
                label: String::new(),
            }];
        }
        let events = content.events.iter().flatten().map(|told| Happened {
            id: told.mark.id.clone(),
            start_us: at_us(told.start_ms),
            end_us: at_us(told.end_ms),
            peak_us: at_us(told.peak_ms),
            peak: Some(told.mark.peak),
            zones: told.mark.zones.clone(),
            source: told.mark.source.clone(),
            label: told.mark.label.clone(),
        });
        events.collect()
    }

    /// What a file says; `None` where it is being written, was removed, or is none of ours.
    fn content(&self, camera: &str, name: Name) -> io::Result<Option<Arc<Content>>> {
        if let Some(known) = self.tags.get(camera, name) {
            return Ok(Some(known));
        }
        let path = self.camera(camera)?.join(name.path());
        let Ok(reader) = open(&path) else {
            return Ok(None);
        };
        if !reader.is_closed() {
            return Ok(None);
        }
        let tag = match reader.tag() {
            Ok(tag) => tag,
            // A bad sector, which hides no other file's events.
            Err(error) => {
                self.complaints.add(&path, &error);
                return Ok(None);
            }
        };
        let content = tag.map_or_else(Content::default, |tag| tag::content(&tag));
        Ok(Some(self.tags.keep(camera, name, content)))
    }
}

impl Tags {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, camera: &str, name: Name) -> Option<Arc<Content>> {
        let kept = self.lock();
        let (content, _) = kept.cameras.get(camera)?.get(&name)?;
        Some(Arc::clone(content))
    }

    /// Keeps what a file says. Where that is too much, the eldest go.
    fn keep(&self, camera: &str, name: Name, content: Content) -> Arc<Content> {
        let mut kept = self.lock();
        let mut bytes = KEPT;
        if *kept.last != content {
            bytes += size(&content);
            kept.last = Arc::new(content);
        }
        let content = Arc::clone(&kept.last);
        while kept.bytes + bytes > MOST_KEPT {
            let eldest = kept.cameras.values_mut().filter_map(|it| it.first_entry());
            match eldest.min_by_key(|it| *it.key()) {
                Some(eldest) if *eldest.key() < name => {
                    let (_, bytes) = eldest.remove();
                    kept.bytes -= bytes;
                }
                _ => return content,
            }
        }
        kept.bytes += bytes;
        let of_camera = kept.cameras.entry(camera.to_owned()).or_default();
        if let Some((_, before)) = of_camera.insert(name, (Arc::clone(&content), bytes)) {
            kept.bytes -= before;
        }
        content
    }
}

/// Bytes that what a file says takes, about.
fn size(content: &Content) -> usize {
    let events = content.events.iter().flatten().map(|told| {
        let mark = &told.mark;
        let zones = mark.zones.iter().map(|zone| zone.len() + 32).sum::<usize>();
        KEPT_EVENT + mark.id.len() + mark.source.len() + mark.label.len() + zones
    });
    content.peaks.len() + events.sum::<usize>()
}

/// Leaves that many of what happened, the newest first, or all that began at the same time as the last of them: a page cannot end between
/// those. Returns the time before which the next page begins, where there is one.
pub fn cut<T>(events: &mut Vec<T>, most: usize, start_us: impl Fn(&T) -> u64) -> Option<u64> {
    let edge_us = events.get(most).map(&start_us)?;
    let newer = events.partition_point(|event| start_us(event) > edge_us);
    if newer > 0 {
        events.truncate(newer);
        return Some(edge_us + 1);
    }
    // More than a page of them began at once.
    let of_edge = events.partition_point(|event| start_us(event) == edge_us);
    events.truncate(of_edge);
    Some(edge_us)
}

/// Events that files tell of, from the newest file to the oldest.
#[derive(Debug, Default)]
struct Found {
    known: BTreeMap<String, Happened>,
    /// Those of which a crash cut off what they were.
    unknown: Vec<Happened>,
}

impl Found {
    /// Whether there are so many that begin within that span.
    fn has(&self, most: usize, span: Range<u64>) -> bool {
        let events = || self.known.values().chain(&self.unknown);
        // As often as a file is passed over, few are counted.
        self.known.len() + self.unknown.len() > most
            && events()
                .filter(|event| span.contains(&event.start_us))
                .count()
                > most
    }

    /// Adds an event, or what another file tells of the same one.
    fn add(&mut self, event: Happened) {
        let is_full = self.known.len() + self.unknown.len() >= MOST_FOUND;
        let known = if event.peak.is_some() {
            match self.known.entry(event.id.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    if !is_full {
                        place.insert(event);
                    }
                    return;
                }
            }
        } else {
            match self.unknown.last_mut() {
                Some(next) if event.end_us.saturating_add(GAP_US) >= next.start_us => {
                    next.id.clone_from(&event.id);
                    next.peak_us = event.peak_us;
                    next
                }
                _ => {
                    if !is_full {
                        self.unknown.push(event);
                    }
                    return;
                }
            }
        };
        known.start_us = known.start_us.min(event.start_us);
        known.end_us = known.end_us.max(event.end_us);
        if event.peak > known.peak {
            (known.peak, known.peak_us) = (event.peak, event.peak_us);
        }
        for zone in event.zones {
            if !known.zones.contains(&zone) {
                known.zones.push(zone);
            }
        }
    }

    /// All of them, the newest first.
    fn events(self) -> Vec<Happened> {
        let mut events: Vec<_> = self.known.into_values().chain(self.unknown).collect();
        events.sort_by(|one, other| {
            other
                .start_us
                .cmp(&one.start_us)
                .then(other.id.cmp(&one.id))
        });
        events
    }
}

#[cfg(test)]
mod tests;

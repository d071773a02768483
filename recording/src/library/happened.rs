//! What happened, as recordings tell it at their ends. What a file says never changes, and is kept in memory.

use super::{LONGEST_FILE_MS, Library, open};
use crate::marks::Content;
use crate::name::{Class, DAY_MS, Name};
use crate::tag;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// What files say, by their cameras and names.
#[derive(Debug, Default)]
pub(super) struct Tags(Mutex<BTreeMap<(String, Name), Arc<Content>>>);

/// Files of which it is kept what they say: two weeks of continuous recordings.
const MOST_TAGS: usize = 20_000;

/// Files of an event that follow each other belong together where they are no further apart.
const GAP_US: u64 = 5_000_000;

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

impl Library {
    /// The events that begin in a span of Unix time in µs, its end excluded, the newest first: at most so many.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn events(
        &self,
        camera: &str,
        from_us: u64,
        before_us: u64,
        most: usize,
    ) -> io::Result<Vec<Happened>> {
        let (from_ms, before_ms) = (from_us / 1000, before_us / 1000);
        // A file tells of events that began before it, or were still to end.
        let earliest = from_ms.saturating_sub(LONGEST_FILE_MS);
        let latest = before_ms.saturating_add(LONGEST_FILE_MS);
        let days = self.days(camera)?;
        let mut events: Vec<Happened> = Vec::new();
        for day in days.into_iter().rev().filter(|day| day * DAY_MS <= latest) {
            if (day + 1) * DAY_MS < earliest {
                break;
            }
            for name in self.names(camera, day)?.into_iter().rev() {
                if name.class == Class::Sparse || !(earliest..=latest).contains(&name.start_ms) {
                    continue;
                }
                for event in self.told(camera, name)? {
                    add(&mut events, event);
                }
            }
            let has_enough = events.iter().filter(|it| it.start_us < before_us).count() > most;
            if has_enough {
                break;
            }
        }
        events.retain(|event| (from_us..before_us).contains(&event.start_us));
        events.sort_by(|one, other| {
            other
                .start_us
                .cmp(&one.start_us)
                .then(other.id.cmp(&one.id))
        });
        events.truncate(most);
        Ok(events)
    }

    /// How much moved in each stretch of `step_ms` from that time on, 0 to 255.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn peaks(
        &self,
        camera: &str,
        from_ms: u64,
        step_ms: u64,
        steps: usize,
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
                let Some(content) = self.content(camera, name)? else {
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
    fn told(&self, camera: &str, name: Name) -> io::Result<Vec<Happened>> {
        let Some(content) = self.content(camera, name)? else {
            return Ok(Vec::new());
        };
        let at_us = |ms: i64| name.start_ms.saturating_add_signed(ms) * 1000;
        if content.events.is_empty() && name.class == Class::Event {
            let duration_ms = self.end_ms(camera, name, 0).ok().flatten();
            return Ok(vec![Happened {
                id: format!("{camera}-{}", name.start_ms),
                start_us: at_us(0),
                end_us: duration_ms.unwrap_or(name.start_ms) * 1000,
                peak_us: at_us(0),
                peak: None,
                zones: Vec::new(),
                source: "unknown".into(),
                label: String::new(),
            }]);
        }
        let events = content.events.iter().map(|told| Happened {
            id: told.mark.id.clone(),
            start_us: at_us(told.start_ms),
            end_us: at_us(told.end_ms),
            peak_us: at_us(told.peak_ms),
            peak: Some(told.mark.peak),
            zones: told.mark.zones.clone(),
            source: told.mark.source.clone(),
            label: told.mark.label.clone(),
        });
        Ok(events.collect())
    }

    /// What a file says; `None` where it is being written, was removed, or is none of ours.
    fn content(&self, camera: &str, name: Name) -> io::Result<Option<Arc<Content>>> {
        // Nothing panics while it holds this lock.
        let lock = || self.tags.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (camera.to_owned(), name);
        if let Some(known) = lock().get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let Ok(reader) = open(&self.camera(camera)?.join(name.path())) else {
            return Ok(None);
        };
        if !reader.is_closed() {
            return Ok(None);
        }
        let content = reader
            .tag()?
            .map_or_else(Content::default, |tag| tag::content(&tag));
        let content = Arc::new(content);
        let mut tags = lock();
        if tags.len() >= MOST_TAGS {
            tags.clear();
        }
        tags.insert(key, Arc::clone(&content));
        Ok(Some(content))
    }
}

/// Adds an event, or what another file tells of the same one.
fn add(events: &mut Vec<Happened>, event: Happened) {
    let is_same = |known: &&mut Happened| {
        let is_next = known.peak.is_none()
            && event.peak.is_none()
            && event.end_us + GAP_US >= known.start_us
            && known.end_us + GAP_US >= event.start_us;
        known.id == event.id || is_next
    };
    let Some(known) = events.iter_mut().rev().find(is_same) else {
        events.push(event);
        return;
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

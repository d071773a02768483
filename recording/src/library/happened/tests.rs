//! Events are found whatever there is beside them, and no search reads more than it may.

use super::*;
use crate::library::tests::write_told;
use crate::marks::{MOST as MOST_EVENTS, Mark, Told};
use serde_json::json;
use std::cell::Cell;
use std::path::Path;

/// Midnight of a day.
const START_MS: u64 = 1_764_115_200_000;

fn minute(number: u64) -> u64 {
    START_MS + number * 60_000
}

/// Writes a minute's file that tells of these events: each with its id, its zone, and when it begins and ends, in ms.
fn minute_with(root: &Path, number: u64, events: &[(&str, &str, u64, u64)]) {
    let start_ms = minute(number);
    let ms = |at: u64| at as i64 - start_ms as i64;
    let told = events.iter().map(|(id, zone, start, end)| {
        json!({"id": id, "peak": 40, "zones": [zone], "source": "motion",
               "start_ms": ms(*start), "end_ms": ms(*end), "peak_ms": ms(*start)})
    });
    let tag = json!({"events": told.collect::<Vec<_>>()}).to_string();
    let times = [start_ms, start_ms + 59_000];
    write_told(root, Class::Continuous, &times, Some(&tag));
}

/// Lists events before a time, and reads at most so many files, or one. Returns how many that were.
fn list(
    library: &Library,
    before_us: u64,
    most: usize,
    zone: Option<&str>,
    reads: usize,
) -> (Listed, usize) {
    let read = Cell::new(1);
    let wanted = Wanted {
        from_us: 0,
        before_us,
        most,
        is_wanted: &|event| zone.is_none_or(|zone| event.zones.iter().any(|it| it == zone)),
        goes_on: &|| {
            let goes_on = read.get() < reads;
            read.set(read.get() + usize::from(goes_on));
            goes_on
        },
    };
    (library.events("door", &wanted).unwrap(), read.get())
}

/// Lists all of them, page by page. Returns their ids and how many pages there were.
fn pages(library: &Library, most: usize, zone: Option<&str>, reads: usize) -> (Vec<String>, usize) {
    let (mut ids, mut before_us) = (Vec::new(), u64::MAX);
    for page in 1..1000 {
        let (listed, read) = list(library, before_us, most, zone, reads);
        // What lies behind the page's end is read whatever that takes.
        assert!(listed.events.len() <= most && read <= reads, "{listed:?}");
        ids.extend(listed.events.into_iter().map(|event| event.id));
        let Some(rest_us) = listed.rest_us else {
            return (ids, page);
        };
        assert!(rest_us < before_us, "page {page} ends where it begins");
        before_us = rest_us;
    }
    panic!("no end: {ids:?}");
}

#[test]
fn a_search_that_is_ended_goes_on_where_it_was_and_reads_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..100 {
        let begin = minute(number) + 30_000;
        let events: &[_] = match number {
            3 => &[("first", "path", begin, begin + 10_000)],
            60 => &[("last", "path", begin, begin + 50_000)],
            61 => &[("last", "path", begin - 60_000, begin - 10_000)],
            _ => &[],
        };
        minute_with(directory.path(), number, events);
    }
    let library = Library::new(directory.path().into());
    let ids = ["last", "first"].map(ToOwned::to_owned).to_vec();
    let (found, asked) = pages(&library, 50, None, 7);
    assert_eq!(found, ids);
    assert!((14..=20).contains(&asked), "{asked} times");
    // All of it is known now.
    assert_eq!(pages(&library, 50, None, 1), (ids, 1));
}

#[test]
fn only_as_much_is_read_as_is_wanted() {
    let directory = tempfile::tempdir().unwrap();
    for number in 0..200 {
        let begin = minute(number) + 10_000;
        let zone = if number % 50 == 9 { "door" } else { "street" };
        let id = format!("{number:03}");
        minute_with(
            directory.path(),
            number,
            &[(&id, zone, begin, begin + 5000)],
        );
    }
    let ids = |numbers: &mut dyn Iterator<Item = u64>| {
        let ids = numbers.map(|number| format!("{number:03}"));
        ids.collect::<Vec<_>>()
    };
    let library = Library::new(directory.path().into());
    let (listed, read) = list(&library, u64::MAX, 10, None, 1000);
    let found: Vec<_> = listed.events.into_iter().map(|event| event.id).collect();
    assert_eq!(found, ids(&mut (190..200).rev()));
    assert!(read <= 13, "{read} files");
    let (all, asked) = pages(&library, 10, None, 1000);
    assert_eq!(all, ids(&mut (0..200).rev()));
    assert!(asked <= 21, "{asked} times");
    // Of what is not wanted there may be any number in between.
    let (of_door, asked) = pages(&library, 2, Some("door"), 1000);
    assert_eq!(of_door, ids(&mut [159, 109, 59, 9].into_iter()));
    assert!(asked <= 3, "{asked} times");
}

#[test]
fn a_long_event_ends_where_it_ends_and_what_nothing_is_known_of_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let (begin, end) = (minute(0) + 1000, minute(210) + 2000);
    for number in 0..=212 {
        let told = ("storm", "garden", begin, end.min(minute(number + 1)));
        let told = if number <= 210 { &[told][..] } else { &[] };
        minute_with(directory.path(), number, told);
    }
    for number in 300..303 {
        let times = [minute(number), minute(number) + 59_500];
        write_told(directory.path(), Class::Event, &times, Some("{}"));
    }
    let library = Library::new(directory.path().into());
    let (listed, _) = list(&library, minute(30) * 1000, 10, None, 1000);
    let [event] = &listed.events[..] else {
        panic!("{listed:?}");
    };
    assert_eq!((event.start_us, event.end_us), (begin * 1000, end * 1000));
    let (listed, _) = list(&library, u64::MAX, 10, None, 1000);
    let [unknown, storm] = &listed.events[..] else {
        panic!("{listed:?}");
    };
    assert_eq!((unknown.peak, storm.id.as_str()), (None, "storm"));
    let span = (unknown.start_us / 1000, unknown.end_us / 1000);
    assert_eq!(span, (minute(300), minute(302) + 59_500));
    assert_eq!(unknown.id, format!("door-{}", minute(300)));
}

#[test]
fn a_file_may_say_anything() {
    let directory = tempfile::tempdir().unwrap();
    let event = |ms: i64| {
        json!({"id": ms.to_string(), "peak": 1, "source": "x",
               "start_ms": ms, "end_ms": ms, "peak_ms": ms})
    };
    let tag = json!({"events": [event(i64::MAX), event(i64::MIN), event(0)]}).to_string();
    let times = [minute(0), minute(0) + 1000];
    write_told(directory.path(), Class::Event, &times, Some(&tag));
    let library = Library::new(directory.path().into());
    let (listed, _) = list(&library, u64::MAX, 10, None, 10);
    let is_there = listed.events.iter().any(|event| event.id == "0");
    assert!(is_there, "{listed:?}");
}

#[test]
fn of_too_many_files_the_newest_are_kept() {
    let tags = Tags::default();
    let name = |start_ms: usize| Name {
        start_ms: start_ms as u64,
        class: Class::Continuous,
    };
    let camera = |at: usize| if at.is_multiple_of(2) { "door" } else { "yard" };
    let keep = |at: usize| {
        tags.keep(camera(at), name(at), Content::default());
    };
    let is_kept = |at: usize| tags.get(camera(at), name(at)).is_some();
    let most = MOST_KEPT / KEPT;
    // From the newest to the oldest, as they are looked at.
    (1..=most + 100).rev().for_each(keep);
    assert!(is_kept(most + 100) && is_kept(101) && !is_kept(100));
    keep(most + 101);
    assert!(is_kept(most + 101) && is_kept(102) && !is_kept(101));
    // Those that say much leave fewer of them.
    let mark = Mark {
        label: "x".repeat(400),
        ..Mark::default()
    };
    let told = Told {
        mark,
        start_ms: 0,
        end_ms: 0,
        peak_ms: 0,
    };
    for at in 1..1000 {
        let content = Content {
            events: Some(vec![told.clone(); MOST_EVENTS]),
            // None says what the last one does.
            peaks: vec![at as u8],
        };
        tags.keep("gate", name(most + 1000 + at), content);
    }
    let kept = tags.lock();
    assert!(kept.bytes <= MOST_KEPT, "{} bytes", kept.bytes);
    let much = &kept.cameras["gate"];
    assert!((300..500).contains(&much.len()), "{} files", much.len());
}

#[test]
fn a_page_never_ends_where_it_begins() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for number in [5, 10, 20] {
        let begin = minute(number) + 1000;
        let id = format!("{number}");
        minute_with(
            directory.path(),
            number,
            &[(&id, "path", begin, begin + 500)],
        );
        ids.insert(0, id);
    }
    // Two power cuts within an hour, of which nothing is known.
    for number in [30, 50] {
        let times = [minute(number), minute(number) + 9000];
        write_told(directory.path(), Class::Event, &times, Some("{}"));
        ids.insert(0, format!("door-{}", minute(number)));
    }
    for (most, reads) in [(1, 1000), (1, 1), (2, 1000), (2, 2)] {
        // Each time nothing is known yet.
        let library = Library::new(directory.path().into());
        let (found, _) = pages(&library, most, None, reads);
        assert_eq!(found, ids, "{most} a page");
    }
}

#[test]
fn of_events_that_begin_at_once_none_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for number in 0..4 {
        let begin = minute(number) + 1000;
        let names: Vec<_> = (0..3).map(|n| format!("{number}-{n}")).collect();
        let events: Vec<_> = names
            .iter()
            .map(|id| (&**id, "path", begin, begin + 500))
            .collect();
        minute_with(directory.path(), number, &events);
        ids.extend(names);
    }
    ids.sort();
    for most in [3, 4, 5, 7] {
        let library = Library::new(directory.path().into());
        let (mut found, _) = pages(&library, most, None, 1000);
        found.sort();
        assert_eq!(found, ids, "{most} a page");
    }
}

//! What happens is recorded with what was before it, as one event, and found again by what its files say.

use bytes::Bytes;
use pistreamer_recording::disk::System;
use pistreamer_recording::library::{Happened, Library, Near, Wanted};
use pistreamer_recording::name::Class;
use pistreamer_recording::session::{Events, Plan, Policy, Session};
use pistreamer_recording::{Config, Lane, Mark, Marks, Recorder, steady_us};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

fn start(root: &Path) -> Recorder {
    Recorder::start(Config {
        root: root.into(),
        state: None,
        policy: Policy::default(),
        memory: 2 << 20,
        clock_is_set: || true,
    })
    .unwrap()
}

fn plan() -> Plan {
    Plan {
        camera: "door".into(),
        title: "Door".into(),
        sparse_us: 3_600_000_000,
        events: Some(Events {
            interval_us: 100_000,
            before_us: 2_000_000,
        }),
        ..Plan::default()
    }
}

/// The events that begin in that time.
fn listed(library: &Library, from_us: u64, before_us: u64) -> Vec<Happened> {
    let wanted = Wanted {
        from_us,
        before_us,
        most: 10,
        is_wanted: &|_| true,
        goes_on: &|| true,
    };
    let listed = library.events("door", &wanted).unwrap();
    assert_eq!(listed.rest_us, None);
    listed.events
}

#[test]
fn an_event_is_recorded_with_what_was_before_it_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = start(directory.path());
    let plan = plan();
    let marks = Arc::clone(&plan.marks);
    let lane = recorder.lane(plan);
    let jpeg = Bytes::from(vec![7; 5000]);
    // Ten seconds of frames, told as if they had been captured in that time; in the fifth second something moves.
    let now_us = steady_us();
    let captured = |number: u64| now_us - (100 - number) * 100_000;
    for number in 0..100 {
        let at_us = captured(number);
        let age = Duration::from_micros(steady_us() - at_us);
        lane.offer(number, age, (64, 48), &jpeg);
        if (50..60).contains(&number) {
            marks.moved(at_us, number as u8);
            marks.set(Mark {
                id: "door-1".into(),
                start_us: captured(50),
                end_us: at_us,
                until_us: at_us + 1_000_000,
                peak_us: at_us,
                peak: number as u8,
                zones: vec!["path".into()],
                source: "motion".into(),
                label: String::new(),
            });
            lane.happens(captured(50), at_us + 1_000_000);
        }
    }
    drop(lane);
    assert!(recorder.end(PATIENCE));
    let library = Library::new(directory.path().into());
    let [event] = &listed(&library, 0, u64::MAX)[..] else {
        panic!("not one event");
    };
    assert_eq!((event.id.as_str(), event.peak), ("door-1", Some(59)));
    assert_eq!(
        (event.source.as_str(), &event.zones[..]),
        ("motion", &["path".to_owned()][..])
    );
    let lasts_ms = (event.end_us - event.start_us) / 1000;
    assert!((890..=910).contains(&lasts_ms), "{event:?}");
    assert_eq!(event.peak_us, event.end_us);
    let (from_ms, to_ms) = (event.start_us / 1000 - 9000, event.start_us / 1000 + 9000);
    let frames = library
        .frames("door", Class::Event, from_ms, to_ms)
        .unwrap();
    let times: Vec<_> = frames.map(|frame| frame.unwrap().at_ms).collect();
    // Two seconds before, one second of motion, and one second after it.
    assert!((38..=42).contains(&times.len()), "{} frames", times.len());
    let before_ms = event.start_us / 1000 - times[0];
    assert!((1800..=2200).contains(&before_ms), "{before_ms} ms before");
    assert!(
        times.windows(2).all(|two| two[1] - two[0] <= 110),
        "{times:?}"
    );
    let sparse = library
        .frames("door", Class::Sparse, from_ms, to_ms)
        .unwrap();
    assert_eq!(sparse.count(), 1, "the timeline is not empty");
    let peaks = library.peaks("door", from_ms, 1000, 20, &|| true).unwrap();
    assert_eq!(peaks.iter().max(), Some(&59));
    let found = library
        .find("door", event.peak_us / 1000, Near::Nearest)
        .unwrap();
    assert_eq!(found.unwrap().class, Class::Event);
    // What is before or behind the span is not told.
    assert_eq!(listed(&library, event.start_us + 1, u64::MAX), []);
    assert_eq!(listed(&library, 0, event.start_us), []);
}

/// A camera of which frames are told as if they had been captured in the last minutes, five a second.
struct Played {
    directory: tempfile::TempDir,
    recorder: Recorder,
    lane: Lane,
    marks: Arc<Marks>,
    begin_us: u64,
}

const FPS: u64 = 5;

impl Played {
    /// One whose first frame was captured that many seconds ago.
    fn since(seconds: u64, events: Events) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let recorder = start(directory.path());
        let plan = Plan {
            events: Some(events),
            ..plan()
        };
        let marks = Arc::clone(&plan.marks);
        let lane = recorder.lane(plan);
        let begin_us = steady_us() - seconds * 1_000_000;
        Self {
            directory,
            recorder,
            lane,
            marks,
            begin_us,
        }
    }

    /// What is that many ms behind the first frame, by the steady clock.
    fn at(&self, ms: u64) -> u64 {
        self.begin_us + ms * 1000
    }

    /// Offers the frames from one second to another.
    fn offer(&self, seconds: Range<u64>) {
        let jpeg = Bytes::from(vec![7; 500]);
        for number in seconds.start * FPS..seconds.end * FPS {
            let age_us = steady_us() - self.at(number * 1000 / FPS);
            self.lane
                .offer(number, Duration::from_micros(age_us), (64, 48), &jpeg);
        }
    }

    /// Something happens, or goes on, for so many ms; it is recorded for as many more.
    fn happens(&self, id: &str, ms: Range<u64>, after_ms: u64) {
        let (start_us, end_us) = (self.at(ms.start), self.at(ms.end));
        let until_us = end_us + after_ms * 1000;
        self.marks.set(Mark {
            id: id.into(),
            start_us,
            end_us,
            until_us,
            peak_us: start_us,
            source: "api".into(),
            ..Mark::default()
        });
        self.lane.happens(start_us, until_us);
    }

    /// The events of its recordings, each with how long it lasted in ms, and how many frames were recorded of them.
    fn recorded(self) -> (Vec<(String, u64)>, usize) {
        drop(self.lane);
        assert!(self.recorder.end(PATIENCE));
        let library = Library::new(self.directory.path().into());
        let events = listed(&library, 0, u64::MAX);
        // Files say it in whole ms since their begin.
        let lasts = |event: Happened| {
            let us = event.end_us - event.start_us;
            (event.id, (us + 5000) / 10_000 * 10)
        };
        let frames = library.frames("door", Class::Event, 0, u64::MAX / 2000);
        let frames = frames.unwrap().count();
        (events.into_iter().map(lasts).collect(), frames)
    }
}

const EVENTS: Events = Events {
    interval_us: 200_000,
    before_us: 5_000_000,
};

#[test]
fn an_event_over_several_files_is_one_in_each_of_them() {
    let played = Played::since(120, EVENTS);
    played.offer(0..10);
    for second in 10..62 {
        played.happens("door-1", 10_000..second * 1000, 10_000);
        played.offer(second..second + 1);
    }
    // The second file has nothing but what is behind it.
    played.offer(62..80);
    let (events, frames) = played.recorded();
    assert_eq!(events, [("door-1".to_owned(), 51_000)]);
    assert!((66 * 5..=67 * 5).contains(&frames), "{frames} frames");
}

#[test]
fn an_event_of_which_the_end_is_known_needs_no_second_word() {
    let played = Played::since(200, EVENTS);
    played.offer(0..10);
    played.happens("bell", 9_900..159_900, 0);
    played.offer(10..180);
    let (events, frames) = played.recorded();
    assert_eq!(events, [("bell".to_owned(), 150_000)]);
    assert!((154 * 5..=156 * 5).contains(&frames), "{frames} frames");
    // Shorter than the interval of frames: the one that follows is behind it.
    let played = Played::since(60, EVENTS);
    played.offer(0..10);
    played.happens("bell", 9_850..9_950, 0);
    played.offer(10..20);
    let (events, frames) = played.recorded();
    assert_eq!(events, [("bell".to_owned(), 100)]);
    assert!((24..=26).contains(&frames), "{frames} frames");
}

#[test]
fn what_is_known_late_is_recorded_with_all_that_was_before_and_nothing_older() {
    let played = Played::since(1800, EVENTS);
    played.offer(0..20);
    // It began a while ago.
    played.happens("door-1", 18_200..19_800, 1000);
    played.offer(20..25);
    // The camera is away for a while.
    played.happens("bell", 600_000..610_000, 0);
    played.offer(610..620);
    let (events, frames) = played.recorded();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!((39..=41).contains(&frames), "{frames} frames");
}

#[test]
fn an_event_goes_on_where_the_camera_is_recorded_anew() {
    let mut played = Played::since(60, EVENTS);
    played.offer(0..10);
    played.happens("bell", 9_900..60_000 * 60, 0);
    played.offer(10..20);
    let plan = Plan {
        title: "Front door".into(),
        events: Some(EVENTS),
        marks: Arc::clone(&played.marks),
        ..plan()
    };
    played.lane = played.recorder.lane(plan);
    played.offer(20..30);
    let (events, frames) = played.recorded();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!((124..=126).contains(&frames), "{frames} frames");
}

#[test]
fn an_event_whose_recording_was_cut_off_is_found_all_the_same() {
    let played = Played::since(60, EVENTS);
    played.offer(0..10);
    played.happens("door-1", 9_000..20_000, 0);
    played.offer(10..15);
    let copy = tempfile::tempdir().unwrap();
    let is_event = |path: &Path| path.to_str().is_some_and(|it| it.ends_with(".e.mkv"));
    // As a power cut leaves it: before it is closed.
    let written = || {
        let days = std::fs::read_dir(played.directory.path().join("door")).ok()?;
        let mut files = days.flat_map(|day| std::fs::read_dir(day.unwrap().path()).unwrap());
        let file = files.find(|file| is_event(&file.as_ref().unwrap().path()))?;
        let path = file.unwrap().path();
        (std::fs::metadata(&path).unwrap().len() > 4000).then_some(path)
    };
    let begun = Instant::now();
    let path = loop {
        if let Some(path) = written() {
            break path;
        }
        assert!(begun.elapsed() < PATIENCE, "nothing is written");
        std::thread::sleep(Duration::from_millis(10));
    };
    let to = path.strip_prefix(played.directory.path()).unwrap();
    let to = copy.path().join(to);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    std::fs::copy(path, to).unwrap();
    Session::open(System, copy.path(), Policy::default(), "boot").unwrap();
    let library = Library::new(copy.path().into());
    let [event] = &listed(&library, 0, u64::MAX)[..] else {
        panic!("not one event");
    };
    assert_eq!((event.peak, event.source.as_str()), (None, "unknown"));
    assert!(event.end_us > event.start_us, "{event:?}");
    let (events, _) = played.recorded();
    assert_eq!(events.len(), 1, "{events:?}");
}

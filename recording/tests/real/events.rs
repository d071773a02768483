//! What happens is recorded with what was before it, as one event, and found again by what its files say.

use bytes::Bytes;
use pistreamer_recording::library::{Library, Near};
use pistreamer_recording::name::Class;
use pistreamer_recording::session::{Events, Plan, Policy};
use pistreamer_recording::{Config, Mark, Recorder, steady_us};
use std::path::Path;
use std::time::Duration;

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

#[test]
fn an_event_is_recorded_with_what_was_before_it_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = start(directory.path());
    let lane = recorder.lane(plan());
    let jpeg = Bytes::from(vec![7; 5000]);
    // Ten seconds of frames, told as if they had been captured in that time; in the fifth second something moves.
    let now_us = steady_us();
    let captured = |number: u64| now_us - (100 - number) * 100_000;
    for number in 0..100 {
        let at_us = captured(number);
        let age = Duration::from_micros(steady_us() - at_us);
        lane.offer(number, age, (64, 48), &jpeg);
        if (50..60).contains(&number) {
            lane.marks().moved(at_us, number as u8);
            lane.marks().set(Mark {
                id: "door-1".into(),
                start_us: captured(50),
                end_us: at_us,
                peak_us: at_us,
                peak: number as u8,
                zones: vec!["path".into()],
                source: "motion".into(),
                label: String::new(),
            });
            lane.happens(at_us + 1_000_000);
        }
    }
    drop(lane);
    assert!(recorder.end(PATIENCE));
    let library = Library::new(directory.path().into());
    let [event] = &library.events("door", 0, u64::MAX, 10).unwrap()[..] else {
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
    let peaks = library.peaks("door", from_ms, 1000, 20).unwrap();
    assert_eq!(peaks.iter().max(), Some(&59));
    let found = library
        .find("door", event.peak_us / 1000, Near::Nearest)
        .unwrap();
    assert_eq!(found.unwrap().class, Class::Event);
    // What is before or behind the span is not told.
    assert_eq!(
        library
            .events("door", event.start_us + 1, u64::MAX, 10)
            .unwrap(),
        []
    );
    assert_eq!(library.events("door", 0, event.start_us, 10).unwrap(), []);
}

#[test]
fn an_event_whose_recording_was_cut_off_is_found_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let recorder = start(directory.path());
    let lane = recorder.lane(plan());
    let jpeg = Bytes::from(vec![7; 5000]);
    for number in 0..20 {
        lane.happens(u64::MAX);
        let age = Duration::from_millis((20 - number) * 100);
        lane.offer(number, age, (64, 48), &jpeg);
    }
    drop(lane);
    assert!(recorder.end(PATIENCE));
    let library = Library::new(directory.path().into());
    let [event] = &library.events("door", 0, u64::MAX, 10).unwrap()[..] else {
        panic!("not one event");
    };
    assert_eq!((event.peak, event.source.as_str()), (None, "unknown"));
    assert!(event.end_us > event.start_us, "{event:?}");
}

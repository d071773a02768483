//! What a detector finds in a clip, beside what is in it.

use super::{Clip, Player};
use pistreamer_motion::{Change, Detector, Event, Luma, Settings};
use std::time::Duration;

/// What was found in a clip.
pub(crate) struct Found {
    pub(crate) walkers: usize,
    pub(crate) missed: Vec<String>,
    pub(crate) false_events: Vec<String>,
}

/// The events that our detector finds.
fn events(clip: &Clip) -> Vec<Event> {
    let mut player = Player::new(clip, 1);
    let (width, height) = player.size();
    let settings = Settings {
        after: Duration::from_secs(3),
        ..Settings::default()
    };
    let (mut detector, mut events) = (Detector::new(settings), Vec::new());
    while let Some((at, samples)) = player.next() {
        let luma = Luma::new(samples, width, height).unwrap();
        if let Some(Change::Ended(event)) = detector.feed(luma, Duration::from_secs_f32(at)).change
        {
            events.push(event);
        }
    }
    events.extend(detector.end());
    events
}

/// Which people are found, and what else.
pub(crate) fn look(clip: &Clip) -> Found {
    let events = events(clip);
    let meets = |event: &Event, from: f32, to: f32| {
        event.start.as_secs_f32() <= to && event.last.as_secs_f32() >= from
    };
    let is_walked = |event: &Event| {
        clip.walkers
            .iter()
            .any(|it| meets(event, it.start - 1.0, it.end() + 2.0))
    };
    let missed = clip
        .walkers
        .iter()
        .filter(|it| !events.iter().any(|event| meets(event, it.start, it.end())));
    Found {
        walkers: clip.walkers.len(),
        missed: missed
            .map(|it| {
                format!(
                    "{}: {:.0} px, contrast {:.0}",
                    clip.name, it.height, it.contrast
                )
            })
            .collect(),
        false_events: events
            .iter()
            .filter(|event| !is_walked(event))
            .map(|event| {
                format!(
                    "{} at {:.1} s: {event:?}",
                    clip.name,
                    event.start.as_secs_f32()
                )
            })
            .collect(),
    }
}

//! What people read.

use crate::util::clock;
use crate::util::host;
use crate::util::local_time::LocalTime;
use pistreamer_alerts::{Alert, Kind, Stage};
use pistreamer_protocol::message::Happening;
use std::time::Duration;

/// A message about the machine.
pub(super) fn about_machine(kind: Kind, state: Stage, title: &str, text: &str) -> Alert {
    let server = host::name().unwrap_or_else(|| "pistreamer".into());
    Alert {
        kind,
        state,
        title: format!("{server}: {title}"),
        text: text.into(),
        server,
        camera: None,
        name: None,
        at_us: clock::now_us(),
        event: None,
        zones: Vec::new(),
        label: String::new(),
        peak: None,
        link: None,
    }
}

/// A message about a camera.
pub(super) fn about_camera(
    kind: Kind,
    state: Stage,
    (id, name): (&str, &str),
    title: &str,
    text: &str,
) -> Alert {
    Alert {
        title: format!("{name}: {title}"),
        camera: Some(id.into()),
        name: Some(name.into()),
        ..about_machine(kind, state, title, text)
    }
}

/// A message about an event.
pub(super) fn of_event(kind: Kind, state: Stage, camera: (&str, &str), event: &Happening) -> Alert {
    let at = LocalTime::at(event.start_us).clock();
    let (title, text) = match kind {
        Kind::Tamper => (
            "covered or turned",
            format!("The camera is covered, turned or blinded since {at}"),
        ),
        Kind::Event if event.label.is_empty() => ("event", format!("Told by a program at {at}")),
        Kind::Event => (&*event.label, format!("{} at {at}", event.label)),
        _ if event.zones.is_empty() => ("motion", format!("Motion at {at}")),
        _ => (
            "motion",
            format!("Motion in {} at {at}", event.zones.join(", ")),
        ),
    };
    Alert {
        at_us: event.start_us,
        event: Some(event.id.clone()),
        zones: event.zones.clone(),
        label: event.label.clone(),
        peak: event.peak,
        ..about_camera(kind, state, camera, title, &text)
    }
}

/// A trouble that begins, with its reason.
pub(super) fn trouble(kind: Kind, camera: Option<(&str, &str)>, reason: &str) -> Alert {
    let at = LocalTime::at(clock::now_us()).clock();
    let (title, text) = match kind {
        Kind::NoSignal => ("no picture", format!("It delivers no pictures: {reason}")),
        Kind::NotRecording => (
            "not recorded",
            format!("Not everything is recorded: {reason}"),
        ),
        Kind::Disk => (
            "nothing is recorded",
            format!("The disk of the recordings: {reason}"),
        ),
        Kind::Clock => (
            "the clock is not set",
            format!("Times in messages and recordings may be wrong: {reason}"),
        ),
        _ => (kind.name(), reason.to_owned()),
    };
    let text = format!("{text} (told at {at})");
    match camera {
        Some(camera) => about_camera(kind, Stage::Start, camera, title, &text),
        None => about_machine(kind, Stage::Start, title, &text),
    }
}

/// The end of a trouble that lasted for that long.
pub(super) fn over(kind: Kind, camera: Option<(&str, &str)>, lasted: Duration) -> Alert {
    let title = match kind {
        Kind::NoSignal => "the picture is back",
        Kind::NotRecording => "recorded again",
        Kind::Disk => "recording goes on",
        Kind::Clock => "the clock is set",
        _ => "over",
    };
    let text = format!("That was after {}", in_words(lasted));
    match camera {
        Some(camera) => about_camera(kind, Stage::End, camera, title, &text),
        None => about_machine(kind, Stage::End, title, &text),
    }
}

fn in_words(time: Duration) -> String {
    let seconds = time.as_secs();
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7200 => (seconds / 60, "minute"),
        7200..172_800 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

/// The daily message.
pub(super) fn alive(events: u64, cameras: usize, troubles: &[String]) -> Alert {
    let plural = |number: u64, word: &str| {
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {word}{plural}")
    };
    let counted = format!(
        "{}, {}",
        plural(cameras as u64, "camera"),
        plural(events, "event")
    );
    let (title, text) = match troubles {
        [] => ("all is well", counted),
        _ => (
            "running, with troubles",
            format!("{counted}. {}", troubles.join("; ")),
        ),
    };
    about_machine(Kind::Alive, Stage::Once, title, &text)
}

/// The test of the way to a receiver.
pub(crate) fn test() -> Alert {
    let at = LocalTime::at(clock::now_us()).clock();
    let text = format!("This is a test from pistreamer, sent at {at}");
    about_machine(Kind::Test, Stage::Once, "test", &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_the_unit_that_people_use() {
        let said = [1, 119, 120, 7199, 7200, 172_800].map(|s| in_words(Duration::from_secs(s)));
        assert_eq!(
            said,
            [
                "1 second",
                "119 seconds",
                "2 minutes",
                "119 minutes",
                "2 hours",
                "2 days"
            ]
        );
    }

    #[test]
    fn an_event_says_where_and_what() {
        let event = Happening {
            label: "bell".into(),
            zones: vec!["gate".into()],
            ..Happening::default()
        };
        let said = |kind| of_event(kind, Stage::Start, ("door", "Front door"), &event);
        assert_eq!(said(Kind::Event).title, "Front door: bell");
        assert!(said(Kind::Motion).text.starts_with("Motion in gate at "));
        assert_eq!(alive(1, 2, &[]).text, "2 cameras, 1 event");
    }
}

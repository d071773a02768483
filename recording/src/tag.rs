//! What a segment says of itself beside its header: JSON in a tag named `PISTREAMER`.

use crate::marks::{Content, MOST, Told};
use crate::name::Class;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Longest tag: a file is read only until there, and a little more.
const LONGEST: usize = 48 << 10;

/// What a segment says of itself. Where that is too much, the first events are left out.
pub(crate) fn tag(camera: &str, class: Class, content: &Content) -> String {
    let mut tag = json!({ "camera": camera, "class": class.word() });
    if let Some(events) = &content.events {
        let mut room = LONGEST;
        let fits = |event: &&Value| {
            let len = event.to_string().len() + 1;
            let fits = len <= room;
            room = room.saturating_sub(len);
            fits
        };
        let events: Vec<_> = events.iter().map(|it| json!(it)).collect();
        let newest = events.iter().rev().take_while(fits).count();
        tag["events"] = events[events.len() - newest..].into();
    }
    if !content.peaks.is_empty() {
        let mut hex = String::with_capacity(content.peaks.len() * 2);
        for peak in &content.peaks {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{peak:02x}");
        }
        tag["peaks"] = hex.into();
    }
    tag.to_string()
}

/// What a segment's tag says of motion. What is not understood is left out.
pub(crate) fn content(tag: &str) -> Content {
    let tag: Value = serde_json::from_str(tag).unwrap_or_default();
    let told = |told: &Value| serde_json::from_value::<Told>(told.clone()).ok();
    let events = tag["events"].as_array();
    let events = events.map(|events| events.iter().take(MOST).filter_map(told).collect());
    let hex = tag["peaks"].as_str().unwrap_or_default().as_bytes();
    let peaks = hex.chunks_exact(2).map(|two| {
        let digits = std::str::from_utf8(two).ok();
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    });
    Content {
        events,
        peaks: peaks.map(Option::unwrap_or_default).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marks::Mark;

    #[test]
    fn what_is_told_of_motion_is_read_again() {
        let told = Content {
            events: Some(vec![Told {
                mark: Mark {
                    id: "door-7".into(),
                    peak: 200,
                    zones: vec!["path".into()],
                    source: "motion".into(),
                    ..Mark::default()
                },
                start_ms: -700,
                end_ms: 3000,
                peak_ms: 900,
            }]),
            peaks: vec![0, 7, 255],
        };
        let text = tag("door", Class::Event, &told);
        assert!(text.contains(r#""peaks":"0007ff""#), "{text}");
        assert_eq!(content(&text), told);
        let plain = tag("door", Class::Sparse, &Content::default());
        assert_eq!(plain, r#"{"camera":"door","class":"sparse"}"#);
        for other in ["", "[]", r#"{"events":7}"#] {
            assert_eq!(content(other), Content::default(), "{other}");
        }
        let none = content(r#"{"events":[{"id":1}],"peaks":"0"}"#);
        assert_eq!((none.events, none.peaks), (Some(Vec::new()), Vec::new()));
        let empty = Content {
            events: Some(Vec::new()),
            ..Content::default()
        };
        assert_eq!(content(&tag("door", Class::Event, &empty)), empty);
    }

    #[test]
    fn a_tag_is_not_too_long_to_be_read() {
        let told = |number: i64| Told {
            mark: Mark {
                id: format!("door-{number}"),
                label: "🔔".repeat(100),
                zones: vec!["\"🚪\"".repeat(10); 16],
                ..Mark::default()
            },
            start_ms: number,
            end_ms: number,
            peak_ms: number,
        };
        let all = Content {
            events: Some((0..64).map(told).collect()),
            peaks: vec![7; 180],
        };
        let text = tag("door", Class::Event, &all);
        assert!(text.len() < 60 << 10, "{}", text.len());
        let read = content(&text);
        let ids: Vec<_> = read.events.unwrap().iter().map(|it| it.start_ms).collect();
        assert!(ids.len() > 10 && ids.last() == Some(&63), "{ids:?}");
        assert_eq!(read.peaks, all.peaks);
    }
}

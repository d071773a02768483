//! What a segment says of itself beside its header: JSON in a tag named `PISTREAMER`.

use crate::marks::{Content, Told};
use crate::name::Class;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What a segment says of itself.
pub(crate) fn tag(camera: &str, class: Class, content: &Content) -> String {
    let mut tag = json!({ "camera": camera, "class": class.word() });
    if !content.events.is_empty() {
        tag["events"] = json!(content.events);
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
    let told = tag["events"].as_array().into_iter().flatten();
    let events = told.filter_map(|told| serde_json::from_value::<Told>(told.clone()).ok());
    let hex = tag["peaks"].as_str().unwrap_or_default().as_bytes();
    let peaks = hex.chunks_exact(2).map(|two| {
        let digits = std::str::from_utf8(two).ok();
        digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
    });
    Content {
        events: events.collect(),
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
            events: vec![Told {
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
            }],
            peaks: vec![0, 7, 255],
        };
        let text = tag("door", Class::Event, &told);
        assert!(text.contains(r#""peaks":"0007ff""#), "{text}");
        assert_eq!(content(&text), told);
        let plain = tag("door", Class::Sparse, &Content::default());
        assert_eq!(plain, r#"{"camera":"door","class":"sparse"}"#);
        for other in [
            "",
            "[]",
            r#"{"events":[{"id":1}],"peaks":"0"}"#,
            r#"{"events":7}"#,
        ] {
            assert_eq!(content(other), Content::default(), "{other}");
        }
    }
}

//! Arbitrary bytes never make the JPEG walker, the stamp or the messages panic, and what they accept is consistent.

mod common;

use common::JPEG;
use pistreamer_protocol::message::{ServerMessage, ViewerMessage};
use pistreamer_protocol::{Stamp, jpeg};
use proptest::prelude::*;
use std::borrow::Cow;

/// The golden frame with some bytes changed and perhaps cut: mostly still a JPEG in places.
fn nearly_a_jpeg() -> impl Strategy<Value = Vec<u8>> {
    let change = (0..JPEG.len(), prop_oneof![Just(0xff), any::<u8>()]);
    (proptest::collection::vec(change, 0..6), 0..=JPEG.len()).prop_map(|(changes, len)| {
        let mut bytes = JPEG.to_vec();
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(len.max(1));
        bytes
    })
}

fn walk(bytes: &[u8]) {
    let mut end = 0;
    for segment in jpeg::segments(bytes).map_while(Result::ok) {
        assert!(segment.at >= end && segment.end() <= bytes.len());
        end = segment.end();
    }
    if let Ok(info) = jpeg::inspect_prefix(bytes) {
        assert!(jpeg::is_framed(&bytes[..info.len]));
        assert_eq!(jpeg::inspect(&bytes[..info.len]), Ok(info));
    }
    if let Ok(mended) = jpeg::mend(bytes) {
        assert_eq!(jpeg::inspect(&mended.jpeg), Ok(mended.info));
        let again = jpeg::mend(&mended.jpeg).expect("it is mended");
        assert!(matches!(again.jpeg, Cow::Borrowed(same) if same == &*mended.jpeg));
        assert!(!again.was_open);
    }
    let _ = Stamp::read(bytes);
}

#[test]
fn a_stamp_leaves_the_golden_frame_a_jpeg_of_the_same_size() {
    let stamp = Stamp {
        seq: 1,
        captured_us: 2,
        camera: "0".into(),
    };
    let stamped = stamp.write(JPEG).unwrap();
    let info = jpeg::inspect(&stamped).unwrap();
    assert_eq!((info.width, info.height, info.len), (16, 16, stamped.len()));
    // Right behind JFIF's segment, which Pillow writes first.
    assert_eq!(stamped[20..24], [0xff, 0xfe, 0, 43]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 2048 }))]

    #[test]
    fn the_walker_survives_anything(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        walk(&bytes);
        walk(&[b"\xff\xd8", bytes.as_slice()].concat());
        walk(&common::framed(&bytes));
    }

    #[test]
    fn the_walker_survives_broken_jpegs(bytes in nearly_a_jpeg()) {
        walk(&bytes);
    }

    #[test]
    fn a_written_stamp_is_read_back_and_writing_it_again_changes_nothing(
        bytes in nearly_a_jpeg(), seq: u64, captured_us: u64, camera in "\\PC{0,60}",
    ) {
        let stamp = Stamp { seq, captured_us, camera };
        if let Ok(stamped) = stamp.write(&bytes) {
            let read = Stamp::read(&stamped);
            prop_assert_eq!(read, Some(stamp.clone()));
            prop_assert_eq!(stamp.write(&stamped), Ok(stamped.clone()));
            let text_at = stamped.windows(13).position(|at| at == b"pistreamer/1 ").unwrap();
            let len = usize::from(u16::from_be_bytes([stamped[text_at - 2], stamped[text_at - 1]])) - 2;
            prop_assert!(stamped[text_at..text_at + len].iter().all(|byte| (b' '..0x7f).contains(byte)));
        }
    }

    #[test]
    fn messages_survive_any_text(text in "\\PC{0,80}", inner in "[\\[\\]{}\",:a-z0-9.e-]{0,60}") {
        for text in [
            text,
            format!("{{{inner}}}"),
            format!(r#"{{"type":"hello",{inner}}}"#),
            format!(r#"{{"type":"want",{inner}}}"#),
        ] {
            if let Ok(message) = ServerMessage::from_json(&text) {
                prop_assert!(ServerMessage::from_json(&message.to_json()).is_ok());
            }
            if let Ok(message) = ViewerMessage::from_json(&text) {
                prop_assert!(ViewerMessage::from_json(&message.to_json()).is_ok());
            }
        }
    }
}

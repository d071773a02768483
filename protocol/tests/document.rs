//! PROTOCOL.md says what the code does: its bytes are those that pack writes, its messages are understood.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use pistreamer_protocol::message::{Cause, ServerMessage, ViewerMessage, Words};
use pistreamer_protocol::{DEFAULT_FRAME_LIMIT, Stamp, VERSION, WireFormat, jpeg, pack};

const DOCUMENT: &str = include_str!("../../PROTOCOL.md");

fn hex(line: &str) -> Vec<u8> {
    let bytes = line.split_ascii_whitespace();
    bytes
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The lines of all ```json blocks below a heading, up to the next one of its level.
fn messages(heading: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT.split_once(heading).unwrap();
    let section = section.split("\n##").next().unwrap();
    let blocks = section.split("```json\n").skip(1);
    blocks
        .flat_map(|block| block.split("```").next().unwrap().lines())
        .collect()
}

#[test]
fn the_documented_packed_frames_are_what_pack_writes() {
    let mut lines = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("    1f 8b"))
        .map(hex);
    let empty = lines.next().unwrap();
    assert_eq!(empty, pack(b""));
    assert_eq!(lines.next().unwrap(), pack(b"\xff\xd8\xff\xd9"));
    let prologue = DOCUMENT
        .lines()
        .find(|line| line.starts_with("       05 80"))
        .map(hex)
        .unwrap();
    let last = prologue.len() - 1;
    assert!(empty[10..].starts_with(&prologue[..last]));
    assert_eq!(empty[10 + last] & 0xf, prologue[last]);
}

#[test]
fn the_documented_messages_are_understood_and_written_like_that() {
    let server = messages("### From the server");
    assert_eq!(server.len(), 17);
    for text in server {
        let message = ServerMessage::from_json(text).unwrap();
        assert_ne!(message, ServerMessage::Unknown, "{text}");
        assert_eq!(message.to_json(), text);
    }
    let viewer = messages("### From the viewer");
    assert_eq!(viewer.len(), 16);
    for text in viewer {
        let message = ViewerMessage::from_json(text).unwrap();
        assert_ne!(message, ViewerMessage::Unknown, "{text}");
        assert_eq!(message.to_json(), text);
    }
}

#[test]
fn the_documented_stamp_is_read() {
    let text = DOCUMENT
        .lines()
        .find_map(|line| line.strip_prefix("    pistreamer/1 seq="))
        .unwrap();
    let text = format!("pistreamer/1 seq={text}");
    let len = (text.len() as u16 + 2).to_be_bytes();
    let jpeg = [&jpeg::SOI, b"\xff\xfe", len.as_slice(), text.as_bytes()].concat();
    let stamp = Stamp::read(&jpeg).unwrap();
    assert_eq!((stamp.seq, stamp.camera.as_str()), (1042, "front-door"));
    assert_eq!(
        stamp.write(b"\xff\xd8\xff\xd9").unwrap()[..jpeg.len()],
        jpeg
    );
}

#[test]
fn the_documented_names_and_numbers_are_the_codes() {
    for format in WireFormat::ALL {
        assert!(DOCUMENT.contains(&format!("| `{}` |", format.subprotocol())));
    }
    assert_eq!(format!("{} MiB", DEFAULT_FRAME_LIMIT >> 20), "16 MiB");
    assert!(DOCUMENT.contains("protocol, version 1") && VERSION == 1);
}

#[test]
fn the_documented_causes_are_those_of_the_code() {
    let (_, section) = DOCUMENT.split_once("\n## Causes\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let documented: Vec<_> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let row = |Words { code, text }: &Words| format!("| `{code}` | `` {text} `` |");
    let rows: Vec<_> = Cause::ALL.iter().map(row).collect();
    assert_eq!(documented, rows);
}

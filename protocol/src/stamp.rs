//! The stamp: what is known about a frame, as one COM segment inside its JPEG.
//!
//! It stands right after the JFIF APP0 segment if there is one, else right after SOI, and is ASCII only:
//! `pistreamer/1 seq=1042 captured-us=1764000000123456 camera=0`. Unknown keys are ignored. ASCII has no FF byte, so
//! scanners that look for markers without parsing segments survive it. Walking segments belongs to [`crate::jpeg`].

use crate::jpeg::{self, JpegError, Segment};
use std::fmt::Write as _;

/// First word of every stamp, whatever its version.
const NAME: &str = "pistreamer/";
/// First word of the stamps written here.
const MAGIC: &str = "pistreamer/1";

/// What is known about a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Rises by one for each frame that the camera produced.
    pub seq: u64,
    /// Unix time, in µs, of the start of exposure where the camera tells it, else of arrival.
    pub captured_us: u64,
    /// The camera's id. Bytes that a stamp cannot hold are percent-encoded on the way.
    pub camera: String,
}

impl Stamp {
    /// The stamp of a JPEG; `None` where it has none, or one whose `seq` or `captured-us` is missing or not a number.
    ///
    /// Of several stamps the first counts.
    pub fn read(jpeg: &[u8]) -> Option<Self> {
        let (mut seq, mut captured_us, mut camera) = (None, None, String::new());
        for (key, value) in pairs(jpeg)? {
            match key {
                "seq" => seq = Some(value.parse().ok()?),
                "captured-us" => captured_us = Some(value.parse().ok()?),
                "camera" => camera = decode(value),
                _ => {}
            }
        }
        Some(Self {
            seq: seq?,
            captured_us: captured_us?,
            camera,
        })
    }

    /// Whether two stamped JPEGs are the same byte for byte, their stamps apart.
    pub fn is_all_that_differs(one: &[u8], other: &[u8]) -> bool {
        let around = |jpeg| {
            let mut segments = jpeg::segments(jpeg).map_while(Result::ok);
            let stamp = segments.find(|segment| stamp_text(segment).is_some());
            stamp.map_or((0, 0), |stamp| (stamp.at, stamp.end()))
        };
        let ((start, end), (other_start, other_end)) = (around(one), around(other));
        one[..start] == other[..other_start] && one[end..] == other[other_end..]
    }

    /// The JPEG with this stamp, in place of any stamp that it has. Other comments stay as they are.
    ///
    /// # Errors
    /// Where the segments up to the picture data cannot be walked.
    pub fn write(&self, jpeg: &[u8]) -> Result<Vec<u8>, JpegError> {
        self.write_with(jpeg, "")
    }

    /// The same, with `more` pairs, of ASCII, and a space before each.
    pub(crate) fn write_with(&self, jpeg: &[u8], more: &str) -> Result<Vec<u8>, JpegError> {
        let segment = self.segment(more);
        let mut out = Vec::with_capacity(jpeg.len() + segment.len());
        let mut at = place(jpeg)?;
        out.extend_from_slice(&jpeg[..at]);
        out.extend_from_slice(&segment);
        let mut previous_end = jpeg::SOI.len();
        for segment in jpeg::segments(jpeg) {
            let segment = segment?;
            if stamp_text(&segment).is_some() {
                // Fill bytes go with the stamp that they stand before: what follows it need not be a marker.
                let between = &jpeg[previous_end..segment.at];
                let fill = between.iter().rev().take_while(|byte| **byte == 0xff);
                // An old stamp that stands where the new one goes begins at `at`; none begins before it.
                out.extend_from_slice(&jpeg[at..segment.at - fill.count()]);
                at = segment.end();
            }
            previous_end = segment.end();
        }
        out.extend_from_slice(&jpeg[at..]);
        Ok(out)
    }

    /// Puts this stamp into the JPEG that `memory` holds from `start` on, and moves only what stands before the stamp: that goes
    /// into the free bytes before the JPEG. Returns where the JPEG starts then. `None` leaves all as it was: there are too few free
    /// bytes, an older stamp has to go, or the segments up to the picture data cannot be walked.
    pub fn write_ahead(&self, memory: &mut [u8], start: usize) -> Option<usize> {
        let jpeg = memory.get(start..)?;
        for segment in jpeg::segments(jpeg) {
            if stamp_text(&segment.ok()?).is_some() {
                return None;
            }
        }
        let at = place(jpeg).ok()?;
        let segment = self.segment("");
        let now = start.checked_sub(segment.len())?;
        memory.copy_within(start..start + at, now);
        memory[now + at..start + at].copy_from_slice(&segment);
        Some(now)
    }

    /// The whole COM segment, marker and length included.
    fn segment(&self, more: &str) -> Vec<u8> {
        // Made for every frame: without the machinery of format!, which costs as much as all else here.
        let mut text = String::with_capacity(USUAL);
        let mut digits = itoa::Buffer::new();
        text.push_str("\0\0\0\0");
        text.push_str(MAGIC);
        text.push_str(" seq=");
        text.push_str(digits.format(self.seq));
        text.push_str(" captured-us=");
        text.push_str(digits.format(self.captured_us));
        if !self.camera.is_empty() {
            text.push_str(" camera=");
            encode(&self.camera, &mut text);
        }
        text.push_str(more);
        let mut segment = text.into_bytes();
        let [high, low] = (segment.len() as u16 - 2).to_be_bytes();
        segment[..4].copy_from_slice(&[0xff, jpeg::COM, high, low]);
        segment
    }
}

/// The pairs of a JPEG's first stamp, if that is of this version.
pub(crate) fn pairs(jpeg: &[u8]) -> Option<impl Iterator<Item = (&str, &str)>> {
    let text = jpeg::segments(jpeg)
        .map_while(Result::ok)
        .find_map(|segment| stamp_text(&segment))?;
    let mut words = text.split_ascii_whitespace();
    (words.next() == Some(MAGIC)).then(|| words.filter_map(|word| word.split_once('=')))
}

/// Room for a segment with a camera's name.
const USUAL: usize = 128;

/// Where a stamp goes: right behind JFIF's segment if that comes first, else behind SOI.
fn place(jpeg: &[u8]) -> Result<usize, JpegError> {
    match jpeg::segments(jpeg).next() {
        Some(Ok(first)) if first.marker == jpeg::APP0 && first.payload.starts_with(b"JFIF\0") => {
            Ok(first.end())
        }
        Some(Err(error)) => Err(error),
        _ => Ok(jpeg::SOI.len()),
    }
}

fn stamp_text<'a>(segment: &Segment<'a>) -> Option<&'a str> {
    (segment.marker == jpeg::COM)
        .then(|| std::str::from_utf8(segment.payload).ok())?
        .filter(|text| text.starts_with(NAME))
}

/// A camera's id is cut to this many bytes, at a character boundary, so that a stamp stays far below a
/// segment's 64 KiB.
const LONGEST_ID: usize = 255;

fn encode(id: &str, out: &mut String) {
    let len = (0..=id.len().min(LONGEST_ID))
        .rev()
        .find(|len| id.is_char_boundary(*len));
    for byte in id.bytes().take(len.unwrap_or(0)) {
        match byte {
            b'%' | ..=b' ' | 0x7f.. => write!(out, "%{byte:02X}").expect("a String takes any text"),
            _ => out.push(byte as char),
        }
    }
}

fn decode(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = (*first == b'%')
            .then(|| std::str::from_utf8(tail.get(..2)?).ok())
            .flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JFIF: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    const COMMENT: &[u8] = b"\xff\xfe\x00\x07hello";
    const REST: &[u8] = b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x10\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x12\xff\xd9";

    fn stamp(seq: u64) -> Stamp {
        Stamp {
            seq,
            captured_us: 1_764_000_000_123_456,
            camera: "0".into(),
        }
    }

    #[test]
    fn it_stands_right_after_jfif() {
        let stamped = stamp(1042).write(&[JFIF, COMMENT, REST].concat()).unwrap();
        let text = b"pistreamer/1 seq=1042 captured-us=1764000000123456 camera=0";
        let com = [&[0xff, 0xfe, 0, text.len() as u8 + 2], text.as_slice()].concat();
        assert_eq!(stamped, [JFIF, &com, COMMENT, REST].concat());
        assert_eq!(Stamp::read(&stamped), Some(stamp(1042)));
    }

    #[test]
    fn without_jfif_it_stands_right_after_soi() {
        let stamped = stamp(7)
            .write(&[b"\xff\xd8", COMMENT, REST].concat())
            .unwrap();
        assert_eq!(&stamped[..6], b"\xff\xd8\xff\xfe\x00\x3a");
        assert!(stamped.ends_with(&[COMMENT, REST].concat()));
    }

    #[test]
    fn with_room_before_the_jpeg_only_what_stands_before_the_stamp_moves() {
        for jpeg in [
            [JFIF, COMMENT, REST].concat(),
            [b"\xff\xd8", COMMENT, REST].concat(),
        ] {
            let stamped = stamp(1042).write(&jpeg).unwrap();
            let needed = stamped.len() - jpeg.len();
            for room in [needed, needed + 7] {
                let mut memory = [vec![0xee; room], jpeg.clone()].concat();
                assert_eq!(
                    stamp(1042).write_ahead(&mut memory, room),
                    Some(room - needed)
                );
                assert_eq!(memory[room - needed..], stamped);
                assert!(memory[..room - needed].iter().all(|byte| *byte == 0xee));
            }
        }
    }

    #[test]
    fn where_the_stamp_cannot_go_ahead_nothing_is_changed() {
        let jpeg = [JFIF, COMMENT, REST].concat();
        let needed = stamp(1).segment("").len();
        let stamped = stamp(1).write(&jpeg).unwrap();
        for (room, jpeg) in [
            (needed - 1, jpeg.as_slice()),
            (0, &jpeg),
            (300, &stamped),
            (300, &jpeg[..8]),
            (300, b"GIF89a"),
        ] {
            let before = [&vec![0xee; room], jpeg].concat();
            let mut memory = before.clone();
            assert_eq!(stamp(1).write_ahead(&mut memory, room), None);
            assert_eq!(memory, before);
        }
        assert_eq!(stamp(1).write_ahead(&mut [], 1), None);
    }

    #[test]
    fn a_new_stamp_replaces_old_ones_wherever_they_stand() {
        let plain = [JFIF, COMMENT, REST].concat();
        let once = stamp(1).write(&plain).unwrap();
        assert_eq!(
            stamp(2).write(&once).unwrap(),
            stamp(2).write(&plain).unwrap()
        );
        let late = [
            JFIF,
            COMMENT,
            &stamp(1).segment(""),
            COMMENT,
            &stamp(3).segment(""),
            REST,
        ]
        .concat();
        assert_eq!(
            stamp(2).write(&late).unwrap(),
            stamp(2)
                .write(&[JFIF, COMMENT, COMMENT, REST].concat())
                .unwrap()
        );
    }

    #[test]
    fn fill_bytes_go_with_the_stamp_that_they_stand_before() {
        // Left alone, they would make a marker with what follows.
        let (old, junk) = (stamp(1).segment(""), b"0");
        let odd = [JFIF, b"\xff\xff\xff", &old, junk, COMMENT, REST].concat();
        let stamped = stamp(2).write(&odd).unwrap();
        assert_eq!(
            stamped,
            [JFIF, &stamp(2).segment(""), junk, COMMENT, REST].concat()
        );
        assert_eq!(stamp(2).write(&stamped), Ok(stamped));
    }

    #[test]
    fn ids_with_spaces_and_unicode_come_back() {
        for camera in [
            "Virtual 0",
            "a=b%20c",
            "caméra",
            "/base/soc/i2c0mux/i2c@1/imx219@10",
            "",
        ] {
            let stamp = Stamp {
                camera: camera.into(),
                ..stamp(1)
            };
            let stamped = stamp.write(&[JFIF, REST].concat()).unwrap();
            assert_eq!(Stamp::read(&stamped), Some(stamp));
        }
    }

    #[test]
    fn a_long_id_is_cut_between_characters() {
        let stamp = Stamp {
            camera: "é".repeat(200),
            ..stamp(1)
        };
        let stamped = stamp.write(&[JFIF, REST].concat()).unwrap();
        let read = Stamp::read(&stamped).unwrap();
        assert_eq!(read.camera, "é".repeat(127));
    }

    #[test]
    fn unknown_keys_are_ignored_and_broken_ones_make_no_stamp() {
        let with = |text: &[u8]| {
            Stamp::read(
                &[
                    b"\xff\xd8\xff\xfe\x00",
                    [text.len() as u8 + 2].as_slice(),
                    text,
                    REST,
                ]
                .concat(),
            )
        };
        assert_eq!(
            with(b"pistreamer/1 lux=3 seq=5 captured-us=6 x y=").map(|stamp| stamp.seq),
            Some(5)
        );
        assert_eq!(with(b"pistreamer/1 seq=five captured-us=6"), None);
        assert_eq!(with(b"pistreamer/2 seq=5 captured-us=6"), None);
        assert_eq!(with(b"pistreamer/1 seq=5"), None);
    }

    #[test]
    fn what_is_not_a_jpeg_gets_no_stamp() {
        assert_eq!(stamp(1).write(b"GIF89a"), Err(JpegError::NoStart));
        assert!(stamp(1).write(&JFIF[..8]).is_err());
    }

    #[test]
    fn pictures_that_repeat_are_recognised_whatever_their_stamps() {
        let plain = b"\xff\xd8\xff\xda\x00\x03\x01one\xff\xd9";
        let other = b"\xff\xd8\xff\xda\x00\x03\x01two\xff\xd9";
        let stamped = |seq, jpeg| {
            let stamp = Stamp {
                seq,
                ..Stamp::default()
            };
            stamp.write(jpeg).unwrap()
        };
        let (one, two) = (stamped(9, plain), stamped(10_000, plain));
        assert!(Stamp::is_all_that_differs(&one, &two));
        assert!(!Stamp::is_all_that_differs(&one, &stamped(9, other)));
        assert!(!Stamp::is_all_that_differs(&one, &one[..one.len() - 1]));
        assert!(Stamp::is_all_that_differs(b"", b""));
    }
}

//! What the walk, the checks and the mending promise. Chromium's, ffmpeg's and djpeg's word on the same pictures is in the
//! test of each.

use super::*;
use std::borrow::Cow;

/// 96x64 in 4:2:0, red and green over blue and yellow.
const PICTURE: &[u8] = include_bytes!("../../tests/pictures/quarters.jpg");
const PROGRESSIVE: &[u8] = include_bytes!("../../tests/pictures/progressive.jpg");

/// The smallest thing with every part: SOI, APP0, SOF0 of 16x8, SOS, three bytes of picture, EOI.
fn tiny() -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, b'J', b'F'];
    jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8, 0, 16, 1, 1, 0x11, 0]);
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.extend([0x12, 0xff, 0x00, 0xff, 0xd0, 0x34, 0xff, 0xd9]);
    jpeg
}

/// Where the picture's first segment of that kind is.
fn at(jpeg: &[u8], marker: u8) -> usize {
    let mut segments = segments(jpeg).map(Result::unwrap);
    segments
        .find(|segment| segment.marker == marker)
        .unwrap()
        .at
}

fn with(jpeg: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    [&jpeg[..at], bytes, &jpeg[at..]].concat()
}

#[test]
fn size_and_end_are_found() {
    let jpeg = tiny();
    assert_eq!(
        inspect(&jpeg),
        Ok(Info {
            width: 16,
            height: 8,
            len: jpeg.len(),
            orientation: Orientation::UPRIGHT
        })
    );
    let twice = [jpeg.clone(), jpeg.clone()].concat();
    assert_eq!(inspect_prefix(&twice).map(|info| info.len), Ok(jpeg.len()));
    assert_eq!(
        inspect(&twice),
        Err(JpegError::Trailing { extra: jpeg.len() })
    );
}

/// The verdict on a picture that claims this size in this many bytes.
fn claimed(
    frame_header: u8,
    (width, height): (u16, u16),
    len: usize,
) -> Result<(u16, u16), JpegError> {
    let mut jpeg = tiny();
    jpeg[9] = frame_header;
    jpeg[13..15].copy_from_slice(&height.to_be_bytes());
    jpeg[15..17].copy_from_slice(&width.to_be_bytes());
    let data = jpeg.len() - 2;
    jpeg.splice(data..data, vec![0; len.saturating_sub(jpeg.len())]);
    inspect(&jpeg).map(|info| (info.width, info.height))
}

#[test]
fn more_pixels_than_any_camera_has_are_refused() {
    const ENOUGH: usize = 1 << 20;
    let [sequential, progressive] = [0xc0, 0xc2];
    for size in [(9152, 6944), (65500, 2048)] {
        assert_eq!(claimed(sequential, size, ENOUGH), Ok(size));
        let refused = claimed(progressive, size, ENOUGH);
        assert!(matches!(refused, Err(JpegError::TooManyPixels { .. })));
    }
    assert_eq!(claimed(progressive, (7680, 4320), ENOUGH), Ok((7680, 4320)));
    for size in [(65500, 65500), (16384, 8193)] {
        let refused = claimed(sequential, size, ENOUGH);
        assert!(matches!(refused, Err(JpegError::TooManyPixels { .. })));
    }
    let (width, height) = (65501, 8);
    let refused = Err(JpegError::NoSize { width, height });
    assert_eq!(claimed(sequential, (width, height), ENOUGH), refused);
}

#[test]
fn more_pixels_than_the_bytes_can_hold_are_refused() {
    for header in [0xc0, 0xc2] {
        let size @ (width, height) = (4096, 4096);
        let least = (4096 * 4096 / MAX_PIXELS_PER_BYTE) as usize;
        assert_eq!(claimed(header, size, least), Ok(size));
        let len = least - 1;
        let refused = Err(JpegError::TooFewBytes { width, height, len });
        assert_eq!(claimed(header, size, len), refused);
    }
}

#[test]
fn every_truncation_is_an_error() {
    let jpeg = tiny();
    for len in 0..jpeg.len() {
        assert!(
            inspect(&jpeg[..len]).is_err(),
            "{len} bytes passed as whole"
        );
    }
}

#[test]
fn a_comment_may_contain_what_looks_like_an_end() {
    let mut jpeg = tiny();
    jpeg.splice(2..2, [0xff, COM, 0, 4, 0xff, 0xd9]);
    assert_eq!(inspect(&jpeg).map(|info| info.len), Ok(jpeg.len()));
}

#[test]
fn a_clean_jpeg_is_not_touched() {
    for jpeg in [PICTURE, PROGRESSIVE] {
        // Fill bytes are part of the standard.
        for jpeg in [jpeg.to_vec(), with(jpeg, at(jpeg, DQT), &[0xff; 3])] {
            let mended = mend(&jpeg).unwrap();
            assert!(matches!(mended.jpeg, Cow::Borrowed(same) if same == jpeg));
            assert!(!mended.was_open);
            assert_eq!(inspect(&jpeg), Ok(mended.info));
        }
    }
}

#[test]
fn what_cameras_write_between_segments_and_behind_the_end_goes() {
    let mut app0_one_too_short = PICTURE.to_vec();
    app0_one_too_short[5] -= 1;
    let mut too_short = PICTURE.to_vec();
    too_short.remove(2 + 2 + 15);
    too_short[5] -= 1;
    assert_eq!(*mend(&app0_one_too_short).unwrap().jpeg, too_short);
    for junk in [
        b"\0".as_slice(),
        &[0; 608],
        b"\x11\x22\x33",
        // A stuffed zero, a restart marker and TEM stand alone.
        b"\0\xff\0\x13",
        b"\xff\xd3",
        b"\xff\x01",
        // An APP4 and a comment too short for their own lengths.
        b"\xff\xe4\0\0",
        b"\xff\xfe\0\x01",
    ] {
        for marker in [DQT, 0xc0, SOS] {
            let jpeg = with(PICTURE, at(PICTURE, marker), junk);
            assert_eq!(*mend(&jpeg).unwrap().jpeg, *PICTURE, "{junk:?}");
            assert!(inspect(&jpeg).is_ok());
        }
    }
    for padding in [
        b"\0\0\0".as_slice(),
        &[0; 500],
        b"\r\n",
        &[0xff; 9],
        PICTURE,
    ] {
        let jpeg = [PICTURE, padding].concat();
        let mended = mend(&jpeg).unwrap();
        assert!(matches!(mended.jpeg, Cow::Borrowed(same) if same == PICTURE));
        assert_eq!(mended.taken, PICTURE.len());
    }
}

#[test]
fn a_missing_end_comes_and_is_told() {
    let open = &PICTURE[..PICTURE.len() - 2];
    for rest in [
        b"".as_slice(),
        b"\xff",
        PICTURE,
        b"\xff\x02\xff\xd9",
        b"\xff\xfe\x40\0",
    ] {
        let jpeg = [open, rest].concat();
        assert!(inspect(&jpeg).is_err());
        let mended = mend(&jpeg).unwrap();
        assert!(mended.was_open);
        assert_eq!(*mended.jpeg, *PICTURE, "{rest:?}");
        assert_eq!(mended.taken, open.len());
    }
}

#[test]
fn missing_huffman_tables_come_and_others_stay() {
    let mut bare = PICTURE.to_vec();
    while let Some(table) = segments(&bare)
        .map(Result::unwrap)
        .find(|it| it.marker == DHT)
    {
        let range = table.at..table.end();
        bare.drain(range);
    }
    let whole = mend(&bare).unwrap().jpeg.into_owned();
    assert_eq!(whole.len(), bare.len() + tables::STANDARD_TABLES.len());
    assert!(matches!(mend(&whole).unwrap().jpeg, Cow::Borrowed(_)));
}

/// The picture with another frame header: what follows the marker's FF and the length.
fn with_frame(marker: u8, frame: &[u8]) -> Vec<u8> {
    let start = at(PICTURE, 0xc0);
    let end = start + 2 + 17;
    let length = (frame.len() as u16 + 2).to_be_bytes();
    let header = [&[0xff, marker], &length[..], frame].concat();
    [&PICTURE[..start], &header, &PICTURE[end..]].concat()
}

#[test]
fn what_no_browser_shows_is_no_picture() {
    let frame = &PICTURE[at(PICTURE, 0xc0) + 4..][..15];
    assert!(mend(&with_frame(0xc0, frame)).is_ok());
    let changed = |at: usize, value| {
        let mut frame = frame.to_vec();
        frame[at] = value;
        with_frame(0xc0, &frame)
    };
    let sos = at(PICTURE, SOS);
    let first_table = at(PICTURE, DQT);
    let mut bad_huffman = PICTURE.to_vec();
    bad_huffman[at(PICTURE, DHT) + 5..][..16].fill(0xff);
    let three_over_two = [&frame[..7], &[0x31, 0, 2, 0x21], &frame[11..]].concat();
    let two_components = [&frame[..5], &[2], &frame[6..12]].concat();
    for (jpeg, why) in [
        (with_frame(0xc3, frame), "lossless"),
        (with_frame(0xc5, frame), "hierarchical"),
        (changed(0, 12), "12 bits"),
        (changed(0, 16), "not 8 bits"),
        (with_frame(0xc0, &two_components), "neither 1 nor 3 nor 4"),
        (changed(7, 0), "sampling factors"),
        (with_frame(0xc0, &three_over_two), "sampling factors"),
        (
            with(
                PICTURE,
                sos,
                &with_frame(0xc0, frame)[at(PICTURE, 0xc0)..][..19],
            ),
            "two frame headers",
        ),
        (changed(6, 77), "lacks"),
        (
            [&PICTURE[..first_table], &PICTURE[first_table + 69..]].concat(),
            "quantisation table",
        ),
        (bad_huffman, "Huffman"),
        (changed(2, 0), "its size is 96x0"),
        ([&PICTURE[..sos], &EOI].concat(), "no picture data"),
        (
            with(PICTURE, sos, b"\xff\x02\0\x04ab"),
            "0x02 where a marker",
        ),
        (with(PICTURE, sos, &SOI), "0xd8 where a marker"),
        (with(PICTURE, sos, b"\xff\xc8\0\x04ab"), "reserved"),
        (with(PICTURE, sos, b"\xff\xdd\0\x03a"), "impossible length"),
        (with(PICTURE, sos, b"\xff\xdb\0\x01"), "impossible length"),
        (with(PICTURE, 2, b"\0"), "byte 2 is 0x00 where a marker"),
    ] {
        let error = mend(&jpeg).expect_err(why).to_string();
        assert!(error.contains(why), "{error} instead of {why}");
    }
}

#[test]
fn the_first_exif_segment_says_how_a_picture_is_turned() {
    let turned = |exif: &[u8]| {
        let length = (exif.len() as u16 + 2).to_be_bytes();
        let segment = [&[0xff, APP1], &length[..], exif].concat();
        let jpeg = with(PICTURE, at(PICTURE, DQT), &segment);
        let info = inspect(&jpeg).unwrap();
        assert_eq!(mend(&jpeg).unwrap().info, info);
        info
    };
    for number in 1..=8 {
        let orientation = Orientation::new(number).unwrap();
        let little = [
            b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(),
            &[number, 0, 0, 0, 0, 0, 0, 0],
        ];
        for exif in [&orientation.segment()[4..], &little.concat()] {
            let info = turned(exif);
            assert_eq!(info.orientation, orientation);
            let expected = if number < 5 { (96, 64) } else { (64, 96) };
            assert_eq!(info.displayed(), expected);
        }
    }
    let six = Orientation::new(6).unwrap().segment();
    let mut three_behind = six.to_vec();
    three_behind.extend(Orientation::new(3).unwrap().segment());
    assert_eq!(turned(&three_behind[4..36]).displayed(), (64, 96));
    // Chromium heeds neither another type, nor another count, nor a number that means nothing, nor what is cut off.
    for (at, value) in [(19, 4), (23, 2), (25, 9), (25, 0), (9, 0)] {
        let mut exif = six[4..].to_vec();
        exif[at] = value;
        assert_eq!(turned(&exif).orientation, Orientation::UPRIGHT, "{at}");
    }
    for len in 0..24 {
        assert_eq!(turned(&six[4..4 + len]).orientation, Orientation::UPRIGHT);
    }
}

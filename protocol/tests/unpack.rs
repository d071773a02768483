//! What unpack promises: any gzip of base64 of a JPEG, the right error for everything else, and never wrong bytes.

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use common::{JPEG, PACKED, framed, gzip, hard, python, run};
use flate2::{Compression, GzBuilder};
use pistreamer_protocol::{UnpackError, Unpacker, pack};
use proptest::prelude::*;
use std::io::Write as _;

/// The short way's and the general way's one answer.
fn unpack_within(limit: usize, message: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let short = Unpacker::new(limit).unpack(message).map(<[u8]>::to_vec);
    let general = Unpacker::new(limit).unpack_any(message).map(<[u8]>::to_vec);
    assert!(
        short == general,
        "the short way says {short:02x?}, the general one {general:02x?}"
    );
    short
}

fn unpack(message: &[u8]) -> Result<Vec<u8>, UnpackError> {
    // Miri takes minutes to fill a buffer of a megabyte.
    unpack_within(if cfg!(miri) { 1 << 14 } else { 1 << 20 }, message)
}

#[test]
fn the_golden_message_is_the_golden_frame() {
    assert_eq!(unpack(PACKED).unwrap(), JPEG);
}

#[test]
#[cfg_attr(miri, ignore = "it takes minutes there")]
fn every_truncation_is_told_as_one() {
    for message in [PACKED, &gzip(STANDARD.encode(JPEG).as_bytes(), 6)] {
        for len in 0..message.len() {
            let expected = if len < 2 {
                UnpackError::NotGzip
            } else {
                UnpackError::Truncated
            };
            assert_eq!(unpack(&message[..len]), Err(expected), "{len} bytes");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "it takes minutes there")]
fn no_flipped_bit_gives_wrong_bytes() {
    // FLG's FTEXT, MTIME, XFL and OS say nothing about the content; nor do the bits between the block and the trailer.
    let ignored = |byte: usize, bit: u32| (4..10).contains(&byte) || (byte, bit) == (3, 0);
    for byte in 0..PACKED.len() {
        for bit in 0..8 {
            let mut message = PACKED.to_vec();
            message[byte] ^= 1 << bit;
            match unpack(&message) {
                Ok(jpeg) => {
                    assert_eq!(jpeg, JPEG, "byte {byte}, bit {bit}");
                    assert!(
                        ignored(byte, bit) || byte == PACKED.len() - 9,
                        "byte {byte}, bit {bit}"
                    );
                }
                Err(_) => assert!(!ignored(byte, bit), "byte {byte}, bit {bit}"),
            }
        }
    }
}

#[test]
fn what_follows_the_member_is_told_by_its_length() {
    let small = pack(&framed(b""));
    let large = pack(&framed(&hard(9000)[2]));
    for (message, after) in [
        (PACKED, PACKED),
        (&large, &small),
        (&small, &large),
        (PACKED, &[0]),
        (PACKED, &[0; 512]),
        (PACKED, &[0xff; 9]),
    ] {
        let extra = after.len();
        assert_eq!(
            unpack(&[message, after].concat()),
            Err(UnpackError::Trailing { extra })
        );
    }
}

#[test]
fn a_wrong_trailer_is_told_apart() {
    let trailer = PACKED.len() - 8;
    let with = |at: usize, bytes: [u8; 4]| {
        let mut message = PACKED.to_vec();
        message[at..at + 4].copy_from_slice(&bytes);
        unpack(&message)
    };
    assert_eq!(with(trailer, [0; 4]), Err(UnpackError::WrongCrc));
    let text_len = STANDARD.encode(JPEG).len() as u32;
    for wrong in [
        0,
        1,
        text_len - 4,
        text_len - 1,
        text_len + 1,
        text_len + 4,
        u32::MAX,
    ] {
        assert_eq!(
            with(trailer + 4, wrong.to_le_bytes()),
            Err(UnpackError::WrongLength),
            "{wrong}"
        );
    }
}

#[test]
fn the_limit_is_the_jpegs_size_to_the_byte() {
    for len in if cfg!(miri) { 5..6 } else { 5..12 } {
        let jpeg = framed(&hard(len)[2]);
        for message in [pack(&jpeg), gzip(STANDARD.encode(&jpeg).as_bytes(), 6)] {
            assert_eq!(unpack_within(jpeg.len(), &message).as_ref(), Ok(&jpeg));
            for limit in 0..jpeg.len() {
                assert_eq!(
                    unpack_within(limit, &message),
                    Err(UnpackError::TooLarge { limit })
                );
            }
        }
    }
    assert_eq!(unpack_within(usize::MAX, PACKED).as_deref(), Ok(JPEG));
}

#[test]
fn what_is_not_gzip_is_told() {
    for message in [
        b"".as_slice(),
        b"\x1f",
        JPEG,
        b"hello",
        b"\x78\x9c\x03\0\0\0\0\x01",
    ] {
        assert_eq!(unpack(message), Err(UnpackError::NotGzip));
    }
    for (at, method, flags) in [(2, 7, 0), (3, 8, 0x20), (3, 8, 0x80)] {
        let mut message = PACKED.to_vec();
        message[at] = if at == 2 { method } else { flags };
        assert_eq!(
            unpack(&message),
            Err(UnpackError::UnknownGzip { method, flags })
        );
    }
}

#[test]
fn broken_deflate_is_corrupt() {
    // BTYPE 11 is reserved; a stored block's length must match its complement (RFC 1951 §3.2.3, §3.2.4).
    for block in [b"\x07".as_slice(), b"\x01\x05\0\0\0hello"] {
        let message = [&PACKED[..10], block, &[0; 8]].concat();
        assert_eq!(unpack(&message), Err(UnpackError::Corrupt));
    }
}

#[test]
fn only_canonical_base64_passes() {
    let text = STANDARD.encode(JPEG);
    assert!(
        text.ends_with("=="),
        "the golden frame's length leaves padding to test"
    );
    let mut lines = text.clone();
    lines.insert(76, '\n');
    let loose = text.replace("==", "") + "h==";
    for bad in [
        "hello".to_string(),
        lines,
        text.clone() + "\n",
        STANDARD_NO_PAD.encode(JPEG),
        text.clone() + "====",
        text.clone() + &text,
        URL_SAFE.encode(framed(&[0xff; 9])),
        loose,
    ] {
        assert_eq!(
            unpack(&gzip(bad.as_bytes(), 6)),
            Err(UnpackError::NotBase64),
            "{bad}"
        );
    }
}

#[test]
fn what_is_not_a_jpeg_is_told_in_both_ways() {
    for bytes in [
        b"".as_slice(),
        b"GIF89a",
        &JPEG[..JPEG.len() - 1],
        &JPEG[1..],
        b"\xff\xd8\xd9",
    ] {
        assert_eq!(unpack(&pack(bytes)), Err(UnpackError::NotJpeg));
        assert_eq!(
            unpack(&gzip(STANDARD.encode(bytes).as_bytes(), 6)),
            Err(UnpackError::NotJpeg)
        );
    }
}

#[test]
fn every_header_of_rfc_1952_is_accepted_and_cut_ones_are_not() {
    let mut encoder = GzBuilder::new()
        .extra(&b"ab\x02\0xy"[..])
        .filename("frame.b64")
        .comment("from a camera")
        .mtime(1_764_000_000)
        .write(Vec::new(), Compression::default());
    encoder.write_all(STANDARD.encode(JPEG).as_bytes()).unwrap();
    let message = encoder.finish().unwrap();
    assert_eq!(message[3], 4 | 8 | 16, "FEXTRA, FNAME and FCOMMENT are set");
    assert_eq!(unpack(&message).unwrap(), JPEG);

    let header_len = 10 + 2 + 6 + "frame.b64".len() + 1 + "from a camera".len() + 1;
    let (header, rest) = message.split_at(header_len);
    let mut header = header.to_vec();
    header[3] |= 2;
    let sum = (crc32fast::hash(&header) as u16).to_le_bytes();
    let with_sum = [&header, sum.as_slice(), rest].concat();
    assert_eq!(unpack(&with_sum).unwrap(), JPEG);
    let wrong = [&header, [sum[0] ^ 1, sum[1]].as_slice(), rest].concat();
    assert_eq!(unpack(&wrong), Err(UnpackError::WrongCrc));
    for len in (2..with_sum.len()).step_by(if cfg!(miri) { 40 } else { 1 }) {
        assert_eq!(
            unpack(&with_sum[..len]),
            Err(UnpackError::Truncated),
            "{len} bytes"
        );
    }
}

#[test]
fn other_encoders_are_accepted() {
    let text = STANDARD.encode(JPEG);
    for level in 0..=9 {
        assert_eq!(
            unpack(&gzip(text.as_bytes(), level)).unwrap(),
            JPEG,
            "level {level}"
        );
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri starts no programs")]
fn what_python_packs_is_accepted() {
    let program = "import base64, gzip, sys
text = base64.b64encode(sys.stdin.buffer.read())
sys.stdout.buffer.write(gzip.compress(text))";
    assert_eq!(unpack(&run(&mut python(program), JPEG)).unwrap(), JPEG);
}

#[test]
fn an_unpacker_that_met_an_error_still_works() {
    let mut unpacker = Unpacker::default();
    let large = framed(&hard(9000)[2]);
    assert_eq!(unpacker.unpack(&pack(&large)), Ok(large.as_slice()));
    assert!(unpacker.unpack(&PACKED[..100]).is_err());
    assert_eq!(unpacker.unpack(PACKED), Ok(JPEG));
    assert_eq!(unpacker.unpack_any(PACKED), Ok(JPEG));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 2048 }))]

    /// `unpack` compares both ways; an altered message is an error or, rarely, the same picture.
    #[test]
    fn altered_messages_give_the_same_answer_both_ways(
        bytes in proptest::collection::vec(any::<u8>(), 0..4000),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let jpeg = framed(&bytes);
        let mut message = pack(&jpeg);
        for (at, value) in changes {
            let at = at.index(message.len());
            message[at] = value;
        }
        if let Some(cut) = cut {
            message.truncate(cut.index(message.len()));
        }
        if let Ok(unpacked) = unpack(&message) {
            prop_assert!(unpacked == jpeg);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        header in 0..PACKED.len(),
    ) {
        let _ = unpack(&bytes);
        let _ = unpack(&[&PACKED[..header], &bytes].concat());
    }
}

//! What pack promises: exactly these bytes, readable by everyone, and not much larger than the JPEG.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod common;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{JPEG, PACKED, framed, gunzip, hard, python, run};
use pistreamer_protocol::{Unpacker, pack};
use proptest::prelude::*;
use std::process::Command;

/// flate2 and the base64 crate.
fn read_by_crates(message: &[u8]) -> Vec<u8> {
    STANDARD.decode(gunzip(message)).unwrap()
}

/// `gunzip | base64 -d`
fn read_by_programs(message: &[u8]) -> Vec<u8> {
    let text = run(Command::new("gunzip").arg("-c"), message);
    run(Command::new("base64").arg("-d"), &text)
}

/// All of them in one process, which takes long to start; each length in front.
fn read_by_python(messages: &[Vec<u8>]) -> Vec<u8> {
    let program = "import base64, gzip, sys
while head := sys.stdin.buffer.read(4):
    message = sys.stdin.buffer.read(int.from_bytes(head, 'little'))
    text = gzip.decompress(message)
    sys.stdout.buffer.write(base64.b64decode(text, validate=True))";
    let input: Vec<u8> = messages
        .iter()
        .flat_map(|message| [&(message.len() as u32).to_le_bytes(), message.as_slice()].concat())
        .collect();
    run(&mut python(program), &input)
}

#[test]
fn the_golden_frame_packs_to_exactly_these_bytes() {
    assert_eq!(pack(JPEG), PACKED);
}

#[test]
fn a_used_buffer_does_not_change_the_bytes() {
    let mut out = vec![7; 10_000];
    pack::pack_into(JPEG, &mut out);
    assert_eq!(out, PACKED);
}

#[test]
#[cfg_attr(miri, ignore = "it takes minutes there")]
fn every_length_reads_back_in_flate2() {
    let block = 3072;
    let lengths = (0..=64).chain(
        [1, 2, 3]
            .map(|n| n * block)
            .into_iter()
            .flat_map(|n| n - 14..n + 14),
    );
    for len in lengths {
        for bytes in hard(len) {
            assert!(pack(&bytes).len() <= bytes.len() * 7 / 6 + 42);
            assert!(
                read_by_crates(&pack(&bytes)) == bytes,
                "{len} bytes, {:02x?}…",
                &bytes[..len.min(6)]
            );
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri starts no programs")]
fn gunzip_and_base64_read_it() {
    assert_eq!(read_by_programs(PACKED), JPEG);
    for len in [0, 1, 2, 3, 4, 5, 6, 3071, 3072, 3073, 40_000] {
        for bytes in hard(len) {
            assert!(read_by_programs(&pack(&bytes)) == bytes, "{len} bytes");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "Miri starts no programs")]
fn pythons_gzip_reads_it() {
    assert_eq!(read_by_python(&[PACKED.to_vec()]), JPEG);
    let inputs: Vec<Vec<u8>> = [0, 1, 2, 5, 3073, 40_000]
        .into_iter()
        .flat_map(hard)
        .collect();
    let messages: Vec<Vec<u8>> = inputs.iter().map(|bytes| pack(bytes)).collect();
    assert!(read_by_python(&messages) == inputs.concat());
}

#[test]
#[cfg_attr(miri, ignore = "it takes minutes there")]
fn eight_mebibytes_read_back_in_flate2_and_here() {
    for bytes in hard(8 << 20) {
        let jpeg = framed(&bytes);
        let message = pack(&jpeg);
        assert!(read_by_crates(&message) == jpeg);
        assert!(Unpacker::default().unpack(&message).unwrap() == jpeg);
        assert!(message.len() <= jpeg.len() * 7 / 6 + 42);
    }
}

#[test]
fn the_text_has_no_line_breaks_and_the_standard_alphabet() {
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(gunzip(&pack(&bytes)), STANDARD.encode(&bytes).as_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 512 }))]

    #[test]
    fn any_bytes_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..8000)) {
        let message = pack(&bytes);
        prop_assert!(read_by_crates(&message) == bytes);
        let jpeg = framed(&bytes);
        let message = pack(&jpeg);
        prop_assert!(Unpacker::default().unpack(&message) == Ok(jpeg.as_slice()));
        prop_assert!(Unpacker::default().unpack_any(&message) == Ok(jpeg.as_slice()));
    }
}

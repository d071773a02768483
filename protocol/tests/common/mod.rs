//! What several of these tests need: the golden frame, bytes that are hard to code, and programs that aren't ours.

#![expect(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

/// A JPEG of 16x16 pixels, made by Pillow.
pub(crate) const JPEG: &[u8] = include_bytes!("../golden/frame.jpg");
/// [`JPEG`], packed.
pub(crate) const PACKED: &[u8] = include_bytes!("../golden/frame.jpg.b64.gz");

/// Several kinds of bytes of that length: zeros, FFs, noise, only rare symbols of 7 bits, runs.
pub(crate) fn hard(len: usize) -> [Vec<u8>; 6] {
    let mut state = len as u32 | 1;
    let noise = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let repeat = |pattern: &[u8]| pattern.iter().copied().cycle().take(len).collect();
    [
        repeat(&[0]),
        repeat(&[0xff]),
        (0..len).map(noise).collect(),
        // "hhhh", "ssss" and "hsha" in base64.
        repeat(&[0x86, 0x18, 0x61]),
        repeat(&[0xb2, 0xcb, 0x2c]),
        repeat(&[0x86, 0xc8, 0x5a, 0x12, 0x34, 0x56]),
    ]
}

/// The bytes between SOI and EOI: enough of a JPEG for [`pistreamer_protocol::Unpacker`].
pub(crate) fn framed(bytes: &[u8]) -> Vec<u8> {
    [b"\xff\xd8", bytes, b"\xff\xd9"].concat()
}

/// What a program writes to stdout, given that stdin.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let mut output = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_to_end(&mut output).unwrap();
    });
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    output
}

/// A Python 3 program of the standard library alone.
pub(crate) fn python(program: &str) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.args(["python3", "-c", program]);
    command
}

/// gzip as flate2 makes it.
pub(crate) fn gzip(content: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// gunzip as flate2 does it.
pub(crate) fn gunzip(member: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(member)
        .read_to_end(&mut content)
        .unwrap();
    content
}

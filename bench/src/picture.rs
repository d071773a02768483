//! JPEGs of a chosen size: whole for a reader that walks segments, noise for a decoder.
//!
//! A camera's pictures are as incompressible as noise, so they cost the same to pack and to send.

use anyhow::Context;
use pistreamer_protocol::jpeg;
use std::fs;
use tempfile::TempDir;

/// A JPEG of `bytes` bytes that says it is 1280x720.
pub fn jpeg(bytes: usize, seed: u64) -> Vec<u8> {
    const BEGINNING: [u8; 25] = [
        0xff, 0xd8, 0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, 0, 0, 1, 0, 1, 0,
        0, // SOI, APP0
        0xff, 0xdb, 0, 67, 0, // DQT
    ];
    const SCAN: [u8; 25] = [
        0xff, 0xc0, 0, 11, 8, 0x02, 0xd0, 0x05, 0x00, 1, 1, 0x11, 0, // SOF0
        0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, // SOS
        0x12, 0x34,
    ];
    let mut jpeg = BEGINNING.to_vec();
    jpeg.extend([16; 64]);
    // As cameras' JPEGs have them: a server that adds missing ones has to copy the picture.
    jpeg.extend(huffman_tables());
    jpeg.extend(SCAN);
    // Never 0, and another one for each seed.
    let mut state = 2 * seed + 1;
    while jpeg.len() + 2 < bytes {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let byte = (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8;
        jpeg.push(if byte == 0xff { 0 } else { byte });
    }
    jpeg.extend([0xff, 0xd9]);
    jpeg
}

/// The segments with a picture's Huffman tables.
fn huffman_tables() -> Vec<u8> {
    const DHT: u8 = 0xc4;
    let picture = include_bytes!("../../protocol/tests/pictures/quarters.jpg");
    let segments = jpeg::segments(picture).map_while(Result::ok);
    let tables = segments.filter(|segment| segment.marker == DHT);
    let bytes = tables.flat_map(|table| &picture[table.at..table.end()]);
    bytes.copied().collect()
}

/// A small progressive JPEG that claims 8192x8192, whose decoder would set aside 400 MB.
pub fn vast() -> Vec<u8> {
    let mut jpeg = include_bytes!("../../protocol/tests/pictures/progressive.jpg").to_vec();
    let header = jpeg.windows(2).position(|two| two == [0xff, 0xc2]);
    let size = header.expect("it is progressive") + 5;
    jpeg[size..size + 4].copy_from_slice(&[0x20, 0, 0x20, 0]);
    jpeg
}

/// A directory of some such pictures, for servers that show files. It goes when the value does.
///
/// # Errors
/// Where there is no room for it.
pub fn directory(bytes: usize) -> anyhow::Result<TempDir> {
    directory_of(&[bytes; 4])
}

/// A directory of pictures of these sizes, which are shown in this order.
///
/// # Errors
/// Where there is no room for it.
pub fn directory_of(sizes: &[usize]) -> anyhow::Result<TempDir> {
    let directory = tempfile::tempdir().context("cannot make a directory for pictures")?;
    for (number, bytes) in (1..).zip(sizes) {
        fs::write(
            directory.path().join(format!("{number:03}.jpg")),
            jpeg(*bytes, number),
        )?;
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn it_is_a_whole_jpeg_of_that_size() {
        let picture = jpeg(128_000, 1);
        let mended = jpeg::mend(&picture).unwrap();
        assert_eq!(mended.jpeg, picture);
        let (width, height) = (mended.info.width, mended.info.height);
        assert_eq!((picture.len(), width, height), (128_000, 1280, 720));
    }

    #[test]
    fn no_two_seeds_give_the_same_picture() {
        let pictures: HashSet<_> = (0..8).map(|seed| jpeg(4_000, seed)).collect();
        assert_eq!(pictures.len(), 8);
    }
}

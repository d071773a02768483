//! The smallest pictures.

/// A JPEG without Huffman tables, told apart by its width.
pub(super) fn jpeg(width: u16) -> Vec<u8> {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, b'J', b'F'];
    jpeg.extend([0xff, 0xc0, 0, 11, 8, 0, 8]);
    jpeg.extend(width.to_be_bytes());
    jpeg.extend([1, 1, 0x11, 0, 0xff, 0xdb, 0, 67, 0]);
    jpeg.extend([1; 64]);
    jpeg.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    jpeg.extend([0x12, 0xff, 0x00, 0x34, 0xff, 0xd9]);
    jpeg
}

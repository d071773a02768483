//! Files of two pictures, as phones write them (CIPA DC-007): the second, such as a preview, lies behind the first.

/// Between the two.
pub(super) const PADDING: usize = 8;

/// A file of both.
pub(super) fn two_in_one(first: &[u8], second: &[u8]) -> Vec<u8> {
    let long = |number: usize| (number as u32).to_be_bytes();
    let mut index = b"\xff\xe2\0\x58MPF\0MM\0*\0\0\0\x08\0\x03".to_vec();
    index.extend(b"\xb0\0\0\x07\0\0\0\x040100");
    index.extend(b"\xb0\x01\0\x04\0\0\0\x01\0\0\0\x02");
    index.extend(b"\xb0\x02\0\x07\0\0\0\x20\0\0\0\x32\0\0\0\0");
    // Offsets count from the index's "MM" on, which is 10 bytes into the file.
    let at = index.len() + 2 * 16 + first.len() + PADDING - 10;
    index.extend([long(0x2003_0000), long(first.len()), long(0), long(0)].concat());
    index.extend([long(0), long(second.len()), long(at), long(0)].concat());
    [&first[..2], &index, &first[2..], &[0; PADDING], second].concat()
}

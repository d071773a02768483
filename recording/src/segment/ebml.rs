//! EBML (RFC 8794): element ids, sizes, and the few Matroska elements (RFC 9559) that a segment has.

/// Ids of elements, with their marker bits.
pub(super) mod id {
    pub(crate) const EBML: u32 = 0x1A45_DFA3;
    pub(crate) const SEGMENT: u32 = 0x1853_8067;
    pub(crate) const VOID: u32 = 0xEC;
    pub(crate) const CRC_32: u32 = 0xBF;
    pub(crate) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(crate) const SEEK: u32 = 0x4DBB;
    pub(crate) const SEEK_ID: u32 = 0x53AB;
    pub(crate) const SEEK_POSITION: u32 = 0x53AC;
    pub(crate) const INFO: u32 = 0x1549_A966;
    pub(crate) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(crate) const DURATION: u32 = 0x4489;
    pub(crate) const DATE_UTC: u32 = 0x4461;
    pub(crate) const MUXING_APP: u32 = 0x4D80;
    pub(crate) const WRITING_APP: u32 = 0x5741;
    pub(crate) const TITLE: u32 = 0x7BA9;
    pub(crate) const TRACKS: u32 = 0x1654_AE6B;
    pub(crate) const TRACK_ENTRY: u32 = 0xAE;
    pub(crate) const TRACK_NUMBER: u32 = 0xD7;
    pub(crate) const TRACK_UID: u32 = 0x73C5;
    pub(crate) const TRACK_TYPE: u32 = 0x83;
    pub(crate) const FLAG_LACING: u32 = 0x9C;
    pub(crate) const CODEC_ID: u32 = 0x86;
    pub(crate) const VIDEO: u32 = 0xE0;
    pub(crate) const PIXEL_WIDTH: u32 = 0xB0;
    pub(crate) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(crate) const CLUSTER: u32 = 0x1F43_B675;
    pub(crate) const TIMESTAMP: u32 = 0xE7;
    pub(crate) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(crate) const TAGS: u32 = 0x1254_C367;
    pub(crate) const TAG: u32 = 0x7373;
    pub(crate) const TARGETS: u32 = 0x63C0;
    pub(crate) const SIMPLE_TAG: u32 = 0x67C8;
    pub(crate) const TAG_NAME: u32 = 0x45A3;
    pub(crate) const TAG_STRING: u32 = 0x4487;
    pub(crate) const CUES: u32 = 0x1C53_BB6B;
    pub(crate) const CUE_POINT: u32 = 0xBB;
    pub(crate) const CUE_TIME: u32 = 0xB3;
    pub(crate) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(crate) const CUE_TRACK: u32 = 0xF7;
    pub(crate) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// Largest content whose size fits into four bytes.
pub(super) const LARGEST: u64 = (1 << 28) - 2;

/// An id as it is written.
pub(super) fn put_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    out.extend(&bytes[zeros..]);
}

/// A size in four bytes; at most [`LARGEST`].
pub(super) fn size_in_four(size: u64) -> [u8; 4] {
    debug_assert!(size <= LARGEST, "{size}");
    (0x1000_0000 | size as u32).to_be_bytes()
}

/// A size in eight bytes.
pub(super) fn size_in_eight(size: u64) -> [u8; 8] {
    (1 << 56 | size).to_be_bytes()
}

/// An element, its size in as few bytes as it needs, up to four.
pub(super) fn put(out: &mut Vec<u8>, id: u32, content: &[u8]) {
    put_id(out, id);
    match content.len() as u64 {
        size @ ..0x7F => out.push(0x80 | size as u8),
        size @ ..0x3FFF => out.extend((0x4000 | size as u16).to_be_bytes()),
        size => out.extend(size_in_four(size)),
    }
    out.extend(content);
}

/// An element with other elements in it.
pub(super) fn put_master(out: &mut Vec<u8>, id: u32, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    put(out, id, &inner);
}

/// An unsigned integer, in as few bytes as it needs.
pub(super) fn put_uint(out: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(7);
    put(out, id, &bytes[zeros..]);
}

/// The id and size at the beginning of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub id: u32,
    /// Bytes of content; `None` where it is unknown.
    pub size: Option<u64>,
    /// Bytes of id and size.
    pub len: usize,
}

/// Most bytes of a [`Head`].
pub(super) const LONGEST_HEAD: usize = 12;

impl Head {
    /// Reads one; `None` where the bytes are none, or end within.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let id_len = 1 + bytes.first()?.leading_zeros() as usize;
        if id_len > 4 {
            return None;
        }
        let id = bytes.get(..id_len)?;
        let id = id.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
        let first = *bytes.get(id_len)?;
        let size_len = 1 + first.leading_zeros() as usize;
        if size_len > 8 {
            return None;
        }
        let rest = bytes.get(id_len + 1..id_len + size_len)?;
        let marker = 1_u64 << (7 * size_len);
        let first = u64::from(first) & (0xFF >> size_len);
        let size = rest
            .iter()
            .fold(first, |size, byte| size << 8 | u64::from(*byte));
        Some(Self {
            id,
            size: (size != marker - 1).then_some(size),
            len: id_len + size_len,
        })
    }
}

/// The elements of some content, each with its id and its own content. Ends at the first that is none, or is cut off.
pub(super) fn elements(mut content: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let head = Head::read(content)?;
        let size = usize::try_from(head.size?).ok()?;
        let inner = content.get(head.len..)?.get(..size)?;
        content = &content[head.len + size..];
        Some((head.id, inner))
    })
}

/// An unsigned integer's content.
pub(super) fn uint(content: &[u8]) -> Option<u64> {
    let value = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    (content.len() <= 8).then(|| content.iter().fold(0, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_sizes_are_read_as_they_are_written() {
        for size in [0, 1, 126, 127, 128, 16_382, 16_383, 70_000] {
            for id in [id::VOID, id::SEEK, id::TIMESTAMP_SCALE, id::CLUSTER] {
                let mut bytes = Vec::new();
                put(&mut bytes, id, &vec![7; size]);
                let head = Head::read(&bytes).unwrap();
                assert_eq!((head.id, head.size), (id, Some(size as u64)));
                assert_eq!(bytes.len(), head.len + size);
                assert_eq!(elements(&bytes).next().unwrap().1.len(), size);
            }
        }
        let unknown = [0x18, 0x53, 0x80, 0x67, 1, 255, 255, 255, 255, 255, 255, 255];
        let head = Head::read(&unknown).unwrap();
        assert_eq!((head.id, head.size, head.len), (id::SEGMENT, None, 12));
        assert_eq!(Head::read(&unknown[..11]), None);
        assert_eq!(Head::read(&[0, 1]), None);
    }
}
